# SPDX-License-Identifier: Apache-2.0
"""Islands as the schedule sees them: which times each needs, and which it gives (docs/architecture.md, "Time")."""

from typing import Protocol

import numpy as np

from hwcompress.engines.base import ceil_div
from hwcompress.engines.head import Buffer, Direct, Lines, Scan
from hwcompress.engines.pipeline import Island
from hwcompress.ir.fixed import Codes

NEVER = -(1 << 60)


class Times:
    """Event times of one kind, of all frames, in order."""

    def __init__(self) -> None:
        self._kept = np.empty(1024, dtype=np.int64)
        self.count = 0

    def extend(self, times: Codes) -> None:
        """The next ones."""
        end = self.count + len(times)
        if end > len(self._kept):
            self._kept = np.resize(self._kept, max(end, 2 * len(self._kept)))
        self._kept[self.count : end] = times
        self.count = end

    def __getitem__(self, index: int | slice) -> Codes:
        return self._kept[: self.count][index]

    def last(self) -> int:
        """The latest."""
        return int(self._kept[self.count - 1]) if self.count else NEVER

    def latest(self, count: int) -> Codes:
        """The last `count`, NEVER before the first."""
        some = self._kept[max(0, self.count - count) : self.count]
        return np.concatenate([np.full(count - len(some), NEVER), some])


class Port:
    """The words between two islands: when each was written, and when its place was free again."""

    def __init__(self, depth: int) -> None:
        """depth: places; 0: always room."""
        self.depth = depth
        self.written, self.released = Times(), Times()

    def room_known(self) -> int:
        """Words from the first on of which it is known when there is room."""
        return self.depth + self.released.count if self.depth else 1 << 60

    def room(self, begin: int, end: int) -> Codes:
        """When places for words begin..end-1 became free; NEVER where they always were."""
        out = np.full(end - begin, NEVER)
        if self.depth and end > self.depth:
            first = max(begin, self.depth)
            out[first - begin :] = self.released[first - self.depth : end - self.depth]
        return out


def increasing(earliest: Codes, after: int, gap: int = 1) -> Codes:
    """t[k] = max(t[k-1] + gap, earliest[k]), t[-1] = after."""
    k = np.arange(len(earliest)) * gap
    first = np.maximum(earliest, after + gap + k)
    return k + np.maximum.accumulate(first - k)


class Stage(Protocol):
    """One island while frames pass."""

    name: str
    last: int  # time of its last event

    def advance(self, frames: int) -> bool:
        """Everything up to frame `frames` of which all times are known; whether there was anything."""
        ...

    def through(self, frames: int) -> bool:
        """Whether it has done with that many frames."""
        ...


def stage(island: Island, source: Port, sink: Port) -> Stage:
    """The stage of an island."""
    head = island.head
    if isinstance(head, Direct):
        return _Register(island.latency, source, sink)
    if isinstance(head, Lines):
        return _Windows(head, island.latency, source, sink)
    if isinstance(head, Scan):
        return _Scans(head, island.latency, source, sink)
    kind = _Replays if head.replay > 1 else _Ring
    return kind(head, island.latency, source, sink)


class _Register:
    """hwc_direct: a step with each beat; the source has asked for the room."""

    def __init__(self, latency: int, source: Port, sink: Port) -> None:
        self.name, self.last = "head_0", NEVER
        self.latency, self.source, self.sink = latency, source, sink

    def advance(self, frames: int) -> bool:
        begin, end = self.sink.written.count, min(frames, self.source.written.count)
        if end <= begin:
            return False
        times = self.source.written[begin:end]
        self.sink.written.extend(times + self.latency + 1)
        self.last = int(times[-1])
        return True

    def through(self, frames: int) -> bool:
        return self.sink.written.count >= frames


class _Emitting:
    """A head that makes an event every `gap` clocks, of which some complete words of the next."""

    def __init__(self, head: Buffer | Lines | Scan, latency: int, source: Port, sink: Port) -> None:
        self.name, self.last = head.name, NEVER
        self.latency, self.source, self.sink = latency, source, sink
        self.head = head
        self.gap = 1
        self.done = np.zeros(0, dtype=np.int64)  # events of a frame that complete a word
        self.events = 1  # a frame
        self.frame, self.at = 0, 0  # events done

    def through(self, frames: int) -> bool:
        return self.frame >= frames

    def advance(self, frames: int) -> bool:
        moved = False
        while self.frame < frames:
            base, room = self.frame * len(self.done), self.sink.room_known()
            end = min(self.events, self.fed())
            blocked = room - base  # first word of the frame without known room
            if blocked < len(self.done):
                end = min(end, int(self.done[blocked]))
            if end <= self.at:
                break
            self._emit(base, end)
            moved = True
            if end < self.events:
                break
            self.frame, self.at = self.frame + 1, 0
        return moved

    def _emit(self, base: int, end: int) -> None:
        begin = self.at
        a, b = (int(v) for v in np.searchsorted(self.done, (begin, end)))
        earliest = self.arrived(begin, end)
        if b > a:
            at = self.done[a:b] - begin
            earliest[at] = np.maximum(earliest[at], self.sink.room(base + a, base + b) + 1)
        before = self.last
        times = increasing(earliest, before, self.gap)
        self.last = int(times[-1])
        if b > a:
            self.sink.written.extend(times[self.done[a:b] - begin] + self.latency + 1)
        self.at = end
        self.freed(begin, end, times, before)

    def fed(self) -> int:
        """Events of the frame of which all words that they wait for are known."""
        raise NotImplementedError

    def arrived(self, begin: int, end: int) -> Codes:
        """When each of the events could be, for what came in."""
        raise NotImplementedError

    def freed(self, begin: int, end: int, times: Codes, before: int) -> None:
        """Give places back."""
        raise NotImplementedError


class _Ring(_Emitting):
    """hwc_buffer without replay: an event a step."""

    head: Buffer

    def __init__(self, head: Buffer, latency: int, source: Port, sink: Port) -> None:
        super().__init__(head, latency, source, sink)
        self.events = head.frame_steps
        unit = np.arange(head.units)[:, None]
        step = np.arange(head.steps)
        self.word = (unit * head.vector_words + step // head.sub).reshape(-1)
        last = np.minimum((np.arange(head.unit_words) + 1) * head.collect, head.unit_emissions)
        self.done = (unit * head.steps + (last + head.skip) * head.emit - 1).reshape(-1)
        ends = (step % head.sub == head.sub - 1) | (step == head.steps - 1)
        self.word_ends = np.flatnonzero(np.tile(ends, head.units))

    def fed(self) -> int:
        known = self.source.written.count - self.frame * self.head.words
        return int(np.searchsorted(self.word, known))

    def arrived(self, begin: int, end: int) -> Codes:
        return self.source.written[:][self.word[begin:end] + self.frame * self.head.words] + 1

    def freed(self, begin: int, end: int, times: Codes, before: int) -> None:
        a, b = np.searchsorted(self.word_ends, (begin, end))
        self.source.released.extend(times[self.word_ends[a:b] - begin])


class _Replays(_Emitting):
    """hwc_buffer with replays: an event a replay, the first of a vector after all of its words."""

    head: Buffer

    def __init__(self, head: Buffer, latency: int, source: Port, sink: Port) -> None:
        super().__init__(head, latency, source, sink)
        assert head.emit == head.steps
        self.gap, self.events = head.steps, head.replay * head.units
        last = np.minimum((np.arange(head.unit_words) + 1) * head.collect, head.replay) - 1
        self.done = (np.arange(head.units)[:, None] * head.replay + last).reshape(-1)
        word = np.arange(head.vector_words)
        self.first_step = word * head.sub
        self.last_step = np.minimum((word + 1) * head.sub, head.steps) - 1

    def fed(self) -> int:
        known = self.source.written.count - self.frame * self.head.words
        return known // self.head.vector_words * self.head.replay

    def arrived(self, begin: int, end: int) -> Codes:
        head, out = self.head, np.full(end - begin, NEVER)
        first, last = ceil_div(begin, head.replay), ceil_div(end, head.replay)  # vectors that begin
        if last > first:
            base = self.frame * head.words
            came = self.source.written[base + first * head.vector_words : base + last * head.vector_words]
            late = (came.reshape(-1, head.vector_words) - self.first_step).max(axis=1) + head.steps
            out[np.arange(first, last) * head.replay - begin] = late
        return out

    def freed(self, begin: int, end: int, times: Codes, before: int) -> None:
        head = self.head
        vectors = np.arange(begin // head.replay, end // head.replay)
        if not len(vectors):
            return
        at = (vectors + 1) * head.replay - 1 - begin  # the last replay of each
        starts = np.concatenate([[before], times])[at] + 1
        read = np.where(self.last_step == head.steps - 1, times[at][:, None], starts[:, None] + self.last_step)
        self.source.released.extend(read.reshape(-1))


class _Windows(_Emitting):
    """hwc_window: an event an emission, the first of a position after the last word of its window."""

    head: Lines

    def __init__(self, head: Lines, latency: int, source: Port, sink: Port) -> None:
        super().__init__(head, latency, source, sink)
        each = head.unit_emissions
        self.gap, self.events = head.emit, head.emissions
        if head.by_position:
            last = np.minimum((np.arange(ceil_div(each, head.collect)) + 1) * head.collect, each) - 1
            self.done = (np.arange(head.units)[:, None] * each + last).reshape(-1)
        else:
            self.done = np.minimum((np.arange(head.out_words) + 1) * head.collect, head.emissions) - 1
        self.needed = np.maximum.accumulate(head.needs)
        self.ends = np.full(head.units, NEVER)  # last step of each position of the frame

    def fed(self) -> int:
        known = self.source.written.count - self.frame * self.head.words
        return int(np.searchsorted(self.needed, known)) * self.head.unit_emissions

    def arrived(self, begin: int, end: int) -> Codes:
        head, out = self.head, np.full(end - begin, NEVER)
        each = head.unit_emissions
        first, last = ceil_div(begin, each), ceil_div(end, each)
        if last > first:
            words = head.needs[first:last] + self.frame * head.words
            out[np.arange(first, last) * each - begin] = self.source.written[:][words] + self.gap
        return out

    def freed(self, begin: int, end: int, times: Codes, before: int) -> None:
        head = self.head
        each, base = head.unit_emissions, self.frame * head.words
        first, last = begin // each, end // each
        if last == first:
            return
        self.ends[first:last] = times[np.arange(first, last) * each + each - 1 - begin]
        done = self.source.released.count - base
        until = int(np.searchsorted(head.freed_by, last))
        if until > done:
            self.source.released.extend(self.ends[head.freed_by[done:until]])


class _Scans(_Emitting):
    """hwc_scan: an event a step."""

    head: Scan

    def __init__(self, head: Scan, latency: int, source: Port, sink: Port) -> None:
        super().__init__(head, latency, source, sink)
        self.events = head.frame_steps
        self.taken, made = head.steps
        self.takes = np.diff(self.taken, prepend=0).astype(bool)
        each = ceil_div(head.unit_emissions, head.collect)
        if head.by_position:
            last = np.minimum((np.arange(each) + 1) * head.collect, head.unit_emissions)
            last = (np.arange(head.units)[:, None] * head.unit_emissions + last).reshape(-1)
        else:
            last = np.minimum((np.arange(head.out_words) + 1) * head.collect, head.emissions)
        self.done = np.searchsorted(made, last)

    def fed(self) -> int:
        known = self.source.written.count - self.frame * self.head.words
        return int(np.searchsorted(self.taken, known, side="right"))

    def arrived(self, begin: int, end: int) -> Codes:
        word = self.taken[begin:end] - 1 + self.frame * self.head.words
        came = self.source.written[:][np.maximum(word, 0)] + 1
        return np.where(self.takes[begin:end], came, NEVER)

    def freed(self, begin: int, end: int, times: Codes, before: int) -> None:
        self.source.released.extend(times[self.takes[begin:end]])
