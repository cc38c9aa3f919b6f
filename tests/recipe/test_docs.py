# SPDX-License-Identifier: Apache-2.0
"""docs/recipes.md names every step and every field, as the program describes them. HWC_UPDATE=1 writes it."""

import os
import re
from pathlib import Path

from hwcompress.config_file import toml_value
from hwcompress.recipe.recipe import ready
from hwcompress.recipe.steps import KINDS, LayerStep

PAGE = Path(__file__).resolve().parents[2] / "docs" / "recipes.md"
BLOCK = re.compile(r"<!-- steps -->\n(?P<tables>.*?)<!-- end -->", re.DOTALL)


def tables() -> str:
    out = []
    for kind, step in KINDS.items():
        out += [f"### {kind}", "", " ".join((step.__doc__ or "").split()), ""]
        out += ["| field | wanted | default |", "|---|---|---|"]
        for name, field in step.model_fields.items():
            if name not in ("kind", "layers"):
                plain = isinstance(field.default, bool | int | float | str)
                default = f"`{toml_value(field.default)}`" if plain and field.default != "" else ""
                out.append(f"| `{name}` | {field.description} | {default} |")
        out.append("")
    return "\n".join(out)


def test_the_page_describes_every_field():
    text = PAGE.read_text(encoding="utf-8")
    match = BLOCK.search(text)
    assert match is not None
    if os.environ.get("HWC_UPDATE"):
        start, end = match.span("tables")
        PAGE.write_text(text[:start] + tables() + text[end:], encoding="utf-8")
        return
    assert match["tables"] == tables()


def test_the_page_names_ready_recipes_and_fields_of_layers():
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in ready() if f"`{name}`" not in text] == []
    assert [name for name in LayerStep.model_fields if f"`{name}`" not in text] == []
