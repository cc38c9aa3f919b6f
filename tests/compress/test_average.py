# SPDX-License-Identifier: Apache-2.0
"""Averages in codes: every result that of exact arithmetic, whatever the window."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest

from hwcompress.compress.average import reciprocal
from hwcompress.compress.calibrate import Request, calibrate
from hwcompress.ir.fixed import FixedPoint, Format, Rounding, round_shift
from hwcompress.ir.graph import Graph, Node
from hwcompress.ir.types import Range
from hwcompress.ops import Affine, AffineCodes, Requant, SumPool, SumPoolCodes, Window
from hwcompress.passes.chain import linked


def exact(value: Fraction, rounding: Rounding) -> int:
    if rounding is Rounding.TRUNCATE:
        return floor(value)
    if rounding is Rounding.HALF_EVEN:
        return round(value)
    return floor(value + Fraction(1, 2))


@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize("count", [3, 5, 6, 7, 9, 12, 25, 49, 63, 100, 196])
@pytest.mark.parametrize("shift", [-2, 0, 3])
def test_every_sum_divides_as_exactly_as_it_can(count: int, shift: int, rounding: Rounding) -> None:
    """shift: fraction bits of the sums, beyond the powers of two of the window, less those of the result."""
    power = (count - 1).bit_length()  # 1 <= 2^power / count < 2
    fmt = Format(FixedPoint(12, 0), rounding)
    sums = np.arange(-128 * count, 127 * count + 1, dtype=np.int64)
    span = Range(sums[:1], sums[-1:])
    code, kind = reciprocal(2.0**power / count, span, shift + power, fmt)
    got = round_shift(sums * code, shift + power + kind.frac, rounding)
    want = [exact(Fraction(int(s), count) / Fraction(2) ** shift, rounding) for s in sums]
    ties = [2 * Fraction(int(s), count) / Fraction(2) ** shift for s in sums]
    wrong = [k for k, (a, b) in enumerate(zip(got.tolist(), want, strict=True)) if a != b]
    # A multiplier is never exactly 1 / count: only a result that lies on an edge can fall on the other side.
    edge = 0 if rounding is Rounding.TRUNCATE else 1
    assert all(ties[k].denominator == 1 and ties[k] % 2 == edge for k in wrong)
    assert not wrong or kind.width == 24


def network(window: Window, rows: int, columns: int) -> Graph:
    scale = np.full(3, 1.0 / window.taps)
    ops = [SumPool(window), Affine(scale, np.zeros(3))]
    return linked(
        Graph("g", "x", 3, (), grid=(rows, columns)), [Node(f"n{k}", op, "", f"v{k}") for k, op in enumerate(ops)]
    )


@pytest.mark.parametrize(("kernel", "scaled"), [((2, 2), False), ((3, 3), True), ((4, 2), False), ((5, 3), True)])
def test_a_power_of_two_takes_no_product(kernel: tuple[int, int], scaled: bool) -> None:
    graph = network(Window(kernel), 6, 6)
    x = np.random.default_rng(0).normal(size=(40, 108))
    bits = {"pool_0": 8, "input": 8}
    found = calibrate(graph, x, Request(bits, bits)).quantized.graph
    kinds = [type(n.op) for n in found]
    assert kinds == [SumPoolCodes, *([AffineCodes] if scaled else []), Requant]
