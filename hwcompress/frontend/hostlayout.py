# SPDX-License-Identifier: Apache-2.0
"""Layouts behind operators of the host: where the samples lie, and whether an operator works across them.

A rule answers the layouts of the outputs it knows, None where one is unknown. It raises Mixed for work across samples,
TooLarge for what no memory holds.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import TypeAlias

from hwcompress.frontend.layout import Layout, show
from hwcompress.frontend.limits import check_host
from hwcompress.frontend.raw import Array, Mixed, Nowhere, Refusal
from hwcompress.frontend.tensors import type_name
from hwcompress.frontend.use import Use, integers, normal_axes

ALONE = "only what treats each sample alone is supported"
Layouts: TypeAlias = tuple[Layout | None, ...]
Rule: TypeAlias = Callable[[Use], Layouts]


def within(layout: Layout, axes: Collection[int]) -> None:
    """Nothing, if work along these axes stays inside one sample.

    Raises:
        Mixed: the batch is among them, and it is not a batch of 1.
    """
    if layout.spread:
        raise Mixed(f"works across the samples of a batch, which a Reshape has joined to {layout}; {ALONE}")
    if layout.batch is not None and layout.batch in axes and layout.dims[layout.batch] != 1:
        raise Mixed(f"works across the samples of a batch (dimension {layout.batch} of {layout}); {ALONE}")


def _data(use: Use) -> Layout:
    """Layout of operand 0."""
    found = use.operands[0] if use.operands else None
    if not isinstance(found, Layout):
        raise Refusal("input 0 is no tensor of known layout")
    return found


def _axis(use: Use, layout: Layout, default: int) -> int:
    (axis,) = normal_axes((use.node.integer("axis", default),), len(layout.dims))
    return axis


def same(use: Use) -> Layouts:
    """Element by element, of one tensor."""
    return (_data(use),)


def truth(use: Use) -> Layouts:
    """The same, answered as bool."""
    return (replace(_data(use), dtype="bool"),)


def cast(use: Use) -> Layouts:
    """The same in another type."""
    return (replace(_data(use), dtype=type_name(use.node.integer("to", 0))),)


def rows(use: Use) -> Layouts:
    """Along the last dimension."""
    layout = _data(use)
    within(layout, [len(layout.dims) - 1])
    return (layout,)


def softmax(use: Use) -> Layouts:
    """Along `axis`; before opset 13 along it and all that follow."""
    layout, old = _data(use), use.node.opset < 13
    axis = _axis(use, layout, 1 if old else -1)
    within(layout, range(axis, len(layout.dims)) if old else [axis])
    return (layout,)


def arg(use: Use) -> Layouts:
    """ArgMax and ArgMin: one index along `axis`."""
    layout = _data(use)
    return (_reduced(use, replace(layout, dtype="int64"), [_axis(use, layout, 0)]),)


def reduce(use: Use) -> Layouts:
    """One value for all along `axes`, all dimensions if there are none."""
    layout = _data(use)
    axes = use.axes(1)
    if not axes and use.node.integer("noop_with_empty_axes", 0):
        return (layout,)
    rank = len(layout.dims)
    return (_reduced(use, layout, normal_axes(axes, rank) if axes else range(rank)),)


def _reduced(use: Use, layout: Layout, axes: Collection[int]) -> Layout:
    within(layout, axes)
    if use.node.integer("keepdims", 1):
        return replace(layout, dims=tuple(1 if axis in axes else d for axis, d in enumerate(layout.dims)))
    return layout.without(axes)


def topk(use: Use) -> Layouts:
    """The k largest along `axis`, and their indices."""
    layout = _data(use)
    axis = _axis(use, layout, -1)
    within(layout, [axis])
    k = use.node.integer("k", 0) if use.node.opset < 10 else integers(use.constant(1))[0]
    dims = (*layout.dims[:axis], k, *layout.dims[axis + 1 :])
    return replace(layout, dims=dims), replace(layout, dims=dims, dtype="int64")


def broadcast(use: Use) -> Layouts:
    """Element by element, of several tensors."""
    layouts, constants, batch = _aligned(use)
    shapes = [o.dims for o in layouts] + [c.shape for c in constants]
    dims = tuple(_joined(sizes) for sizes in zip(*shapes, strict=True))
    return (replace(layouts[-1], dims=dims, batch=batch),)


def compare(use: Use) -> Layouts:
    """The same, answered as bool."""
    return tuple(layout and replace(layout, dtype="bool") for layout in broadcast(use))


def _joined(sizes: Sequence[int]) -> int:
    largest = max(sizes)
    if any(d not in (1, largest) for d in sizes):
        raise Refusal("shapes do not fit")
    return largest


def _aligned(use: Use) -> tuple[list[Layout], list[Array], int | None]:
    """All operands at one rank, and the axis of the batch, which must be the same in each.

    Raises:
        Mixed: samples meet other samples.
        Refusal: an operand is not known.
    """
    layouts = [o for o in use.operands if isinstance(o, Layout)]
    constants = [use.constant(i) for i, o in enumerate(use.operands) if not isinstance(o, Layout)]
    rank = max([len(o.dims) for o in layouts] + [c.ndim for c in constants])
    wide = [o.widened(rank) for o in layouts]
    if not all(o.spread for o in wide):
        for layout in wide:
            within(layout, [])
    batched = [o for o in wide if o.batch is not None]
    axes = {o.batch for o in batched if o.batch is not None}
    for layout in batched[1:] if len(axes) > 1 else []:
        within(layout, axes)
    full = [c.reshape((1,) * (rank - c.ndim) + c.shape) for c in constants]
    for c in full if axes else []:
        _same_for_all(c, batched[0])
    return wide, full, min(axes, default=None)


def _same_for_all(c: Array, layout: Layout) -> None:
    """Nothing, if the constant holds the same for each sample."""
    assert layout.batch is not None
    size = c.shape[layout.batch]
    if size == 1:
        return
    if layout.dims[layout.batch] == 1:
        raise Refusal("the constant makes the batch larger")
    if size != layout.dims[layout.batch] or (c != c.take([0], axis=layout.batch)).any():
        raise Mixed(f"constant {show(c.shape)} against {layout} differs from sample to sample")


def concat(use: Use) -> Layouts:
    """Joined along `axis`."""
    layouts, constants, batch = _aligned(use)
    axis = _axis(use, layouts[0], 1)
    within(layouts[0], [axis])
    if axis == batch:
        raise Refusal("the batch becomes larger")
    size = sum(o.dims[axis] for o in layouts) + sum(c.shape[axis] for c in constants)
    dims = layouts[0].dims
    return (replace(layouts[0], dims=(*dims[:axis], size, *dims[axis + 1 :]), batch=batch),)


def expand(use: Use) -> Layouts:
    """To a constant shape."""
    wanted = integers(use.constant(1))
    check_host(wanted)
    layout = _data(use).widened(len(wanted))
    shape = (1,) * (len(layout.dims) - len(wanted)) + wanted
    dims = tuple(_joined(sizes) for sizes in zip(layout.dims, shape, strict=True))
    if layout.batch is not None and not layout.spread and dims[layout.batch] != layout.dims[layout.batch]:
        raise Refusal("the batch becomes larger")
    return (replace(layout, dims=dims),)


def transpose(use: Use) -> Layouts:
    """Axes in another order: elements of a sample may change places."""
    layout = _data(use)
    order = normal_axes(use.node.integers("perm") or tuple(range(len(layout.dims))[::-1]), len(layout.dims))
    batch = None if layout.batch is None else order.index(layout.batch)
    return (replace(layout, dims=tuple(layout.dims[axis] for axis in order), batch=batch),)


def gather(use: Use) -> Layouts:
    """Slices along `axis`: from the tensor by constant indices, or from a constant by indices that are the tensor."""
    data, index = use.operands[:2]
    if isinstance(data, Layout):
        chosen, axis = use.constant(1).shape, _axis(use, data, 0)
        within(data, [axis])
        rest = data.without([axis])
        batch = rest.batch if rest.batch is None or rest.batch < axis else rest.batch + len(chosen)
        return (replace(rest, dims=(*rest.dims[:axis], *chosen, *rest.dims[axis:]), batch=batch),)
    if not isinstance(index, Layout):
        raise Refusal("indices are not known")
    table = use.constant(0)
    (axis,) = normal_axes((use.node.integer("axis", 0),), table.ndim)
    batch = None if index.batch is None else axis + index.batch
    return (Layout((*table.shape[:axis], *index.dims, *table.shape[axis + 1 :]), batch, table.dtype.name),)


def gather_elements(use: Use) -> Layouts:
    """One element along `axis` for each index."""
    data, index = use.operands[:2]
    if isinstance(data, Layout):
        within(data, [_axis(use, data, 0)])
    return (index if isinstance(index, Layout) else None,)


def features(use: Use) -> Layouts:
    """ArrayFeatureExtractor: elements along the last dimension; those of a vector as a row."""
    data, index = use.operands[:2]
    if isinstance(data, Layout):
        last = len(data.dims) - 1
        within(data, [last])
        return (replace(data, dims=(*data.dims[:last], use.constant(1).size)),)
    table = use.constant(0)
    if not isinstance(index, Layout) or table.ndim != 1 or index.batch is None or index.elements != 1:
        raise Refusal("not a table of labels")
    return (Layout((1, index.dims[index.batch]), 1, table.dtype.name),)


def cut(use: Use) -> Layouts:
    """Slice: a part of each sample."""
    layout = _data(use)
    starts = use.node.integers("starts") or integers(use.constant(1))
    ends = use.node.integers("ends") or integers(use.constant(2))
    axes = normal_axes(use.axes(3) or tuple(range(len(starts))), len(layout.dims))
    given = use.optional(4)
    steps = (1,) * len(starts) if given is None else integers(given)
    dims = list(layout.dims)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        last = None if step < 0 and end < -dims[axis] else end
        kept = range(dims[axis])[slice(start, last, step)]
        if kept != range(dims[axis]):
            within(layout, [axis])
        dims[axis] = len(kept)
    return (replace(layout, dims=tuple(dims)),)


def unknown(_use: Use) -> Layouts:
    """Nothing is known of the result."""
    return ()


def answer(rule: Rule, use: Use) -> Layouts:
    """What the rule knows.

    Raises:
        Nowhere: the operator works across samples, or makes too much of one.
    """
    try:
        found = rule(use)
        for layout in found:
            check_host(layout.sample if layout else ())
    except Nowhere:
        raise
    except (Refusal, ValueError, IndexError):
        return ()
    return found
