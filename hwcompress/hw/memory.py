# SPDX-License-Identifier: Apache-2.0
"""How memories are cut into block RAMs. Twin: templates/rtl/hwc_rom.v and hwc_ram.v."""

from hwcompress.hw.families import BLOCK_18K, Shapes


def row_words(shapes: Shapes = BLOCK_18K) -> int:
    """Words of one row of tiles: those of the deepest shape."""
    return shapes[-1][0]


def tile_bits(depth: int, shapes: Shapes = BLOCK_18K) -> int:
    """Bits of a tile for a memory of `depth` words: the widest shape that holds them, or the deepest there is."""
    return next((bits for words, bits in shapes if depth <= words), shapes[-1][1])


def tiles(width: int, depth: int, shapes: Shapes = BLOCK_18K) -> tuple[int, int]:
    """Rows and columns of blocks that a block memory of `width` bits by `depth` words takes."""
    return -(-depth // row_words(shapes)), -(-width // tile_bits(depth, shapes))


def blocks(width: int, depth: int, shapes: Shapes = BLOCK_18K) -> int:
    """Blocks that a block memory takes: RAMB18, or what the family has instead."""
    rows, columns = tiles(width, depth, shapes)
    return rows * columns
