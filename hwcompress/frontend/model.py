# SPDX-License-Identifier: Apache-2.0
"""What the importer hands on: the hardware part as a float graph, the rest as a small ONNX model for the host."""

from dataclasses import dataclass, field

from hwcompress.ir.graph import Graph, Op
from hwcompress.ir.order import Order


@dataclass(frozen=True)
class ModelInput:
    """The model's own input."""

    name: str
    onnx_shape: tuple[int | str, ...]  # with the batch dimension, symbolic ones by name
    dtype: str  # numpy name of the element type
    batched: bool = True  # False: the model takes one sample and has no batch dimension

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of one sample, without the batch dimension."""
        return tuple(int(d) for d in (self.onnx_shape[1:] if self.batched else self.onnx_shape))


@dataclass(frozen=True)
class Model:
    """An imported network. Names in it are untrusted text: for messages only, never for file names or code."""

    name: str  # stem of the file
    sha256: str  # of the file
    input: ModelInput
    graph: Graph[Op]  # float form, before any pass; its input is the flattened sample in input_order
    tail: bytes  # ONNX model of what stays on the host (its one input: [N, *tail_shape]); b"" if nothing does
    tail_ops: tuple[str, ...]  # operator types in it, for the report
    tail_shape: tuple[int, ...]  # shape of one sample of the hardware's output in the model's own layout
    outputs: tuple[str, ...]  # names of the model's outputs
    source: bytes  # the whole ONNX model, external data pulled in, batch dimension made free: for onnxruntime
    notes: tuple[str, ...] = ()  # what the importer had to repair or assume, for the report
    parameters: int = 0  # elements of the trained tensors
    batch: int = 0  # samples that `source` and `tail` take at once, as exported; 0: any number
    input_order: Order = field(default_factory=Order)  # from the flattened sample of the file to that of the graph
    output_order: Order = field(default_factory=Order)  # from the graph's output, flattened, to that of tail_shape


@dataclass(frozen=True)
class Port:
    """An input or output as the file declares it."""

    name: str
    shape: tuple[int | str, ...]
    dtype: str


@dataclass(frozen=True)
class NodeStatus:
    """Where a node of the file ends up."""

    name: str
    op: str
    place: str  # "hardware", "host", "constant", "unused" or "unsupported"
    reason: str = ""  # why it is unsupported


@dataclass(frozen=True)
class Inspection:
    """What a file holds, without building anything."""

    name: str
    sha256: str
    opsets: tuple[tuple[str, int], ...]  # (domain, version)
    operators: tuple[tuple[str, int], ...]  # (type, how many), sorted by type
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    parameters: int  # elements of the trained tensors: initializers and constants that are not shapes or labels
    macs: int  # products of one inference, in the part that could be imported
    nodes: tuple[NodeStatus, ...]
    host: tuple[str, ...]  # operator types that stay on the host
    problems: tuple[str, ...]  # empty: the model can be compiled
    notes: tuple[str, ...]
