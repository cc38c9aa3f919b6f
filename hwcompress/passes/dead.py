# SPDX-License-Identifier: Apache-2.0
"""Channels of the integer form that carry nothing: removed, all codes stay the same.

Between two products a channel vanishes if its code is the same for every input (its column, times that code, moves
into the bias: an exact integer sum), or if the next product multiplies it by zero. The network's own inputs and
outputs stay, and at least one channel between any two products.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import cast

import numpy as np
from numpy.typing import NDArray

from hwcompress.errors import quote
from hwcompress.ir.graph import CodeOp, Graph, Node
from hwcompress.ir.types import Range, TensorType
from hwcompress.ops import AffineCodes, ConvCodes, DenseCodes, Requant

Mask = NDArray[np.bool_]


def drop_dead(graph: Graph[CodeOp], log: list[str] | None = None) -> Graph[CodeOp]:
    """The graph without dead channels, types inferred again; `log` receives a line for each product that shrank."""
    source = graph.types[graph.input]
    nodes = list(graph.nodes)
    removed: dict[str, int] = {}
    while _shrink(nodes, source, removed):
        pass
    if log is not None:
        log.extend(f"{quote(name)}: {count} channels removed, constant or unused" for name, count in removed.items())
    small = replace(graph, nodes=tuple(nodes))
    return replace(small, types=infer_types(small))


def infer_types(graph: Graph[CodeOp]) -> dict[str, TensorType]:
    """The type of every value, from that of the input."""
    types = {graph.input: graph.types[graph.input]}
    for node in graph:
        types[node.output] = node.op.infer(types[node.source])
    return types


def guaranteed(nodes: Sequence[Node[CodeOp]], source: TensorType) -> list[Range]:
    """The range in front of each node and behind the last."""
    ranges = [Range.of(source.element, source.channels)]
    for node in nodes:
        ranges.append(node.op.span(ranges[-1]))
    return ranges


def _shrink(nodes: list[Node[CodeOp]], source: TensorType, removed: dict[str, int]) -> bool:
    """One sweep over all pairs of neighbouring products, last first; whether anything changed."""
    ranges = guaranteed(nodes, source)
    products = [i for i, node in enumerate(nodes) if isinstance(node.op, DenseCodes | ConvCodes)]
    changed = False
    for first, second in reversed(list(pairwise(products))):
        if not (_grouped(nodes[first].op) or _grouped(nodes[second].op)):
            changed |= _shrink_between(nodes, first, second, ranges[second], removed)
    return changed


def _grouped(op: CodeOp) -> bool:
    return isinstance(op, ConvCodes) and op.groups > 1


def _shrink_between(nodes: list[Node[CodeOp]], first: int, second: int, x: Range, removed: dict[str, int]) -> bool:
    """Drop what is dead between the products at `first` and `second`; x is the range the second reads."""
    consumer = cast("DenseCodes | ConvCodes", nodes[second].op)
    by_channel = consumer.weight.reshape(len(consumer.weight), -1, len(x.lo))  # [m, positions or taps, channels]
    constant = x.lo == x.hi
    if isinstance(consumer, ConvCodes) and consumer.window.padded:
        constant &= x.lo == 0  # at the edge a tap reads 0
    dead = (by_channel == 0).all(axis=(0, 1)) | constant
    if dead.all():
        dead[0] = False  # one channel must stay
    if not dead.any():
        return False
    keep = ~dead
    bias = consumer.bias + by_channel.sum(axis=1)[:, dead] @ x.lo[dead]
    weight = by_channel[:, :, keep].reshape(len(by_channel), -1)
    nodes[second] = _with(nodes[second], replace(consumer, weight=weight, bias=bias))
    for i in range(first, second):
        nodes[i] = _with(nodes[i], _kept(nodes[i].op, keep))
    name = nodes[first].name
    removed[name] = removed.get(name, 0) + int(dead.sum())
    return True


def _with(node: Node[CodeOp], op: CodeOp) -> Node[CodeOp]:
    return replace(node, op=op)


def _kept(op: CodeOp, keep: Mask) -> CodeOp:
    """The operator on the channels that stay; of a product, its rows."""
    match op:
        case DenseCodes() | ConvCodes():
            return replace(op, weight=op.weight[keep], shifts=_entries(op.shifts, keep), bias=op.bias[keep])
        case AffineCodes():
            return replace(op, scale=op.scale[..., keep], shifts=_entries(op.shifts, keep), bias=op.bias[..., keep])
        case Requant():
            return replace(op, shifts=op.shifts[keep])
        case _:
            return op  # a table or a pool is the same for all channels


def _entries(shifts: tuple[int, ...], keep: Mask) -> tuple[int, ...]:
    kept = tuple(s for s, stays in zip(shifts, keep, strict=True) if stays) if shifts else ()
    return kept if any(kept) else ()
