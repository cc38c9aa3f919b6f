# SPDX-License-Identifier: Apache-2.0
"""The loss that saliencies are measured by: of the labels of the training samples, or of drawn ones without labels."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcompress.compress.losses import CrossEntropy, Loss, MeanSquare, sampled_labels
from hwcompress.ir.fixed import Reals
from hwcompress.recipe.state import Context, Task
from hwcompress.sim.reference import run_float

SAMPLES = 2048  # of the training samples, at most


@dataclass(frozen=True, eq=False)
class Logistic:
    """Mean over the outputs of the logistic loss of each against targets [samples, m] of 0 and 1."""

    targets: Reals

    @property
    def samples(self) -> int:
        """How many samples it knows the wanted outputs of."""
        return len(self.targets)

    def values(self, y: Reals, at: slice) -> Reals:
        """The loss of each sample [b]."""
        return (np.logaddexp(0.0, y) - self.targets[at] * y).mean(axis=1)

    def slopes(self, y: Reals, at: slice) -> Reals:
        """Its derivative by each output [b, m]."""
        return (_shares(y) - self.targets[at]) / y.shape[1]

    def curvatures(self, y: Reals, at: slice) -> Reals:
        """Its second derivative by each output [b, m]."""
        del at
        p = _shares(y)
        return p * (1.0 - p) / y.shape[1]


def objective(context: Context) -> tuple[Reals, Loss]:
    """Inputs [n, *graph.shape] of samples to learn from, at most SAMPLES that the seed chooses, and their loss.

    Without labels they are drawn from the float network's own answers, so that squared gradients are the Fisher
    information (compress/saliency.py) and first-order scores do not vanish at the minimum that the network itself is.
    """
    learn = context.split[0]
    rng = np.random.default_rng([context.seed, 3])
    which = np.sort(rng.permutation(learn)[:SAMPLES])
    x = context.inputs(which)
    if context.y_train is not None:
        return x, loss_of(context.task, context.y_train[which])
    y = run_float(context.original, x.reshape(len(x), -1))
    return x, loss_of(context.task, _drawn(context.task, y, context.seed))


def loss_of(task: Task, y: NDArray[Any]) -> Loss:
    """The loss of a task against labels: classes [n], or values [n, m].

    Where a sigmoid is part of the network its outputs are held against the labels by their squares.
    """
    if task.kind == "classes":
        return CrossEntropy(y) if task.logits else _OneHot(y)
    targets = np.asarray(y, dtype=np.float64).reshape(len(y), -1)
    return Logistic(targets) if task.kind == "binary" and task.logits else MeanSquare(targets)


class _OneHot:
    """Mean square against 1 for the right class and 0 for the others."""

    def __init__(self, labels: NDArray[np.int64]) -> None:
        self.labels = labels

    @property
    def samples(self) -> int:
        return len(self.labels)

    def values(self, y: Reals, at: slice) -> Reals:
        return self._square(y).values(y, at)

    def slopes(self, y: Reals, at: slice) -> Reals:
        return self._square(y).slopes(y, at)

    def curvatures(self, y: Reals, at: slice) -> Reals:
        return self._square(y).curvatures(y, at)

    def _square(self, y: Reals) -> MeanSquare:
        return MeanSquare(np.eye(y.shape[1])[self.labels])


def _drawn(task: Task, y: Reals, seed: int) -> NDArray[Any]:
    """Labels as the network itself gives them by chance; values with a normal error of each output's deviation."""
    rng = np.random.default_rng([seed, 4])
    if task.kind == "classes":
        return sampled_labels(y, seed) if task.logits else y.argmax(axis=1)
    if task.kind == "binary":
        return (rng.random(y.shape) < (_shares(y) if task.logits else y)).astype(np.float64)
    return y + rng.normal(size=y.shape) * y.std(axis=0)


def _shares(y: Reals) -> Reals:
    return 0.5 * (1.0 + np.tanh(0.5 * y))
