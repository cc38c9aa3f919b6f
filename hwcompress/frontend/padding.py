# SPDX-License-Identifier: Apache-2.0
"""Pad: kept beside the tensor until an operator with a window takes it up."""

import math
from dataclasses import replace

from hwcompress.frontend.layout import MAX_SAMPLE, Layout, Padding, Unpadded, show
from hwcompress.frontend.raw import Refusal
from hwcompress.frontend.use import Step, Use, integers, normal_axes
from hwcompress.frontend.windows import in_range

FLOAT32_LOWEST = -3.4028234e38  # exporters write minus infinity like this


def pad(use: Use) -> Step:
    """A constant around the tensor."""
    position, layout = use.any_dynamic()
    if position != 0:
        raise Refusal("its pads or its value depend on the network's input")
    mode = use.node.text("mode", "constant")
    if mode != "constant":
        raise Refusal("only mode constant is supported")
    before, after = _sides(use, layout)
    if not any(before) and not any(after):
        return Step((), layout)
    dims = tuple(d + b + a for d, b, a in zip(layout.dims, before, after, strict=True))
    if math.prod(d for axis, d in enumerate(dims) if axis != layout.batch) > MAX_SAMPLE:
        raise Refusal(f"makes more than {MAX_SAMPLE} elements of {layout}")
    value, old = _value(use), layout.padding
    if old is not None:
        if old.value != value:
            raise Unpadded(f"{use.node} pads with another value")
        before, after = (
            tuple(a + b for a, b in zip(new, was, strict=True))
            for new, was in ((before, old.before), (after, old.after))
        )
    made = Padding(before, after, value, use.node.index)
    return Step((), replace(layout, dims=dims, padding=made))


def _sides(use: Use, layout: Layout) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Elements added before and after each dimension."""
    rank = len(layout.dims)
    given = use.node.integers("pads") if use.node.opset < 11 else integers(use.constant(1))
    chosen = None if use.node.opset < 18 else use.optional(3)
    axes = tuple(range(rank)) if chosen is None else normal_axes(integers(chosen), rank)
    if given is None or len(given) != 2 * len(axes):
        raise Refusal(f"pads {show(given or ())} do not fit {len(axes)} dimensions")
    in_range(given, "pads", least=0)
    before, after = [0] * rank, [0] * rank
    for k, axis in enumerate(axes):
        before[axis], after[axis] = given[k], given[k + len(axes)]
    if layout.batch is not None and (before[layout.batch] or after[layout.batch]):
        raise Refusal(f"pads the batch of {layout}")
    return tuple(before), tuple(after)


def _value(use: Use) -> float:
    if use.node.opset < 11:
        value = use.node.attributes.get("value", 0.0)
        found = value if isinstance(value, float) else math.nan
    else:
        scalar = use.scalar(2)
        found = 0.0 if scalar is None else scalar
    if math.isnan(found) or found == math.inf:
        raise Refusal(f"pads with {found}; a finite value or minus infinity is wanted")
    return -math.inf if found <= FLOAT32_LOWEST else found
