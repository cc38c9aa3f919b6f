# SPDX-License-Identifier: Apache-2.0
"""A float graph as a torch module with the same numbers. Maps travel as [N, channels, rows, columns] inside."""

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Node, Op
from hwcompress.ops import Affine, Clip, Conv, Dense, Lookup, MaxPool, SumPool, Window
from hwcompress.train.forms import Form, MakeForm, Masked
from hwcompress.train.functions import FUNCTIONS

Weighted = Dense | Conv


class Layer(nn.Module):
    """One node of the graph."""

    def op(self) -> Op:
        """The operator with the numbers that were learned."""
        raise NotImplementedError


class Product(Layer):
    """Dense or Conv: weights in some form, and a bias."""

    def __init__(self, op: Weighted, form: Form) -> None:
        super().__init__()
        self.original = op
        self.form = form
        self.bias = nn.Parameter(_tensor(op.bias))

    def forward(self, x: Tensor) -> Tensor:
        weight = self.form()
        if isinstance(self.original, Dense):
            return F.linear(_flat(x), weight, self.bias)
        return convolve(x, weight, self.bias, self.original.window, self.original.groups)

    def op(self) -> Op:
        return replace(self.original, weight=self.form.values(), bias=_array(self.bias))


class Scaling(Layer):
    """Affine: scale and bias of channels, or of elements."""

    def __init__(self, op: Affine) -> None:
        super().__init__()
        self.scale, self.bias = nn.Parameter(_tensor(op.scale)), nn.Parameter(_tensor(op.bias))

    def forward(self, x: Tensor) -> Tensor:
        return x * _beside(self.scale, x) + _beside(self.bias, x)

    def op(self) -> Op:
        return Affine(_array(self.scale), _array(self.bias))


class Fixed(Layer):
    """An operator without numbers to learn."""

    def __init__(self, op: Clip | Lookup | MaxPool | SumPool) -> None:
        super().__init__()
        self.original = op

    def forward(self, x: Tensor) -> Tensor:
        match self.original:
            case Clip(lo, hi):
                return x.clamp(lo, hi)
            case Lookup(function, parameters):
                return FUNCTIONS[function](x, *parameters)
            case MaxPool(window, fill):
                return F.max_pool2d(_padded(x, window, fill), window.kernel, window.stride, 0, window.dilation)
            case SumPool(window):
                return _sums(x, window)

    def op(self) -> Op:
        return self.original


class NetworkModule(nn.Module):
    """Forward: x [N, *graph.shape], channels last, to y [N, m] or [N, rows, columns, m]."""

    def __init__(self, graph: Graph[Op], forms: Mapping[str, MakeForm] | None = None) -> None:
        """forms: what stands for the weights of the named nodes; the others are `Masked`."""
        super().__init__()
        self.graph = graph
        made = forms or {}
        self.layers = nn.ModuleList(_layer(node, made.get(node.name, Masked)) for node in graph)

    def forward(self, x: Tensor) -> Tensor:
        x = x.permute(0, 3, 1, 2) if x.ndim == 4 else x
        for layer in self.layers:
            x = layer(x)
        return x.permute(0, 2, 3, 1) if x.ndim == 4 else x

    def products(self) -> dict[str, Product]:
        """The layers with weights, by node."""
        pairs = zip(self.graph, self.layers, strict=True)
        return {node.name: layer for node, layer in pairs if isinstance(layer, Product)}

    def trained(self) -> Graph[Op]:
        """The graph with the numbers that were learned."""
        layers = cast("list[Layer]", list(self.layers))
        nodes = (replace(node, op=layer.op()) for node, layer in zip(self.graph, layers, strict=True))
        return replace(self.graph, nodes=tuple(nodes))


def _layer(node: Node[Op], form: MakeForm) -> Layer:
    match node.op:
        case Dense() | Conv():
            return Product(node.op, form(node.op.weight))
        case Affine():
            return Scaling(node.op)
        case _:
            return Fixed(cast("Clip | Lookup | MaxPool | SumPool", node.op))


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, window: Window, groups: int) -> Tensor:
    """x [N, c, rows, columns], weight [m, taps * c / groups], channels innermost."""
    kernel = weight.reshape(len(weight), *window.kernel, -1).permute(0, 3, 1, 2)
    pads = (0, 0)
    if window.before == window.after:
        pads = window.before
    else:
        x = _padded(x, window, 0.0)
    return F.conv2d(x, kernel, bias, window.stride, pads, window.dilation, groups)


def _padded(x: Tensor, window: Window, fill: float) -> Tensor:
    (top, left), (bottom, right) = window.before, window.after
    return F.pad(x, (left, right, top, bottom), value=fill) if window.padded else x


def _sums(x: Tensor, window: Window) -> Tensor:
    channels = x.shape[1]
    ones = x.new_ones(channels, window.taps)
    if window.dilation != (1, 1):
        return convolve(x, ones, None, window, channels)
    return F.avg_pool2d(_padded(x, window, 0.0), window.kernel, window.stride) * window.taps


def _flat(x: Tensor) -> Tensor:
    """A map in raster order, channels innermost."""
    return (x.permute(0, 2, 3, 1) if x.ndim == 4 else x).reshape(len(x), -1)


def _beside(values: Tensor, x: Tensor) -> Tensor:
    """Values of channels [n] or of elements [rows, columns, n] in the layout of x."""
    if values.ndim > 1:
        return values.permute(2, 0, 1)
    return values.reshape(-1, 1, 1) if x.ndim == 4 else values


def _tensor(values: Reals) -> Tensor:
    return torch.tensor(values, dtype=torch.get_default_dtype())


def _array(values: Tensor) -> Reals:
    return values.detach().cpu().numpy().astype(np.float64)
