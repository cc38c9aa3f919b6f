# SPDX-License-Identifier: Apache-2.0
"""Positions and values at fixed width or with Huffman codes (Han et al., Deep Compression, arXiv:1510.00149, 2 and 4).

Positions are gaps between entries in row order; where a gap is over its limit, a filler entry of value zero is put.
Each form is a `Plan` to write, made first, so that its size is known; `read` takes it back.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hwcompress.ir.fixed import Codes
from hwcompress.storage import huffman
from hwcompress.storage.bits import BitReader, Bits, BitWriter, damaged, number
from hwcompress.storage.mask import Mask
from hwcompress.storage.symbols import Symbols

GAP_WIDTHS = range(1, 17)  # bits
MAX_CODE = 1 << 34  # magnitude
MAX_CODED = 12  # bits of values that are worth a Huffman table


@dataclass(frozen=True)
class Span:
    """Values as numbers from 0 of fixed width: code - first. One of them stands for zero."""

    first: int
    width: int

    @staticmethod
    def of(symbols: Symbols) -> "Span":
        first = min(0, int(symbols.codes.min(initial=0)))
        return Span(first, int(symbols.codes.max(initial=0) - first).bit_length())


NO_SPAN = Span(0, 0)


def entries(positions: Codes, width: int) -> tuple[Codes, Codes]:
    """Gaps of 1 .. 2^width from entry to entry, from before the first position, and which entries are not fillers."""
    steps = np.diff(positions, prepend=-1)
    fillers = (steps - 1) >> width
    ends = np.cumsum(fillers + 1) - 1
    gaps = np.full(int(ends[-1]) + 1 if ends.size else 0, 1 << width, dtype=np.int64)
    gaps[ends] = steps - (fillers << width)
    real = np.zeros(gaps.size, dtype=bool)
    real[ends] = True
    return gaps, real.astype(np.int64)


@dataclass(frozen=True, eq=False)
class Sparse:
    """Entries as they are written: gaps - 1 and values, with the tables of their codes if there are any."""

    width: int
    gaps: Codes
    values: Codes
    span: Span
    gap_table: dict[int, int] | None = None
    value_table: dict[int, int] | None = None


def plan(positions: Codes, symbols: Symbols, coded: bool) -> Sparse:
    """The gap width that takes the fewest bits, with Huffman codes or at fixed width."""
    span = Span.of(symbols)
    values = symbols.codes - span.first
    coded_values = coded and span.width <= MAX_CODED
    known = _counts(values) if coded_values else {}

    def tables(width: int) -> tuple[int, Codes, dict[int, int] | None, dict[int, int] | None]:
        """Bits in all, gaps - 1 and the tables."""
        gaps = entries(positions, width)[0] - 1
        bits, gap_table = _coded(_counts(gaps)) if coded else (width * gaps.size, None)
        if not coded_values:
            return bits + span.width * gaps.size, gaps, gap_table, None
        fillers = {-span.first: known.get(-span.first, 0) + gaps.size - values.size}
        more, value_table = _coded(known | fillers)
        return bits + more, gaps, gap_table, value_table

    best = min(GAP_WIDTHS, key=lambda width: tables(width)[0])
    _, gaps, gap_table, value_table = tables(best)
    filled = np.full(gaps.size, -span.first, dtype=np.int64)
    filled[entries(positions, best)[1] == 1] = values
    return Sparse(best, gaps, filled, span, gap_table, value_table)


def _counts(numbers: Codes) -> dict[int, int]:
    found = np.bincount(numbers)
    at = np.flatnonzero(found)
    return dict(zip(at.tolist(), found[at].tolist(), strict=True))


def _coded(counts: dict[int, int]) -> tuple[int, dict[int, int]]:
    """Bits of table and code words; the table."""
    table = huffman.lengths(counts)
    io = BitWriter()
    huffman.code_table(io, table)
    return io.bits + sum(counts[s] * bits for s, bits in table.items()), table


def write_sparse(io: BitWriter, sparse: Sparse) -> tuple[int, int]:
    """Bits of the positions and of the values."""
    start = io.bits
    io.direct(sparse.width - 1, 4)
    number(io, sparse.gaps.size)
    _write_all(io, sparse.gaps, sparse.width, sparse.gap_table)
    middle = io.bits
    _write_all(io, sparse.values, sparse.span.width, sparse.value_table)
    return middle - start, io.bits - middle


def read_sparse(io: BitReader, total: int, span: Span) -> tuple[Codes, Codes]:
    """Positions and codes, fillers among them as zeros."""
    width = 1 + io.direct(0, 4)
    count = number(io, 0)
    if count > total:
        raise damaged("there are more entries than weights")
    positions = np.cumsum(np.array(_read_all(io, count, width), dtype=np.int64) + 1) - 1
    values = np.array(_read_all(io, count, span.width), dtype=np.int64)
    if count and positions[-1] >= total:
        raise damaged("a position is outside the matrix")
    return positions, values + span.first


def _write_all(io: Bits, numbers: Codes, width: int, table: dict[int, int] | None) -> None:
    """Whether there is a table, the table, the numbers."""
    io.direct(int(table is not None), 1)
    if table is None:
        for value in numbers.tolist():
            io.direct(value, width)
        return
    huffman.code_table(io, table)
    huffman.write(io, numbers.tolist(), table)


def _read_all(io: BitReader, count: int, width: int) -> Sequence[int]:
    if not io.direct(0, 1):
        return [io.direct(0, width) for _ in range(count)]
    return huffman.read(io, count, huffman.code_table(io, {}))


def write_raw(io: BitWriter, mask: Mask, symbols: Symbols) -> tuple[int, int]:
    """Whether there is a bitmap, the bitmap, the values: of all weights, or of those that are not zero."""
    span = Span.of(symbols)
    numbers = symbols.codes - span.first
    sparse = mask.size + span.width * numbers.size < span.width * mask.size
    start = io.bits
    io.direct(int(sparse), 1)
    if sparse:
        for bit in mask.tolist():
            io.direct(int(bit), 1)
    else:
        numbers = np.full(mask.size, -span.first, dtype=np.int64)
        numbers[mask] = symbols.codes - span.first
    middle = io.bits
    for value in numbers.tolist():
        io.direct(value, span.width)
    return middle - start, io.bits - middle


def read_raw(io: BitReader, total: int, span: Span) -> tuple[Codes, Codes]:
    """Positions and codes."""
    at = list(range(total))
    if io.direct(0, 1):
        at = [k for k in at if io.direct(0, 1)]
    codes = [io.direct(0, span.width) + span.first for _ in at]
    return np.array(at, dtype=np.int64), np.array(codes, dtype=np.int64)


def code_span(io: Bits, span: Span) -> Span:
    """Write or read it."""
    first, width = -number(io, -span.first), io.direct(span.width, 6)
    if first < -MAX_CODE or width > MAX_CODE.bit_length():
        raise damaged("values are wider than any weight")
    return Span(first, width)
