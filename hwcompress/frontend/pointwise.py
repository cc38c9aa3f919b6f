# SPDX-License-Identifier: Apache-2.0
"""Operators that work element by element with constants: Affine and Clip, and Lookup where they are slopes."""

import math
from dataclasses import replace

import numpy as np

from hwcompress.frontend.constants import finite, per_channel
from hwcompress.frontend.layout import Layout, show
from hwcompress.frontend.raw import Refusal
from hwcompress.frontend.use import Step, Use
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Op
from hwcompress.ops import Affine, Clip, Lookup

FLOAT32_MAX = 3.4028234e38  # old opsets write "no bound" like this


def _uniform(layout: Layout, scale: float, bias: float) -> Affine:
    return Affine(np.full(layout.lanes, scale), np.full(layout.lanes, bias))


def _affine(scale: Reals, bias: Reals) -> Affine:
    """Both of one shape."""
    s, b = np.broadcast_arrays(scale, bias)
    return Affine(s.copy(), b.copy())


def _beside(use: Use) -> tuple[int, Reals, Layout]:
    """Position of the operand that depends on the input, the constant beside it, the layout of the result."""
    position, layout = use.dynamic()
    constant = use.constant(1 - position)
    if constant.dtype.kind != "f":
        raise Refusal(f"the constant holds {constant.dtype} values; real numbers are wanted")
    values, result = per_channel(constant, layout)
    return position, values, result


def add(use: Use) -> Step:
    """x + c."""
    _, c, layout = _beside(use)
    return Step((Affine(np.ones_like(c), c),), layout)


def total(use: Use) -> Step:
    """x + c + ..."""
    layout, constants = _others(use)
    return Step((Affine(np.ones_like(constants), constants),), layout)


def mean(use: Use) -> Step:
    """(x + c + ...) / n."""
    layout, constants = _others(use)
    share = 1.0 / len(use.operands)
    return Step((Affine(np.full_like(constants, share), share * constants),), layout)


def _others(use: Use) -> tuple[Layout, Reals]:
    """The layout of the result, and the sum of all constants beside x."""
    position, layout = use.dynamic()
    added = np.zeros(layout.lanes)
    for other in range(len(use.operands)):
        if other != position:
            values, layout = per_channel(use.constant(other), layout)
            added = added + values
    return layout, finite(added, "the sum of the constants")


def sub(use: Use) -> Step:
    """x - c, or c - x."""
    position, c, layout = _beside(use)
    one = np.ones_like(c)
    return Step((Affine(one, -c) if position == 0 else Affine(-one, c),), layout)


def mul(use: Use) -> Step:
    """x * c."""
    _, c, layout = _beside(use)
    return Step((Affine(c, np.zeros_like(c)),), layout)


def div(use: Use) -> Step:
    """x / c."""
    position, c, layout = _beside(use)
    if position == 1:
        raise Refusal("divides by a value that depends on the network's input")
    if (c == 0).any():
        raise Refusal("divides by zero")
    with np.errstate(over="ignore"):
        scale = finite(1.0 / c, "1 / the divisor")
    return Step((Affine(scale, np.zeros_like(c)),), layout)


def neg(use: Use) -> Step:
    """-x."""
    layout = use.first()
    return Step((_uniform(layout, -1.0, 0.0),), layout)


def scaler(use: Use) -> Step:
    """(x - offset) * scale along the features of [N, F] (ai.onnx.ml)."""
    _, layout = use.any_dynamic()
    last = (len(layout.dims) - 1) if layout.dims else 0
    if not layout.dims or layout.batch == last:
        raise Refusal(f"needs features in the last dimension of {layout}")
    offset = _features(np.asarray(use.node.numbers("offset") or (0.0,)), layout)
    scale = _features(np.asarray(use.node.numbers("scale") or (1.0,)), layout)
    s, result = per_channel(scale, layout)
    o, _ = per_channel(offset, layout)
    return Step((_affine(s, finite(-o * s, "offset * scale")),), replace(result, dtype="float32"))


def _features(values: Reals, layout: Layout) -> Reals:
    """Values of a Scaler as they meet the tensor.

    ONNX knows nothing but [N, F]. Of more dimensions onnxruntime takes the second for F, and goes through the values
    again and again along all elements.
    """
    if values.size == 1 or len(layout.dims) <= 2:
        return values
    if values.size != layout.dims[1] or layout.batch not in (0, None):
        raise Refusal(f"{values.size} values do not fit {layout}; one, or one for each of [N, F], is wanted")
    return np.resize(values, layout.inner)


def batch_normalization(use: Use) -> Step:
    """gamma (x - mean) / sqrt(var + epsilon) + beta, channel by channel."""
    layout = use.first()
    if use.node.integer("training_mode", 0):
        raise Refusal("training_mode is on; export the model for inference")
    gamma, beta, mean, var = (use.constant(i).astype(np.float64) for i in range(1, 5))
    if {beta.shape, mean.shape, var.shape} != {gamma.shape}:
        raise Refusal(f"parameters of shapes {', '.join(show(p.shape) for p in (gamma, beta, mean, var))} differ")
    epsilon = use.node.number("epsilon", 1e-5)
    below = var + epsilon
    if not (below > 0).all():
        raise Refusal("variance + epsilon is not positive everywhere")
    scale = gamma / np.sqrt(below)
    shape, repair = _channel_shape(use, layout, scale.shape)
    s, _ = per_channel(scale.reshape(shape), layout.single())
    b, _ = per_channel((beta - mean * scale).reshape(shape), layout.single())
    note = f"{use.node}: the file transposes around it so that its channels are the batch; read channel by channel"
    return Step((_affine(s, b),), layout, note if repair else "", repair)


def _channel_shape(use: Use, layout: Layout, found: tuple[int, ...]) -> tuple[tuple[int, ...], bool]:
    """Shape in which the parameters meet the tensor; and whether the file put the batch where channels belong."""
    rank = len(layout.dims)
    if rank < 2:
        raise Refusal(f"needs channels in dimension 1 of {layout}")
    if layout.batch == 1 and rank == 2 and found == layout.dims[:1]:
        return (layout.dims[0], 1), True  # OnnxMLTools writes Transpose, BatchNormalization, Transpose
    if layout.batch == 1:
        raise Refusal(f"dimension 1 of {layout} is the batch; channels belong there")
    want = tuple(1 if axis == layout.batch else d for axis, d in enumerate(layout.dims))
    if use.node.opset < 9 and not use.node.integer("spatial", 1):
        if found != want[1:]:
            raise Refusal(
                f"parameters {show(found)} do not fit the {show(want[1:])} elements of {layout}: spatial is 0"
            )
        return want, False
    if found != (layout.dims[1],):
        raise Refusal(f"parameters {show(found)} do not fit the {layout.dims[1]} channels of {layout}")
    return (1, layout.dims[1], *(1,) * (rank - 2)), False


def _clip(layout: Layout, lo: float, hi: float) -> Step:
    if math.isnan(lo) or math.isnan(hi):
        raise Refusal("a bound is NaN")
    low = -math.inf if lo <= -FLOAT32_MAX else lo
    high = math.inf if hi >= FLOAT32_MAX else hi
    if min(low, high) == math.inf or high == -math.inf:
        raise Refusal(f"bounds {lo} and {hi} leave no finite value")
    ops: tuple[Op, ...] = () if (low, high) == (-math.inf, math.inf) else (Clip(min(low, high), high),)
    return Step(ops, layout)


def relu(use: Use) -> Step:
    """max(x, 0)."""
    return _clip(use.first(), 0.0, math.inf)


def clip(use: Use) -> Step:
    """min(max(x, lo), hi): attributes up to opset 10, operands since."""
    layout = use.first()
    if use.node.opset < 11:
        bounds = [use.node.attributes.get(key, default) for key, default in (("min", -math.inf), ("max", math.inf))]
        lo, hi = (b if isinstance(b, float) else math.nan for b in bounds)
    else:
        low, high = use.scalar(1), use.scalar(2)
        lo = -math.inf if low is None else low
        hi = math.inf if high is None else high
    return _clip(layout, lo, hi)


def _bound(use: Use) -> tuple[Layout, list[float]]:
    """The constants of a Min or Max, each the same for all channels."""
    position, layout = use.dynamic()
    bounds: list[float] = []
    for other in range(len(use.operands)):
        if other == position:
            continue
        constant = use.constant(other)
        if constant.size == 0 or (constant != constant.reshape(-1)[0]).any():
            raise Refusal(f"input {other} differs from channel to channel; one bound for all is wanted")
        layout = layout.widened(constant.ndim)
        if any(have not in (1, want) for have, want in zip(constant.shape[::-1], layout.dims[::-1], strict=False)):
            raise Refusal(f"constant {show(constant.shape)} does not fit {layout}")
        bounds.append(float(constant.reshape(-1)[0]))
    return layout, bounds


def maximum(use: Use) -> Step:
    """max(x, c, ...)."""
    layout, bounds = _bound(use)
    return _clip(layout, max(bounds, default=-math.inf), math.inf)


def minimum(use: Use) -> Step:
    """min(x, c, ...)."""
    layout, bounds = _bound(use)
    return _clip(layout, -math.inf, min(bounds, default=math.inf))


def _leaky(layout: Layout, alpha: float) -> Step:
    if alpha == 0.0:
        return Step((Clip(0.0, math.inf),), layout)
    return Step(() if alpha == 1.0 else (Lookup("leaky_relu", (alpha,)),), layout)


def leaky_relu(use: Use) -> Step:
    """x, or alpha x below zero."""
    return _leaky(use.first(), use.node.number("alpha", 0.01))


def prelu(use: Use) -> Step:
    """The same with a constant slope, one for all channels."""
    layout = use.first()
    slope, _ = per_channel(use.constant(1), layout)
    first = slope.flat[0]
    if (slope != first).any():
        raise Refusal("slopes differ from channel to channel; one slope for all is wanted")
    return _leaky(layout, float(first))


def hard_sigmoid(use: Use) -> Step:
    """min(max(alpha x + beta, 0), 1)."""
    layout = use.first()
    alpha, beta = use.node.number("alpha", 0.2), use.node.number("beta", 0.5)
    return Step((_uniform(layout, alpha, beta), Clip(0.0, 1.0)), layout)
