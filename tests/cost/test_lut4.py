# SPDX-License-Identifier: Apache-2.0
"""The cost of what LUTs of 4 inputs make of single modules: figures that Yosys 0.70 gave, cell by cell."""

import pytest

from hwcompress.cost import logic, lut4
from hwcompress.engines.base import Product, Store
from hwcompress.engines.dense import DenseUnrolled
from hwcompress.explore.choices import buffer_store
from hwcompress.ir.fixed import FixedPoint
from tests.random_networks import np


@pytest.mark.parametrize(
    ("family", "width", "depth", "lut", "ff"),
    [
        (3, 8, 16, 8, 8),  # 2 TRELLIS_DPR16X4
        (3, 8, 32, 26, 8),  # 4, and 10 LUT4
        (3, 9, 64, 88, 9),  # 12, and 40 LUT4
        (4, 8, 8, 56, 72),
        (4, 8, 16, 128, 136),
        (4, 8, 32, 272, 264),  # 260 found
    ],
)
def test_small_memories(family, width, depth, lut, ff):
    assert lut4.ram(width, depth, family) == (lut, ff)


@pytest.mark.parametrize(
    ("family", "depth", "luts"),
    [(3, 16, 1.0), (3, 64, 4.0), (3, 128, 8.0), (3, 256, 20.8), (4, 16, 1.0), (4, 24, 2.76), (4, 64, 8.32)],
)
def test_columns_of_a_rom(family, depth, luts):
    assert lut4.column(depth, family) == pytest.approx(luts)


@pytest.mark.parametrize("family", [3, 4])
def test_columns_that_are_alike_constant_or_an_address_bit_are_nothing(family):
    words = tuple(0b100 | (k & 1) << 1 for k in range(16))  # constant 1, the lowest address bit, constant 0
    assert lut4.rom_of(words, 3, family) == (0, 1)
    assert lut4.rom_of((5,) * 100, 3, family) == (0, 0)
    doubled = tuple(3 * (k * k >> 3 & 1) for k in range(16))
    assert lut4.rom_of(doubled, 2, family) == (1, 1)


def test_a_rom_without_columns_costs_nothing_anywhere():
    assert logic.rom_of((5,) * 100, 3) == (0, 0)


@pytest.mark.parametrize(("family", "lut"), [(3, 134), (4, 127)])
def test_a_soft_product(family, lut):
    """Yosys: 35 CCU2C and 64 LUT4 on ECP5, 122 SB_LUT4 on iCE40; 40 flip-flops."""
    assert lut4.soft_product(8, 8, True, family) == (lut, 40)


def test_small_buffers_lie_where_they_are_cheap():
    assert buffer_store(8, 16, 100, 3) is Store.LOGIC
    assert buffer_store(64, 64, 100, 3) is Store.BLOCK
    assert buffer_store(8, 16, 100, 4) is Store.BLOCK  # else 136 flip-flops
    assert buffer_store(2, 16, 100, 4) is Store.LOGIC
    assert buffer_store(64, 64, 100, 2) is Store.LOGIC  # LUTRAM of 64 words


def test_a_cascade_delays_inputs_as_far_as_its_slots_read_them():
    weight = np.array([[1, 1, 1, 1], [0, 0, 1, 1]])
    unrolled = DenseUnrolled(
        "d", "d", weight, np.zeros(2, dtype=np.int64), FixedPoint(8, 0), 8, 20, Product.DSP, segment=2, family=4
    )
    assert unrolled.slots == 2
    lut, ff = lut4.core(unrolled, 4, False)
    levels = 20  # row 0 has two cascades: a sum of 20 bits; row 1 only waits for it
    assert lut == levels
    assert ff == unrolled.latency + 2 * 8 + 2 * levels  # inputs 1 and 3 are a clock late
