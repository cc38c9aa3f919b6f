# SPDX-License-Identifier: Apache-2.0
"""Methods without training keep to the network before them that was last trained (or scaled), not to an older one."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hwcompress.ir.graph import Graph, Op
from hwcompress.ops import Dense
from hwcompress.recipe.recipe import make
from hwcompress.recipe.run import run_recipe
from hwcompress.recipe.state import Context, State, Task
from tests.compress.networks import RELU, chain, random_dense, weights
from tests.recipe.contexts import context_of

TRAIN = {"kind": "retrain", "epochs": 12, "batch": 20, "learning_rate": 0.03}
AFTER: list[dict[str, Any]] = [
    {"kind": "quantize", "method": "gptq", "weight_bits": 4},
    {"kind": "quantize", "method": "obq", "weight_bits": 3},
    {"kind": "quantize", "method": "adaround", "weight_bits": 3},
    {"kind": "prune", "method": "obs", "sparsity": 0.5},
    {"kind": "prune", "method": "sparsegpt", "pattern": "1:2"},
    {"kind": "digits", "weight_bits": 6, "price": 1e-3},
]


def problem() -> tuple[Graph[Op], Context]:
    rng = np.random.default_rng(1)
    graph = chain(6, random_dense(rng, 12, 6), RELU, random_dense(rng, 3, 12))
    x = context_of(graph, samples=240).x_train
    labels = (x[:, 0] > 0).astype(np.int64) + (x[:, 1] > 0)
    return graph, context_of(graph, labels, Task("classes"), samples=240)


def ran(graph: Graph[Op], context: Context, *steps: dict[str, Any]) -> Graph[Op]:
    """Behind the last step, dead channels still in place."""
    return run_recipe(make({"step": list(steps)}, "t", "t"), State(graph), context).last


def same(a: Graph[Op], b: Graph[Op]) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(weights(a), weights(b), strict=True))


@pytest.mark.torch
@pytest.mark.parametrize("step", AFTER)
def test_what_was_trained_is_aimed_at(step):
    pytest.importorskip("torch")
    graph, context = problem()
    trained = ran(graph, context, TRAIN)
    alone = ran(trained, replace(context, original=trained), step)
    assert same(ran(graph, context, TRAIN, step), alone)
    assert not same(ran(trained, context, step), alone)  # towards the network that was given


@pytest.mark.parametrize("step", AFTER)
def test_so_is_what_was_scaled(step):
    graph, context = problem()
    first = graph.nodes[0]
    assert isinstance(first.op, Dense)
    wide = replace(first, op=replace(first.op, weight=first.op.weight * np.exp2(np.arange(12) - 6.0)[:, None]))
    graph = replace(graph, nodes=(wide, *graph.nodes[1:]))
    context = replace(context, original=graph)
    scaled = ran(graph, context, {"kind": "equalize"})
    assert not same(scaled, graph)
    assert same(ran(graph, context, {"kind": "equalize"}, step), ran(scaled, replace(context, original=scaled), step))


def test_what_was_pruned_is_not():
    """Errors of pruning are made up for by the steps behind it."""
    graph, context = problem()
    pruned = ran(graph, context, {"kind": "prune", "sparsity": 0.3})
    step = {"kind": "quantize", "method": "gptq", "weight_bits": 4}
    both = ran(graph, context, {"kind": "prune", "sparsity": 0.3}, step)
    assert same(both, ran(pruned, context, step))
    assert not same(both, ran(pruned, replace(context, original=pruned), step))
