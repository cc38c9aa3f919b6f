# SPDX-License-Identifier: Apache-2.0
"""Laws of the operators on maps, against loops over positions, taps and channels in Python's integers."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest

from hwcompress.engines.flat import taps_of, toeplitz
from hwcompress.errors import ShapeError
from hwcompress.ir.fixed import Codes, FixedPoint
from hwcompress.ir.types import Range, TensorType
from hwcompress.ops import AffineCodes, Chosen, Conv, ConvCodes, MaxPool, MaxPoolCodes, SumPool, SumPoolCodes, Window

MapOp = ConvCodes | MaxPoolCodes | SumPoolCodes


@dataclass(frozen=True)
class Case:
    name: str
    op: MapOp
    x: TensorType

    def __str__(self) -> str:
        return self.name


def window(rng: np.random.Generator, rows: int, columns: int) -> Window:
    """One that fits, any padding with which every window touches the map."""
    while True:
        kernel = int(rng.integers(1, min(4, rows) + 1)), int(rng.integers(1, min(4, columns) + 1))
        stride = int(rng.integers(1, 4)), int(rng.integers(1, 4))
        dilation = int(rng.integers(1, 3)), int(rng.integers(1, 3))
        pads = rng.integers(0, 3, 4).tolist() if rng.random() < 0.6 else [0] * 4
        found = Window(kernel, stride, dilation, (pads[0], pads[1]), (pads[2], pads[3]))
        try:
            found.grid((rows, columns, 1))
        except ShapeError:
            continue
        return found


def case(seed: int) -> Case:
    rng = np.random.default_rng(seed)
    rows, columns = (int(v) for v in rng.integers(1, 7, 2))
    kind = FixedPoint(int(rng.integers(1, 10)), int(rng.integers(-2, 8)), bool(rng.random() < 0.5))
    groups = int(rng.integers(1, 4))
    n, m = groups * int(rng.integers(1, 4)), groups * int(rng.integers(1, 4))
    x, w = TensorType(n, kind, grid=(rows, columns)), window(rng, rows, columns)
    style = seed % 3
    if style == 0:
        weights = FixedPoint(int(rng.integers(1, 9)), 3)
        codes = rng.integers(weights.min_code, weights.max_code, (m, w.taps * n // groups), endpoint=True)
        bias = rng.integers(-1000, 1000, m)
        shifts = tuple(rng.integers(0, 4, m).tolist()) if rng.random() < 0.4 else ()
        return Case(f"conv {seed}", ConvCodes(codes, weights, shifts, bias, w, groups), x)
    if style == 1:
        fill = kind.min_code if rng.random() < 0.5 else int(rng.integers(kind.min_code, kind.max_code, endpoint=True))
        return Case(f"max {seed}", MaxPoolCodes(w, fill), x)
    return Case(f"sum {seed}", SumPoolCodes(w, int(rng.integers(0, 3))), x)


CASES = [case(seed) for seed in range(90)]
every = pytest.mark.parametrize("case", CASES, ids=str)


def frames(x: TensorType, span: Range, seed: int) -> Codes:
    """All smallest, all largest, ends, anywhere [frames, rows, columns, n]."""
    rng = np.random.default_rng(seed)
    shape = (5, *x.shape)
    ends = np.where(rng.random(shape) < 0.5, span.lo, span.hi)
    anywhere = rng.integers(span.lo, span.hi, shape, endpoint=True)
    lowest, highest = (np.broadcast_to(v, (1, *x.shape)) for v in (span.lo, span.hi))
    return np.concatenate([lowest, highest, ends, anywhere]).astype(np.int64)


def taps(w: Window, x: TensorType, y: int, z: int) -> Iterator[tuple[int, int, int] | None]:
    """Tap number, row and column of each tap of a position; None outside the map."""
    for k, (a, b) in enumerate(product(range(w.kernel[0]), range(w.kernel[1]))):
        row, column = (
            y * w.stride[0] + a * w.dilation[0] - w.before[0],
            z * w.stride[1] + b * w.dilation[1] - w.before[1],
        )
        inside = 0 <= row < x.shape[0] and 0 <= column < x.shape[1]
        yield (k, row, column) if inside else None


def slow(op: MapOp, x: TensorType, frame: list[list[list[int]]]) -> list[list[list[int]]]:
    """One frame."""
    rows, columns = op.window.grid(x.shape)
    return [[_position(op, x, frame, y, z) for z in range(columns)] for y in range(rows)]


def _position(op: MapOp, x: TensorType, frame: list[list[list[int]]], y: int, z: int) -> list[int]:
    found = list(taps(op.window, x, y, z))
    inside = [t for t in found if t is not None]
    if isinstance(op, MaxPoolCodes):
        beside = [op.fill] if len(inside) < len(found) else []
        return [max([frame[r][c][k] for _, r, c in inside] + beside) for k in range(x.channels)]
    if isinstance(op, SumPoolCodes):
        return [sum(frame[r][c][k] for _, r, c in inside) for k in range(x.channels)]
    n, rows = x.channels // op.groups, len(op.weight) // op.groups
    out: list[int] = []
    for m, row in enumerate(op.weight.tolist()):
        first = m // rows * n
        products = [row[t * n + k] * frame[r][c][first + k] for t, r, c in inside for k in range(n)]
        out.append(sum(products) + int(op.bias[m]))
    return out


@every
def test_codes_are_those_of_loops(case: Case) -> None:
    x = frames(case.x, Range.of(case.x.element, case.x.channels), 1)
    assert case.op.run_codes(x).tolist() == [slow(case.op, case.x, frame) for frame in x.tolist()]


@every
def test_type_and_span_hold_every_code(case: Case) -> None:
    y, rng = case.op.infer(case.x), np.random.default_rng(2)
    full = Range.of(case.x.element, case.x.channels)
    for _ in range(4):
        ends = rng.integers(full.lo, full.hi, (2, case.x.channels), endpoint=True)
        part = Range(ends.min(axis=0), ends.max(axis=0))
        codes, span = case.op.run_codes(frames(case.x, part, 3)), case.op.span(part)
        assert codes.shape[1:] == y.shape
        assert (span.lo <= codes).all()
        assert (codes <= span.hi).all()
        assert y.element.min_code <= codes.min()
        assert codes.max() <= y.element.max_code


@every
def test_an_empty_batch_stays_empty(case: Case) -> None:
    y = case.op.run_codes(np.zeros((0, *case.x.shape), dtype=np.int64))
    assert y.shape == (0, *case.op.infer(case.x).shape)


@every
def test_all_positions_at_once_are_the_same(case: Case) -> None:
    """engines/flat.py: the matrix of a convolution, the elements of a pool."""
    x = frames(case.x, Range.of(case.x.element, case.x.channels), 4)
    y = case.op.run_codes(x).reshape(len(x), -1)
    rows = x.reshape(len(x), -1)
    if isinstance(case.op, ConvCodes):
        dense = toeplitz(case.op, case.x)
        assert (dense.run_codes(rows) == y).all()
        assert dense.infer(TensorType(case.x.elements, case.x.element)).shifts == case.op.shifts * (
            y.shape[1] // len(case.op.weight)
        )
    elif isinstance(case.op, MaxPoolCodes):
        assert (Chosen(taps_of(case.op.window, case.x), case.op.fill).run_codes(rows) == y).all()


@every
def test_the_float_form_of_codes_is_the_same(case: Case) -> None:
    op, x = case.op, frames(case.x, Range.of(case.x.element, case.x.channels), 5)
    if isinstance(op, ConvCodes):
        real = Conv(op.weight.astype(np.float64), op.bias.astype(np.float64), op.window, op.groups)
    else:
        real = MaxPool(op.window, float(op.fill)) if isinstance(op, MaxPoolCodes) else SumPool(op.window)
    assert real.shape(case.x.shape) == op.infer(case.x).shape
    assert (real.run_float(x.astype(np.float64)) == op.run_codes(x)).all()


@pytest.mark.parametrize("seed", range(20))
def test_taps_inside_the_map_are_counted(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, columns = (int(v) for v in rng.integers(1, 9, 2))
    w = window(rng, rows, columns)
    ones = SumPoolCodes(w).run_codes(np.ones((1, rows, columns, 1), dtype=np.int64))[0, :, :, 0]
    assert w.counts((rows, columns)).tolist() == ones.tolist()


@pytest.mark.parametrize(
    ("w", "message"),
    [
        (Window((3, 3)), r"^a window of 3 x 3 does not fit a map of 2 x 5$"),
        (Window((1, 2), dilation=(1, 5)), r"^a window of 1 x 6 does not fit a map of 2 x 5$"),
        (Window((1, 1), before=(1, 0)), r"^a window lies in the padding alone$"),
        (Window((2, 2), dilation=(3, 1), before=(1, 0), after=(1, 0)), r"^a window lies in the padding alone$"),
    ],
)
def test_windows_that_do_not_fit_are_refused(w: Window, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        w.grid((2, 5, 3))


def test_a_vector_is_no_map() -> None:
    with pytest.raises(ShapeError, match=r"^a map \[rows, columns, channels\] wanted; got \[4\]$"):
        MaxPool(Window((1, 1))).shape((4,))


def test_an_affine_may_differ_from_element_to_element() -> None:
    rng = np.random.default_rng(0)
    scale, bias = rng.integers(-8, 8, (2, 2, 3, 4))
    x = TensorType(4, FixedPoint(5, 0), grid=(2, 3))
    op = AffineCodes(scale, FixedPoint(4, 0), (), bias)
    codes = frames(x, Range.of(x.element, 4), 1)
    assert (op.run_codes(codes) == codes * scale + bias).all()
    span = op.span(Range.of(x.element, 4))
    assert (span.lo == op.run_codes(codes).min(axis=(0, 1, 2))).all() or (span.lo <= op.run_codes(codes)).all()
    with pytest.raises(ShapeError, match=r"^affine wants s\[4\] and b\[4\], or both \[3, 2, 4\]; got"):
        op.infer(TensorType(4, FixedPoint(5, 0), grid=(3, 2)))
