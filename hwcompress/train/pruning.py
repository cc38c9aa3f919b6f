# SPDX-License-Identifier: Apache-2.0
"""Pruning within one training run: masks that grow by a polynomial schedule (Zhu and Gupta, arXiv:1710.01878)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from hwcompress.compress.prune import lamp
from hwcompress.compress.select import Mask, chosen, polynomial_decay
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
        done = min(1.0, max(0.0, (progress - self.begin) / (self.end - self.begin)))
        return polynomial_decay(initial, final, done, self.power)

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

    def _chosen(self, weights: Mapping[str, Reals], progress: float) -> dict[str, Mask]:
        """What goes: within each layer by magnitude, of all together by LAMP."""
        sizes = {name: np.abs(w) for name, w in weights.items()}
        if isinstance(self.final, Mapping):
            final = self.final
            shares = {n: self.share(self.initial[n], final[n], progress) for n in weights if n in final}
            return chosen(sizes, shares, "sparsity")
        total = sum(w.size for w in weights.values())
        start = sum(self.initial[name] * w.size for name, w in weights.items()) / max(1, total)
        return chosen({n: lamp(w) for n, w in sizes.items()}, self.share(start, self.final, progress), "sparsity")
