# SPDX-License-Identifier: Apache-2.0
"""(LUT, FF) of the library modules as functions of their parameters, as Yosys 0.70 maps them on UltraScale+.

LUT counts sites: LUT1..LUT6 and SRL one each, a RAM32M16 or RAM64M8 eight. The structure of each module is in
templates/rtl; docs/results.md compares the sums with Yosys. DSP and BRAM are not modelled but counted.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hwcompress.cost.cells import Cells, shift_register, times, total
from hwcompress.cost.rows import row_cells
from hwcompress.engines.base import Product, RomShape, Store, Stream, ceil_div, clog2
from hwcompress.engines.columns import columns
from hwcompress.engines.dense import DenseFolded, DenseUnrolled
from hwcompress.engines.elementwise import AffineLanes, DepthwiseLanes, RequantLanes, TableLanes
from hwcompress.engines.head import Buffer
from hwcompress.hw.families import BLOCK_18K, Shapes
from hwcompress.hw.memory import tiles
from hwcompress.ir.fixed import Codes, FixedPoint, Rounding


def rom(width: int, depth: int) -> Cells:
    """A ROM in logic with its output register, whatever its contents."""
    return (width * (ceil_div(depth, 64) + _selection(depth)), width) if depth > 1 else (0, 0)


def lutram(width: int, depth: int) -> Cells:
    """A RAM in LUTRAM with its output register; beyond 64 words a write enable a row and what selects among them."""
    if depth <= 32:
        return 8 * ceil_div(width, 14), width
    rows = ceil_div(depth, 64)
    select = rows + width * ceil_div(rows - 1, 3) if rows > 1 else 0
    return 8 * ceil_div(width, 7) * rows + select, width


def memory(width: int, depth: int, store: Store) -> Cells:
    """hwc_ram."""
    return lutram(width, depth) if store is Store.LOGIC else (0, 0)


def count(n: int) -> Cells:
    """hwc_count: a last flag beside a counter."""
    return (1, clog2(n - 1) + 1) if n > 1 else (0, 0)


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
    """hwc_collect: a shift register of emissions; a last word that is not full comes earlier."""
    whole = total((2, bits * (group - 1)), count(group))
    return whole if emissions % group == 0 else total(whole, (2 * bits + group - 1, group), count(emissions))


def tree(leaves: int, width: int, out: int, levels: int, early: int = 0) -> Cells:
    """hwc_tree over operands of one width; levels beyond those that add are delay.

    What waits for a partner passes from register to register, three in a row are an SRL. Of the leaf of a soft
    product (`early` > 0) that register is the first, and there is one more before it for its `early` low bits.
    """
    cells = (0, 0)
    last, age = width, int(early > 0)  # of the last node: its bits, registers in a row up to here
    counted = age
    for _ in range(levels):
        pairs, odd = divmod(leaves, 2)
        if leaves > 1:
            width = min(out, width + 1)
            cells = total(cells, (pairs * width, pairs * width))
        if odd:
            age += 1
        else:
            cells = total(cells, _waited(last - early, age, counted), _waited(early, age + 1, counted + 1))
            last, age, counted, early = width, 1, 1, 0
        leaves = pairs + odd
    return total(cells, _waited(last - early, age, counted), _waited(early, age + 1, counted + 1))


def _waited(width: int, age: int, counted: int) -> Cells:
    """Registers in a row beyond the one that is counted elsewhere."""
    lut, ff = shift_register(width, age)
    return lut, ff - width * counted


def rom_of(words: tuple[int, ...], width: int) -> Cells:
    """hwc_rom_logic from its contents: 64 words of a column that are not all alike are a LUT.

    Up to 4 words only exclusive ors are, the rest is set or reset of the register.
    """
    found, depth = columns(words, width), len(words)
    if depth <= 4:
        return int((found.bits.sum(axis=1) == 2).sum()) if depth == 4 else 0, found.registers
    return _leaves(found.bits) + len(found.bits) * _selection(depth), found.registers


def _leaves(bits: NDArray[np.uint8]) -> int:
    """LUT6 of columns [columns, words]: 64 words that are not all alike are one."""
    count, depth = bits.shape
    padded = np.pad(bits, ((0, 0), (0, -depth % 64))).reshape(count, ceil_div(depth, 64), 64)
    return int((padded != padded[:, :, :1]).any(axis=2).sum())


def _selection(depth: int) -> int:
    """LUTs of a column that choose among 256 words each; MUXF7 and MUXF8 join those."""
    return ceil_div(ceil_div(depth, 256) - 1, 3)


def tile_rows(shapes: tuple[RomShape, ...], block: Shapes, joins: int) -> Cells:
    """hwc_rom in block RAM: which row of tiles is read; a LUT joins `joins` more of them.

    One register for all: the address of a slot is that of the slot before it, a clock later.
    """
    rows = [(s.width, tiles(s.width, s.depth, block)[0]) for s in shapes if s.store is Store.BLOCK]
    return sum(width * ceil_div(n - 1, joins) for width, n in rows), max((clog2(n) for _, n in rows), default=0)


def roms(core: DenseFolded | DepthwiseLanes | AffineLanes, contents: bool) -> Cells:
    """What they take of logic."""
    block = tile_rows(core.rom_shapes(), BLOCK_18K, 3)
    if contents:
        return total(block, *(rom_of(m.words, m.width) for m in core.memories() if m.store is Store.LOGIC))
    return total(block, *(rom(s.width, s.depth) for s in core.rom_shapes() if s.store is Store.LOGIC))


def soft_product(w: int, x_type: FixedPoint) -> Cells:
    """hwc_mul_lut by a signed weight of `w` bits: a truth table, or rows of conditional additions in two stages."""
    x = x_type.width
    long, short = max(w, x), min(w, x)
    if w + x <= 6:
        return w + x, 2 * (w + x)
    flips = ceil_div(short, 2) - (w > x and not x_type.signed) if w > x or x_type.signed else 0
    return long * short + 1 + flips, 3 * long + 2 * short


def spared(core: DenseFolded | DepthwiseLanes | AffineLanes, products: int) -> Cells:
    """What the contents of the weight ROM spare of that many soft products.

    A bit that is always zero has no row of additions; at the ends of the weight the product has fewer bits, too. A
    bit that all weights have alike is delayed once.
    """
    w, x = core.weight_width, core.x_type.width
    weights = core.memories()[0]
    if weights.store is Store.BLOCK or w + x <= 6:
        return 0, 0
    sources = columns(weights.words, weights.width).map.reshape(products, w)
    zero = sources == 0
    low = int(np.logical_and.accumulate(zero, axis=1).sum())
    high = int(np.logical_and.accumulate(zero[:, ::-1], axis=1).sum())
    late = sources[:, (w + 1) // 2 :] if x >= w else sources
    delays = len(np.unique(late[late > 1]))
    slots = core.simd if isinstance(core, DenseFolded) else products
    gates = _gates(sources.reshape(-1, slots, w), x)
    return (x if x >= w else x - 1) * int(zero.sum()) - gates, late.size - delays + 2 * low + high


def _gates(sources: Codes, x: int) -> int:
    """LUTs that select rows of additions beside the adders, of weights [rows, slots, bits] as columns of the ROM.

    An adder takes the selection of its row into its LUTs, unless three or more select alike: then abc, which has a
    LUT3 cost as much as one and a half LUT2, makes the selection once. The first row is a selection by itself.
    """
    _, slots, w = sources.shape
    place = np.arange(slots, dtype=np.int64).reshape(-1, 1) * (1 << 32)
    keys = np.where(sources > 1, sources + place, 0)
    if x < w:  # the weights are added, as bits of the input say
        return (x - 1) * len(_thrice(keys)) - _repeated(keys)
    cut, first = (w + 1) // 2, keys[..., 0]
    early, late = _thrice(keys[..., :cut]), _thrice(keys[..., cut:])
    return x * (len(np.setdiff1d(early, first)) + len(late) - _repeated(first))


def _thrice(keys: Codes) -> Codes:
    """What occurs three times or more."""
    found, counts = np.unique(keys[keys > 0], return_counts=True)
    return found[counts > 2]


def _repeated(keys: Codes) -> int:
    """How many are there already."""
    found = keys[keys > 0]
    return found.size - len(np.unique(found))


def soft_products(core: DenseFolded | DepthwiseLanes | AffineLanes, count: int, contents: bool) -> Cells:
    """All of a core, one for each weight of a step."""
    lut, ff = spared(core, count) if contents else (0, 0)
    return total(times(count, soft_product(core.weight_width, core.x_type)), (-lut, -ff))


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
        early = 0 if width <= 6 else (min(core.weight_width, core.x_type.width) + 1) // 2
        adders = total(tree(core.simd, width, core.acc_width, core.levels, early), (core.acc_width, core.acc_width))
        products = soft_products(core, core.pe * core.simd, contents)
        products = total(products, (0, -(core.pe - 1) * core.simd * delayed_input(core)))
        return total(control, (0, core.latency), products, times(core.pe, adders))
    places = [slot for g in range(core.segments) for slot in range(core.slots) if core.column(g, slot) >= 0]
    skew = [delayed(core.x_type.width, slot, beside.registered) for slot in places]
    addresses = (0, (core.slots - 1) * clog2(core.reuse))
    fabric = core.pe * core.segments * core.acc_width if core.fabric_accumulator else 0
    adders = times(core.pe, tree(core.segments, core.acc_width, core.acc_width, core.levels))
    return total(control, (0, core.slots + 2), *skew, addresses, (fabric, fabric), adders)


def unrolled(core: DenseUnrolled, beside: Beside) -> Cells:
    """hwc_row_dsp for every row, or adder trees."""
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
    products = soft_products(core, core.lanes, contents)
    return total(control, products, times(core.lanes, (core.acc_width, 2 * core.acc_width)))


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
    if not power:  # from 0: compared in the carry chain alone; zero is the reset, the end a set
        return core.hi.bit_count() + 2 if core.lo == 0 else varying + 2 * ceil_div(kept, 2)
    return varying + (0 if above <= 4 else ceil_div(above + 1, 6))


def resets(core: RequantLanes) -> bool:
    """Whether a constant end of the clamp becomes set or reset of the registers, which then are no stage of an SRL."""
    kept = kept_bits(core, int(core.fold_shifts().min()))
    return clamp(core, kept) > 0 and core.lo != -core.hi - 1


SELECT = (0.0, 1.0, 1.6, 2.6, 3.6, 4.6, 5.6)  # LUTs of a bit of a shifter, by the bits of the shift that vary


def requant(core: RequantLanes) -> Cells:
    """hwc_requant: where the shift of a lane varies a multiplexer, then the rounding, then the clamp."""
    width = core.format.type.width
    shifts = core.fold_shifts()
    kept = [kept_bits(core, low) for low in shifts.min(axis=0).tolist()]
    lut = sum(clamp(core, bits) + (bits - 1 if core.half else 0) for bits in kept)
    if not core.variable:
        return lut, core.lanes * width + 1
    excess = shifts - shifts.min(axis=0)
    places = [int(np.bitwise_or.reduce(e)).bit_count() for e in excess.T]
    if core.folds > 16:  # else part of the multiplexers
        bits_of_shifts = (excess.T[:, None] >> np.arange(6)[:, None] & 1).reshape(-1, core.folds)
        lut += _leaves(np.unique(bits_of_shifts.astype(np.uint8), axis=0))
    lut += round(sum(bits * SELECT[p] for bits, p in zip(kept, places, strict=True)))
    return total((lut, sum(kept) + core.lanes * width), address(core.folds), (0, 2))


def table(core: TableLanes, contents: bool) -> Cells:
    """hwc_table."""
    if core.store is Store.BLOCK:
        return 0, 1
    memory = core.memories()[0]
    each = rom_of(memory.words, memory.width) if contents else rom(memory.width, len(memory.words))
    return total((1, 1), times(core.lanes, each))
