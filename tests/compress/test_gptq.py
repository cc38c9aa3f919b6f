# SPDX-License-Identifier: Apache-2.0
"""GPTQ and SparseGPT against the same passes with an inverse from scratch for every column."""

import numpy as np
import pytest

from hwcompress.compress import gptq
from hwcompress.compress.adaround import adaround
from hwcompress.compress.formats import row_fracs
from hwcompress.compress.gptq import quantize_gptq, sparsegpt
from hwcompress.compress.grids import Binary, Codebook, Fixed, Kind, Ternary
from hwcompress.compress.obs import quantize_obq
from hwcompress.compress.prune import prune_layers, sparsity
from hwcompress.compress.reconstruct import Settings, refit_weights, round_nearest
from hwcompress.errors import BadInput
from hwcompress.ir.fixed import FixedPoint, Format, Reals, quantize
from hwcompress.ir.graph import Graph, Node, Op
from hwcompress.ops import Conv, Dense, Window
from hwcompress.passes.chain import linked
from hwcompress.sim.reference import run_float
from tests.compress.networks import RELU, chain, random_dense, weights
from tests.compress.test_obs import data, layer

PLAIN = Settings(refit_bias=False, damping=0.0)
SHARES = [0.0, 0.1, 0.3, 0.5, 0.75, 0.95, 1.0]


def naive(
    w: Reals,
    h: Reals,
    grids: list[Reals] | None,
    share: float = 0.0,
    of: tuple[int, int] | None = None,
    lazy: int = 128,
) -> Reals:
    """Column after column; what is left is refitted with the inverse Hessian of the columns not yet done."""
    w = w.copy()
    m, n = w.shape
    kept = w != 0
    counted = 0
    for j in range(n):
        ends = range(j, min(n, j + (of[1] if of else lazy)))
        inverses = {k: np.linalg.inv(h[k:, k:]) for k in ends}
        if j % (of[1] if of else lazy) == 0:
            scores = np.array(
                [[w[r, k] ** 2 / inverses[k][0, 0] if kept[r, k] else -1.0 for k in ends] for r in range(m)]
            )
            if of:
                for r in range(m):
                    for at in np.argsort(scores[r], kind="stable")[: max(0, len(ends) - of[0])]:
                        kept[r, j + at] = False
            else:
                want = round(share * m * (j + len(ends))) - counted
                counted += want
                for at in np.argsort(scores, axis=None, kind="stable")[:want]:
                    kept[at // len(ends), j + at % len(ends)] = False
        inv = inverses[j]
        for r in range(m):
            q = w[r, j] if grids is None else min(grids[r], key=lambda g, v=w[r, j]: (abs(g - v), -g))
            q = q if kept[r, j] else 0.0
            error = (w[r, j] - q) / inv[0, 0]
            w[r, j:] -= error * inv[0]
            w[r, j] = q
    return w


def grids_of(w: Reals, bits: int) -> list[Reals]:
    codes = np.arange(-(2 ** (bits - 1)), 2 ** (bits - 1))
    return [codes * 2.0**-f for f in row_fracs(w, bits, True)]


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize(("m", "n"), [(1, 1), (3, 5), (4, 11)])
@pytest.mark.parametrize("lazy", [1, 4, 128])
def test_gptq_is_the_algorithm_without_its_tricks(
    bits: int, m: int, n: int, lazy: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gptq, "LAZY", lazy)
    graph, x = layer(n, m, n), data(n, 40, n)
    w = weights(graph)[0]
    got = weights(quantize_gptq(graph, x, Fixed(bits), settings=PLAIN))[0]
    np.testing.assert_allclose(got, naive(w, 2 / 40 * x.T @ x, grids_of(w, bits)), atol=1e-12)


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("lazy", [3, 4, 128])
@pytest.mark.parametrize("bits", [None, 3])
def test_sparsegpt_is_the_algorithm_without_its_tricks(
    share: float, lazy: int, bits: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gptq, "LAZY", lazy)
    graph, x = layer(1, 4, 10), data(1, 40, 10)
    w = weights(graph)[0]
    result = sparsegpt(graph, x, share, Fixed(bits) if bits else None, settings=PLAIN)
    got = weights(result)[0]
    want = naive(w, 2 / 40 * x.T @ x, grids_of(w, bits) if bits else None, share, lazy=lazy)
    np.testing.assert_allclose(got, want, atol=1e-10)
    assert (got == 0).sum() >= round(share * 40)
    if bits is None:
        assert (got == 0).sum() == round(share * 40)


@pytest.mark.parametrize("pattern", [(0, 2), (1, 2), (2, 4), (4, 4), (3, 8)])
@pytest.mark.parametrize("n", [1, 8, 11])
@pytest.mark.parametrize("lazy", [1, 6, 128])
def test_of_every_m_weights_n_stay(
    pattern: tuple[int, int], n: int, lazy: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gptq, "LAZY", lazy)
    graph, x = layer(2, 4, n), data(2, 40, n)
    w = weights(graph)[0]
    got = weights(sparsegpt(graph, x, pattern=pattern, settings=PLAIN))[0]
    for a in range(0, n, pattern[1]):
        bucket = got[:, a : a + pattern[1]]
        assert ((bucket != 0).sum(axis=1) == min(pattern[0], bucket.shape[1])).all()
    np.testing.assert_allclose(got, naive(w, 2 / 40 * x.T @ x, None, of=pattern), atol=1e-10)


def test_by_energy_is_the_same_on_columns_in_another_order() -> None:
    graph, x = layer(3, 4, 9), data(3, 40, 9) * 2.0 ** np.random.default_rng(0).permutation(9)
    w = weights(graph)[0]
    order = np.argsort(-(x**2).sum(axis=0), kind="stable")
    other = chain(9, Dense(w[:, order], np.zeros(4)))
    got = weights(quantize_gptq(graph, x, Fixed(3), by_energy=True, settings=PLAIN))[0]
    want = weights(quantize_gptq(other, x[:, order], Fixed(3), settings=PLAIN))[0]
    np.testing.assert_array_equal(got[:, order], want)
    assert (got != weights(quantize_gptq(graph, x, Fixed(3), settings=PLAIN))[0]).any()
    pruned = weights(sparsegpt(graph, x, 0.5, by_energy=True, settings=PLAIN))[0]
    np.testing.assert_array_equal(pruned[:, order], weights(sparsegpt(other, x[:, order], 0.5, settings=PLAIN))[0])


KINDS: list[Kind] = [
    *(Fixed(bits, per_channel) for bits in (1, 2, 4, 16) for per_channel in (True, False)),
    Fixed(3, power_of_two=False),
    *(kind(a, b) for kind in (Ternary, Binary) for a in (True, False) for b in (True, False)),
    Codebook((-0.7, 0.1, 1.3)),
]


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("settings", [Settings(), Settings(float_target=False), Settings(sequential=False)], ids=str)
def test_zeros_stay_and_the_rest_lies_on_the_grid(kind: Kind, settings: Settings) -> None:
    rng = np.random.default_rng(0)
    graph = chain(8, random_dense(rng, 6, 8), RELU, random_dense(rng, 3, 6))
    graph = prune_layers(graph, {"fc0": 0.4, "fc1": 0.3})
    x = data(3, 60, 8)
    for w, q in zip(weights(graph), weights(quantize_gptq(graph, x, kind, settings=settings)), strict=True):
        assert ((w == 0) <= (q == 0)).all()
        if w.shape[1] == 8:  # the second layer's grid is that of its goal
            np.testing.assert_array_equal(np.where(w != 0, kind.fit(w).nearest(q, slice(None)), 0.0), q)
    both = sparsegpt(graph, x, 0.5, kind, settings=settings)
    assert all(((w == 0) <= (q == 0)).all() for w, q in zip(weights(graph), weights(both), strict=True))
    assert all((q == 0).mean() >= 0.5 for q in weights(both))


@pytest.mark.parametrize("bits", range(1, 17))
@pytest.mark.parametrize("per_channel", [True, False])
def test_found_again_the_types_hold_the_same_values(bits: int, per_channel: bool) -> None:
    for seed in range(8):
        rng = np.random.default_rng(seed)
        w = random_dense(rng, 6, 8).weight * 4.0 ** rng.integers(-4, 5, (6, 1))
        graph, x = chain(8, Dense(w, np.zeros(6))), data(seed, 40, 8)
        kind = Fixed(bits, per_channel)
        for result in (quantize_gptq(graph, x, kind, finer=seed % 3), sparsegpt(graph, x, 0.5, kind, finer=seed % 3)):
            q = weights(result)[0]
            fracs = row_fracs(q, bits, per_channel)
            codes = quantize(q, Format(FixedPoint(bits, 0, bits > 1)), fracs[:, None])
            np.testing.assert_array_equal(codes * 2.0 ** -fracs[:, None].astype(np.float64), q)


def test_error_is_less_than_that_of_rounding_and_finer_only_helps() -> None:
    ratio: list[float] = []
    for seed in range(10):
        graph, x = layer(seed, 6, 16), data(seed, 100, 16)
        target = run_float(graph, x)
        found = (round_nearest(graph, Fixed(3)), *(quantize_gptq(graph, x, Fixed(3), finer=k) for k in (0, 1)))
        errors = [float(((run_float(g, x) - target) ** 2).mean()) for g in found]
        assert errors[2] <= errors[1] * (1 + 1e-2)  # the damping sees it a little differently
        ratio.append(errors[1] / errors[0])
    assert np.mean(ratio) < 0.7


def test_a_reference_is_what_is_aimed_at() -> None:
    """Weights left after pruning by magnitude take over what they can: least squares on the data, layer by layer."""
    graph, x = layer(5, 3, 8), data(5, 60, 8)
    pruned = prune_layers(graph, {"fc0": 0.5})
    settings = Settings(damping=0.0, reference=graph)
    target, got = run_float(graph, x), weights(pruned)[0]
    refitted = run_float(refit_weights(pruned, x, settings), x)
    for r in range(3):
        read = np.column_stack([x[:, got[r] != 0], np.ones(60)])
        want = read @ np.linalg.lstsq(read, target[:, r], rcond=None)[0]
        np.testing.assert_allclose(refitted[:, r], want, atol=1e-9)
    with_it = quantize_gptq(pruned, x, Fixed(6), settings=Settings(reference=graph))
    without = quantize_gptq(pruned, x, Fixed(6))
    errors = [((run_float(g, x) - target) ** 2).mean() for g in (with_it, without)]
    assert errors[0] < errors[1]
    assert ((weights(pruned)[0] == 0) <= (weights(with_it)[0] == 0)).all()


def test_grids_are_those_of_the_weights_that_make_up_for_the_pruned_ones() -> None:
    """With a reference: as if the weights left were refitted first; the order of GPTQ differs, its grid does not."""
    for seed in range(4):
        graph, x = layer(seed, 4, 10), data(seed, 60, 10)
        pruned, aim = prune_layers(graph, {"fc0": 0.5}), Settings(reference=graph)
        refitted = refit_weights(pruned, x, aim)
        for method in (quantize_obq, adaround):
            with_it, after = method(pruned, x, Fixed(3), settings=aim), method(refitted, x, Fixed(3))
            np.testing.assert_array_equal(weights(with_it)[0], weights(after)[0])
        grid, got = Fixed(3).fit(weights(refitted)[0]), weights(quantize_gptq(pruned, x, Fixed(3), settings=aim))[0]
        np.testing.assert_array_equal(grid.nearest(got), got)


def test_zeros_count_whatever_is_aimed_at() -> None:
    rng = np.random.default_rng(0)
    graph = chain(8, random_dense(rng, 6, 8), RELU, random_dense(rng, 4, 6))
    pruned = prune_layers(graph, {"fc0": 0.5, "fc1": 0.5})
    for settings in (Settings(reference=graph), Settings()):
        for share in (0.25, 0.5, 0.75):
            result = sparsegpt(pruned, data(0, 60, 8), share, settings=settings)
            for before, after in zip(weights(pruned), weights(result), strict=True):
                assert ((before == 0) <= (after == 0)).all()
                assert (after == 0).sum() == max(share, 0.5) * before.size


def test_the_share_is_even_over_the_groups_of_a_convolution() -> None:
    rng = np.random.default_rng(3)
    op = Conv(rng.normal(size=(6, 9)), rng.normal(size=6), Window((3, 3)), groups=6)
    graph = linked(Graph[Op]("g", "x", 6, (), grid=(6, 6)), [Node("c", op, "", "y")])
    x = rng.normal(size=(9, 6, 6, 6))
    result = sparsegpt(graph, x, 0.5)
    assert sparsity(result) == 0.5
    out = result.nodes[0].op
    assert isinstance(out, Conv)
    assert set((out.weight == 0).sum(axis=1).tolist()) <= {4, 5}


def test_dead_inputs_go_first() -> None:
    x = data(4, 50, 6)
    x[:, [1, 4]] = [0.0, 2.5]
    graph = layer(2, 2, 6)
    got = sparsegpt(graph, x, 4 / 12)
    assert (weights(got)[0][:, [1, 4]] == 0).all()
    np.testing.assert_allclose(run_float(got, x), run_float(graph, x))


@pytest.mark.parametrize(
    ("call", "want"),
    [
        (lambda g, x: sparsegpt(g, x, -0.5), "sparsity of 'fc0'"),
        (sparsegpt, "either a sparsity or a pattern"),
        (lambda g, x: sparsegpt(g, x, pattern=(2, 4), by_energy=True), "by_energy"),
        (lambda g, x: quantize_gptq(g, x, {"no": Fixed(4)}), "layer 'no'"),
        (lambda g, x: quantize_gptq(g, x, Fixed(0)), "1..16"),
        (lambda g, x: quantize_gptq(g, x, Fixed(4), settings=Settings(reference=layer(0, 2, 5))), "reference"),
        (lambda g, x: quantize_gptq(g, x[:0], Fixed(4)), "calibration data"),
    ],
)  # fmt: skip
def test_arguments_that_make_no_sense_are_refused(call, want: str) -> None:
    with pytest.raises(BadInput) as caught:
        call(layer(0, 2, 4), data(0, 20, 4))
    assert want in str(caught.value)
    assert "Try:" in str(caught.value)
