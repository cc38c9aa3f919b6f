# SPDX-License-Identifier: Apache-2.0
"""What every engine is: a frozen description of one hardware block with its latency and its cost.

A `Core` is a pipeline of fixed latency: it accepts a vector of lanes with a valid bit and emits one `latency`
clocks later. A `Head` starts an island (docs/architecture.md, "Streams, islands, credits").
"""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from hwcompress.ir.fixed import Codes, FixedPoint


class Product(Enum):
    """What carries out a product."""

    DSP = "dsp"
    LUT = "lut"


class Store(Enum):
    """Where a memory lives; the value is the STYLE parameter of the RTL memories."""

    LOGIC = "logic"  # ROM in LUTs, RAM in LUTRAM
    BLOCK = "block"  # block RAM


def ceil_div(a: int, b: int) -> int:
    """Smallest integer not below a / b."""
    return -(-a // b)


def clog2(n: int) -> int:
    """ceil(log2 n): levels of a binary tree over n leaves, address bits of n words; 0 for 1."""
    return (n - 1).bit_length()


@dataclass(frozen=True, slots=True)
class Stream:
    """A vector of `elements` codes, `per_beat` of them a beat, at a port or between islands."""

    elements: int
    per_beat: int
    type: FixedPoint

    @property
    def beats(self) -> int:
        """Beats a frame; the last may be partial."""
        return ceil_div(self.elements, self.per_beat)

    @property
    def data_bits(self) -> int:
        """Bits of a beat that carry elements."""
        return self.per_beat * self.type.width

    @property
    def tdata_bits(self) -> int:
        """Bits of a beat padded to whole bytes."""
        return ceil_div(self.data_bits, 8) * 8


@dataclass(frozen=True, slots=True)
class Memory:
    """Contents of one ROM, by address."""

    file: str  # FILE parameter of the hwc_rom that reads it, without suffix
    width: int  # bits of a word
    words: tuple[int, ...]  # unsigned
    store: Store


@dataclass(frozen=True, slots=True)
class RomShape:
    """Size of one ROM, without its contents."""

    width: int  # bits
    depth: int  # words
    store: Store


class Core(Protocol):
    """A fixed-latency pipeline. `layer` names the layer it belongs to in the report."""

    @property
    def layer(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def latency(self) -> int: ...
    @property
    def lanes(self) -> int: ...  # elements of an emission
    @property
    def lane_width(self) -> int: ...  # bits of one element
    def rom_shapes(self) -> tuple[RomShape, ...]: ...
    def memories(self) -> tuple[Memory, ...]: ...


def pack(codes: Codes, width: int) -> int:
    """Codes in two's complement side by side, the first in the low bits."""
    mask = (1 << width) - 1
    word = 0
    for k, code in enumerate(codes.tolist()):
        word |= (code & mask) << (k * width)
    return word
