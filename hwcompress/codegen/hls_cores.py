# SPDX-License-Identifier: Apache-2.0
"""Each core as a call of the HLS library: its parameters, its constants, what it emits."""

from dataclasses import dataclass
from functools import singledispatch

import numpy as np

from hwcompress.engines.base import Core, Product, Store, ceil_div
from hwcompress.engines.dense import DenseFolded, DenseUnrolled
from hwcompress.engines.elementwise import AffineLanes, DepthwiseLanes, RequantLanes, TableLanes
from hwcompress.engines.pool import MaxUnrolled, PoolLanes
from hwcompress.ir.fixed import Codes, Overflow, Rounding

WORD_BITS = 64  # of hwc::word
DEEP = 4096  # words; from here on narrow steps share a word of the ROM, so that its text stays short
LINE = 110  # characters

PRODUCT = {Product.DSP: "hwc::on_dsp", Product.LUT: "hwc::on_lut"}
STORAGE = {Store.LOGIC: "lutram", Store.BLOCK: "bram"}


@dataclass(frozen=True, slots=True)
class Vec:
    """hwc::vec: `lanes` codes of `width` bits."""

    width: int  # bits
    signed: bool
    lanes: int

    def __str__(self) -> str:
        return f"hwc::vec<{self.width}, {literal(self.signed)}, {self.lanes}>"


@dataclass(frozen=True, slots=True)
class Rom:
    """A constant array."""

    name: str
    type: str
    shape: str
    note: str
    lines: tuple[str, ...]
    pragmas: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """One core: a struct of parameters and a function of the library."""

    name: str
    note: str
    header: str
    function: str  # dense, depthwise and pool run their island; all others are steps of one
    members: tuple[str, ...]
    roms: tuple[Rom, ...]
    index: tuple[str, ...]  # what the function wants to know besides its input: the fold, the emission or nothing
    output: Vec

    def call(self, value: str) -> str:
        """The call as a step of `emit` on `value`."""
        return f"{self.function}<{self.name}>({', '.join((value, *self.index, *(r.name for r in self.roms)))})"

    def run(self, island: str) -> str:
        """The call that runs an island whose first core this is."""
        return f"{self.function}<{self.name}, {island}>({', '.join(('in', 'out', *(r.name for r in self.roms)))})"


def literal(value: int | bool) -> str:
    """A C++ literal of a number or truth value."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def members(**fields: int | bool) -> tuple[str, ...]:
    """Declarations of constant members."""
    kinds = {True: "bool", False: "int"}
    return tuple(f"static const {kinds[isinstance(v, bool)]} {k} = {literal(v)}" for k, v in fields.items())


def vec(core: Core, signed: bool) -> Vec:
    """What a core emits."""
    return Vec(core.lane_width, signed, core.lanes)


def pack_words(codes: Codes, width: int) -> list[list[int]]:
    """Rows of codes [rows, lanes] as 64-bit words, floor(64 / width) codes each, the first in the low bits."""
    per = WORD_BITS // width
    rows, lanes = codes.shape
    full = np.zeros((rows, ceil_div(lanes, per) * per), dtype=np.uint64)
    full[:, :lanes] = codes.astype(np.uint64) & np.uint64((1 << width) - 1)
    shifts = (np.arange(per) * width).astype(np.uint64)
    words = np.bitwise_or.reduce(full.reshape(rows, -1, per) << shifts, axis=2)
    return words.tolist()


def wrapped(words: list[str]) -> tuple[str, ...]:
    """Comma-separated lines of limited length."""
    lines: list[str] = []
    line = ""
    for word in words:
        if len(line) + len(word) + 1 > LINE:
            lines.append(line)
            line = ""
        line += word + ","
    return (*lines, line)


def word_rom(name: str, note: str, codes: Codes, width: int, pragmas: tuple[str, ...]) -> Rom:
    """A ROM of packed words, a row of codes [rows, lanes] each."""
    rows = pack_words(codes, width)
    text = [str(w) if w < 10 else f"{w:#x}" for row in rows for w in row]
    return Rom(name, "hwc::word", f"[{len(rows)}][{len(rows[0])}]", note, wrapped(text), pragmas)


def by_row(name: str, store: Store) -> tuple[str, ...]:
    """Pragmas of a memory that delivers a whole row."""
    return (
        f"ARRAY_RESHAPE variable={name} type=complete dim=2",
        f"BIND_STORAGE variable={name} type=rom_1p impl={STORAGE[store]}",
    )


def constants(name: str) -> tuple[str, ...]:
    """Pragmas of an array that dissolves into constants."""
    return (f"ARRAY_PARTITION variable={name} type=complete dim=0",)


@singledispatch
def block(core: Core) -> Block:
    """The call that carries out a core."""
    raise TypeError(type(core))


@block.register
def _(core: DenseFolded) -> Block:
    m, n = core.weight.shape
    steps = core.padded().transpose(0, 2, 1, 3).reshape(core.reuse, core.pe * core.simd)
    shared, weights = step_rom(f"{core.name}_w", steps, core.weight_width, core.store)
    b = f"{core.name}_b"
    return Block(
        core.name,
        f"{core.layer}: {n} -> {m}, reuse {core.reuse}",
        "dense.h",
        "hwc::dense",
        (
            *members(
                PE=core.pe,
                SIMD=core.simd,
                CF=core.column_steps,
                RF=core.row_steps,
                W_W=core.weight_width,
                ACC_W=core.acc_width,
                STEPS_A_ROW=shared,
            ),
            f"typedef {PRODUCT[core.product]} product",
        ),
        (
            weights,
            word_rom(
                b,
                f"{core.acc_width}-bit biases with the rounding constant; a row for each row step",
                in_rows(core.bias, core.pe),
                core.acc_width,
                by_row(b, Store.LOGIC),
            ),
        ),
        (),
        vec(core, True),
    )


def in_rows(codes: Codes, lanes: int) -> Codes:
    """Codes [n, ...] as [rows, lanes, ...], zeros beyond the last."""
    rows = ceil_div(len(codes), lanes)
    full = np.zeros((rows * lanes, *codes.shape[1:]), dtype=np.int64)
    full[: len(codes)] = codes
    return full.reshape(rows, lanes, *codes.shape[1:])


def step_rom(name: str, steps: Codes, width: int, store: Store) -> tuple[int, Rom]:
    """Weights [steps, codes], and how many steps share a row."""
    count, codes = int(steps.shape[0]), int(steps.shape[1])
    shared = steps_a_row(count, codes, width)
    rows = in_rows(steps, shared).reshape(-1, shared * codes)
    note = f"{width}-bit weights; {shared * codes} in a row, step by step"
    return shared, word_rom(name, note, rows, width, by_row(name, store))


def steps_a_row(steps: int, codes: int, width: int) -> int:
    """Steps of `codes` codes that share a row of a ROM: a power of two, 1 unless the ROM is deep and narrow."""
    fit = WORD_BITS // width // codes
    return 1 << (fit.bit_length() - 1) if steps >= DEEP and fit > 1 else 1


@block.register
def _(core: DenseUnrolled) -> Block:
    m, n = core.weight.shape
    w, b = f"{core.name}_w", f"{core.name}_b"
    return Block(
        core.name,
        f"{core.layer}: {n} -> {m}, reuse 1",
        "dense_unrolled.h",
        "hwc::dense_unrolled",
        (
            *members(M=m, N=n, W_W=core.weight_width, ACC_W=core.acc_width),
            f"typedef {PRODUCT[core.product]} product",
        ),
        (
            word_rom(
                w,
                f"{core.weight_width}-bit weights; a row for each output",
                core.weight,
                core.weight_width,
                constants(w),
            ),
            word_rom(
                b,
                f"{core.acc_width}-bit biases with the rounding constant",
                core.bias.reshape(m, 1),
                core.acc_width,
                constants(b),
            ),
        ),
        (),
        vec(core, True),
    )


@block.register
def _(core: AffineLanes) -> Block:
    w, b = f"{core.name}_w", f"{core.name}_b"
    index = "fold" if core.scale.ndim == 1 else "emission"
    return Block(
        core.name,
        f"{core.layer}: {core.scale.size} elements, {core.lanes} at once",
        "affine.h",
        "hwc::affine",
        (
            *members(LANES=core.lanes, W_W=core.weight_width, ACC_W=core.acc_width),
            f"typedef {PRODUCT[core.product]} product",
        ),
        (
            word_rom(
                w,
                f"{core.weight_width}-bit scales; a row for each {index}",
                core.by_step(core.scale),
                core.weight_width,
                by_row(w, core.store),
            ),
            word_rom(
                b,
                f"{core.acc_width}-bit biases with the rounding constant; a row for each {index}",
                core.by_step(core.bias),
                core.acc_width,
                by_row(b, Store.LOGIC),
            ),
        ),
        (index,),
        vec(core, True),
    )


@block.register
def _(core: DepthwiseLanes) -> Block:
    steps = in_rows(core.weight, core.lanes).transpose(0, 2, 1).reshape(-1, core.lanes)
    shared, weights = step_rom(f"{core.name}_w", steps, core.weight_width, core.store)
    b = f"{core.name}_b"
    return Block(
        core.name,
        f"{core.layer}: {core.taps} taps of {len(core.weight)} channels, {core.lanes} at once",
        "depthwise.h",
        "hwc::depthwise",
        (
            *members(LANES=core.lanes, TAPS=core.taps, W_W=core.weight_width, ACC_W=core.acc_width, STEPS_A_ROW=shared),
            f"typedef {PRODUCT[core.product]} product",
        ),
        (
            weights,
            word_rom(
                b,
                f"{core.acc_width}-bit biases with the rounding constant; a row for each fold",
                in_rows(core.bias, core.lanes),
                core.acc_width,
                by_row(b, Store.LOGIC),
            ),
        ),
        (),
        vec(core, True),
    )


@block.register
def _(core: PoolLanes) -> Block:
    signed = core.total or core.x_type.signed
    return Block(
        core.name,
        f"{core.layer}: {'sum' if core.total else 'maximum'} of {core.taps}",
        "pool.h",
        "hwc::pool",
        members(
            LANES=core.lanes,
            OUT_W=core.width,
            OUT_SIGNED=signed,
            SUM=core.total,
            TAPS=core.taps,
            GROUPS=core.groups,
        ),
        (),
        (),
        vec(core, signed),
    )


@block.register
def _(core: MaxUnrolled) -> Block:
    return Block(
        core.name,
        f"{core.layer}: maximum of {core.taps} at once",
        "maximum.h",
        "hwc::maximum",
        (*members(LANES=core.lanes, TAPS=core.taps), f"static const long long FILL = {core.fill}"),
        () if core.index is None else (index_rom(f"{core.name}_i", core.index),),
        (),
        vec(core, core.x_type.signed),
    )


def index_rom(name: str, index: Codes) -> Rom:
    """Elements that each lane chooses from [lanes, taps]."""
    shape, text = f"[{index.shape[0]}][{index.shape[1]}]", [str(k) for k in index.reshape(-1).tolist()]
    return Rom(name, "int", shape, "elements of each window; -1: outside the map", wrapped(text), constants(name))


@block.register
def _(core: RequantLanes) -> Block:
    shifts = core.fold_shifts() if core.variable else core.fold_shifts()[:1]
    name = f"{core.name}_s"
    rom = Rom(
        name,
        "unsigned char",
        f"[{shifts.shape[0]}][{shifts.shape[1]}]",
        "right shifts; a row for each fold, or one for all",
        wrapped([str(s) for s in shifts.reshape(-1).tolist()]),
        by_row(name, Store.LOGIC) if core.variable else constants(name),
    )
    kind = core.format.type
    return Block(
        core.name,
        f"{core.layer}: to {core.format}",
        "requant.h",
        "hwc::requant",
        (
            *members(
                LANES=core.lanes,
                OUT_W=kind.width,
                OUT_SIGNED=kind.signed,
                LEFT=core.left,
                MAX_SHIFT=int(shifts.max()),
                HALF=core.half,
                EVEN=core.format.rounding is Rounding.HALF_EVEN,
                SATURATE=core.format.overflow is Overflow.SATURATE,
            ),
            f"static const long long LO = {core.lo}",
            f"static const long long HI = {core.hi}",
        ),
        (rom,),
        ("fold",),
        vec(core, kind.signed),
    )


@block.register
def _(core: TableLanes) -> Block:
    name = f"{core.name}_t"
    rom = Rom(
        name,
        "int",
        f"[{len(core.entries)}]",
        f"{core.y_type} by the bits of {core.x_type}",
        wrapped([str(v) for v in core.by_pattern().tolist()]),
        (f"BIND_STORAGE variable={name} type=rom_np impl={STORAGE[core.store]}",),
    )
    return Block(
        core.name,
        f"{core.layer}: table {core.x_type} to {core.y_type}",
        "table.h",
        "hwc::table",
        members(LANES=core.lanes, OUT_W=core.y_type.width, OUT_SIGNED=core.y_type.signed),
        (rom,),
        (),
        vec(core, core.y_type.signed),
    )
