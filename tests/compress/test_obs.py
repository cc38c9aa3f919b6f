# SPDX-License-Identifier: Apache-2.0
"""OBS and OBQ against least squares on the data itself, and greedy choices against trying everything."""

import numpy as np
import pytest

from hwcompress.compress import downdate, obs
from hwcompress.compress.formats import row_fracs
from hwcompress.compress.grids import Codebook, Fixed
from hwcompress.compress.obs import obc_joint, prune_obs, quantize_obq
from hwcompress.compress.prune import prune_layers, sparsity
from hwcompress.compress.reconstruct import Settings, round_nearest
from hwcompress.errors import BadInput
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Node, Op
from hwcompress.ops import Conv, Dense, Window
from hwcompress.passes.chain import linked
from hwcompress.sim.reference import run_float
from tests.compress.networks import RELU, chain, random_dense, weights

PLAIN = Settings(refit_bias=False, damping=0.0)
SHARES = [0.0, 0.1, 0.3, 0.5, 0.75, 0.95, 1.0]


def data(seed: int, samples: int, n: int) -> Reals:
    """Inputs that depend on each other."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(samples, n)) @ (np.eye(n) + 0.5 * rng.normal(size=(n, n))) + 0.3


def layer(seed: int, m: int, n: int) -> Graph[Op]:
    return chain(n, Dense(np.random.default_rng(seed).normal(size=(m, n)), np.zeros(m)))


def fitted(row: Reals, x: Reals, keep: list[int]) -> Reals:
    """Best weights on these inputs alone, by least squares on the data."""
    out = np.zeros_like(row)
    if keep:
        out[keep] = np.linalg.lstsq(x[:, keep], x @ row, rcond=None)[0]
    return out


def loss(row: Reals, other: Reals, x: Reals) -> float:
    return float((((row - other) @ x.T) ** 2).sum()) / len(x)


def greedy(row: Reals, x: Reals, blocks: list[list[int]], pattern: tuple[int, int] | None = None) -> list[Reals]:
    """Weights after each step of pruning the block whose loss, tried out, is least."""
    gone: list[int] = []
    steps = [row]
    n = len(row)
    while True:
        best: tuple[float, list[int]] | None = None
        for block in blocks:
            if set(block) <= set(gone) or (pattern and full(gone, block[0], n, pattern)):
                continue
            cost = loss(row, fitted(row, x, [k for k in range(n) if k not in gone + block]), x)
            if best is None or cost < best[0] - 1e-12:
                best = cost, block
        if best is None:
            return steps
        gone += best[1]
        steps.append(fitted(row, x, [k for k in range(n) if k not in gone]))


def full(gone: list[int], at: int, n: int, pattern: tuple[int, int]) -> bool:
    kept, of = pattern
    bucket = range(at // of * of, min(at // of * of + of, n))
    return sum(k in gone for k in bucket) >= len(bucket) - kept


def cheapest(w: Reals, traces: list[list[Reals]], x: Reals, count: int) -> Reals:
    """Every row at the step it has reached when `count` steps over all rows are taken, cheapest first."""
    costs: list[tuple[float, int]] = []
    for r, trace in enumerate(traces):
        at = [loss(w[r], step, x) for step in trace]
        each = np.maximum.accumulate(np.diff(at))
        costs += [(float(c), r) for c in each]
    taken = [r for _, r in sorted(costs, key=lambda c: c[0])[:count]]
    return np.array([trace[taken.count(r)] for r, trace in enumerate(traces)])


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize(("m", "n"), [(1, 1), (1, 6), (3, 5), (4, 7)])
def test_pruning_is_greedy_least_squares_over_all_rows(share: float, m: int, n: int) -> None:
    graph, x = layer(m, m, n), data(n, 40, n)
    w = weights(graph)[0]
    traces = [greedy(row, x, [[k] for k in range(n)]) for row in w]
    want = cheapest(w, traces, x, round(share * m * n))
    got = weights(prune_obs(graph, x, share, settings=PLAIN))[0]
    np.testing.assert_array_equal(got != 0, want != 0)
    np.testing.assert_allclose(got, want, atol=1e-9)


@pytest.mark.parametrize("share", SHARES)
def test_traces_that_were_too_short_are_made_longer(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    graph, x = (
        chain(9, Dense(np.random.default_rng(5).normal(size=(6, 9)) * 4.0 ** np.arange(6)[:, None], np.zeros(6))),
        data(1, 60, 9),
    )
    want = weights(prune_obs(graph, x, share))[0]
    monkeypatch.setattr(obs, "SURPLUS", 0.2)
    np.testing.assert_array_equal(weights(prune_obs(graph, x, share))[0], want)


def test_neither_batches_nor_lazy_updates_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    graph, x = layer(7, 9, 12), data(2, 60, 12)
    pruned = weights(prune_obs(graph, x, 0.6))[0]
    rounded = weights(quantize_obq(graph, x, Fixed(3)))[0]
    monkeypatch.setattr(obs, "BATCH", 12 * 12 * 2)
    monkeypatch.setattr(downdate, "LAZY", 5)
    np.testing.assert_array_equal(weights(prune_obs(graph, x, 0.6))[0], pruned)
    np.testing.assert_array_equal(weights(quantize_obq(graph, x, Fixed(3)))[0], rounded)


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize(("n", "block", "seed"), [(6, 2, 0), (6, 3, 0), (7, 3, 0), (12, 2, 1), (12, 2, 2)])
def test_blocks_go_together(share: float, n: int, block: int, seed: int) -> None:
    graph, x = layer(n + seed, 3, n), data(n + seed, 40, n)
    w = weights(graph)[0]
    blocks = [list(range(a, min(a + block, n))) for a in range(0, n, block)]
    want = cheapest(w, [greedy(row, x, blocks) for row in w], x, round(share * 3 * len(blocks)))
    np.testing.assert_allclose(weights(prune_obs(graph, x, share, block=block, settings=PLAIN))[0], want, atol=1e-9)


@pytest.mark.parametrize("pattern", [(0, 2), (1, 2), (2, 4), (1, 4), (3, 4), (4, 4), (2, 8)])
@pytest.mark.parametrize("n", [1, 4, 8, 10])
def test_of_every_m_weights_n_stay(pattern: tuple[int, int], n: int) -> None:
    graph, x = layer(n, 3, n), data(n, 40, n)
    w = weights(graph)[0]
    got = weights(prune_obs(graph, x, pattern=pattern, settings=PLAIN))[0]
    for a in range(0, n, pattern[1]):
        bucket = got[:, a : a + pattern[1]]
        assert ((bucket != 0).sum(axis=1) == min(pattern[0], bucket.shape[1])).all()
    want = [greedy(row, x, [[k] for k in range(n)], pattern)[-1] for row in w]
    np.testing.assert_allclose(got, np.array(want), atol=1e-9)


def test_a_pattern_counts_the_zeros_that_are_there() -> None:
    w = np.array([[1.0, 0, 0, 0, 2, 3, 4, 5], [0, 6, 0, 7, 1, 2, 3, 4]])
    graph = chain(8, Dense(w, np.zeros(2)))
    got = weights(prune_obs(graph, data(0, 50, 8), pattern=(2, 4)))[0]
    assert (got[w == 0] == 0).all()
    assert (got[:, :4] != 0).tolist() == (w[:, :4] != 0).tolist()
    assert ((got[:, 4:] != 0).sum(axis=1) == 2).all()


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("block", [1, 2])
def test_zeros_stay_and_count(share: float, block: int) -> None:
    graph = layer(3, 4, 10)
    w = weights(graph)[0]
    w[:, 4:8] = 0.0  # 16 of 40
    graph = chain(10, Dense(w, np.zeros(4)))
    for settings in (Settings(), Settings(float_target=True)):
        got = weights(prune_obs(graph, data(1, 60, 10), share, block=block, settings=settings))[0]
        assert (got[:, 4:8] == 0).all()
        assert (got == 0).sum() == max(16, round(share * 40))


def test_zeros_count_whatever_is_aimed_at() -> None:
    """With the network before pruning as the goal; the second layer's goal has weights where zeros stand."""
    rng = np.random.default_rng(0)
    graph = chain(8, random_dense(rng, 6, 8), RELU, random_dense(rng, 4, 6))
    x = data(0, 60, 8)
    pruned = prune_layers(graph, {"fc0": 0.5, "fc1": 0.5})
    for settings in (Settings(reference=graph), Settings()):
        for share in (0.25, 0.5, 0.75):
            result = prune_obs(pruned, x, share, settings=settings)
            for before, after in zip(weights(pruned), weights(result), strict=True):
                assert ((before == 0) <= (after == 0)).all()
                assert (after == 0).sum() == max(share, 0.5) * before.size


def test_equal_weights_go_in_order() -> None:
    """Four equal weights on inputs alike and independent."""
    x = np.concatenate([np.eye(4), -np.eye(4)])
    graph = chain(4, Dense(np.array([[1.0, 1, -1, 1]]), np.zeros(1)))
    for count in range(5):
        got = weights(prune_obs(graph, x, count / 4))[0][0]
        assert (got == 0).tolist() == [k < count for k in range(4)]


def test_dead_inputs_go_first_and_change_nothing_else() -> None:
    x = data(4, 50, 6)
    x[:, [1, 4]] = [0.0, 2.5]  # the bias can take up what is constant
    graph = layer(2, 2, 6)
    half = weights(prune_obs(graph, x, 2 / 12))[0]
    assert (half == 0).sum() == 2
    assert (half[:, [0, 2, 3, 5]] == weights(graph)[0][:, [0, 2, 3, 5]]).all()
    third = prune_obs(graph, x, 4 / 12)
    assert (weights(third)[0][:, [1, 4]] == 0).all()
    np.testing.assert_allclose(run_float(third, x), run_float(graph, x))
    kept = weights(quantize_obq(graph, x, Fixed(16)))[0]
    np.testing.assert_allclose(kept, weights(graph)[0], atol=1e-3)


def test_without_weights_the_bias_is_the_mean() -> None:
    graph, x = layer(1, 3, 4), data(1, 30, 4)
    for method in (prune_obs(graph, x, 1.0), obc_joint(graph, x, 1.0, Fixed(4))):
        assert sparsity(method) == 1.0
        want = np.tile(run_float(graph, x).mean(axis=0), (30, 1))
        np.testing.assert_allclose(run_float(method, x), want)


def naive_obq(row: Reals, h: Reals, grid: Reals, limit: float) -> Reals:
    """One weight after another, with an inverse from scratch of what is left."""
    w, left = row.copy(), [int(k) for k in np.flatnonzero(row)]
    for k in [k for k in range(len(row)) if k not in left]:
        w[k] = 0.0
    while left:
        inv = np.linalg.inv(h[np.ix_(left, left)])
        rounded = [min(grid, key=lambda g, k=k: (abs(g - w[k]), -g)) for k in left]
        errors = np.array([w[k] - q for k, q in zip(left, rounded, strict=True)])
        if (np.abs(errors) > limit * (1 + 1e-9)).any():
            at = int(np.argmax(np.abs(errors)))
        else:
            at = int(np.argmin(errors**2 / np.diag(inv)))
        w[left] -= inv[:, at] * errors[at] / inv[at, at]
        w[left[at]] = rounded[at]
        del left[at]
    return w


@pytest.mark.parametrize("bits", [2, 3, 4])
@pytest.mark.parametrize("share", [0.0, 0.4])
def test_obq_is_the_algorithm_without_its_tricks(bits: int, share: float) -> None:
    graph, x = layer(bits, 4, 9), data(bits, 60, 9)
    graph = prune_obs(graph, x, share, settings=PLAIN)
    w = weights(graph)[0]
    got = weights(quantize_obq(graph, x, Fixed(bits), settings=PLAIN))[0]
    h = 2 / len(x) * x.T @ x
    for row, out, frac in zip(w, got, row_fracs(w, bits, True), strict=True):
        grid = np.arange(-(2 ** (bits - 1)), 2 ** (bits - 1)) * 2.0**-frac
        np.testing.assert_allclose(out, naive_obq(row, h, grid, 2.0**-frac / 2), atol=1e-12)


def test_joint_is_pruning_and_then_rounding() -> None:
    graph, x = layer(9, 5, 8), data(9, 60, 8)
    joint = obc_joint(graph, x, 0.5, Fixed(4))
    apart = quantize_obq(prune_obs(graph, x, 0.5), x, Fixed(4))
    np.testing.assert_array_equal(weights(joint)[0], weights(apart)[0])
    np.testing.assert_allclose(run_float(joint, x).mean(axis=0), run_float(graph, x).mean(axis=0))


def test_error_is_less_than_that_of_rounding() -> None:
    ratio: list[float] = []
    for seed in range(10):
        graph, x = layer(seed, 6, 16), data(seed, 100, 16)
        target = run_float(graph, x)
        errors = [float(((run_float(g, x) - target) ** 2).mean()) for g in (
            round_nearest(graph, Fixed(3)), quantize_obq(graph, x, Fixed(3)), quantize_obq(graph, x, Fixed(3), finer=1),
        )]  # fmt: skip
        assert errors[2] <= errors[1] * (1 + 1e-9)
        ratio.append(errors[1] / errors[0])
    assert np.mean(ratio) < 0.6


def test_a_layer_is_fitted_to_the_inputs_that_it_gets() -> None:
    """The second layer alone, given those inputs, comes out the same."""
    rng = np.random.default_rng(1)
    graph = chain(8, random_dense(rng, 6, 8), RELU, random_dense(rng, 3, 6))
    x = data(5, 80, 8)
    after = np.maximum(run_float(graph_of(graph, 1), x), 0)
    alone = chain(6, graph.nodes[2].op)
    for sequential in (True, False):
        got = prune_obs(graph, x, 0.5, settings=Settings(sequential=sequential, float_target=False))
        read = np.maximum(run_float(graph_of(got, 1), x), 0) if sequential else after
        np.testing.assert_array_equal(weights(got)[1], weights(prune_obs(alone, read, 0.5))[0])
        assert np.abs(read - after).max() > 0.01 or not sequential


def graph_of(graph: Graph[Op], nodes: int) -> Graph[Op]:
    return linked(graph, graph.nodes[:nodes])


def test_the_float_target_is_least_squares_on_both_inputs() -> None:
    """Nothing pruned in the second layer: it takes back what it can of the error of the first."""
    rng = np.random.default_rng(2)
    graph = chain(8, random_dense(rng, 6, 8), RELU, random_dense(rng, 3, 6))
    x = data(6, 80, 8)
    got = prune_obs(graph, x, {"fc0": 0.5, "fc1": 0.0}, settings=Settings(float_target=True, damping=0.0))
    read = np.column_stack([run_float(graph_of(got, 2), x), np.ones(80)])
    want = read @ np.linalg.lstsq(read, run_float(graph, x), rcond=None)[0]
    np.testing.assert_allclose(run_float(got, x), want, atol=1e-8)


def test_groups_of_a_convolution_are_layers_of_their_own() -> None:
    rng = np.random.default_rng(3)
    op = Conv(rng.normal(size=(4, 8)), rng.normal(size=4), Window((2, 2)), groups=2)
    graph = linked(Graph[Op]("g", "x", 4, (), grid=(5, 5)), [Node("c", op, "", "y")])
    x = rng.normal(size=(20, 5, 5, 4)) @ (np.eye(4) + 0.3)
    pattern = prune_obs(graph, x, pattern=(1, 2)).nodes[0].op
    rounded = quantize_obq(graph, x, Fixed(3)).nodes[0].op
    assert isinstance(pattern, Conv)
    assert isinstance(rounded, Conv)
    for g in range(2):
        half = Conv(op.weight[2 * g : 2 * g + 2], op.bias[2 * g : 2 * g + 2], op.window)
        part = linked(Graph[Op]("g", "x", 2, (), grid=(5, 5)), [Node("c", half, "", "y")])
        own = x[..., 2 * g : 2 * g + 2]
        for whole, alone in (
            (pattern, prune_obs(part, own, pattern=(1, 2)).nodes[0].op),
            (rounded, quantize_obq(part, own, Fixed(3)).nodes[0].op),
        ):
            assert isinstance(alone, Conv)
            np.testing.assert_allclose(whole.weight[2 * g : 2 * g + 2], alone.weight, atol=1e-12)
            np.testing.assert_allclose(whole.bias[2 * g : 2 * g + 2], alone.bias, atol=1e-12)
    assert sparsity(prune_obs(graph, x, 0.5)) == 0.5


def test_inputs_are_not_changed_and_results_are_the_same_bytes() -> None:
    graph, x = layer(4, 3, 6), data(4, 30, 6)
    before, data_before = weights(graph)[0].copy(), x.copy()
    a, b = (weights(obc_joint(graph, x, 0.4, Fixed(3)))[0].tobytes() for _ in range(2))
    assert a == b
    np.testing.assert_array_equal(weights(graph)[0], before)
    np.testing.assert_array_equal(x, data_before)


def test_layers_that_are_not_named_stay() -> None:
    rng = np.random.default_rng(0)
    graph = chain(4, random_dense(rng, 5, 4), RELU, random_dense(rng, 2, 5))
    x = data(0, 30, 4)
    assert prune_obs(graph, x, {"fc1": 0.5}).nodes[0].op is graph.nodes[0].op
    assert quantize_obq(graph, x, {"fc0": Fixed(4)}).nodes[2].op is graph.nodes[2].op
    joint = obc_joint(graph, x, {"fc0": 0.5}, {"fc1": Fixed(2)})
    assert (weights(joint)[0] == 0).mean() == 0.5
    assert len(np.unique(weights(joint)[1])) <= 12


@pytest.mark.parametrize(
    ("call", "want"),
    [
        (lambda g, x: prune_obs(g, x, 1.5), "sparsity of 'fc0': 0..1 wanted, got 1.5"),
        (lambda g, x: prune_obs(g, x, float("nan")), "0..1 wanted, got nan"),
        (lambda g, x: prune_obs(g, x, {"fc7": 0.5}), "layer 'fc7'"),
        (prune_obs, "either a sparsity or a pattern"),
        (lambda g, x: prune_obs(g, x, 0.5, pattern=(2, 4)), "either a sparsity or a pattern"),
        (lambda g, x: prune_obs(g, x, pattern=(5, 4)), "n of m"),
        (lambda g, x: prune_obs(g, x, pattern=(0, 0)), "n of m"),
        (lambda g, x: prune_obs(g, x, 0.5, block=0), "block"),
        (lambda g, x: prune_obs(g, x, pattern=(2, 4), block=2), "block"),
        (lambda g, x: quantize_obq(g, x, {"fc9": Fixed(4)}), "layer 'fc9'"),
        (lambda g, x: quantize_obq(g, x, Fixed(17)), "1..16"),
        (lambda g, x: quantize_obq(g, x, Codebook(())), "codebook"),
        (lambda g, x: prune_obs(g, x, 0.5, settings=Settings(damping=-1.0)), "damping"),
        (lambda g, x: prune_obs(g, np.ones((3, 4)) * x[:3, :1], 0.5, settings=PLAIN), "no inverse"),
        (lambda g, x: prune_obs(g, x[:, :2], 0.5), "calibration data"),
    ],
)  # fmt: skip
def test_arguments_that_make_no_sense_are_refused(call, want: str) -> None:
    with pytest.raises(BadInput) as caught:
        call(layer(0, 2, 4), data(0, 20, 4))
    assert want in str(caught.value)
    assert "Try:" in str(caught.value)
