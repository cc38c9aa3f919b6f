# SPDX-License-Identifier: Apache-2.0
"""Grids of weights: best scales, ties, and that weights on a grid give the same grid again."""

from itertools import product

import numpy as np
import pytest

from hwcompress.compress.calibrate import Request, calibrate
from hwcompress.compress.formats import row_fracs
from hwcompress.compress.grids import Binary, Codebook, Fixed, Kind, ListedGrid, Ternary
from hwcompress.compress.obs import obc_joint, prune_obs, quantize_obq
from hwcompress.compress.reconstruct import Settings, round_nearest
from hwcompress.compress.stages import stages
from hwcompress.errors import BadInput
from hwcompress.ir.fixed import FixedPoint, Format, Reals, quantize
from hwcompress.ops import Dense, DenseCodes
from tests.compress.networks import RELU, chain, random_dense, weights
from tests.compress.test_obs import data

KINDS: list[Kind] = [
    *(Fixed(bits, per_channel) for bits in (1, 2, 4, 8, 16) for per_channel in (True, False)),
    Fixed(3, power_of_two=False),
    Fixed(3, per_channel=False, power_of_two=False),
    *(kind(a, b) for kind in (Ternary, Binary) for a in (True, False) for b in (True, False)),
    Codebook((-0.7, 0.1, 1.3)),
]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_what_comes_out_lies_on_the_grid_of_what_went_in(kind: Kind) -> None:
    rng = np.random.default_rng(0)
    graph = chain(8, random_dense(rng, 6, 8), RELU, random_dense(rng, 3, 6))
    x = data(3, 60, 8)
    graph = prune_obs(graph, x, 0.3)
    result = quantize_obq(graph, x, kind, settings=Settings(float_target=False))
    for w, q in zip(weights(graph), weights(result), strict=True):
        assert ((w == 0) <= (q == 0)).all()
        kept = q[w != 0]
        grid = kind.fit(w)
        np.testing.assert_array_equal(np.where(w != 0, grid.nearest(q, slice(None)), 0.0), q)
        assert len(np.unique(kept)) > 1 or isinstance(kind, Fixed)


@pytest.mark.parametrize("bits", range(1, 17))
@pytest.mark.parametrize("per_channel", [True, False])
def test_found_again_the_types_hold_the_same_values(bits: int, per_channel: bool) -> None:
    """The quantizer of compress/quantize.py sees nothing but the weights."""
    for seed in range(8):
        rng = np.random.default_rng(seed)
        w = random_dense(rng, 6, 8).weight * 4.0 ** rng.integers(-4, 5, (6, 1))
        w[0] *= rng.random() < 0.5
        graph, x = chain(8, Dense(w, np.zeros(6))), data(seed, 40, 8)
        for result in (
            quantize_obq(graph, x, Fixed(bits, per_channel), finer=seed % 3),
            obc_joint(graph, x, 0.5, Fixed(bits, per_channel)),
        ):
            q = weights(result)[0]
            fracs = row_fracs(q, bits, per_channel)
            codes = quantize(q, Format(FixedPoint(bits, 0, bits > 1)), fracs[:, None])
            np.testing.assert_array_equal(codes * 2.0 ** -fracs[:, None].astype(np.float64), q)


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_the_integer_form_has_the_same_weights(bits: int, per_channel: bool) -> None:
    """All the way through the quantizer, large biases too."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        graph = chain(8, random_dense(rng, 6, 8), RELU, random_dense(rng, 3, 6))
        x = data(seed, 60, 8)
        result = obc_joint(graph, x, 0.3, Fixed(bits, per_channel))
        names = [s.layer for s in stages(result)]
        wish = Request(dict.fromkeys(names, bits), dict.fromkeys([*names, "input"], 8), per_channel=per_channel)
        codes = [n.op for n in calibrate(result, x, wish).quantized.graph if isinstance(n.op, DenseCodes)]
        for w, op in zip(weights(result), codes, strict=True):
            shifts = np.array(op.shifts or [0] * len(w), dtype=np.float64)
            assert op.weight_type.width == bits
            np.testing.assert_array_equal(op.weight * 2.0 ** -(op.weight_type.frac + shifts)[:, None], w)


def test_scales_of_ternary_and_binary_are_best() -> None:
    """Against all scales on a fine raster."""
    for seed, kind in product(range(5), (Ternary, Binary)):
        w = np.random.default_rng(seed).normal(size=(1, 20))
        raster = np.linspace(0.01, 3, 3000)
        signs = [-1.0, 1.0] if kind is Binary else [-1.0, 0.0, 1.0]

        def error(s: float, w: Reals = w, signs: list[float] = signs) -> float:
            return float(np.min([(w - s * k) ** 2 for k in signs], axis=0).sum())

        real, power = (float(kind(True, p).fit(w).values.max()) for p in (False, True))
        assert error(real) <= min(map(error, raster)) + 1e-9
        assert error(power) == min(error(2.0**e) for e in range(-8, 4))


@pytest.mark.parametrize("levels", [1, 2, 3, 7])
def test_listed_values_by_trying_all(levels: int) -> None:
    """One row of values for all, or one each; the same, of two as near the lower."""
    rng = np.random.default_rng(levels)
    values = np.sort(rng.integers(-20, 21, (4, levels)) + np.arange(levels) * 41.0, axis=1)
    w = rng.integers(-40, 41 * levels, (4, 50)) / 2.0
    each, one = ListedGrid(values), ListedGrid(values[:1])
    want = [[min(v, key=lambda g, k=k: (abs(g - k), g)) for k in row] for v, row in zip(values, w, strict=True)]
    np.testing.assert_array_equal(each.nearest(w), want)
    np.testing.assert_array_equal(each.nearest(w[[2, 0], 3], np.array([2, 0])), [want[2][3], want[0][3]])
    np.testing.assert_array_equal(
        one.nearest(w), [[min(values[0], key=lambda g, k=k: (abs(g - k), g)) for k in row] for row in w]
    )
    gaps = np.diff(values, axis=1).max(axis=1, initial=0.0) / 2
    np.testing.assert_array_equal(each.half(slice(1, 3)), gaps[1:3])


def test_without_weights_there_is_still_a_grid() -> None:
    graph = chain(3, Dense(np.zeros((2, 3)), np.zeros(2)))
    for kind in (Fixed(4), Fixed(4, power_of_two=False), Ternary(), Binary(False), Codebook((0.5, -0.5))):
        assert not weights(round_nearest(graph, kind))[0].any()


def test_real_steps_reach_the_largest_weight() -> None:
    w = np.array([[0.3, -0.7, 0.1], [2.1, 0.0, -0.4]])
    np.testing.assert_allclose(Fixed(4, power_of_two=False).fit(w).steps, [0.1, 0.3])
    np.testing.assert_allclose(Fixed(4, per_channel=False, power_of_two=False).fit(w).steps, [0.3, 0.3])


def test_wrong_kinds_are_refused() -> None:
    for call in (
        lambda: Fixed(0),
        lambda: Fixed(17),
        lambda: Codebook(()).fit(np.ones((1, 1))),
        lambda: Codebook((np.nan,)).fit(np.ones((1, 1))),
    ):
        with pytest.raises(BadInput, match=r"wanted.*Try:"):
            call()
