# SPDX-License-Identifier: Apache-2.0
"""The integer that divides a sum by the size of its window: the shortest with which every result is the exact one."""

import numpy as np

from hwcompress.ir.fixed import Codes, FixedPoint, Format, Rounding, round_shift
from hwcompress.ir.types import Range

LONGEST = 24  # bits
CHECKED = 1 << 20  # sums looked at one by one; of more, an even choice


def reciprocal(factor: float, sums: Range, shift: int, fmt: Format) -> tuple[int, FixedPoint]:
    """Code and type of a multiplier for 1 <= factor < 2, so that rounding after it equals rounding sum * factor.

    `shift`: fraction bits of the sums less those of the result. The longest multiplier where none is exact (ties of
    results that lie on the edge between two codes).
    """
    lo, hi = int(sums.lo.min()), int(sums.hi.max())
    values = np.unique(np.linspace(lo, hi, min(hi - lo + 1, CHECKED)).astype(np.int64))
    right = _exact(values, factor, shift, fmt.rounding)
    for bits in range(2, LONGEST):
        code = _code(factor, bits)
        exact = np.array_equal(round_shift(values * code, shift + bits - 1, fmt.rounding), right)
        if exact and code.bit_length() <= bits:
            return code, FixedPoint(bits, bits - 1, signed=False)
    return _code(factor, LONGEST), FixedPoint(LONGEST, LONGEST - 1, signed=False)


def _code(factor: float, bits: int) -> int:
    """The factor with bits - 1 of them behind the point."""
    return int(np.floor(factor * 2.0 ** (bits - 1) + 0.5))


def _exact(sums: Codes, factor: float, shift: int, rounding: Rounding) -> Codes:
    """sum * factor * 2**-shift rounded; factor is p / 2**e / count, so floats of 53 bits tell ties from neighbours."""
    count = _count(factor)
    numerator = np.int64(round(factor * count))
    top = sums * numerator
    up, down = max(-shift, 0), max(shift, 0)
    scaled, divisor = top << up, np.int64(count) << down
    if rounding is Rounding.TRUNCATE:
        return np.floor_divide(scaled, divisor)
    twice = 2 * scaled + divisor
    y = np.floor_divide(twice, 2 * divisor)
    if rounding is Rounding.HALF_EVEN:
        tie = np.mod(twice, 2 * divisor) == 0
        y = np.where(tie, y & np.int64(-2), y)
    return y


def _count(factor: float) -> int:
    """The smallest whole number that makes factor whole: the size of the window, without its powers of two."""
    for count in range(1, 1 << 16):
        if abs(factor * count - round(factor * count)) < 1e-9 * count:
            return count
    return 1 << 20
