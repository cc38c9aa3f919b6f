# SPDX-License-Identifier: Apache-2.0
"""Magnitude pruning: global, per layer, and by threshold = quality x std (Han 2015, arXiv:1506.02626)."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Node, Op
from hwcompress.ops import Dense


def smallest(weights: Reals, count: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]":
    """Mask of the `count` entries of least magnitude; ties go to the first in order."""
    mask = np.zeros(weights.size, dtype=bool)
    mask[np.argsort(np.abs(weights), axis=None, kind="stable")[:count]] = True
    return mask.reshape(weights.shape)


def prune_global(graph: Graph[Op], sparsity: float) -> Graph[Op]:
    """Zero the share `sparsity` of all weights, least magnitude first, over the whole network."""
    dense = [n.op for n in graph if isinstance(n.op, Dense)]
    if not dense:
        return graph
    flat = np.concatenate([op.weight.ravel() for op in dense])
    mask = smallest(flat, round(sparsity * flat.size))
    parts = np.split(mask, np.cumsum([op.weight.size for op in dense])[:-1])
    masks = iter([p.reshape(op.weight.shape) for p, op in zip(parts, dense, strict=True)])
    return _masked(graph, {n.name: next(masks) for n in graph if isinstance(n.op, Dense)})


def prune_layers(graph: Graph[Op], sparsity: Mapping[str, float]) -> Graph[Op]:
    """Zero a share of each named node's weights."""
    masks = {
        n.name: smallest(n.op.weight, round(sparsity[n.name] * n.op.weight.size))
        for n in graph
        if isinstance(n.op, Dense) and n.name in sparsity
    }
    return _masked(graph, masks)


def prune_threshold(graph: Graph[Op], quality: Mapping[str, float]) -> Graph[Op]:
    """Zero weights below quality x std of their layer."""
    masks = {
        n.name: np.abs(n.op.weight) < quality[n.name] * n.op.weight.std()
        for n in graph
        if isinstance(n.op, Dense) and n.name in quality
    }
    return _masked(graph, masks)


def sparsity(graph: Graph[Op]) -> float:
    """Share of zero weights."""
    dense = [n.op.weight for n in graph if isinstance(n.op, Dense)]
    total = sum(w.size for w in dense)
    return sum(int(np.count_nonzero(w == 0)) for w in dense) / total if total else 0.0


def _masked(graph: Graph[Op], masks: Mapping[str, "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]"]) -> Graph[Op]:
    nodes: list[Node[Op]] = []
    for node in graph:
        if node.name in masks and isinstance(node.op, Dense):
            weight = np.where(masks[node.name], 0.0, node.op.weight)
            nodes.append(replace(node, op=replace(node.op, weight=weight)))
        else:
            nodes.append(node)
    return replace(graph, nodes=tuple(nodes))
