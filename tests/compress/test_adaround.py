# SPDX-License-Identifier: Apache-2.0
"""AdaRound chooses between the two codes beside a weight, never worse than rounding, near the best of all choices."""

from itertools import product

import numpy as np
import pytest

from hwcompress.compress import adaround as module
from hwcompress.compress.adaround import Schedule, adaround
from hwcompress.compress.formats import row_fracs
from hwcompress.compress.grids import Fixed, Ternary
from hwcompress.compress.prune import prune_layers
from hwcompress.compress.reconstruct import Settings, round_nearest
from hwcompress.errors import BadInput
from hwcompress.ir.fixed import FixedPoint, Format, Reals, quantize
from hwcompress.ir.graph import Graph, Node, Op
from hwcompress.ops import Conv, Dense, Window
from hwcompress.passes.chain import linked
from hwcompress.sim.reference import run_float
from tests.compress.networks import RELU, chain, random_dense, weights
from tests.compress.test_obs import data, layer

PLAIN = Settings(refit_bias=False, damping=0.0)
SHORT = Schedule(steps=300, rate=0.03)


def error(w: Reals, q: Reals, x: Reals) -> Reals:
    """Of each row, on the data."""
    return (((q - w) @ x.T) ** 2).sum(axis=1) / len(x)


@pytest.mark.parametrize("steps", [0, 1, 30, 300])
@pytest.mark.parametrize("bits", [2, 3, 8])
def test_no_row_is_worse_than_rounded_to_nearest(steps: int, bits: int) -> None:
    for seed in range(5):
        graph, x = layer(seed, 5, 9), data(seed, 50, 9)
        w = weights(graph)[0]
        nearest = weights(round_nearest(graph, Fixed(bits)))[0]
        got = weights(adaround(graph, x, Fixed(bits), schedule=Schedule(steps, 0.1), settings=PLAIN))[0]
        assert (error(w, got, x) <= error(w, nearest, x) * (1 + 1e-9)).all()


def test_every_weight_goes_up_or_down_by_less_than_a_step() -> None:
    graph, x = layer(1, 6, 9), data(1, 50, 9)
    w = weights(graph)[0]
    got = weights(adaround(graph, x, Fixed(6), schedule=SHORT, settings=PLAIN))[0]
    step = 2.0 ** -row_fracs(w, 6, True)[:, None]
    assert (np.abs(got - w) < step).all()
    assert (got / step == np.rint(got / step)).all()
    assert (got != weights(round_nearest(graph, Fixed(6)))[0]).any()


def test_near_the_best_of_all_choices() -> None:
    """All 2^7 choices of every row, tried out. Rounding to nearest is far off, learning is not."""
    nearest, learned = 0.0, 0.0
    for seed in range(6):
        graph, x = layer(seed, 4, 7), data(seed, 50, 7)
        w = weights(graph)[0]
        step = 2.0 ** -row_fracs(w, 3, True)[:, None]
        below = np.floor(w / step)
        choices = np.array(list(product([0, 1], repeat=7)))
        every = [error(w, (below + c).clip(-4, 3) * step, x) for c in choices]
        best = np.min(every, axis=0)
        nearest += float((error(w, weights(round_nearest(graph, Fixed(3)))[0], x) - best).mean() / best.mean())
        got = weights(adaround(graph, x, Fixed(3), schedule=SHORT, settings=PLAIN))[0]
        assert (error(w, got, x) >= best * (1 - 1e-9)).all()
        learned += float((error(w, got, x) - best).mean() / best.mean())
    assert learned < 0.25 * nearest


def test_the_gradient_is_that_of_the_objective() -> None:
    """Central differences of the objective, written out, away from the corners of h."""
    rng = np.random.default_rng(0)
    goal, kept = rng.uniform(-5, 4, (3, 6)), rng.random((3, 6)) < 0.8  # some saturate in -4 .. 3
    goal[~kept] = 0.0
    root = rng.normal(size=(6, 6))
    h, v = root @ root.T, rng.uniform(-4, 4, (3, 6))
    task = module._Task(goal, np.floor(goal), kept, h, FixedPoint(3, 0))  # pyright: ignore[reportPrivateUsage]

    def objective(v: Reals, pull: float, beta: float) -> float:
        up = (1.2 / (1 + np.exp(-v)) - 0.1).clip(0, 1)
        error = np.where(kept, (np.floor(goal) + up).clip(-4, 3), 0.0) - goal
        return 0.5 * float(np.sum(error @ h * error)) + pull * float((1 - np.abs(2 * up - 1) ** beta).sum())

    for pull, beta in ((0.0, 20.0), (0.5, 20.0), (0.5, 3.0)):
        got = task.gradient(v, pull, beta)
        for r, c in product(range(3), range(6)):
            d = np.zeros((3, 6))
            d[r, c] = 1e-6
            want = (objective(v + d, pull, beta) - objective(v - d, pull, beta)) / 2e-6
            np.testing.assert_allclose(got[r, c], want, atol=1e-6)


def test_the_pull_begins_late_and_sharpens() -> None:
    schedule = Schedule(steps=100, pull=0.5, free=0.2)
    found = [module._pull_at(k, schedule) for k in (0, 19, 20, 60, 99)]  # pyright: ignore[reportPrivateUsage]
    assert [p for p, _ in found] == [0, 0, 0.5, 0.5, 0.5]
    np.testing.assert_allclose([b for _, b in found][2:4], [20.0, 11.0])
    assert 2.0 < found[4][1] < 2.02


def test_not_learned_it_is_rounding_to_nearest() -> None:
    goal = np.random.default_rng(0).uniform(-9, 9, (4, 7))
    args = np.ones((4, 7), dtype=bool), np.eye(7), 4, Schedule(steps=0)
    got = module._learn(goal, *args)  # pyright: ignore[reportPrivateUsage]
    np.testing.assert_array_equal(got, np.rint(goal).clip(-8, 7))


@pytest.mark.parametrize("bits", [1, 2, 4, 16])
@pytest.mark.parametrize("per_channel", [True, False])
def test_zeros_stay_and_the_types_are_found_again(bits: int, per_channel: bool) -> None:
    rng = np.random.default_rng(0)
    graph = prune_layers(chain(8, random_dense(rng, 6, 8), RELU, random_dense(rng, 3, 6)), {"fc0": 0.4, "fc1": 0.3})
    kind = Fixed(bits, per_channel)
    result = adaround(graph, data(3, 60, 8), kind, schedule=Schedule(50, 0.1), finer=1)
    for w, q in zip(weights(graph), weights(result), strict=True):
        assert ((w == 0) <= (q == 0)).all()
        fracs = row_fracs(q, bits, per_channel)
        codes = quantize(q, Format(FixedPoint(bits, 0, bits > 1)), fracs[:, None])
        np.testing.assert_array_equal(codes * 2.0 ** -fracs[:, None].astype(np.float64), q)


def test_compressed_inputs_are_what_it_is_fitted_to() -> None:
    """The asymmetric form: the second layer takes back some of the first one's error, and is the better for it."""
    errors: list[list[float]] = [[], []]
    for seed in range(6):
        rng = np.random.default_rng(seed)
        graph = chain(8, random_dense(rng, 8, 8), RELU, random_dense(rng, 4, 8))
        x = data(seed, 100, 8)
        for k, settings in enumerate((Settings(), Settings(sequential=False, refit_bias=False))):
            result = adaround(graph, x, {"fc0": Fixed(2), "fc1": Fixed(6)}, schedule=SHORT, settings=settings)
            errors[k].append(float(((run_float(result, x) - run_float(graph, x)) ** 2).mean()))
    assert np.mean(errors[0]) < 0.7 * np.mean(errors[1])


def test_groups_are_layers_of_their_own() -> None:
    rng = np.random.default_rng(3)
    op = Conv(rng.normal(size=(4, 8)), rng.normal(size=4), Window((2, 2)), groups=2)
    graph = linked(Graph[Op]("g", "x", 4, (), grid=(5, 5)), [Node("c", op, "", "y")])
    x = rng.normal(size=(20, 5, 5, 4)) @ (np.eye(4) + 0.3)
    whole = adaround(graph, x, Fixed(3), schedule=SHORT).nodes[0].op
    assert isinstance(whole, Conv)
    for g in range(2):
        half = Conv(op.weight[2 * g : 2 * g + 2], op.bias[2 * g : 2 * g + 2], op.window)
        part = linked(Graph[Op]("g", "x", 2, (), grid=(5, 5)), [Node("c", half, "", "y")])
        alone = adaround(part, x[..., 2 * g : 2 * g + 2], Fixed(3), schedule=SHORT).nodes[0].op
        assert isinstance(alone, Conv)
        np.testing.assert_array_equal(whole.weight[2 * g : 2 * g + 2], alone.weight)


def test_extremes() -> None:
    for w in (np.zeros((2, 3)), np.array([[0.3]]), np.full((2, 3), 0.37)):
        graph = chain(w.shape[1], Dense(w, np.zeros(len(w))))
        for samples in (1, 30):
            x = data(0, samples, w.shape[1])
            got = weights(adaround(graph, x, Fixed(4), schedule=SHORT))[0]
            assert np.isfinite(got).all()
            assert ((w == 0) <= (got == 0)).all()


def test_the_same_bytes_every_time_and_the_input_stays() -> None:
    graph, x = layer(4, 3, 6), data(4, 30, 6)
    before = weights(graph)[0].copy()
    a, b = (weights(adaround(graph, x, Fixed(3), schedule=SHORT))[0].tobytes() for _ in range(2))
    assert a == b
    np.testing.assert_array_equal(weights(graph)[0], before)


def test_wrong_arguments_are_refused() -> None:
    graph, x = layer(0, 2, 4), data(0, 20, 4)
    with pytest.raises(BadInput, match=r"fixed-point grid wanted.*Try:"):
        adaround(graph, x, Ternary())
    with pytest.raises(BadInput, match=r"layer 'no'.*Try:"):
        adaround(graph, x, {"no": Fixed(4)})
    with pytest.raises(BadInput, match=r"AdaRound: .*Try:"):
        Schedule(rate=0.0)
