# SPDX-License-Identifier: Apache-2.0
"""Folding keeps the meaning, and does as much as it says."""

import numpy as np
import pytest
from hypothesis import given, settings

from hwcompress.ir.graph import Graph, Node, Op, check_chain
from hwcompress.ops import Affine, Clip, Dense, Lookup
from hwcompress.passes.chain import linked
from hwcompress.passes.pipeline import simplify
from hwcompress.sim.reference import run_float
from tests.passes.strategies import float_graphs

INF = np.inf


def chain(channels: int, *ops: Op) -> Graph[Op]:
    return linked(Graph("g", "x", channels, ()), [Node(f"n{i}", op, "", f"v{i}") for i, op in enumerate(ops)])


def kinds(graph: Graph[Op]) -> list[str]:
    return [type(node.op).__name__ for node in graph]


def product(node: Node[Op]) -> Dense:
    assert isinstance(node.op, Dense)
    return node.op


def inputs(channels: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.concatenate([rng.integers(-9, 10, (30, channels)) / 4, rng.choice([-1e3, 0, 1e3], (10, channels))])


@settings(max_examples=60, deadline=None)
@given(float_graphs())
def test_meaning_is_kept(graph):
    small = simplify(graph)
    x = inputs(graph.channels)
    assert check_chain(small) == check_chain(graph)
    assert len(small.nodes) <= len(graph.nodes)
    np.testing.assert_allclose(run_float(small, x), run_float(graph, x), rtol=1e-11, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(float_graphs(smooth=False))
def test_meaning_is_kept_exactly_where_arithmetic_is_exact(graph):
    # Quarters times quarters, at most seven times: every sum and product is a float64.
    x = inputs(graph.channels)
    np.testing.assert_array_equal(run_float(simplify(graph), x), run_float(graph, x))


@settings(max_examples=60, deadline=None)
@given(float_graphs())
def test_it_is_done_when_it_ends(graph):
    small = simplify(graph)
    log: list[str] = []
    again = simplify(small, log)
    assert again.nodes == small.nodes
    assert [n.output for n in small][-1:] == [n.output for n in graph][-1:] or not small.nodes
    pairs = list(zip(kinds(small), kinds(small)[1:], strict=False))
    assert not {("Dense", "Affine"), ("Affine", "Dense"), ("Affine", "Affine"), ("Clip", "Clip")} & set(pairs)


def test_scaling_after_a_product_with_channels_of_its_own():
    dense = Dense(np.array([[1.0, 2], [3, 4], [5, 6]]), np.array([1.0, 2, 3]))
    small = simplify(chain(2, dense, Affine(np.array([2.0, -1, 0]), np.array([0.5, 0, 7]))))
    (node,) = small.nodes
    assert product(node).weight.tolist() == [[2, 4], [-3, -4], [0, 0]]
    assert product(node).bias.tolist() == [2.5, -2, 7]
    assert (node.name, node.source, node.output) == ("n0", "x", "v1")


def test_scaling_before_a_product():
    dense = Dense(np.array([[1.0, 2], [3, 4]]), np.array([1.0, 2]))
    log: list[str] = []
    small = simplify(chain(2, Affine(np.array([2.0, 3]), np.array([1.0, -1])), dense), log)
    (node,) = small.nodes
    assert product(node).weight.tolist() == [[2, 6], [6, 12]]
    assert product(node).bias.tolist() == [1 - 1, 2 - 1]
    assert node.name == "n1"
    assert log == ["affine 'n0' and dense 'n1': scaling folded into the product after it"]


@pytest.mark.parametrize(
    ("clip", "affine", "want"),
    [
        (Clip(0, INF), Affine(np.array([2.0, 3]), np.zeros(2)), Clip(0, INF)),
        (Clip(0, 6), Affine(np.full(2, 0.5), np.full(2, 1.0)), Clip(1, 4)),
        (Clip(0, 6), Affine(np.full(2, -0.5), np.full(2, 1.0)), Clip(-2, 1)),
        (Clip(-INF, 2), Affine(np.full(2, -1.0), np.zeros(2)), Clip(-2, INF)),
    ],
)
def test_scaling_behind_a_clip_moves_before_it(clip, affine, want):
    graph = chain(2, Dense(np.eye(2), np.zeros(2)), clip, affine, Lookup("tanh"))
    small = simplify(graph)
    assert kinds(small) == ["Dense", "Clip", "Lookup"]
    assert small.nodes[1].op == want
    np.testing.assert_array_equal(run_float(small, inputs(2)), run_float(graph, inputs(2)))


@pytest.mark.parametrize(
    ("clip", "affine"),
    [
        (Clip(0, 6), Affine(np.array([2.0, 3]), np.zeros(2))),
        (Clip(0, INF), Affine(np.array([2.0, -3]), np.zeros(2))),
        (Clip(0, INF), Affine(np.array([2.0, 3]), np.ones(2))),
        (Clip(0, INF), Affine(np.zeros(2), np.ones(2))),
    ],
)
def test_scaling_behind_a_clip_stays_where_it_would_change_the_meaning(clip, affine):
    log: list[str] = []
    small = simplify(chain(2, Dense(np.eye(2), np.zeros(2)), clip, affine), log)
    assert kinds(small) == ["Dense", "Clip", "Affine"]
    why = "its values differ between channels, so it cannot pass clip 'n1'"
    assert log == [f"affine 'n2': stays a scaling of its own; {why}"]


def test_scaling_behind_a_clip_prefers_the_product_after_it():
    small = simplify(chain(1, Dense(np.eye(1), np.zeros(1)), Clip(0, 6), Affine(np.full(1, 2.0), np.ones(1)), DENSE))
    assert kinds(small) == ["Dense", "Clip", "Dense"]
    assert small.nodes[1].op == Clip(0, 6)
    assert product(small.nodes[2]).weight.tolist() == [[2.0]]


DENSE = Dense(np.eye(1), np.zeros(1))


@pytest.mark.parametrize(("first", "second", "want"), [
    (Clip(0, INF), Clip(-INF, 6), Clip(0, 6)),
    (Clip(0, 6), Clip(7, 9), Clip(7, 7)),
    (Clip(0, 6), Clip(-3, -1), Clip(-1, -1)),
    (Clip(-1, 1), Clip(0, 2), Clip(0, 1)),
])  # fmt: skip
def test_clips_merge(first, second, want):
    graph = chain(1, DENSE, first, second)
    small = simplify(graph)
    assert [n.op for n in small][1:] == [want]
    np.testing.assert_array_equal(run_float(small, inputs(1)), run_float(graph, inputs(1)))


def test_clip_of_a_bounded_function_goes():
    assert kinds(simplify(chain(1, DENSE, Lookup("sigmoid"), Clip(0, INF)))) == ["Dense", "Lookup"]
    assert kinds(simplify(chain(1, DENSE, Lookup("tanh"), Clip(0, INF)))) == ["Dense", "Lookup", "Clip"]


def test_products_are_never_merged():
    assert kinds(simplify(chain(1, DENSE, DENSE))) == ["Dense", "Dense"]


def test_nothing_left():
    small = simplify(chain(2, Affine(np.ones(2), np.zeros(2)), Clip(-INF, INF)))
    assert small.nodes == ()
    assert small.output == "x"


def test_no_overflow():
    huge = Dense(np.full((1, 1), 1e200), np.zeros(1))
    assert kinds(simplify(chain(1, huge, Affine(np.full(1, 1e200), np.zeros(1))))) == ["Dense", "Affine"]
    assert kinds(simplify(chain(1, Affine(np.full(1, 1e200), np.zeros(1)), huge))) == ["Affine", "Dense"]
