# SPDX-License-Identifier: Apache-2.0
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportMissingTypeStubs=false
# pyright: reportOptionalCall=false, reportOptionalMemberAccess=false
"""The biased decay against direct sums and finite differences; small weights fall, large ones stay."""

import numpy as np
import pytest

from hwcompress.ir.order import Order
from tests.compress.networks import RELU, chain, random_dense, weights

torch = pytest.importorskip("torch")

from hwcompress.train.decay import biased, biased_hooks  # noqa: E402
from hwcompress.train.loop import Schedule, train  # noqa: E402
from hwcompress.train.losses import Objective, TaskLoss  # noqa: E402
from hwcompress.train.module import NetworkModule  # noqa: E402
from hwcompress.train.samples import Samples  # noqa: E402


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def direct(w, scale, shape) -> float:
    total = 0.0
    for each in w.ravel():
        v = each / scale
        total += v * v / (1 + v * v) if shape == "square" else abs(v) / (1 + abs(v))
    return total


@pytest.mark.parametrize("shape", ["square", "hyperbolic"])
@pytest.mark.parametrize("scale", [0.05, 1.0, 3.0])
def test_the_sum(shape, scale):
    w = np.random.default_rng(0).normal(size=(5, 7))
    assert float(biased(tensor(w), scale, shape)) == pytest.approx(direct(w, scale, shape))
    assert float(biased(tensor([[scale]]), scale, shape)) == pytest.approx(0.5)
    assert float(biased(torch.zeros(2, 2), scale, shape)) == 0.0
    assert float(biased(tensor([[1e9]]), scale, shape)) == pytest.approx(1.0)


@pytest.mark.parametrize("shape", ["square", "hyperbolic"])
def test_the_gradient(shape):
    w = tensor(np.random.default_rng(1).normal(size=(4, 3))).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: biased(v, 0.3, shape), (w,))


def test_of_all_layers_by_strength():
    rng = np.random.default_rng(2)
    graph = chain(3, random_dense(rng, 4, 3), RELU, random_dense(rng, 2, 4))
    penalty = biased_hooks(0.25, 0.5, "square").penalty
    assert penalty
    got = penalty(NetworkModule(graph)).detach()
    assert float(got) == pytest.approx(0.25 * sum(direct(w, 0.5, "square") for w in weights(graph)), rel=1e-5)


def test_small_weights_fall_and_large_ones_stay():
    """A linear fit with two inputs that count much and six that count a little: L2 would pull most at the large."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(300, 8))
    true = np.array([2.0, -3.0, *[0.05, -0.05] * 3])
    samples = Samples.of(x, (x @ true)[:, None], Order(), (8,))
    graph = chain(8, random_dense(rng, 1, 8))
    found = {}
    for strength in (0.0, 0.02):
        module = NetworkModule(graph)
        hooks = biased_hooks(strength, 0.1, "square")
        objective, schedule = Objective(TaskLoss("values")), Schedule(epochs=60, batch=30, learning_rate=0.1)
        train(module, samples, samples, objective, schedule, lambda y, t: -float(((y - t) ** 2).mean()), hooks)
        found[strength] = np.abs(weights(module.trained())[0][0])
    np.testing.assert_allclose(found[0.0], np.abs(true), atol=0.005)
    np.testing.assert_allclose(found[0.02][:2], np.abs(true)[:2], atol=0.02)
    assert (found[0.02][2:] < 0.6 * found[0.0][2:]).all()
