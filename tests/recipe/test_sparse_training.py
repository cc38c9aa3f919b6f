# SPDX-License-Identifier: Apache-2.0
"""Recipe steps that learn zeros and shared values: what comes out is in the graph, and nowhere else."""

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from hwcompress.compress.select import weighted, with_weights
from hwcompress.errors import BadInput
from hwcompress.ir.graph import Graph, Op
from hwcompress.recipe.apply import Done, apply
from hwcompress.recipe.sharing import round_biases
from hwcompress.recipe.state import Context, State, Task
from hwcompress.recipe.steps import FinetuneCentroids, Hash, LayerStep, Quantize, Retrain, SoftSharing, Step
from hwcompress.storage.hashing import Placement
from tests.compress.networks import RELU, chain, random_dense, weights
from tests.recipe.contexts import context_of

torch = pytest.importorskip("torch")

from hwcompress.recipe.sparse_training import together  # noqa: E402
from hwcompress.train.loop import Hooks  # noqa: E402
from hwcompress.train.module import NetworkModule  # noqa: E402

FAST: dict[str, Any] = {"batch": 20, "learning_rate": 0.02}


def problem() -> tuple[Graph[Op], Context]:
    """Two classes told apart by the first of six inputs; most of the 12 neurons are not needed."""
    rng = np.random.default_rng(1)
    graph = chain(6, random_dense(rng, 12, 6), RELU, random_dense(rng, 2, 12))
    inputs = context_of(graph, samples=240).x_train
    return graph, context_of(graph, (inputs[:, 0] > 0).astype(np.int64), Task("classes"), samples=240)


def run(step: Step, shared: frozenset[str] = frozenset()) -> tuple[Done, Context]:
    graph, context = problem()
    return apply(step, State(graph, shared), context, 0), context


@pytest.mark.parametrize(
    "step",
    [
        Retrain(epochs=40, l0=3e-3, groups="rows", gate_factor=20.0, **FAST),
        Retrain(epochs=40, group_lasso=1.0, **FAST),
        Retrain(epochs=40, group_lasso=1.0, groups="channels", **FAST),
    ],
)
def test_groups_that_go_are_gone(step):
    done, context = run(step)
    rows = len(weights(done.state.graph)[0])
    assert rows < 9
    assert done.told["channels"] == {"dense_0": [12, rows]}
    assert context.score(done.state.graph) > 0.9


def test_l0_of_single_weights():
    done, context = run(Retrain(epochs=40, l0=3e-3, gate_factor=20.0, **FAST))
    assert weights(done.state.graph)[0].shape == (12, 6)
    assert sum(int((w == 0).sum()) for w in weights(done.state.graph)) > 30
    assert context.score(done.state.graph) > 0.9


def test_a_skipped_layer_has_no_gates():
    done, _ = run(Retrain(epochs=40, l0=3e-3, gate_factor=20.0, layers={"dense_0": LayerStep(skip=True)}, **FAST))
    first, second = weights(done.state.graph)
    assert (first != 0).all()
    assert (second == 0).any()


def test_biased_decay_makes_small_weights_smaller():
    plain, biased = (run(Retrain(epochs=20, keep="last", biased_decay=b, **FAST))[0] for b in (0.0, 3e-3))
    small = [sum(int((np.abs(w) < 0.03).sum()) for w in weights(d.state.graph)) for d in (plain, biased)]
    assert small[1] > small[0] + 10


def test_nothing_is_added_unless_asked_for():
    """A field at zero leaves the training as it was, bit for bit."""
    none = Retrain(epochs=2, l0=0.0, group_lasso=0.0, biased_decay=0.0, groups="rows", **FAST)
    plain, other = (weights(run(step)[0].state.graph) for step in (Retrain(epochs=2, **FAST), none))
    assert all(np.array_equal(a, b) for a, b in zip(plain, other, strict=True))


def test_soft_sharing():
    step = SoftSharing(epochs=60, components=5, zero_share=0.6, tau=0.02, alpha=250.0, beta=0.25, bias_bits=6, **FAST)
    done, context = run(step)
    graph, told = done.state.graph, done.told
    assert done.state.shared == {"fc0", "fc1"}
    known = {float(np.float32(m)) for m in told["means"]}
    for w, each in zip(weights(graph), told["units"].values(), strict=True):
        assert {*np.unique(np.float32(w / each)).tolist()} <= known | {0.0}
        assert math.frexp(each)[0] == 0.5
    assert len(known) <= 6
    assert told["means"][0] == 0.0
    assert told["values"] == {f"dense_{k}": len(np.unique(w[w != 0])) for k, w in enumerate(weights(graph))}
    for a, b in zip(graph.nodes, round_biases(graph, 6).nodes, strict=True):
        assert np.array_equal(getattr(a.op, "bias", 0), getattr(b.op, "bias", 0))
    assert context.score(graph) > 0.85


def test_soft_sharing_leaves_a_skipped_layer_free():
    done, _ = run(SoftSharing(epochs=2, layers={"dense_1": LayerStep(skip=True)}, **FAST))
    assert done.state.shared == {"fc0"}
    assert len(np.unique(weights(done.state.graph)[1])) == 24


def test_hash():
    done, context = run(Hash(epochs=30, share=0.25, **FAST))
    for w, count in zip(weights(done.state.graph), (18, 6), strict=True):
        assert len(np.unique(np.abs(w))) <= count
    assert done.told["buckets"] == {"dense_0": 18, "dense_1": 6}
    assert context.score(done.state.graph) > 0.9


@pytest.mark.parametrize(
    ("step", "what"),
    [
        (Retrain(l0=1e-3), "l0"),
        (Retrain(group_lasso=1e-3), "group_lasso"),
        (SoftSharing(), "soft-sharing"),
        (Hash(), "hash"),
    ],
)
def test_shared_weights_are_not_free(step, what):
    wanted = (
        f"^{what}: layers with free weights wanted, those of dense_1 are shared. "
        f"Try: {what} before the step that shares them, or skip = true for these layers$"
    )
    with pytest.raises(BadInput, match=wanted):
        run(step, frozenset({"fc1"}))


@pytest.mark.parametrize("step", [Retrain(l0=1e-3), SoftSharing(), Hash()])
def test_some_layer_is_wanted(step):
    alone = step.model_copy(update={"layers": {"*": LayerStep(skip=True)}})
    with pytest.raises(BadInput, match=r": a layer with weights wanted, all are skipped\. Try: "):
        run(alone)


def test_hooks_together():
    calls: list[Any] = []
    graph, _ = problem()
    module = NetworkModule(graph)
    first = Hooks(lambda _m: torch.tensor(2.0), counts_from=0.3, parameters=[{"params": [1]}])
    second = Hooks(
        lambda _m: torch.tensor(0.5),
        lambda _m, step, steps: calls.append((step, steps)),
        lambda _m, rate: calls.append(rate),
        parameters=[{"params": [2]}],
    )
    both = together([first, Hooks(), second, second])
    assert both.penalty
    assert both.before_step
    assert both.after_step
    assert float(both.penalty(module)) == 3.0
    both.before_step(module, 1, 9)
    both.after_step(module, 0.25)
    assert calls == [(1, 9), (1, 9), 0.25, 0.25]
    assert both.counts_from == 0.3
    assert [g["params"] for g in both.parameters] == [[1], [2], [2]]
    empty = together([])
    assert (empty.penalty, empty.before_step, empty.after_step, empty.counts_from) == (None, None, None, 0.0)


def trained() -> tuple[State, Context]:
    done, context = run(Retrain(epochs=30, **FAST))
    return done.state, context


def test_soft_sharing_gives_way():
    """A tau that ruins the network is made smaller until the tolerance holds; what was used is in the step."""
    state, context = trained()
    before = context.score(state.graph)
    step = SoftSharing(epochs=20, components=4, tau=50.0, **FAST)
    ruined = apply(step, state, context, 0).state
    held = apply(step.model_copy(update={"tolerance": 3.0}), state, context, 0)
    assert context.score(ruined.graph) < before - context.points(3.0)
    assert context.score(held.state.graph) >= before - context.points(3.0)
    taus = [tau for tau, _ in held.told["tried"]]
    assert taus == [50.0 / 4**k for k in range(len(taus))]
    assert isinstance(held.step, SoftSharing)
    assert (held.step.tau, held.step.tolerance) == (taus[-1], None)
    again = apply(held.step, state, context, 0).state
    assert all(np.array_equal(a, b) for a, b in zip(weights(again.graph), weights(held.state.graph), strict=True))


def test_hashed_weights_stay_where_hashes_place_them():
    """Through training of all that is shared, through centroids, and on a grid for the layer."""
    state, context = trained()
    steps = (
        Hash(epochs=3, share=0.25, **FAST),
        FinetuneCentroids(epochs=2, batch=20),
        Retrain(epochs=2, **FAST),
        Quantize(weight_bits=6, per_channel=False),
    )
    seen = [state]
    for step in steps:
        seen.append(apply(step, seen[-1], context, 0).state)
        assert seen[-1].hashes == {"fc0": Placement(18, 0), "fc1": Placement(6, 0)}
        for name, place in seen[-1].hashes.items():
            assert place.values(weighted(seen[-1].graph)[name].weight) is not None
    moved = [not np.array_equal(weights(a.graph)[0], weights(b.graph)[0]) for a, b in pairwise(seen)]
    assert moved == [True] * 4


def test_rows_on_grids_of_their_own_are_hashed_no_more():
    """They are shared values like any, and train so."""
    state, context = trained()
    hashed = apply(Hash(epochs=1, share=0.25, **FAST), state, context, 0).state
    graph = with_weights(hashed.graph, {"fc0": weights(hashed.graph)[0] * np.arange(1, 13)[:, None]})
    after = apply(FinetuneCentroids(epochs=1, batch=20), replace(hashed, graph=graph), context, 0).state
    count = [len(np.unique(weights(g)[0])) for g in (graph, after.graph)]
    assert count[0] == count[1] > 2 * 18
