# SPDX-License-Identifier: Apache-2.0
"""One matrix of weights, or one vector of biases, as few bytes as possible and back, bit for bit.

    raw         a bitmap of the positions (or all of them) and values of fixed width
    relative    gaps between entries and values at fixed width, as in Deep Compression
    huffman     the same with canonical Huffman codes
    arithmetic  adaptive binary arithmetic coding of the mask (`mask`) and the values (`values`)

The first two bits say which. The shape is the caller's. A zero with a minus sign comes back without it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from hwcompress.ir.fixed import Codes, Reals
from hwcompress.storage.bits import BitReader, BitWriter, damaged
from hwcompress.storage.mask import Layout, Mask, code_mask
from hwcompress.storage.rangecoder import Decoder, Encoder
from hwcompress.storage.relative import NO_SPAN, Span, code_span, plan, read_raw, read_sparse, write_raw, write_sparse
from hwcompress.storage.symbols import NO_SYMBOLS, Kind, Symbols, choices, code_head, head_bits
from hwcompress.storage.values import MANY, code_values, guess

Method: TypeAlias = Literal["raw", "relative", "huffman", "arithmetic"]
METHODS: tuple[Method, ...] = ("raw", "relative", "huffman", "arithmetic")
TRIED = 4096  # values up to which every kind of symbols is tried; above, the kinds are estimated


@dataclass(frozen=True)
class Parts:
    """Where the bytes of one matrix went, counted as they were written. An entry is a non-zero weight or a filler."""

    method: Method
    weights: int
    nonzero: int
    fillers: int
    kind: Kind | Literal["hashed"]
    codebook: int | None  # entries, if there is one
    value_bits: float  # of an entry, at fixed width
    coded_value_bits: float  # of an entry, as written
    index_bits: float  # of an entry, as a gap of the best fixed width
    coded_index_bits: float  # of an entry, as written
    value_entropy: float  # bits, of the non-zero values
    gap_entropy: float  # bits, of the gaps of the best fixed width
    head_bytes: float  # kind, exponents, codebook
    index_bytes: float  # with the tables of their codes
    value_bytes: float
    total: int  # bytes


@dataclass(frozen=True, eq=False)
class Encoded:
    """Bytes, and what they hold."""

    data: bytes
    parts: Parts


def encode(values: Reals, grid: Layout | None = None, method: str = "best") -> Encoded:
    """Bytes of a matrix [m, n]. `grid`: rows, columns, channels of the map that its n columns read, channels innermost.

    Raises:
        ValueError: values that are not finite float32 numbers, a grid of another size, an unknown method.
    """
    if values.ndim != 2 or not values.size or (grid is not None and math.prod(grid) != values.shape[1]):
        raise ValueError(f"wanted [m, n] and a grid of n columns, got {values.shape} and {grid}")
    if not _is_float32(values):
        raise ValueError("wanted finite values that float32 holds exactly")
    if method != "best" and method not in METHODS:
        raise ValueError(f"wanted 'best' or one of {', '.join(METHODS)}, got {method!r}")
    matrix = _Matrix(values, grid)
    made = [matrix.write(m) for m in METHODS if method in (m, "best")]
    return min(made, key=lambda e: len(e.data))


def decode(data: bytes, shape: tuple[int, int], grid: Layout | None = None) -> Reals:
    """The matrix [m, n] that `encode` wrote for the same grid.

    Raises:
        BadInput: the bytes are damaged.
    """
    mixed = bool(data) and METHODS[data[0] >> 6] == "arithmetic"
    found = _unmixed(data, shape, grid) if mixed else _unpacked(data, shape)
    out = np.zeros(shape)
    real = found.codes != 0
    rows, columns = found.rows[real], found.columns[real]
    out[rows, columns] = found.symbols.values(found.codes[real], rows)
    if found.left:
        raise damaged(f"{found.left} bytes are left over")
    if not _is_float32(out):
        raise damaged("a weight is not a float32 number")
    return out


def _is_float32(values: Reals) -> bool:
    with np.errstate(over="ignore", under="ignore"):
        return bool(np.isfinite(values).all()) and np.array_equal(values.astype(np.float32), values)


class _Matrix:
    """A matrix about to be written."""

    def __init__(self, values: Reals, grid: Layout | None) -> None:
        self._grid = grid
        self._mask: Mask = values != 0
        self._rows, columns = np.nonzero(self._mask)
        self._positions: Codes = self._rows * values.shape[1] + columns
        self._values = values[self._mask]
        self._choices = list(choices(self._values, self._rows))
        self._live: list[int] = np.unique(self._rows).tolist()

    def write(self, method: Method) -> Encoded:
        """By one method, with the symbols that suit it best."""
        if method == "arithmetic":
            return self._mix(_cheapest(self._choices, self._live, self._mask, self._grid))
        every = range(len(self._mask))
        widths = [Span.of(s).width * s.codes.size + head_bits(s, every, len(every)) for s in self._choices]
        return self._pack(method, self._choices[int(np.argmin(widths))])

    def _mix(self, symbols: Symbols) -> Encoded:
        io = Encoder()
        io.direct(METHODS.index("arithmetic"), 2)
        code_mask(io, self._mask, self._grid)
        index = io.bits
        code_head(io, symbols, self._live, len(self._mask), self._values.size)
        head = io.bits
        code_values(io, symbols.codes.tolist(), self._mask, self._grid, symbols.scale)
        bits = {"index": index, "head": head - index, "values": io.bits - head}
        return self._encoded("arithmetic", io.finish(), symbols, bits)

    def _pack(self, method: Method, symbols: Symbols) -> Encoded:
        io = BitWriter()
        io.direct(METHODS.index(method), 2)
        code_head(io, symbols, range(len(self._mask)), len(self._mask), self._mask.size)
        code_span(io, Span.of(symbols))
        head = io.bits
        if method == "raw":
            index, values, entries = *write_raw(io, self._mask.ravel(), symbols), self._values.size
        else:
            sparse = plan(self._positions, symbols, method == "huffman")
            index, values, entries = *write_sparse(io, sparse), sparse.gaps.size
        return self._encoded(method, io.finish(), symbols, {"index": index, "head": head, "values": values}, entries)

    def _encoded(
        self, method: Method, data: bytes, symbols: Symbols, bits: Mapping[str, float], entries: int | None = None
    ) -> Encoded:
        count = self._values.size
        entries = count if entries is None else entries
        gaps = plan(self._positions, symbols, coded=False)
        each = max(1, entries)
        parts = Parts(
            method=method,
            weights=self._mask.size,
            nonzero=count,
            fillers=entries - count,
            kind=symbols.kind,
            codebook=symbols.book.size if symbols.kind == "codebook" else None,
            value_bits=float(Span.of(symbols).width),
            coded_value_bits=bits["values"] / each,
            index_bits=float(gaps.width) if count else 0.0,
            coded_index_bits=bits["index"] / each,
            value_entropy=_entropy(self._values),
            gap_entropy=_entropy(gaps.gaps),
            head_bytes=bits["head"] / 8,
            index_bytes=bits["index"] / 8,
            value_bytes=bits["values"] / 8,
            total=len(data),
        )
        return Encoded(data, parts)


def _entropy(values: "Reals | Codes") -> float:
    """Bits of a value, drawn as often as it occurs."""
    share = np.unique(values, return_counts=True)[1] / max(1, values.size)
    return float(-(share * np.log2(share)).sum()) + 0.0


def _cheapest(among: Sequence[Symbols], live: Sequence[int], mask: Mask, grid: Layout | None) -> Symbols:
    """The symbols that take the fewest bits: all tried, or of many values the two that seem to."""
    if len(among) == 1:
        return among[0]
    if among[0].codes.size > TRIED:
        among = sorted(among, key=lambda s: guess(s.codes, s.scale) + head_bits(s, live, len(mask)))[:2]
    if among[0].codes.size > MANY:
        return among[0]

    def size(symbols: Symbols) -> float:
        io = Encoder()
        code_head(io, symbols, live, len(mask), symbols.codes.size)
        code_values(io, symbols.codes.tolist(), mask, grid, symbols.scale)
        return io.bits

    return min(among, key=size)


@dataclass(frozen=True, eq=False)
class _Found:
    """What was read."""

    codes: Codes
    rows: Codes
    columns: Codes
    symbols: Symbols
    left: int  # bytes


def _unmixed(data: bytes, shape: tuple[int, int], grid: Layout | None) -> _Found:
    io = Decoder(data)
    io.direct(0, 2)
    mask = code_mask(io, np.zeros(shape, dtype=np.bool_), grid)
    rows, columns = np.nonzero(mask)
    symbols = code_head(io, NO_SYMBOLS, np.unique(rows).tolist(), shape[0], rows.size)
    codes = code_values(io, [0] * rows.size, mask, grid, symbols.scale)
    return _Found(np.array(codes, dtype=np.int64), rows, columns, symbols, io.left)


def _unpacked(data: bytes, shape: tuple[int, int]) -> _Found:
    io = BitReader(data)
    method = METHODS[io.direct(0, 2)]
    total = math.prod(shape)
    symbols = code_head(io, NO_SYMBOLS, range(shape[0]), shape[0], total)
    span = code_span(io, NO_SPAN)
    positions, codes = read_raw(io, total, span) if method == "raw" else read_sparse(io, total, span)
    return _Found(codes, positions // shape[1], positions % shape[1], symbols, io.left)
