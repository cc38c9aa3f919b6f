# SPDX-License-Identifier: Apache-2.0
"""What only one operator does: its meaning in reals, its refusals, tables of functions."""

import math
from fractions import Fraction

import numpy as np
import pytest

from hwcompress.errors import BadInput, ShapeError
from hwcompress.ir.fixed import FixedPoint, Format, Overflow, Rounding
from hwcompress.ir.graph import CodeOp
from hwcompress.ir.types import Range, TensorType
from hwcompress.ops import Affine, AffineCodes, Clip, Dense, DenseCodes, Lookup, Requant, Table
from tests.ir.exact import code_of, power
from tests.ops.laws import reals

X = reals(3)
FUNCTIONS = {
    "sigmoid": (Lookup("sigmoid"), lambda v: 1 / (1 + math.exp(-v)) if v >= 0 else math.exp(v) / (1 + math.exp(v))),
    "tanh": (Lookup("tanh"), math.tanh),
    "leaky relu": (Lookup("leaky_relu", (0.3,)), lambda v: v if v >= 0 else 0.3 * v),
    "steep relu": (Lookup("leaky_relu", (2.0,)), lambda v: v if v >= 0 else 2 * v),
    "absolute value": (Lookup("leaky_relu", (-1.0,)), abs),
}
INPUTS = [FixedPoint(1, 0), FixedPoint(1, 2, False), FixedPoint(5, 3), FixedPoint(8, 4, False)]
OUTPUTS = [FixedPoint(1, 0, False), FixedPoint(3, 1), FixedPoint(8, 7), FixedPoint(10, 10, False), FixedPoint(32, 20)]

functions = pytest.mark.parametrize("name", FUNCTIONS)


def test_dense_is_rows_by_columns() -> None:
    rows, bias = [[0.25, -1.0, 2.0], [3.5, 0.0, -0.75]], [1.5, -8.0]
    want = [[sum(map(Fraction.__mul__, row, frame)) + b for row, b in zip(exact(rows), *exact([bias]), strict=True)]
            for frame in exact(X.tolist())]  # fmt: skip
    assert exact(Dense(np.array(rows), np.array(bias)).run_float(X).tolist()) == want


def test_affine_scales_each_channel() -> None:
    scale, bias = [0.25, -1.0, 2.5], [1.5, -8.0, 0.0]
    want = [[s * x + b for s, x, b in zip(scale, frame, bias, strict=True)] for frame in X.tolist()]
    assert Affine(np.array(scale), np.array(bias)).run_float(X).tolist() == want


@pytest.mark.parametrize(("lo", "hi"), [(0.0, math.inf), (-math.inf, 2.0), (-1.0, 6.0), (1.5, 1.5)])
def test_clip_is_min_and_max(lo: float, hi: float) -> None:
    assert Clip(lo, hi).run_float(X).tolist() == [[min(max(x, lo), hi) for x in frame] for frame in X.tolist()]


@functions
def test_lookup_is_the_function_of_the_textbook(name: str) -> None:
    op, f = FUNCTIONS[name]
    x = np.concatenate([X.ravel() / 16, np.linspace(-20, 20, 401), [-700.0, 700.0]])
    np.testing.assert_allclose(op.run_float(x), [f(v) for v in x.tolist()], rtol=4e-15, atol=1e-15)


@functions
def test_lookup_survives_the_largest_reals(name: str) -> None:
    top = np.array([-8e307, 8e307])
    y = FUNCTIONS[name][0].run_float(top)
    assert not np.isnan(y).any()
    if name in {"sigmoid", "tanh"}:
        assert y.tolist() == [0.0 if name == "sigmoid" else -1.0, 1.0]


@functions
@pytest.mark.parametrize("x_type", INPUTS, ids=str)
@pytest.mark.parametrize("overflow", Overflow)
@pytest.mark.parametrize("rounding", Rounding)
def test_a_table_is_the_function_rounded_once(
    name: str, x_type: FixedPoint, rounding: Rounding, overflow: Overflow
) -> None:
    op = FUNCTIONS[name][0]
    low, high = x_type.min_code, x_type.max_code
    codes = list(range(low, high + 1))
    values = op.run_float(np.array([float(q * power(-x_type.frac)) for q in codes])).tolist()
    for y_type in OUTPUTS:
        fmt = Format(y_type, rounding, overflow)
        table = op.table(x_type, fmt)
        assert (table.x_type, table.y_type) == (x_type, y_type)
        assert table.run_codes(np.array([codes]))[0].tolist() == [code_of(Fraction(v), fmt) for v in values]


def test_a_table_reads_twelve_bits_and_no_more() -> None:
    y = Lookup("leaky_relu", (0.5,)).table(FixedPoint(12, 9), Format(FixedPoint(12, 9), Rounding.TRUNCATE))
    assert y.entries.tolist() == [q if q >= 0 else q // 2 for q in range(-2048, 2048)]
    with pytest.raises(ShapeError, match=r"^table of tanh wants at most 12 bits of input; got s13f9$"):
        Lookup("tanh").table(FixedPoint(13, 9), Format(FixedPoint(8, 7)))


def test_a_table_knows_its_span_channel_by_channel() -> None:
    table = Table(FixedPoint(2, 0), FixedPoint(8, 0), np.array([9, -3, 7, 0]))
    span = table.span(Range(np.array([-2, -1, 1]), np.array([1, 0, 1])))
    assert (span.lo.tolist(), span.hi.tolist()) == ([-3, -3, 0], [9, 7, 0])


@pytest.mark.parametrize(
    "x",
    [TensorType(2, FixedPoint(2, 1)), TensorType(2, FixedPoint(2, 0, False)), TensorType(2, FixedPoint(2, 0), (0, 1))],
)
def test_a_table_of_another_type_is_refused(x: TensorType) -> None:
    with pytest.raises(ShapeError, match=r"^table wants s2f0; got "):
        Table(FixedPoint(2, 0), FixedPoint(8, 0), np.arange(4)).infer(x)


@pytest.mark.parametrize(
    ("op", "message"),
    [
        (Dense(np.ones((2, 3)), np.ones(2)), r"^dense wants x\[3\] and b\[2\]; got x\[4\] and b\(2,\)$"),
        (Dense(np.ones((2, 4)), np.ones(3)), r"^dense wants x\[4\] and b\[2\]; got x\[4\] and b\(3,\)$"),
        (Affine(np.ones(3), np.ones(4)), r"^affine wants s\[4\] and b\[4\]; got \(3,\) \(4,\)$"),
        (Affine(np.ones(4), np.ones(1)), r"^affine wants s\[4\] and b\[4\]; got \(4,\) \(1,\)$"),
    ],
)
def test_constants_that_do_not_fit_four_channels_are_refused(op: Dense | Affine, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        op.shape((4,))


ONE = np.ones(2, dtype=np.int64)
PRODUCTS = [
    DenseCodes(np.ones((2, 2), dtype=np.int64), FixedPoint(2, 0), (), ONE),
    AffineCodes(ONE, FixedPoint(2, 0), (), ONE),
]


@pytest.mark.parametrize("op", PRODUCTS)
def test_a_product_wants_one_exponent_for_its_input(op: DenseCodes | AffineCodes) -> None:
    with pytest.raises(ShapeError, match=r"wants one exponent for its whole input; got one for each channel$"):
        op.infer(TensorType(2, FixedPoint(4, 0), (0, 1)))


@pytest.mark.parametrize(("constants", "channels"), [(3, 2), (3, 4), (3, 1), (1, 3)])
@pytest.mark.parametrize("kind", ["dense", "affine", "requant"])
def test_a_wrong_number_of_channels_is_refused(kind: str, constants: int, channels: int) -> None:
    ones, w = np.ones(constants, dtype=np.int64), FixedPoint(2, 0)
    ops: dict[str, CodeOp] = {
        "dense": DenseCodes(np.ones((2, constants), dtype=np.int64), w, (), np.ones(2, dtype=np.int64)),
        "affine": AffineCodes(ones, w, (), ones),
        "requant": Requant(Format(FixedPoint(4, -1)), ones, -8, 7),
    }
    with pytest.raises(ShapeError):
        ops[kind].infer(TensorType(channels, FixedPoint(4, 0)))


@pytest.mark.parametrize("top", [1 << 47, -(1 << 47) - 1])
def test_an_accumulator_past_48_bits_is_refused(top: int) -> None:
    x = TensorType(1, FixedPoint(1, 0, signed=False))
    with pytest.raises(BadInput, match=r"^sums of 49 bits, at most 48 wanted$"):
        DenseCodes(np.zeros((1, 1), dtype=np.int64), FixedPoint(2, 0), (), np.array([top])).infer(x)


@pytest.mark.parametrize("n", [2, 4, 16])
def test_sums_past_64_bits_are_refused_too(n: int) -> None:
    """Products of -2**31 by -2**31: four of them are 2**64, which int64 takes for 0."""
    weight = np.full((1, n), -(1 << 31), dtype=np.int64)
    with pytest.raises(BadInput, match=r"^sums of \d+ bits, at most 48 wanted$"):
        DenseCodes(weight, FixedPoint(32, 31), (), np.zeros(1, dtype=np.int64)).infer(TensorType(n, FixedPoint(32, 31)))


def exact(rows: list[list[float]]) -> list[list[Fraction]]:
    return [[Fraction(v) for v in row] for row in rows]
