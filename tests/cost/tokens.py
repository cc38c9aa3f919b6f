# SPDX-License-Identifier: Apache-2.0
"""A second, deliberately naive account of time: one loop turn a clock, as templates/rtl does it.

Whatever decides in a clock is a register: words that are there, places that are free, counters. All islands decide
first, then everything moves.
"""

from dataclasses import dataclass, field

from hwcompress.engines.head import Buffer, Direct, Lines, Scan
from hwcompress.engines.pipeline import Interface, Pipeline

PLENTY = 1 << 30  # places where nobody counts them


@dataclass
class Queue:
    """A memory between two islands: places are reserved first, and written when the words come out of the pipeline."""

    places: int
    here: int = 0
    flight: list[int] = field(default_factory=list)  # clocks in which words will be written

    def reserve(self, lands: int) -> None:
        assert self.places > 0, "a word without a place"
        self.places -= 1
        self.flight.append(lands)

    def land(self, clock: int) -> int:
        """Words written in this clock."""
        landed = self.flight.count(clock)
        self.flight = [t for t in self.flight if t != clock]
        self.here += landed
        return landed

    def seen(self, clock: int) -> tuple[object, ...]:
        return self.places, tuple(t - clock for t in self.flight)


@dataclass
class Reader:
    """The counters of hwc_buffer."""

    head: Buffer
    sub: int = 0
    column: int = 0
    replay: int = 0
    emission: int = 0
    gathered: int = 0

    @property
    def column_last(self) -> bool:
        return self.column == self.head.steps - 1

    @property
    def word_last(self) -> bool:
        return self.sub == self.head.sub - 1 or self.column_last

    @property
    def frame_last(self) -> bool:
        return self.column_last and self.replay == self.head.replay - 1

    @property
    def emits(self) -> bool:
        return self.emission % self.head.emit == self.head.emit - 1

    @property
    def completes(self) -> bool:
        makes = self.emits and self.emission // self.head.emit >= self.head.skip
        return makes and (self.gathered == self.head.collect - 1 or self.frame_last)

    def may_step(self, queue: Queue, room: bool) -> bool:
        return (queue.here > 0 or self.replay > 0) and (room or not self.completes)

    def step(self, queue: Queue) -> None:
        head = self.head
        if self.word_last and self.replay == 0:
            queue.here -= 1
        if self.word_last and self.replay == head.replay - 1:
            queue.places += 1
        makes = self.emits and self.emission // head.emit >= head.skip
        gathered = 0 if self.completes else self.gathered + makes
        emission = 0 if self.frame_last else self.emission + 1
        replay = 0 if self.frame_last else self.replay + self.column_last
        self.sub = 0 if self.word_last else self.sub + 1
        self.column = 0 if self.column_last else self.column + 1
        self.gathered, self.emission, self.replay = gathered, emission, replay

    def seen(self) -> tuple[object, ...]:
        return self.sub, self.column, self.replay, self.emission, self.gathered


@dataclass
class Walker:
    """The counters of hwc_window: position by position, tap by tap."""

    head: Lines
    position: int = 0
    tap: int = 0
    gathered: int = 0
    came: int = 0  # words since the first of the frame that is read
    freed: int = 0  # of them, given back

    @property
    def place(self) -> tuple[int, int]:
        """First tap, row and column."""
        w = self.head.window
        y, x = divmod(self.position, self.head.out[1])
        return y * w.stride[0] - w.before[0], x * w.stride[1] - w.before[1]

    def may_step(self, queue: Queue, room: bool) -> bool:
        if self.tap == 0:
            w, (rows, columns) = self.head.window, self.head.grid
            y = min(self.place[0] + (w.kernel[0] - 1) * w.dilation[0], rows - 1)
            x = min(self.place[1] + (w.kernel[1] - 1) * w.dilation[1], columns - 1)
            if self.came < (y * columns + x + 1) * self.head.pixel_words:
                return False
        return room or not self.completes

    @property
    def emits(self) -> bool:
        return (self.tap + 1) % self.head.emit == 0

    @property
    def position_last(self) -> bool:
        return self.tap == self.head.emit * self.head.groups * self.head.replay - 1

    @property
    def frame_last(self) -> bool:
        return self.position_last and self.position == self.head.out[0] * self.head.out[1] - 1

    @property
    def completes(self) -> bool:
        ends = self.position_last if self.head.by_position else self.frame_last
        return self.emits and (self.gathered == self.head.collect - 1 or ends)

    def step(self, queue: Queue) -> None:
        if self.emits:
            self.gathered = 0 if self.completes else self.gathered + 1
        if not self.position_last:
            self.tap += 1
            return
        rows, columns = self.head.grid
        words = rows * columns * self.head.pixel_words
        frame_last = self.frame_last
        self.tap, self.position = 0, 0 if frame_last else self.position + 1
        y, x = self.place
        free = words if frame_last else 0 if y < 0 else (y * columns + max(0, x)) * self.head.pixel_words
        queue.places += free - self.freed
        self.freed = free
        if frame_last:
            self.came, self.freed = self.came - words, 0

    def seen(self) -> tuple[object, ...]:
        return self.position, self.tap, self.gathered, self.came, self.freed


@dataclass
class Scanner:
    """The counters of hwc_scan: pixel by pixel, and beyond the map as far as windows reach."""

    head: Scan
    y: int = 0
    x: int = 0
    held: int = 0
    gathered: int = 0
    emitted: int = 0  # of the frame

    @property
    def takes(self) -> bool:
        return self.held == 0 and self.y < self.head.grid[0] and self.x < self.head.grid[1]

    @property
    def emits(self) -> bool:
        w = self.head.window
        for at, axis in ((self.y, 0), (self.x, 1)):
            index, rest = divmod(at + w.before[axis] - (w.kernel[axis] - 1) * w.dilation[axis], w.stride[axis])
            if rest or not 0 <= index < self.head.out[axis]:
                return False
        return True

    @property
    def completes(self) -> bool:
        per = self.head.replay if self.head.by_position else self.head.replay * self.head.out[0] * self.head.out[1]
        return self.emits and (self.gathered == self.head.collect - 1 or self.emitted % per == per - 1)

    def may_step(self, queue: Queue, room: bool) -> bool:
        return (not self.takes or queue.here > 0) and (room or not self.completes)

    def step(self, queue: Queue) -> None:
        if self.takes:
            queue.here -= 1
            queue.places += 1
        if self.emits:
            self.gathered = 0 if self.completes else self.gathered + 1
            self.emitted += 1
            if self.held < self.head.replay - 1:
                self.held += 1
                return
        self.held = 0
        rows, columns = self._extent(0), self._extent(1)
        self.x += 1
        if self.x == columns:
            self.x, self.y = 0, self.y + 1
        if self.y == rows:
            self.y = self.emitted = 0

    def _extent(self, axis: int) -> int:
        w, last = self.head.window, self.head.out[axis] - 1
        return max(
            self.head.grid[axis], last * w.stride[axis] - w.before[axis] + (w.kernel[axis] - 1) * w.dilation[axis] + 1
        )

    def seen(self) -> tuple[object, ...]:
        return self.y, self.x, self.held, self.gathered, self.emitted


def selection(head: Direct | Buffer | Lines | Scan) -> int:
    """The clocks that choosing a part of a word, what stands beside the map, or the patch take."""
    if isinstance(head, Scan):
        return head.latency
    if isinstance(head, Lines):
        return int(head.sub > 1 or head.window.padded)
    return 1 if isinstance(head, Buffer) and head.sub > 1 else 0


def _reader(head: Direct | Buffer | Lines | Scan) -> Reader | Walker | Scanner | None:
    if isinstance(head, Scan):
        return Scanner(head)
    if isinstance(head, Lines):
        return Walker(head)
    return Reader(head) if isinstance(head, Buffer) else None


class Tokens:
    """The whole accelerator between a source and a sink that is always ready."""

    def __init__(self, pipeline: Pipeline) -> None:
        heads = [i.head for i in pipeline.islands]
        self.axis = pipeline.interface is Interface.AXIS
        self.readers = [_reader(h) for h in heads]
        self.delays = [selection(i.head) + sum(c.latency for c in i.cores) + 1 for i in pipeline.islands]
        depths = [0 if isinstance(h, Direct) else h.depth for h in heads]
        self.queues = [Queue(d) for d in (*depths, pipeline.output_depth if self.axis else PLENTY)]
        self.beats_in, self.beats_out = pipeline.input.beats, pipeline.output.beats
        self.clock = 0
        self.beat = 0  # of the input frame
        self.left = 0  # beats that have left
        self.loaded = False  # the output register is full
        self.accepted: list[int] = []  # clocks of the first beats of frames

    @property
    def ready(self) -> bool:
        """Room at the input: a direct head has that of the output."""
        return self.queues[0 if self.readers[0] else 1].places > 0

    def tick(self, offered: bool) -> bool:
        """One clock; whether the last beat of a frame leaves in it."""
        take = offered and self.ready
        steps = [
            reader is not None and reader.may_step(self.queues[k], self.queues[k + 1].places > 0)
            for k, reader in enumerate(self.readers)
        ]
        load = self.axis and self.queues[-1].here > 0
        leaves = self.loaded
        self._accept(take)
        for k, reader in enumerate(self.readers):
            if reader and steps[k]:
                if reader.completes:
                    self.queues[k + 1].reserve(self.clock + self.delays[k])
                reader.step(self.queues[k])
        if load:
            self.queues[-1].here -= 1
            self.queues[-1].places += 1
        landed = [q.land(self.clock) for q in self.queues]
        for reader, words in zip(self.readers, landed, strict=False):
            if isinstance(reader, Walker):
                reader.came += words
        if not self.axis:
            leaves = landed[-1] > 0
            self.queues[-1].here = 0
            self.queues[-1].places = PLENTY
        self.loaded = load
        self.clock += 1
        self.left += leaves
        return leaves and self.left % self.beats_out == 0

    def _accept(self, take: bool) -> None:
        if not take:
            return
        if self.beat == 0:
            self.accepted.append(self.clock)
        self.beat = (self.beat + 1) % self.beats_in
        if self.readers[0]:
            self.queues[0].reserve(self.clock)
        else:
            self.queues[1].reserve(self.clock + self.delays[0])

    def seen(self) -> tuple[object, ...]:
        """All registers."""
        counters = tuple(r.seen() if r else () for r in self.readers)
        readers = [*self.readers, None]
        here = tuple(q.here for q, r in zip(self.queues, readers, strict=True) if not isinstance(r, Walker))
        return self.beat, self.loaded, counters, here, tuple(q.seen(self.clock) for q in self.queues)
