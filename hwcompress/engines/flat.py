# SPDX-License-Identifier: Apache-2.0
"""Layers on small maps as layers on vectors: all positions at once, for designs that take a frame in one beat.

A convolution is a matrix of which most is zero (Toeplitz), and zeros take nothing at reuse 1. The order of elements
does not change: a map is sent position by position, channels innermost, and so is the vector.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from hwcompress.engines.plan import Layer, layers
from hwcompress.errors import ShapeError
from hwcompress.ir.fixed import Codes, FixedPoint
from hwcompress.ir.graph import CodeOp, Graph
from hwcompress.ir.types import TensorType
from hwcompress.ops import AffineCodes, Chosen, ConvCodes, DenseCodes, MaxPoolCodes, Requant, SumPoolCodes, Window
from hwcompress.ops.conv import spans

MOST = 1 << 20  # weights of a matrix, zeros among them


def planned_layers(graph: Graph[CodeOp], flat: bool) -> tuple[Layer, ...]:
    """The layers as a plan builds them."""
    parts = layers(graph)
    return tuple(flattened(x) for x in parts) if flat else parts


def flat_size(parts: Iterable[Layer]) -> int:
    """Entries of the largest matrix."""
    return max((x.x.elements * x.y.elements for x in parts), default=0)


def flattened(layer: Layer) -> Layer:
    """The layer with every element of its maps as a channel.

    Raises:
        ShapeError: its matrix would be too large.
    """
    if layer.x.elements * layer.y.elements > MOST:
        raise ShapeError(f"{layer.name}: {layer.x.elements} x {layer.y.elements} elements at once are too many")
    positions, product, pool = layer.y.positions, layer.product, layer.pool
    after = tuple(replace(node, op=_after(node.op, positions)) for node in layer.after)
    made = replace(layer, x=_vector(layer.x), y=_vector(layer.y), after=after, flat=positions > 1 or bool(layer.x.grid))
    if isinstance(product, AffineCodes):
        made = replace(made, product=_affine(product, positions))
    if isinstance(product, ConvCodes):
        return replace(made, product=toeplitz(product, layer.x))
    if isinstance(pool, MaxPoolCodes):
        return replace(made, pool=Chosen(taps_of(pool.window, layer.x), pool.fill))
    if isinstance(pool, SumPoolCodes):
        return replace(made, pool=_sum(pool, layer.x))
    return made


def _vector(x: TensorType) -> TensorType:
    return TensorType(x.elements, x.element, x.shifts * x.positions)


def _after(op: CodeOp, positions: int) -> CodeOp:
    return replace(op, shifts=np.tile(op.shifts, positions)) if isinstance(op, Requant) else op


def _affine(op: AffineCodes, positions: int) -> AffineCodes:
    scale, bias = (v.reshape(-1) if v.ndim > 1 else np.tile(v, positions) for v in (op.scale, op.bias))
    return replace(op, scale=scale, bias=bias, shifts=op.shifts * positions)


def taps_of(window: Window, x: TensorType) -> Codes:
    """Elements that each output element of a pool looks at [m, taps]; -1 outside the map."""
    index = np.arange(x.elements).reshape(1, *x.shape)
    patches = window.patches(index, -1)[0]  # [out rows, out columns, kernel rows, kernel columns, channels]
    return patches.transpose(0, 1, 4, 2, 3).reshape(-1, window.taps)


def toeplitz(op: ConvCodes, x: TensorType) -> DenseCodes:
    """The matrix of a convolution on a map."""
    index = op.window.patches(np.arange(x.elements).reshape(1, *x.shape), -1)[0]
    positions = index.shape[0] * index.shape[1]
    full = np.zeros((positions, len(op.weight), x.elements + 1), dtype=np.int64)
    rows = len(op.weight) // op.groups
    for g, (a, b) in enumerate(spans(x.channels, op.groups)):
        read = index[..., a:b].reshape(positions, -1)  # [positions, taps * channels of the group]
        for m in range(g * rows, (g + 1) * rows):
            full[np.arange(positions)[:, None], m, read] = op.weight[m]
    matrix = full[..., :-1].reshape(-1, x.elements)
    return DenseCodes(matrix, op.weight_type, op.shifts * positions, np.tile(op.bias, positions))


def _sum(op: SumPoolCodes, x: TensorType) -> DenseCodes:
    """Ones where an element is added."""
    index = taps_of(op.window, x)
    full = np.zeros((len(index), x.elements + 1), dtype=np.int64)
    full[np.arange(len(index))[:, None], index] = 1
    return DenseCodes(full[:, :-1], FixedPoint(2, op.exponent), (), np.zeros(len(index), dtype=np.int64))
