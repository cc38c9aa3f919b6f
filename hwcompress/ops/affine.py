# SPDX-License-Identifier: Apache-2.0
"""affine: y[c] = s[c] x[c] + b[c], channel by channel."""

from dataclasses import dataclass

import numpy as np

from hwcompress.errors import ShapeError
from hwcompress.ir.fixed import Codes, FixedPoint, Reals
from hwcompress.ir.types import Range, TensorType
from hwcompress.ops.exact import check_reach, sum_width


@dataclass(frozen=True, eq=False)
class Affine:
    """Float form: scale [n], bias [n]."""

    scale: Reals
    bias: Reals

    def shape(self, channels: int) -> int:
        """As many channels out as in."""
        if self.scale.shape != (channels,) or self.bias.shape != (channels,):
            raise ShapeError(f"affine wants s[{channels}] and b[{channels}]; got {self.scale.shape} {self.bias.shape}")
        return channels

    def run_float(self, x: Reals) -> Reals:
        """x [batch, n] to y [batch, n]."""
        return x * self.scale + self.bias


@dataclass(frozen=True, eq=False)
class AffineCodes:
    """Integer form, the bias on the grid of the products."""

    scale: Codes  # [n]
    scale_type: FixedPoint
    shifts: tuple[int, ...]  # one more exponent of each channel; () means zeros
    bias: Codes  # [n]

    def infer(self, x: TensorType) -> TensorType:
        """The accumulator, exact."""
        if x.shifts:
            raise ShapeError("affine wants one exponent for its whole input; got one for each channel")
        if self.scale.shape != (x.channels,):
            raise ShapeError(f"affine wants x[{len(self.scale)}]; got x[{x.channels}]")
        width = sum_width(self.span(Range.of(x.element, x.channels)))
        frac = x.element.frac + self.scale_type.frac
        return TensorType(x.channels, FixedPoint(width, frac), self.shifts)

    def span(self, x: Range) -> Range:
        """Both ends, by the sign of the scale."""
        check_reach(np.abs(self.scale) * x.magnitudes() + np.abs(self.bias))
        a, b = self.scale * x.lo + self.bias, self.scale * x.hi + self.bias
        return Range(np.minimum(a, b), np.maximum(a, b))

    def run_codes(self, x: Codes) -> Codes:
        """x [batch, n] to accumulators [batch, n], exact."""
        return x * self.scale + self.bias
