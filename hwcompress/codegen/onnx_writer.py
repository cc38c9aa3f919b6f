# SPDX-License-Identifier: Apache-2.0
"""Nodes and constants of an ONNX model. Maps travel as [N, channels, rows, columns]."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from hwcompress.ir.order import Order
from hwcompress.ir.types import Shape
from hwcompress.ops import Window


@dataclass
class OnnxWriter:
    """They come in order, with counted names of our own."""

    prefix: str = "hwc_"  # of all names
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    count: int = 0
    kind: type[np.floating[Any]] = np.float32
    shape: Shape = ()  # of the value in the graph: [channels] or [rows, columns, channels]

    def op(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Append a node; the name of its result."""
        self.count += 1
        name = output or f"{self.prefix}{self.count}"
        made = helper.make_node(kind, list(inputs), [name], name=f"{self.prefix}node_{self.count}", **attributes)
        self.nodes.append(made)
        return name

    def constant(self, value: Any, kind: Any = None) -> str:
        """An initializer, of the present element type if none is given."""
        self.count += 1
        name = f"{self.prefix}const_{self.count}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype=kind or self.kind), name))
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

    def spread(self, values: NDArray[Any]) -> str:
        """A constant with one value for each channel, or for each element of a map."""
        if len(self.shape) == 1:
            return self.constant(values)
        return self.constant(values.reshape(-1, 1, 1) if values.ndim == 1 else values.transpose(2, 0, 1))


def window_attributes(window: Window) -> dict[str, Any]:
    """Of Conv and MaxPool."""
    return {
        "kernel_shape": list(window.kernel),
        "strides": list(window.stride),
        "dilations": list(window.dilation),
        "pads": [*window.before, *window.after],
    }
