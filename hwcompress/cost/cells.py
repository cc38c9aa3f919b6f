# SPDX-License-Identifier: Apache-2.0
"""(LUT, FF), how they add up, and what a delay takes of them."""

from hwcompress.engines.base import ceil_div

Cells = tuple[int, int]


def total(*parts: Cells) -> Cells:
    """Sum of cells."""
    return sum(p[0] for p in parts), sum(p[1] for p in parts)


def times(count: int, cells: Cells) -> Cells:
    """Several of the same."""
    return count * cells[0], count * cells[1]


def shift_register(width: int, cycles: int) -> Cells:
    """hwc_delay: registers up to 2 clocks, SRLs beyond; one clock past a full SRL16 is a register."""
    if cycles < 3:
        return 0, width * cycles
    registers = int(cycles % 16 == 1)
    return width * ceil_div(cycles - registers, 32), width * registers
