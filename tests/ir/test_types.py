# SPDX-License-Identifier: Apache-2.0
"""Tensor types with an exponent for each channel, and ranges."""

from fractions import Fraction

import numpy as np
import pytest

from hwcompress.ir.fixed import FixedPoint, Format, quantize
from hwcompress.ir.types import Range, TensorType
from tests.ir.exact import power


@pytest.mark.parametrize(
    ("kind", "fracs"),
    [
        (TensorType(3, FixedPoint(8, 6)), [6, 6, 6]),
        (TensorType(3, FixedPoint(8, 6), (0, 3, -7)), [6, 9, -1]),
        (TensorType(1, FixedPoint(8, -2), (5,)), [3]),
        (TensorType(2, FixedPoint(8, 0), (0, 0)), [0, 0]),
    ],
)
def test_each_channel_has_its_fraction_bits(kind: TensorType, fracs: list[int]) -> None:
    assert kind.fracs().tolist() == fracs
    assert kind.fracs().dtype == np.int64


@pytest.mark.parametrize("kind", [
    TensorType(3, FixedPoint(48, 20)), TensorType(3, FixedPoint(48, 20), (-60, 0, 60)),
    TensorType(3, FixedPoint(16, -9, signed=False), (1, 2, 3)),
])  # fmt: skip
def test_codes_stand_for_exact_reals(kind: TensorType) -> None:
    span = Range.of(kind.element, 3)
    codes = np.stack([span.lo, span.hi, np.ones(3, dtype=np.int64), np.zeros(3, dtype=np.int64)])
    want = [[q * power(-f) for q, f in zip(row, kind.fracs().tolist(), strict=True)] for row in codes.tolist()]
    assert [[Fraction(v) for v in row] for row in kind.reals(codes).tolist()] == want


def test_reals_that_a_type_holds_come_back_as_the_same_codes() -> None:
    kind = TensorType(4, FixedPoint(9, 3), (0, -5, 2, 11))
    codes = np.random.default_rng(0).integers(-256, 255, (50, 4), endpoint=True)
    assert (quantize(kind.reals(codes), Format(kind.element), np.array(kind.shifts)) == codes).all()


def test_an_empty_batch_stands_for_nothing() -> None:
    assert TensorType(3, FixedPoint(8, 0), (1, 2, 3)).reals(np.zeros((0, 3), dtype=np.int64)).shape == (0, 3)


def test_a_type_is_printed_with_its_channels() -> None:
    assert str(TensorType(16, FixedPoint(8, 6), (1,) * 16)) == "s8f6[16]"


def test_types_are_equal_by_value() -> None:
    assert TensorType(2, FixedPoint(8, 6), (0, 1)) == TensorType(2, FixedPoint(8, 6), (0, 1))
    assert TensorType(2, FixedPoint(8, 6), (0, 1)) != TensorType(2, FixedPoint(8, 6), (1, 0))
    assert TensorType(2, FixedPoint(8, 6)) != TensorType(2, FixedPoint(8, 6, signed=False))


@pytest.mark.parametrize(
    "kind", [FixedPoint(1, 0), FixedPoint(1, 0, signed=False), FixedPoint(8, 3), FixedPoint(48, 0)]
)
def test_a_range_of_a_type_is_all_it_holds(kind: FixedPoint) -> None:
    span = Range.of(kind, 2)
    assert span.lo.tolist() == [kind.min_code] * 2
    assert span.hi.tolist() == [kind.max_code] * 2
    assert span.lo.dtype == span.hi.dtype == np.int64
