# SPDX-License-Identifier: Apache-2.0
"""Optimal brain surgeon, row by row: exact greedy pruning and quantization (OBC).

Frantar, Singh, Alistarh, "Optimal Brain Compression", arXiv:2208.11580: ExactOBS (algorithm 1), its global selection
over rows (section 4), N:M and blocks, OBQ (section 5, algorithm 3).
"""

from dataclasses import dataclass

import numpy as np

from hwcompress.compress.downdate import Inverses
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
    inverse,
    layerwise,
    refit,
    targets,
)
from hwcompress.errors import BadInput
from hwcompress.ir.fixed import Codes, Reals
from hwcompress.ir.graph import Graph, Op

BATCH = 1 << 24  # elements of inverse Hessians at a time
SURPLUS = 1.3  # steps of a row's trace, over those of the mean row


def prune_obs(
    graph: Graph[Op],
    x: Reals,
    sparsity: Shares | None = None,
    *,
    pattern: Patterns | None = None,
    block: int = 1,
    settings: Settings = STANDARD,
) -> Graph[Op]:
    """ExactOBS: zero a share of each layer's weights, or all but n of every m; those left make up for them.

    x: calibration data [samples, *graph.shape]. `block`: neighbours along a row that go together. A row loses what
    costs least over all rows of its layer; its losses are made rising first, so that it loses a prefix of its trace.

    Raises:
        BadInput: a share, pattern, block or name makes no sense, or x does not fit.
    """
    wanted = _wanted(graph, sparsity, pattern, block)

    def solve(layer: Layer) -> Reals | None:
        return obs_layer(layer, wanted[layer.name], block) if layer.name in wanted else None

    return layerwise(graph, x, solve, settings)


def quantize_obq(
    graph: Graph[Op], x: Reals, kinds: Kinds, *, finer: int = 0, settings: Settings = STANDARD
) -> Graph[Op]:
    """OBQ: one weight of each row after another onto its grid, least error first; those left make up for it.

    x: calibration data [samples, *graph.shape]. Zeros stay. `finer`: fixed-point exponents of a row up to so many bits
    beside the one of least weight error are tried too.

    Raises:
        BadInput: a kind or name makes no sense, or x does not fit.
    """
    wanted = by_layer(graph, kinds)

    def solve(layer: Layer) -> Reals | None:
        return obq_layer(layer, wanted[layer.name], finer) if layer.name in wanted else None

    return layerwise(graph, x, solve, settings)


def obc_joint(
    graph: Graph[Op],
    x: Reals,
    sparsity: Shares | None,
    kinds: Kinds,
    *,
    pattern: Patterns | None = None,
    block: int = 1,
    finer: int = 0,
    settings: Settings = STANDARD,
) -> Graph[Op]:
    """ExactOBS, then OBQ of what is left, layer by layer on the same Hessian (section 6, "joint").

    Arguments and errors as of prune_obs and quantize_obq.
    """
    shares, grids = _wanted(graph, sparsity, pattern, block), by_layer(graph, kinds)

    def solve(layer: Layer) -> Reals | None:
        weight = obs_layer(layer, shares[layer.name], block) if layer.name in shares else None
        if layer.name not in grids:
            return weight
        rest = layer if weight is None else layer.left(weight)
        return obq_layer(rest, grids[layer.name], finer)

    return layerwise(graph, x, solve, settings)


def _wanted(
    graph: Graph[Op], sparsity: Shares | None, pattern: Patterns | None, block: int
) -> dict[str, float | Pattern]:
    if block < 1 or (block > 1 and pattern is not None):
        raise BadInput(f"block: 1 or more weights wanted, 1 with a pattern, got {block}. Try: block=1")
    return targets(graph, sparsity, pattern)


def obs_layer(layer: Layer, wanted: float | Pattern, block: int = 1) -> Reals:
    """New weights [m, c] of a layer, pruned by a share or (n, m)."""
    m, c = layer.weight.shape
    blocks = -(-c // block)
    kept, parts = layer.kept, list(layer.groups())
    if isinstance(wanted, tuple):
        for rows, h, dead in parts:
            trace = _trace(layer, rows, inverse(layer.name, h), dead, 1, blocks, wanted)
            kept[rows] &= _stays(trace.order, trace.order >= 0, c, 1)
    else:
        count = round(wanted * m * blocks)
        steps = min(blocks, int(SURPLUS * wanted * blocks) + 1)
        inverses = [inverse(layer.name, h) for _, h, _ in parts]
        while True:
            traces = [
                _trace(layer, r, inv, dead, block, steps) for (r, _, dead), inv in zip(parts, inverses, strict=True)
            ]
            chosen = _cheapest(np.concatenate([t.losses for t in traces]), count)
            if steps == blocks or not chosen[:, -1].any():
                break
            steps = min(blocks, steps + -(-steps // 2))
        for trace, (rows, _, _) in zip(traces, parts, strict=True):
            kept[rows] &= _stays(trace.order, chosen[rows], c, block)
    out = np.zeros_like(layer.goal)
    for rows, h, _ in parts:
        out[rows] = refit(layer.goal[rows], kept[rows], h)
    return out


@dataclass(frozen=True, eq=False)
class _Trace:
    """In which order every row of a group loses its blocks, -1 where no more can go, and what each costs."""

    order: Codes  # [m, steps]
    losses: Reals  # [m, steps] rising; -1 for what is pruned already


def _trace(
    layer: Layer, rows: slice, inv: Reals, dead: Mask, block: int, steps: int, pattern: Pattern | None = None
) -> _Trace:
    pad = -len(inv) % block
    if pad:
        inv = np.block([[inv, np.zeros((len(inv), pad))], [np.zeros((pad, len(inv))), np.eye(pad)]])
    goal = np.pad(np.where(dead, 0.0, layer.goal[rows]), ((0, 0), (0, pad)))
    alive: Mask = np.pad(layer.kept[rows], ((0, 0), (0, pad)))
    pruned = np.logical_not(alive.reshape(len(goal), -1, block).any(axis=2))
    size = max(1, BATCH // len(inv) ** 2)
    parts = [
        _trace_batch(goal[a : a + size], pruned[a : a + size], inv, block, steps, pattern)
        for a in range(0, len(goal), size)
    ]
    return _Trace(np.concatenate([p.order for p in parts]), np.concatenate([p.losses for p in parts]))


def _trace_batch(goal: Reals, pruned: Mask, inv: Reals, block: int, steps: int, pattern: Pattern | None) -> _Trace:
    """The greedy elimination of some rows [k, c] at the same pace; pruned: [k, blocks] go first, at no cost."""
    weight, gone = goal.copy(), np.zeros_like(pruned)
    inverses = Inverses(inv, len(goal), block)
    at = np.arange(len(goal))
    order, losses = np.full((len(goal), steps), -1), np.full((len(goal), steps), np.inf)
    for step in range(steps):
        scores = np.where(gone, np.inf, inverses.scores(weight))
        if pattern is not None:
            scores[_full(gone, pattern)] = np.inf
        scores[pruned & ~gone] = -1.0
        best: Reals = scores.min(axis=1)
        if np.isinf(best).all():
            break
        first: Codes = scores.argmin(axis=1)
        chosen = np.where(best < np.inf, first, np.argmin(gone, axis=1).astype(np.int64))
        order[:, step] = np.where(best < np.inf, chosen, -1)
        error = weight.reshape(len(goal), -1, block)[at, chosen]
        loss = inverses.eliminate(weight, chosen, error)
        losses[:, step] = np.where(best < 0, -1.0, np.where(best < np.inf, loss, np.inf))
        weight.reshape(len(goal), -1, block)[at, chosen] = 0.0
        gone[at, chosen] = True
    return _Trace(order, np.maximum.accumulate(losses, axis=1))


def _full(gone: Mask, pattern: Pattern) -> Mask:
    """Weights [k, c] in buckets of m that hold all their zeros, of which n of every m weights are spared."""
    n, m = pattern
    c = gone.shape[1]
    starts: Codes = np.arange(0, c, m, dtype=np.int64)
    sizes = np.minimum(c - starts, m)
    full: Mask = np.add.reduceat(gone, starts, axis=1, dtype=np.int64) >= np.maximum(sizes - n, 0)
    return full.repeat(sizes, axis=1)


def _cheapest(losses: Reals, count: int) -> Mask:
    """The `count` smallest [m, steps]; ties go to the first in order."""
    chosen = np.zeros(losses.size, dtype=bool)
    chosen[np.argsort(losses, axis=None, kind="stable")[:count]] = True
    return chosen.reshape(losses.shape)


def _stays(order: Codes, chosen: Mask, c: int, block: int) -> Mask:
    """Weights [m, c] outside the chosen blocks."""
    stays = np.ones((len(order), -(-c // block)), dtype=bool)
    rows, steps = np.nonzero(chosen)
    stays[rows, order[rows, steps]] = False
    return stays.repeat(block, axis=1)[:, :c]


def obq_layer(layer: Layer, kind: Kind, finer: int = 0) -> Reals:
    """New weights [m, c] of a layer, on the grid; its zeros stay."""
    goal = layer.refitted()
    grids = candidates(kind, goal, finer)
    inverses = [inverse(layer.name, h) for _, h, _ in layer.groups()]
    found: list[Reals] = []
    for grid in grids:
        out = np.zeros_like(layer.goal)
        for (rows, _, _), inv in zip(layer.groups(), inverses, strict=True):
            size = max(1, BATCH // len(inv) ** 2)
            for a in range(rows.start, rows.stop, size):
                batch = slice(a, min(a + size, rows.stop))
                out[batch] = _obq_batch(goal[batch], layer.kept[batch], inv, grid, batch)
        found.append(out)
    return best_rows(layer, found)


def _obq_batch(goal: Reals, kept: Mask, inv: Reals, grid: WeightGrid, rows: slice) -> Reals:
    """Some rows [k, c] at the same pace: pruned weights to 0, then outliers, then by (Q(w) - w)^2 / Hinv."""
    weight, done = goal.copy(), np.zeros_like(kept)
    inverses = Inverses(inv, len(goal))
    at = np.arange(len(goal))
    limit = (grid.half(rows) ** 2 * (1 + 1e-9))[:, None]
    for _ in range(goal.shape[1]):
        rounded = np.where(kept, grid.nearest(weight, rows), 0.0)
        square = (weight - rounded) ** 2
        scores = np.where(square > limit, -square, square / inverses.diagonal)
        scores[~kept] = -np.inf
        scores[done] = np.inf
        chosen = scores.argmin(axis=1)
        value = rounded[at, chosen]
        inverses.eliminate(weight, chosen, (weight[at, chosen] - value)[:, None])
        weight[at, chosen] = value
        done[at, chosen] = True
    return weight
