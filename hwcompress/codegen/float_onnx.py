# SPDX-License-Identifier: Apache-2.0
"""A float graph as an ONNX model: what `compress` writes as model.onnx. Its ends are those of the original model.

Maps travel as [N, channels, rows, columns]; the part for the host follows as it was.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import singledispatchmethod
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, version_converter

from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Op
from hwcompress.ir.order import Order
from hwcompress.ir.types import Shape
from hwcompress.ops import Affine, Clip, Conv, Dense, Lookup, MaxPool, SumPool, Window

OPSET, IR_VERSION = 13, 8
SAME = Order()


@dataclass(frozen=True, eq=False)
class Ends:
    """The model's own input and output around the graph."""

    input_name: str
    input_shape: Sequence[int]  # of a sample
    input_type: int  # TensorProto.DataType
    batched: bool
    input_order: Order
    output_order: Order
    tail: bytes  # ONNX model with one input [N, *tail_shape]; b"" if the graph's output is the model's
    tail_shape: Sequence[int]
    output_name: str  # where there is no tail


@dataclass
class _Writer:
    """Nodes and constants as they come, with counted names of our own."""

    prefix: str
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    count: int = 0
    shape: Shape = ()  # of the value in the graph

    def op(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Append a node; the name of its result."""
        self.count += 1
        name = output or f"{self.prefix}{self.count}"
        made = helper.make_node(kind, list(inputs), [name], name=f"{self.prefix}node_{self.count}", **attributes)
        self.nodes.append(made)
        return name

    def constant(self, value: Any, kind: Any = np.float32) -> str:
        """An initializer."""
        self.count += 1
        name = f"{self.prefix}const_{self.count}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype=kind), name))
        return name

    def reshape(self, x: str, dims: Sequence[int]) -> str:
        """Other dimensions behind that of the batch."""
        return self.op("Reshape", x, self.constant([-1, *dims], np.int64))

    def ordered(self, x: str, order: Order) -> str:
        """Rows [N, n] in another order."""
        if order.identity:
            return x
        turned = self.op("Transpose", self.reshape(x, order.sizes), perm=[0, *(a + 1 for a in order.axes)])
        return self.reshape(turned, [math.prod(order.sizes)])

    def mapped(self, x: str) -> str:
        """Rows in raster order as what they are."""
        return self.op("Transpose", self.reshape(x, self.shape), perm=[0, 3, 1, 2]) if len(self.shape) > 1 else x

    def flat(self, x: str) -> str:
        """And back."""
        if len(self.shape) == 1:
            return x
        return self.reshape(self.op("Transpose", x, perm=[0, 2, 3, 1]), [math.prod(self.shape)])

    def spread(self, values: Reals) -> str:
        """A constant with one value for each channel, or for each element of a map."""
        if len(self.shape) == 1:
            return self.constant(values)
        return self.constant(values.reshape(-1, 1, 1) if values.ndim == 1 else values.transpose(2, 0, 1))

    @singledispatchmethod
    def add(self, op: Op, x: str) -> str:
        """Append an operator."""
        raise TypeError(type(op))

    @add.register
    def _(self, op: Dense, x: str) -> str:
        y = self.op("Gemm", self.flat(x), self.constant(op.weight), self.constant(op.bias), transB=1)
        self.shape = (len(op.weight),)
        return y

    @add.register
    def _(self, op: Conv, x: str) -> str:
        each = op.channels // op.groups
        kernel = op.weight.reshape(-1, *op.window.kernel, each).transpose(0, 3, 1, 2)
        grid = op.window.grid(self.shape)
        y = self.op("Conv", x, self.constant(kernel), self.constant(op.bias), group=op.groups, **_attributes(op.window))
        self.shape = (*grid, len(op.weight))
        return y

    @add.register
    def _(self, op: MaxPool, x: str) -> str:
        grid, window = op.window.grid(self.shape), op.window
        if window.padded and not math.isinf(op.fill):
            (top, left), (bottom, right) = window.before, window.after
            pads = self.constant([0, 0, top, left, 0, 0, bottom, right], np.int64)
            x = self.op("Pad", x, pads, self.constant(op.fill))
            window = Window(window.kernel, window.stride, window.dilation)
        self.shape = (*grid, self.shape[-1])
        return self.op("MaxPool", x, **_attributes(window))

    @add.register
    def _(self, op: SumPool, x: str) -> str:
        n, grid = self.shape[-1], op.window.grid(self.shape)
        kernel = self.constant(np.ones((n, 1, *op.window.kernel)))
        self.shape = (*grid, n)
        return self.op("Conv", x, kernel, group=n, **_attributes(op.window))

    @add.register
    def _(self, op: Affine, x: str) -> str:
        y = x if (op.scale == 1).all() else self.op("Mul", x, self.spread(op.scale))
        return y if not op.bias.any() else self.op("Add", y, self.spread(op.bias))

    @add.register
    def _(self, op: Clip, x: str) -> str:
        if op == Clip(0.0, math.inf):
            return self.op("Relu", x)
        ends = [self.constant(v) if math.isfinite(v) else "" for v in (op.lo, op.hi)]
        return self.op("Clip", x, *(ends if ends[1] else ends[:1]))

    @add.register
    def _(self, op: Lookup, x: str) -> str:
        return _FUNCTIONS[op.function](self, x, *op.parameters)


def _plain(kind: str, *names: str) -> Any:
    """A function that is an operator of its own, its parameters attributes."""

    def make(w: _Writer, x: str, *parameters: float) -> str:
        attributes: dict[str, Any] = dict(zip(names, parameters, strict=True))
        return w.op(kind, x, **attributes)

    return make


def _hard_swish(w: _Writer, x: str) -> str:
    return w.op("Mul", x, w.op("HardSigmoid", x, alpha=1 / 6, beta=0.5))


def _half(w: _Writer, x: str, inner: str) -> str:
    """x / 2 * (1 + inner)."""
    return w.op("Mul", w.op("Mul", x, w.constant(0.5)), w.op("Add", inner, w.constant(1.0)))


def _gelu(w: _Writer, x: str) -> str:
    return _half(w, x, w.op("Erf", w.op("Mul", x, w.constant(math.sqrt(0.5)))))


def _gelu_tanh(w: _Writer, x: str) -> str:
    cube = w.op("Mul", w.op("Mul", w.op("Mul", x, x), x), w.constant(0.044715))
    return _half(w, x, w.op("Tanh", w.op("Mul", w.op("Add", x, cube), w.constant(math.sqrt(2 / math.pi)))))


def _mish(w: _Writer, x: str) -> str:
    return w.op("Mul", x, w.op("Tanh", w.op("Softplus", x)))


def _swish(w: _Writer, x: str, alpha: float) -> str:
    inner = x if alpha == 1.0 else w.op("Mul", x, w.constant(alpha))
    return w.op("Mul", x, w.op("Sigmoid", inner))


_FUNCTIONS: dict[str, Any] = {
    "sigmoid": _plain("Sigmoid"),
    "tanh": _plain("Tanh"),
    "leaky_relu": _plain("LeakyRelu", "alpha"),
    "elu": _plain("Elu", "alpha"),
    "selu": _plain("Selu", "alpha", "gamma"),
    "celu": _plain("Celu", "alpha"),
    "softplus": _plain("Softplus"),
    "softsign": _plain("Softsign"),
    "thresholded_relu": _plain("ThresholdedRelu", "alpha"),
    "hard_swish": _hard_swish,
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "mish": _mish,
    "swish": _swish,
}


def _attributes(window: Window) -> dict[str, Any]:
    """Of Conv and MaxPool."""
    return {
        "kernel_shape": list(window.kernel),
        "strides": list(window.stride),
        "dilations": list(window.dilation),
        "pads": [*window.before, *window.after],
    }


def float_model(graph: Graph[Op], ends: Ends) -> bytes:
    """The serialized model."""
    tail = _tail(ends.tail)
    w = _Writer(_prefix(tail, ends.input_name), shape=graph.shape)
    x = ends.input_name
    if ends.input_type != TensorProto.FLOAT:
        x = w.op("Cast", x, to=TensorProto.FLOAT)
    x = w.mapped(w.ordered(w.reshape(x, [graph.elements]), ends.input_order))
    for node in graph:
        x = w.add(node.op, x)
    x = w.ordered(w.flat(x), ends.output_order)
    shape = w.constant([-1, *ends.tail_shape], np.int64)
    if tail is None:
        w.op("Reshape", x, shape, output=ends.output_name)
        outputs = [helper.make_tensor_value_info(ends.output_name, TensorProto.FLOAT, ["N", *ends.tail_shape])]
    else:
        entry = tail.graph.input[0]
        if entry.type.tensor_type.elem_type != TensorProto.FLOAT:
            x = w.op("Cast", x, to=entry.type.tensor_type.elem_type)
        w.op("Reshape", x, shape, output=entry.name)
        w.nodes.extend(tail.graph.node)
        w.constants.extend(tail.graph.initializer)
        outputs = list(tail.graph.output)
    dims = ["N", *ends.input_shape] if ends.batched else list(ends.input_shape)
    inputs = [helper.make_tensor_value_info(ends.input_name, ends.input_type, dims)]
    body = helper.make_graph(w.nodes, "hwcompress", inputs, outputs, w.constants)
    opsets = list(tail.opset_import) if tail is not None else [helper.make_opsetid("", OPSET)]
    model = helper.make_model(body, opset_imports=opsets, producer_name="hwcompress")
    model.ir_version = max(IR_VERSION, tail.ir_version if tail is not None else 0)
    return model.SerializeToString(deterministic=True)


def _tail(data: bytes) -> onnx.ModelProto | None:
    """The host's part, in operator set OPSET or newer."""
    if not data:
        return None
    tail = onnx.load_model_from_string(data)
    version = next((o.version for o in tail.opset_import if o.domain in ("", "ai.onnx")), OPSET)
    return version_converter.convert_version(tail, OPSET) if version < OPSET else tail


def _prefix(tail: onnx.ModelProto | None, input_name: str) -> str:
    """What no name of the host's part begins with."""
    names = {input_name}
    if tail is not None:
        for node in tail.graph.node:
            names.update((*node.input, *node.output))
        names.update(t.name for t in tail.graph.initializer)
    prefix = "hwc_"
    while any(name.startswith(prefix) for name in names):
        prefix += "_"
    return prefix
