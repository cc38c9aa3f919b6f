# SPDX-License-Identifier: Apache-2.0
"""What the importer hands on: the hardware part as a float graph, the rest as a small ONNX model for the host."""

from dataclasses import dataclass

from hwcompress.ir.graph import Graph, Op


@dataclass(frozen=True)
class ModelInput:
    """The model's own input."""

    name: str
    onnx_shape: tuple[int | str, ...]  # with the batch dimension, symbolic ones by name
    dtype: str  # numpy name of the element type

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of one sample, without the batch dimension."""
        return tuple(int(d) for d in self.onnx_shape[1:])


@dataclass(frozen=True)
class Model:
    """An imported network. Names in it are untrusted text: for messages only, never for file names or code."""

    name: str  # stem of the file
    sha256: str  # of the file
    input: ModelInput
    graph: Graph[Op]  # float form, before any pass; its input is the flattened sample
    tail: bytes  # ONNX model of what stays on the host (input "hw": float [N, *tail_shape]); b"" if nothing does
    tail_ops: tuple[str, ...]  # operator types in it, for the report
    tail_shape: tuple[int, ...]  # shape of one sample of the hardware's output in the model's own layout
    outputs: tuple[str, ...]  # names of the model's outputs
    source: bytes  # the whole ONNX model, external data pulled in, batch dimension made free: for onnxruntime
