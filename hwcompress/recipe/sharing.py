# SPDX-License-Identifier: Apache-2.0
"""The cluster step."""

from dataclasses import replace
from typing import Any

import numpy as np

from hwcompress.compress.cluster import cluster
from hwcompress.compress.formats import minmax_frac
from hwcompress.compress.structured import remove_dead
from hwcompress.ir.fixed import FixedPoint, Format, Reals, quantize
from hwcompress.ir.graph import Graph, Node, Op
from hwcompress.ops import Affine, Conv, Dense
from hwcompress.recipe.state import Context, State, each_layer
from hwcompress.recipe.steps import Cluster


def run_cluster(step: Cluster, state: State, context: Context) -> tuple[State, dict[str, Any]]:
    """The state after it, dead channels removed first, and what is worth telling."""
    alive = remove_dead(state.graph)
    counts = {n: layer.clusters or step.clusters for n, layer in each_layer(step, alive).items() if not layer.skip}
    made = cluster(alive, counts, init=step.init, seed=context.seed)
    graph = round_biases(made.graph, step.bias_bits) if step.bias_bits < 32 else made.graph
    return replace(state, graph=graph, shared=state.shared | counts.keys()), {"error": dict(made.errors)}


def round_biases(graph: Graph[Op], bits: int) -> Graph[Op]:
    """Biases of every layer on a grid of their own, of so many bits."""
    return replace(graph, nodes=tuple(_rounded(node, bits) for node in graph))


def _rounded(node: Node[Op], bits: int) -> Node[Op]:
    op = node.op
    if isinstance(op, Dense | Conv | Affine):
        return replace(node, op=replace(op, bias=on_grid(op.bias, bits)))
    return node


def on_grid(values: Reals, bits: int) -> Reals:
    """Rounded to the finest fixed-point type of so many bits that holds them all."""
    kind = FixedPoint(bits, minmax_frac(values, bits, signed=True))
    return quantize(values, Format(kind)).astype(np.float64) * np.float64(kind.step)
