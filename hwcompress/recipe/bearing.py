# SPDX-License-Identifier: Apache-2.0
"""What a model bears without training: its score pruned and rounded, all layers at once and each alone (Han 2015)."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from hwcompress.compress.grids import Binary, Fixed, Kind, Ternary
from hwcompress.compress.prune import prune_global
from hwcompress.compress.select import Weighted, smallest, uses, weighted, with_weights
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Op
from hwcompress.ops import Conv
from hwcompress.recipe.state import Context, layer_names
from hwcompress.sim.reference import CHUNK, widest

What: TypeAlias = Literal["zeros", "bits"]
SHARES = (0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)  # of zeros
BITS = (8, 6, 5, 4, 3, 2, 1)
KINDS: dict[int, Kind] = {1: Binary(), 2: Ternary()}
MOST, LEAST = 500, 50  # validation samples; with fewer than these the curves say little
WORK = 2e10  # multiplications, some seconds
VALUE = 30  # of these, what a value that is made or read takes beside its products

Change: TypeAlias = tuple[What, float]
Changes: TypeAlias = Mapping[Change, Reals]  # other weights of a layer


@dataclass(frozen=True)
class Borne:
    """A curve: shares of zeros, or bits of a weight, and the scores of the network with them."""

    what: What
    layer: str  # ours; empty: all at once
    asked: Sequence[float]
    score: Sequence[float]


@dataclass(frozen=True)
class Bearing:
    """What the model given bears."""

    samples: int  # of the validation samples, the first
    curves: Sequence[Borne]


def bearing(context: Context) -> Bearing | None:
    """Weights least by magnitude pruned (all at once: by LAMP), and rounded to the nearest of a grid for each row.

    None, or no curves of single layers, where they would take long.
    """
    graph = context.original
    x, y = context.validated
    samples, alone = _affordable(graph, len(x))
    if not samples:
        return None
    x, y = x[:samples], y[:samples]
    changes = {name: _changes(op) for name, op in weighted(graph).items()}
    found: dict[tuple[str, Change], list[Reals]] = {}
    step = max(1, CHUNK // widest(graph))
    for at in range(0, samples, step):
        for name, change, answers in _answers(graph, x[at : at + step], changes, alone):
            found.setdefault((name, change), []).append(answers)
    score = {key: context.task.score(np.concatenate(parts), y) for key, parts in found.items()}
    names = {"": "", **layer_names(graph)}
    curves: list[Borne] = []
    for name in dict.fromkeys(name for name, _ in score):
        curves.append(Borne("zeros", names[name], SHARES, [score[name, ("zeros", a)] for a in SHARES]))
        curves.append(Borne("bits", names[name], BITS, [score[name, ("bits", a)] for a in BITS]))
    return Bearing(samples, curves)


def _affordable(graph: Graph[Op], most: int) -> tuple[int, bool]:
    """How many samples, and whether layers alone too."""
    work = _work(graph)
    alone = sum(sum(work[k:]) for k, node in enumerate(graph) if isinstance(node.op, Weighted))
    for cost, single in ((sum(work) + alone, True), (sum(work), False)):
        count = min(MOST, most, int(WORK / (cost * (len(SHARES) + len(BITS)) + 1)))
        if count >= min(LEAST, most):
            return count, single
    return 0, False


def _work(graph: Graph[Op]) -> list[int]:
    """Of every node for a sample: its products, and what else its values and windows cost."""
    found: list[int] = []
    used, shape = uses(graph), graph.shape
    for node in graph:
        shape = node.op.shape(shape)
        products = used.get(node.name, 0) * node.op.weight.size if isinstance(node.op, Weighted) else 0
        read = node.op.weight.shape[1] * node.op.groups if isinstance(node.op, Conv) else 1
        found.append(products + VALUE * math.prod(shape[:-1]) * max(shape[-1], read))
    return found


def _changes(op: Weighted) -> Changes:
    """Of one layer."""
    w, made = op.weight, dict[Change, Reals]()
    for share in SHARES:
        made["zeros", share] = np.where(smallest(w, round(share * w.size)), 0.0, w)
    for bits in BITS:
        made["bits", bits] = _rounded(w, bits)
    return made


def _rounded(weight: Reals, bits: int) -> Reals:
    kind = KINDS.get(bits) or Fixed(bits)
    return np.where(weight == 0, 0.0, kind.fit(weight).nearest(weight, slice(None)))


def _answers(
    graph: Graph[Op], x: Reals, changes: Mapping[str, Changes], alone: bool
) -> Iterator[tuple[str, Change, Reals]]:
    """Node (empty: all), change, answers [n, m] to x [n, *graph.shape]."""
    for share in SHARES:
        yield "", ("zeros", share), _rest(prune_global(graph, share), 0, x)
    for bits in BITS:
        rounded = {name: each["bits", bits] for name, each in changes.items()}
        yield "", ("bits", bits), _rest(with_weights(graph, rounded), 0, x)
    value = x
    for k, node in enumerate(graph if alone else ()):
        for change, weight in changes.get(node.name, {}).items():
            yield node.name, change, _rest(with_weights(graph, {node.name: weight}), k, value)
        value = node.op.run_float(value)


def _rest(graph: Graph[Op], place: int, value: Reals) -> Reals:
    """Answers [n, m] where the node at `place` reads the value."""
    for node in graph.nodes[place:]:
        value = node.op.run_float(value)
    return value.reshape(len(value), -1)
