# SPDX-License-Identifier: Apache-2.0
"""Engines that work element by element: affine, requant, table."""

from dataclasses import dataclass

import numpy as np

from hwcompress.engines.base import Memory, Product, RomShape, Store, ceil_div, pack
from hwcompress.ir.fixed import Codes, FixedPoint, Format, Rounding


@dataclass(frozen=True, eq=False)
class AffineLanes:
    """hwc_affine: `lanes` elements a step, one product each. `bias` holds the rounding constant too."""

    name: str
    layer: str
    scale: Codes  # [n], or [positions, n] where it differs between positions
    bias: Codes  # as scale
    x_type: FixedPoint
    weight_width: int  # bits
    acc_width: int  # bits
    lanes: int
    product: Product
    store: Store
    family: int
    late: bool  # no issue bit a clock ahead: the input waits a clock

    @property
    def latency(self) -> int:
        """Clocks from valid input to accumulators."""
        return 3 + int(self.late)

    @property
    def words(self) -> int:
        """Steps until the constants repeat."""
        return self.scale.size // self.channels * ceil_div(self.channels, self.lanes)

    @property
    def channels(self) -> int:
        """Elements of a position."""
        return self.scale.shape[-1]

    def by_step(self, codes: Codes) -> Codes:
        """Constants as [words, lanes], zeros where there is no channel."""
        rows = codes.reshape(-1, self.channels)
        full = np.zeros((len(rows), ceil_div(self.channels, self.lanes) * self.lanes), dtype=np.int64)
        full[:, : self.channels] = rows
        return full.reshape(-1, self.lanes)

    @property
    def lane_width(self) -> int:
        """Bits of an element."""
        return self.acc_width

    def rom_shapes(self) -> tuple[RomShape, ...]:
        """Scales, then biases."""
        return (
            RomShape(self.lanes * self.weight_width, self.words, self.store),
            RomShape(self.lanes * self.acc_width, self.words, Store.LOGIC),
        )

    def memories(self) -> tuple[Memory, ...]:
        """Scales, then biases, a step a word."""
        return (
            _memory(f"{self.name}_w", self.by_step(self.scale), self.weight_width, self.store),
            _memory(f"{self.name}_b", self.by_step(self.bias), self.acc_width, Store.LOGIC),
        )


def _memory(file: str, rows: Codes, width: int, store: Store) -> Memory:
    """Rows of codes [words, lanes] as words."""
    return Memory(file, rows.shape[1] * width, tuple(pack(r, width) for r in rows), store)


@dataclass(frozen=True, eq=False)
class DepthwiseLanes:
    """hwc_affine with TAPS: `lanes` channels at once, tap after tap. `bias` holds the rounding constant too."""

    name: str
    layer: str
    weight: Codes  # [n, taps]
    bias: Codes  # [n]
    x_type: FixedPoint
    weight_width: int  # bits
    acc_width: int  # bits
    lanes: int
    product: Product
    store: Store
    family: int

    latency = 3

    @property
    def taps(self) -> int:
        """Products of a sum."""
        return self.weight.shape[1]

    @property
    def words(self) -> int:
        """Sums until the constants repeat."""
        return ceil_div(len(self.weight), self.lanes)

    @property
    def lane_width(self) -> int:
        """Bits of an element."""
        return self.acc_width

    def rom_shapes(self) -> tuple[RomShape, ...]:
        """Weights, then biases."""
        return (
            RomShape(self.lanes * self.weight_width, self.words * self.taps, self.store),
            RomShape(self.lanes * self.acc_width, self.words, Store.LOGIC),
        )

    def memories(self) -> tuple[Memory, ...]:
        """Weights, a step a word; then biases, a sum a word."""
        rows = self.words * self.lanes
        weight, bias = np.zeros((rows, self.taps), dtype=np.int64), np.zeros(rows, dtype=np.int64)
        weight[: len(self.weight)], bias[: len(self.bias)] = self.weight, self.bias
        steps = weight.reshape(self.words, self.lanes, self.taps).transpose(0, 2, 1).reshape(-1, self.lanes)
        sums = bias.reshape(-1, self.lanes)
        return (
            _memory(f"{self.name}_w", steps, self.weight_width, self.store),
            _memory(f"{self.name}_b", sums, self.acc_width, Store.LOGIC),
        )


@dataclass(frozen=True, eq=False)
class RequantLanes:
    """hwc_requant on `lanes` accumulators."""

    name: str
    layer: str
    lanes: int
    acc_width: int  # bits of the source
    format: Format
    shifts: Codes  # [n] fraction bits of the source less those of the result
    lo: int
    hi: int
    half_here: bool  # the rounding constant is added here, not with a bias upstream
    source_signed: bool = True

    @property
    def folds(self) -> int:
        """Emissions a frame."""
        return ceil_div(len(self.shifts), self.lanes)

    @property
    def left(self) -> int:
        """Zeros appended before the right shifts."""
        return max(0, -int(self.shifts.min()))

    def fold_shifts(self) -> Codes:
        """Right shifts [folds, lanes] after `left`; an absent lane repeats its neighbour of the first fold."""
        right = self.shifts + self.left
        full = np.resize(right, self.folds * self.lanes).reshape(self.folds, self.lanes)
        tail = len(right) - (self.folds - 1) * self.lanes
        full[-1, tail:] = full[0, tail:]
        return full

    @property
    def variable(self) -> bool:
        """Whether a lane sees more than one shift."""
        return bool((self.fold_shifts() != self.fold_shifts()[0]).any())

    @property
    def latency(self) -> int:
        """1, or 2 with a barrel shifter."""
        return 2 if self.variable else 1

    @property
    def lane_width(self) -> int:
        """Bits of an element."""
        return self.format.type.width

    @property
    def half(self) -> bool:
        """Whether hwc_requant adds half a step."""
        return self.half_here and self.format.rounding is not Rounding.TRUNCATE

    def rom_shapes(self) -> tuple[RomShape, ...]:
        """None."""
        return ()

    def memories(self) -> tuple[Memory, ...]:
        """None."""
        return ()


@dataclass(frozen=True, eq=False)
class TableLanes:
    """hwc_table: one ROM a lane."""

    name: str
    layer: str
    lanes: int
    x_type: FixedPoint
    y_type: FixedPoint
    entries: Codes  # [2**x_type.width], entry k is for code min_code + k
    store: Store

    latency = 1

    @property
    def lane_width(self) -> int:
        """Bits of an element."""
        return self.y_type.width

    def by_pattern(self) -> Codes:
        """Entries in order of the unsigned bit pattern of the input."""
        return np.roll(self.entries, self.x_type.min_code)

    def rom_shapes(self) -> tuple[RomShape, ...]:
        """The ROM of one lane."""
        return (RomShape(self.y_type.width, 1 << self.x_type.width, self.store),)

    def memories(self) -> tuple[Memory, ...]:
        """The table, shared by all lanes."""
        width = self.y_type.width
        words = tuple(int(v) & ((1 << width) - 1) for v in self.by_pattern())
        return (Memory(f"{self.name}_t", width, words, self.store),)
