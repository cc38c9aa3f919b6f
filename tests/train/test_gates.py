# SPDX-License-Identifier: Apache-2.0
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportMissingTypeStubs=false
# pyright: reportOptionalCall=false, reportOptionalMemberAccess=false
"""Hard concrete gates against samples and the definition; networks whose gates shut have real zeros, or shrink."""

import numpy as np
import pytest

from hwcompress.compress.structured import remove_dead
from hwcompress.ir.graph import Graph, Op
from hwcompress.ir.order import Order
from hwcompress.ops import Dense
from hwcompress.sim.reference import run_float
from tests.compress.networks import RELU, chain, random_dense, weights

torch = pytest.importorskip("torch")

from hwcompress.train.gates import OPEN, Gated, gate, l0_hooks, open_share, still_gate  # noqa: E402
from hwcompress.train.groups import group_indices  # noqa: E402
from hwcompress.train.loop import Schedule, train  # noqa: E402
from hwcompress.train.losses import Objective, TaskLoss  # noqa: E402
from hwcompress.train.module import NetworkModule  # noqa: E402
from hwcompress.train.samples import Samples  # noqa: E402


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def hard_concrete(log_alpha: float, u: float) -> float:
    """As the paper writes it."""
    s = 1.0 / (1.0 + np.exp(-(np.log(u) - np.log(1.0 - u) + log_alpha) / (2.0 / 3.0)))
    return min(1.0, max(0.0, s * (1.1 - -0.1) + -0.1))


def test_the_hard_concrete():
    rng = np.random.default_rng(0)
    log_alpha, u = rng.normal(scale=3.0, size=100), rng.uniform(size=100)
    wanted = [hard_concrete(a, v) for a, v in zip(log_alpha, u, strict=True)]
    np.testing.assert_allclose(gate(tensor(log_alpha), tensor(u)).numpy(), wanted, atol=1e-12)
    assert {0.0, 1.0} < set(wanted)


@pytest.mark.parametrize("log_alpha", [-4.0, -1.0, 0.0, 1.5, 4.0])
def test_the_expected_share_is_that_of_all_samples(log_alpha):
    """u on a fine grid: the share of gates that are not zero is the closed form."""
    u = (np.arange(200_000) + 0.5) / 200_000
    z = gate(torch.full((len(u),), log_alpha, dtype=torch.float64), tensor(u)).numpy()
    assert float(open_share(tensor([log_alpha]))) == pytest.approx(np.count_nonzero(z) / len(u), abs=1e-5)


def test_at_the_start_the_network_is_what_it_was():
    weight = np.array([[0.5, 0.0, -2.0], [0.0, 0.0, 3.0]])
    form = Gated(weight, np.arange(6).reshape(2, 3)).eval()
    assert np.array_equal(form.values(), weight)
    assert float(still_gate(tensor([OPEN + 1e-3]))) == 1.0
    assert float(still_gate(tensor([OPEN - 1e-3]))) < 1.0


def test_only_weights_that_are_there_are_counted():
    weight = np.array([[0.5, 0.0, -2.0], [0.0, 0.0, 3.0]])
    form = Gated(weight, np.array([[0, 0, 0], [1, 1, 1]]))
    with torch.no_grad():
        form.log_alpha.copy_(torch.tensor([0.0, 2.0]))
    p = open_share(tensor([0.0, 2.0])).numpy()
    assert float(form.expected().detach()) == pytest.approx(2 * p[0] + 1 * p[1], rel=1e-5)


def test_the_gradient_of_the_penalty():
    a = tensor([-3.0, 0.2, 2.0]).requires_grad_()
    assert torch.autograd.gradcheck(open_share, (a,))
    assert (torch.autograd.grad(open_share(a).sum(), a)[0] > 0).all()  # less penalty shuts gates


def test_noise_in_training_alone():
    form = Gated(np.ones((20, 20)), np.arange(400).reshape(20, 20))
    with torch.no_grad():
        form.log_alpha.zero_()
    form.draw(np.random.default_rng(0))
    noisy = form().detach()
    assert torch.equal(noisy, form())  # until it is drawn again
    assert not torch.equal(noisy, torch.full((20, 20), 0.5))
    assert np.allclose(form.values(), 0.5)  # though it is in training
    assert torch.allclose(form.eval()(), torch.full((20, 20), 0.5))


def problem() -> tuple[Graph[Op], Samples]:
    """Two classes told apart by the first of six inputs; most of the 12 neurons are not needed."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(400, 6))
    graph = chain(6, random_dense(rng, 12, 6), RELU, random_dense(rng, 2, 12))
    return graph, Samples.of(x, (x[:, 0] > 0).astype(np.int64), Order(), (6,))


def right(y, labels) -> float:
    return float((y.argmax(axis=1) == labels).mean())


def trained(groups, price: float, checkpoint=None, stop: int | None = None):
    graph, samples = problem()
    forms = {n: lambda w, i=i: Gated(w, i) for n, i in group_indices(graph, groups).items()}
    module = NetworkModule(graph, forms)

    def progress(count, _epoch):
        if count == stop:
            raise KeyboardInterrupt

    schedule = Schedule(epochs=30, batch=40, learning_rate=0.01)
    hooks = l0_hooks(module, price, (0, 1), 20.0)
    done = train(module, samples, samples, Objective(TaskLoss("classes")), schedule, right, hooks, checkpoint, progress)
    return module, done


def zeros(graph: Graph[Op]) -> int:
    return sum(int((w == 0).sum()) for w in weights(graph))


def test_gates_shut_where_a_weight_costs():
    free, dear = (trained("weights", price) for price in (0.0, 0.01))
    assert zeros(free[0].trained()) < 10
    assert zeros(dear[0].trained()) > 60  # of 96
    assert dear[1].epochs[-1].score > 0.97


def test_neurons_go_and_the_network_shrinks():
    module, done = trained("rows", 0.003)
    graph = module.trained()
    small = remove_dead(graph)
    assert len(weights(small)[0]) < 8
    assert done.epochs[-1].score > 0.97
    x = np.random.default_rng(2).normal(size=(50, 6))
    np.testing.assert_allclose(run_float(small, x), run_float(graph, x), atol=1e-9)


def test_the_same_from_a_checkpoint(tmp_path):
    """Noise and all."""
    whole, _ = trained("weights", 0.01)
    path = tmp_path / "c.pt"
    with pytest.raises(KeyboardInterrupt):
        trained("weights", 0.01, path, stop=7)
    again, _ = trained("weights", 0.01, path)
    for a, b in zip(weights(whole.trained()), weights(again.trained()), strict=True):
        assert np.array_equal(a, b)


def test_pruned_weights_stay_pruned():
    graph, samples = problem()
    rng = np.random.default_rng(3)
    masks = [rng.random(w.shape) < 0.5 for w in weights(graph)]
    first, second = (np.where(m, 0.0, w) for m, w in zip(masks, weights(graph), strict=True))
    pruned = chain(6, Dense(first, np.zeros(12)), RELU, Dense(second, np.zeros(2)))
    forms = {n: lambda w, i=i: Gated(w, i) for n, i in group_indices(pruned, "weights").items()}
    module = NetworkModule(pruned, forms)
    hooks = l0_hooks(module, 1e-4, (0,), 5.0)
    train(module, samples, samples, Objective(TaskLoss("classes")), Schedule(epochs=2, batch=40), right, hooks)
    assert all((w[m] == 0).all() for w, m in zip(weights(module.trained()), masks, strict=True))
