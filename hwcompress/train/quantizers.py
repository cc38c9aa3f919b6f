# SPDX-License-Identifier: Apache-2.0
"""Quantizers that training goes through: exact fixed-point numbers forward, straight-through estimates backward.

Forms stand for the weights of a layer, sites for the values between layers. All steps are powers of two, so that the
numbers are codes of fixed-point types and hardware needs no multiplier for a scale.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hwcompress.compress.formats import SPREAD, row_fracs
from hwcompress.ir.fixed import FixedPoint, Format, Reals
from hwcompress.train.forms import MakeForm, Masked

FRACS = 40  # bits either way that an exponent may reach


class _Through(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hard: Tensor, soft: Tensor) -> Tensor:
        del ctx, soft
        return hard.clone()

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[None, Tensor]:
        del ctx
        return None, slopes[0]


def through(hard: Tensor, soft: Tensor) -> Tensor:
    """`hard` to the last bit; the gradient is that of `soft`, of the same shape (Bengio et al., arXiv:1308.3432)."""
    return _Through.apply(hard.detach(), soft)  # type: ignore[no-any-return]


class _Scaled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None]:
        return slopes[0] * ctx.factor, None


def slope_scaled(x: Tensor, factor: float) -> Tensor:
    """x; its gradient times the factor (arXiv:1902.08153, appendix A)."""
    return _Scaled.apply(x, factor)  # type: ignore[no-any-return]


def half_up(x: Tensor) -> Tensor:
    """Rounded as the hardware does; ties go up. No gradient."""
    whole = torch.floor(x)
    return whole + (x - whole >= 0.5).to(x.dtype)


def rounded(x: Tensor) -> Tensor:
    """Rounded half up; the gradient is that of x."""
    return through(half_up(x), x)


def nearest_power(scale: Tensor) -> Tensor:
    """Exponents of the powers of two nearest to positive numbers: of least (2^k - scale)^2."""
    return torch.floor(torch.log2(scale * (4.0 / 3.0)))


def within_spread(fracs: Tensor, top: Tensor) -> Tensor:
    """Fraction bits of rows [m] no finer than one type of a layer allows; top [m]: largest magnitude of each.

    Rows that round to zero say nothing.
    """
    fracs = fracs.clamp(-FRACS, FRACS)
    alive = top * torch.exp2(fracs) >= 0.5
    if not bool(alive.any()):
        return fracs
    return torch.minimum(fracs, fracs[alive].min() + SPREAD)


class Quantized(Masked):
    """Free weights that the network uses as codes of fixed-point types, one exponent for each row.

    Pruned weights stay zero. `bits`: of the type of the layer's codes.
    """

    def __init__(self, weight: Reals, bits: int) -> None:
        super().__init__(weight)
        self.bits = bits

    def fracs(self) -> Tensor:
        """Fraction bits of each row [m]."""
        raise NotImplementedError

    def tops(self) -> Tensor:
        """Largest magnitude of each row [m]."""
        return (self.weight * self.mask).detach().abs().amax(1)

    def counts(self) -> Tensor:
        """Weights of each row that are not pruned, 1 at least [m, 1]."""
        return self.mask.sum(1, keepdim=True).clamp(min=1.0)

    def type_bits(self, weight: Reals) -> int:
        """Of the type of these codes."""
        del weight
        return self.bits

    def codes(self) -> tuple[float, float]:
        """Smallest and largest."""
        return -(2.0 ** (self.bits - 1)), 2.0 ** (self.bits - 1) - 1


class Uniform(Quantized):
    """Rounded and saturated at fixed exponents, those of least squared error at the start; no gradient outside."""

    steps: Tensor

    def __init__(self, weight: Reals, bits: int) -> None:
        super().__init__(weight, bits)
        fracs = torch.tensor(row_fracs(weight, bits, per_channel=True))
        self.register_buffer("steps", torch.exp2(-fracs.to(self.weight.dtype))[:, None])

    def fracs(self) -> Tensor:
        return -torch.log2(self.steps[:, 0]).round()

    def forward(self) -> Tensor:
        inside = (self.weight / self.steps).clamp(*self.codes())
        return rounded(inside) * self.steps * self.mask


class OnGrid(Quantized):
    """Weights of another form on one grid, saturated: what is shared stays shared, and w and -w stay opposite."""

    def __init__(self, weight: Reals, inner: MakeForm, bits: int) -> None:
        super().__init__(weight, bits)
        self.weight.requires_grad = False  # those of the other form count
        self.inner = inner(weight)
        self.frac = int(row_fracs(weight, bits, per_channel=False)[0])

    def fracs(self) -> Tensor:
        return self.weight.new_full((len(self.weight),), self.frac)

    def forward(self) -> Tensor:
        step, most = 2.0**-self.frac, self.codes()[1]
        return rounded((self.inner() / step).clamp(-most, most)) * step


class Lsq(Quantized):
    """Learned step sizes (Esser et al., arXiv:1902.08153, equations 1 to 3), one a row, as powers of two.

    What is learned is log2 of the step, rounded forward; its gradient is that of the step times step x ln 2, scaled by
    1 / sqrt(N Q_P). `symmetric`: without the lowest code; at 2 bits the weights are ternary.
    """

    def __init__(self, weight: Reals, bits: int, symmetric: bool = False) -> None:
        super().__init__(weight, bits)
        self.lowest = 1.0 if symmetric else 0.0
        top = self.codes()[1]
        mean = (self.weight * self.mask).detach().abs().sum(1) / self.counts()[:, 0]
        step = 2.0 * mean / top**0.5
        filled = torch.where(step > 0, step, step.max().clamp(min=2.0**-FRACS))
        self.log_step = nn.Parameter(torch.log2(filled))

    def codes(self) -> tuple[float, float]:
        lo, hi = super().codes()
        return lo + self.lowest, hi

    def fracs(self) -> Tensor:
        return within_spread(-half_up(self.log_step.detach()), self.tops())

    def forward(self) -> Tensor:
        lo, hi = self.codes()
        factor = float((self.counts().mean() * hi).rsqrt())
        step = torch.exp2(through(-self.fracs(), self.log_step))[:, None]
        step = slope_scaled(step, factor)
        return rounded((self.weight / step).clamp(lo, hi)) * step * self.mask


class Dorefa(Quantized):
    """tanh w / max |tanh w| of a layer in equal steps (Zhou et al., arXiv:1606.06160, equation 9).

    Levels are whole multiples, zero among them, of a power of two: with the largest level nearest the largest weight.
    """

    step: Tensor

    def __init__(self, weight: Reals, bits: int) -> None:
        super().__init__(weight, bits)
        top = self.weight.detach().abs().max().clamp(min=2.0**-FRACS) / self.codes()[1]
        self.register_buffer("step", torch.exp2(nearest_power(top)))

    def codes(self) -> tuple[float, float]:
        top = super().codes()[1]
        return -top, top

    def fracs(self) -> Tensor:
        return -torch.log2(self.step).round().expand(len(self.weight))

    def forward(self) -> Tensor:
        squeezed = torch.tanh(self.weight * self.mask)
        most = squeezed.abs().max().clamp(min=2.0**-FRACS)
        return rounded(squeezed / most * self.codes()[1]) * self.step * self.mask


class Signs(Quantized):
    """s x sign(w), s the mean magnitude of the row (Rastegari et al., arXiv:1603.05279) as a power of two.

    Gradient of equation 11: 1 / n + s x [|w| <= 1], n the weights of the row.
    """

    def __init__(self, weight: Reals) -> None:
        super().__init__(weight, 2)

    def fracs(self) -> Tensor:
        mean = self.weight.detach().abs().mul(self.mask).sum(1) / self.counts()[:, 0]
        alive = self.mask.amax(1) > 0
        power = nearest_power(mean.clamp(min=2.0**-FRACS))
        return within_spread(-power, torch.where(alive, torch.exp2(power), 0.0))

    def forward(self) -> Tensor:
        step = torch.exp2(-self.fracs())[:, None]
        sign = torch.where(self.weight >= 0, 1.0, -1.0)
        soft = self.weight / self.counts() + step * self.weight.clamp(-1.0, 1.0)
        return through(sign * step, soft) * self.mask


class Three(Quantized):
    """-s, 0, s: zero up to 0.7 x the mean magnitude of the row, s the mean magnitude of the others as a power of two.

    Li et al., arXiv:1605.04711, equations 5 and 6; the gradient passes unchanged.
    """

    def __init__(self, weight: Reals) -> None:
        super().__init__(weight, 2)

    def _large(self) -> Tensor:
        size = (self.weight * self.mask).detach().abs()
        return (size > 0.7 * size.sum(1, keepdim=True) / self.counts()).to(size.dtype)

    def fracs(self) -> Tensor:
        large = self._large()
        size = self.weight.detach().abs() * large
        mean = size.sum(1) / large.sum(1).clamp(min=1.0)
        power = nearest_power(mean.clamp(min=2.0**-FRACS))
        return within_spread(-power, torch.where(mean > 0, torch.exp2(power), 0.0))

    def forward(self) -> Tensor:
        step = torch.exp2(-self.fracs())[:, None]
        return through(torch.sign(self.weight) * self._large() * step, self.weight) * self.mask


class Site(nn.Module):
    """Where values get a type: rounded half up, saturated."""

    def __init__(self, bits: int, signed: bool) -> None:
        super().__init__()
        self.bits, self.signed = bits, signed

    def frac(self) -> int:
        """Fraction bits."""
        raise NotImplementedError

    def width(self) -> int:
        """Bits."""
        return self.bits

    def format(self) -> Format:
        """The type."""
        return Format(FixedPoint(self.width(), self.frac(), self.signed))

    def codes(self) -> tuple[float, float]:
        """Smallest and largest."""
        kind = FixedPoint(self.width(), 0, self.signed)
        return float(kind.min_code), float(kind.max_code)


class FixedSite(Site):
    """A type that stays; no gradient where it saturates."""

    place: Tensor

    def __init__(self, bits: int, signed: bool, frac: int) -> None:
        super().__init__(bits, signed)
        self.register_buffer("place", torch.tensor(frac))

    def frac(self) -> int:
        return int(self.place)

    def forward(self, x: Tensor) -> Tensor:
        step = 2.0 ** -self.frac()
        return rounded((x / step).clamp(*self.codes())) * step


class LsqSite(Site):
    """A learned step (arXiv:1902.08153) as a power of two; N is the number of values of a sample."""

    def __init__(self, bits: int, signed: bool, step: float) -> None:
        super().__init__(bits, signed)
        self.log_step = nn.Parameter(torch.log2(torch.tensor(step, dtype=torch.get_default_dtype())))

    def frac(self) -> int:
        return -int(half_up(self.log_step.detach()).clamp(-FRACS, FRACS))

    def forward(self, x: Tensor) -> Tensor:
        lo, hi = self.codes()
        hard = torch.full_like(self.log_step.detach(), -self.frac())
        step = slope_scaled(torch.exp2(through(hard, self.log_step)), (x[0].numel() * hi) ** -0.5)
        return rounded((x / step).clamp(lo, hi)) * step


class PactSite(Site):
    """A learned clipping level (Choi et al., arXiv:1805.06085, equations 1 to 3), rounded up to a power of two.

    dy/da is 1 where x >= a and, of signed values, -1 where x <= -a; no gradient of x there.
    """

    def __init__(self, bits: int, signed: bool, level: float) -> None:
        super().__init__(bits, signed)
        self.level = nn.Parameter(torch.tensor(level, dtype=torch.get_default_dtype()))

    def _power(self) -> int:
        level = self.level.detach().clamp(2.0**-FRACS, 2.0**FRACS)
        return int(torch.ceil(torch.log2(level)))

    def frac(self) -> int:
        return self.bits - int(self.signed) - self._power()

    def forward(self, x: Tensor) -> Tensor:
        step, top = 2.0 ** -self.frac(), 2.0 ** self._power()
        level = through(torch.full_like(self.level.detach(), top), self.level)
        soft = torch.minimum(x, level)
        soft = torch.maximum(soft, -level if self.signed else torch.zeros_like(level))
        return through(half_up((x / step).clamp(*self.codes())) * step, soft)


def lsq_step(values: Reals, bits: int, signed: bool) -> float:
    """Where a learned step begins: 2 mean |v| / sqrt(Q_P)."""
    mean = float(np.abs(values).mean()) if values.size else 0.0
    return max(2.0 * mean / float(2 ** (bits - signed) - 1) ** 0.5, 2.0**-FRACS)
