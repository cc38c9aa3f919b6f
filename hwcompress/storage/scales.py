# SPDX-License-Identifier: Apache-2.0
"""Uniform grids of any step: integer codes times one number, or one for each row, rounded to float32."""

from dataclasses import dataclass

import numpy as np

from hwcompress.ir.fixed import Codes, Reals

WIDEST = 12  # bits of the magnitude of a code
MANTISSA = 40  # bits of a step; times a code it is exact in float64
FINEST = 8  # the least magnitude may be up to so many steps


@dataclass(frozen=True, eq=False)
class Steps:
    """Codes [count], and the steps of all or of each row: mantissa * 2^lsb, mantissas of `bits` bits."""

    codes: Codes
    mantissa: Codes
    lsb: Codes
    bits: int


def find(values: Reals, groups: Codes, count: int) -> Steps | None:
    """Steps with which codes give non-zero float32 values back to the last bit, one for each of `count` groups.

    A group without values has a step that is not used. None if there are no such steps.
    """
    size = np.abs(values)
    least = np.full(count, np.inf)
    np.minimum.at(least, groups, size)
    least[np.isinf(least)] = 1.0
    codes = np.zeros(values.size, dtype=np.int64)
    low, high = np.zeros(count), np.zeros(count)
    open_ = np.ones(count, dtype=bool)
    for fine in range(1, FINEST + 1):
        at = open_[groups]
        part, group = size[at], groups[at]
        found = np.minimum(np.rint(part / least[group] * fine), 1 << WIDEST)
        below, above = _bounds(part, np.maximum(found, 1.0), group, count, least / fine)
        good = open_ & (below < above)
        np.logical_and.at(good, group, found < 1 << WIDEST)
        codes[at] = found
        low[good], high[good] = below[good], above[good]
        open_ &= ~good
        if not open_.any():
            return _shortest(values, groups, codes, low, high)
    return None


def _bounds(size: Reals, codes: Reals, groups: Codes, count: int, step: Reals) -> tuple[Reals, Reals]:
    """The steps of each group between which every code is rounded to its value."""
    narrow = size.astype(np.float32)
    with np.errstate(over="ignore", under="ignore"):  # the last float32 has nothing after it
        before, after = (np.nextafter(narrow, np.float32(end)).astype(np.float64) for end in (0, np.inf))
    low, high = step * 0.5, step * 1.5
    np.maximum.at(low, groups, (size + before) / 2 / codes)
    np.minimum.at(high, groups, (size + after) / 2 / codes)
    return low, high


def _shortest(values: Reals, groups: Codes, codes: Codes, low: Reals, high: Reals) -> Steps | None:
    """The fewest mantissa bits that keep every step between its bounds, if all values come back."""
    exponent = np.frexp(high)[1].astype(np.int64)
    signed = codes * np.sign(values).astype(np.int64)
    for bits in range(2, MANTISSA + 1):
        lsb = exponent - bits
        mantissa = np.rint(np.ldexp((low + high) / 2, -lsb))
        inside = (np.ldexp(mantissa, lsb) > low) & (np.ldexp(mantissa, lsb) < high) & (mantissa < 1 << bits)
        if inside.all() and (mantissa >= 1 << bits - 1).all():
            steps = np.ldexp(mantissa, lsb)[groups]
            with np.errstate(over="ignore", under="ignore"):
                same = np.array_equal((steps * signed).astype(np.float32), values)
            if same:
                return Steps(signed, mantissa.astype(np.int64), lsb, bits)
    return None
