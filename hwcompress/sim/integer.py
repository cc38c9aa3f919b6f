# SPDX-License-Identifier: Apache-2.0
"""The bit-accurate simulator: the one truth that every back end must equal.

A product, its bias, the rounding constant and the shift of the requant behind it are one BLAS call on numbers
that are exact multiples of a power of two: y = floor(x (W 2^-s) + (b + half) 2^-s), clipped. With every partial
sum below 2^24 (2^53) such multiples are exact in float32 (float64), whatever the order of summation.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcompress.errors import ShapeError
from hwcompress.ir.fixed import Codes, FixedPoint, Overflow, Rounding
from hwcompress.ir.graph import CodeOp, Graph
from hwcompress.ir.types import Range
from hwcompress.ops import AffineCodes, DenseCodes, Requant, Table
from hwcompress.ops.exact import FLOAT32_EXACT, FLOAT64_EXACT, partial_sum_bound

Floats = NDArray[Any]  # float32 or float64 arrays that hold integers exactly
Step = Callable[[Floats], Floats]
CHUNK_BYTES = 1 << 20  # of the widest vector in a chunk: stays in the second-level cache


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
        spans = _spans(graph)
        steps: list[Step] = []
        nodes = list(graph)
        k = 0
        while k < len(nodes):
            op = nodes[k].op
            after = nodes[k + 1].op if k + 1 < len(nodes) else None
            x = spans[k]
            if isinstance(op, DenseCodes | AffineCodes) and isinstance(after, Requant):
                steps.append(_fused(op, after, x))
                k += 2
            else:
                steps.append(_single(op, x))
                k += 1
        widest = max([graph.channels, *(t.channels for t in graph.types.values())])
        return Simulator(graph, tuple(steps), max(16, CHUNK_BYTES // (4 * widest)))

    def run(self, codes: Codes) -> Codes:
        """Input codes [batch, n] to output codes [batch, m]."""
        parts = [self._chunk(codes[a : a + self.chunk]) for a in range(0, len(codes), self.chunk)]
        m = self.graph.types[self.graph.output].channels
        return np.concatenate(parts) if parts else np.zeros((0, m), dtype=np.int64)

    def _chunk(self, codes: Codes) -> Codes:
        x: Floats = codes.astype(_held(self.graph.types[self.graph.input].element))
        for step in self.steps:
            x = step(x)
        return x.astype(np.int64)


def trace(graph: Graph[CodeOp], codes: Codes) -> Iterator[tuple[str, Codes]]:
    """Every value of the graph by name, operator by operator with `run_codes`: slow, plain, for comparison."""
    x = codes
    yield graph.input, x
    for node in graph:
        x = node.op.run_codes(x)
        yield node.output, x


def _spans(graph: Graph[CodeOp]) -> list[Range]:
    """Guaranteed range of the value that each node reads."""
    span = Range.of(graph.types[graph.input].element, graph.channels)
    spans = [span]
    for node in graph:
        span = node.op.span(span)
        spans.append(span)
    return spans


def _kind(bound: int) -> type[np.float32] | type[np.float64]:
    if bound > FLOAT64_EXACT:
        raise ShapeError(f"a sum of this layer can reach {bound}, 2**53 or more; use fewer bits")
    return np.float32 if bound <= FLOAT32_EXACT else np.float64


def _held(kind: FixedPoint) -> type[np.float32] | type[np.float64]:
    """Floats that hold every code of a type."""
    return _kind(max(-kind.min_code, kind.max_code))


def _fused(op: DenseCodes | AffineCodes, requant: Requant, x: Range) -> Step:
    """Product and requant as one multiply-add, floor and clip."""
    shift = requant.shifts
    scale = np.exp2(-shift.astype(np.float64))
    half_up = requant.format.rounding is Rounding.HALF_UP
    half = np.where((shift > 0) & half_up, np.exp2(np.maximum(shift - 1, 0).astype(np.float64)), 0.0)
    bias = op.bias + half.astype(np.int64)
    x_max = x.largest()
    weight = op.weight if isinstance(op, DenseCodes) else np.diag(op.scale)
    kind = np.promote_types(_kind(partial_sum_bound(weight, x_max, bias)), _held(requant.format.type)).type
    b = (bias * scale).astype(kind)
    finish = _finish(requant)
    if isinstance(op, AffineCodes):
        factor = (op.scale * scale).astype(kind)
        return lambda v: finish(v.astype(kind, copy=False) * factor + b)
    w = np.ascontiguousarray((op.weight * scale[:, None]).T.astype(kind))
    return lambda v: finish(v.astype(kind, copy=False) @ w + b)


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


def _single(op: CodeOp, x: Range) -> Step:
    if isinstance(op, Table):
        entries = op.entries.astype(_held(op.y_type))
        base = op.x_type.min_code
        return lambda v: entries[v.astype(np.intp) - base]
    if isinstance(op, DenseCodes):
        x_max = x.largest()
        kind = _kind(partial_sum_bound(op.weight, x_max, op.bias))
        w, b = np.ascontiguousarray(op.weight.T.astype(kind)), op.bias.astype(kind)
        return lambda v: v.astype(kind, copy=False) @ w + b
    return lambda v: op.run_codes(v.astype(np.int64)).astype(np.float64)


def chain_types(graph: Graph[CodeOp]) -> list[str]:
    """One line a node: types in and out, for --explain and debugging."""
    names = [graph.input, *(n.output for n in graph)]
    return [f"{graph.types[a]} -> {graph.types[b]}" for a, b in pairwise(names)]
