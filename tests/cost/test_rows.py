"""Cells of reuse-1 adder trees: small ones counted by hand."""

import numpy as np
import pytest

from hwcompress.cost.rows import row_cells
from hwcompress.engines.dense import DenseUnrolled, Product
from hwcompress.ir.fixed import FixedPoint


def layer(weight, bias=0, width=8, signed=False):
    weight = np.array(weight, dtype=np.int64)
    bits = int(np.abs(weight).max()).bit_length() + 1
    biases = np.full(len(weight), bias, dtype=np.int64)
    return DenseUnrolled(
        "d", "d", weight, biases, FixedPoint(width, 0, signed), bits, 24, Product.LUT, segment=1, family=2
    )


@pytest.mark.parametrize(
    ("core", "lut", "ff"),
    [
        (layer([[1]]), 0, 0),  # wires
        (layer([[0, 0]], bias=3), 0, 0),
        (layer([[1, 1]]), 8, 9),
        (layer([[1, 4]]), 6, 11),  # 2 bits are passed on, 2 only meet a carry, 1 is the carry
        (layer([[1, 4]], signed=True), 8, 11),  # copies of the lower sign meet the upper bits
        (layer([[1, 1], [1, 1]]), 8, 9),  # the same twice
        (layer([[1, 1], [2, 2]]), 8, 9),  # ... and once twice as large
        (layer([[1, 1], [1, 2]]), 8 + 7, 9 + 10),
        (layer([[1, 0], [0, 1]], bias=64), 0, 2 * 9),
    ],
)
def test_counted_by_hand(core, lut, ff):
    assert row_cells(core, np.zeros(len(core.weight), dtype=np.int64)) == (lut, ff)


def test_what_nobody_reads_has_no_register():
    core = layer([[1, 4]])
    assert row_cells(core, np.array([2])) == (6, 9)
    assert row_cells(core, np.array([5])) == (6, 6)  # the carry still comes from there
