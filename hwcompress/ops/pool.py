# SPDX-License-Identifier: Apache-2.0
"""pool: the largest element, or the sum, of each window, channel by channel.

An average is a sum and an affine with the reciprocals of the counts.
"""

import math
from dataclasses import dataclass

import numpy as np

from hwcompress.ir.fixed import Codes, FixedPoint, Reals
from hwcompress.ir.types import Range, Shape, TensorType
from hwcompress.ops.exact import sum_width
from hwcompress.ops.window import Window


@dataclass(frozen=True, slots=True)
class MaxPool:
    """Float form."""

    window: Window
    fill: float = -math.inf  # what lies outside the map

    def shape(self, shape: Shape) -> Shape:
        """[rows, columns, n] to [out rows, out columns, n]."""
        return (*self.window.grid(shape), shape[-1])

    def run_float(self, x: Reals) -> Reals:
        """x [batch, rows, columns, n] to y [batch, out rows, out columns, n]."""
        return self.window.patches(x, self.fill).max(axis=(3, 4))


@dataclass(frozen=True, slots=True)
class SumPool:
    """Float form; outside the map lies 0."""

    window: Window

    def shape(self, shape: Shape) -> Shape:
        """[rows, columns, n] to [out rows, out columns, n]."""
        return (*self.window.grid(shape), shape[-1])

    def run_float(self, x: Reals) -> Reals:
        """x [batch, rows, columns, n] to y [batch, out rows, out columns, n]."""
        return self.window.patches(x).sum(axis=(3, 4))


@dataclass(frozen=True, slots=True)
class MaxPoolCodes:
    """Integer form."""

    window: Window
    fill: int  # code that lies outside the map

    def infer(self, x: TensorType) -> TensorType:
        """The type of the input."""
        return TensorType(x.channels, x.element, x.shifts, self.window.grid(x.shape))

    def span(self, x: Range) -> Range:
        """That of the input; every window touches the map, so a fill can only raise what leaves."""
        return Range(x.lo, np.maximum(x.hi, self.fill)) if self.window.padded else x

    def run_codes(self, x: Codes) -> Codes:
        """x [batch, rows, columns, n] to y [batch, out rows, out columns, n]."""
        return self.window.patches(x, self.fill).max(axis=(3, 4))


@dataclass(frozen=True, slots=True)
class SumPoolCodes:
    """Integer form; outside the map lies 0. The real value of a sum is also divided by 2**exponent."""

    window: Window
    exponent: int = 0

    def infer(self, x: TensorType) -> TensorType:
        """The sum, exact."""
        grid = self.window.grid(x.shape)
        width = sum_width(self.span(Range.of(x.element, x.channels)))
        return TensorType(x.channels, FixedPoint(width, x.element.frac + self.exponent), x.shifts, grid)

    def span(self, x: Range) -> Range:
        """All taps at one end."""
        if self.window.padded:
            x = x.beside(0)
        return Range(x.lo * self.window.taps, x.hi * self.window.taps)

    def run_codes(self, x: Codes) -> Codes:
        """x [batch, rows, columns, n] to sums [batch, out rows, out columns, n]."""
        return self.window.patches(x).sum(axis=(3, 4))


@dataclass(frozen=True, eq=False)
class Chosen:
    """A maximum over chosen elements of a vector: `index` [m, taps], -1 where the code `fill` stands."""

    index: Codes
    fill: int

    def infer(self, x: TensorType) -> TensorType:
        """The type of the input."""
        return TensorType(len(self.index), x.element)

    def span(self, x: Range) -> Range:
        """At least what every one of the elements is at least."""
        lo, hi = (np.append(v, self.fill)[self.index].max(axis=1) for v in (x.lo, x.hi))
        return Range(lo, hi)

    def run_codes(self, x: Codes) -> Codes:
        """x [batch, n] to y [batch, m]."""
        padded = np.pad(x, ((0, 0), (0, 1)), constant_values=self.fill)
        return padded[:, self.index].max(axis=2)
