# SPDX-License-Identifier: Apache-2.0
"""The network as a frozen graph. Constants live in the operators; an edit returns a new graph."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from hwcompress.errors import ShapeError
from hwcompress.ir.fixed import Codes, Reals
from hwcompress.ir.types import Grid, Range, Shape, TensorType


class Op(Protocol):
    """Meaning of a node in reals (float form)."""

    def shape(self, shape: Shape) -> Shape:
        """Shape of a sample out for that of a sample in; ShapeError if it does not fit."""
        ...

    def run_float(self, x: Reals) -> Reals:
        """x [batch, *shape] to y [batch, *shape]."""
        ...


class CodeOp(Protocol):
    """Meaning of a node in codes (integer form)."""

    def infer(self, x: TensorType) -> TensorType:
        """Exact type of the result."""
        ...

    def span(self, x: Range) -> Range:
        """Guaranteed range of the result."""
        ...

    def run_codes(self, x: Codes) -> Codes:
        """x [batch, *shape] to y [batch, *shape], exact."""
        ...


T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Node(Generic[T_co]):
    """One use of an operator. `name` is the model's own name: untrusted text, for messages only."""

    name: str
    op: T_co
    source: str  # value read
    output: str  # value made


@dataclass(frozen=True)
class Graph(Generic[T_co]):
    """Nodes in topological order from `input` to `output`."""

    name: str
    input: str
    channels: int  # of the input
    nodes: tuple[Node[T_co], ...]
    types: Mapping[str, TensorType] = field(default_factory=dict[str, TensorType])  # integer form only
    grid: Grid = ()  # of the input

    @property
    def shape(self) -> Shape:
        """Of an input sample: raster order, channels innermost."""
        return (*self.grid, self.channels)

    @property
    def elements(self) -> int:
        """Of an input sample."""
        return math.prod(self.shape)

    @property
    def output(self) -> str:
        """Name of the last value."""
        return self.nodes[-1].output if self.nodes else self.input

    def __iter__(self) -> Iterator[Node[T_co]]:
        return iter(self.nodes)


def check_chain(graph: Graph[Op]) -> Shape:
    """Shape of the output; every node reads what the one before it made."""
    value, shape = graph.input, graph.shape
    for node in graph:
        if node.source != value:
            raise ShapeError(f"node '{node.name}' reads '{node.source}', expected '{value}'")
        shape = node.op.shape(shape)
        value = node.output
    return shape
