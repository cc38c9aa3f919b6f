# SPDX-License-Identifier: Apache-2.0
"""Which weights of a matrix are not zero: rows and columns that are empty, then every other position.

The probability of a position is mixed (`mixing`) from how full its column was in the rows before, the same of its
neighbours in the map, these in the last rows, the row so far, this place of the map so far, and which neighbours in
the row are not zero. Where a constant number of some columns is kept (N:M), their pattern stands for the neighbours.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hwcompress.ir.fixed import Codes
from hwcompress.storage.bits import damaged
from hwcompress.storage.logistic import LOG, LOG_ONE, REACH, SQUASH, STRETCH, STRETCHED
from hwcompress.storage.mixing import CERTAIN, NEXT, RATE, ROUND, STEP, Adaptive
from hwcompress.storage.rangecoder import ONE, Coder

Mask: TypeAlias = NDArray[np.bool_]
Layout = tuple[int, int, int]  # of the columns: rows, columns, channels of the map
Weights: TypeAlias = tuple[int, int, int, int, int, int, int]  # of the guesses, in 2^-16

LEFT, ABOVE, ABOVE_LEFT, ABOVE_RIGHT, LEFT_2, ABOVE_2 = 1, 2, 4, 8, 16, 32
PATTERNS = 64
NEAR = [min(3, (x & 1) + (x >> 1 & 1) + (x & 15 > 3)) for x in range(PATTERNS)]
PERIODS = 0, 4, 8, 16  # columns of which a constant number may be kept, as in N:M pruning
LEVELS = 24  # of how full a column and its neighbours are
KEEP = 300  # of 1024: what the recent density keeps from row to row
START = 10000  # first guess of a density, in 2^-16
WEIGHTS_MAP: Weights = (6500, 1800, 23600, 31300, 45900, 13000, 6500)
WEIGHTS_PERIOD: Weights = (0, 0, 65536, 0, 0, 0, 0)
WEIGHTS_PLAIN: Weights = (21900, 10500, 10500, 6500, 40000, 0, 18500)
PRIOR_COLUMN, PRIOR_NEAR, PRIOR_ROW, PRIOR_PLACE = 6, 6, 5, 3  # imagined observations


def code_mask(coder: Coder, mask: Mask, layout: Layout | None) -> Mask:
    """Write a mask [m, n] or, if the coder reads, the one it finds; `mask` is then only a shape."""
    m, n = mask.shape
    model = Adaptive(coder, 1)
    if model.code(int(mask.all()), 0):
        return np.ones((m, n), dtype=np.bool_)
    rows = _code_alive(coder, [bool(row.any()) for row in mask], 1, m)
    _, across, channels = layout or (1, n, 1)
    columns = _code_alive(coder, np.logical_or.reduce(mask, axis=0).tolist(), channels, across * channels)
    out = np.zeros((m, n), dtype=np.bool_)
    live = np.flatnonzero(columns)
    if live.size:
        period = PERIODS[coder.direct(PERIODS.index(_period(mask)), 2)]
        if period and n % period:
            raise damaged("the columns are no whole number of groups")
        walk = _Walk(coder, n, live, layout, period)
        for i in np.flatnonzero(rows).tolist():
            out[i, live] = walk.row(mask[i, live].tolist())
    return out


def _period(mask: Mask) -> int:
    """Columns of the smallest groups that nearly all keep the same number, neither none nor all; 0: no such groups."""
    for period in PERIODS[1:]:
        if mask.shape[1] % period == 0:
            kept = np.bincount(np.count_nonzero(mask.reshape(-1, period), axis=1), minlength=period + 1)
            if 10 * int(kept[1:period].max()) > 9 * int(kept.sum()):
                return period
    return 0


def _code_alive(coder: Coder, alive: Sequence[bool], back: int, above: int) -> Mask:
    """One decision for each row or column, after the one `back` before it and the one `above` it."""
    model = Adaptive(coder, 4)
    known = [1] * above
    for bit in alive:
        known.append(model.code(int(bit), known[-back] + 2 * known[-above]))
    return np.array(known[above:], dtype=np.bool_)


class _Walk:
    """The model of the live columns, learning from row to row."""

    def __init__(self, coder: Coder, n: int, live: Codes, layout: Layout | None, period: int) -> None:
        self._coder = coder
        self._live = live
        self._layout = layout or (1, n, 1)
        self._plain = layout is None
        self._counts = np.zeros(n, dtype=np.int64)
        self._recent = np.zeros(n, dtype=np.int64)
        self._rows = 0
        line = n + 2 * self._layout[1] * self._layout[2] + 1
        self._period = period
        self._patterns: list[int] = ((np.arange(line) % max(1, period)) * (period + 1)).tolist()
        self._near = [0] * period * (period + 1) if period else NEAR
        size = len(self._near) + 4 * LEVELS
        self._p: list[int] = [0] * size
        self._n: list[int] = [0] * size
        self._weights: Weights = WEIGHTS_PERIOD if period else WEIGHTS_PLAIN if self._plain else WEIGHTS_MAP
        channels = self._layout[2]
        place = live // channels
        self._chunks = _chunks(place if channels > 1 else live // n, 4 if channels > 1 else 8)
        self._at: list[int] = live.tolist()

    def row(self, bits: list[bool]) -> list[int]:
        """Write or read the live positions of one row."""
        share, column, near, recent = self._densities()
        self._p = [p if k else share << 6 for p, k in zip(self._p, self._n, strict=True)]
        level = len(self._near) + 4 * np.clip((STRETCHED[near] + REACH - 300) // 170, 0, LEVELS - 1)
        guesses = [STRETCHED[x].tolist() for x in (column, near, recent)]
        found = self._positions(bits, column.tolist(), level.tolist(), *guesses)
        new = np.array(found, dtype=np.int64)
        self._counts[self._live] += new
        self._recent = self._recent * KEEP >> 10
        self._recent[self._live] += new * (1024 - KEEP << 6)
        self._rows += 1
        return found

    def _densities(self) -> tuple[int, Codes, Codes, Codes]:
        """In 2^-16: of the matrix so far; of each live column, of it and its neighbours, of these in the last rows."""
        counts, rows, live = self._counts, self._rows, self._live
        share = max(1, (int(counts.sum()) * ONE + START * live.size) // ((rows + 1) * live.size))
        column = (counts[live] * ONE + PRIOR_COLUMN * share) // (rows + PRIOR_COLUMN)
        near, recent = column, self._recent[live]
        if not self._plain:
            near = (_around(counts, self._layout)[live] * ONE // 9 + PRIOR_NEAR * share) // (rows + PRIOR_NEAR)
            recent = _around(self._recent, self._layout)[live] // 9
        recent = (5 * recent + near) // 6
        column, near, recent = (np.clip(x, 1, ONE - 1) for x in (column, near, recent))
        return share, column, near, recent

    def _positions(
        self, bits: list[bool], expected: list[int], level: list[int], c: list[int], near: list[int], recent: list[int]
    ) -> list[int]:
        """The hot loop: all that a decision needs, without a call but the coder's."""
        code, at, p, n, by_near = self._coder.code, self._at, self._p, self._n, self._near
        pattern = self._patterns.copy()
        w0, w1, w2, w3, w4, w5, w6 = self._weights
        rate = 3 + 48 // (self._rows + 4)
        ones = mean = place_ones = place_mean = 0
        found: list[int] = []
        for start, end, new in self._chunks:
            if new:
                place_ones = place_mean = 0
            x4 = _ratio(ones, mean, PRIOR_ROW)
            x5 = _ratio(place_ones, place_mean, PRIOR_PLACE)
            for k in range(start, end):
                here = pattern[at[k]]
                there = level[k] + by_near[here]
                p2, p3 = p[here], p[there]
                x0, x1, x2, x3, x6 = c[k], near[k], STRETCH[p2 >> 6], STRETCH[p3 >> 6], recent[k]
                logit = x0 * w0 + x1 * w1 + x2 * w2 + x3 * w3 + x4 * w4 + x5 * w5 + x6 * w6 >> 16
                chance = SQUASH[logit + REACH] if -REACH <= logit < REACH else (65535 if logit > 0 else 1)
                bit = code(bits[k], chance)
                found.append(bit)
                if bit:
                    self._mark(pattern, at[k])
                    ones += 1
                    place_ones += 1
                    error = (ONE - chance) * rate
                    p[here] = p2 + ((CERTAIN - p2) * RATE[n[here]] >> 16)
                    p[there] = p3 + ((CERTAIN - p3) * RATE[n[there]] >> 16)
                else:
                    error = -chance * rate
                    p[here] = p2 - (p2 * RATE[n[here]] >> 16)
                    p[there] = p3 - (p3 * RATE[n[there]] >> 16)
                n[here] = NEXT[n[here]]
                n[there] = NEXT[n[there]]
                mean += expected[k]
                place_mean += expected[k]
                w0 += x0 * error + ROUND >> STEP
                w1 += x1 * error + ROUND >> STEP
                w2 += x2 * error + ROUND >> STEP
                w3 += x3 * error + ROUND >> STEP
                w4 += x4 * error + ROUND >> STEP
                w5 += x5 * error + ROUND >> STEP
                w6 += x6 * error + ROUND >> STEP
        self._weights = (w0, w1, w2, w3, w4, w5, w6)
        return found

    def _mark(self, pattern: list[int], j: int) -> None:
        """Tell the neighbours to come that position j is not zero."""
        if self._period:
            for later in range(j + 1, (j // self._period + 1) * self._period):
                pattern[later] += 1
            return
        _, width, channels = self._layout
        line = width * channels
        x = j % line // channels
        pattern[j + line] |= ABOVE
        pattern[j + 2 * line] |= ABOVE_2
        if x + 1 < width:
            pattern[j + channels] |= LEFT
            pattern[j + line + channels] |= ABOVE_LEFT
        if x + 2 < width:
            pattern[j + 2 * channels] |= LEFT_2
        if x:
            pattern[j + line - channels] |= ABOVE_RIGHT


def _around(columns: Codes, layout: Layout) -> Codes:
    """Sums of 3 x 3 of a map, that of its edge repeated outside."""
    height, width, _ = layout
    padded = np.pad(columns.reshape(layout), ((1, 1), (1, 1), (0, 0)), mode="edge")
    total = np.zeros(layout, dtype=np.int64)
    for y in range(3):
        for x in range(3):
            total += padded[y : y + height, x : x + width]
    return total.reshape(-1)


def _chunks(place: Codes, most: int) -> list[tuple[int, int, bool]]:
    """Start, end and whether a new place begins, of stretches of at most `most` positions in one place."""
    edges = [0, *(np.flatnonzero(np.diff(place)) + 1).tolist(), place.size]
    return [
        (start, min(start + most, end), start == begin)
        for begin, end in pairwise(edges)
        for start in range(begin, end, most)
    ]


def _ratio(ones: int, mean: int, prior: int) -> int:
    """Logarithm of what was found over what was expected (in 2^-16), both with `prior` more."""
    return LOG[min((ones + prior) * LOG_ONE * ONE // (mean + prior * ONE), 65535)]
