# SPDX-License-Identifier: Apache-2.0
"""Memory images for $readmemh: one file a ROM in logic, one file a tile in block RAM."""

from hwcompress.engines.base import Memory, Store
from hwcompress.hw.families import FAMILIES
from hwcompress.hw.memory import row_words, tile_bits, tiles


def rom_style(store: Store, family: int) -> int:
    """STYLE of a hwc_rom."""
    return FAMILIES[family].rom_style if store is Store.BLOCK else 0


def ram_style(store: Store, family: int) -> int:
    """STYLE of a hwc_ram."""
    cells = FAMILIES[family]
    return cells.ram_style if store is Store.BLOCK else int(cells.lutram)


def memory_files(memory: Memory, family: int) -> dict[str, str]:
    """File name to text: hexadecimal words, one an address."""
    if memory.store is Store.LOGIC:
        return {f"{memory.file}.mem": _hex(memory.words, memory.width)}
    shapes = FAMILIES[family].shapes
    rows, columns = tiles(memory.width, len(memory.words), shapes)
    bits, size = tile_bits(len(memory.words), shapes), row_words(shapes)
    files: dict[str, str] = {}
    for r in range(rows):
        words = memory.words[r * size : (r + 1) * size]
        for c in range(columns):
            width = min(bits, memory.width - c * bits)
            mask = (1 << width) - 1
            part = tuple((w >> (c * bits)) & mask for w in words)
            files[f"{memory.file}_{r}_{c}.mem"] = _hex(part, width)
    return files


def _hex(words: tuple[int, ...], width: int) -> str:
    digits = -(-width // 4)
    return "".join(f"{w:0{digits}x}\n" for w in words)
