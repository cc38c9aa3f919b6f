# SPDX-License-Identifier: Apache-2.0
"""(LUT, FF) of the modules that work on maps: hwc_window and hwc_pool."""

from hwcompress.cost.cells import Cells, times, total
from hwcompress.cost.logic import address, count, level, lutram, memory, roms, soft_products
from hwcompress.engines.base import Product, Store, ceil_div, clog2
from hwcompress.engines.elementwise import DepthwiseLanes
from hwcompress.engines.head import Lines, Scan
from hwcompress.engines.pool import MaxUnrolled, PoolLanes


def window(head: Lines) -> Cells:
    """hwc_window. FF exactly as its registers; LUT a fit over random shapes (docs/cells.md), +-6 of about 50."""
    w, out, narrow = head.window, head.out, head.width // head.sub
    shared = head.groups > 1 and head.parts % head.sub != 0  # groups share a word
    tap_words = 1 if shared else ceil_div(head.parts, head.sub)
    loops = [tap_words, w.kernel[1], w.kernel[0], head.replay, head.groups, _collected(head)]
    ahead, place = _raster_bits(head)
    bits = clog2(head.depth)
    lut = -5 + 0.8 * bits + 0.5 * (ahead + place) + 4.2 * sum(n > 1 for n in loops) + 2.7 * shared
    lut += 0.6 * bits if head.depth & (head.depth - 1) else 0
    ff = 2 * bits + ahead + place + 1 + sum(count(n)[1] for n in loops)
    for axis in (0, 1):
        end = (out[axis] - 1) * w.stride[axis] - w.before[axis] + w.reach[axis] - 1
        if w.before[axis] or end >= head.grid[axis]:
            counter = clog2(end + w.before[axis] + 1)
            lut, ff = lut + 9.4 + 2 * counter, ff + counter
        elif out[axis] > 1:
            lut, ff = lut + 7.3, ff + count(out[axis])[1]
    if head.sub > 1:
        lut, ff = lut + narrow * max(2, ceil_div(head.sub, 2)), ff + 2 * clog2(head.sub)
    ff += (narrow + 1) * head.latency + int(w.padded)
    return total((round(lut), ff), memory(head.width, head.depth, head.store))


def _collected(head: Lines) -> int:
    """What the counter of emissions counts to: units of a position, a group or one."""
    per = head.unit_emissions
    small = min(per, head.collect) if head.by_position else min(per * head.units, head.collect)
    unit = per if small % per == 0 else head.replay if small % head.replay == 0 else 1
    return small // unit


def _raster_bits(head: Lines) -> tuple[int, int]:
    """Bits of the words written ahead and of the places, as hwc_raster declares them."""
    w, columns, e = head.window, head.grid[1], head.pixel_words
    span = [n - 1 for n in w.reach]
    first_last = [(n - 1) * s - b for n, s, b in zip(head.out, w.stride, w.before, strict=True)]
    need = [min(n - b, size - 1) for n, b, size in zip(span, w.before, head.grid, strict=True)]
    need_last = [min(f + n, size - 1) for f, n, size in zip(first_last, span, head.grid, strict=True)]
    frame = head.words
    needed, needed_last = ((n[0] * columns + n[1] + 1) * e for n in (need, need_last))
    ask_row = (need_last[1] - need[1] - w.stride[0] * columns) * e
    least = min(needed_last - frame - needed, -w.stride[1] * e, ask_row)
    skip_column = (w.stride[1] - span[1] - 1 - (need_last[0] - first_last[0]) * columns) * e
    skip_row = ((w.stride[0] - span[0]) * columns - need_last[1] - 1) * e
    skip = max(skip_column, skip_row, frame - needed_last)
    return clog2(max(head.depth, -least)) + 1, clog2(head.depth + skip) + 1


def scan(head: Scan) -> Cells:
    """hwc_scan and hwc_patch."""
    w, (width, depth) = head.window, head.line_bits
    rows, columns = head.raster
    taps = w.kernel[0] * ((w.kernel[1] - 1) * w.dilation[1] + 1) * head.width
    lines = line(width, depth, head.lines) if width else (0, 0)
    control = total((16, 10), count(rows), count(columns), count(head.replay), count(head.collect), address(columns))
    fifo = total(times(2, level(head.depth)), times(2, address(head.depth)), memory(head.width, head.depth, head.store))
    return total(control, fifo, lines, (0, taps))


def line(width: int, depth: int, store: Store) -> Cells:
    """hwc_line: rows of a map, read and written at one address."""
    if store is Store.BLOCK or depth <= 2:
        return 0, width * min(depth, 2) if depth <= 2 else 0
    if depth <= 32:
        return 8 * ceil_div(width, 16), width
    blocks = ceil_div(depth, 64)
    if blocks <= 4:
        return width * (4 if blocks == 3 else blocks) + 5 * (blocks == 3), width
    return lutram(width, depth)


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
    products = soft_products(core, core.lanes, contents)
    return total(control, products, times(core.lanes, (core.acc_width, 2 * core.acc_width)))


def pool(core: PoolLanes) -> Cells:
    """hwc_pool."""
    each = core.width if core.total else core.x_type.width + ceil_div(core.x_type.width, 2)
    kept = total(*(2 * [count(core.taps)]), count(core.groups))
    memories = lutram(core.lanes * core.width, core.groups) if core.groups > 1 else (0, 0)
    return total((1, 1), kept, times(core.lanes, (each, core.width)), memories)
