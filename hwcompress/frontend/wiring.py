# SPDX-License-Identifier: Apache-2.0
"""Operators that only rename, reshape or change the element type: no hardware."""

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from hwcompress.frontend.layout import UNKNOWN_BATCH, Layout, show
from hwcompress.frontend.raw import Refusal
from hwcompress.frontend.tensors import type_name
from hwcompress.frontend.use import Step, Use, integers, normal_axes


def identity(use: Use) -> Step:
    """The tensor itself."""
    _, layout = use.any_dynamic()
    return Step((), layout)


def dropout(use: Use) -> Step:
    """Nothing, in inference."""
    if use.optional(2) is not None and bool(use.constant(2).any()):
        raise Refusal("training_mode is on; export the model for inference")
    return Step((), use.first())


def cast(use: Use) -> Step:
    """Between float types, and from the integers of the input to float."""
    _, layout = use.any_dynamic()
    kind = type_name(use.node.integer("to", 0))
    if kind not in ("float16", "float32", "float64", "bfloat16"):
        raise Refusal(f"to {kind} is possible only at the end of the network, where the host computes it")
    return Step((), replace(layout, dtype=kind))


def flatten(use: Use) -> Step:
    """To two dimensions, split at `axis`."""
    _, layout = use.any_dynamic()
    axis, rank = use.node.integer("axis", 1), len(layout.dims)
    if not -rank <= axis <= rank:
        raise Refusal(f"axis {axis} does not fit {layout}")
    split = axis + rank if axis < 0 else axis
    return Step((), _fitting(layout, lambda x: (math.prod(x.dims[:split]), math.prod(x.dims[split:])), baked=False))


def reshape(use: Use) -> Step:
    """0 keeps a dimension (unless allowzero), -1 is what is left."""
    position, layout = use.any_dynamic()
    if position != 0:
        raise Refusal("the target shape depends on the network's input")
    wanted, keep_zero = integers(use.constant(1)), bool(use.node.integer("allowzero", 0))

    def dims(x: Layout) -> tuple[int, ...]:
        return _resolve(x, wanted, keep_zero)

    baked = _baked(layout, wanted[0] if wanted else 0, dims)
    if baked is None:
        return Step((), _fitting(layout, dims, baked=wanted[:1] == (1,)))
    note = f"{use.node}: the file is made for batches of {wanted[0]} samples"
    return Step((), baked, note, batch=wanted[0])


def _baked(layout: Layout, size: int, dims: Callable[[Layout], tuple[int, ...]]) -> Layout | None:
    """The layout for batches of `size`, where a target that begins with it fits only these; None where it does not."""
    if size < 2 or layout.batch != 0 or layout.dims[0] != UNKNOWN_BATCH:
        return None
    found = _reshaped(replace(layout, dims=(size, *layout.dims[1:])), dims)
    return found if found is not None and found.batch == 0 else None


def _fitting(layout: Layout, dims: Callable[[Layout], tuple[int, ...]], *, baked: bool) -> Layout:
    """The reshaped layout; a target that only fits a batch of 1 is one for each sample.

    `baked`: it says so itself ([1, 784], [1, -1]); otherwise it would join the samples of a larger batch.
    """
    if layout.hidden:
        return _apart(layout, dims) or layout.reshaped(dims(layout))
    try:
        return layout.reshaped(dims(layout))
    except Refusal:
        single = _reshaped(layout.single(), dims)
        if single is None:
            raise
        joined = replace(single, spread=single.spread or not baked)
        return _together(layout, dims, joined) if joined.spread and layout.batch == 0 else joined


def _together(layout: Layout, dims: Callable[[Layout], tuple[int, ...]], single: Layout) -> Layout:
    """The layout of one sample that knows of the others, if dimension 0 is that of all samples: [N, 10, 4] as [-1, 4].

    A product over the last dimension is written like this (Keras, tf2onnx), with a Reshape back behind it.
    """
    size, whole = layout.dims[0], dims(layout)
    if whole != (size * single.dims[0], *single.dims[1:]):
        return single
    return replace(single, batch=None, hidden=size)


def _apart(layout: Layout, dims: Callable[[Layout], tuple[int, ...]]) -> Layout | None:
    """The samples that dimension 0 hides found again; None where the target keeps them there."""
    whole = replace(layout, dims=(layout.dims[0] * layout.hidden, *layout.dims[1:]))
    with suppress(Refusal):
        new = dims(whole)
        if new[:1] == (layout.hidden,):
            one = layout.reshaped((1, *new[1:]))
            return replace(one, dims=new, batch=0, spread=False, hidden=0)
    return None


def _reshaped(layout: Layout, dims: Callable[[Layout], tuple[int, ...]]) -> Layout | None:
    """None where the target does not fit."""
    with suppress(Refusal):
        return layout.reshaped(dims(layout))
    return None


def _resolve(layout: Layout, wanted: tuple[int, ...], keep_zero: bool) -> tuple[int, ...]:
    if any(d == 0 and not keep_zero and axis >= len(layout.dims) for axis, d in enumerate(wanted)):
        raise Refusal(f"target {show(wanted)} keeps a dimension that {layout} does not have")
    dims = [layout.dims[axis] if d == 0 and not keep_zero else d for axis, d in enumerate(wanted)]
    known = math.prod(d for d in dims if d != -1)
    total = math.prod(layout.dims)
    if dims.count(-1) > 1 or any(d < -1 for d in dims) or known == 0 or (-1 in dims and total % known):
        raise Refusal(f"target {show(wanted)} does not fit {layout}")
    return tuple(total // known if d == -1 else d for d in dims)


def squeeze(use: Use) -> Step:
    """Without the dimensions of 1 that `axes` names, or all of them."""
    _, layout = use.any_dynamic()
    axes = use.axes(1)
    if axes is None:
        drop = {axis for axis, d in enumerate(layout.dims) if d == 1}
    else:
        drop = set(normal_axes(axes, len(layout.dims)))
    if any(layout.dims[axis] != 1 for axis in drop):
        raise Refusal(f"axes {sorted(drop)} of {layout} are not all 1")
    return Step((), layout.without(drop))


def unsqueeze(use: Use) -> Step:
    """With dimensions of 1 at `axes` of the result."""
    _, layout = use.any_dynamic()
    axes = use.axes(1)
    if axes is None:
        raise Refusal("axes are missing")
    rank = len(layout.dims) + len(axes)
    new = set(normal_axes(axes, rank))
    old = iter(range(len(layout.dims)))
    return Step((), layout.picked([None if axis in new else next(old) for axis in range(rank)]))


def transpose(use: Use) -> Step:
    """Axes in another order: the next operator finds its elements in other places."""
    _, layout = use.any_dynamic()
    order = use.node.integers("perm")
    return Step((), layout.transposed(order if order is not None else range(len(layout.dims))[::-1]))
