# SPDX-License-Identifier: Apache-2.0
"""The adder trees of a reuse-1 layer without multipliers, register by register, all rows together.

A number is kept without its low zeros: value = code * 2^low. Two rows that add the same two numbers, at any common
shift, share the sum. Neighbours are added first; terms are ordered by shift (`csd.row_terms`), so neighbours are about
equally wide.
"""

from dataclasses import dataclass

from hwcompress.engines.csd import Term
from hwcompress.engines.dense import DenseUnrolled


@dataclass(frozen=True, slots=True)
class Number:
    """A code and where it stands. Its value lies from -neg * 2^unit to below pos * 2^unit, unit as of the input."""

    code: int  # which sum or input, or the constant
    kind: str  # "sum", "input", "inverse" (ones' complement of an input), "constant"
    width: int  # bits of the code, its sign included
    signed: bool
    low: int  # zeros below
    neg: int
    pos: int


@dataclass(frozen=True, slots=True)
class Sum:
    """A register: a * 2^a_shift + b * 2^b_shift, or a alone."""

    width: int  # bits
    a: Number
    a_shift: int
    b: Number | None
    b_shift: int


@dataclass(frozen=True, slots=True)
class Adders:
    """Registers in the order of their levels, and what each row ends in; None: zero."""

    sums: tuple[Sum, ...]
    rows: tuple[Number | None, ...]


def adders(core: DenseUnrolled) -> Adders:
    """All trees of a layer; each row passes `core.levels` registers."""
    builder = _Builder(core)
    rows = [builder.row(terms, bias) for terms, bias in zip(core.terms(), core.lut_bias.tolist(), strict=True)]
    return Adders(tuple(builder.sums), tuple(rows))


class _Builder:
    """What exists so far."""

    def __init__(self, core: DenseUnrolled) -> None:
        self.core = core
        self.unit = core.x_type.width - core.x_type.signed
        self.sums: list[Sum] = []
        self.known: dict[tuple[object, ...], int] = {}

    def row(self, terms: tuple[Term, ...], bias: int) -> Number | None:
        """Add the terms of a row and its bias."""
        numbers = [self._input(t) for t in terms]
        if bias:
            numbers.append(self._constant(bias))
        if not terms:
            return numbers[0] if numbers else None
        for level in range(self.core.levels):
            numbers = [self._add(level, numbers[k : k + 2]) for k in range(0, len(numbers), 2)]
        return numbers[0]

    def _input(self, term: Term) -> Number:
        signed, size = self.core.x_type.signed, 1 << term.shift
        neg, pos = size * (signed or term.negative), size * (signed or not term.negative)
        kind = "inverse" if term.negative else "input"
        width = self.core.x_type.width + (term.negative and not signed)
        return Number(term.index, kind, width, signed or term.negative, term.shift, neg, pos)

    def _constant(self, value: int) -> Number:
        low = (value & -value).bit_length() - 1
        size = ((-value - 1 if value < 0 else value) >> self.unit) + 1
        neg, pos = (size, 0) if value < 0 else (0, size)
        return Number(value >> low, "constant", (value >> low).bit_length() + (value < 0), value < 0, low, neg, pos)

    def _add(self, level: int, pair: list[Number]) -> Number:
        """One number, a register later."""
        low, neg, pos = min(n.low for n in pair), sum(n.neg for n in pair), sum(n.pos for n in pair)
        bits = self.unit + (max(neg, pos) - 1).bit_length() + (neg > 0)
        width = max(1, min(bits, self.core.acc_width) - low)
        a, b = pair[0], pair[1] if len(pair) > 1 else None
        if b and (b.kind, b.code, b.low) < (a.kind, a.code, a.low):
            a, b = b, a
        b_shift = b.low - low if b else 0
        key = (level, width, a.kind, a.code, a.low - low, *((b.kind, b.code, b_shift) if b else ()))
        if key not in self.known:
            self.known[key] = len(self.sums)
            self.sums.append(Sum(width, a, a.low - low, b, b_shift))
        return Number(self.known[key], "sum", width, neg > 0, low, neg, pos)
