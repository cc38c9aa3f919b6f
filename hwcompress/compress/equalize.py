# SPDX-License-Identifier: Apache-2.0
"""Cross-layer equalization by powers of two: channels between two layers brought to like ranges, the meaning kept.

Nagel et al., "Data-Free Quantization", arXiv:1906.04721, section 4.1: with r1 the largest magnitude of a channel's row
in the first layer and r2 that of its columns in the second, s = sqrt(r1 / r2); row and bias are divided by s, the
columns multiplied. Here s is the nearest power of two, so that float64 answers stay the same bit for bit.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hwcompress.compress.hessian import Weighted
from hwcompress.ir.fixed import Codes, Reals
from hwcompress.ir.graph import Graph, Node, Op
from hwcompress.ops import Clip, Conv, Dense, MaxPool, SumPool
from hwcompress.ops.conv import columns

SWEEPS = 64  # over all pairs; far fewer are needed
REACH = 60  # bits that a channel may move, either way


def equalize(graph: Graph[Op]) -> Graph[Op]:
    """The graph with like ranges on both sides of every channel between two neighbouring layers.

    Pairs are Dense or Conv, then anything that commutes with a positive scale (Relu, MaxPool, SumPool), then Dense or
    Conv. The output is the same bit for bit.
    """
    nodes = list(graph.nodes)
    pairs = equal_pairs(nodes)
    moved = [np.zeros(len(_weighted(nodes[first]).weight), dtype=np.int64) for first, _ in pairs]
    for _ in range(SWEEPS):
        still = True
        for k, (first, second) in enumerate(pairs):
            a, b = _weighted(nodes[first]), _weighted(nodes[second])
            bits = _bits(a, b, moved[k])
            still &= not bits.any()
            moved[k] += bits
            nodes[first] = replace(nodes[first], op=_rows(a, -bits))
            nodes[second] = replace(nodes[second], op=_columns(b, bits))
        if still:
            break
    return replace(graph, nodes=tuple(nodes))


def equal_pairs(nodes: Sequence[Node[Op]]) -> list[tuple[int, int]]:
    """Positions of two layers with weights and nothing between them that minds a positive scale."""
    found: list[tuple[int, int]] = []
    last: int | None = None
    for k, node in enumerate(nodes):
        if isinstance(node.op, Weighted):
            if last is not None:
                found.append((last, k))
            last = k
        elif not scalable(node.op):
            last = None
    return found


def scalable(op: Op) -> bool:
    """Whether f(s x) = s f(x) for every s > 0."""
    if isinstance(op, Clip):
        return all(bound == 0 or math.isinf(bound) for bound in (op.lo, op.hi))
    if isinstance(op, MaxPool):
        return op.fill == 0 or math.isinf(op.fill)
    return isinstance(op, SumPool)


def _weighted(node: Node[Op]) -> Weighted:
    assert isinstance(node.op, Dense | Conv)
    return node.op


def _bits(first: Weighted, second: Weighted, moved: Codes) -> Codes:
    """log2 of s for every channel [n], rounded; 0 where a range is 0."""
    r1 = np.abs(first.weight).max(axis=1, initial=0.0)
    r2 = _reach(second, len(r1))
    both = (r1 > 0) & (r2 > 0)
    ratio = np.log2(np.where(both, r1, 1.0)) - np.log2(np.where(both, r2, 1.0))
    return np.clip(np.rint(ratio / 2), -REACH - moved, REACH - moved).astype(np.int64)


def _reach(op: Weighted, channels: int) -> Reals:
    """Largest magnitude of the weights that read each input channel [n]."""
    size = np.abs(op.weight)
    if isinstance(op, Dense):
        return size.reshape(len(size), -1, channels).max(axis=(0, 1), initial=0.0)
    by_group = size.reshape(op.groups, len(size) // op.groups, op.window.taps, channels // op.groups)
    return by_group.max(axis=(1, 2), initial=0.0).reshape(-1)


def _rows(op: Weighted, bits: Codes) -> Weighted:
    scale = np.exp2(bits.astype(np.float64))
    return replace(op, weight=op.weight * scale[:, None], bias=op.bias * scale)


def _columns(op: Weighted, bits: Codes) -> Weighted:
    scale = np.exp2(bits.astype(np.float64))
    if isinstance(op, Conv):
        return replace(op, weight=op.weight * columns(scale, len(op.weight), op.groups, op.window.taps))
    return replace(op, weight=op.weight * np.resize(scale, op.weight.shape[1]))
