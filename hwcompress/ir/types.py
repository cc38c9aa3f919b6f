# SPDX-License-Identifier: Apache-2.0
"""Types of tensors."""

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from hwcompress.ir.fixed import Codes, FixedPoint, Reals

Grid: TypeAlias = tuple[int, int] | tuple[()]  # rows and columns of a map; () of a vector
Shape: TypeAlias = tuple[int, ...]  # [channels] of a vector, [rows, columns, channels] of a map


def spread_channels(values: Codes, elements: int) -> Codes:
    """Values of the channels [c] repeated for every position [elements]; raster order, channels innermost."""
    return np.tile(values, elements // len(values))


def image_axes(shape: Shape) -> tuple[int, int] | None:
    """Which dimensions of a sample are rows and columns; None if it is no image.

    [C, H, W] and [H, W, C] are told apart by the smaller end, which holds the channels.
    """
    if len(shape) == 2 and min(shape) > 1:
        return 0, 1
    if len(shape) != 3:
        return None
    axes = (1, 2) if shape[0] <= shape[2] else (0, 1)
    return axes if min(shape[a] for a in axes) > 1 else None


@dataclass(frozen=True, slots=True)
class TensorType:
    """Shape and code type of a value, with one more exponent per channel.

    The real value of code q in channel c is q * 2**-(element.frac + shifts[c]); no `shifts` means zeros. A vector is
    one position without a grid; a 1-D map has one row.
    """

    channels: int
    element: FixedPoint
    shifts: tuple[int, ...] = ()
    grid: Grid = ()

    @property
    def shape(self) -> Shape:
        """Of a sample."""
        return (*self.grid, self.channels)

    @property
    def positions(self) -> int:
        """Rows x columns."""
        return math.prod(self.grid)

    @property
    def elements(self) -> int:
        """Codes of a sample."""
        return self.positions * self.channels

    def fracs(self) -> Codes:
        """Fraction bits of each channel [channels]."""
        return self.element.frac + np.asarray(self.shifts or (0,) * self.channels, dtype=np.int64)

    def reals(self, codes: Codes) -> Reals:
        """Real values of codes [..., channels]."""
        return codes.astype(np.float64) * np.exp2(-self.fracs().astype(np.float64))

    def __str__(self) -> str:
        return f"{self.element}[{', '.join(map(str, self.shape))}]"


@dataclass(frozen=True, slots=True)
class Range:
    """Smallest and largest code each channel can take at any position: guaranteed, not observed."""

    lo: Codes  # [channels]
    hi: Codes  # [channels]

    @staticmethod
    def of(kind: FixedPoint, channels: int) -> "Range":
        """Everything that the type can hold."""
        return Range(np.full(channels, kind.min_code, dtype=np.int64), np.full(channels, kind.max_code, dtype=np.int64))

    def spread(self, elements: int) -> "Range":
        """The range of each element of a map [elements], for a reader to which all of them are channels."""
        return Range(spread_channels(self.lo, elements), spread_channels(self.hi, elements))

    def beside(self, code: int) -> "Range":
        """With one more code that may stand in place of any element."""
        return Range(np.minimum(self.lo, code), np.maximum(self.hi, code))

    def magnitudes(self) -> Reals:
        """Largest absolute value of each channel."""
        return np.maximum(np.abs(self.lo), np.abs(self.hi)).astype(np.float64)

    def largest(self) -> int:
        """Largest absolute value of all channels."""
        return int(self.magnitudes().max(initial=0.0))
