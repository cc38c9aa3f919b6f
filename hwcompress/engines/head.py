# SPDX-License-Identifier: Apache-2.0
"""Heads of islands: the memory that is FIFO and replay buffer at once, and the register of a reuse-1 design."""

from dataclasses import dataclass

from hwcompress.engines.base import Store, ceil_div


@dataclass(frozen=True, slots=True)
class Direct:
    """hwc_direct: one register; every beat is a whole frame and a step."""

    name: str
    width: int  # bits of the vector

    steps = 1
    replay = 1
    words = 1
    latency = 0


@dataclass(frozen=True, slots=True)
class Buffer:
    """hwc_buffer: see the RTL table of docs/architecture.md."""

    name: str
    element_width: int  # bits
    word_elements: int
    depth: int  # words
    words: int  # a frame
    sub: int  # sub-words read from a word
    steps: int  # sub-words read in a replay
    replay: int
    emit: int  # steps an emission
    collect: int  # emissions a word of the next head
    store: Store

    @property
    def width(self) -> int:
        """Bits of a word."""
        return self.word_elements * self.element_width

    @property
    def latency(self) -> int:
        """Clocks from the step to valid data, beyond the first."""
        return int(self.sub > 1)

    @property
    def emissions(self) -> int:
        """Emissions a frame."""
        return self.steps * self.replay // self.emit

    @property
    def out_words(self) -> int:
        """Words a frame of the next head."""
        return ceil_div(self.emissions, self.collect)
