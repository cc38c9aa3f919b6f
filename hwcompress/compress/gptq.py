# SPDX-License-Identifier: Apache-2.0
"""GPTQ and SparseGPT: columns in a fixed order, each error handed on to the columns behind it.

Frantar, Ashkboos, Hoefler, Alistarh, "GPTQ", arXiv:2210.17323, algorithm 1: U upper with Hinv = U^T U; for column j
e = (w_j - q) / U_jj, w[j+1:] -= e U[j, j+1:]. Frantar, Alistarh, "SparseGPT", arXiv:2301.00774, algorithm 1: the same
pass, where q = 0 for the weights of least w^2 / U_jj^2 among LAZY columns (n:m: among m columns).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from hwcompress.compress.grids import Kind, Kinds, WeightGrid, candidates
from hwcompress.compress.reconstruct import (
    STANDARD,
    Layer,
    Mask,
    Pattern,
    Patterns,
    Settings,
    Shares,
    best_rows,
    by_layer,
    factored,
    layerwise,
    targets,
)
from hwcompress.errors import BadInput
from hwcompress.ir.fixed import Codes, Reals
from hwcompress.ir.graph import Graph, Op

LAZY = 128  # columns whose errors are handed on together
Wish: TypeAlias = float | Pattern | None
Pick: TypeAlias = Callable[[Reals, slice, float], Reals]  # weights [k] of rows, loss of a squared error: new weights


def quantize_gptq(
    graph: Graph[Op],
    x: Reals,
    kinds: Kinds,
    *,
    by_energy: bool = False,
    finer: int = 0,
    settings: Settings = STANDARD,
) -> Graph[Op]:
    """GPTQ: the weights of every layer onto its grid. Zeros stay.

    x: calibration data [samples, *graph.shape]. `by_energy`: columns of large diagonal of H first ("act-order" of its
    authors' code). `finer`: fixed-point exponents of a row up to so many bits beside the one of least weight error are
    tried too.

    Raises:
        BadInput: a kind or name makes no sense, or x does not fit.
    """
    wanted = by_layer(graph, kinds)

    def solve(layer: Layer) -> Reals | None:
        if layer.name not in wanted:
            return None
        return gptq_layer(layer, None, wanted[layer.name], by_energy=by_energy, finer=finer)

    return layerwise(graph, x, solve, settings)


def sparsegpt(
    graph: Graph[Op],
    x: Reals,
    sparsity: Shares | None = None,
    kinds: Kinds | None = None,
    *,
    pattern: Patterns | None = None,
    by_energy: bool = False,
    finer: int = 0,
    settings: Settings = STANDARD,
) -> Graph[Op]:
    """SparseGPT: a share of each layer's weights, or all but n of every m, to 0; those left onto a grid, if given.

    x: calibration data [samples, *graph.shape]. The share is that of every LAZY columns; where more are zero already,
    they stay. Other arguments as of quantize_gptq.

    Raises:
        BadInput: a share, pattern, kind or name makes no sense, or x does not fit.
    """
    if pattern is not None and by_energy:
        raise BadInput("sparsegpt: a pattern wants the columns in their own order, got by_energy. Try: by_energy=False")
    shares = targets(graph, sparsity, pattern)
    grids = by_layer(graph, kinds) if kinds is not None else {}

    def solve(layer: Layer) -> Reals | None:
        wish, kind = shares.get(layer.name), grids.get(layer.name)
        if wish is None and kind is None:
            return None
        return gptq_layer(layer, wish, kind, by_energy=by_energy, finer=finer)

    return layerwise(graph, x, solve, settings)


def gptq_layer(layer: Layer, wish: Wish, kind: Kind | None, *, by_energy: bool = False, finer: int = 0) -> Reals:
    """New weights [m, c] of a layer."""
    picks: list[Pick] = [_same]
    if kind is not None:
        picks = [_nearest(grid) for grid in candidates(kind, layer.refitted(), finer)]
    first, kept = gptq_pass(layer, layer.kept, wish, picks[0], by_energy=by_energy)
    others = [gptq_pass(layer, kept, None, pick, by_energy=by_energy)[0] for pick in picks[1:]]
    return best_rows(layer, [first, *others])


def _same(weight: Reals, _rows: slice, _loss: float) -> Reals:
    return weight


def _nearest(grid: WeightGrid) -> Pick:
    return lambda weight, rows, _: grid.nearest(weight, rows)


def gptq_pass(layer: Layer, kept: Mask, wish: Wish, pick: Pick, *, by_energy: bool = False) -> tuple[Reals, Mask]:
    """One pass over a layer: weights and which of them are not pruned, both [m, c]."""
    weight, stays = np.zeros_like(layer.goal), kept.copy()
    quota = _Quota(wish) if isinstance(wish, float | int) else None
    pattern = wish if isinstance(wish, tuple) else None
    for rows, h, dead in layer.groups():
        order = np.argsort(-np.diag(h), kind="stable") if by_energy else np.arange(len(h))
        factor = _upper(layer.name, h[np.ix_(order, order)])
        run = _Pass(layer.goal[rows][:, order], kept[rows][:, order], dead[order], factor, rows, pick)
        run.columns(quota, pattern)
        weight[rows, order] = run.weight
        stays[rows, order] = run.kept
    return weight, stays


def _upper(name: str, h: Reals) -> Reals:
    """U with H^-1 = U^T U: the inverse of L with H = L L^T, both read from the last column to the first."""
    root = np.linalg.inv(factored(name, h[::-1, ::-1]))
    return root[::-1, ::-1].astype(np.float64, copy=False)


class _Quota:
    """How many weights of the next so many are pruned, so that it comes out even over the layer."""

    def __init__(self, share: float) -> None:
        self.share, self.seen = share, 0

    def of(self, size: int) -> int:
        before, self.seen = round(self.share * self.seen), self.seen + size
        return round(self.share * self.seen) - before


@dataclass(eq=False)
class _Pass:
    """Over the columns of one group."""

    weight: Reals  # [k, c]: goal, then result
    kept: Mask  # [k, c]
    dead: Mask  # [c]
    factor: Reals  # U [c, c]
    rows: slice  # of the layer
    pick: Pick

    def columns(self, quota: _Quota | None, pattern: Pattern | None) -> None:
        """All, LAZY at a time."""
        c = len(self.factor)
        lazy = LAZY if pattern is None else pattern[1] * max(1, LAZY // pattern[1])
        for a in range(0, c, lazy):
            b = min(a + lazy, c)
            if quota is not None:
                self._prune_block(slice(a, b), quota.of(len(self.weight) * (b - a)))
            errors = np.zeros((len(self.weight), b - a))
            for j in range(a, b):
                if pattern is not None and j % pattern[1] == 0:
                    self._prune_rows(slice(j, min(j + pattern[1], c)), pattern[0])
                errors[:, j - a] = self._column(j, b)
            self.weight[:, b:] -= errors @ self.factor[a:b, b:]

    def _column(self, j: int, end: int) -> Reals:
        """Fix column j; what it leaves over goes to the columns before `end`, and is returned [k]."""
        old, own = self.weight[:, j].copy(), float(self.factor[j, j])
        new = np.where(self.kept[:, j], self.pick(old, self.rows, 0.5 / own**2), 0.0)
        error = (old - new) / own
        self.weight[:, j:end] -= error[:, None] * self.factor[j, j:end]
        self.weight[:, j] = new
        return error

    def _scores(self, block: slice) -> Reals:
        """Loss of pruning each weight [k, columns]; pruned ones first, then those of dead inputs."""
        scores = (self.weight[:, block] / np.diag(self.factor)[block]) ** 2
        scores[:, self.dead[block]] = 0.0
        scores[~self.kept[:, block]] = -1.0
        return scores

    def _prune_block(self, block: slice, count: int) -> None:
        scores = self._scores(block)
        gone = np.argsort(scores, axis=None, kind="stable")[:count]
        self._drop(block, np.unravel_index(gone, scores.shape))

    def _prune_rows(self, block: slice, n: int) -> None:
        scores = self._scores(block)
        gone = np.argsort(scores, axis=1, kind="stable")[:, : max(0, scores.shape[1] - n)]
        self._drop(block, (np.arange(len(scores))[:, None], gone))

    def _drop(self, block: slice, at: tuple[Codes, ...]) -> None:
        kept = self.kept[:, block]
        kept[at] = False
