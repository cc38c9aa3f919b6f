# SPDX-License-Identifier: Apache-2.0
"""Small random chains in float and integer form, with extremes."""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hwcompress.ir.fixed import FixedPoint, Format, Overflow, Rounding
from hwcompress.ir.graph import CodeOp, Graph, Node, Op
from hwcompress.ir.types import TensorType
from hwcompress.ops import Affine, AffineCodes, Clip, Dense, DenseCodes, Lookup, Requant, Table
from hwcompress.passes.chain import linked

# Quarters: sums and products of a few of them are exact in float64, so equality can be asked for.
QUARTERS = st.integers(-12, 12).map(lambda v: v / 4)
BOUNDS = st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 6.0, np.inf])


def reals(*shape: int) -> st.SearchStrategy[np.ndarray]:
    return arrays(np.float64, shape, elements=QUARTERS | st.sampled_from([0.0, 1.0]))


def uniform(n: int) -> st.SearchStrategy[np.ndarray]:
    return QUARTERS.map(lambda v: np.full(n, v))


@st.composite
def affines(draw, n: int) -> Affine:
    scale = draw(reals(n) | uniform(n) | st.just(np.ones(n)) | reals(n).map(lambda v: np.abs(v) + 0.25))
    return Affine(scale, draw(reals(n) | uniform(n) | st.just(np.zeros(n))))


@st.composite
def float_ops(draw, n: int) -> tuple[Op, int]:
    kind = draw(st.sampled_from(["dense", "affine", "affine", "clip", "clip", "lookup"]))
    if kind == "dense":
        m = draw(st.integers(1, 3))
        return Dense(draw(reals(m, n)), draw(reals(m))), m
    if kind == "affine":
        return draw(affines(n)), n
    if kind == "clip":
        return Clip(*sorted((draw(BOUNDS.filter(lambda v: v < np.inf)), draw(BOUNDS.filter(lambda v: v > -np.inf))))), n
    return draw(st.sampled_from([Lookup("sigmoid"), Lookup("tanh"), Lookup("leaky_relu", (0.25,))])), n


@st.composite
def float_graphs(draw, smooth: bool = True) -> Graph[Op]:
    """A chain of up to seven operators; without Lookups if not `smooth`."""
    n = channels = draw(st.integers(1, 3))
    nodes: list[Node[Op]] = []
    for i in range(draw(st.integers(0, 7))):
        op, n = draw(float_ops(n).filter(lambda made: smooth or not isinstance(made[0], Lookup)))
        nodes.append(Node(f"n{i}", op, "", f"v{i}"))
    return linked(Graph("g", "x", channels, ()), nodes)


def codes(*shape: int, bits: int = 4) -> st.SearchStrategy[np.ndarray]:
    lo, hi = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    anywhere = arrays(np.int64, shape, elements=st.integers(lo, hi))
    ends = arrays(np.int64, shape, elements=st.sampled_from((lo, hi)))
    sparse = arrays(np.int64, shape, elements=st.sampled_from((0, 0, 0, 1, lo)))
    return anywhere | ends | sparse


@st.composite
def products(draw, x: TensorType) -> CodeOp:
    n = x.channels
    kind = FixedPoint(4, draw(st.integers(0, 3)))
    if draw(st.integers(0, 3)) == 0:
        shifts = draw(st.just(()) | st.tuples(*[st.integers(0, 2)] * n))
        return AffineCodes(draw(codes(n)), kind, shifts, draw(codes(n, bits=8)))
    m = draw(st.integers(1, 4))
    shifts = draw(st.just(()) | st.tuples(*[st.integers(0, 2)] * m))
    return DenseCodes(draw(codes(m, n)), kind, shifts, draw(codes(m, bits=8)))


@st.composite
def requants(draw, x: TensorType) -> Requant:
    kind = FixedPoint(draw(st.integers(2, 5)), draw(st.integers(-1, 4)), draw(st.booleans()))
    rounding = draw(st.sampled_from(list(Rounding)))
    overflow = draw(st.sampled_from([Overflow.SATURATE, Overflow.SATURATE, Overflow.WRAP]))
    lo = draw(st.integers(kind.min_code, kind.max_code) | st.just(max(0, kind.min_code)))
    hi = draw(st.integers(lo, kind.max_code))
    return Requant(Format(kind, rounding, overflow), x.fracs() - kind.frac, lo, hi)


@st.composite
def tables(draw, x: TensorType) -> Table:
    kind = FixedPoint(4, draw(st.integers(0, 3)))
    entries = draw(codes(1 << x.element.width) | st.just(np.zeros(1 << x.element.width, dtype=np.int64)))
    return Table(x.element, kind, entries)


@st.composite
def code_graphs(draw) -> Graph[CodeOp]:
    """Products, each with its requant, some with a table behind it."""
    entry = TensorType(draw(st.integers(1, 4)), FixedPoint(draw(st.integers(1, 4)), 1, draw(st.booleans())))
    graph: Graph[CodeOp] = Graph("g", "x", entry.channels, (), {"x": entry})
    types, nodes, x = {"x": entry}, [], entry
    for i in range(draw(st.integers(1, 4))):
        for part in ("acc", "out", "table"):
            if part == "table" and not draw(st.booleans()):
                continue
            op: CodeOp = draw({"acc": products, "out": requants, "table": tables}[part](x))
            x = op.infer(x)
            nodes.append(Node(f"layer{i}", op, "", f"v{i}.{part}"))
            types[f"v{i}.{part}"] = x
    return replace(linked(graph, nodes), types=types)
