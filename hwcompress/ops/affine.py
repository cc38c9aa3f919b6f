# SPDX-License-Identifier: Apache-2.0
"""affine: y = s x + b, with an s and b for each channel, or for each element of a map."""

from dataclasses import dataclass

import numpy as np

from hwcompress.errors import ShapeError
from hwcompress.ir.fixed import Codes, FixedPoint, Reals
from hwcompress.ir.types import Range, Shape, TensorType
from hwcompress.ops.exact import check_reach, sum_width


@dataclass(frozen=True, eq=False)
class Affine:
    """Float form: scale and bias, both [n] or both [rows, columns, n]."""

    scale: Reals
    bias: Reals

    def shape(self, shape: Shape) -> Shape:
        """That of the input."""
        _check(self.scale.shape, self.bias.shape, shape)
        return shape

    def run_float(self, x: Reals) -> Reals:
        """x [batch, ..., n] to y of the same shape."""
        return x * self.scale + self.bias


@dataclass(frozen=True, eq=False)
class AffineCodes:
    """Integer form, the bias on the grid of the products."""

    scale: Codes  # [n] or [rows, columns, n]
    scale_type: FixedPoint
    shifts: tuple[int, ...]  # one more exponent of each channel [n]; () means zeros
    bias: Codes  # as scale

    def infer(self, x: TensorType) -> TensorType:
        """The accumulator, exact."""
        if x.shifts:
            raise ShapeError("affine wants one exponent for its whole input; got one for each channel")
        _check(self.scale.shape, self.bias.shape, x.shape)
        width = sum_width(self.span(Range.of(x.element, x.channels)))
        frac = x.element.frac + self.scale_type.frac
        return TensorType(x.channels, FixedPoint(width, frac), self.shifts, x.grid)

    def span(self, x: Range) -> Range:
        """Both ends, by the sign of the scale."""
        check_reach(np.abs(self.scale) * x.magnitudes() + np.abs(self.bias))
        a, b = self.scale * x.lo + self.bias, self.scale * x.hi + self.bias
        positions = tuple(range(self.scale.ndim - 1))
        return Range(np.minimum(a, b).min(axis=positions), np.maximum(a, b).max(axis=positions))

    def run_codes(self, x: Codes) -> Codes:
        """x [batch, ..., n] to accumulators of the same shape, exact."""
        return x * self.scale + self.bias


def _check(scale: Shape, bias: Shape, shape: Shape) -> None:
    if scale not in (shape, shape[-1:]) or bias != scale:
        own, whole = list(shape[-1:]), f", or both {list(shape)}" if len(shape) > 1 else ""
        raise ShapeError(f"affine wants s{own} and b{own}{whole}; got {scale} {bias}")
