# SPDX-License-Identifier: Apache-2.0
"""Dropout at a rate that falls with the connections that are left (Han 2015, arXiv:1506.02626, section 3.2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hwcompress.train.loop import Hooks
from hwcompress.train.module import NetworkModule


@dataclass(frozen=True)
class Rate:
    """Of what enters a layer."""

    original: float  # with all connections
    connections: int  # that there were

    def now(self, left: int) -> float:
        """D_o sqrt(C_r / C_o) with C_r of C_o connections left."""
        return self.original * min(1.0, (left / self.connections) ** 0.5) if self.connections else 0.0


def dropout_hooks(module: NetworkModule, rates: Mapping[str, Rate], seed: Sequence[int]) -> Hooks:
    """Values that enter these nodes are zero that often while the module trains; the others grow, so that means stay.

    What is drawn depends on the seed and the step alone, so that a training goes on from a checkpoint.
    """
    draws = torch.Generator()
    now: dict[str, float] = {}

    def drop(name: str, product: nn.Module, given: tuple[Any, ...]) -> Any:
        rate, x = now.get(name, 0.0), given[0]
        if not product.training or rate == 0:
            return None
        kept: Tensor = torch.rand(x.shape, generator=draws, dtype=x.dtype) >= rate
        return (x * kept / (1 - rate),)

    def before_step(_module: NetworkModule, step: int, _steps: int) -> None:
        draws.manual_seed(int(np.random.default_rng([*seed, step, 5]).integers(1 << 62)))
        with torch.no_grad():
            for name, rate in rates.items():
                now[name] = rate.now(int(torch.count_nonzero(module.products()[name].form())))

    for name in rates:
        module.products()[name].register_forward_pre_hook(partial(drop, name))
    return Hooks(before_step=before_step)
