# SPDX-License-Identifier: Apache-2.0
"""model.fixed.onnx: the same network for onnxruntime, with the same codes, so that a third party confirms them.

Codes travel as float32 (or float64 where a sum can pass 2^24) integers, maps as [N, channels, rows, columns]. Rounding
half up is Floor(x + 1/2); sums are MatMul and Conv on integers; tables are Gather. Two outputs: real values in the
model's own layout, and `codes` in the order of the hardware. The result of each layer is called `layer_<name>`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatchmethod
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from hwcompress.codegen.onnx_writer import OnnxWriter, window_attributes
from hwcompress.codegen.taps import layer_value
from hwcompress.engines.plan import layers
from hwcompress.ir.fixed import Codes, FixedPoint, Overflow, Rounding
from hwcompress.ir.graph import CodeOp, Graph
from hwcompress.ir.order import Order
from hwcompress.ir.types import Range
from hwcompress.ops import AffineCodes, ConvCodes, DenseCodes, MaxPoolCodes, Requant, SumPoolCodes, Table, Window
from hwcompress.ops.exact import FLOAT32_EXACT, partial_sum_bound

OPSET, IR_VERSION = 13, 8
CODES = "codes"
HALF_BITS = 8  # of a code, where the sums of a convolution pass 2^24 and its operands are cut
SAME = Order()


@dataclass(frozen=True)
class Boundary:
    """The model's own input and output around the codes."""

    input_name: str
    input_shape: Sequence[int]  # of a sample
    input_type: int  # TensorProto.DataType
    input_scale: np.ndarray[Any, Any]  # real value of one code [n]
    output_name: str
    output_shape: Sequence[int]  # of a sample
    input_order: Order = SAME  # from the model's order to that of the hardware
    output_order: Order = SAME  # and back


class _Builder(OnnxWriter):
    """Operators of the integer form."""

    def rename(self, x: str, name: str) -> str:
        """Another name for `x`, the result of the last node."""
        assert self.nodes[-1].output[0] == x
        self.nodes[-1].output[0] = name
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
        x = self.flat(x)
        self.shape = (len(op.weight),)
        x = self.cast(x, _sum_kind(op.weight, op.bias, span))
        product = self.op("MatMul", x, self.constant(op.weight.T))
        return self.op("Add", product, self.constant(op.bias))

    @add.register
    def _(self, op: ConvCodes, x: str, span: Range) -> str:
        narrow = _sum_kind(op.weight, op.bias, span) is np.float32
        y = self._conv(op.weight, op, self.cast(x, np.float32)) if narrow else self._wide(op, x, span)
        self.shape = (*op.window.grid(self.shape), len(op.weight))
        return self.op("Add", y, self.spread(op.bias))

    def _conv(self, weight: Codes, op: ConvCodes, x: str) -> str:
        """Without the bias."""
        each = op.channels // op.groups
        kernel = weight.reshape(-1, *op.window.kernel, each).transpose(0, 3, 1, 2)
        return self.op("Conv", x, self.constant(kernel), group=op.groups, **window_attributes(op.window))

    def _wide(self, op: ConvCodes, x: str, span: Range) -> str:
        """A convolution of float32 (onnxruntime has no other) in parts whose sums stay below 2^24, added in float64."""
        x = self.cast(x, np.float32)
        xs = [(x, 0)]
        if span.largest() >= 1 << HALF_BITS:
            high = self.op("Floor", self.op("Mul", x, self.constant(2.0**-HALF_BITS)))
            low = self.op("Sub", x, self.op("Mul", high, self.constant(2.0**HALF_BITS)))
            xs = [(high, HALF_BITS), (low, 0)]
        reach = max(1 << HALF_BITS, span.largest() >> HALF_BITS) * op.weight.shape[1]
        bits = max(1, (FLOAT32_EXACT // reach).bit_length() - 1)
        total = ""
        left, place = op.weight, 0
        while left.any():
            last = (np.abs(left) < 1 << bits).all()
            digit = left if last else left & ((1 << bits) - 1)
            left = np.zeros_like(left) if last else (left - digit) >> bits
            for part, up in xs:
                self.kind = np.float32
                y = self.cast(self._conv(digit, op, part), np.float64)
                y = self.op("Mul", y, self.constant(2.0 ** (place + up)))
                total = self.op("Add", total, y) if total else y
            place += bits
        self.kind = np.float64
        return total or self.op("Mul", self.op("Cast", self._zero(op, x), to=TensorProto.DOUBLE), self.constant(0.0))

    def _zero(self, op: ConvCodes, x: str) -> str:
        """All weights are zero: any convolution has the right shape."""
        self.kind = np.float32
        y = self._conv(op.weight, op, x)
        self.kind = np.float64
        return y

    @add.register
    def _(self, op: AffineCodes, x: str, span: Range) -> str:
        x = self.cast(x, _sum_kind(op.scale.reshape(-1, 1), op.bias.reshape(-1), span))
        return self.op("Add", self.op("Mul", x, self.spread(op.scale)), self.spread(op.bias))

    @add.register
    def _(self, op: MaxPoolCodes, x: str, span: Range) -> str:
        grid = op.window.grid(self.shape)
        x = self.cast(x, np.float32)
        window = op.window
        (top, left), (bottom, right) = window.before, window.after
        thick = max(top, bottom) >= window.kernel[0] or max(left, right) >= window.kernel[1]  # onnxruntime refuses it
        if window.padded and (thick or span.lo.min() < op.fill):
            pads = self.constant([0, 0, top, left, 0, 0, bottom, right], np.int64)
            x = self.op("Pad", x, pads, self.constant(op.fill))
            window = Window(window.kernel, window.stride, window.dilation)
        self.shape = (*grid, self.shape[-1])
        return self.op("MaxPool", x, **window_attributes(window))

    @add.register
    def _(self, op: SumPoolCodes, x: str, span: Range) -> str:
        n = self.shape[-1]
        ones = np.ones((n, op.window.taps), dtype=np.int64)
        zeros = np.zeros(n, dtype=np.int64)
        return self.add(ConvCodes(ones, FixedPoint(1, 0, signed=False), (), zeros, op.window, n), x, span)

    @add.register
    def _(self, op: Requant, x: str, span: Range) -> str:
        half = 0.5 if op.format.rounding is Rounding.HALF_UP else 0.0
        reach = max(abs(int(span.lo.min())), abs(int(span.hi.max()))) + (1 << max(0, int(op.shifts.max())))
        wide = reach > FLOAT32_EXACT or op.format.overflow is Overflow.WRAP or int(op.shifts.min()) < 0
        x = self.cast(x, np.float64 if wide else self.kind)
        x = self.op("Mul", x, self.spread(np.exp2(-op.shifts.astype(np.float64))))
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
    b = _Builder(shape=graph.shape)
    entry = graph.types[graph.input]
    x = b.mapped(_enter(b, boundary, entry.element))
    span = Range.of(entry.element, graph.channels)
    parts = layers(graph)
    ends = [*(layer.value for layer in parts[1:]), graph.output]
    names = {end: layer_value(layer.name, boundary.input_name) for end, layer in zip(ends, parts, strict=True)}
    for node in graph:
        x = b.add(node.op, x, span)
        x = b.rename(x, names[node.output]) if node.output in names else x
        span = node.op.span(span)
    leave = graph.types[graph.output]
    x = b.flat(b.cast(x, np.float32))
    b.op("Cast", x, output=CODES, to=TensorProto.INT32)
    real = b.ordered(b.op("Mul", x, b.constant(2.0**-leave.element.frac)), boundary.output_order)
    name = boundary.output_name
    if name in (boundary.input_name, CODES, *names.values()) or name.startswith("hwc_"):
        name = "output"
    b.op("Reshape", real, b.constant([-1, *boundary.output_shape], np.int64), output=name)
    inputs = [helper.make_tensor_value_info(boundary.input_name, boundary.input_type, ["N", *boundary.input_shape])]
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *boundary.output_shape]),
        helper.make_tensor_value_info(CODES, TensorProto.INT32, ["N", leave.elements]),
    ]
    body = helper.make_graph(b.nodes, "hwcompress", inputs, outputs, b.constants)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="hwcompress")
    model.ir_version = IR_VERSION
    return model.SerializeToString(deterministic=True)


def _enter(b: _Builder, boundary: Boundary, kind: FixedPoint) -> str:
    """Real input to codes in the order of the hardware: round half up and saturate, in float64."""
    x = b.op("Cast", boundary.input_name, to=TensorProto.DOUBLE)
    b.kind = np.float64
    x = b.ordered(b.reshape(x, [len(boundary.input_scale)]), boundary.input_order)
    x = b.op("Mul", x, b.constant(1.0 / boundary.input_scale))
    x = b.op("Floor", b.op("Add", x, b.constant(0.5)))
    return b.cast(b.clip(x, kind.min_code, kind.max_code), np.float32)


def with_outputs(model: bytes, names: Sequence[str]) -> bytes:
    """A model with more of its values as outputs; onnxruntime finds their types."""
    loaded = onnx.load_model_from_string(model)
    loaded.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    return loaded.SerializeToString()
