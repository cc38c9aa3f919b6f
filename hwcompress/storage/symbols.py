# SPDX-License-Identifier: Apache-2.0
"""Non-zero weights as integers: ranks in a codebook, codes on a grid of fixed point or any step, patterns of floats."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

import numpy as np

from hwcompress.ir.fixed import Codes, Reals
from hwcompress.storage import scales
from hwcompress.storage.bits import Bits, BitWriter, damaged, number, rice
from hwcompress.storage.values import Scale

Kind: TypeAlias = Literal["float32", "codebook", "fixed", "scaled"]
KINDS: tuple[Kind, ...] = ("float32", "codebook", "fixed", "scaled")
MANTISSA = 23  # bits
BIAS = 200  # makes exponents positive
MOST = 200  # of an exponent
WIDEST = 24  # bits of the magnitude of a code: what a float32 holds
MAX_BOOK = 1 << 16
LARGEST = 0x7F7FFFFF  # pattern of the largest float32


@dataclass(frozen=True, eq=False)
class Symbols:
    """Weights that are not zero, and how to read them. No rank and no code is zero: that stands for a pruned weight."""

    kind: Kind
    codes: Codes  # [count] of the non-zero weights
    scale: Scale
    lsb: Codes = field(default_factory=lambda: np.zeros(1, dtype=np.int64))  # grids: exponent of 1; [m]: of each row
    mantissa: Codes = field(default_factory=lambda: np.ones(1, dtype=np.int64))  # scaled: the steps' own
    bits: int = 1  # of the mantissas
    book: Reals = field(default_factory=lambda: np.zeros(0))  # codebook: sorted
    low: int = 0  # float32: bits at the end of all patterns that are zero
    first: int = 0  # float32: exponent field of the smallest

    def values(self, codes: Codes, rows: Codes) -> Reals:
        """What codes in given rows stand for; damaged if there is no such code."""
        if self.kind in ("fixed", "scaled"):
            lsb, mantissa = (x[rows] if x.size > 1 else x for x in (self.lsb, self.mantissa))
            with np.errstate(over="ignore", under="ignore"):
                exact = np.ldexp(codes.astype(np.float64) * mantissa, lsb)
                return exact if self.kind == "fixed" else exact.astype(np.float32).astype(np.float64)
        if self.kind == "codebook":
            at = codes + int(np.count_nonzero(self.book < 0)) - (codes > 0)
            if at.size and (at.min() < 0 or at.max() >= self.book.size):
                raise damaged("a weight is not in the codebook")
            return self.book[at]
        patterns = (np.abs(codes) << self.low) + (self.first - 1 << MANTISSA)
        if patterns.size and (patterns.min() < 0 or patterns.max() > LARGEST):
            raise damaged("a weight is not a number")
        return patterns.astype(np.uint32).view(np.float32).astype(np.float64) * np.sign(codes)


NO_SYMBOLS = Symbols("float32", np.zeros(0, dtype=np.int64), Scale(2))


def head_bits(symbols: Symbols, rows: Sequence[int], total: int) -> int:
    """What `code_head` takes."""
    io = BitWriter()
    code_head(io, symbols, rows, total, symbols.codes.size)
    return io.bits


def choices(values: Reals, rows: Codes) -> Iterator[Symbols]:
    """The ways to write non-zero values [count] in rows [count]; the first always works."""
    yield _floats(values)
    if not values.size:
        return
    lsb = last_bits(values)
    if (one := _fixed(values, rows, np.array([lsb.min()]))) is not None:
        yield one
    each = np.full(int(rows.max()) + 1, lsb.max())
    np.minimum.at(each, rows, lsb)
    if each.size > 1 and each.min() < each.max() and (many := _fixed(values, rows, each)) is not None:
        yield many
    yield from _scaled(values, rows)
    book, ranks = np.unique(values, return_inverse=True)
    if book.size <= min(MAX_BOOK, max(2, values.size // 2)):
        ranks = ranks.reshape(-1) - int(np.count_nonzero(book < 0))
        ranks += ranks >= 0
        yield Symbols("codebook", ranks, Scale(int(np.abs(ranks).max()).bit_length()), book=book)


def last_bits(values: Reals) -> Codes:
    """Exponent of the last bit that is set, of non-zero float32 values."""
    mantissas, exponents = np.frexp(values)
    whole = np.ldexp(mantissas, MANTISSA + 1).astype(np.int64)
    lowest = (whole & -whole).astype(np.float64)
    return exponents.astype(np.int64) - MANTISSA - 1 + np.log2(lowest).round().astype(np.int64)


def _fixed(values: Reals, rows: Codes, lsb: Codes) -> Symbols | None:
    """Integer codes, if they are not too wide."""
    codes = np.ldexp(values, -(lsb[rows] if lsb.size > 1 else lsb))
    top = float(np.abs(codes).max())
    if top >= 1 << WIDEST:
        return None
    return Symbols("fixed", codes.astype(np.int64), Scale(int(top).bit_length()), lsb=lsb)


def _scaled(values: Reals, rows: Codes) -> Iterator[Symbols]:
    for groups, count in ((np.zeros_like(rows), 1), (rows, int(rows.max()) + 1)):
        if (found := scales.find(values, groups, count)) is not None:
            scale = Scale(int(np.abs(found.codes).max()).bit_length())
            yield Symbols("scaled", found.codes, scale, lsb=found.lsb, mantissa=found.mantissa, bits=found.bits)


def _floats(values: Reals) -> Symbols:
    patterns = np.abs(values).astype(np.float32).view(np.uint32).astype(np.int64)
    every = int(np.bitwise_or.reduce(patterns, initial=0)) | 1 << MANTISSA
    low = (every & -every).bit_length() - 1
    fields = patterns >> MANTISSA
    first = int(fields.min(initial=255 if fields.size else 1))
    codes = (patterns - (first - 1 << MANTISSA) >> low) * np.sign(values).astype(np.int64)
    return Symbols("float32", codes, _float_scale(first, int(fields.max(initial=first)), low), low=low, first=first)


def _float_scale(first: int, last: int, low: int) -> Scale:
    return Scale(last - first + 2, MANTISSA - low)


def code_head(io: Bits, symbols: Symbols, rows: Sequence[int], total: int, count: int) -> Symbols:
    """Write or read all of them but the codes. `rows`: those not empty, of `total`; `count` bounds the codebook.

    Reading, `symbols` is ignored.
    """
    kind = KINDS[io.direct(KINDS.index(symbols.kind), 2)]
    none = np.zeros(0, dtype=np.int64)
    if kind == "codebook":
        book = _code_book(io, symbols.book, min(count, MAX_BOOK))
        negative = int(np.count_nonzero(book < 0))
        return Symbols("codebook", none, Scale(max(negative, book.size - negative).bit_length()), book=book)
    if kind in ("fixed", "scaled"):
        scale = Scale(io.direct(symbols.scale.buckets, 5))
        bits = io.direct(symbols.bits, 6) if kind == "scaled" else 1
        if not 0 < bits <= scales.MANTISSA:
            raise damaged("a step is too long")
        lsb, mantissa = _code_steps(io, replace(symbols, bits=bits), rows, total)
        return Symbols(kind, none, scale, lsb=lsb, mantissa=mantissa, bits=bits)
    low = min(io.direct(symbols.low, 5), MANTISSA)
    first = io.direct(symbols.first, 8)
    last = io.direct(symbols.first + symbols.scale.buckets - 2, 8)
    if last < first:
        raise damaged("no exponent is possible")
    return Symbols("float32", none, _float_scale(first, last, low), low=low, first=first)


def _code_steps(io: Bits, symbols: Symbols, rows: Sequence[int], total: int) -> tuple[Codes, Codes]:
    """Exponents (what each has more than the least) and mantissas: one of each, or for each row that is not empty."""
    several = bool(io.direct(int(symbols.lsb.size > 1), 1))
    rows, size = (rows, total) if several else ((0,), 1)
    lsb, mantissa = np.resize(symbols.lsb, size), np.resize(symbols.mantissa, size)
    used = lsb[list(rows)]
    least = io.direct(int(used.min(initial=MOST)) + BIAS, 9) - BIAS
    width = io.direct(int(used.max(initial=least) - least).bit_length(), 4)
    lead = 1 << symbols.bits - 1
    for row in rows:
        lsb[row] = least + io.direct(int(lsb[row]) - least & (1 << width) - 1, width)
        mantissa[row] = lead + io.direct(int(mantissa[row]) - lead & lead - 1, symbols.bits - 1)
    return lsb, mantissa


def _code_book(io: Bits, book: Reals, most: int) -> Reals:
    """Sorted values as integers (fixed-point codes, or floats in their order), each by how far it is from the last."""
    lsb = int(last_bits(book).min()) if book.size else 0
    fixed = bool(book.size) and float(np.abs(book).max()) < 2.0 ** (lsb + WIDEST)
    fixed = bool(io.direct(int(fixed), 1))
    if fixed:
        lsb = io.direct(lsb + BIAS, 9) - BIAS
    keys = _keys(book, lsb, fixed)
    count = number(io, book.size)
    if not 0 < count <= most:
        raise damaged("the codebook has no size that is possible")
    gaps = np.diff(keys) - 1
    low = io.direct(_best_rice(gaps), 5)
    key = number(io, abs(int(keys[0])) if keys.size else 0)
    key = -key if io.direct(int(keys.size and keys[0] < 0), 1) else key
    found = [key]
    budget = 2 * count  # what all gaps have above their low bits is never more, with the best choice of these
    for k in range(count - 1):
        gap = rice(io, int(gaps[k]) if k < gaps.size else 0, low, budget)
        budget -= gap >> low
        key += 1 + gap
        found.append(key)
    top = (1 << WIDEST) - 1 if fixed else LARGEST
    if min(found) < -top or max(found) > top or 0 in found:
        raise damaged("the codebook holds what no weight can be")
    return _unkeyed(np.array(found, dtype=np.int64), lsb, fixed)


def _best_rice(gaps: Codes) -> int:
    """Low bits with which the gaps take the fewest."""
    return min(range(32), key=lambda low: int((gaps >> low).sum()) + low * gaps.size)


def _keys(book: Reals, lsb: int, fixed: bool) -> Codes:
    if fixed:
        return np.ldexp(book, -lsb).astype(np.int64) if book.size else np.zeros(0, dtype=np.int64)
    patterns = np.abs(book).astype(np.float32).view(np.uint32).astype(np.int64)
    return patterns * np.sign(book).astype(np.int64)


def _unkeyed(keys: Codes, lsb: int, fixed: bool) -> Reals:
    if fixed:
        with np.errstate(over="ignore"):
            return np.ldexp(keys.astype(np.float64), lsb)
    return np.abs(keys).astype(np.uint32).view(np.float32).astype(np.float64) * np.sign(keys)
