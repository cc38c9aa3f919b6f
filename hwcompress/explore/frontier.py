# SPDX-License-Identifier: Apache-2.0
"""Fewest LUTs for every number of DSPs, over the chain of layers: a multiple-choice knapsack, solved exactly.

worst[d] = least LUTs of the layers so far with d DSPs, the last of them folded in one way; a layer adds

    next[f][d] = min over variants v of f: lut(v) + min over foldings e: worst[e][d - dsp(v)] + link(e, f)

(Kellerer, Pferschy, Pisinger, Knapsack Problems, 2004, 11.5: dynamic programming by capacity). A RAMB18 counts as
a given number of LUTs. Costs are those of layers alone, so the plans still have to be priced as a whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwcompress.explore.choices import Option
from hwcompress.hw.cells import Resources

NEVER = 1 << 50  # LUTs of what cannot be
SLOW = 1 << 40  # LUTs of a link that is slower than the interval: only where there is no other
Folding = list[Option]  # variants of one folding: engines and memories
Link = Resources | None
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Stage:
    """One layer: for each of its foldings [f, d], the variant taken and the folding of the layer before."""

    foldings: Sequence[Folding]
    variant: Ints
    before: Ints


class Frontier:
    """Plans by their number of DSPs."""

    def __init__(
        self, table: Sequence[Sequence[Folding]], links: Sequence[Sequence[Sequence[Link]]], limit: int, bram_luts: int
    ) -> None:
        """table [layer][folding][variant]; links [layer][folding][folding of the next layer]; limit in DSPs."""
        self._bram_luts = bram_luts
        least = sum(min(v.cost.dsp for f in layer for v in f) for layer in table)
        most = sum(max(v.cost.dsp for f in layer for v in f) for layer in table)
        self._size = max(least, min(limit, most)) + 1
        self._stages: list[_Stage] = []
        start = np.full((1, self._size), NEVER)
        start[0, 0] = 0
        worth: Ints = start
        for k, layer in enumerate(table):
            between = self._between(links[k - 1]) if k else np.zeros((1, len(layer)), dtype=np.int64)
            worth = self._add(layer, worth, between)
        self._last = worth
        self._luts: Ints = worth.min(axis=0)

    def steps(self) -> list[int]:
        """Numbers of DSPs at which one more saves LUTs, fewest first."""
        below = np.minimum.accumulate(self._luts)
        better = np.concatenate([[below[0] < NEVER], below[1:] < below[:-1]])
        return [int(d) for d in np.flatnonzero(better)]

    def luts(self, dsp: int) -> int:
        """Least LUTs with exactly so many DSPs."""
        return int(self._luts[dsp])

    def options(self, dsp: int) -> list[Option]:
        """The option of every layer."""
        folding = int(self._last[:, dsp].argmin())
        found: list[Option] = []
        for stage in reversed(self._stages):
            option = stage.foldings[folding][int(stage.variant[folding, dsp])]
            folding, dsp = int(stage.before[folding, dsp - option.cost.dsp]), dsp - option.cost.dsp
            found.append(option)
        return found[::-1]

    def _worth(self, cells: Resources) -> int:
        return cells.lut + self._bram_luts * cells.bram18

    def _between(self, links: Sequence[Sequence[Link]]) -> Ints:
        return np.array([[SLOW if cells is None else self._worth(cells) for cells in row] for row in links])

    def _add(self, layer: Sequence[Folding], worth: Ints, between: Ints) -> Ints:
        """One more layer: the new table [folding, d]."""
        shape = (len(layer), self._size)
        out, variant, before = np.full(shape, NEVER), np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        for f, variants in enumerate(layer):
            ways = worth + between[:, f, None]
            before[f] = ways.argmin(axis=0)
            reach: Ints = ways.min(axis=0)
            for v, option in enumerate(variants):
                self._take(out[f], variant[f], v, reach, option.cost)
        self._stages.append(_Stage(layer, variant, before))
        return np.minimum(out, NEVER)

    def _take(self, out: Ints, variant: Ints, v: int, reach: Ints, cost: Resources) -> None:
        """Offer a variant where it is better."""
        if cost.dsp >= self._size:
            return
        offer = reach[: self._size - cost.dsp] + self._worth(cost)
        better = offer < out[cost.dsp :]
        out[cost.dsp :][better] = offer[better]
        variant[cost.dsp :][better] = v
