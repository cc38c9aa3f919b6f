# SPDX-License-Identifier: Apache-2.0
"""After the correction, means (and deviations) of every layer over the data are those of the float network."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from hwcompress.compress.grids import Fixed
from hwcompress.compress.moments import FACTORS, correct_bias, correct_moments
from hwcompress.compress.reconstruct import round_nearest
from hwcompress.errors import BadInput
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Op
from hwcompress.ops import Conv, Dense, MaxPool, Window
from hwcompress.passes.chain import linked
from hwcompress.sim.reference import run_float
from tests.compress.networks import RELU, chain, random_dense, weights
from tests.compress.test_hessian import maps


def network() -> Graph[Op]:
    rng = np.random.default_rng(0)
    conv = Conv(rng.normal(size=(4, 8)), rng.normal(size=4), Window((2, 2), before=(1, 0)))
    pool = MaxPool(Window((2, 2), (2, 2)))
    return maps((6, 6), 2, conv, RELU, pool, random_dense(rng, 7, 24), RELU, random_dense(rng, 3, 7))


def samples(graph: Graph[Op], count: int = 40) -> Reals:
    return np.random.default_rng(1).normal(size=(count, *graph.shape)) + 0.5


def behind(graph: Graph[Op], x: Reals) -> list[Reals]:
    """What leaves every layer with weights [samples * positions, channels]."""
    found: list[Reals] = []
    for k, node in enumerate(graph):
        if isinstance(node.op, Dense | Conv):
            y = run_float(linked(graph, graph.nodes[: k + 1]), x)
            found.append(y.reshape(-1, len(node.op.weight)))
    return found


def moved(rng: np.random.Generator, op: Op) -> Op:
    """Every row of a Dense by some power of two."""
    return (
        replace(op, weight=op.weight * 2.0 ** rng.integers(-3, 4, (len(op.weight), 1))) if isinstance(op, Dense) else op
    )


def test_means_are_those_of_the_reference() -> None:
    graph = network()
    x = samples(graph)
    rounded = round_nearest(graph, Fixed(2))
    result = correct_bias(rounded, graph, x)
    for want, got, before in zip(*(behind(g, x) for g in (graph, result, rounded)), strict=True):
        np.testing.assert_allclose(got.mean(axis=0), want.mean(axis=0), atol=1e-12)
        assert np.abs(before.mean(axis=0) - want.mean(axis=0)).max() > 1e-3
    for a, b in zip(weights(rounded), weights(result), strict=True):
        np.testing.assert_array_equal(a, b)


def test_deviations_too() -> None:
    graph = network()
    x = samples(graph)
    result = correct_moments(round_nearest(graph, Fixed(2)), graph, x, "real")
    for want, got in zip(behind(graph, x), behind(result, x), strict=True):
        np.testing.assert_allclose(got.mean(axis=0), want.mean(axis=0), atol=1e-12)
        np.testing.assert_allclose(got.std(axis=0), want.std(axis=0), atol=1e-12)


def test_powers_of_two_come_as_near_as_they_can_and_keep_the_grid() -> None:
    graph = network()
    x = samples(graph)
    rng = np.random.default_rng(2)
    rounded = round_nearest(graph, Fixed(4))
    away = linked(rounded, [replace(n, op=moved(rng, n.op)) for n in rounded])
    result = correct_moments(away, graph, x)
    for want, got in zip(behind(graph, x), behind(result, x), strict=True):
        np.testing.assert_allclose(got.mean(axis=0), want.mean(axis=0), atol=1e-12)
        ratio = got.std(axis=0) / want.std(axis=0)
        assert (ratio >= 0.66).all()
        assert (ratio <= 1.34).all()
    for a, b in zip(weights(away), weights(result), strict=True):
        factor = np.unique(np.log2(np.abs(b[a != 0] / a[a != 0])))
        assert (factor == np.rint(factor)).all()
        np.testing.assert_array_equal(b == 0, a == 0)
    for a, b in zip(weights(result), weights(round_nearest(result, Fixed(4))), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_power_is_the_nearest() -> None:
    factors = np.concatenate([np.linspace(0.01, 40, 997), [0.75, 1.0, 1.5, 3.0, 1.49, 1.51]])
    powers = 2.0 ** np.arange(6, -11, -1)  # of two as near the larger
    want = [min(powers, key=lambda p, f=f: abs(p - f)) for f in factors]
    np.testing.assert_array_equal(FACTORS["power"](factors), want)


CORRECTIONS: list[Callable[[Graph[Op], Graph[Op], Reals], Graph[Op]]] = [
    correct_bias,
    correct_moments,
    lambda g, r, x: correct_moments(g, r, x, "real"),
]


@pytest.mark.parametrize("correct", CORRECTIONS)
def test_what_is_right_stays(correct: Callable[[Graph[Op], Graph[Op], Reals], Graph[Op]]) -> None:
    graph = network()
    x = samples(graph)
    result = correct(graph, graph, x)
    for a, b in zip(graph, result, strict=True):
        if isinstance(a.op, Dense | Conv):
            assert isinstance(b.op, Dense | Conv)
            np.testing.assert_array_equal(a.op.weight, b.op.weight)
            np.testing.assert_allclose(a.op.bias, b.op.bias, atol=1e-14)


@pytest.mark.parametrize("correct", CORRECTIONS)
def test_layers_that_give_constants(correct: Callable[[Graph[Op], Graph[Op], Reals], Graph[Op]]) -> None:
    """All weights gone, or one sample: no deviation to match, the mean still is."""
    graph = chain(3, random_dense(np.random.default_rng(0), 2, 3))
    empty = chain(3, Dense(np.zeros((2, 3)), np.zeros(2)))
    x = np.random.default_rng(1).normal(size=(9, 3))
    want = run_float(graph, x)
    np.testing.assert_allclose(run_float(correct(empty, graph, x), x), np.tile(want.mean(axis=0), (9, 1)))
    rounded = round_nearest(graph, Fixed(2))
    np.testing.assert_allclose(run_float(correct(rounded, graph, x[:1]), x[:1]), want[:1])
    assert weights(correct(empty, graph, x))[0].any() == np.False_


def test_wrong_arguments_are_refused() -> None:
    graph = network()
    x = samples(graph)
    with pytest.raises(BadInput, match=r"reference: .*Try:"):
        correct_bias(graph, chain(3, RELU), x)
    with pytest.raises(BadInput, match=r"scale: .*Try:"):
        correct_moments(graph, graph, x, "half")  # pyright: ignore[reportArgumentType]
    with pytest.raises(BadInput, match=r"calibration data: .*Try:"):
        correct_bias(graph, graph, x[:0])
