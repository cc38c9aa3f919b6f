# SPDX-License-Identifier: Apache-2.0
"""Backpropagation through the float form: gradients, squared gradients and diagonal second derivatives.

Second derivatives follow the recursion of Optimal Brain Damage (LeCun, Denker, Solla, NIPS 1989, in the
Levenberg-Marquardt form without the second derivatives of the functions): backpropagation with every factor squared.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from hwcompress.compress.losses import Loss
from hwcompress.compress.select import Weighted, weighted
from hwcompress.errors import BadInput
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Op
from hwcompress.ir.types import Shape
from hwcompress.ops import Affine, Clip, Conv, Dense, Lookup, MaxPool, SumPool, Window
from hwcompress.ops.conv import spans, split
from hwcompress.sim.reference import widest

CHUNK = 1 << 20  # elements of the largest value, windows gathered or weights of a sample, at a time
STEP = 6e-6  # of the derivative of a function: about the cube root of the rounding of float64
Factor: TypeAlias = Callable[[Reals], Reals]  # what becomes of a factor of the chain rule: itself or its square
Products: TypeAlias = Mapping[str, tuple[Reals, Reals]]  # by node: for its weights [m, n] and its biases [m]


@dataclass(frozen=True, eq=False)
class Trace:
    """Some samples, through the network and back."""

    at: slice  # which samples
    inputs: tuple[Reals, ...]  # of each node, [b, *shape]
    outputs: Reals  # of the network, [b, elements]
    slopes: tuple[Reals, ...]  # derivative of each sample's loss by what each node makes, [b, *shape]


def gradients(graph: Graph[Op], x: Reals, loss: Loss) -> Products:
    """Derivative of the mean loss by all weights and biases, over x [samples, *shape].

    Raises:
        BadInput: x or the loss's targets do not fit the network or each other.
    """
    return _mean(graph, x, loss, _itself, lambda op, x, g: _summed(op, x, g, _itself))


def squared_gradients(graph: Graph[Op], x: Reals, loss: Loss) -> Products:
    """Mean over the samples of the squared derivative of each one's loss: the diagonal of the empirical Fisher matrix.

    Raises:
        BadInput: as gradients.
    """
    return _mean(graph, x, loss, _itself, lambda op, x, g: _summed(op, x, g, np.square))


def absolute_gradients(graph: Graph[Op], x: Reals, loss: Loss) -> Products:
    """Mean over the samples of the magnitude of the derivative of each one's loss.

    Raises:
        BadInput: as gradients.
    """
    return _mean(graph, x, loss, _itself, lambda op, x, g: _summed(op, x, g, np.abs))


def curvatures(graph: Graph[Op], x: Reals, loss: Loss) -> Products:
    """Second derivative of the mean loss by each weight and bias, by the recursion of Optimal Brain Damage.

    Second derivatives by two outputs of a layer, and by two positions of a convolution, are left out. Exact for mean
    squared error in the last two dense layers of a network whose functions are piecewise linear.

    Raises:
        BadInput: as gradients.
    """
    return _mean(graph, x, loss, np.square, _curved)


def traces(graph: Graph[Op], x: Reals, loss: Loss, factor: Factor | None = None) -> Iterator[Trace]:
    """Forward and back, some samples at a time; with factor=np.square `slopes` are diagonal second derivatives.

    Raises:
        BadInput: x [samples, *graph.shape] does not fit the network, or the loss knows another number of samples.
    """
    if x.ndim < 2 or not len(x) or x[0].size != graph.elements or loss.samples != len(x):
        raise BadInput(
            f"data: samples of {list(graph.shape)} and a wanted output for each wanted, got {list(x.shape)} and "
            f"{loss.samples}. Try: an array [samples, {', '.join(map(str, graph.shape))}]"
        )
    largest = max((op.weight.size for op in weighted(graph).values() if isinstance(op, Conv)), default=1)
    step = max(1, CHUNK // max(widest(graph), largest))
    for start in range(0, len(x), step):
        yield _trace(graph, x[start : start + step], loss, slice(start, start + step), factor or _itself)


def _trace(graph: Graph[Op], x: Reals, loss: Loss, at: slice, factor: Factor) -> Trace:
    values = [x.astype(np.float64).reshape(len(x), *graph.shape)]
    for node in graph:
        values.append(node.op.run_float(values[-1]))
    outputs = values[-1].reshape(len(x), -1)
    seed = loss.slopes if factor is _itself else loss.curvatures
    slopes = [seed(outputs, at).reshape(values[-1].shape)]
    for node, value in zip(graph.nodes[:0:-1], values[-2:0:-1], strict=True):
        slopes.append(pull(node.op, value, slopes[-1], factor))
    return Trace(at, tuple(values[:-1]), outputs, tuple(reversed(slopes)))


def pull(op: Op, x: Reals, g: Reals, factor: Factor | None = None) -> Reals:
    """Vector-Jacobian product: g [b, *shape out] by the outputs to [b, *shape in] by the inputs x of an operator.

    With a factor of np.square every derivative is squared on the way. Of equal elements the first is the maximum; a
    clip lets nothing through at its bounds; functions are differentiated by central differences.
    """
    f = factor or _itself
    match op:
        case Dense():
            found = (g @ f(op.weight)).reshape(x.shape)
        case Conv():
            found = _pull_conv(op, x, g, f)
        case Affine():
            found = g * f(op.scale)
        case Clip():
            found = g * ((x > op.lo) & (x < op.hi))
        case Lookup():
            found = g * f(_derivative(op, x))
        case SumPool():
            found = _scatter(op.window, np.broadcast_to(g[:, :, :, None, None], _taps(op.window, g)), x.shape)
        case MaxPool():
            found = _pull_max(op, x, g)
        case _:
            raise TypeError(f"no derivative of {type(op).__name__}")
    return found


def _itself(values: Reals) -> Reals:
    return values


def _derivative(op: Lookup, x: Reals) -> Reals:
    h = STEP * np.maximum(1.0, np.abs(x))
    above, below = x + h, x - h
    return (op.run_float(above) - op.run_float(below)) / (above - below)


def _pull_conv(op: Conv, x: Reals, g: Reals, f: Factor) -> Reals:
    parts: list[Reals] = []
    for each, w in zip(np.split(g, op.groups, axis=3), split(op)[0], strict=True):
        taps = (each @ f(w)).reshape(*g.shape[:3], *op.window.kernel, -1)
        parts.append(_scatter(op.window, taps, (*x.shape[:3], taps.shape[-1])))
    return np.concatenate(parts, axis=3)


def _pull_max(op: MaxPool, x: Reals, g: Reals) -> Reals:
    patches = op.window.patches(x, op.fill)
    flat = patches.reshape(*patches.shape[:3], op.window.taps, -1)
    first = flat.argmax(axis=3)[:, :, :, None]
    parts = np.where(np.arange(op.window.taps)[:, None] == first, g[:, :, :, None], 0.0)
    return _scatter(op.window, parts.reshape(patches.shape), x.shape)


def _taps(window: Window, g: Reals) -> Shape:
    return (*g.shape[:3], *window.kernel, g.shape[3])


def _scatter(window: Window, parts: Reals, shape: Shape) -> Reals:
    """The transpose of Window.patches: [b, out rows, out columns, *kernel, c] added up in a map of this shape."""
    (top, left), (bottom, right) = window.before, window.after
    out = np.zeros((shape[0], shape[1] + top + bottom, shape[2] + left + right, shape[3]))
    rows, columns = ((n - 1) * s + 1 for n, s in zip(parts.shape[1:3], window.stride, strict=True))
    for k in range(window.kernel[0]):
        for l in range(window.kernel[1]):
            i, j = k * window.dilation[0], l * window.dilation[1]
            out[:, i : i + rows : window.stride[0], j : j + columns : window.stride[1]] += parts[:, :, :, k, l]
    return out[:, top : top + shape[1], left : left + shape[2]]


def _mean(
    graph: Graph[Op],
    x: Reals,
    loss: Loss,
    factor: Factor,
    sums: Callable[[Weighted, Reals, Reals], tuple[Reals, Reals]],
) -> Products:
    found = {name: (np.zeros_like(op.weight), np.zeros_like(op.bias)) for name, op in weighted(graph).items()}
    for trace in traces(graph, x, loss, factor):
        for node, value, slope in zip(graph, trace.inputs, trace.slopes, strict=True):
            if isinstance(node.op, Weighted):
                for total, part in zip(found[node.name], sums(node.op, value, slope), strict=True):
                    np.add(total, part / len(x), out=total)
    return found


def _summed(op: Weighted, x: Reals, g: Reals, each: Factor) -> tuple[Reals, Reals]:
    """Sum over the samples of `each` of the derivatives: its power, its magnitude or itself."""
    if isinstance(op, Dense):  # one product a sample, so each of the product is the product of each
        return each(g).T @ each(x.reshape(len(x), -1)), each(g).sum(axis=0)
    by_sample = [g_part.transpose(0, 2, 1) @ patches for g_part, patches in _unfolded(op, x, g)]
    weight = np.concatenate([each(part).sum(axis=0) for part in by_sample])
    return weight, each(g.sum(axis=(1, 2))).sum(axis=0)


def _curved(op: Weighted, x: Reals, g: Reals) -> tuple[Reals, Reals]:
    if isinstance(op, Dense):
        return g.T @ x.reshape(len(x), -1) ** 2, g.sum(axis=0)
    parts = [np.tensordot(g_part, patches**2, axes=((0, 1), (0, 1))) for g_part, patches in _unfolded(op, x, g)]
    return np.concatenate(parts), g.sum(axis=(0, 1, 2))


def _unfolded(op: Conv, x: Reals, g: Reals) -> Iterator[tuple[Reals, Reals]]:
    """Of each group, g [b, positions, rows of the group] and what its rows are multiplied with [b, positions, n]."""
    patches = op.window.patches(x)
    positions = math.prod(g.shape[1:3])
    for (a, b), part in zip(spans(x.shape[-1], op.groups), np.split(g, op.groups, axis=3), strict=True):
        shape = (len(x), positions, op.weight.shape[1])
        yield part.reshape(len(x), positions, -1), patches[..., a:b].reshape(shape)
