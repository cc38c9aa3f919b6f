# SPDX-License-Identifier: Apache-2.0
"""Canonical signed digits: the fewest shifted inputs that add up to a constant product.

Reitwiesner, "Binary arithmetic", Advances in Computers 1 (1960): no two neighbouring digits are non-zero.
"""

from dataclasses import dataclass

import numpy as np

from hwcompress.ir.fixed import Codes


@dataclass(frozen=True, slots=True, order=True)
class Term:
    """One operand of a row: (negative ? -x : x)[index] << shift."""

    shift: int
    index: int
    negative: bool


def signed_digits(values: Codes) -> tuple[Codes, Codes]:
    """Positive and negative digits as bit masks: values = plus - minus, digit by digit canonical.

    Prodinger, "On binary representations of integers with digits -1, 0, 1", Integers 0 (2000).
    """
    x = np.abs(values)
    half = x >> 1
    total = x + half
    change = half ^ total
    plus, minus = total & change, half & change
    return np.where(values < 0, minus, plus), np.where(values < 0, plus, minus)


def digit_counts(values: Codes) -> Codes:
    """Non-zero digits of each value."""
    plus, minus = signed_digits(values)
    return np.bitwise_count(plus | minus).astype(np.int64)


def csd(value: int) -> tuple[tuple[int, bool], ...]:
    """Digits (shift, negative) of a constant, lowest first: 7 = 8 - 1 gives ((0, True), (3, False))."""
    plus, minus = (int(m) for m in signed_digits(np.int64(value)))  # type: ignore[arg-type]
    return tuple((s, bool(minus >> s & 1)) for s in range((plus | minus).bit_length()) if (plus | minus) >> s & 1)


def row_terms(weights: Codes) -> tuple[Term, ...]:
    """All terms of sum_i w[i] x[i], ordered by shift, so that neighbours in the adder tree are equally wide."""
    digits = {w: csd(w) for w in set(weights.tolist())}
    return tuple(sorted(Term(s, i, neg) for i, w in enumerate(weights.tolist()) for s, neg in digits[w]))
