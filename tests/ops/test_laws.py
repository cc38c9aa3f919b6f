# SPDX-License-Identifier: Apache-2.0
"""Laws that every operator keeps."""

import numpy as np
import pytest

from hwcompress.ir.fixed import FixedPoint
from hwcompress.ir.graph import Op
from hwcompress.ir.types import Range, TensorType
from hwcompress.ops import AffineCodes, DenseCodes
from tests.ops.laws import CODE_CASES, FLOAT_CASES, Case, extremes, ranges, real, reals, slow_batch

code_ops = pytest.mark.parametrize("case", CODE_CASES, ids=str)
float_ops = pytest.mark.parametrize(("op", "inputs", "outputs"), FLOAT_CASES.values(), ids=FLOAT_CASES)


@code_ops
def test_codes_are_those_of_slow_exact_arithmetic(case: Case) -> None:
    x = extremes(Range.of(case.x.element, case.x.channels))
    assert case.op.run_codes(x).tolist() == slow_batch(case.op, x)


@code_ops
def test_the_inferred_type_holds_every_code(case: Case) -> None:
    y = case.op.infer(case.x)
    codes = case.op.run_codes(extremes(Range.of(case.x.element, case.x.channels), seed=1))
    assert codes.shape[1] == y.channels
    assert codes.min() >= y.element.min_code
    assert codes.max() <= y.element.max_code


@code_ops
def test_the_span_holds_every_code_of_its_range(case: Case) -> None:
    for part in ranges(case.x):
        span = case.op.span(part)
        codes = case.op.run_codes(extremes(part, seed=2))
        assert (span.lo <= codes).all()
        assert (codes <= span.hi).all()


@code_ops
def test_a_batch_of_codes_is_its_frames_one_by_one(case: Case) -> None:
    x = extremes(Range.of(case.x.element, case.x.channels), seed=3)
    alone = np.concatenate([case.op.run_codes(frame[None]) for frame in x])
    assert (case.op.run_codes(x) == alone).all()


@code_ops
def test_an_empty_batch_of_codes_stays_empty(case: Case) -> None:
    y = case.op.run_codes(np.zeros((0, case.x.channels), dtype=np.int64))
    assert y.shape == (0, case.op.infer(case.x).channels)
    assert y.dtype == np.int64


@pytest.mark.parametrize("case", [c for c in CODE_CASES if isinstance(c.op, DenseCodes | AffineCodes)], ids=str)
def test_accumulators_stand_for_the_product_of_what_the_codes_stand_for(case: Case) -> None:
    """The point of `infer`: fraction bits of input and weight, and the exponent of each row."""
    op, y = case.op, case.op.infer(case.x)
    assert isinstance(op, DenseCodes | AffineCodes)
    weight, kind = (op.weight, op.weight_type) if isinstance(op, DenseCodes) else (np.diag(op.scale), op.scale_type)
    bias = real(y, op.bias.tolist())
    columns = [real(TensorType(y.channels, kind, op.shifts), column) for column in weight.T.tolist()]
    for frame in extremes(Range.of(case.x.element, case.x.channels))[:8].tolist():
        x = real(case.x, frame)
        want = [sum(c[j] * v for c, v in zip(columns, x, strict=True)) + b for j, b in enumerate(bias)]
        assert real(y, op.run_codes(np.array([frame]))[0].tolist()) == want


@pytest.mark.parametrize("case", [c for c in CODE_CASES if isinstance(c.op, DenseCodes | AffineCodes)], ids=str)
def test_accumulators_are_no_wider_than_their_extremes(case: Case) -> None:
    """Every end of the span is reached by some frame, and a bit less would not hold all of them."""
    op = case.op
    assert isinstance(op, DenseCodes | AffineCodes)
    weight = op.weight if isinstance(op, DenseCodes) else np.diag(op.scale)
    x = Range.of(case.x.element, case.x.channels)
    highest = np.diag(op.run_codes(np.where(weight > 0, x.hi, x.lo)))
    lowest = np.diag(op.run_codes(np.where(weight > 0, x.lo, x.hi)))
    span, kind = op.span(x), op.infer(case.x).element
    assert span.lo.tolist() == lowest.tolist()
    assert span.hi.tolist() == highest.tolist()
    if kind.width > 1:
        less = FixedPoint(kind.width - 1, 0)
        assert lowest.min() < less.min_code or highest.max() > less.max_code


@float_ops
def test_a_batch_of_reals_is_its_frames_one_by_one(op: Op, inputs: int, outputs: int) -> None:
    x = reals(inputs)
    y = op.run_float(x)
    assert y.shape == (len(x), outputs)
    np.testing.assert_array_equal(y, np.concatenate([op.run_float(frame[None]) for frame in x]))


@float_ops
def test_an_empty_batch_of_reals_stays_empty(op: Op, inputs: int, outputs: int) -> None:
    assert op.run_float(np.zeros((0, inputs))).shape == (0, outputs)


@float_ops
def test_shape_tells_the_channels(op: Op, inputs: int, outputs: int) -> None:
    assert op.shape((inputs,)) == (outputs,)
