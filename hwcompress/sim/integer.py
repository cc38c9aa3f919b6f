# SPDX-License-Identifier: Apache-2.0
"""The bit-accurate simulator: the one truth that every back end must equal.

A product, its bias, the rounding constant and the shift of the requant behind it are one BLAS call on numbers
that are exact multiples of a power of two: y = floor(x (W 2^-s) + (b + half) 2^-s), clipped. With every partial
sum below 2^24 (2^53) such multiples are exact in float32 (float64), whatever the order of summation.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hwcompress.errors import ShapeError
from hwcompress.ir.fixed import Codes, FixedPoint, Overflow, Reals, Rounding
from hwcompress.ir.graph import CodeOp, Graph
from hwcompress.ir.types import Range
from hwcompress.ops import AffineCodes, ConvCodes, DenseCodes, MaxPoolCodes, Requant, SumPoolCodes, Table, Window
from hwcompress.ops.conv import spans
from hwcompress.ops.exact import FLOAT32_EXACT, FLOAT64_EXACT, partial_sum_bound

Floats = NDArray[Any]  # float32 or float64 arrays that hold integers exactly
Kind: TypeAlias = type[np.float32] | type[np.float64]
Step = Callable[[Floats], Floats]
Product: TypeAlias = DenseCodes | ConvCodes | AffineCodes
CHUNK_BYTES = 1 << 20  # of the widest value in a chunk: stays in the second-level cache


@dataclass(frozen=True)
class Simulator:
    """A graph in integer form, prepared for batches."""

    graph: Graph[CodeOp]
    steps: tuple[Step, ...]
    chunk: int  # samples

    @staticmethod
    def of(graph: Graph[CodeOp]) -> "Simulator":
        """Prepare every operator.

        Raises:
            ShapeError: some sum could reach 2**53.
        """
        ranges = _spans(graph)
        steps: list[Step] = []
        nodes = list(graph)
        k = 0
        while k < len(nodes):
            op = nodes[k].op
            after = nodes[k + 1].op if k + 1 < len(nodes) else None
            x = ranges[k]
            if isinstance(op, Product) and isinstance(after, Requant):
                steps.append(_fused(op, after, x))
                k += 2
            else:
                steps.append(step_of(op, x))
                k += 1
        widest = max([graph.elements, *(t.elements for t in graph.types.values()), *_patched(graph)])
        return Simulator(graph, tuple(steps), max(16, CHUNK_BYTES // (4 * widest)))

    def run(self, codes: Codes) -> Codes:
        """Input codes [batch, n] to output codes [batch, m], maps in raster order with channels innermost."""
        parts = [self._chunk(codes[a : a + self.chunk]) for a in range(0, len(codes), self.chunk)]
        m = self.graph.types[self.graph.output].elements
        return np.concatenate(parts) if parts else np.zeros((0, m), dtype=np.int64)

    def _chunk(self, codes: Codes) -> Codes:
        x: Floats = codes.astype(_held(self.graph.types[self.graph.input].element))
        x = x.reshape(len(x), *self.graph.shape)
        for step in self.steps:
            x = step(x)
        return x.reshape(len(x), -1).astype(np.int64)


def trace(graph: Graph[CodeOp], codes: Codes) -> Iterator[tuple[str, Codes]]:
    """Every value of the graph by name, operator by operator with `run_codes`: slow, plain, for comparison."""
    x = codes.reshape(len(codes), *graph.shape)
    yield graph.input, x
    for node in graph:
        x = node.op.run_codes(x)
        yield node.output, x


def _spans(graph: Graph[CodeOp]) -> list[Range]:
    """Guaranteed range of the value that each node reads."""
    span = Range.of(graph.types[graph.input].element, graph.channels)
    ranges = [span]
    for node in graph:
        span = node.op.span(span)
        ranges.append(span)
    return ranges


def _patched(graph: Graph[CodeOp]) -> list[int]:
    """Elements of the windows of one sample that a convolution gathers."""
    convs = [(n.op, graph.types[n.output]) for n in graph if isinstance(n.op, ConvCodes)]
    return [y.positions * op.weight.shape[1] for op, y in convs]


def floats_for(bound: int) -> Kind:
    """Floats that hold all integers up to this magnitude, and so sums of them.

    Raises:
        ShapeError: 2**53 or more.
    """
    if bound > FLOAT64_EXACT:
        raise ShapeError(f"a sum of this layer can reach {bound}, 2**53 or more; use fewer bits")
    return np.float32 if bound <= FLOAT32_EXACT else np.float64


def _held(kind: FixedPoint) -> Kind:
    """Floats that hold every code of a type."""
    return floats_for(max(-kind.min_code, kind.max_code))


def _fused(op: Product, requant: Requant, x: Range) -> Step:
    """Product and requant as one multiply-add, floor and clip."""
    scale = np.exp2(-requant.shifts.astype(np.float64))
    bias: Codes = op.bias + _half(requant).astype(np.int64)
    kind = np.promote_types(floats_for(_reach(op, bias, x)), _held(requant.format.type)).type
    offset: Reals = bias.astype(np.float64) * scale
    finish, product = _finish(requant), _product(op, scale, offset, kind)
    return lambda v: finish(product(v))


def _reach(op: Product, bias: Codes, x: Range) -> int:
    """Largest magnitude of any partial sum."""
    if isinstance(op, AffineCodes):
        return partial_sum_bound(op.scale.reshape(-1, 1), x.largest(), bias.reshape(-1))
    return partial_sum_bound(op.weight, x.largest(), bias)


def _product(op: Product, scale: Reals, bias: Reals, kind: Kind) -> Step:
    """x -> (W x) * scale + bias, a scale and bias for each output channel."""
    b = bias.astype(kind)
    if isinstance(op, AffineCodes):
        factor = (op.scale * scale).astype(kind)
        return lambda v: v.astype(kind, copy=False) * factor + b
    matrix = (op.weight * scale[:, None]).astype(kind)
    if isinstance(op, ConvCodes):
        return _conv(op, matrix, b)
    w = np.ascontiguousarray(matrix.T)
    return lambda v: _plus(v.reshape(len(v), -1).astype(kind, copy=False) @ w, b)


def _plus(y: Floats, b: Floats) -> Floats:
    y += b
    return y


def _conv(op: ConvCodes, matrix: Floats, b: Floats) -> Step:
    """Windows gathered to rows of one matrix product; of a depthwise convolution, a sum over taps."""
    window, kind = op.window, matrix.dtype
    if op.groups > 1 and matrix.shape[1] == window.taps:
        return _depthwise(op, matrix, b)
    parts = [np.ascontiguousarray(w.T) for w in np.split(matrix, op.groups)]

    def run(v: Floats) -> Floats:
        patches = window.patches(v.astype(kind, copy=False))
        rows = math.prod(patches.shape[:3])
        if len(parts) == 1:
            y = patches.reshape(rows, -1) @ parts[0]
        else:
            each = zip(spans(v.shape[-1], op.groups), parts, strict=True)
            y = np.concatenate([patches[..., a:e].reshape(rows, -1) @ w for (a, e), w in each], axis=1)
        return _plus(y.reshape(*patches.shape[:3], -1), b)

    return run


def _depthwise(op: ConvCodes, matrix: Floats, b: Floats) -> Step:
    window, each = op.window, len(matrix) // op.groups
    taps = matrix.T.reshape(*window.kernel, -1)  # [kr, kc, m]

    def run(v: Floats) -> Floats:
        patches = window.patches(v.astype(matrix.dtype, copy=False))
        y = np.broadcast_to(b, (*patches.shape[:3], len(matrix))).copy()
        for k, l in np.ndindex(*window.kernel):
            y += (patches[:, :, :, k, l].repeat(each, axis=-1) if each > 1 else patches[:, :, :, k, l]) * taps[k, l]
        return y

    return run


def _reduced(window: Window, fill: float, combine: Callable[..., Floats]) -> Step:
    """A maximum or sum over the taps."""

    def run(v: Floats) -> Floats:
        patches = window.patches(v, fill)
        y = patches[:, :, :, 0, 0].copy()
        for k, l in list(np.ndindex(*window.kernel))[1:]:
            combine(y, patches[:, :, :, k, l], out=y)
        return y

    return run


def _finish(requant: Requant) -> Step:
    """Rounding down (or to even), overflow and bounds, in place."""
    round_in_place = np.rint if requant.format.rounding is Rounding.HALF_EVEN else np.floor
    lo, hi = float(requant.lo), float(requant.hi)
    kind = requant.format.type
    wraps = requant.format.overflow is Overflow.WRAP

    def run(v: Floats) -> Floats:
        round_in_place(v, out=v)
        if wraps:
            v = _wrapped(v, kind)
        return np.clip(v, lo, hi, out=v)

    return run


def _wrapped(v: Floats, kind: FixedPoint) -> Floats:
    """Low bits of integers held in floats; the offset may pass the mantissa, so in int64."""
    span = np.int64(1) << kind.width
    return (np.mod(v.astype(np.int64) - kind.min_code, span) + kind.min_code).astype(v.dtype)


def _requant(op: Requant, x: Range) -> Step:
    """A requant alone: (x + half) 2^-shift, rounded and clipped."""
    shift = op.shifts
    half = _half(op)
    up = np.exp2(np.maximum(-shift, 0).astype(np.float64))
    reach = (x.magnitudes() + half) * up
    if reach.max(initial=0.0) >= FLOAT64_EXACT:
        return lambda v: op.run_codes(v.astype(np.int64)).astype(np.float64)
    kind = np.promote_types(floats_for(int(reach.max(initial=0.0))), _held(op.format.type)).type
    scale = np.exp2(-shift.astype(np.float64))
    finish, offset, factor = _finish(op), (half * scale).astype(kind), scale.astype(kind)
    return lambda v: finish(v.astype(kind, copy=False) * factor + offset)


def _half(requant: Requant) -> Reals:
    """Half a step of the result on the grid of the source, where it rounds half up."""
    half_up = requant.format.rounding is Rounding.HALF_UP
    return np.where((requant.shifts > 0) & half_up, np.exp2(np.maximum(requant.shifts - 1, 0).astype(np.float64)), 0.0)


def step_of(op: CodeOp, x: Range) -> Step:
    """An operator on codes within `x`, held in floats [batch, *shape]: exact.

    Raises:
        ShapeError: some sum could reach 2**53.
    """
    if isinstance(op, Requant):
        return _requant(op, x)
    if isinstance(op, Table):
        entries = op.entries.astype(_held(op.y_type))
        base = op.x_type.min_code
        return lambda v: entries[v.astype(np.intp) - base]
    if isinstance(op, Product):
        kind = floats_for(_reach(op, op.bias, x))
        return _product(op, np.ones(op.bias.shape, dtype=np.float64), op.bias.astype(np.float64), kind)
    if isinstance(op, MaxPoolCodes):
        return _reduced(op.window, op.fill, np.maximum)
    if isinstance(op, SumPoolCodes):
        kind, total = floats_for(x.beside(0).largest() * op.window.taps), _reduced(op.window, 0.0, np.add)
        return lambda v: total(v.astype(kind, copy=False))
    return lambda v: op.run_codes(v.astype(np.int64)).astype(np.float64)


def chain_types(graph: Graph[CodeOp]) -> list[str]:
    """One line a node: types in and out, for --explain and debugging."""
    names = [graph.input, *(n.output for n in graph)]
    return [f"{graph.types[a]} -> {graph.types[b]}" for a, b in pairwise(names)]
