# SPDX-License-Identifier: Apache-2.0
"""Activations that are functions of one number: Lookup."""

from hwcompress.frontend.raw import Refusal
from hwcompress.frontend.use import Step, Use
from hwcompress.ops import Lookup


def _lookup(use: Use, function: str, *parameters: float) -> Step:
    return Step((Lookup(function, parameters),), use.first())


def sigmoid(use: Use) -> Step:
    """1 / (1 + exp(-x))."""
    return _lookup(use, "sigmoid")


def tanh(use: Use) -> Step:
    """The hyperbolic tangent."""
    return _lookup(use, "tanh")


def elu(use: Use) -> Step:
    """x, or alpha (exp(x) - 1) below zero."""
    return _lookup(use, "elu", use.node.number("alpha", 1.0))


def selu(use: Use) -> Step:
    """gamma x, or gamma alpha (exp(x) - 1) below zero."""
    alpha = use.node.number("alpha", 1.67326319217681884765625)  # the defaults of the ONNX standard
    return _lookup(use, "selu", alpha, use.node.number("gamma", 1.05070102214813232421875))


def celu(use: Use) -> Step:
    """x, or alpha (exp(x / alpha) - 1) below zero."""
    alpha = use.node.number("alpha", 1.0)
    if alpha <= 0.0:
        raise Refusal(f"attribute alpha is {alpha:g}; it must be above 0")
    return _lookup(use, "celu", alpha)


def softplus(use: Use) -> Step:
    """log(1 + exp(x))."""
    return _lookup(use, "softplus")


def softsign(use: Use) -> Step:
    """x / (1 + |x|)."""
    return _lookup(use, "softsign")


def thresholded_relu(use: Use) -> Step:
    """x above alpha, else 0."""
    return _lookup(use, "thresholded_relu", use.node.number("alpha", 1.0))


def hard_swish(use: Use) -> Step:
    """x min(max(x / 6 + 1 / 2, 0), 1)."""
    return _lookup(use, "hard_swish")


def gelu(use: Use) -> Step:
    """x times the normal distribution function, or its approximation by a tanh."""
    mode = use.node.text("approximate", "none")
    if mode not in ("none", "tanh"):
        raise Refusal("attribute approximate must be none or tanh")
    return _lookup(use, "gelu" if mode == "none" else "gelu_tanh")


def mish(use: Use) -> Step:
    """x tanh(log(1 + exp(x)))."""
    return _lookup(use, "mish")


def swish(use: Use) -> Step:
    """x / (1 + exp(-alpha x))."""
    return _lookup(use, "swish", use.node.number("alpha", 1.0))
