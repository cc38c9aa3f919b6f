# SPDX-License-Identifier: Apache-2.0
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportMissingTypeStubs=false
# pyright: reportOptionalCall=false, reportOptionalMemberAccess=false
"""Quantizers against the papers' formulas, number by number: forward values, and gradients by separate computation."""

import math

import numpy as np
import pytest

from hwcompress.compress.formats import SPREAD, exact_fracs, row_fracs
from hwcompress.ir.fixed import FixedPoint, Format, quantize

torch = pytest.importorskip("torch")

from hwcompress.train.quantizers import (  # noqa: E402
    Dorefa,
    FixedSite,
    Lsq,
    LsqSite,
    PactSite,
    Signs,
    Three,
    Uniform,
    half_up,
    lsq_step,
    nearest_power,
    rounded,
    slope_scaled,
    through,
    within_spread,
)


@pytest.fixture(autouse=True)
def double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def made(form, slope):
    """Values of a form, and gradients of sum(slope * values) by its parameters."""
    form.zero_grad()
    y = form()
    (y * torch.tensor(slope)).sum().backward()
    return y.detach().numpy(), {name: p.grad.numpy() for name, p in form.named_parameters()}


def weights(seed, m=5, n=9, sparse=True):
    rng = np.random.default_rng(seed)
    w = rng.normal(size=(m, n)) * 2.0 ** rng.integers(-2, 3, (m, 1))
    return np.where(rng.random((m, n)) < 0.3, 0.0, w) if sparse else w


def test_powers_of_two_are_exact():
    """What makes reals whole multiples of steps."""
    for dtype in (torch.float32, torch.float64):
        for shape in ((121,), (121, 1)):
            exponents = torch.arange(-60, 61, dtype=dtype).reshape(shape)
            found = torch.exp2(exponents).flatten().tolist()
            assert found == [2.0**k for k in range(-60, 61)]


def test_rounding_is_that_of_the_hardware():
    x = np.array([-2.5, -1.5, -0.5, -0.25, 0.0, 0.49999999999999994, 0.5, 1.5, 2.5, 1e14 + 0.5])
    assert np.array_equal(half_up(torch.tensor(x)).numpy(), quantize(x, Format(FixedPoint(48, 0))))


def test_through_has_the_value_of_one_and_the_gradient_of_the_other():
    x = torch.tensor([0.1, 0.7], requires_grad=True)
    y = through(torch.tensor([3.0, 1e-17]), 5.0 * x)
    assert y.tolist() == [3.0, 1e-17]
    y.sum().backward()
    assert x.grad.tolist() == [5.0, 5.0]
    x.grad = None
    slope_scaled(rounded(x), 0.25).sum().backward()
    assert x.grad.tolist() == [0.25, 0.25]


@pytest.mark.parametrize("scale", [0.3, 0.7499, 0.7501, 1.0, 1.4999, 1.5001, 5.9, 6.1, 100.0])
def test_nearest_power(scale):
    best = min(range(-10, 11), key=lambda k: abs(2.0**k - scale))
    assert int(nearest_power(torch.tensor(scale))) == best


def test_rows_are_no_further_apart_than_a_type_allows():
    tops = torch.tensor([1.0, 1.0, 1.0, 2.0**-20])
    assert within_spread(torch.tensor([3.0, 20.0, 5.0, -4.0]), tops).tolist() == [3.0, 3.0 + SPREAD, 5.0, -4.0]
    assert within_spread(torch.tensor([-9.0, -8.0, 1.0, 1.0]), 0 * tops).tolist() == [-9.0, -8.0, 1.0, 1.0]


@pytest.mark.parametrize("bits", [3, 4, 8])
def test_uniform(bits):
    """Values of quantize; gradient 1 inside the codes and 0 outside, and none of pruned weights."""
    w, slope = weights(bits), weights(10, sparse=False)
    form = Uniform(w, bits)
    with torch.no_grad():
        form.weight *= 1.7  # some saturate now
    grown = w * 1.7
    fracs = row_fracs(w, bits, per_channel=True)[:, None]
    y, slopes = made(form, slope)
    assert np.array_equal(y, quantize(grown, Format(FixedPoint(bits, 0)), fracs) * 2.0**-fracs)
    codes = grown * 2.0**fracs
    inside = (codes >= -(2 ** (bits - 1))) & (codes <= 2 ** (bits - 1) - 1) & (w != 0)
    assert not inside[w != 0].all()
    assert np.array_equal(slopes["weight"], np.where(inside, slope, 0.0))


@pytest.mark.parametrize(("bits", "symmetric"), [(2, True), (2, False), (4, False)])
def test_lsq_weights(bits, symmetric):
    """Equations 1 to 3 of arXiv:1902.08153 at the step's power of two, scaled by 1 / sqrt(N Q_P), by log2 of it."""
    w, slope = weights(bits, sparse=False), weights(10, sparse=False)
    form = Lsq(w, bits, symmetric)
    q_p = 2 ** (bits - 1) - 1
    q_n = q_p if symmetric else q_p + 1
    first = 2 * np.abs(w).mean(axis=1) / math.sqrt(q_p)
    np.testing.assert_allclose(form.log_step.detach().numpy(), np.log2(first))
    y, slopes = made(form, slope)
    wanted, by_step, by_weight = np.zeros_like(w), np.zeros(len(w)), np.zeros_like(w)
    for i, row in enumerate(w):
        s = 2.0 ** math.floor(math.log2(first[i]) + 0.5)
        for j, v in enumerate(row):
            u = v / s
            if u <= -q_n or u >= q_p:
                level = slope_of_s = -q_n if u <= -q_n else q_p
            else:
                level = math.floor(u + 0.5)
                slope_of_s = level - u
                by_weight[i, j] = slope[i, j]
            wanted[i, j] = level * s
            by_step[i] += slope[i, j] * slope_of_s
        by_step[i] *= s * math.log(2) / math.sqrt(w.shape[1] * q_p)
    assert np.array_equal(y, wanted)
    assert np.array_equal(slopes["weight"], by_weight)
    np.testing.assert_allclose(slopes["log_step"], by_step, rtol=1e-12)


def test_lsq_starts_from_weights_that_are_left():
    w = np.array([[0.5, 0.0, 0.0, -0.5], [0.0, 0.0, 0.0, 0.0]])
    steps = 2.0 ** Lsq(w, 4).log_step.detach().numpy()
    np.testing.assert_allclose(steps, 2 * 0.5 / math.sqrt(7))  # and a row without weights says nothing


@pytest.mark.parametrize("bits", [2, 4, 6])
def test_dorefa(bits):
    """Gradient of s * q * tanh(w) / max |tanh(w)| with the rounding left out, by differences."""
    w, slope = weights(bits), weights(10, sparse=False)
    form = Dorefa(w, bits)
    q, size = 2 ** (bits - 1) - 1, np.abs(w).max()
    s = min((2.0**k for k in range(-10, 10)), key=lambda p: abs(p - size / q))
    y, slopes = made(form, slope)
    t = np.tanh(w) / np.abs(np.tanh(w)).max()
    assert np.array_equal(y, np.floor(t * q + 0.5) * s)

    def loss(v):
        t = np.tanh(v)
        return float((slope * (v != 0) * s * q * t / np.abs(t).max()).sum())

    for i, j in np.argwhere(w != 0):
        moved = [w.copy(), w.copy()]
        moved[0][i, j] += 1e-6
        moved[1][i, j] -= 1e-6
        assert slopes["weight"][i, j] == pytest.approx((loss(moved[0]) - loss(moved[1])) / 2e-6, rel=1e-4, abs=1e-6)


def test_signs():
    """Equation 11 of arXiv:1603.05279: dC/dW = dC/dW~ (1/n + dsign/dW s), dsign/dW = [|W| <= 1]."""
    w, slope = weights(3), weights(10, sparse=False)
    y, slopes = made(Signs(w), slope)
    for i, row in enumerate(w):
        left = np.abs(row[row != 0])
        mean = left.mean()
        s = min((2.0**k for k in range(-10, 10)), key=lambda p, m=mean: abs(p - m))
        assert np.array_equal(y[i], s * np.sign(row))
        wanted = slope[i] * (1 / len(left) + s * (np.abs(row) <= 1)) * (row != 0)
        np.testing.assert_allclose(slopes["weight"][i], wanted, rtol=1e-12)


def test_three():
    """Threshold 0.7 E|w|, scale the mean of what lies above (arXiv:1605.04711)."""
    w, slope = weights(4), weights(10, sparse=False)
    y, slopes = made(Three(w), slope)
    for i, row in enumerate(w):
        left = np.abs(row[row != 0])
        large = np.abs(row) > 0.7 * left.mean()
        mean = np.abs(row[large]).mean()
        s = min((2.0**k for k in range(-10, 10)), key=lambda p, m=mean: abs(p - m))
        assert np.array_equal(y[i], s * np.sign(row) * large)
    assert np.array_equal(slopes["weight"], np.where(w != 0, slope, 0.0))


FORMS = [
    *[(lambda w, n=n: Uniform(w, n), n) for n in (2, 4)], *[(lambda w, n=n: Lsq(w, n), n) for n in (2, 5)],
    (lambda w: Dorefa(w, 3), 3), (Signs, 2), (Three, 2),
]  # fmt: skip


@pytest.mark.parametrize(("make", "bits"), FORMS)
@pytest.mark.parametrize("seed", range(5))
def test_values_are_codes_of_one_type(make, bits, seed):
    """Whatever the ranges of the rows; zeros stay."""
    rng = np.random.default_rng(seed)
    w = weights(seed) * 2.0 ** rng.integers(-12, 12, (5, 1))
    form = make(w)
    with torch.no_grad():
        form.weight += torch.tensor(rng.normal(size=w.shape))
    made_now = form.values()
    assert (made_now[w == 0] == 0).all()
    fracs = form.fracs().detach().numpy()
    codes = made_now * 2.0 ** fracs[:, None]
    assert np.array_equal(codes, np.round(codes))
    assert codes.min() >= -(2 ** (bits - 1))
    assert codes.max() <= 2 ** (bits - 1) - 1
    assert not made_now.any() or exact_fracs(made_now, bits) is not None


@pytest.mark.parametrize(("make", "bits"), FORMS)
@pytest.mark.parametrize("w", [np.zeros((2, 3)), np.full((1, 1), 0.3), np.full((2, 4), -1.0)])
def test_extreme_weights(make, bits, w):
    del bits
    y, slopes = made(make(w), np.ones_like(w))
    assert np.isfinite(y).all()
    assert (y[w == 0] == 0).all()
    assert all(np.isfinite(v).all() for v in slopes.values())


def site_slopes(site, x):
    """Values, and gradients of sum(slope * values) by x and by the site's parameters."""
    slope = np.random.default_rng(1).normal(size=x.shape)
    given = torch.tensor(x, requires_grad=True)
    y = site(given)
    (y * torch.tensor(slope)).sum().backward()
    return slope, y.detach().numpy(), given.grad.numpy(), {n: float(p.grad) for n, p in site.named_parameters()}


X = np.concatenate([np.linspace(-6, 6, 98), [0.0, 100.0]]).reshape(5, 20)


@pytest.mark.parametrize("signed", [False, True])
def test_fixed_site(signed):
    slope, y, by_x, _ = site_slopes(site := FixedSite(5, signed, 3), X)
    fmt = Format(FixedPoint(5, 3, signed))
    assert site.format() == fmt
    assert np.array_equal(y, quantize(X, fmt) / 8)
    inside = (fmt.type.min_code <= X * 8) & (fmt.type.max_code >= X * 8)
    assert np.array_equal(by_x, np.where(inside, slope, 0.0))


@pytest.mark.parametrize("signed", [False, True])
def test_lsq_site(signed):
    """As for weights; N is the number of values of a sample."""
    slope, y, by_x, found = site_slopes(site := LsqSite(4, signed, 0.3), X)
    q_n, q_p = (8, 7) if signed else (0, 15)
    s = 0.25
    assert np.array_equal(y, quantize(X, Format(FixedPoint(4, 2, signed))) * s)
    assert site.frac() == 2
    u = X / s
    low, high = u <= -q_n, u >= q_p
    by_s = np.where(low, -q_n, np.where(high, q_p, np.floor(u + 0.5) - u))
    wanted = float((slope * by_s).sum()) * s * math.log(2) / math.sqrt(20 * q_p)
    assert found["log_step"] == pytest.approx(wanted, rel=1e-12)
    touching = (u == -q_n) | (u == q_p)  # the clamp's own ends pass
    assert np.array_equal(by_x[~touching], np.where(low | high, 0.0, slope)[~touching])


@pytest.mark.parametrize("signed", [False, True])
def test_pact_site(signed):
    """dy/da = [x >= a] (equation 3), here at the power of two that a is rounded up to; of signed values both ends."""
    slope, y, by_x, found = site_slopes(site := PactSite(4, signed, 2.5), X)
    frac = 1 if signed else 2
    assert site.format() == Format(FixedPoint(4, frac, signed))
    assert np.array_equal(y, quantize(X, site.format()) * 2.0**-frac)
    lowest = -4.0 if signed else 0.0
    above, below = X >= 4.0, lowest >= X
    wanted = slope[above].sum() - (slope[below].sum() if signed else 0.0)
    assert found["level"] == pytest.approx(wanted, rel=1e-12)
    assert np.array_equal(by_x[X != 0], np.where(above | below, 0.0, slope)[X != 0])


@pytest.mark.parametrize(("level", "power"), [(0.26, -1), (0.5, -1), (0.51, 0), (4.0, 2), (4.01, 3), (-1.0, -40)])
def test_pact_rounds_up(level, power):
    assert PactSite(8, False, level).frac() == 8 - power


def test_steps_to_start_from():
    assert lsq_step(np.array([-1.0, 3.0]), 4, signed=False) == pytest.approx(2 * 2 / math.sqrt(15))
    assert lsq_step(np.array([-1.0, 3.0]), 4, signed=True) == pytest.approx(2 * 2 / math.sqrt(7))
    assert lsq_step(np.zeros(3), 4, signed=True) > 0
    assert lsq_step(np.zeros(0), 4, signed=True) > 0
