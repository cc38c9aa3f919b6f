# SPDX-License-Identifier: Apache-2.0
"""The values that quantized weights may take: fixed point, ternary, binary, a codebook.

A kind (what is wanted) is fitted to the weights of a layer and gives a grid. Fixed-point grids are those that
compress/quantize.py finds for the same weights and bits; found again from weights on the grid they give the same
values.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hwcompress.compress.formats import SPREAD, minmax_frac, row_fracs
from hwcompress.errors import BadInput
from hwcompress.ir.fixed import Codes, FixedPoint, Format, Reals, quantize

Rows: TypeAlias = slice | Codes  # which rows of the layer's weight


class WeightGrid(Protocol):
    """The grid of a layer: one row of values for each row of its weight."""

    def nearest(self, weight: Reals, rows: Rows) -> Reals:
        """weight [k, ...] of these k rows, each to the nearest value of its row."""
        ...

    def half(self, rows: Rows) -> Reals:
        """Largest error [k] of what lies between two values of the grid."""
        ...


@dataclass(frozen=True, eq=False)
class UniformGrid:
    """Codes of `bits` bits times the step of their row."""

    steps: Reals  # [m]
    bits: int

    def codes(self, weight: Reals, rows: Rows = slice(None)) -> Codes:
        """Codes of the nearest values, rounded half up, saturated."""
        fmt = Format(FixedPoint(self.bits, 0, self.bits > 1))
        return quantize(weight / _beside(self.steps[rows], weight), fmt)

    def nearest(self, weight: Reals, rows: Rows = slice(None)) -> Reals:
        """weight [k, ...] of these k rows, each to the nearest value of its row."""
        return self.codes(weight, rows) * _beside(self.steps[rows], weight)

    def half(self, rows: Rows = slice(None)) -> Reals:
        """Half a step [k]."""
        return self.steps[rows] / 2

    def finer(self, bits: int, coarsest: float) -> "UniformGrid":
        """Every step 2**bits times as fine, but none coarser than `coarsest` nor 2**SPREAD times as fine."""
        steps = (self.steps * 2.0**-bits).clip(coarsest * 2.0**-SPREAD, coarsest)
        return replace(self, steps=steps)


@dataclass(frozen=True, eq=False)
class ListedGrid:
    """Any values, rising along each row; one row of them for all rows, or one each."""

    values: Reals  # [1, levels] or [m, levels]

    def nearest(self, weight: Reals, rows: Rows = slice(None)) -> Reals:
        """weight [k, ...] of these k rows, each to the nearest value of its row; of two as near the lower."""
        if len(self.values) == 1:
            only = self.values[0]
            return only[np.searchsorted((only[1:] + only[:-1]) / 2, weight)]
        values = self.values[rows]
        at = np.zeros(weight.shape, dtype=np.int64)
        for middle in ((values[:, 1:] + values[:, :-1]) / 2).T:
            at += weight > _beside(middle, weight)
        return np.take_along_axis(values, at.reshape(len(at), -1), axis=1).reshape(weight.shape)

    def half(self, rows: Rows = slice(None)) -> Reals:
        """Half the widest gap [k]."""
        gaps = np.diff(self.values, axis=1).max(axis=1, initial=0.0) / 2
        return gaps[rows] if len(gaps) > 1 else gaps


@dataclass(frozen=True, slots=True)
class Fixed:
    """Fixed point of 1..16 bits; the exponents by least squared error (formats.row_fracs)."""

    bits: int
    per_channel: bool = True
    power_of_two: bool = True  # otherwise the step of the largest magnitude

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= 16:
            raise BadInput(f"weight bits: 1..16 wanted, got {self.bits}. Try: 4")

    def fit(self, weight: Reals) -> UniformGrid:
        """The grid for a weight [m, c]."""
        if self.power_of_two:
            fracs = row_fracs(weight, self.bits, self.per_channel)
            return UniformGrid(np.exp2(-fracs.astype(np.float64)), self.bits)
        top = np.abs(weight).max(axis=1, initial=0.0)
        if not self.per_channel:
            top = np.full_like(top, top.max(initial=0.0))
        most = 2.0 ** (self.bits - 1) - 1 if self.bits > 1 else 1.0
        return UniformGrid(np.where(top > 0, top / most, 1.0), self.bits)


@dataclass(frozen=True, slots=True)
class Ternary:
    """{-s, 0, s}, s of least squared error (Li et al., arXiv:1605.04711, the optimum instead of its approximation)."""

    per_channel: bool = True
    power_of_two: bool = True

    def fit(self, weight: Reals) -> ListedGrid:
        """The grid for a weight [m, c]."""
        s = np.array([self._scale(part) for part in _parts(weight, self.per_channel)])
        return ListedGrid(s[:, None] * np.array([-1.0, 0.0, 1.0]))

    def _scale(self, weight: Reals) -> float:
        """With the k largest magnitudes on s, their mean, the error falls by (their sum)^2 / k."""
        size = np.sort(np.abs(weight[weight != 0]))[::-1]
        if not size.size:
            return 1.0
        sums, count = np.cumsum(size), np.arange(1, size.size + 1)
        best = int(np.argmax(sums**2 / count))
        scale = float(sums[best] / count[best])
        return _power(scale, lambda s: float((np.minimum(size, np.abs(size - s)) ** 2).sum()), self.power_of_two)


@dataclass(frozen=True, slots=True)
class Binary:
    """{-s, s}, s the mean magnitude (Rastegari et al., arXiv:1603.05279); pruned weights stay 0."""

    per_channel: bool = True
    power_of_two: bool = True

    def fit(self, weight: Reals) -> ListedGrid:
        """The grid for a weight [m, c]."""
        s = np.array([self._scale(part) for part in _parts(weight, self.per_channel)])
        return ListedGrid(s[:, None] * np.array([-1.0, 1.0]))

    def _scale(self, weight: Reals) -> float:
        size = np.abs(weight[weight != 0])
        if not size.size:
            return 1.0
        return _power(float(size.mean()), lambda s: float(((size - s) ** 2).sum()), self.power_of_two)


@dataclass(frozen=True, slots=True)
class Codebook:
    """These values, for all rows alike."""

    values: tuple[float, ...]

    def fit(self, weight: Reals) -> ListedGrid:
        """The grid, whatever the weight."""
        values = np.unique(np.array(self.values, dtype=np.float64))
        if not values.size or not np.isfinite(values).all():
            raise BadInput(
                f"codebook: at least one finite value wanted, got {list(self.values)}. Try: (-1.0, 0.0, 1.0)"
            )
        return ListedGrid(values[None])


class Kind(Protocol):
    """What is wanted of a layer's values: Fixed, Ternary, Binary, Codebook or digits.Digits."""

    def fit(self, weight: Reals) -> WeightGrid:
        """The grid for a weight [m, c]."""
        ...


Kinds: TypeAlias = Kind | Mapping[str, Kind]  # of all layers, or by node name; a layer not named stays as it is


def candidates(kind: Kind, weight: Reals, finer: int) -> list[WeightGrid]:
    """The grid of a weight [m, c]; of fixed point by powers of two also those up to `finer` bits coarser and finer."""
    grid = kind.fit(weight)
    if not isinstance(kind, Fixed) or not isinstance(grid, UniformGrid) or not (kind.power_of_two and kind.per_channel):
        return [grid]
    coarsest = 2.0 ** -minmax_frac(weight, kind.bits, kind.bits > 1)
    return [grid, *(grid.finer(k, coarsest) for k in range(-finer, finer + 1) if k)]


def _power(scale: float, error: "_Error", wanted: bool) -> float:
    """The scale, or the power of two beside it with the smaller error."""
    if not wanted:
        return scale
    low = 2.0 ** np.floor(np.log2(scale))
    return min(low, 2 * low, low / 2, key=error)


class _Error(Protocol):
    def __call__(self, s: float, /) -> float: ...


def _parts(weight: Reals, per_channel: bool) -> list[Reals]:
    return list(weight) if per_channel else [weight]


def _beside(rows: Reals, weight: NDArray[np.float64]) -> Reals:
    """One number a row [k] in front of what lies along weight [k, ...]."""
    return rows.reshape(-1, *(1,) * (weight.ndim - 1))
