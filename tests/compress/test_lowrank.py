# SPDX-License-Identifier: Apache-2.0
"""Low rank: exact at full rank, and what is lost is the discarded singular values."""

import numpy as np
import pytest

from hwcompress.compress.lowrank import Way, decompose, low_rank, rank_of, rank_within, singular_values
from hwcompress.compress.select import uses, weighted
from hwcompress.errors import BadInput
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Node, Op, check_chain
from hwcompress.ops import Conv, Dense, MaxPool, Window
from hwcompress.sim.reference import run_float
from tests.compress.maps import network, random_window
from tests.compress.networks import RELU, chain, random_dense


def dense_chain(seed: int = 0) -> Graph[Op]:
    rng = np.random.default_rng(seed)
    return chain(9, random_dense(rng, 7, 9), RELU, random_dense(rng, 5, 7))


def conv_chain(seed: int) -> Graph[Op]:
    rng = np.random.default_rng(seed)
    window = random_window(rng, (6, 5, 3))
    conv = Conv(rng.normal(size=(4, window.taps * 3)), rng.normal(size=4), window)
    rows, columns, m = conv.shape((6, 5, 3))
    return network((6, 5, 3), conv, RELU, random_dense(rng, 3, rows * columns * m))


def data(graph: Graph[Op], count: int = 30, seed: int = 0) -> Reals:
    """Inputs that hang together and have a mean."""
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(graph.elements, graph.elements)) * (0.5 ** np.arange(graph.elements))[:, None]
    return (rng.normal(size=(count, graph.elements)) @ mix + rng.normal(size=graph.elements)).reshape(
        count, *graph.shape
    )


def alone(graph: Graph[Op], count: int) -> Graph[Op]:
    """The first nodes."""
    return Graph(graph.name, graph.input, graph.channels, graph.nodes[:count], grid=graph.grid)


@pytest.mark.parametrize("name", ["fc0", "fc1"])
@pytest.mark.parametrize("with_data", [False, True])
def test_full_rank_changes_nothing(name: str, with_data: bool) -> None:
    graph = dense_chain()
    x = data(graph)
    small = decompose(graph, name, min(weighted(graph)[name].weight.shape), x=x if with_data else None)
    assert check_chain(small) == check_chain(graph)
    assert run_float(small, x) == pytest.approx(run_float(graph, x))
    assert [n.name for n in small if name in n.name] == [f"{name}/v", f"{name}/u"]
    assert small.output == graph.output
    assert len({n.output for n in small}) == len(small.nodes)


@pytest.mark.parametrize("seed", range(30))
def test_full_rank_of_convolutions_changes_nothing(seed: int) -> None:
    graph = conv_chain(seed)
    x = data(graph, 4)
    ways: list[Way] = ["channels"]
    op = weighted(graph)["conv0"]
    assert isinstance(op, Conv)
    if min(op.window.kernel) > 1:
        ways.append("spatial")
    for way in ways:
        small = decompose(graph, "conv0", len(singular_values(graph, "conv0", way)), way)
        assert check_chain(small) == check_chain(graph)
        assert run_float(small, x) == pytest.approx(run_float(graph, x))
        assert [len(w.weight) for w in weighted(small).values()][1:] == [4, 3]


@pytest.mark.parametrize("rank", range(1, 8))
def test_the_error_is_the_discarded_singular_values(rank: int) -> None:
    graph = dense_chain(rank)
    weight = weighted(graph)["fc0"].weight
    small = weighted(decompose(graph, "fc0", rank))
    first, second = small["fc0/v"], small["fc0/u"]
    assert first.weight.shape == (rank, 9)
    values = np.sqrt(np.maximum(np.linalg.eigvalsh(weight @ weight.T), 0.0))[::-1]
    error = ((second.weight @ first.weight - weight) ** 2).sum()
    assert error == pytest.approx((values[rank:] ** 2).sum(), abs=1e-12)
    assert singular_values(graph, "fc0") == pytest.approx(values)
    assert np.linalg.norm(first.weight, axis=1) == pytest.approx(np.sqrt(values[:rank]))
    assert np.linalg.norm(second.weight, axis=0) == pytest.approx(np.sqrt(values[:rank]))
    assert not first.bias.any()
    assert second.bias.tolist() == weighted(graph)["fc0"].bias.tolist()


@pytest.mark.parametrize("seed", range(12))
def test_the_error_of_the_spatial_way(seed: int) -> None:
    rng = np.random.default_rng(seed)
    window = Window((int(rng.integers(2, 4)), int(rng.integers(2, 4))))
    graph = network((5, 5, 2), Conv(rng.normal(size=(3, window.taps * 2)), rng.normal(size=3), window))
    rows, columns = window.kernel
    kernel = weighted(graph)["conv0"].weight.reshape(3, rows, columns, 2)
    matrix = np.array(
        [[kernel[m, k, l, c] for k in range(rows) for c in range(2)] for m in range(3) for l in range(columns)]
    )
    values = np.sqrt(np.maximum(np.linalg.eigvalsh(matrix @ matrix.T), 0.0))[::-1][: min(matrix.shape)]
    assert singular_values(graph, "conv0", "spatial") == pytest.approx(values, abs=1e-6)
    for rank in range(1, len(values) + 1):
        small = decompose(graph, "conv0", rank, "spatial")
        first, second = weighted(small).values()
        assert isinstance(first, Conv)
        assert isinstance(second, Conv)
        assert (first.window.kernel, second.window.kernel) == ((rows, 1), (1, columns))
        a, b = first.weight.reshape(rank, rows, 2), second.weight.reshape(3, columns, rank)
        error = ((np.einsum("mlr,rkc->mklc", b, a) - kernel) ** 2).sum()
        assert error == pytest.approx((values[rank:] ** 2).sum(), abs=1e-9)


@pytest.mark.parametrize("seed", range(10))
def test_with_data_the_output_error_is_least(seed: int) -> None:
    """The best approximation of rank r around the mean leaves the small eigenvalues of the outputs' covariance."""
    for graph, name in ((alone(dense_chain(seed), 1), "fc0"), (alone(conv_chain(seed), 1), "conv0")):
        x = data(graph, 40, seed)
        y = run_float(graph, x)
        m = len(weighted(graph)[name].bias)
        by_channel = y.reshape(-1, m)
        around = by_channel - by_channel.mean(axis=0)
        squares = np.linalg.eigvalsh(around.T @ around / len(x))[::-1]
        values = singular_values(graph, name, x=x)
        assert values**2 == pytest.approx(squares[: len(values)], abs=1e-9)
        for rank in range(1, len(values) + 1):
            change = run_float(decompose(graph, name, rank, x=x), x) - y
            assert (change**2).sum(axis=1).mean() == pytest.approx(squares[rank:].sum(), abs=1e-9)
            assert change.reshape(-1, m).mean(axis=0) == pytest.approx(0, abs=1e-9)
            blind = run_float(decompose(graph, name, rank), x) - y
            assert (change**2).sum() <= (blind**2).sum() + 1e-9


def test_ranks_by_energy() -> None:
    values = np.array([4.0, 2, 1, 0])  # squares 16, 4, 1 of 21
    for rank, kept in ((1, 16), (2, 20), (3, 21)):
        assert rank_of(values, kept / 21 - 1e-9) == rank
        assert rank_of(values, min(1.0, kept / 21 + 1e-9)) == min(rank + 1, 3)
    assert rank_of(values, 0.0) == 1
    assert rank_of(np.zeros(3), 1.0) == 1


def test_ranks_by_products() -> None:
    graph = dense_chain()  # 7 x 9: a rank costs 16 of 63
    assert [rank_within(graph, "fc0", s) for s in (0.0, 0.25, 16 / 63, 0.51, 1.0, 9.0)] == [0, 0, 1, 2, 3, 7]
    conv = network((6, 6, 2), Conv(np.ones((4, 18)), np.zeros(4), Window((3, 3))))  # 16 positions x 72
    assert rank_within(conv, "conv0", 0.5) == 1  # 16 x (18 + 4) = 352 of 1152
    assert rank_within(conv, "conv0", 0.5, "spatial") == 1  # 4 x 6 x 6 + 16 x 12 = 336
    assert rank_within(conv, "conv0", 0.6, "spatial") == 2


def test_layers_are_decomposed_only_where_products_fall() -> None:
    rng = np.random.default_rng(0)
    thin = Dense(rng.normal(size=(8, 2)) @ rng.normal(size=(2, 10)), rng.normal(size=8))
    graph = chain(10, thin, RELU, random_dense(rng, 4, 8))
    found = low_rank(graph, 1.0 - 1e-9)
    assert dict(found.ranks) == {"fc0": ("channels", 2)}
    assert found.products == (80 + 32, 2 * 18 + 32)
    assert run_float(found.graph, data(graph)) == pytest.approx(run_float(graph, data(graph)))
    assert list(weighted(found.graph)) == ["fc0/v", "fc0/u", "fc1"]
    assert dict(low_rank(graph, {"fc1": 0.0}).ranks) == {"fc1": ("channels", 1)}


def test_zeros_count() -> None:
    """Of rank 1, but hardly anything is left: 4 products against 3 + 5."""
    weight = np.zeros((4, 6))
    weight[0, :4] = 1.0
    graph = chain(6, Dense(weight, np.zeros(4)))
    assert low_rank(graph, 0.9).ranks == {}
    assert low_rank(graph, 0.9).graph is graph


@pytest.mark.parametrize("separable", [False, True])
def test_convolutions_take_the_cheaper_way(separable: bool) -> None:
    rng = np.random.default_rng(1)
    if separable:
        kernel = np.einsum("kc,ml->mklc", rng.normal(size=(5, 4)), rng.normal(size=(8, 5)))
    else:
        kernel = rng.normal(size=(8, 1)) * rng.normal(size=(1, 100))
    graph = network((9, 9, 4), Conv(kernel.reshape(8, 100), np.zeros(8), Window((5, 5))))
    found = low_rank(graph, 1 - 1e-9)
    assert dict(found.ranks) == {"conv0": ("spatial" if separable else "channels", 1)}
    before, after = found.products
    assert before == 25 * 800
    assert after == (5 * 9 * 20 + 25 * 40 if separable else 25 * 100 + 25 * 8)
    x = data(graph, 3)
    assert run_float(found.graph, x) == pytest.approx(run_float(graph, x))


def test_uses_count_positions() -> None:
    graph = network(
        (6, 6, 1), Conv(np.ones((2, 4)), np.zeros(2), Window((2, 2), (2, 2))), MaxPool(Window((3, 3))),
        Dense(np.ones((3, 2)), np.zeros(3)),
    )  # fmt: skip
    assert uses(graph) == {"conv0": 9, "dense2": 1}


def test_layers_of_zeros_and_of_one_weight() -> None:
    x = np.ones((3, 1))
    for value in (0.0, 2.0):
        graph = chain(1, Dense(np.full((1, 1), value), np.ones(1)))
        assert run_float(decompose(graph, "fc0", 1), x).tolist() == run_float(graph, x).tolist()
        assert run_float(decompose(graph, "fc0", 1, x=x), x) == pytest.approx(run_float(graph, x))
    zero = chain(4, Dense(np.zeros((3, 4)), np.ones(3)))
    assert run_float(decompose(zero, "fc0", 2), np.ones((1, 4))).tolist() == [[1, 1, 1]]


def test_names_stay_unique() -> None:
    graph = dense_chain()
    nodes = tuple(Node("fc0/v" if n.name == "fc1" else n.name, n.op, n.source, n.output) for n in graph)
    twice = decompose(decompose(Graph("g", "x", 9, nodes), "fc0", 7), "fc0/v", 5)
    assert len({n.name for n in twice}) == len({n.output for n in twice}) == 5
    assert run_float(twice, data(graph)) == pytest.approx(run_float(graph, data(graph)))


def test_wrong_arguments_are_refused() -> None:
    graph = dense_chain()
    grouped = network((4, 4, 2), Conv(np.ones((2, 4)), np.zeros(2), Window((2, 2)), 2))
    for call in (
        lambda: decompose(graph, "fc9", 1),
        lambda: decompose(graph, "fc0", 0),
        lambda: decompose(graph, "fc0", 8),
        lambda: decompose(graph, "fc0", 1, "spatial"),
        lambda: decompose(grouped, "conv0", 1),
        lambda: decompose(graph, "fc0", 1, x=np.ones((2, 3))),
        lambda: low_rank(graph, 1.5),
        lambda: low_rank(graph, {"fc9": 0.5}),
        lambda: rank_within(graph, "fc0", -1.0),
    ):
        with pytest.raises(BadInput, match="Try: "):
            call()
    assert low_rank(grouped, 0.5).graph is grouped
