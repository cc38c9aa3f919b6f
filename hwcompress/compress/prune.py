# SPDX-License-Identifier: Apache-2.0
"""Magnitude pruning: global, per layer, and by threshold = quality x std (Han 2015, arXiv:1506.02626)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Node, Op
from hwcompress.ops import Conv, Dense
from hwcompress.ops.conv import columns

Weighted: TypeAlias = Dense | Conv
Spread = Mapping[str, Reals]  # by node: deviation of each of its inputs (of a convolution: channels) over the data
UNKNOWN: Spread = {}


def smallest(weights: Reals, count: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]":
    """Mask of the `count` entries of least magnitude; ties go to the first in order."""
    mask = np.zeros(weights.size, dtype=bool)
    mask[np.argsort(np.abs(weights), axis=None, kind="stable")[:count]] = True
    return mask.reshape(weights.shape)


def prune_magnitude(graph: Graph[Op], sparsity: float) -> Graph[Op]:
    """Zero the share `sparsity` of all weights, least magnitude first, over the whole network."""
    return _prune_least(graph, sparsity, [np.abs(op.weight) for _, op in _weighted(graph)])


def prune_global(graph: Graph[Op], sparsity: float, spread: Spread = UNKNOWN) -> Graph[Op]:
    """Zero the share `sparsity` of all weights, those first that matter least to their layer.

    |w| times the deviation of its input (Sun et al., arXiv:2306.11695, there the norm: what is constant the bias takes
    over), squared and set against all of its layer that are as large or larger (LAMP, Lee et al., arXiv:2010.07611).
    """
    return _prune_least(graph, sparsity, [_lamp(_importance(name, op, spread)) for name, op in _weighted(graph)])


def _weighted(graph: Graph[Op]) -> list[tuple[str, Weighted]]:
    return [(n.name, n.op) for n in graph if isinstance(n.op, Weighted)]


def _importance(name: str, op: Weighted, spread: Spread) -> Reals:
    """|w| [m, n] times the deviation [n] of what it is multiplied with, where that is known."""
    if name not in spread:
        return np.abs(op.weight)
    each = spread[name]
    if isinstance(op, Conv):
        each = columns(each, len(op.weight), op.groups, op.window.taps)
    return np.abs(op.weight) * each


def _lamp(scores: Reals) -> Reals:
    """score^2 over the sum of all squares from it upwards."""
    square = scores.ravel() ** 2
    order = np.argsort(square, kind="stable")
    above = np.cumsum(square[order][::-1])[::-1]
    out = np.empty_like(square)
    out[order] = square[order] / np.maximum(above, np.finfo(np.float64).tiny)
    return out.reshape(scores.shape)


def _prune_least(graph: Graph[Op], sparsity: float, scores: Sequence[Reals]) -> Graph[Op]:
    """The share `sparsity` of the weights of all dense nodes, by scores over all of them."""
    if not scores:
        return graph
    flat = np.concatenate([s.ravel() for s in scores])
    mask = smallest(flat, round(sparsity * flat.size))
    parts = np.split(mask, np.cumsum([s.size for s in scores])[:-1])
    names = [name for name, _ in _weighted(graph)]
    return _masked(graph, {n: p.reshape(s.shape) for n, p, s in zip(names, parts, scores, strict=True)})


def prune_layers(graph: Graph[Op], sparsity: Mapping[str, float], spread: Spread = UNKNOWN) -> Graph[Op]:
    """Zero a share of each named node's weights, least |w| times the deviation of its input first."""
    masks = {
        name: smallest(_importance(name, op, spread), round(sparsity[name] * op.weight.size))
        for name, op in _weighted(graph)
        if name in sparsity
    }
    return _masked(graph, masks)


def prune_threshold(graph: Graph[Op], quality: Mapping[str, float]) -> Graph[Op]:
    """Zero weights below quality x std of their layer."""
    masks = {
        n.name: np.abs(n.op.weight) < quality[n.name] * n.op.weight.std()
        for n in graph
        if isinstance(n.op, Weighted) and n.name in quality
    }
    return _masked(graph, masks)


def sparsity(graph: Graph[Op]) -> float:
    """Share of zero weights."""
    dense = [n.op.weight for n in graph if isinstance(n.op, Weighted)]
    total = sum(w.size for w in dense)
    return sum(int(np.count_nonzero(w == 0)) for w in dense) / total if total else 0.0


def _masked(graph: Graph[Op], masks: Mapping[str, "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]"]) -> Graph[Op]:
    nodes: list[Node[Op]] = []
    for node in graph:
        if node.name in masks and isinstance(node.op, Weighted):
            weight = np.where(masks[node.name], 0.0, node.op.weight)
            nodes.append(replace(node, op=replace(node.op, weight=weight)))
        else:
            nodes.append(node)
    return replace(graph, nodes=tuple(nodes))
