# SPDX-License-Identifier: Apache-2.0
"""Where the samples of a tensor lie: its dimensions, which of them is the batch, and its elements in hardware."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from hwcompress.frontend.places import Atoms, cut, joined, row_major, to_hardware
from hwcompress.frontend.raw import Mixed, Refusal
from hwcompress.ir.order import Order
from hwcompress.ir.types import Shape

# Stands for a batch of unknown size: a prime larger than any real dimension, so that shape arithmetic
# (Shape, Gather, Mul, Concat) runs on plain numbers and the batch is found again in the result.
UNKNOWN_BATCH = 1_000_003
MAX_SAMPLE = 1 << 24  # elements


@dataclass(frozen=True, slots=True)
class Padding:
    """What a Pad adds around a tensor: no hardware until an operator with a window takes it up."""

    before: tuple[int, ...]  # of each dimension
    after: tuple[int, ...]
    value: float
    node: int  # index of the Pad

    def picked(self, axes: Sequence[int | None]) -> "Padding":
        """Of these dimensions; None: a new one."""
        before, after = (tuple(0 if a is None else side[a] for a in axes) for side in (self.before, self.after))
        return replace(self, before=before, after=after)


@dataclass(frozen=True, slots=True)
class Layout:
    """A tensor that depends on the model's input."""

    dims: tuple[int, ...]  # as ONNX sees it, with padding
    batch: int | None  # axis of the batch; None if there is none
    dtype: str  # numpy name
    spread: bool = False  # the layout of one sample; those of a larger batch would share its dimensions
    places: tuple[Atoms, ...] | None = None  # of each dimension, () of the batch; None: in their own order
    shape: Shape = ()  # in hardware: [n] or [rows, columns, channels]; (): not decided yet
    padding: Padding | None = None  # not yet in hardware: no place belongs to it
    hidden: int = 0  # samples that dimension 0 holds in the file besides its `dims[0]` of each ([N 10, 4]); 0: unknown

    @property
    def sample(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return tuple(d for axis, d in enumerate(self.dims) if axis != self.batch)

    @property
    def elements(self) -> int:
        """Of one sample."""
        return math.prod(self.sample)

    @property
    def floating(self) -> bool:
        """Holds real numbers."""
        return "float" in self.dtype

    @property
    def inner(self) -> tuple[int, ...]:
        """Dimensions of one sample without padding; the batch counts as 1."""
        dims = tuple(1 if axis == self.batch else d for axis, d in enumerate(self.dims))
        pad = self.padding
        return dims if pad is None else tuple(d - b - a for d, b, a in zip(dims, pad.before, pad.after, strict=True))

    @property
    def parts(self) -> tuple[Atoms, ...]:
        """Places of each dimension."""
        return row_major(self.inner) if self.places is None else self.places

    @property
    def flat(self) -> Atoms:
        """Places of all elements of a sample in their order."""
        return joined(atom for atoms in self.parts for atom in atoms)

    @property
    def order(self) -> Order:
        """From the flat sample to the hardware's order."""
        return to_hardware(self.flat)

    @property
    def lanes(self) -> int:
        """Channels in hardware: of a vector, and of an input that may still be one, all elements."""
        return self.shape[-1] if self.shape else self.elements

    def single(self) -> "Layout":
        """The same for one sample: the batch dimension is 1."""
        dims = tuple(1 if axis == self.batch else d for axis, d in enumerate(self.dims))
        return replace(self, dims=dims)

    def loose(self) -> "Layout":
        """The same dimensions where nothing is known, or matters, of the hardware."""
        return replace(self, places=None, shape=(), padding=None, hidden=0)

    def __str__(self) -> str:
        return show(self.dims)

    def placed(self, places: Sequence[Atoms]) -> "Layout":
        """With other places."""
        found = tuple(places)
        return replace(self, places=None if found == row_major(self.inner) else found)

    def reshaped(self, dims: Sequence[int]) -> "Layout":
        """The same elements in the same order under other dimensions.

        Raises:
            Refusal: their number changes, or it would tear apart what lies together in hardware.
            Mixed: the samples are torn apart.
        """
        new = tuple(dims)
        if math.prod(new) != math.prod(self.dims):
            raise Refusal(f"cannot reshape {self} to {show(new)}")
        if self.padding is not None:
            return self._respelled(new)
        batch = None if self.batch is None else self._find_batch(new)
        plain = replace(self, dims=new, batch=batch, places=None, hidden=0)
        if self.places is None:
            return plain
        places = cut(self.flat, plain.inner)
        if places is None:
            raise Refusal(f"from {self} to {show(new)} it cuts through dimensions that lie apart in hardware")
        return plain.placed(places)

    def _respelled(self, new: tuple[int, ...]) -> "Layout":
        """A padded tensor with more or fewer dimensions of 1."""
        old = [axis for axis, d in enumerate(self.dims) if d != 1]
        if [d for d in new if d != 1] != [self.dims[axis] for axis in old]:
            raise Unpadded(f"a Reshape of {self} to {show(new)} follows")
        rest = iter(old)
        axes: list[int | None] = [None if d == 1 else next(rest) for d in new]
        if self.batch is not None and self.dims[self.batch] == 1 and self.batch < len(new) and new[self.batch] == 1:
            axes[self.batch] = self.batch
        return self.picked(axes)

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

    def picked(self, axes: Sequence[int | None]) -> "Layout":
        """These dimensions in this order; None: a new one of 1. Dimensions left out are of 1."""
        dims = tuple(1 if axis is None else self.dims[axis] for axis in axes)
        batch = list(axes).index(self.batch) if self.batch is not None and self.batch in axes else None
        padding = None if self.padding is None else self.padding.picked(axes)
        parts = self.parts
        hidden = self.hidden if axes and axes[0] == 0 else 0
        found = replace(self, dims=dims, batch=batch, padding=padding, hidden=hidden, places=None)
        return found.placed([() if axis is None else parts[axis] for axis in axes])

    def transposed(self, order: Sequence[int]) -> "Layout":
        """Axes in another order."""
        if sorted(order) != list(range(len(self.dims))):
            raise Refusal(f"perm {list(order)[:8]} does not fit {self}")
        return self.picked(order)

    def without(self, axes: Collection[int]) -> "Layout":
        """Less these dimensions of 1."""
        return self.picked([axis for axis in range(len(self.dims)) if axis not in axes])

    def widened(self, rank: int) -> "Layout":
        """With leading dimensions of 1, as broadcasting adds them."""
        return self.picked([None] * max(rank - len(self.dims), 0) + list(range(len(self.dims))))


class Unpadded(Refusal):
    """Why a node cannot take up the padding of what it reads: the Pad is to blame."""


def show(dims: Sequence[int]) -> str:
    """Dimensions for a message."""
    parts = ["N" if d == UNKNOWN_BATCH else str(d) for d in dims[:8]]
    return f"[{', '.join(parts)}{', ...' if len(dims) > 8 else ''}]"
