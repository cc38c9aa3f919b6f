# SPDX-License-Identifier: Apache-2.0
"""conv: y[i, j, m] = sum over taps k, l and channels c of W[m, k, l, c] x[window(i, j, k, l), c], plus b[m].

Weights stand as a matrix [m, taps * channels of a group]: rows of the kernel, its columns, channels innermost. Outside
the map lies 0. Of `groups` groups, output channels of group g read the input channels of group g alone.
"""

import math
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from hwcompress.errors import ShapeError
from hwcompress.ir.fixed import Codes, FixedPoint, Reals
from hwcompress.ir.types import Range, Shape, TensorType
from hwcompress.ops.exact import check_reach, product_sum, sum_width
from hwcompress.ops.window import Window

Number = TypeVar("Number", np.int64, np.float64)


@dataclass(frozen=True, eq=False)
class Conv:
    """Float form: weight [m, taps * n / groups], bias [m], on a map of n channels."""

    weight: Reals
    bias: Reals
    window: Window
    groups: int = 1

    @property
    def channels(self) -> int:
        """Input channels."""
        return self.weight.shape[1] // self.window.taps * self.groups

    def shape(self, shape: Shape) -> Shape:
        """[rows, columns, n] in, [out rows, out columns, m] out."""
        grid = self.window.grid(shape)
        _check(self.weight.shape, self.bias.shape, self.window, self.groups, shape[-1])
        return (*grid, len(self.weight))

    def run_float(self, x: Reals) -> Reals:
        """x [batch, rows, columns, n] to y [batch, out rows, out columns, m]."""
        patches = self.window.patches(x)
        parts = [
            _flat(patches[..., a:b]) @ w.T + c
            for (a, b), w, c in zip(spans(x.shape[-1], self.groups), *split(self), strict=True)
        ]
        return np.concatenate(parts, axis=-1).reshape(*patches.shape[:3], len(self.weight))


@dataclass(frozen=True, eq=False)
class ConvCodes:
    """Integer form. The bias stands on the grid of the products, channel by channel."""

    weight: Codes  # [m, taps * n / groups]
    weight_type: FixedPoint
    shifts: tuple[int, ...]  # one more exponent of each row [m]; () means zeros
    bias: Codes  # [m], fraction bits x.frac + weight.frac + shifts
    window: Window
    groups: int = 1

    @property
    def channels(self) -> int:
        """Input channels."""
        return self.weight.shape[1] // self.window.taps * self.groups

    def infer(self, x: TensorType) -> TensorType:
        """The accumulator: no bit of any sum over codes of x's type is lost."""
        if x.shifts:
            raise ShapeError("conv wants one exponent for its whole input; got one for each channel")
        grid = self.window.grid(x.shape)
        _check(self.weight.shape, self.bias.shape, self.window, self.groups, x.channels)
        width = sum_width(self.span(Range.of(x.element, x.channels)))
        frac = x.element.frac + self.weight_type.frac
        return TensorType(len(self.weight), FixedPoint(width, frac), self.shifts, grid)

    def span(self, x: Range) -> Range:
        """min and max of every sum over all x in range, by the sign of each weight."""
        if self.window.padded:
            x = x.beside(0)
        lo, hi = (columns(v, len(self.weight), self.groups, self.window.taps) for v in (x.lo, x.hi))
        check_reach(
            (np.abs(self.weight) * np.maximum(np.abs(lo), np.abs(hi)).astype(np.float64)).sum(axis=1)
            + np.abs(self.bias)
        )
        up, down = np.maximum(self.weight, 0), np.minimum(self.weight, 0)
        return Range((up * lo + down * hi).sum(axis=1) + self.bias, (up * hi + down * lo).sum(axis=1) + self.bias)

    def run_codes(self, x: Codes) -> Codes:
        """x [batch, rows, columns, n] to accumulators [batch, out rows, out columns, m], exact."""
        patches = self.window.patches(x)
        parts = [
            product_sum(_flat(patches[..., a:b]), w, c)
            for (a, b), w, c in zip(spans(x.shape[-1], self.groups), *split(self), strict=True)
        ]
        return np.concatenate(parts, axis=-1).reshape(*patches.shape[:3], len(self.weight))


def _check(weight: Shape, bias: Shape, window: Window, groups: int, channels: int) -> None:
    m, n = weight
    if m % groups or channels % groups or n * groups != window.taps * channels or bias != (m,):
        raise ShapeError(
            f"conv wants {n * groups // window.taps} channels and b[{m}] in {groups} groups; "
            f"got {channels} channels and b{list(bias)}"
        )


def columns(channels: NDArray[Number], rows: int, groups: int, taps: int) -> NDArray[Number]:
    """A value of each input channel [n] as one of each column of every row's group [rows, taps * n / groups]."""
    return np.tile(channels.reshape(groups, -1), taps).repeat(rows // groups, axis=0)


def spans(channels: int, groups: int) -> list[tuple[int, int]]:
    """First and last + 1 input channel of each group."""
    size = channels // groups
    return [(g * size, (g + 1) * size) for g in range(groups)]


def split(op: Conv | ConvCodes) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
    """Weights and biases of each group."""
    return np.split(op.weight, op.groups), np.split(op.bias, op.groups)


def _flat(patches: NDArray[Any]) -> NDArray[Any]:
    """[batch * positions, taps * channels]."""
    return patches.reshape(math.prod(patches.shape[:3]), math.prod(patches.shape[3:]))
