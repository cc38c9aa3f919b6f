# SPDX-License-Identifier: Apache-2.0
"""The functions of `ops.lookup` in torch."""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor


def _leaky_relu(x: Tensor, alpha: float) -> Tensor:
    return torch.where(x < 0, alpha * x, x)


def _elu(x: Tensor, alpha: float) -> Tensor:
    return torch.where(x < 0, alpha * torch.expm1(x.clamp(max=0.0)), x)


def _selu(x: Tensor, alpha: float, gamma: float) -> Tensor:
    return gamma * _elu(x, alpha)


def _celu(x: Tensor, alpha: float) -> Tensor:
    return x.clamp(min=0.0) + alpha * torch.expm1(x.clamp(max=0.0) / alpha)


def _softplus(x: Tensor) -> Tensor:
    return torch.logaddexp(torch.zeros_like(x), x)


def _softsign(x: Tensor) -> Tensor:
    return x / (1.0 + x.abs())


def _thresholded_relu(x: Tensor, alpha: float) -> Tensor:
    return torch.where(x > alpha, x, torch.zeros_like(x))


def _hard_swish(x: Tensor) -> Tensor:
    return x * (x / 6.0 + 0.5).clamp(0.0, 1.0)


def _gelu(x: Tensor) -> Tensor:
    return 0.5 * x * (1.0 + torch.erf(x / math.sqrt(2.0)))


def _gelu_tanh(x: Tensor) -> Tensor:
    return 0.5 * x * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)))


def _mish(x: Tensor) -> Tensor:
    return x * torch.tanh(_softplus(x))


def _swish(x: Tensor, alpha: float) -> Tensor:
    return x * torch.sigmoid(alpha * x)


FUNCTIONS: Mapping[str, Callable[..., Tensor]] = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "selu": _selu,
    "celu": _celu,
    "softplus": _softplus,
    "softsign": _softsign,
    "thresholded_relu": _thresholded_relu,
    "hard_swish": _hard_swish,
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "mish": _mish,
    "swish": _swish,
}
