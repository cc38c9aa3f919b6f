# SPDX-License-Identifier: Apache-2.0
"""The network as a frozen graph. Constants live in the operators; an edit returns a new graph."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from hwcompress.errors import ShapeError
from hwcompress.ir.fixed import Codes, Reals
from hwcompress.ir.types import Range, TensorType


class Op(Protocol):
    """Meaning of a node in reals (float form)."""

    def shape(self, channels: int) -> int:
        """Channels out for channels in; ShapeError if they do not fit."""
        ...

    def run_float(self, x: Reals) -> Reals:
        """x [batch, channels] to y [batch, channels]."""
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
        """x [batch, channels] to y [batch, channels], exact."""
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

    @property
    def output(self) -> str:
        """Name of the last value."""
        return self.nodes[-1].output if self.nodes else self.input

    def __iter__(self) -> Iterator[Node[T_co]]:
        return iter(self.nodes)


def check_chain(graph: Graph[Op]) -> int:
    """Channels of the output; every node reads what the one before it made."""
    value, channels = graph.input, graph.channels
    for node in graph:
        if node.source != value:
            raise ShapeError(f"node '{node.name}' reads '{node.source}', expected '{value}'")
        channels = node.op.shape(channels)
        value = node.output
    return channels
