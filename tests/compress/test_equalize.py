# SPDX-License-Identifier: Apache-2.0
"""Equalization by powers of two: the same output bit for bit, ranges within a factor of two of each other."""

import numpy as np
import pytest

from hwcompress.compress.equalize import equal_pairs, equalize, scalable
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Op
from hwcompress.ops import Affine, Clip, Conv, Dense, Lookup, MaxPool, SumPool, Window
from hwcompress.sim.reference import run_float
from tests.compress.networks import RELU, chain, random_chain, random_dense, weights
from tests.compress.test_hessian import maps

POOL = Window((2, 2), (2, 2))


def uneven(rng: np.random.Generator, m: int, n: int) -> Dense:
    """Rows and columns of very different sizes."""
    spread = np.exp2(rng.uniform(-9, 9, (m, 1)) + rng.uniform(-9, 9, (1, n)))
    return Dense(rng.normal(size=(m, n)) * spread, rng.normal(size=m))


def uneven_conv(rng: np.random.Generator, m: int, n: int, window: Window, groups: int = 1) -> Conv:
    flat = uneven(rng, m, window.taps * n // groups)
    return Conv(flat.weight, flat.bias, window, groups)


def reaches(first: Op, second: Op, channels: int) -> tuple[Reals, Reals]:
    """Largest magnitude on both sides of every channel, by looking at one weight after another."""
    assert isinstance(first, Dense | Conv)
    assert isinstance(second, Dense | Conv)
    after = np.zeros(channels)
    groups = second.groups if isinstance(second, Conv) else 1
    size = channels // groups
    for r, row in enumerate(second.weight):
        for k, w in enumerate(row):
            c = r // (len(second.weight) // groups) * size + k % size
            after[c] = max(after[c], abs(w))
    return np.abs(first.weight).max(axis=1), after


def networks() -> list[Graph[Op]]:
    rng = np.random.default_rng(0)
    return [
        chain(5, uneven(rng, 7, 5), RELU, uneven(rng, 6, 7), uneven(rng, 4, 6), RELU, uneven(rng, 2, 4)),
        maps((6, 6), 2, uneven_conv(rng, 4, 2, Window((3, 3), before=(1, 1), after=(1, 1))), RELU, MaxPool(POOL),
             uneven_conv(rng, 6, 4, Window((2, 2)), 2), RELU, SumPool(POOL), uneven(rng, 3, 6)),
        maps((5, 5), 4, uneven_conv(rng, 4, 4, Window((2, 2)), 4), MaxPool(POOL, 0.0), RELU, uneven(rng, 3, 16)),
    ]  # fmt: skip


@pytest.mark.parametrize("k", range(3))
def test_the_output_is_the_same_bit_for_bit(k: int) -> None:
    graph = networks()[k]
    x = np.random.default_rng(1).normal(size=(50, graph.elements))
    result = equalize(graph)
    assert run_float(result, x).tobytes() == run_float(graph, x).tobytes()
    assert any(a.op is not b.op for a, b in zip(graph, result, strict=True))


@pytest.mark.parametrize("k", range(3))
def test_ranges_end_within_a_factor_of_two(k: int) -> None:
    """Nearest of powers of four: the ratio of both sides lies within 1/2 .. 2."""
    result = equalize(networks()[k])
    for first, second in equal_pairs(result.nodes):
        a, b = result.nodes[first].op, result.nodes[second].op
        assert isinstance(a, Dense | Conv)
        before, after = reaches(a, b, len(a.weight))
        assert (np.abs(np.log2(before / after)) <= 1 + 1e-9).all()
    assert all(
        x.op is y.op for x, y in zip(result, equalize(result), strict=True) if not isinstance(x.op, Dense | Conv)
    )
    for x, y in zip(weights(result), weights(equalize(result)), strict=True):
        np.testing.assert_array_equal(x, y)


def test_by_hand() -> None:
    """Row of 16 before columns of 1: s = 4. Row of 1 before 64: s = 1/8."""
    graph = chain(
        1, Dense(np.array([[16.0], [1.0]]), np.array([8.0, 8.0])), RELU, Dense(np.array([[1.0, -64.0]]), np.ones(1))
    )
    result = equalize(graph)
    first, second = result.nodes[0].op, result.nodes[2].op
    assert isinstance(first, Dense)
    assert isinstance(second, Dense)
    assert first.weight.tolist() == [[4.0], [8.0]]
    assert first.bias.tolist() == [2.0, 64.0]
    assert second.weight.tolist() == [[4.0, -8.0]]
    assert second.bias.tolist() == [1.0]


@pytest.mark.parametrize("seed", range(30))
def test_whatever_the_chain_the_output_is_the_same(seed: int) -> None:
    graph = random_chain(seed)
    x = np.random.default_rng(seed).normal(size=(20, graph.elements))
    assert run_float(equalize(graph), x).tobytes() == run_float(graph, x).tobytes()


@pytest.mark.parametrize(
    ("op", "want"),
    [
        (RELU, True),
        (Clip(-np.inf, 0.0), True),
        (Clip(0.0, 6.0), False),
        (Clip(-1.0, np.inf), False),
        (MaxPool(POOL), True),
        (MaxPool(POOL, 0.0), True),
        (MaxPool(Window((2, 2), (2, 2), before=(1, 1)), -1.0), False),
        (MaxPool(Window((2, 2), (2, 2), before=(1, 1)), 0.0), True),
        (MaxPool(Window((2, 2), (2, 2), before=(1, 1))), True),
        (SumPool(POOL), True),
        (Lookup("tanh"), False),
        (Affine(np.ones(1), np.ones(1)), False),
    ],
    ids=str,
)  # fmt: skip
def test_what_minds_a_scale_is_a_border(op: Op, want: bool) -> None:
    assert scalable(op) == want
    x = np.random.default_rng(0).normal(size=(50, 4, 4, 1)) * 4
    assert np.array_equal(op.run_float(8 * x), 8 * op.run_float(x)) == want
    rng = np.random.default_rng(0)
    assert equal_pairs(chain(3, random_dense(rng, 1, 3), op, random_dense(rng, 2, 1)).nodes) == (
        [(0, 2)] if want else []
    )


def test_channels_without_weights_stay() -> None:
    first, second = np.array([[0.0], [2.0**20], [2.0**20]]), np.array([[1.0, 0.0, 1.0]])
    graph = chain(1, Dense(first, np.ones(3)), RELU, Dense(second, np.ones(1)))
    assert weights(equalize(graph))[0].tolist() == [[0.0], [2.0**20], [2.0**10]]
    assert weights(graph)[0].tolist() == first.tolist()


def test_extreme_ranges_stay_finite() -> None:
    graph = chain(1, Dense(np.array([[1e250]]), np.ones(1)), RELU, Dense(np.array([[1e-250]]), np.ones(1)))
    x = np.array([[1.0], [-3.0]])
    result = equalize(graph)
    assert run_float(result, x).tobytes() == run_float(graph, x).tobytes()
    assert weights(result)[0] == 1e250 * 2.0**-60


def test_without_pairs_nothing_happens() -> None:
    for graph in (chain(2, RELU), chain(2, Dense(np.ones((1, 2)), np.ones(1)))):
        assert equalize(graph).nodes == graph.nodes
