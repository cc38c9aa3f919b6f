# SPDX-License-Identifier: Apache-2.0
"""Evaluations for the tests of the sweep; processes import them from here."""

import os
from collections.abc import Sequence

from hwcompress.explore.space import Point
from hwcompress.explore.sweep import Measured, Row


def figures(dsp: int, interval: int, metric: float | None = 90.0, fits: bool = True) -> Measured:
    """Figures with these, and constants."""
    return Measured(dsp, 100, 100, 0, 10, interval, 50, fits, "top1", 91.0, metric, 99.0, 30.0)


def good(points: Sequence[Point]) -> list[Row]:
    """DSPs fall and the interval rises with reuse."""
    return [Row(p, figures(64 // int(p.reuse), int(p.reuse), float(p.weight_bits))) for p in points]


def dies_at_four_bits(points: Sequence[Point]) -> list[Row]:
    """The process is gone, as if killed for its memory."""
    if points[0].weight_bits == 4:
        os._exit(9)
    return good(points)
