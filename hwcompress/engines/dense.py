# SPDX-License-Identifier: Apache-2.0
"""Engines for dense layers: folded on DSPs or LUTs, and unrolled at reuse 1."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hwcompress.engines.base import Memory, Product, RomShape, Store, ceil_div, clog2, pack
from hwcompress.engines.csd import Term, digit_counts, row_terms, signed_digits
from hwcompress.hw.families import FAMILIES
from hwcompress.ir.fixed import Codes, FixedPoint

CASCADE_MAX = 16  # slots of one DSP cascade: one SRL16 delays an input bit


@dataclass(frozen=True, eq=False)
class DenseFolded:
    """hwc_dense_dsp or hwc_dense_lut: PE rows by SIMD columns a step. `bias` holds the rounding constant too."""

    name: str
    layer: str
    weight: Codes  # [m, n]
    bias: Codes  # [m]
    x_type: FixedPoint
    weight_width: int  # bits
    acc_width: int  # bits
    pe: int
    simd: int
    product: Product
    segment: int  # slots of a cascade (dsp)
    store: Store
    family: int  # of the target, key of hw.families.FAMILIES

    @property
    def column_steps(self) -> int:
        """CF."""
        return ceil_div(self.weight.shape[1], self.simd)

    @property
    def row_steps(self) -> int:
        """RF."""
        return ceil_div(self.weight.shape[0], self.pe)

    @property
    def reuse(self) -> int:
        """Products of one multiplier a frame."""
        return self.column_steps * self.row_steps

    @property
    def slots(self) -> int:
        """Length of the longest cascade."""
        return min(self.segment, self.simd)

    @property
    def segments(self) -> int:
        """Cascades a row."""
        return ceil_div(self.simd, self.slots)

    @property
    def levels(self) -> int:
        """Levels of the adder tree behind the products."""
        return clog2(self.segments if self.product is Product.DSP else self.simd)

    @property
    def fabric_accumulator(self) -> bool:
        """Where the target's DSPs cannot accumulate their cascade, logic does it behind the tree."""
        return self.column_steps > 1 and FAMILIES[self.family].fabric_accumulator(self.slots, self.simd)

    @property
    def latency(self) -> int:
        """Clocks from the issue edge of a row's last step to its accumulators."""
        if self.product is Product.LUT:
            return 2 + self.levels + 1
        return 3 + self.slots - 1 + int(self.fabric_accumulator) + self.levels

    @property
    def lanes(self) -> int:
        """Elements of an emission."""
        return self.pe

    @property
    def lane_width(self) -> int:
        """Bits of an element."""
        return self.acc_width

    def column(self, segment: int, slot: int) -> int:
        """Column within a step of a slot; the last, shorter segment starts late. -1: none."""
        length = min(self.slots, self.simd - segment * self.slots)
        k = slot - (self.slots - length)
        return segment * self.slots + k if k >= 0 else -1

    def padded(self) -> Codes:
        """Weights as [RF, PE, CF, SIMD], zeros where there is no row or column."""
        m, n = self.weight.shape
        rows, columns = self.row_steps * self.pe, self.column_steps * self.simd
        full = np.zeros((rows, columns), dtype=np.int64)
        full[:m, :n] = self.weight
        return full.reshape(self.row_steps, self.pe, self.column_steps, self.simd)

    def rom_shapes(self) -> tuple[RomShape, ...]:
        """Weight banks, then the bias."""
        if self.product is Product.LUT:
            banks = (RomShape(self.pe * self.simd * self.weight_width, self.reuse, self.store),)
        else:
            lacking = self.segments * self.slots - self.simd  # first slots, of the last segment
            segments = (self.segments - (j < lacking) for j in range(self.slots))
            banks = tuple(RomShape(n * self.pe * self.weight_width, self.reuse, self.store) for n in segments)
        return (*banks, RomShape(self.pe * self.acc_width, self.row_steps, Store.LOGIC))

    def memories(self) -> tuple[Memory, ...]:
        """Weight banks, then the bias."""
        full = self.padded()
        steps = full.transpose(0, 2, 1, 3).reshape(self.reuse, self.pe, self.simd)  # [step, PE, SIMD]
        w = self.weight_width
        if self.product is Product.LUT:
            banks = [("_w", steps.reshape(self.reuse, -1))]
        else:
            banks = [(f"_w_s{j}", self._bank(steps, j)) for j in range(self.slots)]
        rows = np.zeros(self.row_steps * self.pe, dtype=np.int64)
        rows[: len(self.bias)] = self.bias
        bias = rows.reshape(self.row_steps, self.pe)
        return (
            *(Memory(self.name + s, b.shape[1] * w, tuple(pack(r, w) for r in b), self.store) for s, b in banks),
            Memory(
                f"{self.name}_b", self.pe * self.acc_width, tuple(pack(r, self.acc_width) for r in bias), Store.LOGIC
            ),
        )

    def _bank(self, steps: Codes, slot: int) -> Codes:
        """Weights of one slot of the segments that have it [step, segments * PE]."""
        columns = [self.column(g, slot) for g in range(self.segments)]
        return np.concatenate([steps[:, :, c] for c in columns if c >= 0], axis=1)


@dataclass(frozen=True, eq=False)
class DenseUnrolled:
    """Reuse 1: hwc_row_dsp for each row, or the adder trees of `engines.adders`. Zero weights take nothing."""

    name: str
    layer: str
    weight: Codes  # [m, n]
    bias: Codes  # [m]
    x_type: FixedPoint
    weight_width: int  # bits
    acc_width: int  # bits
    product: Product
    segment: int
    family: int

    column_steps = 1
    row_steps = 1
    reuse = 1

    def terms(self) -> tuple[tuple[Term, ...], ...]:
        """Shifted inputs that each row adds (lut)."""
        return tuple(row_terms(row) for row in self.weight)

    @cached_property
    def longest(self) -> int:
        """Non-zero weights of the fullest row."""
        return int(np.count_nonzero(self.weight, axis=1).max(initial=0))

    @cached_property
    def operands(self) -> Codes:
        """Operands of each row's adder tree (lut): CSD digits, and the bias where there is one [m]."""
        return digit_counts(self.weight).sum(axis=1) + (self.lut_bias != 0)

    @cached_property
    def lut_bias(self) -> Codes:
        """Bias of each row with what its negative terms owe [m]."""
        return self.bias + signed_digits(self.weight)[1].sum(axis=1)

    @property
    def slots(self) -> int:
        """Length of the longest cascade (dsp)."""
        return max(1, min(self.segment, self.longest))

    @property
    def levels(self) -> int:
        """Levels of the adder tree of every row: that of the widest."""
        if self.product is Product.DSP:
            return clog2(max(1, ceil_div(self.longest, self.slots)))
        return clog2(max(1, int(self.operands.max(initial=1))))

    @property
    def latency(self) -> int:
        """Clocks from valid input to accumulators."""
        return self.levels + (3 + self.slots - 1 if self.product is Product.DSP else 0)

    @property
    def lanes(self) -> int:
        """All rows at once."""
        return len(self.weight)

    @property
    def lane_width(self) -> int:
        """Bits of an element."""
        return self.acc_width

    def rom_shapes(self) -> tuple[RomShape, ...]:
        """None: constants are parameters."""
        return ()

    def memories(self) -> tuple[Memory, ...]:
        """None: constants are parameters."""
        return ()
