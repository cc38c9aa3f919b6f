# SPDX-License-Identifier: Apache-2.0
"""Shared weights: the nearest of few values, found by slow and obvious means as well."""

import math
from itertools import combinations

import numpy as np
import pytest

from hwcompress.compress.cluster import Clustered, cluster, cluster_entropy, hash_weights, index_bits
from hwcompress.compress.kmeans import INITS, Init, Points, entropic, lloyd, optimal, start
from hwcompress.compress.select import weighted
from hwcompress.errors import BadInput
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Op
from hwcompress.ops import Clip, Dense
from hwcompress.storage.hashing import hashed
from tests.compress.networks import RELU, chain, random_dense, weights


def level(*rows: list[float]) -> Graph[Op]:
    return chain(len(rows[0]), Dense(np.array(rows, dtype=np.float64), np.zeros(len(rows))))


def network(seed: int = 0) -> Graph[Op]:
    """Half of the first layer zero."""
    rng = np.random.default_rng(seed)
    first = random_dense(rng, 10, 6)
    first.weight[rng.random((10, 6)) < 0.5] = 0.0
    return chain(6, first, RELU, random_dense(rng, 7, 10))


def run_error(values: Reals, importance: Reals) -> float:
    mean = (values * importance).sum() / importance.sum() if importance.sum() > 0 else 0.0
    return float((importance * (values - mean) ** 2).sum())


def least_error(values: Reals, importance: Reals, k: int) -> float:
    """Over every way to cut the sorted values into k runs."""
    order = np.argsort(values, kind="stable")
    values, importance = values[order], importance[order]
    k = min(k, len(values))
    return min(
        sum(run_error(values[a:b], importance[a:b]) for a, b in zip((0, *cut), (*cut, len(values)), strict=True))
        for cut in combinations(range(1, len(values)), k - 1)
    )


def plain_lloyd(values: Reals, centroids: Reals, rounds: int = 200) -> tuple[Reals, Reals]:
    """As in a textbook; a centroid without values stays."""
    for _ in range(rounds):
        index = np.abs(values[:, None] - centroids).argmin(axis=1)
        centroids = np.array([values[index == c].mean() if (index == c).any() else m for c, m in enumerate(centroids)])
    return centroids, centroids[np.abs(values[:, None] - centroids).argmin(axis=1)]


@pytest.mark.parametrize("seed", range(40))
def test_the_optimum_is_that_of_an_exhaustive_search(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, k = int(rng.integers(1, 11)), int(rng.integers(1, 6))
    values = rng.normal(size=n) if seed % 2 else rng.integers(-3, 4, n).astype(np.float64)
    importance = rng.random(n) * (rng.random(n) < 0.8) if seed % 3 else np.ones(n)
    points = Points.of(values, importance)
    centroids, index = lloyd(points, start(points, k, "optimal", 0))
    assert points.error(centroids, index) == pytest.approx(least_error(values, importance, k), abs=1e-12)


def test_the_optimum_of_many_values_is_no_worse_than_any_start() -> None:
    values = np.random.default_rng(0).laplace(size=3000)
    points = Points.of(values)
    errors = {init: points.error(*lloyd(points, start(points, 16, init, 3))) for init in INITS}
    assert min(errors, key=lambda init: errors[init]) == "optimal"
    assert len(set(errors.values())) == len(INITS)


def test_the_optimum_equals_the_plain_dynamic_programme() -> None:
    values = np.sort(np.random.default_rng(1).normal(size=60) ** 3)
    best = [run_error(values[:i], np.ones(i)) if i else 0.0 for i in range(61)]
    for k in range(2, 9):
        best = [
            min((best[t] + run_error(values[t:i], np.ones(i - t)) for t in range(i)), default=0.0) for i in range(61)
        ]
        points = Points.of(values)
        centroids = optimal(points, k)
        nearest = np.abs(values[:, None] - centroids).min(axis=1)
        assert (nearest**2).sum() == pytest.approx(best[60])


@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("seed", range(6))
def test_lloyd_is_the_textbooks(init: Init, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=200) if seed % 2 else rng.integers(-20, 20, 200) / 8.0
    points = Points.of(values)
    first = start(points, 7, init, seed)
    centroids, index = lloyd(points, first)
    shared = centroids[index[np.searchsorted(points.values, values)]]
    assert shared == pytest.approx(plain_lloyd(values, first)[1])
    assert (np.diff(centroids) > 0).all()
    assert set(index.tolist()) == set(range(len(centroids)))


@pytest.mark.parametrize("init", INITS)
def test_rounds_never_raise_the_error(init: Init) -> None:
    rng = np.random.default_rng(5)
    values, importance = rng.normal(size=300), rng.random(300)
    points = Points.of(values, importance)
    first = start(points, 6, init, 1)
    near = np.abs(points.values[:, None] - first).argmin(axis=1)
    assert points.error(*lloyd(points, first)) <= points.error(first, near) + 1e-12


def test_starts_are_the_papers() -> None:
    points = Points.of(np.array([0.0, 0, 0, 0, 1, 2, 3, 8]))
    assert start(points, 3, "linear", 0).tolist() == [0, 4, 8]
    assert start(points, 2, "density", 0).tolist() == [0, 2]  # a quarter and three quarters of the values lie below
    forgy = start(points, 3, "random", 0)
    assert set(forgy) <= set(points.values)
    assert start(points, 3, "random", 0).tolist() == forgy.tolist()
    assert any(start(points, 3, "random", seed).tolist() != forgy.tolist() for seed in range(1, 9))
    assert start(points, 5, "linear", 0).tolist() == points.values.tolist()


@pytest.mark.parametrize("init", INITS)
def test_a_layer_of_few_values_keeps_them(init: Init) -> None:
    graph = level([0.1, 0.3, 0.1, 0.0], [0.7, 0.3, 0.1, 0.0])
    for count in (3, 4, 999):
        found = cluster(graph, count, init=init)
        assert weights(found.graph)[0].tolist() == weights(graph)[0].tolist()
        assert found.errors == {"fc0": 0.0}
    assert weights(cluster(level([0.3] * 7), 2, init=init).graph)[0].tolist() == [[0.3] * 7]
    assert weights(cluster(level([0.3]), 1, init=init).graph)[0].tolist() == [[0.3]]
    assert weights(cluster(level([0.0, 0.0]), 1, init=init).graph)[0].tolist() == [[0, 0]]


@pytest.mark.parametrize("init", INITS)
def test_zeros_stay_and_counts_hold(init: Init) -> None:
    graph = network()
    before = [w.copy() for w in weights(graph)]
    found = cluster(graph, {"fc0": 4, "fc1": 5}, init=init)
    for name, old, new, count in zip(("fc0", "fc1"), before, weights(found.graph), (4, 5), strict=True):
        assert ((new == 0) == (old == 0)).all()
        assert 1 <= len(set(new[new != 0])) <= count
        assert found.errors[name] == pytest.approx(((new - old) ** 2).sum())
    assert all((a == b).all() for a, b in zip(before, weights(graph), strict=True))


def test_zeros_are_values_where_that_is_wished() -> None:
    found = cluster(level([0.0, 0.0, 0.2, 1.0]), 2, keep_zeros=False)
    assert weights(found.graph)[0][0] == pytest.approx([0.2 / 3] * 3 + [1.0])


def test_only_named_layers_change() -> None:
    graph = network()
    found = cluster(graph, {"fc1": 2})
    assert found.graph.nodes[0] is graph.nodes[0]
    assert list(found.errors) == ["fc1"]


def test_importance_weighs_the_mean() -> None:
    graph = level([1.0, 2.0, 9.0])
    found = cluster(graph, 2, importance={"fc0": np.array([[3.0, 1, 1]])}, init="optimal")
    assert weights(found.graph)[0].tolist() == [[1.25, 1.25, 9]]
    assert found.errors["fc0"] == pytest.approx(3 * 0.25**2 + 0.75**2)
    ignored = cluster(graph, 1, importance={"fc0": np.array([[0.0, 0, 5]])})
    assert weights(ignored.graph)[0].tolist() == [[9, 9, 9]]
    nothing = cluster(graph, 2, importance={"fc0": np.zeros((1, 3))}, init="optimal")
    assert nothing.errors["fc0"] == 0.0


def entropy_cost(points: Points, found: tuple[Reals, "np.ndarray"], price: float) -> float:
    centroids, index = found
    shares = np.bincount(index, points.counts) / points.counts.sum()
    return points.error(centroids, index) - price * float((points.counts * np.log2(shares[index])).sum())


def plain_entropic(values: Reals, importance: Reals, centroids: Reals, price: float) -> tuple[float, float]:
    """One weight at a time: the error and bits of a fixed point."""
    index = [int(np.abs(centroids - v).argmin()) for v in values]
    old: list[int] = []
    mean, bits = dict[int, float](), dict[int, float]()
    while index != old:
        old = index
        names = sorted(set(index))
        mean = {c: sum(h * v for v, h, i in zip(values, importance, index, strict=True) if i == c)
                / sum(h for h, i in zip(importance, index, strict=True) if i == c) for c in names}  # fmt: skip
        bits = {c: -math.log2(index.count(c) / len(index)) for c in names}
        index = [
            min(names, key=lambda c: h * (v - mean[c]) ** 2 + price * bits[c])
            for v, h in zip(values, importance, strict=True)
        ]
    error = sum(h * (v - mean[c]) ** 2 for v, h, c in zip(values, importance, index, strict=True))
    return error, sum(bits[c] for c in index)


@pytest.mark.parametrize("price", [0.0, 1e-3, 0.02, 0.2, 10.0])
def test_entropy_constrained_sharing_is_the_plain_iteration(price: float) -> None:
    rng = np.random.default_rng(2)
    values, importance = rng.normal(size=120), rng.random(120) + 0.1
    points = Points.of(values, importance)
    first = lloyd(points, start(points, 8, "linear", 0))[0]
    centroids, index = entropic(points, first, price)
    error, bits = plain_entropic(values, importance, first, price)
    assert points.error(centroids, index) == pytest.approx(error)
    assert index_bits(centroids[index]) == pytest.approx(bits)
    assert (np.diff(centroids) > 0).all()


def test_a_higher_price_buys_fewer_bits() -> None:
    graph = network(7)
    found = [cluster_entropy(graph, {"fc1": 16}, price) for price in (0.0, 0.01, 0.1, 1e6)]
    bits = [index_bits(weights(f.graph)[1]) for f in found]
    errors = [f.errors["fc1"] for f in found]
    assert bits == sorted(bits, reverse=True)
    assert bits[-1] == 0.0
    assert errors == sorted(errors)
    assert errors[-1] == pytest.approx(((weights(graph)[1] - weights(graph)[1].mean()) ** 2).sum())
    assert weights(found[0].graph)[1] == pytest.approx(weights(cluster(graph, {"fc1": 16}).graph)[1])


def test_bits_are_the_entropy() -> None:
    assert index_bits(np.array([[1.0, 1, 2, 0, 3]])) == pytest.approx(2 * 1 + 2 * 2)
    assert index_bits(np.zeros((2, 2))) == 0.0
    assert index_bits(np.ones((2, 2))) == 0.0


def test_hashed_values_are_the_least_squares_fit() -> None:
    """Against the normal equations of the projection."""
    graph = network(3)
    for name, weight in zip(("fc0", "fc1"), weights(graph), strict=True):
        found = hash_weights(graph, {name: 9}, seed=4)
        buckets, signs = hashed(weight.size, 9, 4)
        kept = weight.ravel() != 0
        basis = np.zeros((weight.size, 9))
        basis[np.arange(weight.size), buckets] = signs * kept
        values = np.linalg.lstsq(basis, weight.ravel(), rcond=None)[0]
        new = weighted(found.graph)[name].weight
        assert new.ravel() == pytest.approx(basis @ values)
        assert found.errors[name] == pytest.approx(((new - weight) ** 2).sum())


def test_hashing_to_very_many_buckets_loses_only_what_collides() -> None:
    graph = level([1.0, -2.0, 0.0, 3.0])
    found = hash_weights(graph, 1 << 20, seed=1)
    assert weights(found.graph)[0].tolist() == weights(graph)[0].tolist()
    assert found.errors == {"fc0": 0.0}


def test_a_network_without_weights_stays() -> None:
    graph = chain(3, Clip(0.0, 1.0))
    found: list[Clustered] = [cluster(graph, 4), cluster_entropy(graph, 4, 0.1), hash_weights(graph, 4)]
    assert all(f.graph is graph and not f.errors for f in found)


def test_wrong_arguments_are_refused() -> None:
    graph = network()
    for call in (
        lambda: cluster(graph, 0),
        lambda: cluster(graph, {"fc7": 4}),
        lambda: cluster(graph, 4, init="best"),  # type: ignore[arg-type]
        lambda: cluster(graph, 4, importance={"fc0": np.ones(3)}),
        lambda: cluster(graph, 4, importance={"fc9": np.ones((10, 6))}),
        lambda: cluster(graph, 4, importance={"fc0": -np.ones((10, 6))}),
        lambda: cluster_entropy(graph, 4, -1.0),
        lambda: cluster_entropy(graph, 4, float("nan")),
        lambda: hash_weights(graph, 0),
        lambda: optimal(Points.of(np.arange(float((1 << 17) + 1))), 2),
    ):
        with pytest.raises(BadInput, match="Try: "):
            call()
