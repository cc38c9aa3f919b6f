# SPDX-License-Identifier: Apache-2.0
"""Heads of islands: the register of a reuse-1 design, the replay buffer, the line buffer, and whole windows.

A head reads a frame of `units`, each a vector (Buffer) or an output position (Lines, Scan), and makes `emissions` of
each. docs/architecture.md, "Streams, islands, credits" and "Time".
"""

from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np

from hwcompress.engines.base import Store, ceil_div
from hwcompress.ir.fixed import Codes
from hwcompress.ops.window import Pair, Window


@dataclass(frozen=True, slots=True)
class Direct:
    """hwc_direct: one register; every beat is a whole frame and a step."""

    name: str
    width: int  # bits of the vector

    words = 1
    latency = 0
    frame_steps = 1
    emissions = 1
    out_words = 1


@dataclass(frozen=True, slots=True)
class Buffer:
    """hwc_buffer: see the RTL table of docs/architecture.md. A frame is `units` vectors, one after the other."""

    name: str
    element_width: int  # bits
    word_elements: int
    depth: int  # words
    vector_words: int
    sub: int  # sub-words read from a word
    steps: int  # sub-words read in a replay
    replay: int
    emit: int  # steps an emission
    collect: int  # emissions a word of the next head
    store: Store
    units: int = 1  # vectors a frame
    skip: int = 0  # first emissions of a vector that are not made

    @property
    def width(self) -> int:
        """Bits of a word."""
        return self.word_elements * self.element_width

    @property
    def words(self) -> int:
        """Of a frame."""
        return self.vector_words * self.units

    @property
    def least_depth(self) -> int:
        """Words below which a vector does not fit."""
        return self.vector_words

    @property
    def latency(self) -> int:
        """Clocks from the step to valid data, beyond the first."""
        return int(self.sub > 1)

    @property
    def frame_steps(self) -> int:
        """Steps a frame."""
        return self.steps * self.replay * self.units

    @property
    def unit_emissions(self) -> int:
        """Emissions a vector."""
        return self.steps * self.replay // self.emit - self.skip

    @property
    def emissions(self) -> int:
        """Emissions a frame."""
        return self.unit_emissions * self.units

    @property
    def count(self) -> int:
        """Emissions after which a word is complete in any case."""
        return self.unit_emissions

    @property
    def unit_words(self) -> int:
        """Words of the next head that a vector completes."""
        return ceil_div(self.unit_emissions, self.collect)

    @property
    def out_words(self) -> int:
        """Words a frame of the next head."""
        return self.unit_words * self.units


@dataclass(frozen=True)
class Lines:
    """hwc_window: FIFO and line buffer; steps walk the taps of each output position."""

    name: str
    element_width: int  # bits
    word_elements: int
    depth: int  # words
    grid: Pair  # rows and columns of the map it reads
    pixel_words: int
    sub: int  # parts of a word
    parts: int  # parts read for a tap in one step after the other
    groups: int  # that many times, each for other channels
    replay: int
    window: Window
    out: Pair  # rows and columns of the map that leaves
    collect: int  # emissions a word of the next head
    by_position: bool  # the count of emissions starts anew at each position, not at each frame
    fill: int  # code outside the map
    store: Store

    @property
    def width(self) -> int:
        """Bits of a word."""
        return self.word_elements * self.element_width

    @property
    def words(self) -> int:
        """Of a frame."""
        return prod(self.grid) * self.pixel_words

    @property
    def latency(self) -> int:
        """Clocks from the step to valid data, beyond the first."""
        return int(self.sub > 1 or self.window.padded)

    @property
    def units(self) -> int:
        """Output positions."""
        return prod(self.out)

    @property
    def emit(self) -> int:
        """Steps an emission."""
        return self.window.taps * self.parts

    @property
    def unit_emissions(self) -> int:
        """Emissions a position."""
        return self.groups * self.replay

    @property
    def frame_steps(self) -> int:
        """Steps a frame."""
        return self.emit * self.unit_emissions * self.units

    @property
    def emissions(self) -> int:
        """Emissions a frame."""
        return self.unit_emissions * self.units

    @property
    def count(self) -> int:
        """Emissions after which a word is complete in any case."""
        return self.unit_emissions if self.by_position else self.emissions

    @property
    def out_words(self) -> int:
        """Words a frame of the next head."""
        if self.by_position:
            return ceil_div(self.unit_emissions, self.collect) * self.units
        return ceil_div(self.emissions, self.collect)

    @cached_property
    def needs(self) -> Codes:
        """Last word of the frame that each position reads [positions]."""
        ends = [self._clipped(axis, self.window.reach[axis] - 1) for axis in (0, 1)]
        return ((ends[0][:, None] * self.grid[1] + ends[1]).reshape(-1) + 1) * self.pixel_words - 1

    @cached_property
    def frees(self) -> Codes:
        """First words of the frame that no position from this one on reads [positions]."""
        rows, columns = (np.arange(self.out[a]) * self.window.stride[a] - self.window.before[a] for a in (0, 1))
        first = rows[:, None] * self.grid[1] + np.maximum(columns, 0)
        return np.where(rows[:, None] < 0, 0, first).reshape(-1) * self.pixel_words

    @cached_property
    def freed_by(self) -> Codes:
        """Position after which each word of the frame is free [words]."""
        return np.searchsorted(self.frees, np.arange(self.words), side="right") - 1

    @property
    def least_depth(self) -> int:
        """Words below which a window does not fit."""
        return int((self.needs + 1 - self.frees).max())

    def _clipped(self, axis: int, beyond: int) -> Codes:
        at = np.arange(self.out[axis]) * self.window.stride[axis] - self.window.before[axis] + beyond
        return np.minimum(at, self.grid[axis] - 1)


@dataclass(frozen=True)
class Scan:
    """hwc_scan and hwc_patch: every pixel once, all taps of a window at once, held for `replay` emissions."""

    name: str
    element_width: int  # bits
    word_elements: int  # channels: a word is a pixel
    depth: int  # words of the FIFO before the line memories
    grid: Pair  # rows and columns of the map it reads
    replay: int
    window: Window
    out: Pair  # rows and columns of the map that leaves
    collect: int  # emissions a word of the next head
    by_position: bool  # the count of emissions starts anew at each position, not at each frame
    fill: int  # code outside the map
    store: Store  # of the FIFO
    lines: Store  # of the line memories

    latency = 1  # of the pair

    @property
    def width(self) -> int:
        """Bits of a word."""
        return self.word_elements * self.element_width

    @property
    def words(self) -> int:
        """Of a frame."""
        return prod(self.grid)

    @property
    def units(self) -> int:
        """Output positions."""
        return prod(self.out)

    @property
    def unit_emissions(self) -> int:
        """Emissions a position."""
        return self.replay

    @property
    def emissions(self) -> int:
        """Emissions a frame."""
        return self.replay * self.units

    @property
    def count(self) -> int:
        """Emissions after which a word is complete in any case."""
        return self.unit_emissions if self.by_position else self.emissions

    @property
    def out_words(self) -> int:
        """Words a frame of the next head."""
        if self.by_position:
            return ceil_div(self.unit_emissions, self.collect) * self.units
        return ceil_div(self.emissions, self.collect)

    @property
    def raster(self) -> Pair:
        """Rows and columns that the steps walk: those of the map, and what the last windows reach beyond it."""
        ends = [int(self._ends(axis)[-1]) + 1 for axis in (0, 1)]
        return max(self.grid[0], ends[0]), max(self.grid[1], ends[1])

    @property
    def frame_steps(self) -> int:
        """Steps a frame."""
        return prod(self.raster) + self.units * (self.replay - 1)

    @property
    def least_depth(self) -> int:
        """Words below which it does not work."""
        return 1

    @property
    def line_bits(self) -> tuple[int, int]:
        """Width and depth of all line memories together, side by side."""
        return (self.window.kernel[0] - 1) * self.width, self.window.dilation[0] * self.grid[1] - 1

    def _ends(self, axis: int) -> Codes:
        """Row (column) of the last tap of each output row (column)."""
        w = self.window
        return np.arange(self.out[axis]) * w.stride[axis] - w.before[axis] + w.reach[axis] - 1

    @cached_property
    def steps(self) -> tuple[Codes, Codes]:
        """For every step of a frame: words taken up to it and with it; emissions made up to it and with it."""
        rows, columns = self.raster
        takes = np.zeros((rows, columns), dtype=np.int64)
        takes[: self.grid[0], : self.grid[1]] = 1
        complete = np.zeros((rows, columns), dtype=np.int64)
        complete[np.ix_(self._ends(0), self._ends(1))] = 1
        each = 1 + complete.reshape(-1) * (self.replay - 1)
        first = np.cumsum(each) - each
        words, emits = np.zeros(self.frame_steps, dtype=np.int64), np.repeat(complete.reshape(-1), each)
        words[first] = takes.reshape(-1)
        return np.cumsum(words), np.cumsum(emits)
