# SPDX-License-Identifier: Apache-2.0
"""Rounding and overflow once more, on fractions and Python's integers: slow, plain, without a bound on bits."""

from fractions import Fraction
from functools import cache
from math import floor

from hwcompress.ir.fixed import FixedPoint, Format, Overflow, Rounding


@cache
def power(exponent: int) -> Fraction:
    return Fraction(2) ** exponent


def rounded(value: Fraction, rounding: Rounding) -> int:
    if rounding is Rounding.HALF_UP:
        return floor(value + Fraction(1, 2))
    return round(value) if rounding is Rounding.HALF_EVEN else floor(value)  # round() of a fraction is half to even


def fitted(code: int, kind: FixedPoint, overflow: Overflow) -> int:
    lowest = -(2 ** (kind.width - 1)) if kind.signed else 0
    highest = lowest + 2**kind.width - 1
    if overflow is Overflow.SATURATE:
        return min(max(code, lowest), highest)
    low_bits = code % 2**kind.width
    return low_bits if low_bits <= highest else low_bits - 2**kind.width


def code_of(value: Fraction, fmt: Format, shift: int = 0) -> int:
    """The code of a real value in `fmt`, with `shift` more fraction bits."""
    return fitted(rounded(value * power(fmt.type.frac + shift), fmt.rounding), fmt.type, fmt.overflow)
