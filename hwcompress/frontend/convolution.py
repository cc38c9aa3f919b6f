# SPDX-License-Identifier: Apache-2.0
"""Conv: weights in the order in which the hardware meets rows, columns and channels."""

import math
from dataclasses import replace

import numpy as np

from hwcompress.frontend.constants import finite, trained
from hwcompress.frontend.layout import MAX_SAMPLE, Layout, Unpadded, show
from hwcompress.frontend.places import Atoms, cut, fills, joined, sources
from hwcompress.frontend.raw import Array, RawNode, Refusal
from hwcompress.frontend.spatial import COLUMNS, ROWS, Map, batch_first, find_map
from hwcompress.frontend.use import Step, Use
from hwcompress.frontend.windows import Slide, slides, window
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Op
from hwcompress.ops import Affine, Conv, Dense


def conv(use: Use) -> Step:
    """Y = W * X + B, W [m, channels of a group, kernel...]."""
    layout = batch_first(use.first())
    weight = trained(use.constant(1))
    if weight.ndim != len(layout.dims):
        raise Refusal(f"the weight {show(weight.shape)} does not fit {layout}")
    groups = _groups(use.node, layout, weight)
    given = use.node.integers("kernel_shape")
    if given is not None and given != weight.shape[2:]:
        raise Refusal(f"kernel_shape {list(given)[:8]} is not that of the weight {show(weight.shape)}")
    along = slides(use.node, layout, weight.shape[2:])
    if len(weight) * math.prod(s.out for s in along) > MAX_SAMPLE:
        raise Refusal(f"makes more than {MAX_SAMPLE} elements of {layout}")
    pads = layout.padding
    if pads is not None and pads.value != 0:
        raise Unpadded(f"{use.node} pads with 0, not with {pads.value:g}")
    bias = _bias(use, len(weight))
    w = finite(weight.astype(np.float64), "the weight")
    if len(layout.shape) == 1:
        return _on_vector(layout, w, bias, along, groups)
    return _on_map(find_map(layout), w, bias, along, groups)


def _groups(node: RawNode, layout: Layout, weight: Array) -> int:
    groups, (m, size), n = node.integer("group", 1), weight.shape[:2], layout.dims[1]
    if groups < 1 or m % groups or size * groups != n:
        raise Refusal(f"{groups} groups of the weight {show(weight.shape)} do not fit the {n} channels of {layout}")
    return groups


def _bias(use: Use, m: int) -> Reals:
    bias = use.optional(2)
    if bias is None:
        return np.zeros(m)
    if bias.shape != (m,):
        raise Refusal(f"the bias {show(bias.shape)} does not fit {m} output channels")
    return finite(trained(bias, "the bias").astype(np.float64), "the bias")


def _on_map(found: Map, w: Reals, bias: Reals, along: tuple[Slide, ...], groups: int) -> Step:
    """One Conv. Groups, channels and kernel are put in the hardware's order."""
    m, size = w.shape[:2]
    outer, inner = _apart(found, groups, size)
    turned = np.moveaxis(w.reshape(groups, m // groups, *w.shape[1:]), 2, -1)  # [group, row, kernel..., channel]
    if found.axes == (COLUMNS, ROWS):
        turned = turned.swapaxes(2, 3)
    turned = turned[sources(outer)][..., sources(inner)]
    op = Conv(
        np.ascontiguousarray(turned.reshape(m, -1)),
        bias.reshape(groups, -1)[sources(outer)].reshape(-1),
        window(found, along),
        groups,
    )
    channels = joined([*((count, step * (m // groups)) for count, step in outer), (m // groups, 1)])
    return Step((op,), found.made([s.out for s in along], [channels], m))


def _apart(found: Map, groups: int, size: int) -> tuple[Atoms, Atoms]:
    """Places of the groups, counted in groups, and of the channels inside one."""
    parts = cut(found.layout.parts[1], (groups, size))
    if parts is None or not fills(parts[1], size):
        raise Refusal(
            f"reads {groups} groups of channels of {found.layout} that do not lie side by side in hardware: "
            "a Transpose or Reshape ahead moves them"
        )
    return tuple((count, step // size) for count, step in parts[0]), parts[1]


def _on_vector(layout: Layout, w: Reals, bias: Reals, along: tuple[Slide, ...], groups: int) -> Step:
    """A map of one position, as products leave it: the tap that meets it is a matrix."""
    m, size = w.shape[:2]
    if any(d != 1 for d in layout.inner[2:]) or any(s.out != 1 for s in along):
        raise Refusal(f"works on a map, but {layout} is a vector of {layout.elements} elements in hardware")
    before = (0, 0) if layout.padding is None else layout.padding.before[2:]
    taps = [divmod(s.before + ahead, s.dilation) for s, ahead in zip(along, before, strict=False)]
    if any(rest or tap >= s.kernel for (tap, rest), s in zip(taps, along, strict=True)):
        raise Refusal("a window lies in the padding alone; remove such padding when exporting")
    matrix = w[(..., *(tap for tap, _ in taps))]
    order = sources(layout.parts[1])
    made = replace(layout, dims=(layout.dims[0], m, *(1 for _ in along)), places=None, shape=(m,), padding=None)
    if groups == 1:
        return Step((Dense(np.ascontiguousarray(matrix[:, order]), bias),), made)
    if size != 1 or m != groups:
        raise Refusal(f"{groups} groups on a vector are not supported; one group, or one for each channel, is")
    op: Op = Affine(matrix[order, 0], bias[order])
    return Step((op,), made.placed([(), layout.parts[1], *(() for _ in along)]))
