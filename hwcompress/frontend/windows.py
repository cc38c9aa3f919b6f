# SPDX-License-Identifier: Apache-2.0
"""The attributes of operators with a window, checked, and the window that they describe.

Sizes are those of onnxruntime 1.32 (its ComputePad and PoolAttributes): where it refuses a node, so do these rules.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hwcompress.errors import ShapeError
from hwcompress.frontend.layout import MAX_SAMPLE, Layout
from hwcompress.frontend.raw import RawNode, Refusal
from hwcompress.frontend.spatial import Map
from hwcompress.ops import Window

AUTO = ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")


@dataclass(frozen=True)
class Slide:
    """The way of a window along one dimension."""

    size: int  # of the dimension, with what a Pad adds
    kernel: int
    stride: int
    dilation: int
    before: int  # padding of the operator itself
    after: int
    out: int  # windows

    @property
    def reach(self) -> int:
        """Elements from the first tap to the last."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def beyond(self) -> int:
        """Elements that the last window reaches behind the end; negative: it stays within."""
        return (self.out - 1) * self.stride + self.reach - self.before - self.size

    def taps(self, end: int) -> NDArray[np.int64]:
        """Taps of each window before place `end` [out]; those ahead of the start count."""
        first = np.arange(self.out) * self.stride - self.before
        return (-((first - end) // self.dilation)).clip(0, self.kernel)


def slides(node: RawNode, layout: Layout, kernel: Sequence[int] | None = None) -> tuple[Slide, ...]:
    """How the window slides along dimensions 2 and after: that of a weight, or that of a pool's own kernel_shape.

    Raises:
        Refusal: an attribute is missing, absurd or not for these dimensions.
    """
    sizes, pool = layout.dims[2:], kernel is None
    if len(sizes) not in (1, 2):
        raise Refusal(f"works along {len(sizes)} dimensions of {layout}; 1 or 2 are supported")
    ones = (1,) * len(sizes)
    if kernel is None:
        if node.integers("kernel_shape") is None:
            raise Refusal("attribute kernel_shape is missing")
        kernel = _list(node, "kernel_shape", ones, least=1)
    strides, dilations = (_list(node, key, ones, least=1) for key in ("strides", "dilations"))
    auto = node.text("auto_pad", "NOTSET")
    if auto not in AUTO:
        raise Refusal(f"attribute auto_pad must be one of {', '.join(AUTO)}")
    pads = (0,) * 2 * len(sizes)
    if auto == "NOTSET":
        pads = _list(node, "pads", pads, least=0)
    before, after = pads[: len(sizes)], pads[len(sizes) :]
    numbers = zip(sizes, kernel, strides, dilations, before, after, strict=True)
    found = [Slide(d, k, s, spread, b, a, out=0) for d, k, s, spread, b, a in numbers]
    if auto.startswith("SAME"):
        found = [_same(slide, upper=auto == "SAME_UPPER", pool=pool) for slide in found]
    ceil = pool and node.integer("ceil_mode", 0) != 0
    done = tuple(_counted(slide, pool=pool, ceil=ceil) for slide in found)
    _check_size(layout, done)
    return done


def _list(node: RawNode, key: str, default: tuple[int, ...], *, least: int) -> tuple[int, ...]:
    """A list attribute with one value for each dimension (two of pads)."""
    given = node.integers(key)
    values = default if given is None else given
    if len(values) != len(default):
        raise Refusal(f"attribute {key} has {len(values)} values; {len(default)} are wanted")
    return in_range(values, f"attribute {key}", least=least)


def in_range(values: tuple[int, ...], what: str, *, least: int) -> tuple[int, ...]:
    """The values, if they are of a sensible size.

    Raises:
        Refusal: one is not.
    """
    if any(not least <= v <= MAX_SAMPLE for v in values):
        raise Refusal(f"{what} is {list(values)}; {least} to {MAX_SAMPLE} are supported")
    return values


def _same(slide: Slide, *, upper: bool, pool: bool) -> Slide:
    """With as much padding as leaves one window for each stride."""
    if slide.dilation > 1 and not pool:
        raise Refusal("auto_pad SAME with dilations is not supported (nor by onnxruntime); write pads")
    needed = (-(-slide.size // slide.stride) - 1) * slide.stride + slide.kernel - slide.size
    if needed < 0:
        cropped = (-needed - (1 if upper else 2)) // 2  # elements that onnxruntime leaves out at the start
        if pool or cropped > 0:
            raise Refusal(
                f"auto_pad SAME with a stride of {slide.stride} and a kernel of {slide.kernel} cuts a dimension of "
                f"{slide.size} shorter; write pads"
            )
        needed = 0
    before = needed // 2 if upper else (needed + 1) // 2
    return replace(slide, before=before, after=needed - before)


def _counted(slide: Slide, *, pool: bool, ceil: bool) -> Slide:
    """With the number of windows."""
    if pool and max(slide.before, slide.after) >= slide.kernel:
        raise Refusal(f"pads of {slide.before} and {slide.after} are not smaller than the kernel of {slide.kernel}")
    room = slide.size + slide.before + slide.after - slide.reach
    if room < 0:
        raise Refusal(
            f"a window that reaches over {slide.reach} elements does not fit {slide.size} and "
            f"{slide.before + slide.after} of padding"
        )
    out = room // slide.stride + 1
    if ceil:
        out = -(-room // slide.stride) + 1
        if (out - 1) * slide.stride >= slide.size + slide.before:
            out -= 1  # the last window must start inside the input or the padding ahead of it
    return replace(slide, out=out)


def _check_size(layout: Layout, found: Sequence[Slide]) -> None:
    """Nothing, if neither the padded map nor its windows are larger than the largest sample."""
    padded = layout.dims[1] * math.prod(s.size + s.before + max(s.after, s.beyond) for s in found)
    if padded > MAX_SAMPLE or any(s.out * s.kernel > MAX_SAMPLE for s in found):
        raise Refusal(f"padding or windows make more than {MAX_SAMPLE} elements of {layout}")


def window(found: Map, along: Sequence[Slide]) -> Window:
    """The window on the map in hardware, with the padding that it reaches: its own and that of a Pad ahead.

    Raises:
        Refusal: some window would lie in the padding alone.
    """
    pads = found.layout.padding
    pairs = [[1, 1, 1, 0, 0], [1, 1, 1, 0, 0]]
    for k, (axis, slide) in enumerate(zip(found.axes, along, strict=True), start=2):
        before, after = (0, 0) if pads is None else (pads.before[k], pads.after[k])
        ends = slide.before + before, max(0, slide.beyond + after)
        pairs[axis] = [slide.kernel, slide.stride, slide.dilation, *ends]
    made = Window(*((a, b) for a, b in zip(*pairs, strict=True)))
    try:
        made.grid(found.layout.shape)
    except ShapeError as error:
        raise Refusal(f"{error}; remove such padding when exporting") from None
    return made
