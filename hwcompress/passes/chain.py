# SPDX-License-Identifier: Apache-2.0
"""Making a chain of nodes again after an edit."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from hwcompress.ir.graph import Graph, Node

T = TypeVar("T")


def linked(graph: Graph[T], nodes: Sequence[Node[T]]) -> Graph[T]:
    """The graph with these nodes, each reading what the one before it makes."""
    sources = [graph.input, *(node.output for node in nodes)]
    chain = tuple(replace(node, source=source) for node, source in zip(nodes, sources, strict=False))
    return replace(graph, nodes=chain)


def fresh(graph: Graph[T], name: str) -> str:
    """A value name that the graph does not use yet: `name`, with a number behind it if that is taken."""
    taken = {graph.input, *(node.output for node in graph)}
    found, count = name, 1
    while found in taken:
        count += 1
        found = f"{name}_{count}"
    return found
