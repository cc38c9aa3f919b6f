# SPDX-License-Identifier: Apache-2.0
"""The float meaning of a graph, value by value."""

import numpy as np

from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Op


def run_float(graph: Graph[Op], x: Reals) -> Reals:
    """x [batch, n] to y [batch, m] in float64."""
    y = x.astype(np.float64)
    for node in graph:
        y = node.op.run_float(y)
    return y
