# SPDX-License-Identifier: Apache-2.0
"""Biased weight decay: small weights fall to zero, large ones stay (Hanson and Pratt, NIPS 1988)."""

from typing import Literal

import torch
from torch import Tensor

from hwcompress.train.loop import Hooks
from hwcompress.train.module import NetworkModule

Shape = Literal["square", "hyperbolic"]


def biased(weight: Tensor, scale: float, shape: Shape) -> Tensor:
    """Sum of v^2 / (1 + v^2) (square) or |v| / (1 + |v|) (hyperbolic), v = w / scale: from 0 to 1 for each weight.

    A weight of size `scale` counts 1/2; the pull on a weight grows no more with its size, and fades for large ones.
    """
    v = (weight / scale) ** 2 if shape == "square" else (weight / scale).abs()
    return (v / (1.0 + v)).sum()


def biased_hooks(strength: float, scale: float = 1.0, shape: Shape = "square") -> Hooks:
    """Loss + strength x `biased` of the weights of all layers as they are used."""

    def penalty(module: NetworkModule) -> Tensor:
        parts = [biased(product.form(), scale, shape) for product in module.products().values()]
        return strength * torch.stack(parts).sum()

    return Hooks(penalty)
