# SPDX-License-Identifier: Apache-2.0
"""Pruning within one training run: masks that grow by a polynomial schedule (Zhu and Gupta, arXiv:1710.01878)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from hwcompress.compress.prune import lamp, smallest
from hwcompress.ir.fixed import Reals
from hwcompress.train.forms import Masked
from hwcompress.train.module import NetworkModule


@dataclass(frozen=True)
class Gradual:
    """s = final + (initial - final) * (1 - (t - begin) / (end - begin))^power, every `frequency` steps."""

    initial: Mapping[str, float]  # sparsity of each layer, by node
    final: Mapping[str, float] | float  # of each layer; or of all together
    begin: float  # shares of all steps
    end: float
    frequency: int
    power: float = 3.0

    def share(self, initial: float, final: float, progress: float) -> float:
        """Sparsity at a share of all steps."""
        left = 1.0 - min(1.0, max(0.0, (progress - self.begin) / (self.end - self.begin)))
        return final + (initial - final) * left**self.power

    def __call__(self, module: NetworkModule, step: int, steps: int) -> None:
        """Before a training step."""
        first, last = round(self.begin * steps), round(self.end * steps)
        due = first <= step <= last and ((step - first) % self.frequency == 0 or step == last)
        if due:
            self.prune(module, last / steps if step == last else step / steps)

    def prune(self, module: NetworkModule, progress: float) -> None:
        """Masks as they are due."""
        forms = {name: p.form for name, p in module.products().items() if isinstance(p.form, Masked)}
        weights = {name: form.values() for name, form in forms.items()}
        for name, gone in self._chosen(weights, progress).items():
            keep = torch.tensor(~gone & (weights[name] != 0), dtype=forms[name].mask.dtype)
            forms[name].mask.copy_(keep)

    def _chosen(
        self, weights: Mapping[str, Reals], progress: float
    ) -> "dict[str, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]]":
        """What goes."""
        if isinstance(self.final, Mapping):
            final = self.final
            return {
                name: smallest(w, round(self.share(self.initial[name], final[name], progress) * w.size))
                for name, w in weights.items()
                if name in final
            }
        sizes = {name: w.size for name, w in weights.items()}
        total = sum(sizes.values())
        start = sum(self.initial[name] * size for name, size in sizes.items()) / max(1, total)
        count = round(self.share(start, self.final, progress) * total)
        scores = np.concatenate([lamp(np.abs(w)).ravel() for w in weights.values()])
        parts = np.split(smallest(scores, count), np.cumsum(list(sizes.values()))[:-1])
        return {name: part.reshape(w.shape) for (name, w), part in zip(weights.items(), parts, strict=True)}
