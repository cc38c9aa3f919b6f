# SPDX-License-Identifier: Apache-2.0
"""Binary range coder (Martin 1979; carries as in LZMA), in integers only: every machine writes the same bytes.

`Encoder` and `Decoder` share one interface: a model calls `code(bit, p)` and goes on with the bit returned, so that one
text is both the writer and the reader. Bytes past the end are zeros, and zeros at the end are not written.
"""

import math
from typing import Protocol

BITS = 16  # of a probability
ONE = 1 << BITS
TOP = 48  # bits of the interval's width; it is kept above 2^LOW
LOW = 32
SHIFT = 16  # bits that leave at a time
FULL = 1 << TOP


class Coder(Protocol):
    """What a model needs of either side."""

    def code(self, bit: int, p: int) -> int:
        """Write `bit` (or ignore it and read one), whose probability to be 1 is p / 2^16, 0 < p < 2^16."""
        ...

    def direct(self, value: int, bits: int) -> int:
        """Write or read an integer of `bits` bits, all values equally likely."""
        ...


class Encoder:
    """Writes; `finish` gives the bytes."""

    def __init__(self) -> None:
        self._low = 0
        self._range = FULL
        self._out = bytearray()

    def code(self, bit: int, p: int) -> int:
        bound = (self._range >> BITS) * p
        if bit:
            self._range = bound
        else:
            self._low += bound
            self._range -= bound
        if self._range < 1 << LOW:
            self._shift()
        return bit

    def direct(self, value: int, bits: int) -> int:
        for at in range(bits - SHIFT, -SHIFT, -SHIFT):
            width = SHIFT + min(at, 0)
            part = value >> max(at, 0) & (1 << width) - 1
            self._range >>= width
            self._low += part * self._range
            if self._range < 1 << LOW:
                self._shift()
        return value

    def finish(self) -> bytes:
        """Of all numbers in the interval the one with the most zeros at its end."""
        keep = TOP
        while keep:
            value = self._low + (1 << keep) - 1 >> keep << keep
            if value < self._low + self._range:
                break
            keep -= 1
        else:
            value = self._low
        self._low = value
        for _ in range(TOP // SHIFT):
            self._shift()
        return bytes(self._out).rstrip(b"\0")

    @property
    def bits(self) -> float:
        """Written so far; for reports."""
        return 8 * len(self._out) + TOP - math.log2(self._range)

    def _shift(self) -> None:
        if self._low >= FULL:
            self._carry()
        self._out += (self._low >> TOP - SHIFT).to_bytes(2, "big")
        self._low = self._low << SHIFT & FULL - 1
        self._range <<= SHIFT

    def _carry(self) -> None:
        self._low -= FULL
        at = len(self._out) - 1
        while self._out[at] == 255:
            self._out[at] = 0
            at -= 1
        self._out[at] += 1


class Decoder:
    """Reads what an Encoder wrote."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = TOP // 8
        self._value = int.from_bytes(data[: self._at].ljust(self._at, b"\0"), "big")
        self._range = FULL

    def code(self, bit: int, p: int) -> int:
        bound = (self._range >> BITS) * p
        if self._value < bound:
            self._range = bound
            bit = 1
        else:
            self._value -= bound
            self._range -= bound
            bit = 0
        if self._range < 1 << LOW:
            self._shift()
        return bit

    def direct(self, value: int, bits: int) -> int:
        value = 0
        for at in range(bits - SHIFT, -SHIFT, -SHIFT):
            width = SHIFT + min(at, 0)
            self._range >>= width
            part = min(self._value // self._range, (1 << width) - 1)
            self._value -= part * self._range
            value = value << width | part
            if self._range < 1 << LOW:
                self._shift()
        return value

    @property
    def left(self) -> int:
        """Bytes that were never looked at."""
        return max(0, len(self._data) - self._at)

    def _shift(self) -> None:
        two = self._data[self._at : self._at + 2].ljust(2, b"\0")
        self._at += 2
        self._value = self._value << SHIFT | int.from_bytes(two, "big")
        self._range <<= SHIFT
