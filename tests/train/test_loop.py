# SPDX-License-Identifier: Apache-2.0
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportMissingTypeStubs=false
# pyright: reportOptionalCall=false, reportOptionalMemberAccess=false
"""The loop: to the same bytes from the same seed and from a checkpoint, one clear error where it diverges."""

import numpy as np
import pytest

from hwcompress.errors import BadInput
from hwcompress.ir.graph import Graph, Op
from hwcompress.ir.order import Order
from tests.compress.networks import RELU, chain, random_dense

torch = pytest.importorskip("torch")

from hwcompress.train.loop import Hooks, Schedule, train  # noqa: E402
from hwcompress.train.losses import Objective, TaskLoss  # noqa: E402
from hwcompress.train.module import NetworkModule  # noqa: E402
from hwcompress.train.pruning import Gradual  # noqa: E402
from hwcompress.train.samples import Samples  # noqa: E402

CLASSES = Objective(TaskLoss("classes"))


def right(y, labels) -> float:
    return float((y.argmax(axis=1) == labels).mean())


def problem() -> tuple[Graph[Op], Samples]:
    """Three clouds in the plane."""
    rng = np.random.default_rng(1)
    y = rng.integers(0, 3, 240)
    x = np.array([[0.0, 2.0], [2.0, -1.0], [-2.0, -1.0]])[y] + 0.5 * rng.normal(size=(240, 2))
    graph = chain(2, random_dense(rng, 16, 2), RELU, random_dense(rng, 3, 16))
    return graph, Samples.of(x, y, Order(), (2,))


def weights(module) -> list[np.ndarray]:
    return [v.detach().numpy() for v in module.state_dict().values()]


def run(schedule: Schedule, checkpoint=None, hooks=None, objective=CLASSES, stop: int | None = None):
    graph, samples = problem()
    module = NetworkModule(graph)

    def progress(count, _epoch):
        if count == stop:
            raise KeyboardInterrupt

    done = train(module, samples, samples, objective, schedule, right, hooks, checkpoint, progress)
    return module, done


def test_it_learns():
    _, done = run(Schedule(epochs=15, batch=16, learning_rate=0.01))
    assert done.epochs[done.best].score > 0.97
    assert done.epochs[done.best].score == max(e.score for e in done.epochs)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_the_same_from_a_checkpoint(tmp_path, optimizer):
    schedule = Schedule(epochs=6, batch=32, optimizer=optimizer, learning_rate=0.01)
    whole, done = run(schedule)
    path = tmp_path / "c.pt"
    with pytest.raises(KeyboardInterrupt):
        run(schedule, path, stop=3)
    resumed, again = run(schedule, path)
    assert [e.loss for e in again.epochs] == [e.loss for e in done.epochs]
    assert all(np.array_equal(a, b) for a, b in zip(weights(whole), weights(resumed), strict=True))


def test_the_seed_decides():
    first, second, other = (run(Schedule(epochs=2, seed=(s,)))[0] for s in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(weights(first), weights(second), strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(weights(first), weights(other), strict=True))


def test_divergence_is_one_clear_error():
    with pytest.raises(
        BadInput, match=r"^training diverged: the loss is \w+ in epoch \d, a finite number wanted\. Try: "
    ):
        run(Schedule(epochs=20, optimizer="sgd", learning_rate=1e20))


def test_patience_ends_it():
    _, done = run(Schedule(epochs=200, batch=240, learning_rate=1e-12, patience=3))
    assert len(done.epochs) == done.best + 4 == 4


def test_the_last_epoch_if_wanted():
    _, done = run(Schedule(epochs=4, learning_rate=1e-12, keep="last"))
    assert done.best == 3


def test_rates():
    step = Schedule(learning_rate=1.0, decay="step")
    assert [step.rate(p) for p in (0.0, 0.49, 0.5, 0.74, 0.75, 1.0)] == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])
    cosine = Schedule(learning_rate=2.0)
    assert [cosine.rate(p) for p in (0.0, 0.5, 1.0)] == pytest.approx([2.0, 1.0, 0.0])


@pytest.mark.parametrize("final", [0.8, {"fc0": 0.5, "fc1": 0.75}])
def test_gradual_pruning_reaches_its_share_and_no_epoch_before_counts(final):
    gradual = Gradual({"fc0": 0.0, "fc1": 0.0}, final, 0.0, 0.5, 2)
    module, done = run(
        Schedule(epochs=8, batch=60, learning_rate=0.01), hooks=Hooks(before_step=gradual, counts_from=0.5)
    )
    made = {name: p.form.values() for name, p in module.products().items()}
    zeros = {name: int((w == 0).sum()) for name, w in made.items()}
    if isinstance(final, float):
        assert sum(zeros.values()) == round(0.8 * 80)
    else:
        assert zeros == {"fc0": 16, "fc1": 36}
    assert done.best >= 4


@pytest.mark.parametrize(("progress", "share"), [(0.0, 0.1), (0.2, 0.1), (0.45, 0.9 - 0.8 / 8), (0.7, 0.9), (1.0, 0.9)])
def test_the_cubic_schedule(progress, share):
    """s_f + (s_i - s_f)(1 - t)^3 between begin and end."""
    assert Gradual({}, 0.9, 0.2, 0.7, 1).share(0.1, 0.9, progress) == pytest.approx(share)


def test_distillation_needs_no_labels():
    graph, samples = problem()
    teacher = NetworkModule(graph)
    student = NetworkModule(chain(2, *(n.op for n in graph)))
    with torch.no_grad():
        for p in student.parameters():
            p.mul_(0.5)
    bare = Samples(samples.x, None, samples.index, samples.shape)
    objective = Objective(TaskLoss("classes"), teacher, 1.0, 2.0)
    done = train(student, bare, bare, objective, Schedule(epochs=30, batch=32, learning_rate=0.02), right)
    assert done.epochs[-1].score > 0.5 * done.epochs[0].score  # minus the distance: it rises
    answers = [m(samples.inputs(samples.x)).argmax(1) for m in (teacher, student)]
    assert float((answers[0] == answers[1]).double().mean()) > 0.95


def test_the_distance_is_the_formula():
    """T^2 KL(softmax(teacher / T) || softmax(student / T)), arXiv:1503.02531."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 5, 4)) * 3
    t = 2.5
    p, q = (np.exp(v / t) / np.exp(v / t).sum(axis=1, keepdims=True) for v in (b, a))
    want = t**2 * (p * np.log(p / q)).sum(axis=1).mean()
    got = TaskLoss("classes").distance(torch.tensor(a), torch.tensor(b), t)
    assert float(got) == pytest.approx(want)
