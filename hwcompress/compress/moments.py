# SPDX-License-Identifier: Apache-2.0
"""Means and deviations of every channel put back to those of the float network, layer by layer.

Bias correction: Nagel et al., arXiv:1906.04721, section 4.2, on data. Statistics correction: Frantar, Singh, Alistarh,
arXiv:2208.11580: mean and deviation of every channel behind a compressed layer are matched by a scale and a shift, here
in the layer's own weight and bias.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal, TypeAlias

import numpy as np

from hwcompress.compress.hessian import Weighted, advance, checked
from hwcompress.compress.reconstruct import alike
from hwcompress.errors import BadInput
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Node, Op

Scale: TypeAlias = Literal["none", "power", "real"]
FLAT = 1e-9  # share of its mean square below which the variance of a channel is rounding


def correct_bias(graph: Graph[Op], reference: Graph[Op], x: Reals) -> Graph[Op]:
    """The mean error of every channel of each layer moved into its bias, first to last.

    reference: the float network, of the same layers. x: calibration data [samples, *graph.shape].

    Raises:
        BadInput: x or the reference does not fit.
    """
    return correct_moments(graph, reference, x, "none")


def correct_moments(graph: Graph[Op], reference: Graph[Op], x: Reals, scale: Scale = "power") -> Graph[Op]:
    """Mean and deviation of every channel of each layer matched to the reference, first to last.

    scale: "real" factors before quantization; "power" of two keeps weights on their fixed-point grid (per channel) and
    comes as near as that allows; "none" corrects the mean alone. Zeros stay. Other arguments as of correct_bias.

    Raises:
        BadInput: x, the scale or the reference does not fit.
    """
    if scale not in FACTORS:
        raise BadInput(f"scale: none, power or real wanted, got {scale}. Try: power")
    alike(graph, reference)
    exact = seen = checked(graph, x)
    nodes: list[Node[Op]] = []
    for node, model in zip(graph, reference, strict=True):
        exact, made = advance(model.op, exact), advance(node.op, seen)
        new = node
        if isinstance(node.op, Weighted):
            factor, shift = _factor_and_shift(exact, made, FACTORS[scale])
            op = node.op
            new = replace(node, op=replace(op, weight=op.weight * factor[:, None], bias=op.bias * factor + shift))
            made = made * factor + shift
        seen = made
        nodes.append(new)
    return replace(graph, nodes=tuple(nodes))


def _power(factor: Reals) -> Reals:
    """The nearest power of two; of two as near the larger."""
    low = np.exp2(np.floor(np.log2(factor)))
    return np.where(factor >= 1.5 * low, 2 * low, low)


FACTORS: dict[Scale, Callable[[Reals], Reals]] = {"none": np.ones_like, "power": _power, "real": np.copy}


def _factor_and_shift(exact: Reals, made: Reals, round_to: Callable[[Reals], Reals]) -> tuple[Reals, Reals]:
    """Of every channel [m], from both outputs [samples, ..., m]."""
    axes = tuple(range(exact.ndim - 1))
    spread, own = exact.std(axis=axes), made.std(axis=axes)
    flat = (spread**2 <= FLAT * (exact**2).mean(axis=axes)) | (own**2 <= FLAT * (made**2).mean(axis=axes))
    factor = round_to(np.where(flat, 1.0, spread) / np.where(flat, 1.0, own))
    return factor, exact.mean(axis=axes) - factor * made.mean(axis=axes)
