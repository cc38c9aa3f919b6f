# SPDX-License-Identifier: Apache-2.0
"""The table of targets."""

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from hwcompress.hw.devices import Target
from hwcompress.report.table import new_table
from hwcompress.report.text import count


def table(targets: Sequence[Target], later: Mapping[str, str]) -> RenderableType:
    """Geometries and devices with their budgets."""
    rows = new_table(["Target", "Device", "Multiplier"], ["DSP", "LUT", "FF", "RAMB18"])
    for t in targets:
        a, b = t.multiplier
        budget = (count(n) for n in (t.budget.dsp, t.budget.lut, t.budget.ff, t.budget.bram18))
        rows.add_row(t.name, t.device, f"DSP48E{t.family} {a} x {b}", *budget)
    unknown = ", ".join(f"{name} ({what})" for name, what in later.items())
    return Group(rows, Text(f"Not available in this version: {unknown}"))
