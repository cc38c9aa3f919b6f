# SPDX-License-Identifier: Apache-2.0
"""Constant sub-graphs: the value of a node whose inputs are all constants, as onnxruntime would compute it."""

import math
from collections.abc import Callable, Mapping
from functools import reduce

import numpy as np

from hwcompress.frontend.layout import Layout, show
from hwcompress.frontend.raw import Array, Refusal, TooLarge, is_array, is_list
from hwcompress.frontend.tensors import type_name
from hwcompress.frontend.use import Use, integers, normal_axes

MAX_ELEMENTS = 1 << 24  # of one folded constant
MAX_PRODUCTS = 1 << 33  # of one folded matrix product: about a second


def bounded(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape, if a constant of it may be made.

    Raises:
        TooLarge: more than MAX_ELEMENTS.
        Refusal: a negative dimension.
    """
    if any(d < 0 for d in shape):
        raise Refusal(f"shape {show(shape)} has a negative dimension")
    if math.prod(shape) > MAX_ELEMENTS:
        raise TooLarge(f"a constant of shape {show(shape)} is larger than {MAX_ELEMENTS} elements")
    return shape


def _numpy(name: str) -> np.dtype[np.generic]:
    if name == "bfloat16":
        return np.dtype(np.float32)
    try:
        return np.dtype(name)
    except TypeError:
        raise Refusal(f"element type {name} is not supported") from None


def _constant(use: Use) -> Array:
    given = use.node.attributes
    for key in ("value", "value_float", "value_int", "value_floats", "value_ints"):
        if key in given:
            return _attribute(given[key])
    raise Refusal("holds neither a tensor nor numbers")


def _attribute(value: object) -> Array:
    if is_array(value):
        return value
    items = [v for v in (value if is_list(value) else (value,)) if isinstance(v, int | float)]
    if not items and value != ():
        raise Refusal("holds text")
    array: Array = np.array(items, dtype=np.int64 if all(isinstance(v, int) for v in items) else np.float32)
    return array if is_list(value) else array.reshape(())


def _constant_of_shape(use: Use) -> Array:
    value = use.node.attributes.get("value", np.zeros(1, np.float32))
    if not is_array(value) or value.size != 1:
        raise Refusal("attribute value must hold one number")
    return np.broadcast_to(value.reshape(()), bounded(integers(use.constant(0))))


def _binary(ufunc: Callable[[Array, Array], Array]) -> Callable[[Use], Array]:
    def fold(use: Use) -> Array:
        a, b = use.constant(0), use.constant(1)
        bounded(np.broadcast_shapes(a.shape, b.shape))
        return ufunc(a, b)

    return fold


def _variadic(ufunc: Callable[[Array, Array], Array]) -> Callable[[Use], Array]:
    """The operands taken together one after another, as onnxruntime does."""

    def fold(use: Use) -> Array:
        parts = _all_constants(use)
        bounded(np.broadcast_shapes(*(p.shape for p in parts)))
        return reduce(ufunc, parts)

    return fold


def _all_constants(use: Use) -> list[Array]:
    if not use.operands:
        raise Refusal("input 0 is missing")
    return [use.constant(i) for i in range(len(use.operands))]


def _mean(use: Use) -> Array:
    total = _variadic(np.add)(use)
    return total / total.dtype.type(len(use.operands))


def _matmul(use: Use) -> Array:
    return _product(use.constant(0), use.constant(1))


def _gemm(use: Use) -> Array:
    a, b, c, node = use.constant(0), use.constant(1), use.optional(2), use.node
    if a.ndim != 2 or b.ndim != 2:
        raise Refusal(f"both factors must be matrices, found {show(a.shape)} and {show(b.shape)}")
    y = _product(a.T if node.integer("transA", 0) else a, b.T if node.integer("transB", 0) else b)
    y = y * y.dtype.type(node.number("alpha", 1.0))
    if c is None:
        return y
    return y + np.broadcast_to(c * c.dtype.type(node.number("beta", 1.0)), y.shape)


def _product(a: Array, b: Array) -> Array:
    """a @ b in float32, or in float64 for that type: refused before memory or time is spent."""
    if {a.dtype.kind, b.dtype.kind} != {"f"}:
        raise Refusal(f"multiplies matrices of {a.dtype} and {b.dtype}; real numbers are wanted")
    if not (a.ndim and b.ndim):
        raise Refusal("a scalar cannot be multiplied as a matrix")
    stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    rows, columns = a.shape[-2:-1], b.shape[-1:] if b.ndim > 1 else ()
    result = bounded((*stack, *rows, *columns))
    if math.prod(result) * a.shape[-1] > MAX_PRODUCTS:
        raise TooLarge(f"{show(a.shape)} times {show(b.shape)} takes more than {MAX_PRODUCTS} products")
    kind = np.result_type(a.dtype, b.dtype)
    wide = np.result_type(kind, np.float32)
    return np.matmul(a.astype(wide, copy=False), b.astype(wide, copy=False)).astype(kind, copy=False)


def _divide(a: Array, b: Array) -> Array:
    if a.dtype.kind == "f":
        return np.divide(a, b)
    if (b == 0).any():
        raise Refusal("divides by zero")
    return (np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(b))).astype(a.dtype)  # ONNX drops the fraction


def _unary(function: Callable[[Array], Array]) -> Callable[[Use], Array]:
    return lambda use: function(use.constant(0))


def _cast(use: Use) -> Array:
    return use.constant(0).astype(_numpy(type_name(use.node.integer("to", 0))))


def _cast_like(use: Use) -> Array:
    """Also like a tensor that depends on the input."""
    like = use.operands[1] if len(use.operands) > 1 else None
    return use.constant(0).astype(_numpy(like.dtype) if isinstance(like, Layout) else use.constant(1).dtype)


def _transpose(use: Use) -> Array:
    x = use.constant(0)
    return x.transpose(use.node.integers("perm") or None)


def _reshape(use: Use) -> Array:
    x, wanted = use.constant(0), integers(use.constant(1))
    if not use.node.integer("allowzero", 0):
        wanted = tuple(x.shape[axis] if d == 0 else d for axis, d in enumerate(wanted))
    return x.reshape(wanted)


def _flatten(use: Use) -> Array:
    x, axis = use.constant(0), use.node.integer("axis", 1)
    split = axis + x.ndim if axis < 0 else axis
    return x.reshape(math.prod(x.shape[:split]), -1)


def _squeeze(use: Use) -> Array:
    x, axes = use.constant(0), use.axes(1)
    return np.squeeze(x, axis=None if axes is None else normal_axes(axes, x.ndim))


def _unsqueeze(use: Use) -> Array:
    x, axes = use.constant(0), use.axes(1)
    if axes is None:
        raise Refusal("axes are missing")
    return np.expand_dims(x, normal_axes(axes, x.ndim + len(axes)))


def _concat(use: Use) -> Array:
    parts = _all_constants(use)
    bounded((sum(p.size for p in parts),))
    return np.concatenate(parts, axis=use.node.integer("axis", 0))


def _gather(use: Use) -> Array:
    x, index, axis = use.constant(0), use.constant(1), use.node.integer("axis", 0)
    if not -x.ndim <= axis < x.ndim or index.dtype.kind not in "iu":
        raise Refusal("axis or indices do not fit")
    bounded((index.size, x.size // max(x.shape[axis], 1)))
    return np.take(x, index, axis=axis)


def _slice(use: Use) -> Array:
    x = use.constant(0)
    starts = use.node.integers("starts") or integers(use.constant(1))
    ends = use.node.integers("ends") or integers(use.constant(2))
    axes = use.axes(3) or tuple(range(len(starts)))
    given = use.optional(4)
    steps = (1,) * len(starts) if given is None else integers(given)
    cut = [slice(None)] * x.ndim
    for axis, start, end, step in zip(normal_axes(axes, x.ndim), starts, ends, steps, strict=True):
        last = None if step < 0 and end < -x.shape[axis] else end
        cut[axis] = slice(start, last, step)
    return x[tuple(cut)]


def _expand(use: Use) -> Array:
    x = use.constant(0)
    shape = np.broadcast_shapes(x.shape, bounded(integers(use.constant(1))))
    return np.broadcast_to(x, bounded(shape))


def _where(use: Use) -> Array:
    condition, a, b = (use.constant(i) for i in range(3))
    bounded(np.broadcast_shapes(condition.shape, a.shape, b.shape))
    return np.where(condition, a, b)


def _shape(use: Use) -> Array:
    """Also of a tensor that depends on the input."""
    x = use.operands[0] if use.operands else None
    dims = x.dims if isinstance(x, Layout) else use.constant(0).shape
    start, end = use.node.integer("start", 0), use.node.integer("end", len(dims))
    return np.array(dims[start:end], dtype=np.int64)


def _dequantize(use: Use) -> Array:
    x, scale = use.constant(0), use.constant(1)
    zero = use.optional(2)
    scale = _along(use, x, scale)
    shifted = x.astype(np.float32) if zero is None else np.subtract(x, _along(use, x, zero), dtype=np.float32)
    return shifted.astype(scale.dtype) * scale


def _along(use: Use, x: Array, values: Array) -> Array:
    """Scales or zero points set along their axis: one, one for each channel, or one for each block."""
    if values.size == 1:
        return values.reshape(())
    axis = use.node.integer("axis", 1)
    (axis,) = normal_axes((axis,), x.ndim)
    if values.ndim == 1:
        return values.reshape([-1 if a == axis else 1 for a in range(x.ndim)])
    block = use.node.integer("block_size", 0)
    if block < 1:
        raise Refusal(f"scales of shape {show(values.shape)} do not fit {show(x.shape)}")
    bounded((*values.shape, min(block, MAX_ELEMENTS)))
    return values.repeat(block, axis=axis).take(range(x.shape[axis]), axis=axis)


FOLDABLE: Mapping[str, Callable[[Use], Array]] = {
    "Add": _binary(np.add),
    "Cast": _cast,
    "CastLike": _cast_like,
    "Concat": _concat,
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "DequantizeLinear": _dequantize,
    "Div": _binary(_divide),
    "Equal": _binary(np.equal),
    "Exp": _unary(np.exp),
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "Gemm": _gemm,
    "Identity": _unary(lambda x: x),
    "MatMul": _matmul,
    "Max": _variadic(np.maximum),
    "Mean": _mean,
    "Min": _variadic(np.minimum),
    "Mul": _binary(np.multiply),
    "Neg": _unary(np.negative),
    "Pow": _binary(lambda a, b: np.power(a, b).astype(a.dtype)),
    "Reciprocal": _unary(np.reciprocal),
    "Reshape": _reshape,
    "Shape": _shape,
    "Slice": _slice,
    "Sqrt": _unary(np.sqrt),
    "Squeeze": _squeeze,
    "Sub": _binary(np.subtract),
    "Sum": _variadic(np.add),
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "Where": _where,
}


def fold(use: Use) -> Array:
    """The value of a node whose operands are all constants.

    Raises:
        Refusal: the operator cannot be folded, its operands do not fit, or its value is too large.
    """
    use.check()
    rule = FOLDABLE.get(use.node.op)
    if rule is None:
        raise Refusal(f"{use.node} of constants cannot be computed here; fold it when exporting")
    try:
        with np.errstate(all="ignore"):
            return np.asarray(rule(use))
    except (ValueError, IndexError, TypeError, OverflowError, MemoryError) as error:
        raise Refusal(f"{use.node} of constants does not fit together ({str(error)[:80]})") from None
