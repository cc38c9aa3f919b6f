# SPDX-License-Identifier: Apache-2.0
"""The README shows what the program prints, and docs/commands.md names every option."""

import os
import re
import shlex
from pathlib import Path

import pytest

from hwcompress.cli import run
from hwcompress.cli.options import PLANNING
from hwcompress.config import LayerConfig

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = re.compile(r"<!-- example: hwcompress (?P<command>.*?) -->\n```\n(?P<shown>.*?)```\n<!-- end -->", re.DOTALL)


@pytest.mark.slow
def test_the_example_is_what_the_program_prints(capsys, monkeypatch):
    """HWC_UPDATE=1 writes it into the README."""
    monkeypatch.chdir(ROOT)
    readme = Path("README.md")
    text = readme.read_text(encoding="utf-8")
    match = EXAMPLE.search(text)
    assert match is not None
    assert run(shlex.split(match["command"])) == 0
    printed = f"$ hwcompress {match['command']}\n{capsys.readouterr().out.rstrip()}\n"
    if os.environ.get("HWC_UPDATE"):
        start, end = match.span("shown")
        readme.write_text(text[:start] + printed + text[end:], encoding="utf-8")
        return
    assert match["shown"] == printed


def test_every_option_and_key_is_described():
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert [c.flag for c in PLANNING if f"`{c.flag}`" not in text] == []
    assert [key for key in LayerConfig.model_fields if f"`{key}`" not in text] == []
