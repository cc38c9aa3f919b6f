# SPDX-License-Identifier: Apache-2.0
"""(LUT, FF) of the library modules as functions of their parameters, as Yosys 0.70 maps them on UltraScale+.

LUT counts sites: LUT1..LUT6 and SRL one each, a RAM32M16 or RAM64M8 eight. A model, checked by
benchmarks/cost_table.py; DSP and BRAM are not modelled but counted.
"""

import numpy as np

from hwcompress.engines.base import Product, Store, Stream, ceil_div, clog2
from hwcompress.engines.dense import DenseFolded, DenseUnrolled
from hwcompress.engines.elementwise import AffineLanes, RequantLanes, TableLanes
from hwcompress.engines.head import Buffer

Cells = tuple[int, int]


def shift_register(width: int, cycles: int) -> Cells:
    """A delay without reset: registers up to 2 clocks, SRLs beyond."""
    if cycles < 3:
        return 0, width * cycles
    return width * ceil_div(cycles, 32), 0


def rom(width: int, depth: int) -> int:
    """LUT of a ROM in logic."""
    return 0 if depth <= 1 else width * ceil_div(depth, 64)


def lutram(width: int, depth: int) -> int:
    """LUT sites of a RAM in LUTRAM."""
    if depth <= 32:
        return 8 * ceil_div(width, 14)
    return 8 * ceil_div(width, 7) * ceil_div(depth, 64)


def counter(count: int) -> Cells:
    """A counter modulo `count`."""
    bits = clog2(count)
    return 2 * bits, bits


def framer(stream: Stream) -> Cells:
    """hwc_input."""
    lut, ff = counter(stream.beats)
    return lut + 4, ff + 3


def output_fifo(stream: Stream, depth: int, store: Store) -> Cells:
    """hwc_output."""
    bits = stream.data_bits
    lut, ff = 6 * clog2(depth) + 6, 4 * clog2(depth) + bits + 3
    return lut + (lutram(bits, depth) if store is Store.LOGIC else 0), ff


def buffer(head: Buffer) -> Cells:
    """hwc_buffer."""
    bits = head.width
    control = 7 * clog2(head.depth) + 10
    for n in (head.steps, head.replay, head.sub, head.emit, head.collect):
        control += 2 * clog2(n)
    registers = 5 * clog2(head.depth) + clog2(head.steps) + clog2(head.replay) + 6
    memory = lutram(bits, head.depth) if head.store is Store.LOGIC else 0
    read = bits if head.store is Store.LOGIC else 0
    narrow = bits // head.sub
    select = narrow * ceil_div(head.sub - 1, 3) if head.sub > 1 else 0
    return control + memory + select, registers + read + (narrow if head.sub > 1 else 0)


def collect(bits: int, group: int, count: int) -> Cells:
    """hwc_collect."""
    lut, ff = counter(group)
    return lut + bits * (group - 1), ff + bits * (group - 1) + clog2(count)


def tree(count: int, width: int, out: int, levels: int) -> Cells:
    """hwc_tree over operands of one width."""
    lut = ff = 0
    for _ in range(levels):
        width = min(out, width + 1)
        pairs, left = divmod(count, 2)
        lut += pairs * width
        ff += (pairs + left) * width
        count = pairs + left
    return lut, ff


def folded(core: DenseFolded) -> Cells:
    """hwc_dense_dsp and hwc_dense_lut."""
    lut, ff = 2 * counter(core.reuse)[0], 2 * counter(core.reuse)[1]
    for shape in core.rom_shapes():
        if shape.store is Store.LOGIC:
            lut += rom(shape.width, shape.depth)
            ff += shape.width if shape.depth > 1 else 0
    if core.product is Product.LUT:
        product = core.weight_width + core.x_type.width
        t_lut, t_ff = tree(core.simd, product, core.acc_width, core.levels)
        soft = core.pe * core.simd
        lut += soft * core.weight_width * (core.x_type.width + 2) + core.pe * (t_lut + core.acc_width)
        return lut, ff + soft * 3 * product + core.pe * (t_ff + core.acc_width)
    for column in range(core.simd):
        d_lut, d_ff = shift_register(core.x_type.width, column % core.slots)
        lut, ff = lut + d_lut, ff + d_ff
    ff += (core.slots - 1) * clog2(core.reuse)
    t_lut, t_ff = tree(core.segments, core.acc_width, core.acc_width, core.levels)
    fabric = core.pe * core.segments * core.acc_width if core.fabric_accumulator else 0
    return lut + core.pe * t_lut + fabric, ff + core.pe * t_ff + fabric


def unrolled(core: DenseUnrolled) -> Cells:
    """hwc_row_dsp and hwc_row_lut, every row."""
    lut, ff = 0, core.latency
    if core.product is Product.DSP:
        lut, d_ff = 0, core.weight.shape[1] * core.x_type.width * (core.slots - 1)
        ff += d_ff
        for used in np.count_nonzero(core.weight, axis=1).tolist():
            segments = max(1, ceil_div(used, core.slots))
            t_lut, t_ff = tree(segments, core.acc_width, core.acc_width, core.levels)
            lut, ff = lut + t_lut, ff + t_ff
        return lut, ff
    for count in core.operands.tolist():
        t_lut, t_ff = tree(count, core.x_type.width + 2, core.acc_width, core.levels)
        lut, ff = lut + t_lut, ff + t_ff
    return lut, ff


def affine(core: AffineLanes) -> Cells:
    """hwc_affine."""
    lut, ff = counter(core.words)
    for shape in core.rom_shapes():
        if shape.store is Store.LOGIC:
            lut, ff = lut + rom(shape.width, shape.depth), ff + shape.width
    if core.product is Product.LUT:
        each = core.weight_width * (core.x_type.width + 2) + core.acc_width
        lut, ff = lut + core.lanes * each, ff + core.lanes * 4 * core.acc_width
    return lut, ff


def requant(core: RequantLanes) -> Cells:
    """hwc_requant."""
    width = core.format.type.width
    lut, ff = core.lanes * (width + 3), core.lanes * width + 1
    if core.variable:
        spread = int(core.fold_shifts().max() - core.fold_shifts().min())
        lut += core.lanes * core.acc_width * ceil_div(clog2(spread + 1), 2)
        ff += core.lanes * core.acc_width + clog2(core.folds)
    return lut, ff


def table(core: TableLanes) -> Cells:
    """hwc_table."""
    if core.store is Store.BLOCK:
        return 0, 1
    each = rom(core.y_type.width, 1 << core.x_type.width)
    return core.lanes * each, core.lanes * core.y_type.width + 1
