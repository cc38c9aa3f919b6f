# SPDX-License-Identifier: Apache-2.0
"""Which dimensions of a tensor are the rows, columns and channels of the map that lies in hardware."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hwcompress.frontend.layout import Layout, Unpadded
from hwcompress.frontend.places import Atoms, cut, fills, joined, row_major, split
from hwcompress.frontend.raw import Refusal

ROWS, COLUMNS = 0, 1


class Want(Exception):  # noqa: N818 (a wish, which the survey grants)
    """An operator with a window reads a tensor whose order is still free: these dimensions, outermost first."""

    def __init__(self, rows: Sequence[int], columns: Sequence[int], channels: Sequence[int]) -> None:
        """Dimensions along the rows, the columns and the channels of the map."""
        super().__init__()
        self._groups = tuple(rows), tuple(columns), tuple(channels)

    def arranged(self, layout: Layout) -> Layout:
        """The tensor as it is wanted."""
        dims = [axis for group in self._groups for axis in group]
        inner = layout.inner
        places: list[Atoms] = [()] * len(inner)
        for axis, atoms in zip(dims, row_major([inner[axis] for axis in dims]), strict=True):
            places[axis] = atoms
        rows, columns, channels = (math.prod(inner[axis] for axis in group) for group in self._groups)
        return replace(layout, shape=(rows, columns, channels)).placed(places)

    def source(self, start: Layout, layout: Layout) -> Layout:
        """The model's input laid out so that this tensor, made of it without any arithmetic, is as it is wanted.

        Raises:
            Refusal: no order of the input's dimensions does it.
        """
        old = [atom for group in self._groups for axis in group for atom in layout.parts[axis]]
        new = [step for ((_, step),) in row_major([size for size, _ in old])]
        inward = sorted(range(len(old)), key=lambda k: -old[k][1])
        places = cut(joined((old[k][0], new[k]) for k in inward), start.inner)
        if places is None:
            raise Refusal(
                f"wants the elements of {layout} in an order that the dimensions of input {start} cannot take"
            )
        return replace(start, shape=self.arranged(layout).shape).placed(places)


def batch_first(layout: Layout) -> Layout:
    """The layout, if dimension 0 is the batch or a single sample, and dimension 1 holds channels without padding.

    Raises:
        Refusal: it is not.
        Unpadded: there is some.
    """
    pads = layout.padding
    if pads is not None and any((*pads.before[:2], *pads.after[:2])):
        raise Unpadded(f"it makes dimension 1 of {layout} larger, which holds channels")
    if layout.batch == 0:
        return layout
    if not layout.dims or layout.dims[0] != 1 or (layout.batch is not None and layout.dims[layout.batch] != 1):
        raise Refusal(f"dimension 0 of {layout} is not the batch")
    return layout if layout.batch is None else replace(layout, batch=0)


@dataclass(frozen=True)
class Map:
    """A map as an operator with a window sees it: dimensions [N, channels, spatial...]."""

    layout: Layout
    axes: tuple[int, ...]  # ROWS or COLUMNS, of each spatial dimension

    def made(self, sizes: Sequence[int], channels: Sequence[Atoms], count: int) -> Layout:
        """The map with other sizes of the spatial dimensions and `count` other channels at these places."""
        grid = [1, 1]
        for axis, size in zip(self.axes, sizes, strict=True):
            grid[axis] = size
        steps = (grid[COLUMNS] * count, count)
        along = [joined([(size, steps[axis])]) for axis, size in zip(self.axes, sizes, strict=True)]
        dims = (self.layout.dims[0], count, *sizes)
        shape = (grid[ROWS], grid[COLUMNS], count)
        return replace(self.layout, dims=dims, shape=shape, padding=None).placed([(), *channels, *along])


def find_map(layout: Layout) -> Map:
    """Rows and columns among the dimensions [N, channels, spatial...] of a tensor, one or two of them spatial.

    Raises:
        Want: the order of the tensor is free.
        Refusal: it lies in another order.
    """
    spatial = range(2, len(layout.dims))
    if not layout.shape:
        raise Want(spatial[:-1], spatial[-1:], [1])
    check_map(layout)
    if not fills(layout.parts[1], layout.lanes):
        raise Refusal(f"wants channels in dimension 1 of {layout}, where {held(layout, 1)} lie")
    axes = [_axis(layout, axis) for axis in spatial]
    free = [axis for axis in (ROWS, COLUMNS) if axis not in axes][-axes.count(None) :]
    return Map(layout, tuple(free.pop(0) if axis is None else axis for axis in axes))


def check_map(layout: Layout) -> None:
    """Nothing, if the tensor lies in hardware as a map.

    Raises:
        Refusal: as a vector.
    """
    if len(layout.shape) != 3:
        raise Refusal(f"works on a map, but {layout} is a vector of {layout.elements} elements in hardware")


def _axis(layout: Layout, axis: int) -> int | None:
    """ROWS or COLUMNS; None for a dimension of 1."""
    rows, columns, lanes = layout.shape
    atoms = layout.parts[axis]
    if atoms in ((), ((columns, lanes),)):
        return COLUMNS if atoms else None
    if atoms == ((rows, columns * lanes),):
        return ROWS
    raise Refusal(f"wants rows or columns in dimension {axis} of {layout}, where {held(layout, axis)} lie")


def held(layout: Layout, axis: int) -> str:
    """What a dimension of a map holds, for a message."""
    _, columns, lanes = layout.shape
    atoms = layout.parts[axis]
    found: list[str] = []
    for name, place in (("rows", columns * lanes), ("columns", lanes), ("channels", 1)):
        halves = split(atoms, place)
        if halves is None:
            return "parts of rows, columns and channels"
        outer, atoms = halves
        found += [name] if outer else []
    return " and ".join(found) or "no elements of their own"
