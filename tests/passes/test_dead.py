# SPDX-License-Identifier: Apache-2.0
"""Dead channels disappear and not one code changes."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hwcompress.ir.fixed import FixedPoint, Format
from hwcompress.ir.graph import CodeOp, Graph, Node
from hwcompress.ir.types import TensorType
from hwcompress.ops import DenseCodes, Requant, Table
from hwcompress.passes.chain import linked
from hwcompress.passes.dead import drop_dead, guaranteed, infer_types
from tests.passes.strategies import code_graphs

S8 = FixedPoint(8, 0)
RELU = Format(S8)


def run(graph: Graph[CodeOp], x: np.ndarray) -> np.ndarray:
    for node in graph:
        x = node.op.run_codes(x)
    return x


def product(graph: Graph[CodeOp], i: int) -> DenseCodes:
    op = graph.nodes[i].op
    assert isinstance(op, DenseCodes)
    return op


def requant(graph: Graph[CodeOp], i: int) -> Requant:
    op = graph.nodes[i].op
    assert isinstance(op, Requant)
    return op


def every_input(kind: TensorType, seed: int) -> np.ndarray:
    """All corners and some of the rest."""
    rng = np.random.default_rng(seed)
    lo, hi = kind.element.min_code, kind.element.max_code
    return np.concatenate([rng.integers(lo, hi + 1, (40, kind.channels)), rng.choice([lo, hi], (40, kind.channels))])


@settings(max_examples=60, deadline=None)
@given(code_graphs(), st.integers(0, 1000))
def test_codes_are_identical(graph, seed):
    x = every_input(graph.types["x"], seed)
    small = drop_dead(graph)
    np.testing.assert_array_equal(run(small, x), run(graph, x))
    assert small.channels == graph.channels
    assert small.types == infer_types(small)
    assert small.types[small.output].channels == graph.types[graph.output].channels
    assert small.types[small.output].element.frac == graph.types[graph.output].element.frac
    assert [n.output for n in small] == [n.output for n in graph]


@settings(max_examples=60, deadline=None)
@given(code_graphs())
def test_nothing_dead_is_left(graph):
    small = drop_dead(graph)
    ranges = guaranteed(small.nodes, small.types["x"])
    products = [i for i, n in enumerate(small.nodes) if isinstance(n.op, DenseCodes)]
    for second in products[1:]:
        x, weight = ranges[second], product(small, second).weight
        dead = (x.lo == x.hi) | (weight == 0).all(axis=0)
        assert not dead.any() or len(dead) == 1
    assert drop_dead(small).types == small.types


def two_layers(first: DenseCodes, requant: Requant, second: DenseCodes, channels: int, *between) -> Graph[CodeOp]:
    ops: list[CodeOp] = [first, requant, *between, second]
    graph: Graph[CodeOp] = Graph("g", "x", channels, (), {"x": TensorType(channels, FixedPoint(4, 0))})
    graph = linked(graph, [Node(f"n{i}", op, "", f"v{i}") for i, op in enumerate(ops)])
    return replace(graph, types=infer_types(graph))


def test_a_relu_that_never_opens_takes_its_row_and_column_along():
    # Channel 1 is at most 7 * 1 - 20 < 0 before the Relu: always 0.
    first = DenseCodes(np.array([[1], [1], [2]]), S8, (), np.array([0, -20, 0]))
    second = DenseCodes(np.array([[5, 6, 7]]), S8, (), np.array([9]))
    small = drop_dead(two_layers(first, Requant(RELU, np.zeros(3, np.int64), 0, 127), second, 1))
    assert product(small, 0).weight.tolist() == [[1], [2]]
    assert requant(small, 1).shifts.tolist() == [0, 0]
    assert product(small, 2).weight.tolist() == [[5, 7]]
    assert product(small, 2).bias.tolist() == [9]


def test_a_constant_channel_becomes_bias():
    # Channel 0 saturates at 10 for every input; it is worth 3 * 10 in the next layer.
    first = DenseCodes(np.array([[0], [1]]), S8, (), np.array([50, 0]))
    second = DenseCodes(np.array([[3, 2], [-3, 0]]), S8, (), np.array([1, 1]))
    log: list[str] = []
    small = drop_dead(two_layers(first, Requant(RELU, np.zeros(2, np.int64), -128, 10), second, 1), log)
    assert product(small, 2).bias.tolist() == [31, -29]
    assert product(small, 2).weight.tolist() == [[2], [0]]
    assert product(small, 0).weight.tolist() == [[1]]
    assert log == ["'n0': 1 channels removed, constant or unused"]


def test_a_constant_behind_a_table():
    table = Table(S8, S8, np.where(np.arange(-128, 128) < 0, 0, 4))
    first = DenseCodes(np.array([[1], [1]]), S8, (), np.array([100, 0]))
    second = DenseCodes(np.array([[2, 1]]), S8, (), np.array([0]))
    graph = two_layers(first, Requant(RELU, np.zeros(2, np.int64), -128, 127), second, 1, table)
    small = drop_dead(graph)
    assert product(small, 3).bias.tolist() == [8]
    assert product(small, 3).weight.tolist() == [[1]]


def test_an_unused_channel_frees_the_layer_before_it():
    # The last layer ignores channel 1; so nothing reads row 1, which alone used channel 1 of the first layer.
    first = DenseCodes(np.eye(2, dtype=np.int64), S8, (), np.zeros(2, np.int64))
    middle = DenseCodes(np.eye(2, dtype=np.int64), S8, (1, 2), np.zeros(2, np.int64))
    last = DenseCodes(np.array([[4, 0]]), S8, (), np.array([0]))
    q = Requant(RELU, np.zeros(2, np.int64), -128, 127)
    ops: list[CodeOp] = [first, q, middle, Requant(RELU, np.array([1, 2]), -128, 127), last]
    graph: Graph[CodeOp] = Graph("g", "x", 2, (), {"x": TensorType(2, FixedPoint(4, 0))})
    graph = linked(graph, [Node(f"n{i}", op, "", f"v{i}") for i, op in enumerate(ops)])
    small = drop_dead(replace(graph, types=infer_types(graph)))
    assert product(small, 0).weight.tolist() == [[1, 0]]
    assert product(small, 2).weight.tolist() == [[1]]
    assert product(small, 2).shifts == (1,)
    assert requant(small, 3).shifts.tolist() == [1]
    assert small.types["x"].channels == 2


def test_one_channel_stays_where_all_are_dead():
    first = DenseCodes(np.zeros((3, 2), np.int64), S8, (), np.array([1, 2, 3]))
    second = DenseCodes(np.array([[1, 1, 1]]), S8, (), np.array([0]))
    graph = two_layers(first, Requant(RELU, np.zeros(3, np.int64), 0, 127), second, 2)
    small = drop_dead(graph)
    assert product(small, 0).weight.shape == (1, 2)
    x = np.array([[-8, 7], [3, 3]])
    assert run(small, x).tolist() == run(graph, x).tolist() == [[6], [6]]
