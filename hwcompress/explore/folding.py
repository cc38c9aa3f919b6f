# SPDX-License-Identifier: Apache-2.0
"""Which PE and SIMD a layer may have, and which of them are worth a look."""

from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from itertools import islice

from hwcompress.engines.base import ceil_div, clog2
from hwcompress.engines.plan import Layer
from hwcompress.ops import ConvCodes, Window

KEEP = 20  # foldings of a layer that the search looks at
KEEP_TILE = 6  # and those for the next smaller depth of a block RAM
BLOCK_DEPTHS = tuple(512 << k for k in range(6))  # words of a RAMB18 (DP16KD) at 36 .. 1 bits
SLACK = 1.25  # multipliers of a folding against the fewest
UNROLL_LIMIT = 1 << 17  # weights; beyond, reuse 1 is offered only where it is asked for

Folding = tuple[int, int]  # PE, SIMD


@lru_cache(maxsize=4096)
def minimal_sizes(count: int) -> list[int]:
    """Smallest size for each number of folds of `count`: {ceil(count / k)}."""
    return sorted({ceil_div(count, k) for k in range(1, count + 1)})


@lru_cache(maxsize=4096)
def divisors(count: int) -> list[int]:
    """All of them."""
    return [k for k in range(1, count + 1) if count % k == 0]


class Sizes:
    """Rows and columns of one layer, and the PE and SIMD that they allow.

    Of a layer without a matrix the lanes are PE, and SIMD is 1, or all taps of a pool.
    """

    def __init__(self, layer: Layer) -> None:
        """All sizes of a layer."""
        self.layer = layer
        op, window = layer.product, layer.window
        self.rows, self.columns = layer.outputs, layer.columns
        self.times = layer.positions if layer.matrix or window else layer.x.positions
        self.raster = _raster(layer, window) if window and window.taps > 1 else 0
        self.simd: Sequence[int] = minimal_sizes(self.columns)
        self._pe: Sequence[int] = minimal_sizes(self.rows)
        if window and (window.taps > 1 or (isinstance(op, ConvCodes) and op.groups > 1)):
            parts = 1 if layer.depthwise or not isinstance(op, ConvCodes) else self.columns // window.taps
            self.simd = [*divisors(parts), *([self.columns] if window.taps > 1 else [])]
        if isinstance(op, ConvCodes) and op.groups > 1:
            self._pe = divisors(self.rows if layer.depthwise else self.rows // op.groups)
        if layer.x.grid and not layer.matrix:
            self._pe = divisors(self.rows)
        if layer.flat:
            self._pe, self.simd = [self.rows], [self.columns]

    def pe(self, simd: int) -> Sequence[int]:
        """Those that go with a SIMD."""
        op = self.layer.product
        if self.scanned(simd) and not (isinstance(op, ConvCodes) and op.groups == 1):
            return [self.rows]  # channel by channel: all of them
        return self._pe

    def scanned(self, simd: int) -> bool:
        """Whether a step sees a whole window of more than one tap."""
        return bool(self.raster) and simd == self.columns

    def steps(self, folding: Folding) -> int:
        """Clocks that a frame takes at least."""
        if self.scanned(folding[1]):
            return self.raster + self.times * (ceil_div(self.rows, folding[0]) - 1)
        return self.times * self.reuse(folding)

    def reuse(self, folding: Folding) -> int:
        """Products of one position that share a multiplier."""
        return ceil_div(self.rows, folding[0]) * ceil_div(self.columns, folding[1])

    def row_steps(self, simd: int, interval: int) -> int:
        """Most row steps with which a frame stays within the interval; 0 if none."""
        if self.scanned(simd):
            return 1 + (interval - self.raster) // self.times if interval >= self.raster else 0
        return interval // (self.times * ceil_div(self.columns, simd))

    def least_pe(self, simd: int, row_steps: int) -> int | None:
        """The least PE with at most that many row steps."""
        sizes, least = self.pe(simd), ceil_div(self.rows, max(1, min(self.rows, row_steps)))
        return next((pe for pe in sizes[bisect_left(sizes, least) :]), None) if row_steps else None

    def legal_reuse(self) -> list[int]:
        """Every value of ceil(rows / PE) * ceil(columns / SIMD)."""
        return sorted({self.reuse((pe, simd)) for simd in self.simd for pe in self.pe(simd)})

    def intervals(self) -> set[int]:
        """Clocks that a frame can take."""
        return {self.steps((pe, simd)) for simd in self.simd for pe in self.pe(simd)}

    def foldings(self, interval: int) -> list[Folding]:
        """Those within `interval`: of few multipliers, that just fill block RAMs, of powers of two, and reuse 1."""
        kept = self._thrifty(interval)[:KEEP]
        tile = max([depth for depth in BLOCK_DEPTHS if depth * self.times < interval], default=0)
        if tile:
            kept += self._thrifty(tile * self.times)[:KEEP_TILE]
        kept += self._even(interval)
        most = (self.pe(self.simd[-1])[-1], self.simd[-1])
        if self.rows * self.columns <= UNROLL_LIMIT and (not kept or self.steps(most) <= interval):
            kept.append(most)
        return list(dict.fromkeys(kept)) or [most]

    def exact(self, reuse: int) -> list[Folding]:
        """Those with exactly this reuse, fewest multipliers first."""
        out = {f for simd in self.simd if (f := self._exact(reuse, simd))}
        return sorted(out, key=lambda f: (f[0] * f[1], f[1]))[:KEEP]

    def _exact(self, reuse: int, simd: int) -> Folding | None:
        column_steps = ceil_div(self.columns, simd)
        if reuse % column_steps:
            return None
        pe = self.least_pe(simd, reuse // column_steps)
        return (pe, simd) if pe and self.reuse((pe, simd)) == reuse else None

    def _even(self, interval: int) -> list[Folding]:
        """Foldings by powers of two: those of two neighbours always fit together without a copy."""
        out: list[Folding] = []
        for simd in self._powers(self.simd, self.columns):
            fits = (pe for pe in self._powers(self.pe(simd), self.rows) if self.steps((pe, simd)) <= interval)
            out += [(pe, simd) for pe in islice(fits, 1)]
        return out

    @staticmethod
    def strict(sizes: Sequence[int], count: int) -> bool:
        """Whether no other size than these may be; else all up to the largest."""
        return sizes is not minimal_sizes(count)

    @staticmethod
    def _powers(sizes: Sequence[int], count: int) -> list[int]:
        """1, 2, 4 ... as far as they are allowed, and the largest size. Where any fold is, any size is."""
        free = not Sizes.strict(sizes, count)
        powers = [1 << k for k in range(clog2(count)) if 1 << k < sizes[-1]]
        return [p for p in powers if free or p in sizes] + [sizes[-1]]

    def _thrifty(self, interval: int) -> list[Folding]:
        """Foldings within SLACK of the fewest multipliers, fewest first."""
        out: list[Folding] = []
        for simd in self.simd:
            pe = self.least_pe(simd, self.row_steps(simd, interval))
            if pe:
                out.append((pe, simd))
        out.sort(key=lambda f: (f[0] * f[1], f[1]))
        fewest = out[0][0] * out[0][1] if out else 0
        return [f for f in out if f[0] * f[1] <= SLACK * fewest]


def _raster(layer: Layer, window: Window) -> int:
    """Steps of hwc_scan for a frame."""
    rows, columns = layer.x.grid or (1, 1)
    out = layer.y.grid or (1, 1)
    last = [(n - 1) * s - b + r for n, s, b, r in zip(out, window.stride, window.before, window.reach, strict=True)]
    return max(rows, last[0]) * max(columns, last[1])
