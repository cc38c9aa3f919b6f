# SPDX-License-Identifier: Apache-2.0
"""Whole channels pruned by a recipe: really removed, and ranked by what each saves of the step's target."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from hwcompress.compress import saliency
from hwcompress.compress.prune import lamp
from hwcompress.compress.select import Scores, weighted
from hwcompress.compress.structured import Link, channels, links, prune_channels
from hwcompress.errors import BadInput
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Op
from hwcompress.recipe.criteria import weight_scores
from hwcompress.recipe.objective import objective
from hwcompress.recipe.state import Context, State, each_layer, layer_names
from hwcompress.recipe.steps import LayerStep, Prune


def run_channels(step: Prune, state: State, context: Context) -> tuple[State, dict[str, Any]]:
    """The state without the channels worth least, and how many each layer has before and after.

    sparsity is a share of the channels; with one of the targets dsp, cycles and bram, and nothing said by layer, it is
    the share of weights or products that is to go with them.

    Raises:
        BadInput: the method knows no channels, or a layer named by the step has none that can go.
    """
    graph = state.graph
    known = channels(graph)
    own = {n: layer for n, layer in each_layer(step, graph).items() if not layer.skip}
    shares = _shares(step, own, known)
    scores = {n: s for n, s in channel_scores(step, graph, context).items() if n in own}
    if step.target == "storage" or isinstance(shares, dict):
        made = prune_channels(graph, shares, scores)
    else:
        made = _within(graph, scores, step.target, (1.0 - shares) * resource(step.target, graph))
    names, left = layer_names(graph), {n: len(op.weight) for n, op in weighted(made).items()}
    told = {"channels": {names[n]: [count, left[n]] for n, count in known.items()}}
    return replace(state, graph=made), told


def _shares(step: Prune, own: Mapping[str, LayerStep], known: Mapping[str, int]) -> float | dict[str, float]:
    """Of all channels together where nothing is said by layer."""
    given = {n: layer.sparsity for n, layer in own.items() if layer.sparsity is not None}
    rest = [n for n in own if n in known and n not in given]
    if step.sparsity is None:
        return given
    if step.scope == "global" and not given:
        return step.sparsity
    return {**dict.fromkeys(rest, step.sparsity), **given}


def _within(graph: Graph[Op], scores: Scores, target: str, budget: float) -> Graph[Op]:
    """The fewest channels pruned, worth least first, that bring what the target counts down to the budget.

    Where that cannot be, one channel of each layer stays.
    """
    total = sum(each.size for each in scores.values())
    low, high = 0, total  # channels that are too few, or none; and enough, or all
    if not total or resource(target, graph) <= budget:
        return graph
    while high - low > 1:
        middle = (low + high) // 2
        enough = resource(target, prune_channels(graph, middle / total, scores)) <= budget
        low, high = (low, middle) if enough else (middle, high)
    return prune_channels(graph, high / total, scores)


def resource(target: str, graph: Graph[Op]) -> int:
    """What the target counts: products of a sample for cycles, weights for dsp and bram; zeros included."""
    if target == "cycles":
        return saliency.products(graph)
    return sum(op.weight.size for op in weighted(graph).values())


def channel_scores(step: Prune, graph: Graph[Op], context: Context) -> Scores:
    """By node, one for each channel [m].

    magnitude: L2 norm of the weights that make it over that of the layer (arXiv:1608.08710 has L1); lamp: that norm,
    squared, over all of the layer that are as large or larger (LAMP, arXiv:2010.07611, on channels); taylor: Molchanov
    et al., arXiv:1611.06440; obd and fisher: sum over those weights. For the targets dsp, cycles and bram it is divided
    by what goes with a channel: the worth of what one multiplier, clock or word of memory holds.

    Raises:
        BadInput: the method has nothing to say about channels.
    """
    found = _scores(step.method, graph, context)
    if step.target == "storage":
        return found
    prices = channel_prices(step.target, graph)
    return {n: each / prices[n] for n, each in found.items()}


def _scores(method: str, graph: Graph[Op], context: Context) -> dict[str, Reals]:
    known = channels(graph)
    if method in ("magnitude", "lamp"):
        norms = {n: each for n, each in saliency.channel_norms(graph).items() if n in known}
        if method == "lamp":
            return {n: lamp(each) for n, each in norms.items()}
        return {n: each / (float(np.linalg.norm(each)) or 1.0) for n, each in norms.items()}
    if method == "taylor":
        return saliency.channel_taylor(graph, *objective(context))
    if method in ("obs", "sparsegpt"):
        raise BadInput(
            f"method: for whole channels one of magnitude, lamp, random, obd, fisher, taylor wanted, {method} found"
        )
    return {n: each.sum(axis=1) for n, each in weight_scores(method, graph, context).items() if n in known}


def channel_prices(target: str, graph: Graph[Op]) -> dict[str, float]:
    """What goes with one channel of each node, as a share of the network's.

    cycles: products of a sample, which a given number of multipliers works off one after another. dsp, bram: weights,
    of which `reuse` share a multiplier, and which fill the memories.
    """
    if target == "cycles":
        counts = saliency.channel_products(graph)
    else:
        counts = {graph.nodes[k.first].name: _weights_of(graph, k) for k in links(graph)}
    return {n: count / max(1, resource(target, graph)) for n, count in counts.items()}


def _weights_of(graph: Graph[Op], link: Link) -> float:
    """Weights that make a channel, read it or lie between."""
    ops = weighted(graph)
    between = sum(ops[n.name].weight.size for n in graph.nodes[link.first : link.second + 1] if n.name in ops)
    return between / len(link.producer.weight)
