# SPDX-License-Identifier: Apache-2.0
"""(LUT, FF) of the library modules as functions of their parameters, as Yosys 0.70 maps them on UltraScale+.

LUT counts sites: LUT1..LUT6 and SRL one each, a RAM32M16 or RAM64M8 eight. The structure of each module is in
templates/rtl; docs/results.md compares the sums with Yosys. DSP and BRAM are not modelled but counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from hwcompress.cost.cells import Cells, shift_register, times, total
from hwcompress.cost.rows import row_cells
from hwcompress.engines.base import Product, Store, Stream, ceil_div, clog2
from hwcompress.engines.dense import DenseFolded, DenseUnrolled
from hwcompress.engines.elementwise import AffineLanes, DepthwiseLanes, RequantLanes, TableLanes
from hwcompress.engines.head import Buffer
from hwcompress.ir.fixed import Codes, Rounding


def rom(width: int, depth: int) -> Cells:
    """A ROM in logic with its output register, whatever its contents: 64 words a LUT, and what selects among them."""
    blocks = ceil_div(depth, 64)
    return (width * (blocks + selection(blocks)), width) if depth > 1 else (0, 0)


def selection(blocks: int) -> int:
    """LUTs that choose one of the blocks of a column; up to 4 that is MUXF7 and MUXF8."""
    return ceil_div(blocks - 1, 3) if blocks > 4 else 0


def lutram(width: int, depth: int) -> Cells:
    """A RAM in LUTRAM with its output register."""
    sites = 8 * ceil_div(width, 14) if depth <= 32 else 8 * ceil_div(width, 7) * ceil_div(depth, 64)
    return sites, width


def memory(width: int, depth: int, store: Store) -> Cells:
    """hwc_ram."""
    return lutram(width, depth) if store is Store.LOGIC else (0, 0)


def count(n: int) -> Cells:
    """hwc_count: a last flag beside a counter."""
    return (min(1, n - 1), clog2(n) + int(n > 2))


def address(n: int) -> Cells:
    """hwc_address: a carry chain; a compare where n is no power of two."""
    return (ceil_div(clog2(n), 5) if n & (n - 1) else 0), clog2(n)


def level(n: int) -> Cells:
    """hwc_level: an up and down counter."""
    return clog2(n) + 1, clog2(n) + 1


def framer(stream: Stream) -> Cells:
    """hwc_input; where a frame may end early, its missing beats are zeros."""
    if stream.beats == 1:
        return 5, 3
    return total((stream.data_bits + 8, 4), count(stream.beats))


def output_fifo(stream: Stream, depth: int, store: Store) -> Cells:
    """hwc_output."""
    control = total((2, 2), count(stream.beats), times(2, level(depth)), times(2, address(depth)))
    return total(control, memory(stream.data_bits, depth, store))


def buffer(head: Buffer) -> Cells:
    """hwc_buffer."""
    bits = clog2(head.depth)
    loops = [head.sub, head.steps, head.replay, head.collect]
    if head.emit not in (1, head.steps):
        loops.append(head.emit)
    rewind = (2 * bits, 2 * bits + 1) if head.replay > 1 and head.depth != head.words else address(head.depth)
    narrow = head.width // head.sub
    select = (narrow * ceil_div(head.sub - 1, 3), narrow + 2 * clog2(head.sub) + 1) if head.sub > 1 else (0, 0)
    return total(
        (6, 1),
        times(2, level(head.depth)),
        address(head.depth),
        rewind,
        *(count(n) for n in loops),
        memory(head.width, head.depth, head.store),
        select,
    )


def collect(bits: int, group: int, emissions: int) -> Cells:
    """hwc_collect: a shift register of emissions."""
    return total((1, bits * (group - 1)), count(emissions))


def tree(leaves: int, width: int, out: int, levels: int) -> Cells:
    """hwc_tree over operands of one width; levels beyond those that add are delay."""
    lut = ff = used = 0
    while leaves > 1:
        width = min(out, width + 1)
        pairs, left = divmod(leaves, 2)
        lut, ff = lut + pairs * width, ff + (pairs + left) * width
        leaves, used = pairs + left, used + 1
    return total((lut, ff), shift_register(width, levels - used))


def rom_of(words: Sequence[int], width: int) -> Cells:
    """A ROM in logic from its contents.

    Equal columns are one, constant ones none, and those that repeat an address bit are a register that is there
    anyway. 64 words of a column are a LUT; of up to 4 words only exclusive ors are, the rest is the register's set
    or reset.
    """
    octets, depth = ceil_div(width, 8), len(words)
    raw = np.frombuffer(b"".join(w.to_bytes(octets, "little") for w in words), dtype=np.uint8)
    bits = np.unpackbits(raw.reshape(depth, octets), axis=1, bitorder="little")[:, :width]
    columns = np.unique(bits.T, axis=0)
    columns = columns[(columns != columns[:, :1]).any(axis=1)]
    address = (np.arange(depth) >> np.arange(clog2(depth))[:, None]) & 1
    columns = columns[~(columns[:, None, :] == address).all(axis=2).any(axis=1)]
    if depth <= 4:
        exclusive = columns[:, :4].sum(axis=1) == 2 if depth == 4 else np.zeros(len(columns), dtype=bool)
        literal = (columns == 1 - address[:1]).all(axis=1) | (columns == 1 - address[-1:]).all(axis=1)
        return int((exclusive & ~literal).sum()), len(columns)
    blocks = ceil_div(depth, 64)
    padded = np.pad(columns, ((0, 0), (0, blocks * 64 - depth))).reshape(-1, 64)
    pieces = np.unique(padded, axis=0)
    used = int((pieces != pieces[:, :1]).any(axis=1).sum())
    if 1 < blocks <= 4:  # the mapper does not see that pieces are constant
        used = len(columns) * blocks
    return used + len(columns) * selection(blocks), len(columns)


def roms(core: DenseFolded | DepthwiseLanes | AffineLanes, contents: bool) -> Cells:
    """Those in logic."""
    if contents:
        return total((0, 0), *(rom_of(m.words, m.width) for m in core.memories() if m.store is Store.LOGIC))
    return total((0, 0), *(rom(s.width, s.depth) for s in core.rom_shapes() if s.store is Store.LOGIC))


def soft_product(core: DenseFolded | DepthwiseLanes | AffineLanes) -> Cells:
    """hwc_mul_lut: a truth table, or rows of conditional additions in two register stages."""
    w, x = core.weight_width, core.x_type.width
    long, short = max(w, x), min(w, x)
    if w + x <= 6:
        return w + x, 2 * (w + x)
    signed = core.x_type.signed if x > w else True
    return long * short + (5 if signed else 1), 3 * long + 2 * short


def delayed_input(core: DenseFolded) -> int:
    """Bits of an input that hwc_mul_lut delays: one register for all rows."""
    w, x = core.weight_width, core.x_type.width
    if w + x <= 6:
        return x
    return x if x >= w else x - (x + 1) // 2


@dataclass(frozen=True, slots=True)
class Beside:
    """What the tools see across the borders of a core."""

    registered: bool = True  # its input comes from plain registers, which may become the first stage of an SRL
    unread: Codes | None = None  # [m] low bits of each result that nobody reads

    def low_bits(self, results: int) -> Codes:
        """Bits that nobody reads [results]."""
        return np.zeros(results, dtype=np.int64) if self.unread is None else self.unread


def delayed(width: int, cycles: int, registered: bool) -> Cells:
    """hwc_delay behind a register that is counted elsewhere."""
    if not registered or not cycles:
        return shift_register(width, cycles)
    lut, ff = shift_register(width, cycles + 1)
    return lut, ff - width


def folded(core: DenseFolded, contents: bool, beside: Beside) -> Cells:
    """hwc_dense_dsp and hwc_dense_lut."""
    control = total(
        (2, 4), address(core.reuse), address(core.row_steps), count(core.column_steps), roms(core, contents)
    )
    if core.product is Product.LUT:
        width = core.weight_width + core.x_type.width
        adders = total(tree(core.simd, width, core.acc_width, core.levels), (core.acc_width, core.acc_width))
        products = times(core.pe * core.simd, soft_product(core))
        shared = (0, -(core.pe - 1) * core.simd * delayed_input(core))
        products = total(products, shared)
        return total(control, (0, core.latency), products, times(core.pe, adders))
    places = [slot for g in range(core.segments) for slot in range(core.slots) if core.column(g, slot) >= 0]
    skew = [delayed(core.x_type.width, slot, beside.registered) for slot in places]
    addresses = (0, (core.slots - 1) * clog2(core.reuse))
    fabric = core.pe * core.segments * core.acc_width if core.fabric_accumulator else 0
    adders = times(core.pe, tree(core.segments, core.acc_width, core.acc_width, core.levels))
    return total(control, (0, core.slots + 2), *skew, addresses, (fabric, fabric), adders)


def unrolled(core: DenseUnrolled, beside: Beside) -> Cells:
    """hwc_row_dsp and hwc_row_lut, every row."""
    valid = (0, core.latency)
    if core.product is Product.LUT:
        return total(valid, row_cells(core, beside.low_bits(core.lanes)))
    used = np.count_nonzero(core.weight, axis=1).tolist()
    trees = [tree(ceil_div(n, core.slots), core.acc_width, core.acc_width, core.levels) for n in used if n]
    spared = int(beside.low_bits(core.lanes)[np.flatnonzero(used)].sum()) if core.levels else 0
    return total(valid, taps(core, beside.registered), (0, -spared), *trees)


def taps(core: DenseUnrolled, registered: bool) -> Cells:
    """hwc_taps: each input is delayed from one slot that reads it to the next."""
    used: list[set[int]] = [set() for _ in range(core.weight.shape[1])]
    for row in core.weight:
        inputs = np.flatnonzero(row).tolist()
        last, skip = (len(inputs) - 1) // core.slots, -len(inputs) % core.slots
        for t, i in enumerate(inputs):
            used[i].add(t % core.slots + (skip if t // core.slots == last else 0))
    width = core.x_type.width
    begins = [delayed(width, min(slots), registered) for slots in used if slots]
    steps = [b - a for slots in used for a, b in pairwise(sorted(slots))]
    return total((0, 0), *begins, *(shift_register(width, step) for step in steps))


def affine(core: AffineLanes, contents: bool) -> Cells:
    """hwc_affine."""
    control = total((1, core.latency), address(core.words), roms(core, contents))
    if core.late:
        control = total(control, (0, core.lanes * core.x_type.width))
    if core.product is Product.DSP:
        return control
    each = total(soft_product(core), (core.acc_width, 2 * core.acc_width))
    return total(control, times(core.lanes, each))


def unread(core: RequantLanes) -> Codes:
    """Low bits of each lane of the accumulators that no fold looks at [lanes]."""
    if core.half and core.format.rounding is Rounding.HALF_EVEN:
        return np.zeros(core.lanes, dtype=np.int64)
    return np.maximum(core.fold_shifts().min(axis=0) - core.left - core.half, 0)


def kept_bits(core: RequantLanes, shift: int) -> int:
    """Bits of a lane that are left after a right shift, as hwc_requant keeps them."""
    return max(2, core.acc_width + core.left - shift)


def clamp(core: RequantLanes, kept: int) -> int:
    """LUTs of a lane of hwc_clamp on `kept` bits; ends that are no powers of two compare in carry chains."""
    kind = core.format.type
    top = kept - 1 if core.source_signed else kept
    lowest = -(1 << top) if core.source_signed else 0
    over, under = core.hi < (1 << top) - 1, core.lo > lowest
    if not over and not under:
        return 0
    hi_bits = core.hi.bit_length()
    above = max(0, top - hi_bits)  # bits between the result and the sign
    power = core.hi & (core.hi + 1) == 0 and (core.lo in (0, lowest) or -core.lo == core.hi + 1)
    varying = min(kind.width, hi_bits if core.lo >= -core.hi - 1 else kind.width)
    if not power:
        return varying + 2 * ceil_div(kept, 2)
    return varying + (0 if above <= 4 else ceil_div(above + 1, 6))


def resets(core: RequantLanes) -> bool:
    """Whether a constant end of the clamp becomes set or reset of the registers, which then are no stage of an SRL."""
    kept = kept_bits(core, int(core.fold_shifts().min()))
    return clamp(core, kept) > 0 and core.lo != -core.hi - 1


def requant(core: RequantLanes) -> Cells:
    """hwc_requant: a multiplexer for two bits of the shift a level of LUTs, then the clamp."""
    width = core.format.type.width
    shifts = core.fold_shifts()
    if not core.variable:
        kinds = zip(*(found.tolist() for found in np.unique(shifts[0], return_counts=True)), strict=True)
        lanes = sum(count * clamp(core, kept_bits(core, shift)) for shift, count in kinds)
        return total((lanes, core.lanes * width), (0, 1))
    kept = kept_bits(core, int(shifts.min()))
    stages = clog2(int(shifts.max() - shifts.min()) + 1)
    lane = (kept * ceil_div(stages, 2) + clamp(core, kept), kept + width)
    return total(times(core.lanes, lane), address(core.folds), (0, 2))


def table(core: TableLanes, contents: bool) -> Cells:
    """hwc_table."""
    if core.store is Store.BLOCK:
        return 0, 1
    memory = core.memories()[0]
    each = rom_of(memory.words, memory.width) if contents else rom(memory.width, len(memory.words))
    return total((1, 1), times(core.lanes, each))
