# SPDX-License-Identifier: Apache-2.0
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportMissingTypeStubs=false
# pyright: reportOptionalCall=false, reportOptionalMemberAccess=false
"""Dropout: how often, with what left, and never where it does not belong."""

import numpy as np
import pytest

from hwcompress.errors import BadInput
from hwcompress.ops import Conv, Dense, Window
from tests.compress.maps import network
from tests.compress.networks import RELU, chain, random_dense, weights
from tests.recipe.contexts import context_of, interrupted

torch = pytest.importorskip("torch")

from hwcompress.recipe.state import State, Task  # noqa: E402
from hwcompress.recipe.steps import Retrain  # noqa: E402
from hwcompress.recipe.training import run_training  # noqa: E402
from hwcompress.train.dropout import Rate, dropout_hooks  # noqa: E402
from hwcompress.train.module import NetworkModule  # noqa: E402


def dense(zeros: int = 0):
    """400 values into one that is their sum, `zeros` of them without weight."""
    weight = np.ones((1, 400))
    weight[0, :zeros] = 0.0
    return chain(400, Dense(weight, np.zeros(1)))


@pytest.mark.parametrize(("zeros", "rate"), [(0, 0.5), (300, 0.25), (399, 0.025), (400, 0.0)])
def test_the_rate_falls_as_the_root_of_the_connections(zeros, rate):
    """D_o sqrt(C_r / C_o), Han 2015, equation in section 3.2; the mean stays."""
    module = NetworkModule(dense(zeros)).train()
    hooks = dropout_hooks(module, {"fc0": Rate(0.5, 400)}, (0, 0))
    assert Rate(0.5, 400).now(400 - zeros) == pytest.approx(rate)
    got = []
    for step in range(40):
        hooks.before_step(module, step, 40)
        got.append(module(torch.ones(50, 400)).detach().numpy())
    left = 400 - zeros
    kept = np.concatenate(got).ravel() * (1 - rate)  # how many were not dropped
    assert kept.mean() == pytest.approx(left * (1 - rate), abs=4 * (left * rate * (1 - rate) / 2000) ** 0.5 + 1e-3)
    assert kept.var() == pytest.approx(left * rate * (1 - rate), rel=0.2, abs=1e-5)


def test_nothing_is_dropped_in_evaluation_nor_elsewhere():
    graph = chain(6, random_dense(np.random.default_rng(0), 8, 6), RELU, random_dense(np.random.default_rng(1), 3, 8))
    module = NetworkModule(graph)
    plain = NetworkModule(graph)
    hooks = dropout_hooks(module, {"fc1": Rate(0.9, 24)}, (0, 0))
    hooks.before_step(module, 0, 1)
    x = torch.randn(9, 6)
    assert torch.equal(module.eval()(x), plain.eval()(x))
    module.train()
    assert not torch.equal(module(x), plain(x))
    bias = np.array([0.0, 0.0, 0.0])
    none = chain(6, graph.nodes[0].op, RELU, Dense(0 * weights(graph)[1], bias))
    assert (NetworkModule(none).train()(x) == 0).all()


def test_the_same_step_draws_the_same():
    x = torch.ones(5, 400)

    def drawn(seed, step):
        module = NetworkModule(dense()).train()
        hooks = dropout_hooks(module, {"fc0": Rate(0.5, 400)}, seed)
        hooks.before_step(module, step, 9)
        return module(x).detach().numpy().ravel().tolist()

    assert drawn((0, 1), 4) == drawn((0, 1), 4)
    assert drawn((0, 1), 4) != drawn((0, 1), 5)
    assert drawn((0, 1), 4) != drawn((1, 1), 4)


def learnable():
    rng = np.random.default_rng(1)
    graph = chain(6, random_dense(rng, 30, 6), RELU, random_dense(rng, 2, 30))
    x = context_of(graph, samples=240).x_train
    return graph, context_of(graph, (x[:, 0] > 0).astype(np.int64), Task("classes"), samples=240)


def test_a_step_with_dropout_learns_and_goes_on_from_a_checkpoint(tmp_path):
    graph, context = learnable()
    step = Retrain(epochs=12, batch=20, learning_rate=0.02, dropout=0.4, sparsity=0.5, frequency=5)
    _, whole, told = run_training(step, State(graph), context, 0)
    assert told["epochs"][-1]["score"] > 0.9
    path = tmp_path / "c.pt"
    with pytest.raises(KeyboardInterrupt):
        run_training(step, State(graph), interrupted(context), 0, path)
    _, again, _ = run_training(step, State(graph), context, 0, path)
    assert all(np.array_equal(a, b) for a, b in zip(weights(whole.graph), weights(again.graph), strict=True))
    _, other, _ = run_training(step.model_copy(update={"dropout": 0.0}), State(graph), context, 0)
    assert not np.array_equal(weights(other.graph)[0], weights(whole.graph)[0])


def test_layers_have_rates_of_their_own():
    """The first layer drops nothing unless it is asked to."""
    graph, context = learnable()
    common = {"epochs": 1, "batch": 20}
    plain, zero, first = (
        weights(run_training(Retrain(**common, **more), State(graph), context, 0)[1].graph)[0]
        for more in (
            {},
            {"dropout": 0.5, "layers": {"dense_1": {"dropout": 0.0}}},
            {"layers": {"dense_0": {"dropout": 0.5}}},
        )
    )
    assert np.array_equal(plain, zero)
    assert not np.array_equal(plain, first)


def test_maps_too():
    rng = np.random.default_rng(0)
    graph = network((6, 6, 2), Conv(rng.normal(size=(4, 18)), np.zeros(4), Window((3, 3)), 1), RELU,
                    Conv(rng.normal(size=(3, 16)), np.zeros(3), Window((2, 2)), 1))  # fmt: skip
    context = context_of(graph, rng.normal(size=(60, 27)), Task("values"), samples=60)
    run_training(Retrain(epochs=1, dropout=0.3), State(graph), context, 0)


def test_not_with_typed_values():
    graph, context = learnable()
    step = Retrain(epochs=1, dropout=0.3, weight_bits=4, activation_bits=6)
    with pytest.raises(
        BadInput, match=r"^dropout: values without types wanted, activation_bits found\. Try: dropout = 0$"
    ):
        run_training(step, State(graph), context, 0)
    run_training(step.model_copy(update={"activation_bits": None}), State(graph), context, 0)
