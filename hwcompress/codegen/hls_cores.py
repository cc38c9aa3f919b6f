# SPDX-License-Identifier: Apache-2.0
"""Each core as a call of the HLS library: its parameters, its constants, what it emits."""

from dataclasses import dataclass
from functools import singledispatch

import numpy as np

from hwcompress.engines.base import Core, Product, Store, ceil_div
from hwcompress.engines.dense import DenseFolded, DenseUnrolled
from hwcompress.engines.elementwise import AffineLanes, RequantLanes, TableLanes
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
    function: str  # dense runs its island; all others are steps of one
    members: tuple[str, ...]
    roms: tuple[Rom, ...]
    folds: bool  # the function wants the fold
    output: Vec

    def call(self, value: str) -> str:
        """The call as a step of `emit` on `value`."""
        arguments = (value, *(("fold",) if self.folds else ()), *(r.name for r in self.roms))
        return f"{self.function}<{self.name}>({', '.join(arguments)})"


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
    step = core.pe * core.simd
    shared = steps_a_row(core.reuse, step, core.weight_width)
    steps = np.zeros((ceil_div(core.reuse, shared) * shared, step), dtype=np.int64)
    steps[: core.reuse] = core.padded().transpose(0, 2, 1, 3).reshape(core.reuse, step)
    rows = np.zeros((core.row_steps * core.pe,), dtype=np.int64)
    rows[:m] = core.bias
    w, b = f"{core.name}_w", f"{core.name}_b"
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
            word_rom(
                w,
                f"{core.weight_width}-bit weights; {shared * step} in a row, step by step",
                steps.reshape(-1, shared * step),
                core.weight_width,
                by_row(w, core.store),
            ),
            word_rom(
                b,
                f"{core.acc_width}-bit biases with the rounding constant; a row for each row step",
                rows.reshape(core.row_steps, core.pe),
                core.acc_width,
                by_row(b, Store.LOGIC),
            ),
        ),
        False,
        vec(core, True),
    )


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
        False,
        vec(core, True),
    )


@block.register
def _(core: AffineLanes) -> Block:
    w, b = f"{core.name}_w", f"{core.name}_b"
    return Block(
        core.name,
        f"{core.layer}: {len(core.scale)} elements, {core.lanes} at once",
        "affine.h",
        "hwc::affine",
        (
            *members(LANES=core.lanes, W_W=core.weight_width, ACC_W=core.acc_width),
            f"typedef {PRODUCT[core.product]} product",
        ),
        (
            word_rom(
                w,
                f"{core.weight_width}-bit scales; a row for each fold",
                folded(core.scale, core.words, core.lanes),
                core.weight_width,
                by_row(w, core.store),
            ),
            word_rom(
                b,
                f"{core.acc_width}-bit biases with the rounding constant; a row for each fold",
                folded(core.bias, core.words, core.lanes),
                core.acc_width,
                by_row(b, Store.LOGIC),
            ),
        ),
        True,
        vec(core, True),
    )


def folded(codes: Codes, folds: int, lanes: int) -> Codes:
    """Codes [n] as [folds, lanes], zeros where there is no channel."""
    full = np.zeros(folds * lanes, dtype=np.int64)
    full[: len(codes)] = codes
    return full.reshape(folds, lanes)


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
        True,
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
        False,
        vec(core, core.y_type.signed),
    )
