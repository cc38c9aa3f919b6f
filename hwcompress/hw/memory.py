# SPDX-License-Identifier: Apache-2.0
"""How memories are cut into block RAMs. Twin: templates/rtl/hwc_rom.v and hwc_ram.v.

Shapes of a RAMB18E2 with one write and one read port: UG573 (v1.13), table 1-7 and chapter "Simple dual-port".
"""

SHAPES = ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))  # words, bits
LARGEST = 16384  # words of one row of tiles


def tile_bits(depth: int) -> int:
    """Bits of a tile for a memory of `depth` words: the widest shape that holds them, at most 16,384."""
    return next((bits for words, bits in SHAPES if depth <= words), 1)


def tiles(width: int, depth: int) -> tuple[int, int]:
    """Rows and columns of RAMB18 that a block memory of `width` bits by `depth` words takes."""
    return -(-depth // LARGEST), -(-width // tile_bits(depth))


def bram18(width: int, depth: int) -> int:
    """RAMB18 that a block memory takes."""
    rows, columns = tiles(width, depth)
    return rows * columns
