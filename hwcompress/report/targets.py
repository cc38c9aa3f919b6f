# SPDX-License-Identifier: Apache-2.0
"""The table of targets."""

from collections.abc import Sequence

from rich.console import RenderableType

from hwcompress.hw.devices import Target
from hwcompress.report.table import new_table
from hwcompress.report.text import count


def table(targets: Sequence[Target]) -> RenderableType:
    """Geometries and devices with their budgets."""
    rows = new_table(["Target", "Device", "Multiplier"], ["DSP", "LUT", "FF", "Block RAM"])
    for t in targets:
        a, b = t.multiplier
        budget = (count(n) for n in (t.budget.dsp, t.budget.lut, t.budget.ff))
        memory = f"{count(t.budget.bram18)} {t.cells.block}"
        rows.add_row(t.name, t.device, f"{t.cells.dsp} {a} x {b}", *budget, memory)
    return rows
