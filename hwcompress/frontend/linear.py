# SPDX-License-Identifier: Apache-2.0
"""Gemm and MatMul: one Dense for each."""

from dataclasses import replace

import numpy as np

from hwcompress.frontend.layout import Layout, finite, per_channel, show
from hwcompress.frontend.raw import Array, Refusal
from hwcompress.frontend.use import Step, Use
from hwcompress.ir.fixed import Reals
from hwcompress.ops import Dense


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
    dense, result = _product(x, matrix, left=position == 1)
    alpha, beta = node.number("alpha", 1.0), node.number("beta", 1.0)
    bias = use.optional(2)
    if bias is None:
        return Step((Dense(alpha * dense.weight, dense.bias),), result)
    if bias.ndim > 2:
        raise Refusal(f"C has shape {show(bias.shape)}; at most two dimensions are allowed")
    b, _ = per_channel(bias, result)
    return Step((Dense(finite(alpha * dense.weight, "alpha B"), finite(beta * b, "beta C")),), result)


def matmul(use: Use) -> Step:
    """The constant on either side, the other operand one vector for each sample."""
    position, layout = use.dynamic()
    dense, result = _product(layout, use.constant(1 - position), left=position == 1)
    return Step((dense,), result)


def _product(x: Layout, constant: Array, *, left: bool) -> tuple[Dense, Layout]:
    """x @ constant, or constant @ x if `left`."""
    if constant.ndim == 0 or not x.dims:
        raise Refusal("a scalar cannot be multiplied as a matrix")
    if not constant.size:
        raise Refusal(f"the weight {show(constant.shape)} holds nothing; every dimension must be at least 1")
    matrix = _matrix(constant, left=left)
    axis = -2 if left and len(x.dims) > 1 else -1
    position = len(x.dims) + axis
    if position == x.batch:
        raise Refusal(f"sums over the batch of {x}")
    k = x.dims[position]
    if matrix.shape[1] != k:
        raise Refusal(f"{show(constant.shape)} does not fit {x}: {matrix.shape[1]} inputs against {k}")
    others = [d for a, d in enumerate(x.dims) if a not in (position, x.batch)]
    if any(d != 1 for d in others):
        raise Refusal(f"multiplies {x} position by position; only one vector for each sample is supported")
    weight = finite(np.ascontiguousarray(matrix, dtype=np.float64), "the weight")
    return Dense(weight, np.zeros(len(weight))), _result(x, constant, position, len(weight))


def _matrix(constant: Array, *, left: bool) -> Reals:
    """The constant as weights [m, n]."""
    if constant.dtype.kind != "f":
        raise Refusal(f"the weight holds {constant.dtype} values; real numbers are wanted")
    if any(d != 1 for d in constant.shape[:-2]):
        raise Refusal(f"the weight {show(constant.shape)} is a stack of matrices; one matrix is wanted")
    if constant.ndim == 1:
        return constant.reshape(1, -1)
    matrix = constant.reshape(constant.shape[-2:])
    return matrix if left else matrix.T


def _result(x: Layout, constant: Array, position: int, m: int) -> Layout:
    """Layout of the product: dimension `position` becomes m, or vanishes with a constant of one dimension."""
    if constant.ndim == 1:
        batch = x.batch
        if batch is not None and batch > position:
            batch -= 1
        return replace(x, dims=x.dims[:position] + x.dims[position + 1 :], batch=batch, spread=False)
    # A factor that fits one sample says that there is but one: nothing is spread behind it.
    result = replace(x, dims=(*x.dims[:position], m, *x.dims[position + 1 :]), spread=False)
    # ONNX sets a vector beside a matrix as a matrix and takes the added dimension away again.
    extra = 1 if len(x.dims) == 1 else 0
    return result.widened(constant.ndim - extra)
