# SPDX-License-Identifier: Apache-2.0
"""L0 regularization: every weight, or group of weights, behind a gate that training may shut (arXiv:1712.01312)."""

import math
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from hwcompress.ir.fixed import Reals
from hwcompress.train.forms import Masked
from hwcompress.train.groups import Index
from hwcompress.train.loop import Hooks
from hwcompress.train.module import NetworkModule

BETA, GAMMA, ZETA = 2.0 / 3.0, -0.1, 1.1  # section 4.1: temperature, and the interval that the concrete is stretched to
OPEN = math.log(-(1.0 - GAMMA) / (1.0 - ZETA))  # least log alpha of a gate that is 1 at test time


def gate(log_alpha: Tensor, u: Tensor) -> Tensor:
    """The hard concrete of uniform numbers u, 0 to 1 (equations 10 and 11)."""
    s = torch.sigmoid((u.log() - (-u).log1p() + log_alpha) / BETA)
    return (s * (ZETA - GAMMA) + GAMMA).clamp(0.0, 1.0)


def still_gate(log_alpha: Tensor) -> Tensor:
    """The gate without noise, as the trained network has it (equation 13)."""
    return (torch.sigmoid(log_alpha) * (ZETA - GAMMA) + GAMMA).clamp(0.0, 1.0)


def open_share(log_alpha: Tensor) -> Tensor:
    """Probability that a gate is not zero (equation 12)."""
    return torch.sigmoid(log_alpha - BETA * math.log(-GAMMA / ZETA))


class Gated(Masked):
    """Free weights under a mask, times a gate for each group of them.

    At the start the gates are 1 at test time: the network is what it was.
    """

    index: Tensor
    noise: Tensor

    def __init__(self, weight: Reals, index: Index) -> None:
        """index [m, n]: the group of each weight, from 0."""
        super().__init__(weight)
        count = int(index.max(initial=-1)) + 1
        self.log_alpha = nn.Parameter(torch.full((count,), OPEN + 1e-3, dtype=self.weight.dtype))
        self.register_buffer("index", torch.tensor(index))
        self.register_buffer("noise", torch.full_like(self.log_alpha.detach(), 0.5), persistent=False)

    def forward(self) -> Tensor:
        gates = gate(self.log_alpha, self.noise) if self.training else still_gate(self.log_alpha)
        return super().forward() * gates[self.index]

    def values(self) -> Reals:
        """The matrix in float64, without noise."""
        with torch.no_grad():
            made = self.weight * self.mask * still_gate(self.log_alpha)[self.index]
            return made.cpu().numpy().astype(np.float64)

    def draw(self, rng: np.random.Generator) -> None:
        """Other noise for the gates."""
        u = rng.uniform(1e-6, 1.0 - 1e-6, len(self.noise))
        self.noise.copy_(torch.tensor(u))

    def expected(self) -> Tensor:
        """How many weights are not zero, on average."""
        sizes = torch.zeros_like(self.noise).index_add_(0, self.index.ravel(), self.mask.ravel())
        return (sizes * open_share(self.log_alpha)).sum()


def l0_hooks(module: NetworkModule, price: float, seed: Sequence[int], factor: float) -> Hooks:
    """Loss + price x expected number of weights that are not zero, over all `Gated` layers.

    The noise of a step depends on the seed and the step alone, so that a training goes on from a checkpoint.

    Args:
        module: the network.
        price: lambda of equation 3, in loss for each weight.
        seed: of the noise.
        factor: learning rate of the gates over that of the weights.
    """
    forms = [p.form for p in module.products().values() if isinstance(p.form, Gated)]

    def penalty(_module: NetworkModule) -> Tensor:
        return price * _sum(form.expected() for form in forms)

    def before_step(_module: NetworkModule, step: int, _steps: int) -> None:
        rng = np.random.default_rng([*seed, step, 3])
        for form in forms:
            form.draw(rng)

    parameters = [{"params": [form.log_alpha for form in forms], "factor": factor}]
    return Hooks(penalty, before_step, counts_from=1.0, parameters=parameters)


def _sum(values: Iterable[Tensor]) -> Tensor:
    return torch.stack(list(values)).sum()
