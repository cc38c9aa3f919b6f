# SPDX-License-Identifier: Apache-2.0
"""The float meaning of a graph, value by value."""

import math
from collections.abc import Iterable, Iterator

import numpy as np

from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Node, Op
from hwcompress.ops import Conv

CHUNK = 1 << 22  # elements of the largest value, windows gathered, at a time


def run_float(graph: Graph[Op], x: Reals) -> Reals:
    """x [batch, n] to y [batch, m] in float64, maps in raster order with channels innermost."""
    step = max(1, CHUNK // widest(graph))
    parts = [_chunk(graph, x[a : a + step]) for a in range(0, max(1, len(x)), step)]
    return np.concatenate(parts)


def _chunk(graph: Graph[Op], x: Reals) -> Reals:
    return run_nodes(graph, x.astype(np.float64).reshape(len(x), *graph.shape))


def run_nodes(nodes: Iterable[Node[Op]], x: Reals) -> Reals:
    """What the last of the nodes makes [batch, m] if the first reads x [batch, *its shape]."""
    for node in nodes:
        x = node.op.run_float(x)
    return x.reshape(len(x), math.prod(x.shape[1:]))


def widest(graph: Graph[Op]) -> int:
    """Elements of the largest value of one sample; of a convolution the gathered windows."""
    return max(1, graph.elements, *sizes(graph))


def sizes(graph: Graph[Op]) -> Iterator[int]:
    """Elements of what each node makes of one sample, or of the windows that it gathers for that, if these are more."""
    shape = graph.shape
    for node in graph:
        shape = node.op.shape(shape)
        columns = node.op.weight.shape[1] * node.op.groups if isinstance(node.op, Conv) else 1
        yield math.prod(shape[:-1]) * max(shape[-1], columns)
