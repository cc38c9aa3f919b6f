# SPDX-License-Identifier: Apache-2.0
"""A config file to start from: every layer of a model with its legal reuse values and its types."""

from collections.abc import Mapping

from hwcompress.config import Config
from hwcompress.config_file import dump, toml_string
from hwcompress.report.schema import LayerPart, Report
from hwcompress.report.text import shown

LISTED = 24  # legal reuse values


def template(config: Config, report: Report, legal: Mapping[str, list[int]]) -> str:
    """TOML that `compile --config` takes as it is: the plan of `report`, spelled out.

    legal: reuse values of each layer that multiplies a matrix, by name.
    """
    head = [
        "# Every option and every layer of this model. As it stands it gives the plan of hwcompress estimate.",
        "# A reuse of a layer is strict: it must be one of the legal values. Remove a line to leave the choice open.",
        "",
    ]
    base = dump(config.model_copy(update={"layers": {}}))
    return "\n".join([*head, base, *(line for x in report.layers for line in _layer(x, legal.get(x.name, [])))]) + "\n"


def _layer(x: LayerPart, legal: list[int]) -> list[str]:
    size = f"{x.inputs} inputs, {x.outputs} outputs" if x.inputs and x.outputs else x.op
    lines = [f"# {shown(x.name)}: {size}, the model's {shown(x.source, 60)}"]
    if legal:
        lines.append(f"# legal reuse: {_listed(legal)}")
    lines.append(f"[layers.{toml_string(x.name)}]")
    if legal:
        lines += [f"reuse = {x.reuse}", f"strategy = {toml_string(x.strategy)}"]
        lines.append(f"# weight_type = {toml_string(x.weight_type or '')}")
    return [*lines, f"# output_type = {toml_string(x.output_type)}", ""]


def _listed(values: list[int]) -> str:
    """All of them, or as many spread over the range."""
    if len(values) > LISTED:
        step = (len(values) - 1) / (LISTED - 1)
        values = sorted({values[round(k * step)] for k in range(LISTED)})
        return ", ".join(map(str, values)) + " (not all are listed)"
    return ", ".join(map(str, values))
