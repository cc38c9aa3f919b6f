# SPDX-License-Identifier: Apache-2.0
"""dense: y[j] = sum over i of W[j, i] x[i], plus b[j]. Of a map it reads every element, in raster order."""

import math
from dataclasses import dataclass

import numpy as np

from hwcompress.errors import ShapeError
from hwcompress.ir.fixed import Codes, FixedPoint, Reals
from hwcompress.ir.types import Range, Shape, TensorType
from hwcompress.ops.exact import check_reach, product_sum, sum_width


@dataclass(frozen=True, eq=False)
class Dense:
    """Float form: weight [m, n], bias [m]."""

    weight: Reals
    bias: Reals

    def shape(self, shape: Shape) -> Shape:
        """n elements in, m channels out."""
        m, n = self.weight.shape
        if math.prod(shape) != n or self.bias.shape != (m,):
            raise ShapeError(f"dense wants x[{n}] and b[{m}]; got x{list(shape)} and b{self.bias.shape}")
        return (m,)

    def run_float(self, x: Reals) -> Reals:
        """x [batch, n], or a map of n elements, to y [batch, m]."""
        return x.reshape(len(x), self.weight.shape[1]) @ self.weight.T + self.bias


@dataclass(frozen=True, eq=False)
class DenseCodes:
    """Integer form. The bias stands on the grid of the products, channel by channel."""

    weight: Codes  # [m, n]
    weight_type: FixedPoint
    shifts: tuple[int, ...]  # one more exponent of each row [m]; () means zeros
    bias: Codes  # [m], fraction bits x.frac + weight.frac + shifts

    def infer(self, x: TensorType) -> TensorType:
        """The accumulator: no bit of any sum over codes of x's type is lost."""
        if x.shifts:
            raise ShapeError("dense wants one exponent for its whole input; got one for each channel")
        if x.elements != self.weight.shape[1]:
            raise ShapeError(f"dense wants x[{self.weight.shape[1]}]; got x[{x.elements}]")
        width = sum_width(self.span(Range.of(x.element, x.channels)))
        frac = x.element.frac + self.weight_type.frac
        return TensorType(len(self.weight), FixedPoint(width, frac), self.shifts)

    def span(self, x: Range) -> Range:
        """min and max of W x + b over every x in range, by the sign of each weight."""
        x = x.spread(self.weight.shape[1])
        check_reach(np.abs(self.weight).astype(np.float64) @ x.magnitudes() + np.abs(self.bias))
        up, down = np.maximum(self.weight, 0), np.minimum(self.weight, 0)
        return Range(up @ x.lo + down @ x.hi + self.bias, up @ x.hi + down @ x.lo + self.bias)

    def run_codes(self, x: Codes) -> Codes:
        """x [batch, n], or a map of n elements, to accumulators [batch, m], exact."""
        return product_sum(x.reshape(len(x), self.weight.shape[1]), self.weight, self.bias)
