# SPDX-License-Identifier: Apache-2.0
"""(LUT, FF) on devices with LUTs of 4 inputs: ECP5 (family 3) and iCE40 (family 4), as Yosys 0.70 maps them.

A bit of an adder is a LUT (ECP5: two bits are a CCU2C, which is two), its operands' logic is more LUTs, a delay is
flip-flops. LUT counts LUT4, two for a CCU2C, four for a TRELLIS_DPR16X4, one for an SB_LUT4. What is not plain
structure is a fit over blocks of synthesized designs; docs/targets.md has the errors on whole designs.
"""

from functools import singledispatch

import numpy as np

from hwcompress.cost import logic, maps
from hwcompress.cost.cells import Cells, times, total
from hwcompress.cost.rows import row_cells
from hwcompress.engines.base import Core, Product, Store, Stream, ceil_div, clog2
from hwcompress.engines.columns import bits_of
from hwcompress.engines.dense import DenseFolded, DenseUnrolled
from hwcompress.engines.elementwise import AffineLanes, DepthwiseLanes, RequantLanes, TableLanes
from hwcompress.engines.head import Buffer, Lines, Scan
from hwcompress.engines.pool import MaxUnrolled, PoolLanes
from hwcompress.hw.families import FAMILIES
from hwcompress.ir.fixed import Codes

ECP5, ICE40 = 3, 4


def adder(bits: int, family: int) -> int:
    """LUTs of a carry chain."""
    return 2 * ceil_div(bits, 2) if family == ECP5 else bits


def delay(width: int, cycles: int) -> Cells:
    """hwc_delay."""
    return 0, width * cycles


def ram(width: int, depth: int, family: int) -> Cells:
    """hwc_ram in logic with its output register: LUTRAM of 16 words by 4 bits, or flip-flops."""
    if family == ECP5:
        rows = ceil_div(depth, 16)
        return 4 * ceil_div(width, 4) * rows + (width * (rows if rows > 2 else 1) + rows if rows > 1 else 0), width
    return width * max(1, depth - 2) + depth, width * (depth + 1)


def memory(width: int, depth: int, store: Store, family: int) -> Cells:
    """hwc_ram."""
    return ram(width, depth, family) if store is Store.LOGIC else (0, 0)


def column(depth: int, family: int) -> float:
    """LUTs of a column of a ROM in logic, a fit.

    ECP5 joins up to 8 LUTs by multiplexers that are no LUTs; of two the tools make more where columns are alike.
    """
    if depth <= 16:
        return 1
    levels = clog2(depth) - 4
    if family == ECP5:
        return 2.4 if levels == 1 else (1 << levels) * (1 if levels <= 3 else 0.4 * levels - 0.3)
    return (0.115 if depth <= 32 else 0.13) * depth


def rom(width: int, depth: int, family: int) -> Cells:
    """A ROM in logic with its output register."""
    return (round(width * column(depth, family)), width) if depth > 1 else (0, 0)


def rom_of(words: tuple[int, ...], width: int, family: int) -> Cells:
    """The same from its contents: a column that is constant or an address bit takes no LUT, equal ones are one."""
    depth = len(words)
    found = np.unique(bits_of(words, width).T, axis=0)
    found = found[(found != found[:, :1]).any(axis=1)]
    places = (np.arange(depth) >> np.arange(clog2(depth))[:, None]) & 1
    passed = int((found[:, None, :] == places).all(axis=2).any(axis=1).sum())
    return round((len(found) - passed) * column(depth, family)), len(found)


def count(n: int, family: int) -> Cells:
    """hwc_count."""
    return (adder(clog2(n - 1) + 1, family) + 1, clog2(n - 1) + 1) if n > 1 else (0, 0)


def address(n: int, family: int) -> Cells:
    """hwc_address."""
    compare = ceil_div(clog2(n), 3) if n & (n - 1) else 0
    return (adder(clog2(n), family) + compare + 1, clog2(n)) if n > 1 else (0, 0)


def level(n: int, family: int) -> Cells:
    """hwc_level."""
    return adder(clog2(n) + 1, family) + 2, clog2(n) + 1


def framer(stream: Stream, family: int) -> Cells:
    """hwc_input."""
    if stream.beats == 1:
        return 6, 3
    return total((stream.data_bits + 10, 4), count(stream.beats, family))


def output_fifo(stream: Stream, depth: int, store: Store, family: int) -> Cells:
    """hwc_output."""
    control = total(
        (3, 2), count(stream.beats, family), times(2, level(depth, family)), times(2, address(depth, family))
    )
    return total(control, memory(stream.data_bits, depth, store, family))


def collect(bits: int, group: int, emissions: int, family: int) -> Cells:
    """hwc_collect."""
    return total((2, bits * (group - 1)), count(emissions, family))


def head(found: Buffer | Lines | Scan, family: int) -> Cells:
    """hwc_buffer; of hwc_window and hwc_scan the LUTs of 6 inputs, 1.9 and 1.5 times as many."""
    if isinstance(found, Buffer):
        return _buffer(found, family)
    memories = memory(found.width, found.depth, found.store, family)
    known = logic.memory(found.width, found.depth, found.store)
    if isinstance(found, Lines):
        lut, ff = maps.window(found)
        return total((round(1.9 * (lut - known[0])), ff - known[1]), memories)
    lut, ff = maps.scan(found)
    width, depth = found.line_bits
    lines = maps.line(width, depth, found.lines) if width else (0, 0)
    lut, ff = lut - known[0] - lines[0], ff - known[1] - lines[1]
    return total((round(1.5 * lut), ff), memories, _line(width, depth, found.lines, family))


def _line(width: int, depth: int, store: Store, family: int) -> Cells:
    """hwc_line."""
    if not width:
        return 0, 0
    if depth <= 2:
        return 0, width * min(depth, 2)
    if store is Store.LOGIC and family == ICE40:
        return delay(width, depth + 1)
    return total(memory(width, depth, store, family), address(depth, family), (0, clog2(depth)))


def _buffer(found: Buffer, family: int) -> Cells:
    bits = clog2(found.depth)
    loops = [found.sub, found.steps, found.replay, found.collect]
    if found.emit not in (1, found.steps):
        loops.append(found.emit)
    if found.replay > 1 and found.depth != found.words:
        rewind = (adder(bits, family) + 2 * bits, 2 * bits + 1)
    else:
        rewind = address(found.depth, family)
    narrow = found.width // found.sub
    select = (narrow * (found.sub - 1), narrow + 2 * clog2(found.sub) + 1) if found.sub > 1 else (0, 0)
    return total(
        (8, 1),
        times(2, level(found.depth, family)),
        address(found.depth, family),
        rewind,
        *(count(n, family) for n in loops),
        memory(found.width, found.depth, found.store, family),
        select,
    )


def tree(leaves: int, width: int, out: int, levels: int, family: int) -> Cells:
    """hwc_tree."""
    lut = ff = used = 0
    while leaves > 1:
        width = min(out, width + 1)
        pairs, left = divmod(leaves, 2)
        lut, ff = lut + pairs * adder(width, family), ff + (pairs + left) * width
        leaves, used = pairs + left, used + 1
    return total((lut, ff), delay(width, levels - used))


def soft_product(w: int, x: int, x_signed: bool, family: int) -> Cells:
    """hwc_mul_lut: its rows are adders behind gates."""
    if w + x <= 6:
        return round((w + x) * column(1 << (w + x), family)), 2 * (w + x)
    long, short = max(w, x), min(w, x)
    del x_signed
    return (short - 1) * adder(long + 1, family) + short * long, 3 * long + 2 * short


@singledispatch
def core(found: Core, family: int, contents: bool) -> Cells:
    """Of one core."""
    raise TypeError(type(found))


def _roms(found: DenseFolded | AffineLanes | DepthwiseLanes, family: int, contents: bool) -> Cells:
    block = logic.tile_rows(found.rom_shapes(), FAMILIES[family].shapes, 1)
    if contents:
        return total(block, *(rom_of(m.words, m.width, family) for m in found.memories() if m.store is Store.LOGIC))
    return total(block, *(rom(s.width, s.depth, family) for s in found.rom_shapes() if s.store is Store.LOGIC))


def _sum(bits: int, family: int, *, accumulates: bool) -> Cells:
    """An adder in logic with its register; an accumulator has a gate or multiplexer before each bit."""
    return adder(bits, family) + bits * accumulates, bits


def _biases(found: DenseFolded | AffineLanes | DepthwiseLanes, family: int, contents: bool) -> int:
    """Different bits of the biases: each is registered once more before it is added."""
    if contents:
        memory = found.memories()[-1]
        return rom_of(memory.words, memory.width, family)[1]
    shape = found.rom_shapes()[-1]
    return min(shape.width, (1 << min(shape.depth, 30)) - 2)


def _slots(found: DenseFolded, family: int) -> Cells:
    """What the DSPs of a row leave to logic, but for the tree and the bits of the bias."""
    acc, folded, fabric = found.acc_width, found.column_steps > 1, found.fabric_accumulator
    if family == ECP5:
        links = times(found.segments * (found.slots - 1) + 1, _sum(acc, family, accumulates=False))
        own = fabric or folded  # of a row's only product, in place of the sum with the bias
        return total(links, _sum(acc if fabric else 0, family, accumulates=True), (0 if fabric or not own else acc, 0))
    if fabric:
        return times(found.segments, _sum(acc, family, accumulates=True))
    return acc * found.segments if folded else 0, 0


@core.register
def _(found: DenseFolded, family: int, contents: bool) -> Cells:
    control = total(
        (3, 4),
        address(found.reuse, family),
        address(found.row_steps, family),
        count(found.column_steps, family),
        _roms(found, family, contents),
    )
    acc = found.acc_width
    if found.product is Product.LUT:
        w, x = found.weight_width, found.x_type.width
        adders = total(tree(found.simd, w + x, acc, found.levels, family), _sum(acc, family, accumulates=True))
        each = soft_product(w, x, found.x_type.signed, family)
        shared = (0, -(found.pe - 1) * found.simd * logic.delayed_input(found))
        products = total(times(found.pe * found.simd, each), shared)
        return total(control, (0, found.latency), products, times(found.pe, adders))
    skew = sum(s for g in range(found.segments) for s in range(found.slots) if found.column(g, s) >= 0)
    later = (0, (found.slots - 1) * clog2(found.reuse) + 2 * found.latency)
    row = total(tree(found.segments, acc, acc, found.levels, family), _slots(found, family))
    bits = _biases(found, family, contents)
    gates = found.column_steps > 1 and (family == ECP5 or found.fabric_accumulator)
    inner = family == ICE40 and (found.fabric_accumulator or found.column_steps == 1)  # registers of the DSP
    bias = (bits * gates, 0 if inner else bits)
    return total(control, delay(found.x_type.width, skew), later, bias, times(found.pe, row))


@core.register
def _(found: DenseUnrolled, family: int, contents: bool) -> Cells:
    del contents
    valid = (0, found.latency)
    unread = np.zeros(found.lanes, dtype=np.int64)
    if found.product is Product.LUT:
        _, ff = row_cells(found, unread, shift_registers=False)
        return total(valid, (ff, ff))
    used = np.count_nonzero(found.weight, axis=1).tolist()
    acc, slots = found.acc_width, found.slots
    rows = [tree(ceil_div(n, slots), acc, acc, found.levels, family) for n in used if n]
    taps = delay(found.x_type.width, _deepest(found).sum())
    if family == ECP5:
        links = sum(n - ceil_div(n, slots) for n in used) + len(rows)  # and a bias a row
        rows.append(times(links, _sum(acc, family, accumulates=False)))
    return total(valid, taps, *rows)


def _deepest(found: DenseUnrolled) -> Codes:
    """Clocks by which the last slot that reads it is late, for each input [n]."""
    last = np.zeros(found.weight.shape[1], dtype=np.int64)
    for row in found.weight:
        inputs = np.flatnonzero(row)
        slots = np.arange(len(inputs)) % found.slots
        short = len(inputs) % found.slots
        if short:  # of the last cascade, which uses the last slots
            slots[-short:] += found.slots - short
        np.maximum.at(last, inputs, slots)
    return last


@core.register(AffineLanes)
@core.register(DepthwiseLanes)
def _(found: AffineLanes | DepthwiseLanes, family: int, contents: bool) -> Cells:
    taps = found.taps if isinstance(found, DepthwiseLanes) else 1
    control = total((2, 2 * found.latency), address(found.words * taps, family), address(found.words, family))
    control = total(control, count(taps, family), _roms(found, family, contents))
    if isinstance(found, AffineLanes) and found.late:
        control = total(control, (0, found.lanes * found.x_type.width))
    acc = _sum(found.acc_width, family, accumulates=taps > 1)
    if found.product is Product.LUT:
        each = soft_product(found.weight_width, found.x_type.width, found.x_type.signed, family)
        return total(control, times(found.lanes, total(each, acc)))
    if family == ICE40:
        acc = (found.acc_width, found.acc_width) if taps > 1 else (0, 0)
    else:
        control = total(control, (0, _biases(found, family, contents)))
    return total(control, times(found.lanes, acc))


@core.register
def _(found: PoolLanes, family: int, contents: bool) -> Cells:
    del contents
    bits = found.width if found.total else found.x_type.width
    each = adder(bits, family) + bits
    kept = total(*(2 * [count(found.taps, family)]), count(found.groups, family))
    memories = ram(found.lanes * found.width, found.groups, family) if found.groups > 1 else (0, 0)
    return total((2, 1), kept, times(found.lanes, (each, found.width)), memories)


@core.register
def _(found: MaxUnrolled, family: int, contents: bool) -> Cells:
    del contents
    lut = ff = 0
    left, bits = found.taps, found.x_type.width
    while left > 1:
        pairs, odd = divmod(left, 2)
        lut, ff = lut + pairs * (bits + adder(bits, family)), ff + (pairs + odd) * bits
        left = pairs + odd
    return total(times(found.lanes, (lut, ff)), (0, found.latency))


def _clamp(found: RequantLanes, kept: int, family: int) -> int:
    """hwc_clamp on `kept` bits: a test of the bits above the result, and one LUT or two a bit of it."""
    simple = logic.clamp(found, kept)
    if not simple:
        return 0
    above = max(0, kept - 1 - found.hi.bit_length())
    width = found.format.type.width
    if simple > width + 2:
        return 2 * width + 2 * adder(kept, family)
    return width + ceil_div(above + 1, 3)


@core.register
def _(found: RequantLanes, family: int, contents: bool) -> Cells:
    del contents
    width, shifts = found.format.type.width, found.fold_shifts()
    rounds = found.half
    if not found.variable:
        kept = [logic.kept_bits(found, s) for s in shifts[0].tolist()]
        lut = sum(_clamp(found, k, family) + (adder(k, family) if rounds else 0) for k in kept)
        return lut, found.lanes * width + 1
    lut = ff = 0
    for least, most in zip(shifts.min(axis=0).tolist(), shifts.max(axis=0).tolist(), strict=True):
        kept = logic.kept_bits(found, least)
        lut += kept * clog2(most - least + 1) + _clamp(found, kept, family) + (adder(kept, family) if rounds else 0)
        ff += kept + width
    return total((lut, ff), address(found.folds, family), (0, 2))


@core.register
def _(found: TableLanes, family: int, contents: bool) -> Cells:
    if found.store is Store.BLOCK:
        return 0, 1
    stored = found.memories()[0]
    each = rom_of(stored.words, stored.width, family) if contents else rom(stored.width, len(stored.words), family)
    return total((1, 1), times(found.lanes, each))
