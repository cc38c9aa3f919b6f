# SPDX-License-Identifier: Apache-2.0
"""Pools, and reductions over the positions of a map, which are pools with one window."""

import math
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from hwcompress.frontend.hostlayout import within
from hwcompress.frontend.layout import Layout, Padding, Unpadded
from hwcompress.frontend.places import Atoms, joined
from hwcompress.frontend.raw import Refusal
from hwcompress.frontend.spatial import COLUMNS, Map, Want, batch_first, check_map, find_map, held
from hwcompress.frontend.use import Step, Use, normal_axes
from hwcompress.frontend.windows import Slide, slides, window
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Op
from hwcompress.ops import Affine, MaxPool, SumPool, Window


def max_pool(use: Use) -> Step:
    """The largest element of each window."""
    layout = batch_first(use.first())
    along = slides(use.node, layout)
    found = find_map(layout)
    fill, pads = -math.inf, layout.padding
    if pads is not None:
        fill = pads.value
        if fill != -math.inf and any(s.before or s.beyond > 0 for s in along):
            raise Unpadded(f"{use.node} pads for itself, not with {fill:g}")
    return Step((MaxPool(window(found, along), fill),), _pooled(found, along))


def average_pool(use: Use) -> Step:
    """The sum of each window over the number of its elements; padding counts where count_include_pad says so."""
    layout = batch_first(use.first())
    along = slides(use.node, layout)
    found = find_map(layout)
    _check_zeros(use, layout.padding)
    counts = [np.ones(1), np.ones(1)]
    for axis, slide in zip(found.axes, along, strict=True):
        full = use.node.integer("count_include_pad", 0) != 0
        inside = slide.taps(slide.size + slide.after) if full else slide.taps(slide.size) - slide.taps(0)
        counts[axis] = inside.astype(np.float64)
    return Step((SumPool(window(found, along)), *_shares(np.outer(*counts), layout.lanes)), _pooled(found, along))


def _pooled(found: Map, along: Sequence[Slide]) -> Layout:
    layout = found.layout
    return found.made([s.out for s in along], layout.parts[1:2], layout.lanes)


def _check_zeros(use: Use, pads: Padding | None) -> None:
    if pads is not None and pads.value != 0:
        raise Unpadded(f"{use.node} would add up its {pads.value:g}; only zeros can be")


def _shares(counts: Reals, lanes: int) -> tuple[Op, ...]:
    """Division by the counts [rows, columns]: one factor where they are all the same."""
    if (counts == 1).all():
        return ()
    shares = 1.0 / counts
    if (counts == counts[0, 0]).all():
        scale = np.full(lanes, shares[0, 0])
    else:
        scale = np.repeat(shares[:, :, None], lanes, axis=2)
    return (Affine(scale, np.zeros_like(scale)),)


def global_average_pool(use: Use) -> Step:
    """The mean over all positions."""
    return _over_positions(use, "mean")


def global_max_pool(use: Use) -> Step:
    """The largest of all positions."""
    return _over_positions(use, "max")


def _over_positions(use: Use, kind: str) -> Step:
    layout = batch_first(use.first())
    if len(layout.dims) < 3:
        raise Refusal(f"works along {max(len(layout.dims) - 2, 0)} dimensions of {layout}; 1 or more are wanted")
    return _reduced(use, layout, range(2, len(layout.dims)), kind)


def reduce_mean(use: Use) -> Step:
    """The mean along some dimensions."""
    return _reduce(use, "mean")


def reduce_sum(use: Use) -> Step:
    """The sum along some dimensions."""
    return _reduce(use, "sum")


def reduce_max(use: Use) -> Step:
    """The largest along some dimensions."""
    return _reduce(use, "max")


def _reduce(use: Use, kind: str) -> Step:
    layout, given = use.first(), use.axes(1)
    rank = len(layout.dims)
    if not given and use.node.integer("noop_with_empty_axes", 0):
        return Step((), layout)
    axes = normal_axes(given, rank) if given else tuple(range(rank))
    within(layout, axes)
    if layout.batch in axes:
        raise Refusal(f"works along the batch of {layout}")
    step = _reduced(use, layout, axes, kind)
    if use.node.integer("keepdims", 1):
        return step
    return replace(step, layout=step.layout.without(axes))


def _reduced(use: Use, layout: Layout, axes: Collection[int], kind: str) -> Step:
    """One value for all along `axes`, which stay as dimensions of 1."""
    kept = [axis for axis in range(len(layout.dims)) if axis not in axes and axis != layout.batch]
    count = math.prod(layout.dims[axis] for axis in axes)
    if count == 1:
        return Step((), layout)
    if not kept:
        raise Refusal(f"leaves nothing but one value of {layout}; only rows and columns of a map are supported")
    if not layout.shape:
        first, *rest = sorted(axes)
        raise Want([first] if rest else [], rest or [first], kept)
    check_map(layout)
    pads = layout.padding
    if pads is not None:
        if kind == "max" or any(pads.before[axis] or pads.after[axis] for axis in kept):
            raise Unpadded(f"{use.node} reduces")
        _check_zeros(use, pads)
    kernel = _kernel(layout, axes)
    made = _without_positions(layout, axes, kernel)
    if kind == "max":
        return Step((MaxPool(Window(kernel)),), made)
    shares = _shares(np.full((1, 1), float(count)), layout.lanes) if kind == "mean" else ()
    return Step((SumPool(Window(kernel)), *shares), made)


def _kernel(layout: Layout, axes: Collection[int]) -> tuple[int, int]:
    """The rows and columns that the dimensions hold: all, all rows, or all columns.

    Raises:
        Refusal: they hold something else.
    """
    rows, columns, lanes = layout.shape
    steps = [step for axis in axes for _, step in layout.parts[axis]]
    count = math.prod(layout.inner[axis] for axis in axes)
    if count == rows * columns and all(step >= lanes for step in steps):
        return rows, columns
    if count == rows and all(step >= lanes * columns for step in steps):
        return rows, 1
    if count == columns and all(lanes <= step < lanes * columns for step in steps):
        return 1, columns
    found = " and ".join(f"{held(layout, axis)} in dimension {axis}" for axis in sorted(axes))
    raise Refusal(f"works along {found} of {layout}; only the rows and columns of a map are supported")


def _without_positions(layout: Layout, axes: Collection[int], kernel: tuple[int, int]) -> Layout:
    """The layout with these dimensions 1 and the others moved together."""
    rows, columns, lanes = layout.shape
    gone = kernel[COLUMNS] if kernel[COLUMNS] == columns else 1
    parts: list[Atoms] = []
    for axis, atoms in enumerate(layout.parts):
        moved = joined((size, step // gone if step >= lanes * columns else step) for size, step in atoms)
        parts.append(() if axis in axes else moved)
    dims = tuple(1 if axis in axes else d for axis, d in enumerate(layout.dims))
    shape = (rows // kernel[0], columns // kernel[1], lanes)
    return replace(layout, dims=dims, shape=shape, padding=None).placed(parts)
