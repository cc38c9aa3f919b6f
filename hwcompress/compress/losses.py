# SPDX-License-Identifier: Apache-2.0
"""What a network's outputs cost, sample by sample, with first and second derivatives."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hwcompress.errors import BadInput
from hwcompress.ir.fixed import Reals


class Loss(Protocol):
    """Of outputs y [b, m] of the samples `at`; the loss of all samples is the mean."""

    @property
    def samples(self) -> int:
        """How many samples it knows the wanted outputs of."""
        ...

    def values(self, y: Reals, at: slice) -> Reals:
        """The loss of each sample [b]."""
        ...

    def slopes(self, y: Reals, at: slice) -> Reals:
        """Its derivative by each output [b, m]."""
        ...

    def curvatures(self, y: Reals, at: slice) -> Reals:
        """Its second derivative by each output [b, m]."""
        ...


@dataclass(frozen=True, eq=False)
class Agreement:
    """T^2 x cross-entropy against the softmax of other outputs (Hinton et al., arXiv:1503.02531).

    A single output is logistic. Against a network's own outputs all slopes are 0 (a minimum), the curvatures are not.
    """

    outputs: Reals  # [samples, m], before any softmax
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 < self.temperature < np.inf:
            raise BadInput(f"temperature: a positive number wanted, got {self.temperature}. Try: 4")

    @property
    def samples(self) -> int:
        """How many samples it knows the wanted outputs of."""
        return len(self.outputs)

    def values(self, y: Reals, at: slice) -> Reals:
        """The loss of each sample [b]."""
        targets = shares(self.outputs[at] / self.temperature)
        return self.temperature**2 * _cross_entropy(y / self.temperature, targets)

    def slopes(self, y: Reals, at: slice) -> Reals:
        """Its derivative by each output [b, m]."""
        return self.temperature * (shares(y / self.temperature) - shares(self.outputs[at] / self.temperature))

    def curvatures(self, y: Reals, at: slice) -> Reals:
        """Its second derivative by each output [b, m]."""
        p = shares(y / self.temperature)
        return p * (1.0 - p)


@dataclass(frozen=True, eq=False)
class CrossEntropy:
    """Of integer labels [samples], under the softmax of the outputs; a single output is logistic, labels 0 and 1."""

    labels: NDArray[np.int64]

    @property
    def samples(self) -> int:
        """How many samples it knows the wanted outputs of."""
        return len(self.labels)

    def values(self, y: Reals, at: slice) -> Reals:
        """The loss of each sample [b]."""
        return _cross_entropy(y, self._targets(y, at))

    def slopes(self, y: Reals, at: slice) -> Reals:
        """Its derivative by each output [b, m]."""
        return shares(y) - self._targets(y, at)

    def curvatures(self, y: Reals, at: slice) -> Reals:
        """Its second derivative by each output [b, m]."""
        p = shares(y)
        return p * (1.0 - p)

    def _targets(self, y: Reals, at: slice) -> Reals:
        labels = self.labels[at]
        classes = max(2, y.shape[1])
        if labels.shape != (len(y),) or labels.min(initial=0) < 0 or labels.max(initial=0) >= classes:
            raise BadInput(
                f"labels: one of 0..{classes - 1} for each sample wanted, got {labels.shape} up to "
                f"{labels.max(initial=0)}. Try: the classes' numbers"
            )
        return labels[:, None].astype(np.float64) if y.shape[1] == 1 else np.eye(classes)[labels]


@dataclass(frozen=True, eq=False)
class MeanSquare:
    """Mean over the outputs of the squared distance to real targets [samples, m]."""

    targets: Reals

    @property
    def samples(self) -> int:
        """How many samples it knows the wanted outputs of."""
        return len(self.targets)

    def values(self, y: Reals, at: slice) -> Reals:
        """The loss of each sample [b]."""
        return ((y - self.targets[at]) ** 2).mean(axis=1)

    def slopes(self, y: Reals, at: slice) -> Reals:
        """Its derivative by each output [b, m]."""
        return 2.0 * (y - self.targets[at]) / y.shape[1]

    def curvatures(self, y: Reals, at: slice) -> Reals:
        """Its second derivative by each output [b, m]."""
        del at
        return np.full_like(y, 2.0 / y.shape[1])


def shares(y: Reals) -> Reals:
    """Softmax of outputs [b, m]; of a single output the logistic function."""
    if y.shape[1] == 1:
        return 0.5 * (1.0 + np.tanh(0.5 * y))
    e = np.exp(y - y.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def sampled_labels(y: Reals, seed: int) -> NDArray[np.int64]:
    """Labels [b] drawn from the network's own shares: with them squared gradients are the Fisher information."""
    p = shares(y)
    p = np.concatenate([1.0 - p, p], axis=1) if y.shape[1] == 1 else p
    drawn = np.random.default_rng(seed).random((len(y), 1))
    return (np.cumsum(p, axis=1)[:, :-1] <= drawn).sum(axis=1).astype(np.int64)


def _cross_entropy(y: Reals, targets: Reals) -> Reals:
    if y.shape[1] == 1:
        return (np.logaddexp(0.0, y) - targets * y)[:, 0]
    top = y.max(axis=1, keepdims=True)
    normal = top + np.log(np.exp(y - top).sum(axis=1, keepdims=True))
    return (targets * (normal - y)).sum(axis=1)
