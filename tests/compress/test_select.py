# SPDX-License-Identifier: Apache-2.0
"""Patterns hold exactly as many weights as they say, and those worth most."""

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest

from hwcompress.compress.prune import prune_magnitude
from hwcompress.compress.select import (
    prune_banks,
    prune_blocks,
    prune_nm,
    scheduled_sparsity,
    weighted,
    zero_below,
    zero_least,
)
from hwcompress.errors import BadInput
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Op
from hwcompress.ops import Clip, Conv, Dense, Window
from tests.compress.networks import RELU, chain, random_dense, weights

SHARES = [0.0, 0.1, 0.5, 0.75, 0.999, 1.0]


def network(seed: int = 0) -> Graph[Op]:
    rng = np.random.default_rng(seed)
    return chain(6, random_dense(rng, 10, 6), RELU, random_dense(rng, 7, 10))


def level(*rows: list[float]) -> Graph[Op]:
    return chain(len(rows[0]), Dense(np.array(rows, dtype=np.float64), np.zeros(len(rows))))


def random_scores(graph: Graph[Op], seed: int = 1) -> dict[str, Reals]:
    rng = np.random.default_rng(seed)
    return {name: rng.integers(0, 5, op.weight.shape).astype(np.float64) for name, op in weighted(graph).items()}


def left(graph: Graph[Op]) -> list[list[list[float]]]:
    return [w.tolist() for w in weights(graph)]


@pytest.mark.parametrize("share", SHARES)
def test_a_global_share_is_exact_and_takes_the_least(share: float) -> None:
    graph = network()
    scores = random_scores(graph)
    pruned = zero_least(graph, scores, share)
    order = sorted(
        (scores[name].flat[i], k, i) for k, name in enumerate(("fc0", "fc1")) for i in range(scores[name].size)
    )
    gone = {(k, i) for _, k, i in order[: round(share * 130)]}
    for k, (before, after) in enumerate(zip(weights(graph), weights(pruned), strict=True)):
        assert after.ravel().tolist() == [0.0 if (k, i) in gone else w for i, w in enumerate(before.ravel())]


@pytest.mark.parametrize("share", SHARES)
def test_shares_of_layers_are_exact(share: float) -> None:
    graph = network()
    pruned = zero_least(graph, random_scores(graph), {"fc1": share})
    assert [int((w == 0).sum()) for w in weights(pruned)] == [0, round(share * 70)]
    assert pruned.nodes[0] is graph.nodes[0]


def test_magnitudes_as_scores_are_magnitude_pruning() -> None:
    graph = network()
    scores = {name: np.abs(op.weight) for name, op in weighted(graph).items()}
    assert left(zero_least(graph, scores, 0.6)) == left(prune_magnitude(graph, 0.6))


def test_zeros_go_first_whatever_their_scores() -> None:
    graph = level([0, 3, 0, -2])
    scores = {"fc0": np.array([[9.0, 1, 9, 2]])}
    assert left(zero_least(graph, scores, 0.5)) == [[[0, 3, 0, -2]]]
    assert left(zero_least(graph, scores, 0.75)) == [[[0, 0, 0, -2]]]
    assert left(prune_nm(graph, 2, 4, scores)) == [[[0, 3, 0, -2]]]


def test_a_threshold_takes_what_is_below_it() -> None:
    graph = level([1, 2, 3, 4])
    scores = {"fc0": np.array([[4.0, 3, 2, 1]])}
    assert left(zero_below(graph, scores, 2.0)) == [[[1, 2, 3, 0]]]
    assert left(zero_below(graph, scores, {"fc0": 9.0})) == [[[0, 0, 0, 0]]]
    assert left(zero_below(graph, scores, {})) == [[[1, 2, 3, 4]]]


@pytest.mark.parametrize(("n", "m"), [(0, 1), (1, 1), (1, 2), (2, 4), (1, 4), (3, 5), (7, 7), (2, 16)])
def test_n_of_every_m_are_the_best_n(n: int, m: int) -> None:
    """Against every choice of n of the run."""
    graph = network(3)
    for before, after in zip(weights(graph), weights(prune_nm(graph, n, m)), strict=True):
        assert set(after[after != 0]) <= set(before.ravel())
        for a, b in zip(before, after, strict=True):
            for at in range(0, len(a), m):
                run, kept = np.abs(a[at : at + m]), np.abs(b[at : at + m])
                best = max((sum(c) for c in combinations(run, min(n, len(run)))), default=0.0)
                assert np.count_nonzero(kept) == min(n, len(run))
                assert kept.sum() == pytest.approx(best)


def test_ties_in_a_run_keep_the_last() -> None:
    assert left(prune_nm(level([1, -1, 1, 1, 5, 5, 5]), 2, 4)) == [[[0, 0, 1, 1, 0, 5, 5]]]


@pytest.mark.parametrize("banks", [1, 2, 3, 6, 99])
@pytest.mark.parametrize("share", SHARES)
def test_every_bank_keeps_as_many(banks: int, share: float) -> None:
    graph = network(4)
    pruned = prune_banks(graph, banks, {"fc0": share})
    before, after = weights(graph)[0], weights(pruned)[0]
    size = -(-6 // banks)
    for a, b in zip(before, after, strict=True):
        for at in range(0, 6, size):
            order = sorted(range(at, at + size), key=lambda i: abs(a[i]))
            want = {i: a[i] for i in order[round(share * size) :]}
            assert b[at : at + size].tolist() == [want.get(i, 0.0) for i in range(at, at + size)]
    assert pruned.nodes[2] is graph.nodes[2]


def test_a_short_last_bank_keeps_no_more_than_the_others() -> None:
    kept = weights(prune_banks(level([1, 2, 3, 4, 5, 6, 7]), 2, 0.5))[0]
    assert kept.tolist() == [[0, 0, 3, 4, 0, 6, 7]]


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("block", [(1, 1), (2, 3), (4, 1), (3, 4), (20, 20)])
def test_blocks_go_whole_and_least_first(block: tuple[int, int], share: float) -> None:
    graph = network(5)
    found: list[tuple[float, int, int, int]] = []
    for k, w in enumerate(weights(graph)):
        for i in range(0, w.shape[0], block[0]):
            for j in range(0, w.shape[1], block[1]):
                found.append((float((w[i : i + block[0], j : j + block[1]] ** 2).sum()), k, i, j))  # noqa: PERF401
    want = [w.copy() for w in weights(graph)]
    for _, k, i, j in sorted(found)[: round(share * len(found))]:
        want[k][i : i + block[0], j : j + block[1]] = 0.0
    assert left(prune_blocks(graph, block, share)) == [w.tolist() for w in want]


def test_a_share_of_one_layers_blocks() -> None:
    graph = level([1, 1, 2, 2], [1, 1, 2, 2])
    assert left(prune_blocks(graph, (2, 2), {"fc0": 0.5})) == [[[0, 0, 2, 2], [0, 0, 2, 2]]]
    scores = {"fc0": -weights(graph)[0]}
    assert left(prune_blocks(graph, (2, 2), 0.5, scores)) == [[[1, 1, 0, 0], [1, 1, 0, 0]]]


def test_empty_blocks_count_first() -> None:
    graph = level([1, 0, 0, 0, 5, 0])
    scores = {"fc0": np.array([[-3.0, 9, 0, 0, 1, 9]])}
    assert left(prune_blocks(graph, (1, 2), 1 / 3, scores)) == left(graph)
    assert left(prune_blocks(graph, (1, 2), 2 / 3, scores)) == [[[0, 0, 0, 0, 5, 0]]]


def test_convolutions_are_cut_along_taps_and_channels() -> None:
    conv = Conv(np.arange(1.0, 9.0).reshape(1, 8), np.zeros(1), Window((2, 2)))
    pruned = prune_nm(chain(2, conv), 1, 2)
    assert weighted(pruned)["conv0"].weight.tolist() == [[0, 2, 0, 4, 0, 6, 0, 8]]


def test_the_schedule_follows_the_formula() -> None:
    """Zhu and Gupta, equation 1, written out."""
    for step in range(40):
        t = min(max(step, 5), 35)
        t = 5 + (t - 5) // 10 * 10
        want = 0.9 + (0.2 - 0.9) * (1 - (t - 5) / 30) ** 3
        assert scheduled_sparsity(step, 0.9, 5, 35, initial=0.2, frequency=10) == pytest.approx(want)
    assert [scheduled_sparsity(s, 0.8, 0, 4, power=1.0) for s in range(6)] == pytest.approx(
        [0, 0.2, 0.4, 0.6, 0.8, 0.8]
    )
    assert scheduled_sparsity(7, 0.5, 7, 7) == 0.5
    assert scheduled_sparsity(6, 0.5, 7, 7) == 0.0
    assert scheduled_sparsity(9, 0.5, 0, 9, frequency=4) == 0.5


def test_a_network_without_weights_stays() -> None:
    graph = chain(3, Clip(0.0, 1.0))
    for pruned in (
        zero_least(graph, {}, 0.5),
        prune_nm(graph, 1, 2),
        prune_banks(graph, 2, 0.5),
        prune_blocks(graph, (2, 2), 0.5),
    ):
        assert pruned is graph


SCORES = {"fc0": np.ones((10, 6))}


@pytest.mark.parametrize(
    "call",
    [
        lambda g: zero_least(g, SCORES, 1.01),
        lambda g: zero_least(g, SCORES, {"fc0": float("nan")}),
        lambda g: zero_least(g, SCORES, {"fc1": 0.5}),
        lambda g: zero_least(g, {"fc9": np.ones((10, 6))}, 0.5),
        lambda g: zero_least(g, {"fc0": np.ones((6, 10))}, 0.5),
        lambda g: zero_least(g, {"fc0": np.full((10, 6), np.nan)}, 0.5),
        lambda g: zero_below(g, SCORES, {"fc1": 0.5}),
        lambda g: prune_nm(g, 3, 2),
        lambda g: prune_nm(g, -1, 2),
        lambda g: prune_nm(g, 0, 0),
        lambda g: prune_banks(g, 0, 0.5),
        lambda g: prune_banks(g, 2, -0.5),
        lambda g: prune_blocks(g, (0, 1), 0.5),
        lambda g: prune_blocks(g, (1, 1), 2.0),
        lambda g: scheduled_sparsity(0, 1.1, 0, 1),
        lambda g: scheduled_sparsity(0, 0.5, 2, 1),
        lambda g: scheduled_sparsity(0, 0.5, 0, 1, frequency=0),
        lambda g: scheduled_sparsity(0, 0.5, 0, 1, power=float("nan")),
    ],
)
def test_wrong_arguments_are_refused(call: Callable[[Graph[Op]], object]) -> None:
    with pytest.raises(BadInput, match="Try: "):
        call(network())
