# SPDX-License-Identifier: Apache-2.0
"""The prune step: criterion, scope, pattern, and the searches for what each layer bears."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from hwcompress.compress.gptq import sparsegpt
from hwcompress.compress.groups import Folding, prune_groups
from hwcompress.compress.obs import prune_obs
from hwcompress.compress.prune import lamp, prune_threshold
from hwcompress.compress.select import Scores, prune_banks, prune_blocks, prune_nm, uses, zero_least, zero_share
from hwcompress.errors import BadInput
from hwcompress.ir.graph import Graph, Op
from hwcompress.recipe.channels import run_channels
from hwcompress.recipe.criteria import weight_scores
from hwcompress.recipe.quantizing import reference_settings
from hwcompress.recipe.search import greedy, qualities
from hwcompress.recipe.state import Context, State, each_layer, layer_names, weighted
from hwcompress.recipe.steps import LayerStep, Prune

Told = dict[str, Any]


def run_prune(step: Prune, state: State, context: Context) -> tuple[Prune, State, Told]:
    """The step with its numbers, the state after it, and what is worth telling.

    Raises:
        BadInput: the step's numbers do not fit the network or the data.
    """
    told: Told = {}
    if step.search != "none":
        step, told = _searched(step, state, context)
    if step.structured:
        made, counts = run_channels(step, state, context)
        told |= counts
    else:
        made = replace(state, graph=_pruned(step, state, context))
    if step.target != "storage" or step.structured:
        told |= {"target": step.target, "saves": saves(step), **_before_and_after(state.graph, made.graph)}
    return step, made, told


def saves(step: Prune) -> str:
    """What the step's zeros save in the engines there are (engines/dense.py)."""
    if step.pattern.startswith("fold"):
        return (
            "folded layers keep PE x SIMD multipliers whatever the weights; groups of zeros save logic of weight "
            "memories only"
        )
    if not step.structured:
        return (
            "at reuse 1 a zero weight takes no multiplier and no adder; folded layers keep theirs, but for channels "
            "that are dead then"
        )
    return _SAVES[step.target]


_SAVES = {
    "storage": "channels are gone: fewer weights to store and to multiply with at any reuse",
    "dsp": "at a given reuse multipliers are weights / reuse: zeros among the weights save none, whole channels do",
    "cycles": "with given multipliers the clocks of a layer are its products / multipliers: whole channels save them",
    "bram": "memories of folded layers hold every weight, zeros too: whole channels save words, fewer bits narrow them",
}


def _before_and_after(before: Graph[Op], after: Graph[Op]) -> Told:
    """Weights of all layers, and products of a sample, zeros included and without them."""
    graphs = (before, after)
    counts = [
        {n: (op.weight.size, int(np.count_nonzero(op.weight)), uses(g)[n]) for n, op in weighted(g).items()}
        for g in graphs
    ]
    return {
        "weights": [sum(size for size, _, _ in each.values()) for each in counts],
        "products": [sum(size * used for size, _, used in each.values()) for each in counts],
        "nonzero_products": [sum(kept * used for _, kept, used in each.values()) for each in counts],
    }


def _searched(step: Prune, state: State, context: Context) -> tuple[Prune, Told]:
    """The step with numbers for every layer in place of the search."""
    graph = state.graph
    own = {n for n, layer in each_layer(step, graph).items() if not layer.skip}
    names = layer_names(graph)
    if step.search == "quality":
        found, curves = qualities(graph, sorted(own), context.score, step.tolerance / 100)
        layers = {names[n]: LayerStep(quality=q) for n, q in found.items()}
        return step.model_copy(update={"search": "none", "quality": None, "layers": layers}), {"sensitivity": curves}
    shares, trail = greedy(graph, sorted(own), scores_of(step, state, context), context.score, step.tolerance / 100)
    layers = {names[n]: LayerStep(sparsity=share) for n, share in shares.items()}
    return step.model_copy(update={"search": "none", "sparsity": None, "layers": layers}), {"search": trail}


def _pruned(step: Prune, state: State, context: Context) -> Graph[Op]:
    graph = state.graph
    own = {n: layer for n, layer in each_layer(step, graph).items() if not layer.skip}
    quality = {n: q for n, l in own.items() if (q := step.quality if l.quality is None else l.quality) is not None}
    if quality:
        graph = prune_threshold(graph, quality)
    if step.pattern:
        return _patterned(step, graph, own, context)
    shares = _shares(step, replace(state, graph=graph), own, context)
    if not shares:
        return graph
    if step.method in ("obs", "sparsegpt"):
        solve = prune_obs if step.method == "obs" else sparsegpt
        return solve(graph, context.calibration, shares, settings=reference_settings(graph, context))
    return zero_least(graph, scores_of(step, replace(state, graph=graph), context), shares)


def _shares(step: Prune, state: State, own: Mapping[str, LayerStep], context: Context) -> dict[str, float]:
    """Sparsity of every layer; a global one is shared out by the ranking of all weights."""
    given = {n: l.sparsity for n, l in own.items() if l.sparsity is not None}
    if step.sparsity is None:
        return given
    rest = [n for n in own if n not in given]
    if step.scope == "layer":
        return {**dict.fromkeys(rest, step.sparsity), **given}
    scores = scores_of(step, state, context)
    if step.method in ("obs", "sparsegpt"):
        scores = {n: lamp(s) for n, s in scores.items()}
    zeros = weighted(zero_least(state.graph, {n: scores[n] for n in rest}, step.sparsity))
    return {**{n: zero_share(zeros[n].weight) for n in rest}, **given}


def scores_of(step: Prune, state: State, context: Context) -> Scores:
    """What every weight is worth, by the step's criterion."""
    return weight_scores(step.method, state.graph, context)


def _patterned(step: Prune, graph: Graph[Op], own: Mapping[str, LayerStep], context: Context) -> Graph[Op]:
    """N:M, blocks, banks or what one multiplier serves."""
    pattern = step.pattern
    chosen = {n: s for n, s in scores_of(step, State(graph), context).items() if n in own}
    if ":" in pattern:
        n, m = (int(part) for part in pattern.split(":"))
        if step.method in ("obs", "sparsegpt"):
            solve = prune_obs if step.method == "obs" else sparsegpt
            each = dict.fromkeys(own, (n, m))
            return solve(graph, context.calibration, pattern=each, settings=reference_settings(graph, context))
        return prune_nm(graph, n, m, chosen)
    if step.sparsity is None:
        raise BadInput(f"pattern {pattern}: sparsity wanted beside it, none found. Try: sparsity = 0.5")
    if pattern.startswith("bank"):
        return prune_banks(graph, int(pattern[4:]), step.sparsity, chosen)
    rows, columns = (int(part) for part in pattern.removeprefix("fold").split("x"))
    if pattern.startswith("fold"):
        return prune_groups(graph, dict.fromkeys(chosen, Folding(rows, columns)), step.sparsity, chosen).graph
    return prune_blocks(graph, (rows, columns), step.sparsity, {n: s**2 for n, s in chosen.items()})
