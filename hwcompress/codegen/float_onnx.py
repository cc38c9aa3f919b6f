# SPDX-License-Identifier: Apache-2.0
"""A float graph as an ONNX model: what `compress` writes as model.onnx. Its ends are those of the original model.

Maps travel as [N, channels, rows, columns]; the part for the host follows as it was.
"""

import math
from functools import singledispatchmethod
from typing import Any

import numpy as np
import onnx
from onnx import helper, version_converter

from hwcompress.codegen.onnx_types import FLOAT, ONNX_TYPES
from hwcompress.codegen.onnx_writer import OnnxWriter, window_attributes
from hwcompress.ir.graph import Op
from hwcompress.ops import Affine, Clip, Conv, Dense, Lookup, MaxPool, SumPool, Window
from hwcompress.storage.header import Stored

OPSET, IR_VERSION = 13, 8


class _Writer(OnnxWriter):
    """Operators of the float form."""

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
        y = self.op(
            "Conv", x, self.constant(kernel), self.constant(op.bias), group=op.groups, **window_attributes(op.window)
        )
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
        return self.op("MaxPool", x, **window_attributes(window))

    @add.register
    def _(self, op: SumPool, x: str) -> str:
        n, grid = self.shape[-1], op.window.grid(self.shape)
        kernel = self.constant(np.ones((n, 1, *op.window.kernel)))
        self.shape = (*grid, n)
        return self.op("Conv", x, kernel, group=n, **window_attributes(op.window))

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


def float_model(stored: Stored) -> bytes:
    """The serialized model."""
    graph, ends, tail = stored.graph, stored.ends, _tail(stored.tail)
    kind = ONNX_TYPES.get(ends.dtype, FLOAT)
    w = _Writer(_prefix(tail, ends.input), shape=graph.shape)
    x = ends.input
    if kind != FLOAT:
        x = w.op("Cast", x, to=FLOAT)
    x = w.mapped(w.ordered(w.reshape(x, [graph.elements]), ends.input_order))
    for node in graph:
        x = w.add(node.op, x)
    x = w.ordered(w.flat(x), ends.output_order)
    shape = w.constant([-1, *ends.tail_shape], np.int64)
    if tail is None:
        w.op("Reshape", x, shape, output=ends.outputs[0])
        outputs = [helper.make_tensor_value_info(ends.outputs[0], FLOAT, ["N", *ends.tail_shape])]
    else:
        entry = tail.graph.input[0]
        if entry.type.tensor_type.elem_type != FLOAT:
            x = w.op("Cast", x, to=entry.type.tensor_type.elem_type)
        w.op("Reshape", x, shape, output=entry.name)
        w.nodes.extend(tail.graph.node)
        w.constants.extend(tail.graph.initializer)
        outputs = list(tail.graph.output)
    dims = ["N", *ends.shape[1:]] if ends.batched else list(ends.shape)
    inputs = [helper.make_tensor_value_info(ends.input, kind, dims)]
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
