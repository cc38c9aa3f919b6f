# SPDX-License-Identifier: Apache-2.0
"""A ROM in logic as its columns: what hwc_rom_logic builds and the cost model counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hwcompress.engines.base import clog2

ADDRESS = 2  # MAP: from here bits of the address and their complements
FIRST = 64  # MAP: from here columns


@dataclass(frozen=True)
class Columns:
    """The different columns of a ROM that are neither constant nor a bit of the address."""

    bits: NDArray[np.uint8]  # [columns, words]
    map: NDArray[np.int64]  # [width] as parameter MAP of hwc_rom_logic: where each bit of a word comes from

    @property
    def registers(self) -> int:
        """Of the output: one for each column and each bit of the address that is read."""
        return len(self.bits) + self.passed

    @property
    def passed(self) -> int:
        """Address bits that are read."""
        return len(np.unique(self.map[(self.map >= ADDRESS) & (self.map < FIRST)] // 2))


@lru_cache(maxsize=256)
def columns(words: tuple[int, ...], width: int) -> Columns:
    """Of the words of a ROM, each of `width` bits, unsigned."""
    bits = bits_of(words, width).T
    distinct, inverse = np.unique(bits, axis=0, return_inverse=True)
    depth = len(words)
    address = np.arange(depth) >> np.arange(clog2(depth))[:, None] & 1
    known = {np.full(depth, v, dtype=np.uint8).tobytes(): v for v in (0, 1)}
    for j, column in enumerate(address.astype(np.uint8)):
        known.setdefault(column.tobytes(), ADDRESS + 2 * j)
        known.setdefault((1 - column).tobytes(), ADDRESS + 2 * j + 1)
    places = [known.get(column.tobytes(), FIRST) for column in distinct]
    fresh = np.array(places) == FIRST
    target = np.where(fresh, FIRST + np.cumsum(fresh) - 1, places)
    return Columns(distinct[fresh], target[inverse.reshape(-1)])


def bits_of(words: Sequence[int], width: int) -> NDArray[np.uint8]:
    """Bits [words, width], low first."""
    octets = -(-width // 8)
    raw = np.frombuffer(b"".join(w.to_bytes(octets, "little") for w in words), dtype=np.uint8)
    return np.unpackbits(raw.reshape(len(words), octets), axis=1, bitorder="little")[:, :width]
