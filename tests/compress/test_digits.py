# SPDX-License-Identifier: Apache-2.0
"""Few signed digits: exhaustively over all codes, and the price of a digit against trying every code."""

from itertools import combinations, product

import numpy as np
import pytest

from hwcompress.compress.digits import Digits, digits_of, few, price_digits
from hwcompress.compress.formats import row_fracs
from hwcompress.compress.gptq import quantize_gptq
from hwcompress.compress.grids import Fixed
from hwcompress.compress.obs import quantize_obq
from hwcompress.compress.prune import prune_layers
from hwcompress.compress.reconstruct import Settings, round_nearest
from hwcompress.errors import BadInput
from hwcompress.ir.fixed import Reals
from hwcompress.ops import Dense
from hwcompress.sim.reference import run_float
from tests.compress.networks import RELU, chain, random_dense, weights
from tests.compress.test_obs import data, layer

PLAIN = Settings(refit_bias=False, damping=0.0)


def digits(code: int) -> int:
    """Fewest powers of two, added and subtracted, that make a code: by trying."""
    for count in range(10):
        for places in combinations(range(12), count):
            for signs in product((1, -1), repeat=count):
                if sum(s << p for s, p in zip(signs, places, strict=True)) == code:
                    return count
    raise AssertionError


COUNTS = {code: digits(code) for code in range(-128, 128)}


@pytest.mark.parametrize("bits", [2, 3, 5, 8])
@pytest.mark.parametrize("most", [0, 1, 2, 3, 4])
def test_codes_of_few_digits_are_all_there_are(bits: int, most: int) -> None:
    half = 2 ** (bits - 1)
    assert few(bits, most).tolist() == [c for c in range(-half, half) if COUNTS[c] <= most]


@pytest.mark.parametrize("bits", [1, 2, 4, 6, 8])
@pytest.mark.parametrize("most", [0, 1, 2, 9])
def test_every_weight_to_the_nearest_such_code(bits: int, most: int) -> None:
    graph = layer(bits, 4, 9)
    w = weights(graph)[0]
    got = weights(round_nearest(graph, Digits(bits, most)))[0]
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1)) if bits > 1 else (0, 2)
    codes = np.array([c for c in range(low, high) if COUNTS[c] <= most])
    for row, out, frac in zip(w, got, row_fracs(w, bits, True), strict=True):
        values = codes * 2.0**-frac
        want = [min(values, key=lambda v, k=k: (abs(v - k), -v)) for k in row]
        np.testing.assert_array_equal(out, want)
    if most == 9:
        np.testing.assert_array_equal(got, weights(round_nearest(graph, Fixed(bits)))[0])


def test_of_two_as_near_the_upper() -> None:
    """As fixed point rounds; all values half a step apart, the ends given so that a step is 1."""
    w = np.concatenate([np.arange(-16, 15.5, 0.5), [-16.0, 15.0]])[None]
    graph = chain(w.size, Dense(w, np.zeros(1)))
    got = weights(round_nearest(graph, Digits(5, 2)))[0][0]
    codes = [c for c in range(-16, 16) if COUNTS[c] <= 2]
    assert got.tolist() == [min(codes, key=lambda c, v=v: (abs(c - v), -c)) for v in w[0]]
    every = weights(round_nearest(graph, Digits(5, 9)))[0]
    np.testing.assert_array_equal(every, np.where(w == 0, 0, np.floor(w + 0.5)))


def test_the_other_methods_take_such_codes_too() -> None:
    errors = np.zeros(3)
    for seed in range(6):
        graph, x = prune_layers(layer(seed, 6, 16), {"fc0": 0.25}), data(seed, 80, 16)
        kind = Digits(6, 1)
        found = round_nearest(graph, kind), quantize_gptq(graph, x, kind), quantize_obq(graph, x, kind)
        for result in found:
            q = weights(result)[0]
            assert (np.frexp(np.abs(q[q != 0]))[0] == 0.5).all()
            assert ((weights(graph)[0] == 0) <= (q == 0)).all()
        errors += [((run_float(g, x) - run_float(graph, x)) ** 2).mean() for g in found]
    assert errors[1] < errors[0]
    assert errors[2] < errors[0]


def naive(w: Reals, h: Reals, bits: int, price: float) -> Reals:
    """Column after column, every code of every weight weighed."""
    out = w.copy()
    kept = w != 0
    energy = 0.5 * float(np.einsum("mi,ij,mj->", w, h, w)) / kept.sum()
    for j in range(w.shape[1]):
        inv = np.linalg.inv(h[j:, j:])
        for r, frac in enumerate(row_fracs(w, bits, True)):
            step = 2.0**-frac
            codes = range(-(2 ** (bits - 1)), 2 ** (bits - 1))

            def cost(c: int, v: float = out[r, j], step: float = step, own: float = inv[0, 0]) -> float:
                return 0.5 * (c * step - v) ** 2 / own + price * energy * COUNTS[c]

            q = min(codes, key=lambda c, cost=cost: (cost(c), COUNTS[c])) * step if kept[r, j] else 0.0
            out[r, j:] -= (out[r, j] - q) / inv[0, 0] * inv[0]
            out[r, j] = q
    return out


@pytest.mark.parametrize("price", [0.0, 1e-4, 1e-2, 0.3])
@pytest.mark.parametrize("bits", [2, 4, 6])
def test_the_price_is_weighed_against_the_error_of_every_code(price: float, bits: int) -> None:
    graph, x = prune_layers(layer(bits, 4, 8), {"fc0": 0.2}), data(bits, 60, 8)
    w = weights(graph)[0]
    got = weights(price_digits(graph, x, bits, price, settings=PLAIN))[0]
    np.testing.assert_allclose(got, naive(w, 2 / 60 * x.T @ x, bits, price), atol=1e-12)


def test_nothing_to_pay_is_gptq_and_everything_is_zero() -> None:
    rng = np.random.default_rng(0)
    graph, x = chain(8, random_dense(rng, 6, 8), RELU, random_dense(rng, 3, 6)), data(0, 60, 8)
    for a, b in zip(weights(price_digits(graph, x, 5, 0.0)), weights(quantize_gptq(graph, x, Fixed(5))), strict=True):
        np.testing.assert_array_equal(a, b)
    dear = price_digits(graph, x, 5, 1e9)
    assert [w.any() for w in weights(dear)] == [False, False]
    assert digits_of(dear, 5) == {"fc0": 0, "fc1": 0}


def test_digits_fall_with_the_price_and_the_error_rises() -> None:
    counts, errors = np.zeros(3), np.zeros(3)
    for seed in range(5):
        graph, x = layer(seed, 8, 16), data(seed, 100, 16)
        found = [price_digits(graph, x, 8, price) for price in (0.0, 1e-3, 3e-2)]
        counts += [sum(digits_of(g, 8).values()) for g in found]
        errors += [((run_float(g, x) - run_float(graph, x)) ** 2).mean() for g in found]
    assert counts[0] > counts[1] > counts[2]
    assert errors[0] < errors[1] < errors[2]


def test_digits_are_counted_on_codes() -> None:
    """Codes 7, 0, -5, 64 of 8 bits: 8 - 1, nothing, -4 - 1, 64."""
    graph = chain(4, Dense(np.array([[7.0, 0, -5, 64]]) / 32, np.zeros(1)))
    assert digits_of(graph, 8) == {"fc0": 5}


def test_wrong_arguments_are_refused() -> None:
    graph, x = layer(0, 2, 4), data(0, 20, 4)
    for call in (
        lambda: price_digits(graph, x, 8, -1.0),
        lambda: price_digits(graph, x, 8, float("nan")),
        lambda: price_digits(graph, x, 0, 0.1),
        lambda: price_digits(graph, x, {"no": 8}, 0.1),
        lambda: Digits(8, -1),
        lambda: round_nearest(graph, Digits(17, 2)),
    ):
        with pytest.raises(BadInput, match=r"wanted.*Try:"):
            call()
