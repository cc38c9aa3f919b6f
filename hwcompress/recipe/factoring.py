# SPDX-License-Identifier: Apache-2.0
"""The low-rank step: layers into two thin ones each, kept only where products really fall."""

from dataclasses import replace
from typing import Any

import numpy as np

from hwcompress.compress.lowrank import Way, decompose, low_rank, rank_of, rank_within, singular_values
from hwcompress.compress.select import uses, weighted
from hwcompress.errors import BadInput
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Op
from hwcompress.ops import Conv, Dense
from hwcompress.recipe.state import Context, State, each_layer, layer_names
from hwcompress.recipe.steps import LayerStep, LowRank


def run_low_rank(step: LowRank, state: State, context: Context) -> tuple[State, dict[str, Any]]:
    """The state with layers in two, and their ranks and the products of a sample (weights that are not zero).

    Raises:
        BadInput: types of layers are settled already, or a layer has no such way.
    """
    untyped(state, step.name)
    names, x = layer_names(state.graph), context.calibration if step.method == "data" else None
    own = {n: layer for n, layer in each_layer(step, state.graph).items() if not layer.skip}
    ranks: dict[str, tuple[Way, int]] = {}
    if step.energy is not None and step.way == "auto":
        free = {n: step.energy for n, layer in own.items() if layer.rank is None}
        done = low_rank(state.graph, free, x)
        graph, ranks = done.graph, dict(done.ranks)
        own = {n: layer for n, layer in own.items() if n not in free}
    else:
        graph = state.graph
    for name, layer in own.items():
        graph, found = _best(step, graph, name, layer, x)
        ranks |= {name: found} if found else {}
    told = {
        "ranks": {names[n]: {"way": way, "rank": rank} for n, (way, rank) in ranks.items()},
        "products": [work(state.graph), work(graph)],
    }
    return replace(state, graph=graph, shared=state.shared - ranks.keys()), told


def _best(
    step: LowRank, graph: Graph[Op], name: str, layer: LayerStep, x: Reals | None
) -> tuple[Graph[Op], tuple[Way, int] | None]:
    """The graph with one layer in two, the cheapest way; as it is where no way saves products."""
    best = graph
    found: tuple[Way, int] | None = None
    for way in _ways(step, weighted(graph)[name]):
        rank = _rank(step, layer, graph, name, way, x)
        tried = decompose(graph, name, rank, way, x) if rank else graph
        if work(tried) < work(best):
            best = tried
            found = way, rank
    return best, found


def _ways(step: LowRank, op: Dense | Conv) -> tuple[Way, ...]:
    """Those of the layer that the step wants: of a dense layer, and of a kernel of one row or column, the channels."""
    if isinstance(op, Conv) and op.groups > 1:
        return ()
    if isinstance(op, Dense) or min(op.window.kernel) == 1:
        return ("channels",)
    return ("channels", "spatial") if step.way == "auto" else (step.way,)


def _rank(step: LowRank, layer: LayerStep, graph: Graph[Op], name: str, way: Way, x: Reals | None) -> int:
    """By energy or cost; 0: none. A fixed rank at most the layer's own."""
    fixed = layer.rank if layer.rank is not None else step.rank
    if fixed is None and step.cost is not None:
        return rank_within(graph, name, step.cost, way)
    if fixed is None and step.energy is None:
        return 0
    values = singular_values(graph, name, way, x)
    if fixed is not None:
        return min(fixed, len(values))
    assert step.energy is not None
    return rank_of(values, step.energy)


def work(graph: Graph[Op]) -> int:
    """Products of a sample with weights that are not zero."""
    used = uses(graph)
    return sum(int(np.count_nonzero(op.weight)) * used[name] for name, op in weighted(graph).items())


def untyped(state: State, what: str) -> None:
    """Nothing, if no step before settled the types of layers, which other weights would not fit.

    Raises:
        BadInput: one did.
    """
    if state.settings:
        raise BadInput(f"{what}: a place before quantize and digits wanted, found behind. Try: the steps in that order")
