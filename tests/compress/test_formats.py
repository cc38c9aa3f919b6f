# SPDX-License-Identifier: Apache-2.0
"""min-max, percentile and least squared error choose what their definitions say."""

import time
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from hwcompress.compress import formats
from hwcompress.compress.formats import FRAC_LIMIT, MSE_REACH, minmax_frac, mse_frac, percentile_frac, row_fracs
from hwcompress.ir.fixed import FixedPoint, Format, Reals, Rounding
from tests.ir.exact import code_of, power, rounded

METHODS = [minmax_frac, percentile_frac, mse_frac]


def samples(seed: int) -> Reals:
    """Values of any size, some with a long tail, some one-sided."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=int(rng.integers(1, 40))) ** int(rng.choice((1, 3))) * 2.0 ** int(rng.integers(-12, 12))
    return np.abs(x) if seed % 3 == 0 else x


def fits(value: float, frac: int, bits: int, signed: bool) -> bool:
    kind = FixedPoint(bits, frac, signed)
    return kind.min_code <= rounded(Fraction(value) * power(frac), Rounding.HALF_UP) <= kind.max_code


def finest(ends: list[float], bits: int, signed: bool) -> int:
    """By trial of all exponents: most fraction bits with which all ends fit."""
    return max(f for f in range(-60, 60) if all(fits(v, f, bits, signed) for v in ends))


def squared_error(values: list[float], fmt: Format) -> Fraction:
    step = power(-fmt.type.frac)
    return sum(((code_of(Fraction(v), fmt) * step - Fraction(v)) ** 2 for v in values), Fraction(0))


@pytest.mark.parametrize(
    ("values", "bits", "signed", "frac"),
    [
        ([-1.0, 0.5], 8, True, 7),  # -128
        ([-0.5, 1.0], 8, True, 6),  # 64; 128 would be one too many
        ([0.0, 127.49 / 128], 8, True, 7),
        ([0.0, 127.5 / 128], 8, True, 6),  # rounds to 128
        ([-128.5 / 128, 0.0], 8, True, 7),  # half up: -128
        ([-128.51 / 128, 0.0], 8, True, 6),
        ([0.0, 1.0], 8, False, 7),
        ([0.0, 255.0], 8, False, 0),
        ([255.5], 8, False, -1),
        ([1000.0], 8, True, -3),
        ([3.0], 2, True, -2),  # 0.75 rounds to 1
        ([-1.0], 1, True, 0),
        ([0.0, 0.0], 8, True, 7),
        ([0.0], 8, False, 8),
    ],
)
def test_minmax_by_hand(values: list[float], bits: int, signed: bool, frac: int) -> None:
    assert minmax_frac(np.array(values), bits, signed) == frac


@pytest.mark.parametrize(("value", "frac"), [(2.0**-60, FRAC_LIMIT), (2.0**60, -FRAC_LIMIT)])
def test_no_type_passes_the_limit(value: float, frac: int) -> None:
    assert minmax_frac(np.array([value, -value]), 8, signed=True) == frac


@pytest.mark.parametrize("bits", [1, 2, 5, 8, 16])
@pytest.mark.parametrize("seed", range(12))
def test_minmax_is_the_finest_type_without_saturation(seed: int, bits: int) -> None:
    x = samples(seed)
    signed = bool((x < 0).any())
    assert minmax_frac(x, bits, signed) == finest([float(x.min()), float(x.max())], bits, signed)


def test_percentile_lets_one_in_a_thousand_saturate() -> None:
    """Of 1..10001 the 99.9th percentile is 9991, which 14 bits hold; how far off the last ten are is all the same."""
    x = np.arange(1.0, 10002.0)
    x[-8:] *= 1000
    assert percentile_frac(x, 14, signed=False) == 0
    assert percentile_frac(-x, 15, signed=True) == 0
    assert minmax_frac(x, 14, signed=False) == -10


@pytest.mark.parametrize(("outliers", "frac"), [(1, 6), (2, -1)])
def test_percentile_by_hand(outliers: int, frac: int) -> None:
    """Among 1001 magnitudes the percentile is the second largest."""
    x = np.array([1.0] * (1001 - outliers) + [-200.0] * outliers)
    assert percentile_frac(x, 8, signed=True) == frac


def test_percentile_ignores_zeros() -> None:
    x = np.array([1.0] * 999 + [-200.0] * 2)
    assert percentile_frac(np.concatenate([x, np.zeros(100_000)]), 8, signed=True) == percentile_frac(x, 8, signed=True)
    assert percentile_frac(np.zeros(9), 8, signed=True) == minmax_frac(np.zeros(9), 8, signed=True)


def test_mse_by_hand() -> None:
    """Many values on a grid of 1/16 and one of 2: with 4 bits it pays to saturate the one."""
    few, many = [2.0] + [1 / 16] * 2, [2.0] + [1 / 16] * 2000
    assert minmax_frac(np.array(few), 4, signed=True) == 1
    assert mse_frac(np.array(few), 4, signed=True) == 1
    assert mse_frac(np.array(many), 4, signed=True) == 4  # error (2 - 7/16)**2 < 2000/256


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("seed", range(12))
def test_mse_is_the_least_error_from_minmax_on(seed: int, bits: int) -> None:
    x = samples(seed)
    signed = bool((x < 0).any())
    start = finest([float(x.min()), float(x.max())], bits, signed)
    candidates = range(start, start + MSE_REACH + 1)
    errors = [squared_error(x.tolist(), Format(FixedPoint(bits, f, signed))) for f in candidates]
    assert errors[mse_frac(x, bits, signed) - start] == min(errors)


def test_mse_prefers_the_coarser_of_equals() -> None:
    assert mse_frac(np.array([-1.0, 0.0]), 8, signed=True) == minmax_frac(np.array([-1.0, 0.0]), 8, signed=True) == 7
    assert mse_frac(np.zeros(3), 8, signed=True) == 7


def test_mse_of_a_function_forgives_where_it_is_flat() -> None:
    """Beyond 1 nothing changes any more: 31/16 holds enough of -8..8, 31/32 would not."""
    x = np.linspace(-8, 8, 999)
    assert minmax_frac(x, 6, signed=True) == 1
    assert mse_frac(x, 6, signed=True) == 2
    assert mse_frac(x, 6, signed=True, f=lambda v: v.clip(-1, 1)) == 4


def test_mse_reaches_four_bits_further_than_minmax() -> None:
    x = np.linspace(-8, 8, 999)
    assert minmax_frac(x, 10, signed=True) == 5
    assert mse_frac(x, 10, signed=True, f=lambda v: v.clip(-0.25, 0.25)) == 9  # 11 would be better still


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", range(8))
def test_a_power_of_two_moves_only_the_point(seed: int, method: Callable[[Reals, int, bool], int]) -> None:
    x = samples(seed)
    signed = bool((x < 0).any())
    assert method(x * 8, 7, signed) == method(x, 7, signed) - 3


def test_rows_have_exponents_of_their_own_unless_one_is_wanted() -> None:
    weight = np.array([[1.5, -0.5], [0.09375, 0.0625], [0.0, 0.0], [2.0**-30, 0.0]])
    own = row_fracs(weight, 4, per_channel=True).tolist()
    assert own[:2] == [mse_frac(weight[0], 4, signed=True), mse_frac(weight[1], 4, signed=True)] == [2, 6]
    assert own[2:] == [2, 2 + 7]  # zeros: as min-max of all; tiny ones: at most 7 bits finer
    assert row_fracs(weight, 4, per_channel=False).tolist() == [mse_frac(weight, 4, signed=True)] * 4


@pytest.mark.parametrize("columns", [1, 5, 300])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_rows_taken_together_have_the_exponents_of_each_alone(bits: int, columns: int, monkeypatch) -> None:
    monkeypatch.setattr(formats, "MANY", 256)  # several blocks, and rows that are thinned
    rng = np.random.default_rng(columns)
    weight = rng.normal(0, 1, (70, columns)) * np.exp2(rng.integers(-3, 4, (70, 1)))
    coarse = minmax_frac(weight, bits, bits > 1)
    alone = [mse_frac(formats.thinned(row), bits, bits > 1) for row in weight]
    assert row_fracs(weight, bits, per_channel=True).tolist() == np.clip(alone, coarse, coarse + 7).tolist()


def test_many_rows_take_no_time() -> None:
    started = time.process_time()
    row_fracs(np.ones((1 << 16, 4)), 8, per_channel=True)
    assert time.process_time() - started < 2.0
