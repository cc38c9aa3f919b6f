# SPDX-License-Identifier: Apache-2.0
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportMissingTypeStubs=false
# pyright: reportOptionalCall=false, reportOptionalMemberAccess=false
"""HashedNets: the form against its definition, its gradient against sums over buckets."""

import numpy as np
import pytest

from hwcompress.compress.cluster import hash_weights
from hwcompress.ir.order import Order
from hwcompress.ops import Dense
from hwcompress.storage.hashing import Placement, hashed
from tests.compress.networks import RELU, chain, random_dense, weights

torch = pytest.importorskip("torch")

from hwcompress.train.hashed import Hashed  # noqa: E402
from hwcompress.train.loop import Schedule, train  # noqa: E402
from hwcompress.train.losses import Objective, TaskLoss  # noqa: E402
from hwcompress.train.module import NetworkModule  # noqa: E402
from hwcompress.train.samples import Samples  # noqa: E402


def matrix(seed: int = 0, zeros: float = 0.3):
    rng = np.random.default_rng(seed)
    return np.where(rng.random((6, 9)) < zeros, 0.0, rng.normal(size=(6, 9)))


def test_it_starts_as_cluster_hashes():
    weight = matrix()
    graph = hash_weights(chain(9, Dense(weight, np.zeros(6))), 7, seed=5).graph
    np.testing.assert_allclose(Hashed(weight, Placement(7, 5)).values(), weights(graph)[0], atol=1e-6)


def test_the_gradient_is_the_sum_over_the_bucket():
    weight = matrix(1)
    form = Hashed(weight, Placement(7, 3))
    upstream = np.random.default_rng(2).normal(size=weight.shape)
    (form() * torch.tensor(upstream, dtype=torch.float32)).sum().backward()
    bucket, sign = hashed(weight.size, 7, 3)
    wanted = np.zeros(7)
    for i, (w, g) in enumerate(zip(weight.ravel(), upstream.ravel(), strict=True)):
        if w != 0:
            wanted[bucket[i]] += sign[i] * g
    assert form.buckets.grad is not None
    np.testing.assert_allclose(form.buckets.grad.numpy(), wanted, atol=1e-5)


@pytest.mark.parametrize("buckets", [1, 54, 500])
def test_extremes(buckets):
    weight = matrix(3)
    made = Hashed(weight, Placement(buckets, 0)).values()
    assert (made[weight == 0] == 0).all()
    assert len(np.unique(np.abs(made[weight != 0]))) <= min(buckets, np.count_nonzero(weight))
    assert (Hashed(np.zeros((2, 3)), Placement(buckets, 0)).values() == 0).all()


def test_it_learns_with_few_values():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(300, 6))
    samples = Samples.of(x, (x[:, 0] > 0).astype(np.int64), Order(), (6,))
    graph = chain(6, random_dense(rng, 12, 6), RELU, random_dense(rng, 2, 12))
    first = np.where(np.arange(72).reshape(12, 6) % 4 == 0, 0.0, weights(graph)[0])
    graph = chain(6, Dense(first, np.zeros(12)), RELU, Dense(weights(graph)[1], np.zeros(2)))
    module = NetworkModule(graph, dict.fromkeys(("fc0", "fc1"), lambda w: Hashed(w, Placement(10, 0))))

    def right(y, labels) -> float:
        return float((y.argmax(axis=1) == labels).mean())

    schedule = Schedule(epochs=30, batch=30, learning_rate=0.02)
    done = train(module, samples, samples, Objective(TaskLoss("classes")), schedule, right)
    assert done.epochs[done.best].score > 0.92
    made = weights(module.trained())
    assert (made[0][first == 0] == 0).all()
    for k, w in enumerate(made):
        bucket, sign = hashed(w.size, 10, 0)
        for b in range(10):
            at = (bucket == b) & (w.ravel() != 0)
            assert len(np.unique((sign * w.ravel())[at])) <= 1, (k, b)
