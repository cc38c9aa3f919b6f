# SPDX-License-Identifier: Apache-2.0
"""Where the samples of a tensor lie: its dimensions and which of them is the batch."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hwcompress.frontend.raw import Array, Mixed, Refusal
from hwcompress.ir.fixed import Reals

# Stands for a batch of unknown size: a prime larger than any real dimension, so that shape arithmetic
# (Shape, Gather, Mul, Concat) runs on plain numbers and the batch is found again in the result.
UNKNOWN_BATCH = 1_000_003
MAX_SAMPLE = 1 << 24  # elements


@dataclass(frozen=True, slots=True)
class Layout:
    """A tensor that depends on the model's input."""

    dims: tuple[int, ...]
    batch: int | None  # axis of the batch; None if there is none
    dtype: str  # numpy name
    spread: bool = False  # the layout of one sample; those of a larger batch would share its dimensions

    @property
    def sample(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return tuple(d for axis, d in enumerate(self.dims) if axis != self.batch)

    @property
    def channels(self) -> int:
        """Elements of one sample."""
        return math.prod(self.sample)

    @property
    def floating(self) -> bool:
        """Holds real numbers."""
        return "float" in self.dtype

    def single(self) -> "Layout":
        """The same for one sample: the batch dimension is 1."""
        dims = tuple(1 if axis == self.batch else d for axis, d in enumerate(self.dims))
        return replace(self, dims=dims)

    def __str__(self) -> str:
        return show(self.dims)

    def reshaped(self, dims: Sequence[int]) -> "Layout":
        """The same elements in the same order under other dimensions.

        Raises:
            Refusal: their number changes.
            Mixed: the samples are torn apart.
        """
        new = tuple(dims)
        if math.prod(new) != math.prod(self.dims):
            raise Refusal(f"cannot reshape {self} to {show(new)}")
        if self.batch is None:
            return replace(self, dims=new)
        return replace(self, dims=new, batch=self._find_batch(new))

    def _find_batch(self, dims: tuple[int, ...]) -> int | None:
        assert self.batch is not None
        size, before = self.dims[self.batch], math.prod(self.dims[: self.batch])
        if size == 1:
            keep = [self.batch] if self.batch < len(dims) and dims[self.batch] == 1 else []
            return next(iter([*keep, *(axis for axis, d in enumerate(dims) if d == 1)]), None)
        for axis, d in enumerate(dims):
            if d == size and math.prod(dims[:axis]) == before:
                return axis
        raise Mixed(f"from {self} to {show(dims)} the samples of a batch are mixed")

    def transposed(self, order: Sequence[int]) -> "Layout":
        """Axes in another order, if that moves nothing but the batch and dimensions of 1.

        Raises:
            Refusal: elements of a sample would change places.
        """
        if sorted(order) != list(range(len(self.dims))):
            raise Refusal(f"perm {list(order)[:8]} does not fit {self}")
        moving = [axis for axis in order if axis != self.batch and self.dims[axis] != 1]
        if moving != sorted(moving):
            raise Refusal(f"perm {list(order)} moves elements of {self}; only dimensions of 1 may move")
        batch = None if self.batch is None else list(order).index(self.batch)
        return replace(self, dims=tuple(self.dims[axis] for axis in order), batch=batch)

    def without(self, axes: Collection[int]) -> "Layout":
        """Less these dimensions."""
        dims = tuple(d for axis, d in enumerate(self.dims) if axis not in axes)
        if self.batch is None or self.batch in axes:
            return replace(self, dims=dims, batch=None)
        return replace(self, dims=dims, batch=self.batch - sum(axis < self.batch for axis in axes))

    def widened(self, rank: int) -> "Layout":
        """With leading dimensions of 1, as broadcasting adds them."""
        extra = max(rank - len(self.dims), 0)
        batch = None if self.batch is None else self.batch + extra
        return replace(self, dims=(1,) * extra + self.dims, batch=batch)


def show(dims: Sequence[int]) -> str:
    """Dimensions for a message."""
    parts = ["N" if d == UNKNOWN_BATCH else str(d) for d in dims[:8]]
    return f"[{', '.join(parts)}{', ...' if len(dims) > 8 else ''}]"


def per_channel(constant: Array, layout: Layout) -> tuple[Reals, Layout]:
    """One value for each element of a sample [channels], as broadcasting pairs them; and the layout of the result.

    Raises:
        Refusal: the constant makes the tensor larger, or differs from sample to sample.
    """
    wide = layout.widened(constant.ndim).single()
    c = constant.reshape((1,) * (len(wide.dims) - constant.ndim) + constant.shape)
    if wide.batch is not None and c.shape[wide.batch] != 1:
        first = c.take([0], axis=wide.batch)
        if c.shape[wide.batch] != layout.dims[wide.batch - len(wide.dims)] or (c != first).any():
            raise Refusal(f"constant {show(constant.shape)} against {layout} differs from sample to sample")
        c = first
    if any(have not in (1, want) for have, want in zip(c.shape, wide.dims, strict=True)):
        raise Refusal(
            f"constant {show(constant.shape)} does not fit {layout}, one value or one for each channel is wanted"
        )
    values = np.broadcast_to(c, wide.dims).reshape(-1).astype(np.float64)
    return finite(values, "the constant"), layout.widened(constant.ndim)


def finite(values: Reals, what: str) -> Reals:
    """The values, if all are numbers.

    Raises:
        Refusal: NaN or infinity among them.
    """
    bad = np.count_nonzero(~np.isfinite(values))
    if bad:
        raise Refusal(f"{what} holds NaN or infinity ({bad} of {values.size} values)")
    return values
