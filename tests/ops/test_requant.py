# SPDX-License-Identifier: Apache-2.0
"""Requant at its limits: every rounding, overflow and sign, every shift, ties, accumulators of 48 bits, bounds."""

import re
from dataclasses import replace

import numpy as np
import pytest

from hwcompress.errors import ShapeError
from hwcompress.ir.fixed import Codes, FixedPoint, Format, Overflow, Rounding
from hwcompress.ir.types import Range, TensorType
from hwcompress.ops import Requant
from tests.ops.laws import WIDEST, extremes, slow_batch

SHIFTS = np.arange(-14, 47)  # one channel each: 14 bits left to 46 bits right

every_format = pytest.mark.parametrize(
    "fmt",
    [
        Format(FixedPoint(width, 0, signed), rounding, overflow)
        for width in (1, 8, 48)
        for signed in (True, False)
        for rounding in Rounding
        for overflow in Overflow
    ],
    ids=lambda f: f"{f.type} {f.rounding.value} {f.overflow.value}",
)


def ties() -> Codes:
    """Halves of an output step in every channel, and their neighbours, near zero and near the ends."""
    half = np.left_shift(np.int64(1), np.maximum(SHIFTS - 1, 0))
    odd = np.array([-5, -3, -1, 1, 3, 5])[:, None] * half
    top = (WIDEST.max_code // (2 * half)) * 2 * half - half
    exact = np.concatenate([odd, top[None], -top[None]])
    return np.concatenate([exact, exact - 1, exact + 1]).clip(WIDEST.min_code, WIDEST.max_code)


def accumulators() -> Codes:
    small = np.arange(-3, 4)[:, None].repeat(len(SHIFTS), axis=1)
    return np.concatenate([extremes(Range.of(WIDEST, len(SHIFTS))), ties(), small])


@every_format
def test_every_shift_of_every_accumulator_is_exact(fmt: Format) -> None:
    op = Requant(fmt, SHIFTS, fmt.type.min_code, fmt.type.max_code)
    assert op.run_codes(accumulators()).tolist() == slow_batch(op, accumulators())


@every_format
def test_bounds_clamp_what_was_rounded_and_fitted(fmt: Format) -> None:
    low, high = fmt.type.min_code, fmt.type.max_code
    some = slice(0, len(SHIFTS), 9)
    for lo, hi in ((max(low, 0), high), (low, min(high, 0)), (high, high), (low // 2, high // 3)):
        op, x = Requant(fmt, SHIFTS[some], lo, hi), accumulators()[:, some]
        assert op.run_codes(x).tolist() == slow_batch(op, x)
        assert lo <= op.run_codes(x).min() <= op.run_codes(x).max() <= hi


@pytest.mark.parametrize(
    ("rounding", "want"),
    [
        (Rounding.HALF_UP, [-2, -1, -1, 0, 0, 1, 1, 2, 2]),
        (Rounding.HALF_EVEN, [-2, -2, -1, 0, 0, 0, 1, 2, 2]),
        (Rounding.TRUNCATE, [-2, -2, -1, -1, 0, 0, 1, 1, 2]),
    ],
)
def test_quarters_by_hand(rounding: Rounding, want: list[int]) -> None:
    op = Requant(Format(FixedPoint(4, 0), rounding), np.array([2]), -8, 7)
    x = np.arange(-8, 9, 2)[:, None]  # -2, -1.5 ... 2
    assert op.run_codes(x)[:, 0].tolist() == want


@pytest.mark.parametrize(
    ("overflow", "signed", "want"),
    [
        (Overflow.SATURATE, True, [-4, -4, 3, 3, -4]),
        (Overflow.SATURATE, False, [0, 0, 4, 7, 0]),
        (Overflow.WRAP, True, [3, -4, -4, 1, 0]),
        (Overflow.WRAP, False, [3, 4, 4, 1, 0]),
    ],
)
def test_overflow_by_hand(overflow: Overflow, signed: bool, want: list[int]) -> None:
    kind = FixedPoint(3, 0, signed)
    op = Requant(Format(kind, overflow=overflow), np.array([0]), kind.min_code, kind.max_code)
    assert op.run_codes(np.array([[-5], [-4], [4], [9], [-8]]))[:, 0].tolist() == want


def test_wrapping_comes_before_the_bounds() -> None:
    relu = Requant(Format(FixedPoint(3, 0), overflow=Overflow.WRAP), np.array([0]), 0, 2)
    assert relu.run_codes(np.array([[4], [8 + 1], [8 + 3]]))[:, 0].tolist() == [0, 1, 2]


def test_a_wrapping_requant_promises_only_its_bounds() -> None:
    op = Requant(Format(FixedPoint(3, 0), overflow=Overflow.WRAP), np.array([0, 0]), -1, 2)
    span = op.span(Range(np.array([0, 1]), np.array([0, 1])))
    assert (span.lo.tolist(), span.hi.tolist()) == ([-1, -1], [2, 2])


WIDE = TensorType(2, FixedPoint(20, 10), (0, 3))
GOOD = Requant(Format(FixedPoint(8, 6)), np.array([4, 7]), -128, 127)


def test_exponents_of_channels_become_their_shifts() -> None:
    assert GOOD.infer(WIDE) == TensorType(2, FixedPoint(8, 6))


@pytest.mark.parametrize("shifts", [[4, 4], [7, 4], [3, 6], [5, 8]])
def test_shifts_that_lead_elsewhere_are_refused(shifts: list[int]) -> None:
    with pytest.raises(ShapeError, match=r"^requant shifts do not lead from s20f10\[2\] to s8f6$"):
        replace(GOOD, shifts=np.array(shifts)).infer(WIDE)


@pytest.mark.parametrize(("lo", "hi"), [(-129, 0), (0, 128), (5, 4)])
def test_bounds_that_are_no_codes_are_refused(lo: int, hi: int) -> None:
    with pytest.raises(ShapeError, match=rf"^requant bounds {lo}\.\.{hi} are not codes of s8f6$"):
        replace(GOOD, lo=lo, hi=hi).infer(WIDE)


@pytest.mark.parametrize("shift", [SHIFTS[0] - 1, SHIFTS[-1] + 1])
def test_points_too_far_apart_are_refused(shift: int) -> None:
    x = TensorType(1, WIDEST)
    op = Requant(Format(FixedPoint(8, WIDEST.frac - int(shift))), np.array([shift]), -128, 127)
    with pytest.raises(ShapeError, match=re.escape(f"the point of {x} is too far from that of {op.format.type}")):
        op.infer(x)


@pytest.mark.parametrize("shift", [SHIFTS[0], SHIFTS[-1]])
def test_points_as_far_apart_as_they_may_be(shift: int) -> None:
    kind = FixedPoint(8, WIDEST.frac - int(shift))
    assert Requant(Format(kind), np.array([shift]), -128, 127).infer(TensorType(1, WIDEST)).element == kind
