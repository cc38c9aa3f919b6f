# SPDX-License-Identifier: Apache-2.0
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportMissingTypeStubs=false
# pyright: reportOptionalCall=false, reportOptionalMemberAccess=false
"""The mixture against direct sums and finite differences; trained weights share the values of its components."""

import math

import numpy as np
import pytest

from hwcompress.compress.select import weighted, with_weights
from hwcompress.ir.order import Order
from hwcompress.ops import Dense
from tests.compress.networks import RELU, chain, random_dense, weights

torch = pytest.importorskip("torch")

from hwcompress.train.loop import Schedule, train  # noqa: E402
from hwcompress.train.losses import Objective, TaskLoss  # noqa: E402
from hwcompress.train.mixture import (  # noqa: E402
    CHUNK,
    Components,
    Hyper,
    MinusLogMixture,
    Mixture,
    attach,
    mixture_hooks,
    unit,
)
from hwcompress.train.module import NetworkModule  # noqa: E402
from hwcompress.train.samples import Samples  # noqa: E402


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def direct(w, means, precisions, shares) -> float:
    """-sum log sum, one density at a time."""
    total = 0.0
    for x in w:
        density = 0.0
        for m, p, s in zip(means, precisions, shares, strict=True):
            density += s * math.sqrt(p / (2 * math.pi)) * math.exp(-0.5 * p * (x - m) ** 2)
        total -= math.log(density)
    return total


def numbers(seed: int, n: int, k: int):
    rng = np.random.default_rng(seed)
    shares = rng.uniform(0.1, 1.0, k)
    return rng.normal(size=n), rng.normal(size=k), rng.uniform(0.5, 30.0, k), shares / shares.sum()


@pytest.mark.parametrize("n", [1, 5, CHUNK + 3])
def test_the_density_is_the_direct_sum(n):
    w, means, precisions, shares = numbers(0, n, 4)
    got = MinusLogMixture.apply(tensor(w), tensor(means), tensor(np.log(precisions)), tensor(np.log(shares)))
    assert float(got) == pytest.approx(direct(w, means, precisions, shares), rel=1e-9)


def test_its_gradients(monkeypatch):
    monkeypatch.setattr("hwcompress.train.mixture.CHUNK", 3)
    w, means, precisions, shares = numbers(1, 8, 4)
    arguments = [tensor(v).requires_grad_() for v in (w, means, np.log(precisions), np.log(shares))]
    assert torch.autograd.gradcheck(MinusLogMixture.apply, arguments)


def test_the_mixture_of_its_numbers():
    """Zero has its share and mean for good; the others share the rest by softmax."""
    mixture = Mixture(-1.0, 0.5, 4, 0.9)
    with torch.no_grad():
        mixture.log_shares.copy_(torch.tensor([0.0, 1.0, -1.0, 2.0]))
        mixture.log_precisions.copy_(torch.tensor([3.0, 2.0, 1.0, 0.0, 2.5]))
    e = np.exp([0.0, 1.0, -1.0, 2.0])
    shares = [0.9, *(0.1 * e / e.sum())]
    made = mixture.components()
    np.testing.assert_allclose(made.means, [0.0, -1.0, -0.5, 0.0, 0.5], atol=1e-7)
    np.testing.assert_allclose(made.precisions, np.exp([3.0, 2.0, 1.0, 0.0, 2.5]), rtol=1e-6)
    np.testing.assert_allclose(made.shares, shares, rtol=1e-6)
    w = np.random.default_rng(2).normal(size=20)
    got = mixture.minus_log_density(torch.tensor(w, dtype=torch.float32))
    assert float(got.detach()) == pytest.approx(direct(w, made.means, made.precisions, made.shares), rel=1e-5)


def test_the_gamma_priors():
    """-log Gamma(l; a, b) = -(a - 1) log l + b l + constant; its minimum is at the mode (a - 1) / b."""
    mixture = Mixture(-1.0, 1.0, 2, 0.5, Hyper(5.0, 2.0, 3.0, 0.1))

    def at(*precisions: float) -> float:
        with torch.no_grad():
            mixture.log_precisions.copy_(torch.tensor(np.log(precisions)))
            return float(mixture.minus_log_hyper())

    def wanted(*precisions: float) -> float:
        pairs = zip(precisions, [(5.0, 2.0), (3.0, 0.1), (3.0, 0.1)], strict=True)
        return sum((1 - a) * math.log(p) + b * p for p, (a, b) in pairs)

    assert at(1.5, 7.0, 30.0) == pytest.approx(wanted(1.5, 7.0, 30.0), rel=1e-5)
    least = at(2.0, 20.0, 20.0)
    assert all(least < at(*p) for p in [(2.2, 20.0, 20.0), (1.8, 20.0, 20.0), (2.0, 22.0, 20.0), (2.0, 20.0, 18.0)])


def test_every_weight_goes_to_its_most_likely_component():
    w, means, precisions, shares = numbers(3, 200, 5)
    means[0] = 0.0
    w[7] = 0.0
    made = Components(means, precisions, shares)
    densities = [[s * math.sqrt(p) * math.exp(-0.5 * p * (x - m) ** 2) for m, p, s in
                  zip(means, precisions, shares, strict=True)] for x in w]  # fmt: skip
    best = np.argmax(densities, axis=1)
    np.testing.assert_array_equal(made.most_likely(w), best)
    wanted = means[best]
    wanted[7] = 0.0
    np.testing.assert_array_equal(made.shared(w), wanted)


def test_near_components_become_one():
    made = Components(np.array([0.0, 1.0, 1.01, -2.0]), np.array([4.0, 1.0, 4.0, 9.0]), np.array([0.5, 0.3, 0.1, 0.1]))
    merged = made.merged(0.02)
    np.testing.assert_allclose(merged.means, [0.0, (0.3 * 1.0 + 0.1 * 1.01) / 0.4, -2.0])
    np.testing.assert_allclose(merged.precisions, [4.0, (0.3 * 1.0 + 0.1 * 4.0) / 0.4, 9.0])
    np.testing.assert_allclose(merged.shares, [0.5, 0.4, 0.1])
    assert len(made.merged(0.0).means) == 4
    assert made.merged(1e9).means.tolist() == [0.0]


def test_what_is_next_to_zero_becomes_zero():
    made = Components(np.array([0.0, 0.001, 3.0]), np.array([4.0, 4.0, 4.0]), np.array([0.5, 0.3, 0.2]))
    assert made.merged(0.01).means.tolist() == [0.0, 3.0]


def test_the_wider_of_two_decides_what_is_near():
    """Means 0.5 apart; deviations 2 and 0.25."""
    made = Components(np.array([0.0, 0.5]), np.array([0.25, 16.0]), np.array([0.5, 0.5]))
    assert [len(made.merged(0.25 + e).means) for e in (-1e-9, 1e-9)] == [2, 1]


def right(y, labels) -> float:
    return float((y.argmax(axis=1) == labels).mean())


def problem():
    """Two classes told apart by two of six inputs; some weights are pruned."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(400, 6))
    first = random_dense(rng, 12, 6)
    pruned = Dense(np.where(rng.random((12, 6)) < 0.3, 0.0, first.weight), first.bias)
    graph = chain(6, pruned, RELU, random_dense(rng, 2, 12))
    return graph, Samples.of(x, (x[:, 0] * x[:, 1] > 0).astype(np.int64), Order(), (6,))


HYPER = Hyper(250.0, 0.25, 250.0, 0.25)  # deviations of about 0.03


def trained(strength: float, epochs: int = 60, checkpoint=None, stop: int | None = None):
    graph, samples = problem()
    module = NetworkModule(graph)
    units = dict.fromkeys(module.products(), 1.0)
    mixture = attach(module, units, 5, 0.8, HYPER)
    hooks = mixture_hooks(module, mixture, units, strength, (0.5, 3.0, 3.0))

    def progress(count, _epoch):
        if count == stop:
            raise KeyboardInterrupt

    schedule = Schedule(epochs=epochs, batch=40, learning_rate=0.01)
    objective = Objective(TaskLoss("classes"))
    done = train(module, samples, samples, objective, schedule, right, hooks, checkpoint, progress)
    return module, mixture, done


def test_weights_gather_at_few_values_and_the_network_still_knows():
    module, mixture, done = trained(3e-4)
    components = mixture.components().merged(0.25)
    names = module.products()
    before = [p.form.values() for p in names.values()]
    after = [components.shared(w) for w in before]
    moved = np.concatenate([(a - b).ravel() for a, b in zip(after, before, strict=True)])
    assert np.sqrt((moved**2).mean()) < 0.06
    values = np.unique(np.concatenate([w.ravel() for w in after]))
    assert len(values) <= 6
    assert 0.0 in values
    assert done.epochs[-1].score > 0.85
    loose, free, _ = trained(0.0)
    spread = np.concatenate([p.form.values().ravel() for p in loose.products().values()])
    assert np.sqrt(((free.components().shared(spread) - spread) ** 2).mean()) > 0.1


def test_pruned_weights_stay_pruned_and_count_at_zero():
    graph, _ = problem()
    module, mixture, _ = trained(3e-4, 8)
    first = weights(graph)[0]
    assert (weights(module.trained())[0][first == 0] == 0).all()
    units = dict.fromkeys(module.products(), 1.0)
    penalty = mixture_hooks(module, mixture, units, 0.5, (1.0, 1.0, 1.0)).penalty
    assert penalty
    made = mixture.components()
    every = np.concatenate([w.ravel() for w in weights(module.trained())])
    wanted = direct(every, made.means, made.precisions, made.shares) + float(mixture.minus_log_hyper().detach())
    assert float(penalty(module).detach()) == pytest.approx(0.5 * wanted, rel=1e-4)


def test_the_same_from_a_checkpoint(tmp_path):
    """The mixture too."""
    whole, mixture, _ = trained(1e-3, 8)
    path = tmp_path / "c.pt"
    with pytest.raises(KeyboardInterrupt):
        trained(1e-3, 8, path, stop=3)
    again, resumed, _ = trained(1e-3, 8, path)
    assert np.array_equal(mixture.components().means, resumed.components().means)
    for a, b in zip(weights(whole.trained()), weights(again.trained()), strict=True):
        assert np.array_equal(a, b)


def test_a_network_of_zeros():
    graph = chain(2, Dense(np.zeros((2, 2)), np.zeros(2)))
    module = NetworkModule(graph)
    mixture = attach(module, {"fc0": 1.0}, 3, 0.5, Hyper())
    penalty = mixture_hooks(module, mixture, {"fc0": 1.0}, 1.0, (1.0, 1.0, 1.0)).penalty
    assert penalty
    assert math.isfinite(float(penalty(module).detach()))
    assert (mixture.components().shared(np.zeros((2, 2))) == 0).all()


@pytest.mark.parametrize("rms", [1e-6, 0.17, 0.25, 0.36, 40.0, 1e12])
def test_a_unit_is_a_power_of_two_in_which_weights_are_usual(rms):
    weight = np.random.default_rng(0).normal(size=(30, 40))
    weight[:10] = 0.0
    weight *= rms / np.sqrt((weight[10:] ** 2).mean())
    found = unit(weight)
    assert math.frexp(found)[0] == 0.5
    assert 0.25 / math.sqrt(2) <= rms / found * (1 + 1e-12)
    assert rms / found <= 0.25 * math.sqrt(2) * (1 + 1e-12)
    assert unit(np.zeros((2, 2))) == 1.0


def test_units_move_nothing_but_the_scale():
    """Layers times powers of two: the same mixture, and the same weights times these."""
    graph, _ = problem()
    names = [n.name for n in graph if isinstance(n.op, Dense)]
    scales = dict(zip(names, (64.0, 0.125), strict=False))
    made = []
    for factors in (dict.fromkeys(names, 1.0), scales):
        scaled = {n: op.weight * factors[n] for n, op in weighted(graph).items()}
        module = NetworkModule(with_weights(graph, scaled))
        units = {name: unit(p.form.values()) for name, p in module.products().items()}
        mixture = attach(module, units, 5, 0.8, HYPER)
        loss = mixture_hooks(module, mixture, units, 1.0, (0.5, 3.0, 3.0)).penalty(module)
        means, own = mixture.means.detach().numpy().tolist(), [units[n] / factors[n] for n in names]
        made.append((float(loss.detach()), means, own))
    assert made[0] == made[1]
