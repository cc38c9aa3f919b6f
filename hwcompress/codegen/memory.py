# SPDX-License-Identifier: Apache-2.0
"""Memory images for $readmemh: one file a ROM in logic, one file a tile in block RAM."""

from hwcompress.engines.base import Memory, Store
from hwcompress.hw.memory import LARGEST, tile_bits, tiles


def memory_files(memory: Memory) -> dict[str, str]:
    """File name to text: hexadecimal words, one an address."""
    if memory.store is Store.LOGIC:
        return {f"{memory.file}.mem": _hex(memory.words, memory.width)}
    rows, columns = tiles(memory.width, len(memory.words))
    bits = tile_bits(len(memory.words))
    files: dict[str, str] = {}
    for r in range(rows):
        words = memory.words[r * LARGEST : (r + 1) * LARGEST]
        for c in range(columns):
            width = min(bits, memory.width - c * bits)
            mask = (1 << width) - 1
            part = tuple((w >> (c * bits)) & mask for w in words)
            files[f"{memory.file}_{r}_{c}.mem"] = _hex(part, width)
    return files


def _hex(words: tuple[int, ...], width: int) -> str:
    digits = -(-width // 4)
    return "".join(f"{w:0{digits}x}\n" for w in words)
