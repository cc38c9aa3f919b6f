# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from hwcompress.storage.matrix import encode
from hwcompress.storage.relative import GAP_WIDTHS, entries
from tests.storage.weights import sparse


def slow_entries(positions: list[int], width: int) -> list[tuple[int, int]]:
    """(gap, whether it is a weight), one by one."""
    out, last = [], -1
    for position in positions:
        while position - last > 2**width:
            out.append((2**width, 0))
            last += 2**width
        out.append((position - last, 1))
        last = position
    return out


def test_figure_2_of_the_paper():
    """Weights at 1, 4 and 15 counted from 1, 3-bit gaps: 1, 3, 8 with a filler zero, 3 (arXiv:1510.00149)."""
    gaps, real = entries(np.array([0, 3, 14]), 3)
    assert gaps.tolist() == [1, 3, 8, 3]
    assert real.tolist() == [1, 1, 0, 1]


@pytest.mark.parametrize("width", [1, 2, 3, 5, 16])
def test_entries_one_by_one(width):
    rng = np.random.default_rng(width)
    for positions in ([], [0], [2**width - 1], [2**width], [2 ** (width + 1)], [0, 2 ** (width + 1)]):
        check(positions, width)
    for _ in range(50):
        check(np.flatnonzero(rng.random(300) < rng.random() ** 3).tolist(), width)


def check(positions: list[int], width: int) -> None:
    gaps, real = entries(np.array(positions, dtype=np.int64), width)
    assert list(zip(gaps.tolist(), real.tolist(), strict=True)) == slow_entries(positions, width)


def test_the_width_takes_the_fewest_bits():
    rng = np.random.default_rng(5)
    for density in (0.9, 0.3, 0.05, 0.02):
        values = sparse(rng, 50, 60, density, 15)
        positions = np.flatnonzero(values).tolist()
        kinds = len(np.unique(values[values != 0]))
        value_bits = kinds.bit_length()  # one more for zero
        sizes = {w: len(slow_entries(positions, w)) * (w + value_bits) for w in GAP_WIDTHS}
        parts = encode(values, None, "relative").parts
        assert parts.value_bits == value_bits
        assert sizes[int(parts.index_bits)] == min(sizes.values())
        assert parts.fillers == len(slow_entries(positions, int(parts.index_bits))) - len(positions)
