# SPDX-License-Identifier: Apache-2.0
"""Derivatives against central differences of the loss itself."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from hwcompress.compress import backward
from hwcompress.compress.backward import (
    absolute_gradients,
    curvatures,
    gradients,
    pull,
    squared_gradients,
    traces,
)
from hwcompress.compress.losses import Agreement, CrossEntropy, Loss, MeanSquare, sampled_labels, shares
from hwcompress.compress.select import weighted
from hwcompress.errors import BadInput
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Op
from hwcompress.ops import Affine, Clip, Conv, Dense, Lookup, MaxPool, SumPool
from hwcompress.ops.lookup import FUNCTIONS
from hwcompress.sim.reference import run_float
from tests.compress.maps import network, random_network, random_window, samples
from tests.compress.networks import RELU, random_dense

ALL = slice(None)


def central(f: Callable[[Reals], Reals], x: Reals, h: float = 1e-6) -> Reals:
    """Derivative of f (a sum over what it returns) by each element of x."""
    out = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i] += h
        down[i] -= h
        out[i] = (f(up) - f(down)).sum() / (2 * h)
    return out


def second(f: Callable[[Reals], float], x: Reals, h: float = 1e-3) -> Reals:
    """Second derivative of f by each element of x."""
    out = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i] += h
        down[i] -= h
        out[i] = (f(up) - 2 * f(x) + f(down)) / h**2
    return out


def with_weight(graph: Graph[Op], name: str, weight: Reals) -> Graph[Op]:
    return with_op(graph, name, replace(weighted(graph)[name], weight=weight))


def with_op(graph: Graph[Op], name: str, op: Op) -> Graph[Op]:
    return replace(graph, nodes=tuple(replace(n, op=op) if n.name == name else n for n in graph))


def some_loss(graph: Graph[Op], x: Reals, kind: int) -> Loss:
    rng = np.random.default_rng(9)
    y = run_float(graph, x)
    if kind == 0:
        return CrossEntropy(rng.integers(0, max(2, y.shape[1]), len(x)))
    if kind == 1:
        return MeanSquare(rng.normal(size=y.shape))
    return Agreement(rng.normal(size=y.shape), 2.5)


def mean_loss(graph: Graph[Op], x: Reals, loss: Loss) -> float:
    return float(loss.values(run_float(graph, x), ALL).mean())


@pytest.mark.parametrize("columns", [1, 2, 5])
@pytest.mark.parametrize("kind", range(3))
def test_losses_have_these_derivatives(kind: int, columns: int) -> None:
    rng = np.random.default_rng(kind)
    y = rng.normal(size=(4, columns)) * 3
    loss: Loss = [
        CrossEntropy(rng.integers(0, max(2, columns), 4)), MeanSquare(rng.normal(size=y.shape)),
        Agreement(rng.normal(size=y.shape), 3.0),
    ][kind]  # fmt: skip
    assert loss.slopes(y, ALL) == pytest.approx(central(lambda y: loss.values(y, ALL), y), abs=1e-7)
    assert loss.curvatures(y, ALL) == pytest.approx(second(lambda y: loss.values(y, ALL).sum(), y), abs=1e-5)


def test_losses_by_hand() -> None:
    y = np.log(np.array([[0.2, 0.3, 0.5], [0.6, 0.2, 0.2]]))
    assert CrossEntropy(np.array([2, 1])).values(y, ALL) == pytest.approx([-np.log(0.5), -np.log(0.2)])
    logit = np.log(np.array([[3.0], [3.0]]))
    assert CrossEntropy(np.array([1, 0])).values(logit, ALL) == pytest.approx([-np.log(0.75), -np.log(0.25)])
    assert MeanSquare(np.zeros((1, 3))).values(np.array([[1.0, 2, 3]]), ALL).tolist() == [14 / 3]
    p = np.array([0.2, 0.3, 0.5])
    assert Agreement(y[:1] + 7).values(y[:1], ALL) == pytest.approx([-(p * np.log(p)).sum()])
    assert not Agreement(y).slopes(y, ALL).any()
    huge = np.array([[1e4, -1e4]])
    assert CrossEntropy(np.array([1])).values(huge, ALL).tolist() == [2e4]
    assert CrossEntropy(np.array([0])).values(-huge[:, :1], ALL).tolist() == [0.0]


def test_labels_are_drawn_from_the_shares() -> None:
    y = np.log(np.tile([[0.2, 0.3, 0.5]], (20000, 1)))
    drawn = sampled_labels(y, 0)
    assert np.bincount(drawn) / 20000 == pytest.approx([0.2, 0.3, 0.5], abs=0.02)
    assert drawn.tolist() == sampled_labels(y, 0).tolist()
    assert drawn.tolist() != sampled_labels(y, 1).tolist()
    assert sampled_labels(np.full((20000, 1), np.log(3.0)), 0).mean() == pytest.approx(0.75, abs=0.02)
    assert shares(y[:1, :1]).shape == (1, 1)


def spatial(seed: int) -> list[Op]:
    rng = np.random.default_rng(seed)
    window = random_window(rng, (5, 4, 4))
    return [
        Conv(rng.normal(size=(3, window.taps * 4)), rng.normal(size=3), window),
        Conv(rng.normal(size=(6, window.taps * 2)), rng.normal(size=6), window, 2),
        Conv(rng.normal(size=(8, window.taps)), rng.normal(size=8), window, 4),
        MaxPool(window), MaxPool(window, 0.3), SumPool(window), Dense(rng.normal(size=(3, 80)), rng.normal(size=3)),
        Affine(rng.normal(size=(5, 4, 4)), rng.normal(size=(5, 4, 4))), Affine(rng.normal(size=4), rng.normal(size=4)),
        Clip(-0.5, 0.7), RELU,
    ]  # fmt: skip


@pytest.mark.parametrize("kind", range(11))
@pytest.mark.parametrize("seed", range(8))
def test_every_operator_pulls_back(seed: int, kind: int) -> None:
    op = spatial(seed)[kind]
    rng = np.random.default_rng(seed + 100)
    x = rng.normal(size=(2, 5, 4, 4))
    g = rng.normal(size=(2, *op.shape((5, 4, 4))))
    assert pull(op, x, g) == pytest.approx(central(lambda x: op.run_float(x) * g, x), abs=1e-6)


@pytest.mark.parametrize("kind", range(11))
def test_squared_factors_are_the_squares_of_the_jacobian(kind: int) -> None:
    op = spatial(3)[kind]
    rng = np.random.default_rng(4)
    x = rng.normal(size=(1, 5, 4, 4))
    shape = (1, *op.shape((5, 4, 4)))
    g = rng.random(shape)
    want = np.zeros_like(x)
    for i in np.ndindex(shape):
        one = np.zeros(shape)
        one[i] = 1.0
        want += pull(op, x, one) ** 2 * g[i]
    assert pull(op, x, g, np.square) == pytest.approx(want)


PARAMETERS = {
    "leaky_relu": (0.1,), "elu": (0.7,), "selu": (1.67, 1.05), "celu": (0.8,), "thresholded_relu": (0.5,),
    "swish": (1.3,),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_pulls_back(name: str) -> None:
    op = Lookup(name, PARAMETERS.get(name, ()))
    x = np.concatenate([np.linspace(-6.03, 6.01, 101), [1e3, -1e3]])[None]
    assert pull(op, x, np.ones_like(x)) == pytest.approx(central(op.run_float, x, 1e-5), abs=1e-6)
    if name in ("sigmoid", "tanh"):
        y = op.run_float(x)
        exact = y * (1 - y) if name == "sigmoid" else 1 - y**2
        assert pull(op, x, np.ones_like(x)) == pytest.approx(exact, abs=1e-9)


@pytest.mark.parametrize("seed", range(24))
def test_gradients_of_chains(seed: int) -> None:
    graph = random_network(seed, grouped=True, side=4)
    x = samples(graph, 3, seed)
    loss = some_loss(graph, x, seed % 3)
    found = gradients(graph, x, loss)
    assert list(found) == list(weighted(graph))
    for name, op in weighted(graph).items():
        weight = central(lambda w, n=name: np.array(mean_loss(with_weight(graph, n, w), x, loss)), op.weight)
        bias = central(
            lambda b, n=name, o=op: np.array(mean_loss(with_op(graph, n, replace(o, bias=b)), x, loss)), op.bias
        )
        assert found[name][0] == pytest.approx(weight, abs=1e-5, rel=1e-5)
        assert found[name][1] == pytest.approx(bias, abs=1e-5, rel=1e-5)


@pytest.mark.parametrize("seed", range(24))
def test_gradients_of_values_inside(seed: int) -> None:
    """The slope of what a node makes is the derivative of the rest of the network."""
    graph = random_network(seed, grouped=True, side=3)
    x = samples(graph, 1, seed)
    loss = some_loss(graph, x, seed % 3)
    trace = next(iter(traces(graph, x, loss)))
    assert trace.outputs.tolist() == run_float(graph, x).tolist()
    for at in range(len(graph.nodes)):
        value = graph.nodes[at].op.run_float(trace.inputs[at])

        def rest(y: Reals, at: int = at) -> Reals:
            for node in graph.nodes[at + 1 :]:
                y = node.op.run_float(y)
            return loss.values(y.reshape(1, -1), ALL)

        assert trace.slopes[at] == pytest.approx(central(rest, value), abs=1e-5, rel=1e-5)


@pytest.mark.parametrize("seed", range(24))
def test_moments_are_those_of_single_samples(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However the samples are cut."""
    graph = random_network(seed, grouped=True)
    x = samples(graph, 5, seed)
    loss = some_loss(graph, x, 1)
    assert isinstance(loss, MeanSquare)
    each = [gradients(graph, x[i : i + 1], MeanSquare(loss.targets[i : i + 1])) for i in range(5)]
    for chunk in (1 << 20, 1):
        monkeypatch.setattr(backward, "CHUNK", chunk)
        for name in weighted(graph):
            for k in (0, 1):
                single = np.stack([e[name][k] for e in each])
                assert gradients(graph, x, loss)[name][k] == pytest.approx(single.mean(axis=0))
                assert squared_gradients(graph, x, loss)[name][k] == pytest.approx((single**2).mean(axis=0))
                assert absolute_gradients(graph, x, loss)[name][k] == pytest.approx(np.abs(single).mean(axis=0))


@pytest.mark.parametrize("seed", range(6))
def test_curvatures_of_two_dense_layers_are_exact(seed: int) -> None:
    """Behind the last weights the Hessian of mean squared error is diagonal."""
    rng = np.random.default_rng(seed)
    between: Op = (RELU, Affine(rng.normal(size=4), rng.normal(size=4)), Lookup("leaky_relu", (0.25,)))[seed % 3]
    graph = network((3,), random_dense(rng, 4, 3), between, random_dense(rng, 2, 4))
    x = rng.normal(size=(5, 3)) + 0.05
    loss = some_loss(graph, x, 1)
    found = curvatures(graph, x, loss)
    for name, op in weighted(graph).items():
        want = second(lambda w, n=name: mean_loss(with_weight(graph, n, w), x, loss), op.weight, 1e-4)
        assert found[name][0] == pytest.approx(want, abs=1e-5, rel=1e-4)
        biased = second(
            lambda b, n=name, o=op: mean_loss(with_op(graph, n, replace(o, bias=b)), x, loss), op.bias, 1e-4
        )
        assert found[name][1] == pytest.approx(biased, abs=1e-5, rel=1e-4)


def test_curvatures_of_cross_entropy_in_the_last_layer_are_exact() -> None:
    rng = np.random.default_rng(0)
    graph = network((3,), random_dense(rng, 4, 3), Lookup("tanh"), random_dense(rng, 5, 4))
    x = rng.normal(size=(6, 3))
    loss = some_loss(graph, x, 0)
    weight = weighted(graph)["dense2"].weight
    want = second(lambda w: mean_loss(with_weight(graph, "dense2", w), x, loss), weight)
    assert curvatures(graph, x, loss)["dense2"][0] == pytest.approx(want, abs=1e-6)


@pytest.mark.parametrize("seed", range(12))
def test_curvatures_follow_the_recursion(seed: int) -> None:
    """LeCun's equations with explicit Jacobians, one sample, one weight at a time."""
    graph = random_network(seed, grouped=True, side=3)
    x = samples(graph, 2, seed)
    loss = some_loss(graph, x, 1)
    found = curvatures(graph, x, loss)
    want = {name: np.zeros_like(op.weight) for name, op in weighted(graph).items()}
    for i in range(2):
        values = [x[i : i + 1]]
        for node in graph:
            values.append(node.op.run_float(values[-1]))
        h = np.full(values[-1].size, 2.0 / values[-1].size)
        for node, value, y in zip(graph.nodes[::-1], values[-2::-1], values[:0:-1], strict=True):
            if isinstance(node.op, Dense | Conv):
                op, silent = node.op, replace(node.op, bias=np.zeros_like(node.op.bias))
                for k in np.ndindex(op.weight.shape):
                    one = np.zeros_like(op.weight)
                    one[k] = 1.0
                    inputs = replace(silent, weight=one).run_float(value).ravel()
                    want[node.name][k] += (inputs**2 * h).sum() / 2
            units = np.eye(y.size).reshape(y.size, *y.shape[1:])
            jacobian = pull(node.op, np.repeat(value, y.size, axis=0), units).reshape(y.size, -1)
            h = h @ jacobian**2
    for name, each in want.items():
        assert found[name][0] == pytest.approx(each, rel=1e-6, abs=1e-9)


def test_dead_inputs_have_no_gradient() -> None:
    graph = network((2,), Dense(np.ones((2, 2)), np.zeros(2)), RELU, Dense(np.ones((1, 2)), np.zeros(1)))
    x = np.array([[1.0, 0.0], [2.0, 0.0]])
    found = gradients(graph, x, MeanSquare(np.zeros((2, 1))))
    assert found["dense0"][0][:, 1].tolist() == [0, 0]
    assert gradients(graph, -x, MeanSquare(np.ones((2, 1))))["dense0"][0].tolist() == [[0, 0], [0, 0]]


def test_wrong_arguments_are_refused() -> None:
    graph = network((2,), Dense(np.ones((3, 2)), np.zeros(3)))
    x = np.ones((4, 2))
    for call in (
        lambda: gradients(graph, x[:0], CrossEntropy(np.zeros(0, dtype=np.int64))),
        lambda: gradients(graph, x[:, :1], CrossEntropy(np.zeros(4, dtype=np.int64))),
        lambda: gradients(graph, x, CrossEntropy(np.zeros(3, dtype=np.int64))),
        lambda: gradients(graph, x, CrossEntropy(np.full(4, 3))),
        lambda: gradients(graph, x, CrossEntropy(np.full(4, -1))),
        lambda: Agreement(x, 0.0),
    ):
        with pytest.raises(BadInput, match="Try: "):
            call()
