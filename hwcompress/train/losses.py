# SPDX-License-Identifier: Apache-2.0
"""What training makes small: the task's own loss, and the distance to a teacher (distillation)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Kind = Literal["classes", "binary", "values"]


@dataclass(frozen=True)
class TaskLoss:
    """Of a task: what the graph's outputs are."""

    kind: Kind
    logits: bool = True  # the softmax or sigmoid comes after the graph

    def loss(self, y: Tensor, target: Tensor) -> Tensor:
        """Mean over the batch. y [N, m]; target: classes [N], or values [N, m]."""
        if self.kind == "classes":
            return F.cross_entropy(y if self.logits else _log(y), target)
        if self.kind == "binary":
            wanted = target.reshape(y.shape).to(y.dtype)
            return F.binary_cross_entropy_with_logits(y if self.logits else torch.logit(y, 1e-6), wanted)
        return F.mse_loss(y, target.reshape(y.shape).to(y.dtype))

    def distance(self, y: Tensor, teacher: Tensor, temperature: float) -> Tensor:
        """To a teacher's outputs; softened by the temperature T and weighted with T^2 (arXiv:1503.02531, section 2)."""
        t = temperature
        if self.kind == "classes":
            student, wanted = ((v if self.logits else _log(v)) / t for v in (y, teacher))
            return (
                F.kl_div(student.log_softmax(1), wanted.log_softmax(1), log_target=True, reduction="batchmean") * t**2
            )
        if self.kind == "binary":
            student, wanted = (v if self.logits else torch.logit(v, 1e-6) for v in (y, teacher))
            return F.binary_cross_entropy_with_logits(student / t, torch.sigmoid(wanted / t)) * t**2
        return F.mse_loss(y, teacher)


@dataclass(frozen=True)
class Objective:
    """(1 - mix) x task + mix x distance to the teacher."""

    task: TaskLoss
    teacher: Callable[[Tensor], Tensor] | None = None
    mix: float = 0.0
    temperature: float = 4.0

    def __call__(self, x: Tensor, y: Tensor, target: Tensor | None) -> Tensor:
        """x as the graph reads it, y the outputs for it [N, m], target as in `Task.loss` or None."""
        mix = self.mix if target is not None else 1.0
        total = y.new_zeros(())
        if mix < 1.0 and target is not None:
            total = total + (1.0 - mix) * self.task.loss(y, target)
        if mix > 0.0:
            if self.teacher is None:
                raise ValueError("a distance to a teacher wanted, no teacher given")
            with torch.no_grad():
                wanted = self.teacher(x)
            total = total + mix * self.task.distance(y, wanted.reshape(y.shape), self.temperature)
        return total


def _log(p: Tensor) -> Tensor:
    return p.clamp(min=1e-12).log()
