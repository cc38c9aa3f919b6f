# SPDX-License-Identifier: Apache-2.0
"""Learned bit widths (Sun et al., HGQ, arXiv:2405.00645): fraction bits of rows of weights and of values are trained.

The loss pays for every product: bits of the weight x bits of what it multiplies (effective bit operations, EBOPs).
"""

import math
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from hwcompress.compress.formats import exact_fracs, row_fracs
from hwcompress.compress.quantize import Types
from hwcompress.compress.stages import products_each, stages
from hwcompress.errors import BadInput
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Op
from hwcompress.ops import Conv, Dense
from hwcompress.train.loop import Hooks
from hwcompress.train.module import NetworkModule
from hwcompress.train.qat import QuantizedModule
from hwcompress.train.quantizers import Quantized, Site, half_up, through, within_spread

WIDEST = 16  # bits of a type of weights
FORGETS = 0.995  # what is left of the largest value seen, a batch later
BIT_PRICE = 2e-6  # gamma: loss for a bit of every learned width, so that those of no product shrink too
SETTLED = 0.9  # share of the steps before which the widths still fall: no epoch may be the best
FACTOR = 10.0  # learning rate of the widths over that of the weights


class _Rounded(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, fracs: Tensor) -> Tensor:
        scale = torch.exp2(fracs)
        y = half_up(x * scale) / scale
        ctx.save_for_backward(x - y)
        ctx.shape = fracs.shape
        return y

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, Tensor]:
        (error,) = ctx.saved_tensors
        return slopes[0], (slopes[0] * error * math.log(2.0)).sum_to_size(ctx.shape)


def round_to(x: Tensor, fracs: Tensor) -> Tensor:
    """x at so many fraction bits, whole numbers; dy/dx = 1, dy/df = ln 2 x (x - y) (equations 9 and 15)."""
    return _Rounded.apply(x, fracs)  # type: ignore[no-any-return]


def magnitude_bits(top: Tensor) -> Tensor:
    """Bits before the point of a magnitude: 2^(bits - 1) <= top < 2^bits; far below any type for 0."""
    return torch.where(top > 0, torch.frexp(top)[1].to(top.dtype), -100.0)


class LearnedBits(Quantized):
    """Weights of which each row learns its fraction bits; nothing saturates, and a row without bits is pruned."""

    def __init__(self, weight: Reals, bits: int) -> None:
        """bits: at the start."""
        super().__init__(weight, bits)
        fracs = row_fracs(weight, bits, per_channel=True)
        self.places = nn.Parameter(torch.tensor(fracs, dtype=self.weight.dtype))

    def fracs(self) -> Tensor:
        tops = self.tops()
        most = WIDEST - 2 - magnitude_bits(tops)
        return within_spread(torch.minimum(half_up(self.places.detach()), most), tops)

    def forward(self) -> Tensor:
        return round_to(self.weight, through(self.fracs(), self.places)[:, None]) * self.mask

    def type_bits(self, weight: Reals) -> int:
        """The fewest with which one type of the layer holds these weights."""
        fitting = (n for n in range(2, WIDEST) if exact_fracs(weight, n) is not None)
        return next(fitting, WIDEST) if weight.any() else 2

    def widths(self) -> Tensor:
        """Bits of the magnitude of every weight that is not zero; the gradient is that of its row's places."""
        fracs = through(self.fracs(), self.places)[:, None]
        made = self().detach().abs()
        return torch.where(made > 0, (fracs + magnitude_bits(made)).clamp(min=0.0), 0.0)


class LearnedSite(Site):
    """Values that learn their fraction bits; the bits before the point are those of the largest seen, lately."""

    top: Tensor

    def __init__(self, bits: int, signed: bool, frac: int, top: float, limit: int = WIDEST) -> None:
        """bits and frac: at the start; top: largest magnitude seen; limit: most bits."""
        super().__init__(bits, signed)
        self.limit = limit
        dtype = torch.get_default_dtype()
        self.places = nn.Parameter(torch.tensor(float(frac), dtype=dtype))
        self.register_buffer("top", torch.tensor(max(top, 2.0**-30), dtype=dtype))

    def _whole(self) -> int:
        """Bits before the point, the sign too."""
        return int(magnitude_bits(self.top)) + int(self.signed)

    def frac(self) -> int:
        whole = self._whole()
        return min(max(int(half_up(self.places.detach())), 1 + int(self.signed) - whole), self.limit - whole)

    def width(self) -> int:
        return self.frac() + self._whole()

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.top.copy_(torch.maximum(self.top * FORGETS, x.detach().abs().max()))
        frac = through(torch.full_like(self.places.detach(), self.frac()), self.places)
        lo, hi = (code * 2.0 ** -self.frac() for code in self.codes())
        return round_to(x, frac).clamp(lo, hi)

    def priced(self) -> Tensor:
        """Bits; the gradient is that of the places."""
        return through(torch.full_like(self.places.detach(), self.width()), self.places)


def learned_ebops(module: QuantizedModule) -> Tensor:
    """Sum over all products of bits of the weight x bits of the value (section III.D), as loss."""
    uses = products_each(module.graph)
    total = torch.zeros(())
    for stage, product, entry in module.weighted_stages():
        if isinstance(product.form, LearnedBits):
            bits = entry.priced() if isinstance(entry, LearnedSite) else float(entry.width())
            total = total + product.form.widths().sum() * bits * uses[stage.layer]
    return total


def bits_hooks(price: float, per_bit: float = BIT_PRICE) -> Hooks:
    """Loss + price x EBOPs + per_bit x sum of all learned widths.

    Args:
        price: beta, loss of one effective bit operation of one sample.
        per_bit: gamma.
    """

    def penalty(module: NetworkModule) -> Tensor:
        whole = cast("QuantizedModule", module)
        rows = [m.widths().amax(1).sum() for m in whole.modules() if isinstance(m, LearnedBits)]
        sites = [m.priced() for m in whole.modules() if isinstance(m, LearnedSite)]
        return price * learned_ebops(whole) + per_bit * torch.stack([*rows, *sites]).sum()

    return Hooks(penalty, counts_from=SETTLED)


def learned(module: NetworkModule) -> list[nn.Parameter]:
    """The widths among the parameters."""
    return [m.places for m in module.modules() if isinstance(m, LearnedBits | LearnedSite)]


def ebops(graph: Graph[Op], types: Types) -> int:
    """Of a network whose weights lie on grids: sum over all products of weight bits x value bits (section III.D).

    The bits of a weight are those from its highest to its lowest one; the bits of a value are those of its type.

    Raises:
        BadInput: a layer's weights are no fixed-point numbers of at most 16 bits.
    """
    uses = products_each(graph)
    entry, total = types.values["input"], 0
    for stage in stages(graph):
        if isinstance(stage.product, Dense | Conv):
            each = enclosed_bits(stage.product.weight)
            if int(each.max(initial=0)) > WIDEST:
                raise BadInput(f"{stage.layer}: weights of at most {WIDEST} bits wanted. Try: quantize first")
            total += int(each.sum()) * uses[stage.layer] * entry.type.width
        entry = types.values.get(stage.key, entry)
    return total


def enclosed_bits(weight: Reals) -> "np.ndarray[tuple[int, ...], np.dtype[np.int64]]":
    """Bits from the highest to the lowest one of each magnitude; 0 for 0."""
    whole = np.ldexp(np.abs(np.frexp(weight)[0]), 53).astype(np.int64)
    low = np.frexp((whole & -whole).astype(np.float64))[1] - 1
    return np.where(whole == 0, 0, 53 - low).astype(np.int64)
