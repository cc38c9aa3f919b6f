# SPDX-License-Identifier: Apache-2.0
"""Gemm and MatMul: a Dense over a whole sample, or a Conv where they work position by position."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hwcompress.frontend.constants import finite, per_channel, trained
from hwcompress.frontend.layout import Layout, show
from hwcompress.frontend.places import Atoms, fills, sources
from hwcompress.frontend.raw import Array, Refusal
from hwcompress.frontend.spatial import Want, held
from hwcompress.frontend.use import Step, Use
from hwcompress.ir.fixed import Reals
from hwcompress.ops import Affine, Conv, Dense, Window


def gemm(use: Use) -> Step:
    """Y = alpha A' B' + beta C, A or B constant, C constant or left out."""
    if any(isinstance(operand, Layout) for operand in use.operands[2:]):
        raise Refusal("C depends on the network's input; it must be a constant")
    position, layout = use.dynamic()
    node, constant = use.node, use.constant(1 - position)
    if len(layout.dims) != 2 or constant.ndim != 2:
        raise Refusal(f"both factors must be matrices, found {layout} and {show(constant.shape)}")
    turned = [node.integer("transA", 0) != 0, node.integer("transB", 0) != 0]
    x = layout.transposed((1, 0)) if turned[position] else layout
    matrix = constant.T if turned[1 - position] else constant
    product, result = _product(x, matrix, left=position == 1)
    alpha, beta = node.number("alpha", 1.0), node.number("beta", 1.0)
    scaled = replace(product, weight=finite(alpha * product.weight, "alpha B"))
    bias = use.optional(2)
    if bias is None:
        return Step((scaled,), result)
    if bias.ndim > 2:
        raise Refusal(f"C has shape {show(bias.shape)}; at most two dimensions are allowed")
    b = finite(beta * per_channel(bias, result)[0], "beta C")
    if b.ndim > 1:
        return Step((scaled, Affine(np.ones_like(b), b)), result)
    return Step((replace(scaled, bias=b),), result)


def matmul(use: Use) -> Step:
    """The constant on either side."""
    position, layout = use.dynamic()
    product, result = _product(layout, use.constant(1 - position), left=position == 1)
    return Step((product,), result)


def _product(x: Layout, constant: Array, *, left: bool) -> tuple[Dense | Conv, Layout]:
    """x @ constant, or constant @ x if `left`."""
    if constant.ndim == 0 or not x.dims:
        raise Refusal("a scalar cannot be multiplied as a matrix")
    matrix = _matrix(trained(constant), left=left)
    axis = -2 if left and len(x.dims) > 1 else -1
    position = len(x.dims) + axis
    if position == x.batch:
        raise Refusal(f"sums over the batch of {x}")
    k = x.dims[position]
    if matrix.shape[1] != k:
        raise Refusal(f"{show(constant.shape)} does not fit {x}: {matrix.shape[1]} inputs against {k}")
    others = [a for a in range(len(x.dims)) if a not in (position, x.batch) and x.dims[a] != 1]
    weight = finite(np.asarray(matrix, dtype=np.float64), "the weight")[:, sources(x.parts[position])]
    weight, bias = np.ascontiguousarray(weight), np.zeros(len(weight))
    if others:
        window, made = _positions(x, position, others, len(weight))
        return Conv(weight, bias, window), _result(made, constant, position)
    # A factor that fits one sample says that there is but one: nothing is spread behind it.
    dims = (*x.dims[:position], len(weight), *x.dims[position + 1 :])
    made = replace(x, dims=dims, spread=False, hidden=0, places=None, shape=(len(weight),))
    return Dense(weight, bias), _result(made, constant, position)


def _positions(x: Layout, position: int, others: Sequence[int], m: int) -> tuple[Window, Layout]:
    """The window of a product at each position of a map, and the map with m channels.

    Dimension `position` holds the channels, or those of all columns of a row.
    """
    if not x.shape:
        raise Want(others[:1] if others[1:] else (), others[1:] or others, [position])
    if len(x.shape) != 3:
        raise Refusal(f"multiplies {x} position by position, but it is a vector of {x.elements} elements in hardware")
    _, columns, lanes = x.shape
    kernel = next((k for k in (1, columns) if fills(x.parts[position], k * lanes)), None)
    if kernel is None:
        raise Refusal(f"wants channels in dimension {position} of {x}, where {held(x, position)} lie")
    parts: list[Atoms] = [tuple((size, step // (kernel * lanes) * m) for size, step in atoms) for atoms in x.parts]
    parts[position] = ((m, 1),) if m > 1 else ()
    made = replace(
        x,
        dims=(*x.dims[:position], m, *x.dims[position + 1 :]),
        shape=(x.shape[0], columns // kernel, m),
    )
    return Window((1, kernel)), made.placed(parts)


def _matrix(constant: Array, *, left: bool) -> Reals:
    """The constant as weights [m, n]."""
    if any(d != 1 for d in constant.shape[:-2]):
        raise Refusal(f"the weight {show(constant.shape)} is a stack of matrices; one matrix is wanted")
    if constant.ndim == 1:
        return constant.reshape(1, -1)
    matrix = constant.reshape(constant.shape[-2:])
    return matrix if left else matrix.T


def _result(made: Layout, constant: Array, position: int) -> Layout:
    """Layout of the product as ONNX sees it: dimension `position` vanishes with a constant of one dimension."""
    if constant.ndim == 1:
        return made.without([position])
    # ONNX sets a vector beside a matrix as a matrix and takes the added dimension away again.
    extra = 1 if len(made.dims) == 1 else 0
    return made.widened(constant.ndim - extra)
