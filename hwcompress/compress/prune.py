# SPDX-License-Identifier: Apache-2.0
"""Magnitude pruning: global, per layer, and by threshold = quality x std (Han 2015, arXiv:1506.02626)."""

from collections.abc import Mapping

import numpy as np

from hwcompress.compress.select import Weighted, chosen, masked, smallest, weighted
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Op
from hwcompress.ops import Conv
from hwcompress.ops.conv import columns

Spread = Mapping[str, Reals]  # by node: deviation of each of its inputs (of a convolution: channels) over the data
UNKNOWN: Spread = {}


def prune_magnitude(graph: Graph[Op], sparsity: float) -> Graph[Op]:
    """Zero the share `sparsity` of all weights, least magnitude first, over the whole network."""
    return masked(
        graph, chosen({name: np.abs(op.weight) for name, op in weighted(graph).items()}, sparsity, "sparsity")
    )


def prune_global(graph: Graph[Op], sparsity: float, spread: Spread = UNKNOWN) -> Graph[Op]:
    """Zero the share `sparsity` of all weights, those first that matter least to their layer.

    |w| times the deviation of its input (Sun et al., arXiv:2306.11695, there the norm: what is constant the bias takes
    over), squared and set against all of its layer that are as large or larger (LAMP, Lee et al., arXiv:2010.07611).
    """
    scores = {name: lamp(importance(name, op, spread)) for name, op in weighted(graph).items()}
    return masked(graph, chosen(scores, sparsity, "sparsity"))


def importance(name: str, op: Weighted, spread: Spread) -> Reals:
    """|w| [m, n] times the deviation [n] of what it is multiplied with, where that is known."""
    if name not in spread:
        return np.abs(op.weight)
    each = spread[name]
    if isinstance(op, Conv):
        each = columns(each, len(op.weight), op.groups, op.window.taps)
    return np.abs(op.weight) * each


def lamp(scores: Reals) -> Reals:
    """score^2 over the sum of all squares from it upwards."""
    square = scores.ravel() ** 2
    order = np.argsort(square, kind="stable")
    above = np.cumsum(square[order][::-1])[::-1]
    out = np.empty_like(square)
    out[order] = square[order] / np.maximum(above, np.finfo(np.float64).tiny)
    return out.reshape(scores.shape)


def prune_layers(graph: Graph[Op], sparsity: Mapping[str, float], spread: Spread = UNKNOWN) -> Graph[Op]:
    """Zero a share of each named node's weights, least |w| times the deviation of its input first."""
    masks = {
        name: smallest(importance(name, op, spread), round(sparsity[name] * op.weight.size))
        for name, op in weighted(graph).items()
        if name in sparsity
    }
    return masked(graph, masks)


def prune_threshold(graph: Graph[Op], quality: Mapping[str, float]) -> Graph[Op]:
    """Zero weights below quality x std of their layer."""
    masks = {
        n.name: np.abs(n.op.weight) < quality[n.name] * n.op.weight.std()
        for n in graph
        if isinstance(n.op, Weighted) and n.name in quality
    }
    return masked(graph, masks)


def sparsity(graph: Graph[Op]) -> float:
    """Share of zero weights."""
    dense = [n.op.weight for n in graph if isinstance(n.op, Weighted)]
    total = sum(w.size for w in dense)
    return sum(int(np.count_nonzero(w == 0)) for w in dense) / total if total else 0.0
