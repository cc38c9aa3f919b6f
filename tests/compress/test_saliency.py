# SPDX-License-Identifier: Apache-2.0
"""Scores against their definitions, one weight, one channel and one sample at a time."""

from dataclasses import replace

import numpy as np
import pytest

from hwcompress.compress import backward, saliency
from hwcompress.compress.backward import gradients
from hwcompress.compress.losses import CrossEntropy, MeanSquare
from hwcompress.compress.select import weighted
from hwcompress.compress.structured import channels, mask_channels
from hwcompress.errors import BadInput
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Op
from hwcompress.ops import Clip, Conv, Dense, MaxPool, Window
from hwcompress.sim.reference import run_float
from tests.compress.maps import network, random_network, samples
from tests.compress.networks import RELU, random_dense

ALL = slice(None)


def setting(seed: int, count: int = 4) -> tuple[Graph[Op], Reals, MeanSquare]:
    graph = random_network(seed, grouped=True, side=4)
    x = samples(graph, count, seed)
    y = run_float(graph, x)
    return graph, x, MeanSquare(y + np.random.default_rng(seed).normal(size=y.shape))


def mean_loss(graph: Graph[Op], x: Reals, loss: MeanSquare) -> float:
    return float(loss.values(run_float(graph, x), ALL).mean())


def removed(graph: Graph[Op], name: str, index: int) -> Graph[Op]:
    weight = weighted(graph)[name].weight.copy()
    weight.flat[index] = 0.0
    return replace(
        graph,
        nodes=tuple(
            replace(n, op=replace(n.op, weight=weight)) if n.name == name and isinstance(n.op, Dense | Conv) else n
            for n in graph
        ),
    )


def test_magnitude_and_random() -> None:
    graph, _, _ = setting(0)
    for name, op in weighted(graph).items():
        assert saliency.magnitude(graph)[name].tolist() == np.abs(op.weight).tolist()
        drawn = saliency.random(graph, 3)[name]
        assert drawn.tolist() == saliency.random(graph, 3)[name].tolist()
        assert drawn.tolist() != saliency.random(graph, 4)[name].tolist()
        assert drawn.shape == op.weight.shape


def test_obd_is_the_loss_of_a_quadratic() -> None:
    """At a minimum of mean squared error the last layer loses exactly h w^2 / 2."""
    rng = np.random.default_rng(0)
    graph = network((3,), random_dense(rng, 5, 3), RELU, random_dense(rng, 2, 5))
    x = rng.normal(size=(40, 3))
    loss = MeanSquare(run_float(graph, x))
    scores = saliency.obd(graph, x, loss)["dense2"]
    assert saliency.oracle_weights(graph, x, loss, "dense2", np.arange(10)) == pytest.approx(scores.ravel())
    assert not saliency.taylor(graph, x, loss)["dense2"].any()
    assert not saliency.fisher(graph, x, loss)["dense0"].any()


@pytest.mark.parametrize("seed", range(8))
def test_first_order_scores_of_single_samples(seed: int) -> None:
    graph, x, loss = setting(seed)
    each = [gradients(graph, x[i : i + 1], MeanSquare(loss.targets[i : i + 1])) for i in range(len(x))]
    by_sample, of_mean, fisher = (
        saliency.taylor(graph, x, loss),
        saliency.taylor(graph, x, loss, by_sample=False),
        saliency.fisher(graph, x, loss),
    )
    for name, op in weighted(graph).items():
        g = np.stack([e[name][0] for e in each])
        assert by_sample[name] == pytest.approx(np.abs(g * op.weight).mean(axis=0))
        assert of_mean[name] == pytest.approx(np.abs(g.mean(axis=0) * op.weight))
        assert fisher[name] == pytest.approx((g**2).mean(axis=0) * op.weight**2 / 2)
        assert (by_sample[name] >= of_mean[name] - 1e-12).all()


@pytest.mark.parametrize("seed", range(12))
def test_the_oracle_of_weights_is_the_loss_without_them(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    graph, x, loss = setting(seed)
    monkeypatch.setattr(backward, "CHUNK", 200)
    for name, op in weighted(graph).items():
        at = np.unique(np.linspace(0, op.weight.size - 1, 4).astype(np.int64))
        want = [mean_loss(removed(graph, name, i), x, loss) - mean_loss(graph, x, loss) for i in at.tolist()]
        assert saliency.oracle_weights(graph, x, loss, name, at) == pytest.approx(want, abs=1e-9)


@pytest.mark.parametrize("seed", range(12))
def test_the_oracle_of_channels_is_the_loss_of_the_masked_network(seed: int) -> None:
    graph, x, loss = setting(seed)
    found = saliency.oracle_channels(graph, x, loss)
    assert {name: len(each) for name, each in found.items()} == channels(graph)
    for name, count in channels(graph).items():
        masks = np.eye(count, dtype=bool)
        want = [mean_loss(mask_channels(graph, {name: m}), x, loss) - mean_loss(graph, x, loss) for m in masks]
        assert found[name] == pytest.approx(want, abs=1e-9)


@pytest.mark.parametrize("seed", range(12))
def test_taylor_of_channels_is_the_slope_of_the_oracle(seed: int) -> None:
    """Channels scaled by 1 +- h where they are read, sample by sample."""
    graph, x, loss = setting(seed, 3)
    found = saliency.channel_taylor(graph, x, loss, normalised=False)
    h = 1e-6
    for name, count in channels(graph).items():
        shape = graph.shape
        for node in graph:
            if node.name in {k for k, _ in readers(graph, name)}:
                break
            shape = node.op.shape(shape)
        positions = int(np.prod(shape[:-1]))
        want = np.zeros(count)
        for c in range(count):
            up, down = (scaled(graph, name, c, 1 + s * h) for s in (1, -1))
            change = loss.values(run_float(up, x), ALL) - loss.values(run_float(down, x), ALL)
            want[c] = np.abs(change / (2 * h)).mean() / positions
        assert found[name] == pytest.approx(want, abs=1e-6)


def readers(graph: Graph[Op], name: str) -> list[tuple[str, np.ndarray]]:
    """Which node reads the channels of `name`, and which columns each of them is."""
    count = channels(graph)[name]
    found: list[tuple[str, np.ndarray]] = []
    for c in range(count):
        ones = {k: np.ones_like(op.weight) for k, op in weighted(graph).items()}
        full = replace(
            graph,
            nodes=tuple(
                replace(n, op=replace(n.op, weight=ones[n.name])) if isinstance(n.op, Dense | Conv) else n
                for n in graph
            ),
        )
        masked = mask_channels(full, {name: np.arange(count) == c})
        found += [(k, op.weight == 0) for k, op in weighted(masked).items() if (op.weight == 0).any()]
    return found


def scaled(graph: Graph[Op], name: str, channel: int, factor: float) -> Graph[Op]:
    reader, at = readers(graph, name)[channel]
    weight = np.where(at, weighted(graph)[reader].weight * factor, weighted(graph)[reader].weight)
    return replace(
        graph,
        nodes=tuple(
            replace(n, op=replace(n.op, weight=weight)) if n.name == reader and isinstance(n.op, Dense | Conv) else n
            for n in graph
        ),
    )


def test_layers_are_normalised_and_products_have_a_price() -> None:
    rng = np.random.default_rng(1)
    graph = network((3,), random_dense(rng, 6, 3), RELU, random_dense(rng, 4, 6), RELU, random_dense(rng, 2, 4))
    x = rng.normal(size=(20, 3))
    loss = CrossEntropy(rng.integers(0, 2, 20))
    raw = saliency.channel_taylor(graph, x, loss, normalised=False)
    full = saliency.channel_taylor(graph, x, loss)
    dear = saliency.channel_taylor(graph, x, loss, price=2.0)
    costs = {"dense0": 3 + 4, "dense2": 6 + 2}
    assert saliency.channel_products(graph) == costs
    assert saliency.products(graph) == 18 + 24 + 8
    for name, each in raw.items():
        assert full[name] == pytest.approx(each / np.sqrt((each**2).sum()))
        assert dear[name] == pytest.approx(full[name] - 2 * costs[name] / 50)


def test_products_count_positions() -> None:
    conv = Conv(np.ones((4, 9)), np.zeros(4), Window((3, 3)))  # 4 x 4 positions of a 6 x 6 map
    depth = Conv(np.ones((4, 4)), np.zeros(4), Window((2, 2), (2, 2)), 4)  # 2 x 2
    graph = network((6, 6, 1), conv, RELU, depth, Dense(np.ones((3, 16)), np.zeros(3)))
    assert saliency.products(graph) == 16 * 36 + 4 * 16 + 48
    assert saliency.channel_products(graph) == {"conv0": 16 * 9 + 4 * 4 + 3 * 4}


def test_norms_of_channels() -> None:
    graph = network((2,), Dense(np.array([[3.0, -4], [0, 0]]), np.ones(2)), RELU, Dense(np.ones((1, 2)), np.zeros(1)))
    assert saliency.channel_norms(graph)["dense0"].tolist() == [5, 0]
    assert saliency.channel_norms(graph, 1)["dense0"].tolist() == [7, 0]


def test_shares_of_what_is_not_zero() -> None:
    conv = Conv(np.array([[1.0], [-1.0], [0.0]]), np.zeros(3), Window((1, 1)))
    graph = network((2, 2, 1), conv, RELU, Dense(np.ones((1, 12)), np.zeros(1)))
    x = np.array([[1.0, 2, -1, 0], [1, 1, 1, 1]]).reshape(2, 2, 2, 1)
    loss = MeanSquare(np.zeros((2, 1)))
    assert saliency.nonzero_share(graph, x, loss)["conv0"].tolist() == [6 / 8, 1 / 8, 0]


def test_dead_channels_are_worth_nothing() -> None:
    graph = network((2,), Dense(np.eye(2), np.array([0.0, -9])), RELU, Dense(np.ones((1, 2)), np.zeros(1)))
    x, loss = np.array([[1.0, 1.0]]), MeanSquare(np.zeros((1, 1)))
    for scores in (saliency.channel_taylor(graph, x, loss), saliency.oracle_channels(graph, x, loss)):
        assert (scores["dense0"] != 0).tolist() == [True, False]
    zero = network((2,), Dense(np.zeros((2, 2)), np.zeros(2)), RELU, Dense(np.ones((1, 2)), np.zeros(1)))
    assert saliency.channel_taylor(zero, x, loss)["dense0"].tolist() == [0, 0]


def plain_spearman(a: Reals, b: Reals) -> float:
    ranks = [[sum(w < v for w in s) + (sum(w == v for w in s) - 1) / 2 for v in s] for s in (a.tolist(), b.tolist())]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


@pytest.mark.parametrize("seed", range(10))
def test_rank_correlation(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = (rng.integers(0, 6, 30).astype(np.float64) for _ in range(2))
    assert saliency.spearman(a, b) == pytest.approx(plain_spearman(a, b))
    assert saliency.spearman(a, a**3) == pytest.approx(1)
    assert saliency.spearman(a, -a) == pytest.approx(-1)
    assert saliency.spearman(a, np.ones(30)) == 0


def test_networks_without_channels() -> None:
    graph = network((4, 4, 1), MaxPool(Window((2, 2))), Clip(0.0, 1.0))
    x, loss = np.ones((2, 4, 4, 1)), MeanSquare(np.zeros((2, 9)))
    assert saliency.obd(graph, x, loss) == {}
    assert saliency.channel_taylor(graph, x, loss) == {}
    assert saliency.oracle_channels(graph, x, loss) == {}
    assert saliency.products(graph) == 0


def test_wrong_arguments_are_refused() -> None:
    graph, x, loss = setting(0)
    for call in (
        lambda: saliency.channel_norms(graph, 3),
        lambda: saliency.spearman(np.ones(3), np.ones(4)),
        lambda: saliency.oracle_weights(graph, x, loss, "nothing", np.zeros(1, dtype=np.int64)),
        lambda: saliency.obd(graph, x[:1], loss),
    ):
        with pytest.raises(BadInput, match="Try: "):
            call()
