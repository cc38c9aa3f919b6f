# SPDX-License-Identifier: Apache-2.0
"""Numbers as bits, most significant first. Writer and reader share one interface, as the range coder's two sides do."""

from typing import Protocol

from hwcompress.errors import BadInput


class Bits(Protocol):
    """What a header needs of a writer or a reader; the range coder is one too."""

    def direct(self, value: int, bits: int) -> int:
        """Write an integer of `bits` bits, or ignore it and read one."""
        ...


class BitWriter:
    """Writes; `finish` gives the bytes, the last one filled with zeros."""

    def __init__(self) -> None:
        self._out = bytearray()
        self._held = 0
        self._count = 0  # bits held

    @property
    def bits(self) -> int:
        """Written so far."""
        return 8 * len(self._out) + self._count

    def direct(self, value: int, bits: int) -> int:
        self._held = self._held << bits | value
        self._count += bits
        whole = self._count // 8
        if whole:
            self._count -= 8 * whole
            self._out += (self._held >> self._count).to_bytes(whole, "big")
            self._held &= (1 << self._count) - 1
        return value

    def finish(self) -> bytes:
        self.direct(0, -self._count % 8)
        return bytes(self._out)


class BitReader:
    """Reads what a BitWriter wrote."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0  # bytes taken
        self._held = 0
        self._count = 0

    @property
    def left(self) -> int:
        """Bytes not yet touched."""
        return len(self._data) - self._at

    def direct(self, value: int, bits: int) -> int:
        while self._count < bits:
            if self._at == len(self._data):
                raise damaged("the bytes end too early")
            self._held = self._held << 8 | self._data[self._at]
            self._at += 1
            self._count += 8
        self._count -= bits
        value = self._held >> self._count
        self._held &= (1 << self._count) - 1
        return value


def number(io: Bits, value: int) -> int:
    """Write or read 0 <= value < 2^63, by six bits that say how long it is."""
    bits = io.direct((value + 1).bit_length() - 1, 6)
    return (1 << bits) - 1 + io.direct(value + 1 - (1 << bits) & (1 << bits) - 1, bits)


def rice(io: Bits, value: int, low: int, most: int) -> int:
    """Write or read a number by its bits above `low` in unary, at most `most` of it, and those below."""
    high, found = value >> low, 0
    while io.direct(int(found < high), 1):
        found += 1
        if found > most:
            raise damaged("a table is too long")
    return found << low | io.direct(value & (1 << low) - 1, low)


def damaged(found: str) -> BadInput:
    """The error for bytes that no writer made."""
    return BadInput(f"weights of a .hwc file: {found}: the file is damaged. Try: write or copy it again")
