# SPDX-License-Identifier: Apache-2.0
"""What a model bears without training: its score pruned and rounded, all layers at once and each alone (Han 2015)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from hwcompress.compress.prune import prune_global, prune_layers
from hwcompress.compress.saliency import node_products
from hwcompress.compress.select import Weighted, weighted
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Op
from hwcompress.recipe.quantizing import kind_of, round_to_nearest
from hwcompress.recipe.state import Context, layer_names
from hwcompress.recipe.steps import Quantize
from hwcompress.sim.reference import CHUNK, run_nodes, sizes, widest

What: TypeAlias = Literal["zeros", "bits"]
SHARES = (0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)  # of zeros
BITS = (8, 6, 5, 4, 3, 2, 1)
MOST, LEAST = 500, 50  # validation samples; with fewer than these the curves say little
WORK = 2e10  # multiplications, some seconds
VALUE = 30  # of these, what a value that is made or read takes beside its products

Change: TypeAlias = tuple[What, float]
Changed: TypeAlias = Mapping[Change, tuple[Graph[Op], Graph[Op]]]  # layers as they are changed alone, and together


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
    changed = _changed(graph)
    found: dict[tuple[str, Change], list[Reals]] = {}
    step = max(1, CHUNK // widest(graph))
    for at in range(0, samples, step):
        for name, change, answers in _answers(graph, x[at : at + step], changed, alone):
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
    products = node_products(graph)
    return [products.get(node.name, 0) + VALUE * size for node, size in zip(graph, sizes(graph), strict=True)]


def _changed(graph: Graph[Op]) -> Changed:
    """The network with every layer changed alike, and all at once."""
    names, made = weighted(graph), dict[Change, tuple[Graph[Op], Graph[Op]]]()
    for share in SHARES:
        made["zeros", share] = prune_layers(graph, dict.fromkeys(names, share)), prune_global(graph, share)
    for bits in BITS:
        rounded = round_to_nearest(graph, dict.fromkeys(names, kind_of(Quantize(), bits)))
        made["bits", bits] = rounded, rounded
    return made


def _answers(graph: Graph[Op], x: Reals, changed: Changed, alone: bool) -> Iterator[tuple[str, Change, Reals]]:
    """Node (empty: all), change, answers [n, m] to x [n, *graph.shape]."""
    for change, (_, together) in changed.items():
        yield "", change, run_nodes(together, x)
    value = x
    for k, node in enumerate(graph if alone else ()):
        if isinstance(node.op, Weighted):
            for change, (layers, _) in changed.items():
                yield node.name, change, run_nodes((layers.nodes[k], *graph.nodes[k + 1 :]), value)
        value = node.op.run_float(value)
