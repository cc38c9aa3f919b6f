# SPDX-License-Identifier: Apache-2.0
"""The float meaning of a graph, value by value."""

import math

import numpy as np

from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Op
from hwcompress.ops import Conv

CHUNK = 1 << 22  # elements of the largest value, windows gathered, at a time


def run_float(graph: Graph[Op], x: Reals) -> Reals:
    """x [batch, n] to y [batch, m] in float64, maps in raster order with channels innermost."""
    step = max(1, CHUNK // widest(graph))
    parts = [_chunk(graph, x[a : a + step]) for a in range(0, max(1, len(x)), step)]
    return np.concatenate(parts)


def _chunk(graph: Graph[Op], x: Reals) -> Reals:
    y = x.astype(np.float64).reshape(len(x), *graph.shape)
    for node in graph:
        y = node.op.run_float(y)
    return y.reshape(len(x), math.prod(y.shape[1:]))


def widest(graph: Graph[Op]) -> int:
    """Elements of the largest value of one sample; of a convolution the gathered windows."""
    shape, most = graph.shape, graph.elements
    for node in graph:
        shape = node.op.shape(shape)
        columns = node.op.weight.shape[1] * node.op.groups if isinstance(node.op, Conv) else 1
        most = max(most, math.prod(shape[:-1]) * max(shape[-1], columns))
    return max(1, most)
