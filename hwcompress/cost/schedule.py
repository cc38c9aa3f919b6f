# SPDX-License-Identifier: Apache-2.0
"""When everything happens, to the clock: the (max,+) system of docs/architecture.md, solved frame by frame.

Every buffer holds at least one frame, so what a frame waits for downstream belongs to earlier frames and each
island of a frame is one numpy pass: t[k] = max(t[k-1] + 1, c[k]) is k + cummax(c[k] - k).
"""

from dataclasses import dataclass, field, replace

import numpy as np

from hwcompress.engines.base import ceil_div
from hwcompress.engines.head import Buffer, Direct
from hwcompress.engines.pipeline import Interface, Island, Pipeline
from hwcompress.errors import ShapeError
from hwcompress.ir.fixed import Codes

NEVER = -(1 << 60)


@dataclass(frozen=True, slots=True)
class Timing:
    """Figures as contract and bench define them."""

    latency_cycles: int  # first input beat accepted to last output beat accepted, pipeline empty before
    interval_cycles: int  # frames back to back: distance of the last output beats once it repeats


@dataclass
class _History:
    """Event times of one kind, all frames in one list, with a negative past that never binds."""

    times: list[Codes] = field(default_factory=list)

    def before(self, frame: int, words: int, depth: int) -> Codes:
        """Times of the events `depth` words before each word of `frame`; NEVER where there is none."""
        index = frame * words + np.arange(words) - depth
        flat = np.concatenate([np.full(1, NEVER), *self.times])
        if (index >= len(flat) - 1).any():
            raise ShapeError(f"a buffer of {depth} words holds less than its frame of {words}")
        return flat[np.maximum(index + 1, 0)]

    def latest(self, count: int) -> Codes:
        """The last `count` events."""
        return np.concatenate(self.times)[-count:]


def increasing(earliest: Codes, after: int) -> Codes:
    """t[k] = max(t[k-1] + 1, earliest[k]), t[-1] = after."""
    k = np.arange(len(earliest))
    first = np.maximum(earliest, after + 1 + k)
    return k + np.maximum.accumulate(first - k)


@dataclass
class _Stage:
    """One island while the frames pass."""

    island: Island
    released: _History = field(default_factory=_History)
    last_step: int = NEVER

    def steps(self, arrived: Codes, room: Codes) -> tuple[Codes, Codes]:
        """Step times of a frame from arrival times of its words and of room for the words it completes.

        Returns the times at which output words are completed, and those at which input words are released.
        """
        head = self.island.head
        if isinstance(head, Direct):
            raise AssertionError("a direct head steps with its port")
        total = head.steps * head.replay
        earliest = np.full(total, NEVER)
        word = np.arange(head.steps) // head.sub
        earliest[: head.steps] = arrived[word] + 1
        done = completing_steps(head)
        earliest[done] = np.maximum(earliest[done], room + 1)
        times = increasing(earliest, self.last_step)
        self.last_step = int(times[-1])
        final = np.minimum((np.arange(head.words) + 1) * head.sub, head.steps) - 1
        released = times[(head.replay - 1) * head.steps + final]
        self.released.times.append(released)
        return times[done], released


def completing_steps(head: Buffer) -> Codes:
    """Indices of the steps that complete an output word."""
    last = np.minimum((np.arange(head.out_words) + 1) * head.collect, head.emissions) - 1
    return (last + 1) * head.emit - 1


def _input_words(island: Island) -> tuple[int, int]:
    """Words of a frame and depth of an island's head."""
    head = island.head
    return (1, 1) if isinstance(head, Direct) else (head.words, head.depth)


class _Run:
    """Frames one after the other through all islands."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.stages = [_Stage(i) for i in pipeline.islands]
        self.loaded = _History()  # output words taken out of the output FIFO
        self.last_accept = NEVER
        self.last_load = NEVER
        self.frames = 0

    def _room(self, index: int) -> Codes:
        """When a word becomes free for each word that island `index` completes in this frame."""
        if index + 1 < len(self.stages):
            words, depth = _input_words(self.stages[index + 1].island)
            return self.stages[index + 1].released.before(self.frames, words, depth)
        words = self.pipeline.output.beats
        if self.pipeline.interface is Interface.VALID:
            return np.full(words, NEVER)
        return self.loaded.before(self.frames, words, self.pipeline.output_depth)

    def frame(self, earliest: int) -> tuple[int, int]:
        """One more frame whose beats may enter from `earliest` on; its first accept and last output handshake."""
        first = self.stages[0]
        if isinstance(first.island.head, Direct):
            accept = increasing(np.maximum(self._room(0) + 1, earliest), self.last_accept)
            completed = accept
        else:
            words, depth = _input_words(first.island)
            room = first.released.before(self.frames, words, depth)
            accept = increasing(np.maximum(room + 1, earliest), self.last_accept)
            completed, _ = first.steps(accept, self._room(0))
        self.last_accept = int(accept[-1])
        written = completed + first.island.latency + 1
        for index, stage in enumerate(self.stages[1:], start=1):
            completed, _ = stage.steps(written, self._room(index))
            written = completed + stage.island.latency + 1
        return int(accept[0]), self._leave(written)

    def state(self, now: int) -> bytes:
        """All that later frames depend on, as times before `now`."""
        parts = [np.array([self.last_accept, self.last_load])]
        for stage in self.stages:
            parts.append(np.array([stage.last_step]))
            if isinstance(stage.island.head, Buffer):
                parts.append(stage.released.latest(stage.island.head.depth))
        if self.pipeline.interface is Interface.AXIS:
            parts.append(self.loaded.latest(self.pipeline.output_depth))
        times = np.concatenate(parts)
        return np.where(times > NEVER, now - times, NEVER).tobytes()

    def _leave(self, written: Codes) -> int:
        """Hand the words to an always ready sink; the handshake of the last."""
        self.frames += 1
        if self.pipeline.interface is Interface.VALID:
            return int(written[-1])
        load = increasing(written + 1, self.last_load)
        self.loaded.times.append(load)
        self.last_load = int(load[-1])
        return self.last_load + 1


def schedule(pipeline: Pipeline) -> Timing:
    """Latency of a frame into the empty pipeline, and the interval of frames back to back.

    Raises:
        ShapeError: a buffer holds less than one frame.
    """
    return Timing(first_latency(pipeline), _interval(pipeline))


def _interval(pipeline: Pipeline) -> int:
    """Largest distance of successive last output beats, once all buffers have had the time to fill.

    A FIFO a little short of what is in flight stalls once a round, so a pattern is as long as the frames that the
    fullest FIFO holds: distances that stay equal for longer than that are steady. Where they do not, frames are run
    until every time that later frames depend on comes back, shifted: from there on all repeats.
    """
    held = capacities(pipeline)
    window, limit = max(held, default=0) + 4, 2 * (sum(held) + 4)
    run = _Run(pipeline)
    end = run.frame(0)[1]
    gaps: list[int] = []
    steady = 0
    seen: dict[bytes, int] = {}
    while steady < window:
        before, end = end, run.frame(0)[1]
        gaps.append(end - before)
        steady = steady + 1 if len(gaps) > 2 and gaps[-1] == gaps[-2] else 0
        if len(gaps) > limit:
            since = seen.setdefault(run.state(end), len(gaps))
            if since < len(gaps):
                return max(gaps[since:])
    return gaps[-1]


def capacities(pipeline: Pipeline) -> list[int]:
    """Frames that each buffer holds."""
    heads = [i.head for i in pipeline.islands if isinstance(i.head, Buffer)]
    held = [ceil_div(h.depth, h.words) for h in heads]
    if pipeline.interface is Interface.AXIS:
        held.append(ceil_div(pipeline.output_depth, pipeline.output.beats))
    return held


def with_depth(island: Island, depth: int) -> Island:
    """The island with another depth of its buffer."""
    assert isinstance(island.head, Buffer)
    return replace(island, head=replace(island.head, depth=depth))


def ideal_interval(pipeline: Pipeline) -> int:
    """Steps of the busiest island, or beats of a port: no schedule can be faster."""
    heads = [i.head for i in pipeline.islands]
    return max(pipeline.input.beats, pipeline.output.beats, *(h.steps * h.replay for h in heads))


def roomy(pipeline: Pipeline) -> Pipeline:
    """Buffers that never hold the pipeline up: two frames, and what is in flight between a step and its write."""
    islands = list(pipeline.islands)
    for k, island in enumerate(islands):
        if isinstance(island.head, Buffer):
            before = islands[k - 1].latency + 3 if k else 3
            islands[k] = with_depth(island, rounded(2 * island.head.words + before))
    out = rounded(2 * pipeline.output.beats + islands[-1].latency + 4)
    return replace(pipeline, islands=tuple(islands), output_depth=out)


def size_buffers(pipeline: Pipeline) -> Pipeline:
    """Cut each depth of `roomy` to the smallest memory size that keeps latency and interval."""
    wide = roomy(pipeline)
    goal = schedule(wide)
    for k, island in enumerate(wide.islands):
        if isinstance(island.head, Buffer):
            wide = _smallest(wide, k, goal)
    least = rounded(pipeline.output.beats)
    while least < wide.output_depth:
        trial = replace(wide, output_depth=least)
        if schedule(trial) == goal:
            return trial
        least = rounded(least + 1)
    return wide


def first_latency(pipeline: Pipeline) -> int:
    """Latency alone."""
    first, last = _Run(pipeline).frame(0)
    return last - first


def _smallest(pipeline: Pipeline, k: int, goal: Timing) -> Pipeline:
    head = pipeline.islands[k].head
    assert isinstance(head, Buffer)
    depth = rounded(head.words)
    while depth < head.depth:
        islands = (*pipeline.islands[:k], with_depth(pipeline.islands[k], depth), *pipeline.islands[k + 1 :])
        trial = replace(pipeline, islands=islands)
        if schedule(trial) == goal:
            return trial
        depth = rounded(depth + 1)
    return pipeline


def rounded(depth: int) -> int:
    """Depths that memories come in: 32, 64, then multiples of 64, from 512 on of 512."""
    if depth <= 32:
        return 32
    return ceil_div(depth, 64) * 64 if depth <= 512 else ceil_div(depth, 512) * 512
