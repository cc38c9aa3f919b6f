# SPDX-License-Identifier: Apache-2.0
"""Groups of weights that one multiplier serves in turn, pruned whole so that the multiplier vanishes.

Resource-aware pruning as a knapsack (Ramhorst et al., arXiv:2308.05170): keep the groups of greatest value whose cost
stays within a share of the whole. A layer of rows x columns folded to PE x SIMD has PE * SIMD multipliers; multiplier
(p, s) serves W[i * PE + p, j * SIMD + s] for all i and j, as engines/dense.py lays the weights out.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hwcompress.compress.select import Mask, Scores, masked, weighted
from hwcompress.errors import BadInput, quote
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Op

Indices: TypeAlias = NDArray[np.int64]
Cost: TypeAlias = tuple[int, ...]  # of each resource
MOST = 1 << 30  # steps of the dynamic programme


@dataclass(frozen=True, slots=True)
class Folding:
    """How a layer is folded, and what goes with a group."""

    pe: int
    simd: int
    cost: Cost = (1,)  # of a group: DSPs, and perhaps block RAMs
    together: int = 1  # neighbouring multipliers of a group: so many share a block RAM

    @property
    def groups(self) -> int:
        """Of the layer; the last may hold fewer multipliers."""
        return -(-self.pe * self.simd // self.together)

    def of(self, rows: int, columns: int) -> Indices:
        """The group of every weight [rows, columns]."""
        p, s = np.arange(rows) % self.pe, np.arange(columns) % self.simd
        return (p[:, None] * self.simd + s) // self.together


@dataclass(frozen=True, eq=False)
class Grouped:
    """A network without the groups that were too dear."""

    graph: Graph[Op]
    kept: Mapping[str, int]  # by node: groups with weights
    used: Cost  # of what is kept
    budget: Cost


def prune_groups(
    graph: Graph[Op], foldings: Mapping[str, Folding], share: float | tuple[float, ...], scores: Scores | None = None
) -> Grouped:
    """Zero whole groups: keep the greatest sum of values within (1 - share) of the cost of all groups, exactly.

    The value of a group is the norm of its weights, or the sum of its scores, over the greatest of its layer. Groups
    without weights cost nothing.

    Args:
        graph: the network.
        foldings: by node name, all costs of one length. Other nodes stay as they are.
        share: 0..1 of the cost that is to be saved, of all resources alike or of each.
        scores: by node name, [m, n], not negative.

    Raises:
        BadInput: names, foldings, shares or scores do not fit, or there is too much to try.
    """
    if not foldings:
        return Grouped(graph, {}, (), ())
    _check(graph, foldings, scores)
    budget = _budget(foldings, share)
    classes: dict[Cost, list[tuple[float, str, int]]] = {}
    for name, folding in foldings.items():
        values = _values(weighted(graph)[name].weight, folding, None if scores is None else scores[name])
        items = [(float(values[g]), name, g) for g in np.flatnonzero(values >= 0).tolist()]
        classes.setdefault(folding.cost, []).extend(items)
    for items in classes.values():
        items.reverse()  # of equal values the first in order goes
        items.sort(key=lambda item: item[0], reverse=True)
    counts = knapsack([(cost, np.array([v for v, _, _ in items])) for cost, items in classes.items()], budget)
    kept: dict[str, list[int]] = {name: [] for name in foldings}
    for count, items in zip(counts, classes.values(), strict=True):
        for _, name, group in items[:count]:
            kept[name].append(group)
    masks: dict[str, Mask] = {}
    for name, folding in foldings.items():
        masks[name] = ~np.isin(folding.of(*weighted(graph)[name].weight.shape), kept[name])
    used = np.sum([len(kept[name]) * np.array(f.cost) for name, f in foldings.items()], axis=0)
    return Grouped(masked(graph, masks), {k: len(v) for k, v in kept.items()}, tuple(used.tolist()), budget)


def knapsack(classes: Sequence[tuple[Cost, Reals]], budget: Cost) -> list[int]:
    """How many of the best of each class to keep for the greatest sum of values.

    Exact: dynamic programming over all classes but the largest, of which what is left of the budget takes the best.

    Args:
        classes: what an item costs, and the values of all items, falling and not negative.
        budget: of each resource.

    Raises:
        BadInput: more than MOST steps.
    """
    order = sorted(range(len(classes)), key=lambda i: len(classes[i][1]))
    steps = sum(len(classes[i][1]) for i in order[:-1]) * math.prod(b + 1 for b in budget)
    if steps > MOST:
        raise BadInput(
            f"groups: {steps} steps to choose them, at most {MOST} wanted. Try: fewer different costs, a larger folding"
        )
    best = np.zeros([b + 1 for b in budget] if len(order) > 1 else [1] * len(budget))
    choices: list[NDArray[np.int32]] = []
    for i in order[:-1]:
        best, choice = _with_class(best, *classes[i])
        choices.append(choice)
    counts = [0] * len(classes)
    left = budget
    for i, choice in zip(order[::-1], [None, *reversed(choices)], strict=True):
        cost, values = classes[i]
        counts[i] = _last(best, cost, values, budget) if choice is None else int(choice[left])
        left = tuple(b - counts[i] * c for b, c in zip(left, cost, strict=True))
    return counts


def _with_class(best: Reals, cost: Cost, values: Reals) -> tuple[Reals, NDArray[np.int32]]:
    """The greatest value at every budget with one class more, and how many of it that takes."""
    found, choice = best.copy(), np.zeros(best.shape, dtype=np.int32)
    for k, value in enumerate(np.cumsum(values), start=1):
        taken = [k * c for c in cost]
        if any(t >= size for t, size in zip(taken, best.shape, strict=True)):
            break
        above = tuple(slice(t, None) for t in taken)
        total = best[tuple(slice(0, size - t) for t, size in zip(taken, best.shape, strict=True))] + value
        better = total >= found[above]
        found[above] = np.where(better, total, found[above])
        choice[above] = np.where(better, k, choice[above])
    return found, choice


def _last(best: Reals, cost: Cost, values: Reals, budget: Cost) -> int:
    """How many of the last class go best with what the others make of the rest."""
    most = min([len(values), *(b // c for b, c in zip(budget, cost, strict=True) if c)])
    counts = np.arange(most + 1)
    rest = tuple(np.minimum(b - counts * c, size - 1) for b, c, size in zip(budget, cost, best.shape, strict=True))
    total = best[rest] + np.concatenate([[0.0], np.cumsum(values)])[: most + 1]
    return most - int(total[::-1].argmax())


def _values(weight: Reals, folding: Folding, scores: Reals | None) -> Reals:
    """Of each group [groups] over the greatest; -1 where no weight is left."""
    group = folding.of(*weight.shape).ravel()
    each = weight**2 if scores is None else np.where(weight == 0, 0.0, scores)
    values = np.bincount(group, each.ravel(), folding.groups)
    values = np.sqrt(values) if scores is None else values
    alive = np.bincount(group, weight.ravel() != 0, folding.groups) > 0
    return np.where(alive, values / (values.max(initial=0.0) or 1.0), -1.0)


def _budget(foldings: Mapping[str, Folding], share: float | tuple[float, ...]) -> Cost:
    """What may be used of each resource: the whole number below (1 - share) of the cost of all groups."""
    whole = [sum(c) for c in zip(*([f.groups * c for c in f.cost] for f in foldings.values()), strict=True)]
    shares = share if isinstance(share, tuple) else (share,) * len(whole)
    if len(shares) != len(whole) or not all(0.0 <= s <= 1.0 for s in shares):
        raise BadInput(f"groups: a share of 0..1 for each of {len(whole)} resources wanted, got {share}. Try: 0.5")
    return tuple(math.floor(w * (1.0 - s) + 1e-9) for w, s in zip(whole, shares, strict=True))


def _check(graph: Graph[Op], foldings: Mapping[str, Folding], scores: Scores | None) -> None:
    known = weighted(graph)
    lengths = {len(f.cost) for f in foldings.values()}
    for name, f in foldings.items():
        if name not in known:
            raise BadInput(f"no node {quote(name)} with weights. Try: {', '.join(map(quote, known)) or 'none'}")
        if min(f.pe, f.simd, f.together) < 1 or min(f.cost, default=-1) < 0 or len(lengths) > 1:
            raise BadInput(
                f"folding of {quote(name)}: PE, SIMD and neighbours of 1 or more, and as many costs of 0 or more as "
                f"of others wanted, got {f}. Try: Folding(4, 8)"
            )
        shape = known[name].weight.shape
        if scores is not None and (name not in scores or scores[name].shape != shape or not (scores[name] >= 0).all()):
            raise BadInput(f"scores of {quote(name)}: {list(shape)} numbers of 0 or more wanted. Try: magnitudes")
