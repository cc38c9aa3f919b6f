# SPDX-License-Identifier: Apache-2.0
"""The training loop: batches, optimizer, learning rate, early stopping, checkpoints."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hwcompress.errors import BadInput
from hwcompress.ir.fixed import Reals
from hwcompress.train.losses import Objective
from hwcompress.train.module import NetworkModule, Product
from hwcompress.train.samples import Samples

STEPS = 50  # of an epoch, at least, if the batch is free
EVALUATED = 1024  # samples a forward pass without gradients


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to learn."""

    epochs: int = 10
    batch: int = 128  # 0: 128, and fewer where an epoch has less than STEPS steps
    optimizer: Literal["adam", "sgd"] = "adam"
    learning_rate: float = 1e-3
    decay: Literal["cosine", "step", "constant"] = "cosine"
    momentum: float = 0.9  # of sgd
    l1: float = 0.0  # on weights
    l2: float = 0.0
    patience: int = 0  # epochs without a better validation score before it ends; 0: never
    keep: Literal["best", "last"] = "best"  # the epoch whose numbers are returned
    shift: int = 0  # pixels that images are moved by, at most
    seed: tuple[int, ...] = (0,)

    def rate(self, progress: float) -> float:
        """After this share of all steps: down a cosine (arXiv:1608.03983), or to a tenth at 1/2 and at 3/4."""
        if self.decay == "cosine":
            return self.learning_rate * 0.5 * (1.0 + math.cos(math.pi * progress))
        if self.decay == "step":
            return self.learning_rate * (0.1 ** ((progress >= 0.5) + (progress >= 0.75)))
        return self.learning_rate


@dataclass
class Hooks:
    """What takes part in training beside the loss."""

    penalty: Callable[[NetworkModule], Tensor] | None = None  # added to the loss
    before_step: Callable[[NetworkModule, int, int], None] | None = None  # step, steps: masks that grow
    after_step: Callable[[NetworkModule, float], None] | None = None  # learning rate: proximal steps
    counts_from: float = 0.0  # share of the steps before which no epoch may be the best: masks are still growing
    parameters: Sequence[dict[str, Any]] = ()  # further groups for the optimizer


@dataclass
class Epoch:
    """What one pass over the data came to."""

    loss: float
    score: float  # on the validation samples: share of right decisions, or minus the mean squared error


@dataclass
class Trained:
    """The way that training took."""

    epochs: list[Epoch] = field(default_factory=list[Epoch])
    best: int = -1  # index of the epoch whose numbers were kept


def train(
    module: NetworkModule,
    train_on: Samples,
    validate_on: Samples,
    objective: Objective,
    schedule: Schedule,
    score: Callable[[Reals, NDArray[Any]], float],
    hooks: Hooks | None = None,
    checkpoint: Path | None = None,
    progress: Callable[[int, Epoch], None] | None = None,
) -> Trained:
    """Train in place. From a checkpoint of the same run it goes on where that ended, to the same bytes.

    score: of answers [n, m] and labels; without labels minus the distance to the teacher counts.

    Raises:
        BadInput: the loss is no number any more (diverged).
    """
    run = _Run(module, schedule, hooks or Hooks())
    if checkpoint is not None and checkpoint.exists():
        run.load(checkpoint)
    while not run.finished:
        epoch = run.epoch(train_on, objective, len(run.done.epochs))
        epoch.score = evaluate(module, validate_on, objective, score)
        run.note(epoch)
        if checkpoint is not None:
            run.save(checkpoint)
        if progress is not None:
            progress(len(run.done.epochs), epoch)
    return run.end()


class _Run:
    """The state of a training between two epochs."""

    def __init__(self, module: NetworkModule, schedule: Schedule, hooks: Hooks) -> None:
        self.module, self.schedule, self.hooks = module, schedule, hooks
        self.optimizer = _optimizer(module, schedule, hooks)
        self.done = Trained()
        self.best: dict[str, Tensor] = _copy(module)

    @property
    def finished(self) -> bool:
        count = len(self.done.epochs)
        waited = count - 1 - self.done.best if self.done.best >= 0 else 0
        return count >= self.schedule.epochs or (0 < self.schedule.patience <= waited)

    def epoch(self, samples: Samples, objective: Objective, index: int) -> Epoch:
        """One pass over the data."""
        s, module = self.schedule, self.module
        batch = s.batch or min(128, max(8, len(samples) // STEPS))
        each = -(-len(samples) // batch)
        steps, step, total = each * s.epochs, index * each, 0.0
        module.train()
        for x, y in samples.batches(batch, (*s.seed, index), s.shift):
            rate = s.rate(step / steps)
            for group in self.optimizer.param_groups:
                group["lr"] = rate * group.get("factor", 1.0)
            if self.hooks.before_step:
                self.hooks.before_step(module, step, steps)
            loss = self._step(objective, x, y)
            if not math.isfinite(loss):
                raise BadInput(
                    f"training diverged: the loss is {loss} in epoch {index + 1}, a finite number wanted. "
                    f"Try: a learning_rate below {s.learning_rate:g}"
                )
            if self.hooks.after_step:
                self.hooks.after_step(module, rate)
            total += loss * len(x)
            step += 1
        return Epoch(total / max(1, len(samples)), 0.0)

    def _step(self, objective: Objective, x: Tensor, y: Tensor | None) -> float:
        self.optimizer.zero_grad(set_to_none=True)
        answers = self.module(x)
        loss = objective(x, answers.reshape(len(x), -1), y)
        penalized = loss + _norms(self.module, self.schedule)
        if self.hooks.penalty:
            penalized = penalized + self.hooks.penalty(self.module)
        penalized.backward()
        self.optimizer.step()
        return float(penalized.detach())

    def note(self, epoch: Epoch) -> None:
        """Keep the numbers if this epoch is the best so far."""
        done = self.done
        done.epochs.append(epoch)
        last = len(done.epochs) - 1
        counts = len(done.epochs) / self.schedule.epochs > self.hooks.counts_from or last + 1 == self.schedule.epochs
        better = done.best < 0 or epoch.score > done.epochs[done.best].score
        if counts and (better or self.schedule.keep == "last"):
            done.best, self.best = last, _copy(self.module)

    def end(self) -> Trained:
        """The module with the best numbers."""
        self.module.load_state_dict(self.best)
        return self.done

    def save(self, path: Path) -> None:
        """As a whole or not at all."""
        state = {
            "module": self.module.state_dict(),
            "best": self.best,
            "optimizer": self.optimizer.state_dict(),
            "epochs": [(e.loss, e.score) for e in self.done.epochs],
            "kept": self.done.best,
        }
        part = path.with_suffix(".part")
        torch.save(state, part)
        part.replace(path)

    def load(self, path: Path) -> None:
        """Go on from there."""
        state = torch.load(path, weights_only=True)
        self.module.load_state_dict(state["module"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.best = state["best"]
        self.done = Trained([Epoch(*e) for e in state["epochs"]], state["kept"])


def evaluate(
    module: NetworkModule, samples: Samples, objective: Objective, score: Callable[[Reals, NDArray[Any]], float]
) -> float:
    """The score; without labels minus the distance to the teacher."""
    y = answers(module, samples)
    if samples.y is not None:
        return score(y.numpy().astype(np.float64), samples.y.numpy())
    total = 0.0
    with torch.no_grad():
        for part, x in zip(y.split(EVALUATED), samples.x.split(EVALUATED), strict=True):
            total += float(objective(samples.inputs(x), part, None)) * len(x)
    return -total / max(1, len(samples))


def answers(module: NetworkModule, samples: Samples) -> Tensor:
    """Outputs [N, m]."""
    module.eval()
    with torch.no_grad():
        parts = [module(samples.inputs(x)).reshape(len(x), -1) for x in samples.x.split(EVALUATED)]
    return torch.cat(parts)


def _optimizer(module: NetworkModule, schedule: Schedule, hooks: Hooks) -> torch.optim.Optimizer:
    apart = {id(p) for group in hooks.parameters for p in group["params"]}
    groups: list[dict[str, Any]] = [{"params": [p for p in module.parameters() if id(p) not in apart]}]
    groups += hooks.parameters
    if schedule.optimizer == "adam":
        return torch.optim.Adam(groups, lr=schedule.learning_rate)
    return torch.optim.SGD(groups, lr=schedule.learning_rate, momentum=schedule.momentum)


def _norms(module: NetworkModule, schedule: Schedule) -> Tensor | float:
    """L1 and L2 of the weights as they are used."""
    if not (schedule.l1 or schedule.l2):
        return 0.0
    total: Tensor | float = 0.0
    for layer in module.layers:
        if isinstance(layer, Product):
            weight = layer.form()
            total = total + schedule.l1 * weight.abs().sum() + schedule.l2 * (weight * weight).sum()
    return total


def _copy(module: NetworkModule) -> dict[str, Tensor]:
    return {k: v.detach().clone() for k, v in module.state_dict().items()}
