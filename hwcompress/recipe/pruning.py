# SPDX-License-Identifier: Apache-2.0
"""The prune step: criterion, scope, pattern, and the searches for what each layer bears."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from hwcompress.compress import saliency
from hwcompress.compress.gptq import sparsegpt
from hwcompress.compress.groups import Folding, prune_groups
from hwcompress.compress.obs import prune_obs
from hwcompress.compress.prune import lamp, prune_threshold
from hwcompress.compress.select import (
    Scores,
    prune_banks,
    prune_blocks,
    prune_nm,
    weighted,
    zero_least,
    zero_share,
)
from hwcompress.errors import BadInput
from hwcompress.ir.graph import Graph, Op
from hwcompress.recipe.channels import run_channels
from hwcompress.recipe.criteria import weight_scores
from hwcompress.recipe.factoring import work
from hwcompress.recipe.quantizing import reference_settings
from hwcompress.recipe.search import greedy, qualities
from hwcompress.recipe.state import Context, State, each_layer, layer_names
from hwcompress.recipe.steps import LayerStep, Prune

Told = dict[str, Any]
ON_HESSIANS = {"obs": prune_obs, "sparsegpt": sparsegpt}


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
    if any(pattern.startswith("fold") for pattern in step.patterns):
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
    return {
        "weights": [sum(op.weight.size for op in weighted(g).values()) for g in graphs],
        "products": [saliency.products(g) for g in graphs],
        "nonzero_products": [work(g) for g in graphs],
    }


def _searched(step: Prune, state: State, context: Context) -> tuple[Prune, Told]:
    """The step with numbers for every layer in place of the search."""
    graph = state.graph
    own = {n for n, layer in each_layer(step, graph).items() if not layer.skip}
    names = layer_names(graph)
    skipped = {ours: LayerStep(skip=True) for n, ours in names.items() if n not in own}
    if step.search == "quality":
        found, curves = qualities(graph, sorted(own), context.score, context.points(step.tolerance))
        layers = skipped | {names[n]: LayerStep(quality=q) for n, q in found.items()}
        return step.model_copy(update={"search": "none", "quality": None, "layers": layers}), {"sensitivity": curves}
    scores = weight_scores(step.method, graph, context)
    shares, trail = greedy(graph, sorted(own), scores, context.score, context.points(step.tolerance))
    layers = skipped | {names[n]: LayerStep(sparsity=share) for n, share in shares.items()}
    return step.model_copy(update={"search": "none", "sparsity": None, "layers": layers}), {"search": trail}


def _pruned(step: Prune, state: State, context: Context) -> Graph[Op]:
    graph = state.graph
    own = {n: layer for n, layer in each_layer(step, graph).items() if not layer.skip}
    quality = {n: q for n, l in own.items() if (q := step.quality if l.quality is None else l.quality) is not None}
    if quality:
        graph = prune_threshold(graph, quality)
    patterns = {n: p for n, l in own.items() if (p := step.pattern if l.pattern is None else l.pattern)}
    graph = _patterned(step, graph, own, patterns, context)
    own = {n: layer for n, layer in own.items() if n not in patterns}
    scores = cache(lambda: weight_scores(step.method, graph, context))
    shares = _shares(step, graph, own, scores)
    if not shares:
        return graph
    if step.method in ON_HESSIANS:
        solve = ON_HESSIANS[step.method]
        return solve(graph, context.calibration, shares, settings=reference_settings(graph, context))
    return zero_least(graph, scores(), shares)


def _shares(
    step: Prune, graph: Graph[Op], own: Mapping[str, LayerStep], scores: Callable[[], Scores]
) -> dict[str, float]:
    """Sparsity of every layer; a global one is shared out by the ranking of all weights."""
    given = {n: l.sparsity for n, l in own.items() if l.sparsity is not None}
    if step.sparsity is None:
        return given
    rest = [n for n in own if n not in given]
    if not rest:
        return given
    if step.scope == "layer":
        return {**dict.fromkeys(rest, step.sparsity), **given}
    found = scores()
    ranks = {n: lamp(found[n]) if step.method in ON_HESSIANS else found[n] for n in rest}
    zeros = weighted(zero_least(graph, ranks, step.sparsity))
    return {**{n: zero_share(zeros[n].weight) for n in rest}, **given}


def _patterned(
    step: Prune, graph: Graph[Op], own: Mapping[str, LayerStep], patterns: Mapping[str, str], context: Context
) -> Graph[Op]:
    """N:M, blocks, banks or what one multiplier serves, by the pattern of each node."""
    if not patterns:
        return graph
    scores = weight_scores(step.method, graph, context)
    shares = {n: step.sparsity if own[n].sparsity is None else own[n].sparsity for n in patterns}
    without = [p for n, p in patterns.items() if shares[n] is None and ":" not in p]
    if without:
        raise BadInput(f"pattern {without[0]}: sparsity wanted beside it, none found. Try: sparsity = 0.5")
    given = {n: share for n, share in shares.items() if share is not None}
    for pattern in dict.fromkeys(p for p in patterns.values() if not p.startswith("fold")):
        own_scores = {n: scores[n] for n, p in patterns.items() if p == pattern}
        graph = _by_pattern(step, pattern, graph, own_scores, given, context)
    folded = {n: Folding(*_sides(p)) for n, p in patterns.items() if p.startswith("fold")}
    for share in dict.fromkeys(given[n] for n in folded):
        alike = {n: folding for n, folding in folded.items() if given[n] == share}
        graph = prune_groups(graph, alike, share, {n: scores[n] for n in alike}).graph
    return graph


def _by_pattern(
    step: Prune, pattern: str, graph: Graph[Op], scores: Scores, shares: Mapping[str, float], context: Context
) -> Graph[Op]:
    """One pattern for the nodes that have scores."""
    if ":" in pattern:
        n, m = (int(part) for part in pattern.split(":"))
        if step.method in ON_HESSIANS:
            solve = ON_HESSIANS[step.method]
            each = dict.fromkeys(scores, (n, m))
            return solve(graph, context.calibration, pattern=each, settings=reference_settings(graph, context))
        return prune_nm(graph, n, m, scores)
    own = {n: shares[n] for n in scores}
    if pattern.startswith("bank"):
        return prune_banks(graph, int(pattern[4:]), own, scores)
    together = step.scope == "global" and len({*own.values()}) == 1
    return prune_blocks(
        graph, _sides(pattern), next(iter(own.values())) if together else own, {n: s**2 for n, s in scores.items()}
    )


def _sides(pattern: str) -> tuple[int, int]:
    rows, columns = (int(part) for part in pattern.removeprefix("fold").split("x"))
    return rows, columns
