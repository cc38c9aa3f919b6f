# SPDX-License-Identifier: Apache-2.0
"""Canonical signed digits: the fewest shifted inputs that add up to a constant product.

Reitwiesner, "Binary arithmetic", Advances in Computers 1 (1960): no two neighbouring digits are non-zero.
"""

from dataclasses import dataclass

from hwcompress.ir.fixed import Codes


@dataclass(frozen=True, slots=True, order=True)
class Term:
    """One operand of a row: (negative ? -x : x)[index] << shift."""

    shift: int
    index: int
    negative: bool


def csd(value: int) -> tuple[tuple[int, bool], ...]:
    """Digits (shift, negative) of a constant, lowest first: 7 = 8 - 1 gives ((0, True), (3, False))."""
    digits: list[tuple[int, bool]] = []
    shift = 0
    while value:
        if value & 1:
            negative = (value & 3) == 3
            digits.append((shift, negative))
            value += 1 if negative else -1
        value >>= 1
        shift += 1
    return tuple(digits)


def row_terms(weights: Codes) -> tuple[Term, ...]:
    """All terms of sum_i w[i] x[i], ordered by shift, so that neighbours in the adder tree are equally wide."""
    return tuple(
        sorted(Term(s, i, neg) for i, w in enumerate(weights.tolist()) for s, neg in csd(w))
    )
