# SPDX-License-Identifier: Apache-2.0
"""model.fixed.onnx: the same network for onnxruntime, with the same codes, so that a third party confirms them.

Codes travel as float32 (or float64 where a sum can pass 2^24) integers. Rounding half up is Floor(x + 1/2); sums
are MatMul on integers; tables are Gather. Two outputs: real values in the model's own layout, and `codes`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import singledispatchmethod
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from hwcompress.ir.fixed import FixedPoint, Overflow, Rounding
from hwcompress.ir.graph import CodeOp, Graph
from hwcompress.ir.types import Range
from hwcompress.ops import AffineCodes, DenseCodes, Requant, Table
from hwcompress.ops.exact import FLOAT32_EXACT, partial_sum_bound

OPSET, IR_VERSION = 13, 8
CODES = "codes"


@dataclass(frozen=True)
class Boundary:
    """The model's own input and output around the codes."""

    input_name: str
    input_shape: Sequence[int]  # of a sample
    input_type: int  # TensorProto.DataType
    input_scale: np.ndarray[Any, Any]  # real value of one code [n]
    output_name: str
    output_shape: Sequence[int]  # of a sample


@dataclass
class _Builder:
    """Nodes and constants as they come, with counted names of our own."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    count: int = 0
    kind: type[np.floating[Any]] = np.float32

    def op(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Append a node; the name of its result."""
        self.count += 1
        name = output or f"hwc_{self.count}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=f"hwc_node_{self.count}", **attributes))
        return name

    def constant(self, value: Any, kind: Any = None) -> str:
        """An initializer of the present element type."""
        self.count += 1
        name = f"hwc_const_{self.count}"
        array = np.asarray(value, dtype=kind or self.kind)
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def cast(self, x: str, kind: type[np.floating[Any]]) -> str:
        """Go on in another element type."""
        if kind is self.kind:
            return x
        self.kind = kind
        return self.op("Cast", x, to=helper.np_dtype_to_tensor_dtype(np.dtype(kind)))

    def clip(self, x: str, lo: int, hi: int) -> str:
        """Bounds."""
        return self.op("Clip", x, self.constant(lo), self.constant(hi))

    @singledispatchmethod
    def add(self, op: CodeOp, x: str, span: Range) -> str:
        """Append an operator of the integer form."""
        raise TypeError(type(op))

    @add.register
    def _(self, op: DenseCodes, x: str, span: Range) -> str:
        weight = op.weight
        x = self.cast(x, _sum_kind(weight, op.bias, span))
        product = self.op("MatMul", x, self.constant(weight.T))
        return self.op("Add", product, self.constant(op.bias))

    @add.register
    def _(self, op: AffineCodes, x: str, span: Range) -> str:
        x = self.cast(x, _sum_kind(op.scale[:, None], op.bias, span))
        return self.op("Add", self.op("Mul", x, self.constant(op.scale)), self.constant(op.bias))

    @add.register
    def _(self, op: Requant, x: str, span: Range) -> str:
        half = 0.5 if op.format.rounding is Rounding.HALF_UP else 0.0
        reach = max(abs(int(span.lo.min())), abs(int(span.hi.max()))) + (1 << max(0, int(op.shifts.max())))
        wide = reach > FLOAT32_EXACT or op.format.overflow is Overflow.WRAP or int(op.shifts.min()) < 0
        x = self.cast(x, np.float64 if wide else self.kind)
        x = self.op("Mul", x, self.constant(np.exp2(-op.shifts.astype(np.float64))))
        if op.format.rounding is Rounding.HALF_EVEN:
            x = self.op("Round", x)
        else:
            x = self.op("Floor", self.op("Add", x, self.constant(half)))
        if op.format.overflow is Overflow.WRAP:
            x = self._wrap(x, op.format.type)
        return self.cast(self.clip(x, op.lo, op.hi), np.float32)

    @add.register
    def _(self, op: Table, x: str, span: Range) -> str:
        index = self.op("Cast", self.op("Sub", x, self.constant(op.x_type.min_code)), to=TensorProto.INT64)
        return self.op("Gather", self.constant(op.entries), index, axis=0)

    def _wrap(self, x: str, kind: FixedPoint) -> str:
        """x - span * floor((x - min) / span)."""
        span = 2.0**kind.width
        offset = self.op("Sub", x, self.constant(kind.min_code))
        turns = self.op("Floor", self.op("Mul", offset, self.constant(1 / span)))
        return self.op("Sub", x, self.op("Mul", turns, self.constant(span)))


def _sum_kind(weight: Any, bias: Any, span: Range) -> type[np.floating[Any]]:
    return np.float32 if partial_sum_bound(weight, span.largest(), bias) <= FLOAT32_EXACT else np.float64


def fixed_model(graph: Graph[CodeOp], boundary: Boundary) -> bytes:
    """The serialized model."""
    b = _Builder()
    entry = graph.types[graph.input]
    x = _enter(b, boundary, entry.element)
    span = Range.of(entry.element, graph.channels)
    for node in graph:
        x = b.add(node.op, x, span)
        span = node.op.span(span)
    leave = graph.types[graph.output]
    x = b.cast(x, np.float32)
    b.op("Cast", x, output=CODES, to=TensorProto.INT32)
    real = b.op("Mul", x, b.constant(2.0**-leave.element.frac))
    name = boundary.output_name
    if name in (boundary.input_name, CODES) or name.startswith("hwc_"):
        name = "output"
    b.op("Reshape", real, b.constant([-1, *boundary.output_shape], np.int64), output=name)
    inputs = [helper.make_tensor_value_info(boundary.input_name, boundary.input_type, ["N", *boundary.input_shape])]
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *boundary.output_shape]),
        helper.make_tensor_value_info(CODES, TensorProto.INT32, ["N", leave.channels]),
    ]
    body = helper.make_graph(b.nodes, "hwcompress", inputs, outputs, b.constants)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="hwcompress")
    model.ir_version = IR_VERSION
    return model.SerializeToString(deterministic=True)


def _enter(b: _Builder, boundary: Boundary, kind: FixedPoint) -> str:
    """Real input to codes: round half up and saturate, in float64."""
    x = b.op("Cast", boundary.input_name, to=TensorProto.DOUBLE)
    b.kind = np.float64
    x = b.op("Reshape", x, b.constant([-1, len(boundary.input_scale)], np.int64))
    x = b.op("Mul", x, b.constant(1.0 / boundary.input_scale))
    x = b.op("Floor", b.op("Add", x, b.constant(0.5)))
    return b.cast(b.clip(x, kind.min_code, kind.max_code), np.float32)
