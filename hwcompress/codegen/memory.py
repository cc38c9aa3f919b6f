# SPDX-License-Identifier: Apache-2.0
"""Contents of ROMs: parameters for those in logic, for block RAM a file for $readmemh each tile."""

from collections.abc import Sequence

import numpy as np

from hwcompress.codegen.design import constant, text
from hwcompress.engines.base import Memory, Store
from hwcompress.engines.columns import columns
from hwcompress.hw.families import FAMILIES
from hwcompress.hw.memory import row_words, tile_bits, tiles


def rom_params(prefix: str, file: str, banks: Sequence[Memory], family: int) -> dict[str, int | str]:
    """Parameters of a hwc_rom, or of several of one shape side by side."""
    block = banks[0].store is Store.BLOCK
    style = FAMILIES[family].rom_style if block else 0
    params: dict[str, int | str] = {f"{prefix}FILE": text(file), f"{prefix}STYLE": style}
    return params if block else params | rom_constants(prefix, banks)


def rom_constants(prefix: str, banks: Sequence[Memory]) -> dict[str, int | str]:
    """COLUMNS, ROM and MAP of ROMs in logic, each given the columns and the width of the largest."""
    found = [columns(m.words, m.width) for m in banks]
    most, depth = max(len(f.bits) for f in found), len(banks[0].words)
    rom = np.zeros((len(banks), most * depth + 1), dtype=np.uint8)
    for bits, f in zip(rom, found, strict=True):
        bits[: f.bits.size] = f.bits.reshape(-1)
    sources = np.zeros((len(banks), max(m.width for m in banks)), dtype="<u2")
    for own, f in zip(sources, found, strict=True):
        own[: len(f.map)] = f.map
    packed = np.packbits(rom.reshape(-1), bitorder="little").tobytes()
    return {
        f"{prefix}COLUMNS": most,
        f"{prefix}ROM": constant(int.from_bytes(packed, "little"), rom.size),
        f"{prefix}MAP": constant(int.from_bytes(sources.tobytes(), "little"), 16 * sources.size),
    }


def ram_style(store: Store, family: int) -> int:
    """STYLE of a hwc_ram."""
    cells = FAMILIES[family]
    return cells.ram_style if store is Store.BLOCK else int(cells.lutram)


def memory_files(memory: Memory, family: int) -> dict[str, str]:
    """File name to text of a ROM in block RAM: hexadecimal words, one an address; nothing for one in logic."""
    if memory.store is Store.LOGIC:
        return {}
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
