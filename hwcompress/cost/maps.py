# SPDX-License-Identifier: Apache-2.0
"""(LUT, FF) of the modules that work on maps: hwc_window and hwc_pool."""

from hwcompress.cost.cells import Cells, times, total
from hwcompress.cost.logic import address, count, level, lutram, memory, roms, soft_product
from hwcompress.engines.base import Product, ceil_div, clog2
from hwcompress.engines.elementwise import DepthwiseLanes
from hwcompress.engines.head import Lines, Scan
from hwcompress.engines.pool import MaxUnrolled, PoolLanes


def window(head: Lines) -> Cells:
    """hwc_window."""
    w = head.window
    bits, words = clog2(head.depth), clog2(head.words + 1)
    loops = [head.parts, w.kernel[1], w.kernel[0], head.replay, head.groups, head.out[1], head.out[0], head.collect]
    narrow = head.width // head.sub
    select = (narrow * ceil_div(head.sub - 1, 3), narrow + 2 * clog2(head.sub) + 1) if head.latency else (0, 0)
    return total(
        (12, 6),
        level(head.depth),
        address(head.depth),
        (2 * bits, bits),
        (8 * words, 4 * words),
        *(count(n) for n in loops if n > 1),
        memory(head.width, head.depth, head.store),
        select,
    )


def scan(head: Scan) -> Cells:
    """hwc_scan and hwc_patch."""
    w, (width, depth) = head.window, head.line_bits
    rows, columns = head.raster
    taps = w.kernel[0] * ((w.kernel[1] - 1) * w.dilation[1] + 1) * head.width
    lines = memory(width, depth, head.lines) if width else (0, 0)
    control = total((16, 10), count(rows), count(columns), count(head.replay), count(head.collect), address(columns))
    fifo = total(times(2, level(head.depth)), times(2, address(head.depth)), memory(head.width, head.depth, head.store))
    return total(control, fifo, lines, (0, taps))


def largest(core: MaxUnrolled) -> Cells:
    """hwc_max."""
    lut = ff = 0
    left, bits = core.taps, core.x_type.width
    while left > 1:
        pairs, odd = divmod(left, 2)
        lut, ff = lut + pairs * (bits + ceil_div(bits, 2)), ff + (pairs + odd) * bits
        left = pairs + odd
    return total(times(core.lanes, (lut, ff)), (0, core.latency))


def depthwise(core: DepthwiseLanes, contents: bool) -> Cells:
    """hwc_affine with a sum over taps."""
    control = total((3, 2 * core.latency), address(core.words * core.taps), address(core.words), count(core.taps))
    control = total(control, roms(core, contents))
    if core.product is Product.DSP:
        return control
    each = total(soft_product(core), (core.acc_width, 2 * core.acc_width))
    return total(control, times(core.lanes, each))


def pool(core: PoolLanes) -> Cells:
    """hwc_pool."""
    each = core.width if core.total else core.x_type.width + ceil_div(core.x_type.width, 2)
    kept = total(*(2 * [count(core.taps)]), count(core.groups))
    memories = lutram(core.lanes * core.width, core.groups) if core.groups > 1 else (0, 0)
    return total((1, 1), kept, times(core.lanes, (each, core.width)), memories)
