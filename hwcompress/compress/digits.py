# SPDX-License-Identifier: Apache-2.0
"""Weights of few canonical signed digits: every non-zero digit is an operand of an adder graph (layers of reuse 1).

Either at most so many digits a weight (Digits, a grid like any other), or a price for every digit that is weighed
against the layer's output error while errors are handed on from column to column as in GPTQ (arXiv:2210.17323).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hwcompress.compress.gptq import gptq_pass
from hwcompress.compress.grids import Fixed, Rows
from hwcompress.compress.hessian import Weighted
from hwcompress.compress.reconstruct import STANDARD, Layer, Settings, by_layer, layerwise
from hwcompress.engines.csd import digit_counts
from hwcompress.errors import BadInput
from hwcompress.ir.fixed import Codes, FixedPoint, Reals
from hwcompress.ir.graph import Graph, Op


@dataclass(frozen=True, slots=True)
class Digits:
    """Fixed point of `bits` bits by powers of two, codes of at most `most` signed digits."""

    bits: int
    most: int
    per_channel: bool = True

    def __post_init__(self) -> None:
        if self.most < 0:
            raise BadInput(f"digits: 0 or more wanted, got {self.most}. Try: 2")

    def fit(self, weight: Reals) -> "CodeGrid":
        """The grid for a weight [m, c]."""
        whole = Fixed(self.bits, self.per_channel).fit(weight)
        return CodeGrid(whole.steps, few(self.bits, self.most))


@dataclass(frozen=True, eq=False)
class CodeGrid:
    """Some codes, times the step of their row."""

    steps: Reals  # [m]
    allowed: Codes  # rising

    def nearest(self, weight: Reals, rows: Rows) -> Reals:
        """weight [k, ...] of these k rows, each to the nearest value of its row; of two as near the upper."""
        steps = self.steps[rows].reshape(-1, *(1,) * (weight.ndim - 1))
        middles = (self.allowed[1:] + self.allowed[:-1]) / 2
        return self.allowed[np.searchsorted(middles, weight / steps, side="right")] * steps

    def half(self, rows: Rows) -> Reals:
        """Half the widest gap [k]."""
        return self.steps[rows] * float(np.diff(self.allowed).max(initial=0)) / 2


def few(bits: int, most: int) -> Codes:
    """Codes of `bits` bits with at most `most` signed digits, rising."""
    kind = FixedPoint(bits, 0, bits > 1)
    codes = np.arange(kind.min_code, kind.max_code + 1, dtype=np.int64)
    return codes[digit_counts(codes) <= most]


def price_digits(
    graph: Graph[Op],
    x: Reals,
    bits: int | Mapping[str, int],
    price: float,
    *,
    per_channel: bool = True,
    settings: Settings = STANDARD,
) -> Graph[Op]:
    """Fixed-point weights that trade the layer's output error for signed digits, errors handed on as in GPTQ.

    x: calibration data [samples, *graph.shape]. price: squared output error that a digit saved is worth, as a share of
    the layer's mean squared output for each of its weights; 0 is GPTQ. Zeros stay.

    Raises:
        BadInput: the price, bits or a name makes no sense, or x does not fit.
    """
    if not 0 <= price < np.inf:
        raise BadInput(f"price of a digit: 0 or more wanted, got {price}. Try: 0.001")
    wanted = {name: Fixed(each, per_channel) for name, each in by_layer(graph, bits).items()}

    def solve(layer: Layer) -> Reals | None:
        return price_layer(layer, wanted[layer.name], price) if layer.name in wanted else None

    return layerwise(graph, x, solve, settings)


def price_layer(layer: Layer, kind: Fixed, price: float) -> Reals:
    """New weights [m, c] of a layer."""
    kept = layer.kept
    energy = float(layer.losses(np.zeros_like(layer.goal)).sum()) / max(1, int(kept.sum()))
    steps = kind.fit(layer.refitted()).steps
    most = int(digit_counts(few(kind.bits, kind.bits)).max())
    grids = [CodeGrid(steps, few(kind.bits, digits)) for digits in range(most + 1)]

    def pick(weight: Reals, rows: slice, loss: float) -> Reals:
        """Of the nearest codes of 0, 1, 2 ... digits the best; of two as good the one of fewer."""
        nearest = np.stack([grid.nearest(weight, rows) for grid in grids])
        costs = loss * (nearest - weight) ** 2 + price * energy * np.arange(most + 1)[:, None]
        return nearest[costs.argmin(axis=0), np.arange(len(weight))]

    return gptq_pass(layer, kept, None, pick)[0]


def digits_of(graph: Graph[Op], bits: int | Mapping[str, int], *, per_channel: bool = True) -> dict[str, int]:
    """Signed digits of all weights of each layer, on the grid that compress/quantize.py finds for them at these bits.

    Raises:
        BadInput: the bits or a name makes no sense.
    """
    kinds = {name: Fixed(each, per_channel) for name, each in by_layer(graph, bits).items()}
    ops = {n.name: n.op for n in graph if isinstance(n.op, Weighted)}
    return {
        name: int(digit_counts(kind.fit(ops[name].weight).codes(ops[name].weight)).sum())
        for name, kind in kinds.items()
    }
