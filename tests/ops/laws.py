# SPDX-License-Identifier: Apache-2.0
"""What the law tests share: operators of every kind, inputs at their extremes, and a slow second meaning of each."""

from dataclasses import dataclass
from fractions import Fraction
from functools import singledispatch

import numpy as np

from hwcompress.ir.fixed import Codes, FixedPoint, Format, Overflow, Reals, Rounding
from hwcompress.ir.graph import CodeOp, Op
from hwcompress.ir.types import Range, TensorType
from hwcompress.ops import Affine, AffineCodes, Clip, Dense, DenseCodes, Lookup, Requant, Table
from tests.ir.exact import fitted, power, rounded

WIDEST = FixedPoint(48, 20)  # what a DSP48 accumulates


@dataclass(frozen=True)
class Case:
    """An integer operator and the type that it reads."""

    name: str
    op: CodeOp
    x: TensorType

    def __str__(self) -> str:
        return self.name


def extremes(span: Range, seed: int = 0) -> Codes:
    """Frames in range: all smallest, all largest, alternating, zero where it can be, ends at random, anywhere."""
    rng = np.random.default_rng(seed)
    lo, hi = span.lo, span.hi
    even = np.arange(len(lo)) % 2 == 0
    ends = np.where(rng.random((12, len(lo))) < 0.5, lo, hi)
    zero = np.zeros_like(lo).clip(lo, hi)
    fixed = np.stack([lo, hi, np.where(even, lo, hi), np.where(even, hi, lo), zero])
    return np.concatenate([fixed, ends, rng.integers(lo, hi, (12, len(lo)), endpoint=True)])


def ranges(x: TensorType, seed: int = 0) -> list[Range]:
    """Everything the type holds, one value a channel, and parts of it."""
    rng = np.random.default_rng(seed)
    full = Range.of(x.element, x.channels)
    out = [full, Range(full.lo, full.lo), Range(full.hi, full.hi)]
    for _ in range(4):
        ends = rng.integers(full.lo, full.hi, (2, x.channels), endpoint=True)
        out.append(Range(ends.min(axis=0), ends.max(axis=0)))
    return out


@singledispatch
def slow(op: CodeOp, frame: list[int]) -> list[int]:
    """One frame through an operator, in Python's integers and fractions."""
    raise TypeError(type(op))


@slow.register
def _(op: DenseCodes, frame: list[int]) -> list[int]:
    rows = zip(op.weight.tolist(), op.bias.tolist(), strict=True)
    return [sum(w * x for w, x in zip(row, frame, strict=True)) + b for row, b in rows]


@slow.register
def _(op: AffineCodes, frame: list[int]) -> list[int]:
    return [s * x + b for s, x, b in zip(op.scale.tolist(), frame, op.bias.tolist(), strict=True)]


@slow.register
def _(op: Requant, frame: list[int]) -> list[int]:
    fmt, out = op.format, list[int]()
    for x, shift in zip(frame, op.shifts.tolist(), strict=True):
        code = fitted(rounded(x * power(-shift), fmt.rounding), fmt.type, fmt.overflow)
        out.append(min(max(code, op.lo), op.hi))
    return out


@slow.register
def _(op: Table, frame: list[int]) -> list[int]:
    lowest = -(2 ** (op.x_type.width - 1)) if op.x_type.signed else 0
    by_code = dict(enumerate(op.entries.tolist(), start=lowest))
    return [by_code[x] for x in frame]


def slow_batch(op: CodeOp, x: Codes) -> list[list[int]]:
    return [slow(op, frame) for frame in x.tolist()]


def real(kind: TensorType, frame: list[int]) -> list[Fraction]:
    """What codes stand for, exactly."""
    shifts = kind.shifts or (0,) * kind.channels
    return [q * power(-kind.element.frac - s) for q, s in zip(frame, shifts, strict=True)]


def _codes(rng: np.random.Generator, kind: FixedPoint, *shape: int) -> Codes:
    """Codes at both ends, anywhere, or mostly zero."""
    anywhere = rng.integers(kind.min_code, kind.max_code, shape, endpoint=True)
    ends = rng.choice([kind.min_code, kind.max_code], shape)
    return (anywhere, ends, np.where(rng.random(shape) < 0.7, 0, anywhere))[int(rng.integers(3))].astype(np.int64)


def _spread(rng: np.random.Generator, channels: int) -> tuple[int, ...]:
    return tuple(rng.integers(-2, 6, channels).tolist()) if rng.random() < 0.5 else ()


def _product_case(seed: int, dense: bool) -> Case:
    rng = np.random.default_rng(seed)
    n, m = (int(v) for v in rng.integers(1, 9, 2))
    m = m if dense else n
    x = FixedPoint(int(rng.integers(1, 19)), int(rng.integers(-4, 20)), bool(rng.random() < 0.5))
    w = FixedPoint(int(rng.integers(1, 19)), int(rng.integers(-4, 20)), bool(rng.random() < 0.8))
    bias = _codes(rng, FixedPoint(int(rng.integers(1, 44)), 0), m)
    shifts = _spread(rng, m)
    if dense:
        return Case(f"dense {seed}", DenseCodes(_codes(rng, w, m, n), w, shifts, bias), TensorType(n, x))
    return Case(f"affine {seed}", AffineCodes(_codes(rng, w, n), w, shifts, bias), TensorType(n, x))


def _requant_case(seed: int) -> Case:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 9))
    source = TensorType(n, FixedPoint(int(rng.integers(1, 49)), int(rng.integers(0, 30))), _spread(rng, n))
    width = int(rng.integers(1, 33))
    kind = FixedPoint(width, source.element.frac - int(rng.integers(-6, 30)), bool(rng.random() < 0.5))
    fmt = Format(kind, list(Rounding)[seed % 3], list(Overflow)[seed // 3 % 2])
    lo, hi = sorted(rng.integers(kind.min_code, kind.max_code, 2, endpoint=True).tolist())
    if seed % 4 == 0:
        lo, hi = kind.min_code, kind.max_code
    return Case(f"requant {seed}", Requant(fmt, source.fracs() - kind.frac, lo, hi), source)


def _table_case(seed: int) -> Case:
    rng = np.random.default_rng(seed)
    x = FixedPoint(int(rng.integers(1, 11)), int(rng.integers(0, 8)), bool(rng.random() < 0.5))
    y = FixedPoint(int(rng.integers(1, 33)), int(rng.integers(0, 8)), bool(rng.random() < 0.5))
    return Case(f"table {seed}", Table(x, y, _codes(rng, y, 1 << x.width)), TensorType(int(rng.integers(1, 9)), x))


def _full_accumulators() -> list[Case]:
    """48 bits to the last: -2**47 and 2**47 - 1 are reached."""
    x, w = FixedPoint(24, 3), FixedPoint(24, 5)
    corner = np.array([[-(1 << 23), 0], [0, (1 << 23) - 1], [1 << 23, 0]], dtype=np.int64)
    bias = np.array([(1 << 47) - 1 - (1 << 46), 0, -(1 << 47) + (1 << 46)], dtype=np.int64)
    widest = Requant(Format(FixedPoint(48, 20)), np.zeros(3, dtype=np.int64), WIDEST.min_code, WIDEST.max_code)
    return [
        Case("dense to 48 bits", DenseCodes(corner, w, (), bias), TensorType(2, x)),
        Case("affine to 48 bits", AffineCodes(corner[:, 0] + corner[:, 1], w, (), bias), TensorType(3, x)),
        Case("requant of 48 bits to itself", widest, TensorType(3, WIDEST)),
    ]


CODE_CASES = [
    *(_product_case(seed, dense) for dense in (True, False) for seed in range(25)),
    *(_requant_case(seed) for seed in range(36)),
    *(_table_case(seed) for seed in range(12)),
    *_full_accumulators(),
]


def _quarters(*shape: int) -> Reals:
    """Multiples of 1/4: sums and products of a few are exact in float64."""
    return np.random.default_rng(len(shape)).integers(-40, 40, shape) / 4


FLOAT_CASES: dict[str, tuple[Op, int, int]] = {  # operator, channels in and out
    "dense": (Dense(_quarters(5, 3), _quarters(5)), 3, 5),
    "dense of one": (Dense(_quarters(1, 1), _quarters(1)), 1, 1),
    "affine": (Affine(_quarters(4), np.array([0.0, -1.0, 2.5, 0.25])), 4, 4),
    "relu": (Clip(0.0, np.inf), 3, 3),
    "clip": (Clip(-1.5, 6.0), 3, 3),
    "no clip": (Clip(-np.inf, np.inf), 3, 3),
    "sigmoid": (Lookup("sigmoid"), 3, 3),
    "tanh": (Lookup("tanh"), 3, 3),
    "leaky relu": (Lookup("leaky_relu", (0.125,)), 3, 3),
}


def reals(channels: int) -> Reals:
    """Frames of quarters, small and large, of either sign."""
    x = np.random.default_rng(channels).integers(-4000, 4000, (20, channels)) / 4
    return np.concatenate([x, x / 256, np.zeros((1, channels)), np.full((1, channels), -0.25)])
