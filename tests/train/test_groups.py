# SPDX-License-Identifier: Apache-2.0
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportMissingTypeStubs=false
# pyright: reportOptionalCall=false, reportOptionalMemberAccess=false
"""Groups by their definition; the proximal step against a numeric minimum; networks that really shrink."""

from typing import get_args

import numpy as np
import pytest

from hwcompress.compress.structured import remove_dead
from hwcompress.ir.order import Order
from hwcompress.ops import Conv, Dense, Window
from hwcompress.sim.reference import run_float
from tests.compress.maps import network
from tests.compress.networks import RELU, chain, random_dense, weights

torch = pytest.importorskip("torch")

from hwcompress.train.groups import Groups, group_indices, lasso_hooks, shrink  # noqa: E402
from hwcompress.train.loop import Schedule, train  # noqa: E402
from hwcompress.train.losses import Objective, TaskLoss  # noqa: E402
from hwcompress.train.module import NetworkModule  # noqa: E402
from hwcompress.train.samples import Samples  # noqa: E402


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def same_partition(index, keys) -> bool:
    """Whether two numberings put the same weights together, and the first counts from 0 without a gap."""
    pairs = set(zip(index.ravel().tolist(), keys, strict=True))
    numbers = {i for i, _ in pairs}
    return len(pairs) == len(numbers) == len({k for _, k in pairs}) and numbers == set(range(len(numbers)))


def places(m: int, taps: int, channels: int, parts: int):
    """(row, tap, input channel) of each weight of a convolution, in order."""
    each = channels // parts
    for row in range(m):
        for tap in range(taps):
            for c in range(each):
                yield row, tap, row // (m // parts) * each + c


@pytest.mark.parametrize("parts", [1, 2, 4])
def test_groups_of_a_convolution(parts):
    graph = network((5, 5, 4), Conv(np.zeros((8, 4 * 4 // parts)), np.zeros(8), Window((2, 2)), parts))
    known = list(places(8, 4, 4, parts))
    index = {groups: group_indices(graph, groups)["conv0"] for groups in get_args(Groups)}
    assert same_partition(index["weights"], known)
    assert same_partition(index["rows"], [r for r, _, _ in known])
    assert same_partition(index["channels"], [c for _, _, c in known])
    assert same_partition(index["shapes"], [(t, c) for _, t, c in known])


def test_a_channel_of_a_dense_layer_behind_a_map_is_at_every_position():
    conv = Conv(np.zeros((3, 4)), np.zeros(3), Window((2, 2)))
    graph = network((3, 3, 1), conv, Dense(np.zeros((2, 12)), np.zeros(2)))  # a map of 2 x 2 x 3
    assert group_indices(graph, "channels")["dense1"].tolist() == [[0, 1, 2] * 4] * 2
    assert group_indices(graph, "shapes")["dense1"].tolist() == [list(range(12))] * 2


def objective(v, w, index, threshold) -> float:
    norms = [np.sqrt((v[index == g] ** 2).sum()) for g in range(index.max() + 1)]
    return 0.5 * float(((v - w) ** 2).sum()) + threshold * sum(norms)


@pytest.mark.parametrize("seed", range(5))
def test_the_step_is_the_minimum_of_its_objective(seed):
    """The objective is convex: nothing near is lower, and neither is what a random search finds."""
    rng = np.random.default_rng(seed)
    w, index = rng.normal(size=(3, 4)), rng.permutation(12).reshape(3, 4) % 5
    threshold = float(rng.uniform(0.2, 2.0))
    got = shrink(tensor(w), torch.tensor(index), threshold).numpy()
    least = objective(got, w, index, threshold)
    best, here = w, objective(w, w, index, threshold)
    for k in range(6000):
        near = best + rng.normal(size=w.shape) * 0.5 * 0.999**k
        if (value := objective(near, w, index, threshold)) < here:
            best, here = near, value
    assert least <= here
    np.testing.assert_allclose(got, best, atol=0.1)
    for k in range(500):
        assert least <= objective(got + rng.normal(size=w.shape) * 10.0 ** -(k % 6), w, index, threshold)


def test_single_weights_are_soft_thresholded():
    w = np.array([[-3.0, -0.5, 0.0, 0.5, 2.0, 1.0]])
    got = shrink(tensor(w), torch.arange(6)[None], 1.0).numpy()
    np.testing.assert_allclose(got, np.sign(w) * np.maximum(np.abs(w) - 1.0, 0.0))


def test_extremes():
    w, index = tensor([[3.0, 4.0], [0.0, 0.0]]), torch.tensor([[0, 0], [1, 1]])
    assert torch.equal(shrink(w, index, 0.0), w)
    assert torch.equal(shrink(w, index, 5.0), torch.zeros(2, 2))
    np.testing.assert_allclose(shrink(w, index, 2.5).numpy(), [[1.5, 2.0], [0.0, 0.0]])


def right(y, labels) -> float:
    return float((y.argmax(axis=1) == labels).mean())


def problem():
    """Two classes told apart by the first of six inputs; most of the 12 neurons are not needed."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(400, 6))
    graph = chain(6, random_dense(rng, 12, 6), RELU, random_dense(rng, 2, 12))
    return graph, Samples.of(x, (x[:, 0] > 0).astype(np.int64), Order(), (6,))


def trained(groups, strength: float):
    graph, samples = problem()
    module = NetworkModule(graph)
    hooks = lasso_hooks(strength, group_indices(graph, groups))
    schedule = Schedule(epochs=30, batch=40, learning_rate=0.02)
    done = train(module, samples, samples, Objective(TaskLoss("classes")), schedule, right, hooks)
    return module.trained(), done


@pytest.mark.parametrize("groups", ["rows", "channels"])
def test_whole_groups_go_and_the_network_shrinks(groups):
    graph, done = trained(groups, 1.0)
    small = remove_dead(graph)
    assert 1 <= len(weights(small)[0]) < 8
    assert done.epochs[-1].score > 0.97
    x = np.random.default_rng(2).normal(size=(50, 6))
    np.testing.assert_allclose(run_float(small, x), run_float(graph, x), atol=1e-9)


def test_inputs_that_say_nothing_are_read_by_nobody():
    graph, _ = trained("channels", 1.0)
    read = (weights(graph)[0] != 0).any(axis=0)
    assert read[0]
    assert read.sum() < 6


def test_nothing_goes_without_strength():
    graph, _ = trained("rows", 0.0)
    assert all((w != 0).all() for w in weights(graph))


def test_pruned_weights_stay_pruned():
    graph, samples = problem()
    first, second = weights(graph)
    first = np.where(np.arange(72).reshape(12, 6) % 3 == 0, 0.0, first)
    pruned = chain(6, Dense(first, np.zeros(12)), RELU, Dense(second, np.zeros(2)))
    module = NetworkModule(pruned)
    hooks = lasso_hooks(0.01, group_indices(pruned, "rows"))
    train(module, samples, samples, Objective(TaskLoss("classes")), Schedule(epochs=2, batch=40), right, hooks)
    assert (weights(module.trained())[0][first == 0] == 0).all()
