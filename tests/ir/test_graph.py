# SPDX-License-Identifier: Apache-2.0
"""A graph is a chain: every node reads what the one before it made, and its channels fit."""

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from hwcompress.errors import ShapeError
from hwcompress.ir.graph import Graph, Node, Op, check_chain
from hwcompress.ops import Affine, Clip, Dense, Lookup

NODES: tuple[Node[Op], ...] = (
    Node("fc", Dense(np.zeros((5, 3)), np.zeros(5)), "x", "a"),
    Node("relu", Clip(0.0, np.inf), "a", "b"),
    Node("scale", Affine(np.ones(5), np.zeros(5)), "b", "c"),
    Node("out", Dense(np.zeros((2, 5)), np.zeros(2)), "c", "d"),
    Node("soft", Lookup("tanh"), "d", "y"),
)
GRAPH = Graph("net", "x", 3, NODES)


@pytest.mark.parametrize(("nodes", "channels"), [(0, 3), (1, 5), (2, 5), (3, 5), (4, 2), (5, 2)])
def test_a_chain_has_the_channels_of_its_last_node(nodes: int, channels: int) -> None:
    assert check_chain(replace(GRAPH, nodes=NODES[:nodes])) == (channels,)


def test_a_graph_ends_where_its_last_node_does() -> None:
    assert GRAPH.output == "y"
    assert replace(GRAPH, nodes=NODES[:2]).output == "b"
    assert replace(GRAPH, nodes=()).output == "x"
    assert [n.name for n in GRAPH] == ["fc", "relu", "scale", "out", "soft"]


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ((0, 2, 3), "node 'scale' reads 'b', expected 'a'"),  # one is missing
        ((1, 2), "node 'relu' reads 'a', expected 'x'"),  # the first is missing
        ((0, 2, 1), "node 'scale' reads 'b', expected 'a'"),  # out of order
        ((0, 1, 1), "node 'relu' reads 'a', expected 'b'"),  # twice
        ((0, 1, 0), "node 'fc' reads 'x', expected 'b'"),  # back to the input
    ],
)
def test_a_broken_chain_is_refused(order: tuple[int, ...], message: str) -> None:
    with pytest.raises(ShapeError) as caught:
        check_chain(replace(GRAPH, nodes=tuple(NODES[k] for k in order)))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("place", "op", "message"),
    [
        (0, Dense(np.zeros((5, 4)), np.zeros(5)), r"^dense wants x\[4\] and b\[5\]; got x\[3\]"),
        (0, Dense(np.zeros((4, 3)), np.zeros(4)), r"^affine wants s\[4\]"),
        (0, Dense(np.zeros((5, 3)), np.zeros(4)), r"^dense wants x\[3\] and b\[5\]; got x\[3\] and b\(4,\)$"),
        (2, Affine(np.ones(2), np.zeros(2)), r"^affine wants s\[5\] and b\[5\]; got \(2,\) \(2,\)$"),
        (3, Dense(np.zeros((2, 3)), np.zeros(2)), r"^dense wants x\[3\] and b\[2\]; got x\[5\]"),
    ],
)
def test_channels_that_do_not_fit_are_refused(place: int, op: Op, message: str) -> None:
    nodes = list(NODES)
    nodes[place] = replace(nodes[place], op=op)
    with pytest.raises(ShapeError, match=message):
        check_chain(replace(GRAPH, nodes=tuple(nodes)))


def test_an_input_of_other_channels_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"^dense wants x\[3\] and b\[5\]; got x\[2\]"):
        check_chain(replace(GRAPH, channels=2))


def test_graphs_and_nodes_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        GRAPH.channels = 4  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(FrozenInstanceError):
        NODES[0].source = "z"  # pyright: ignore[reportAttributeAccessIssue]
