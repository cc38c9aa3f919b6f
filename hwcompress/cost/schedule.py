# SPDX-License-Identifier: Apache-2.0
"""When everything happens, to the clock: the (max,+) system of docs/architecture.md, solved in numpy.

Every event waits for one before it of its own kind, for words that came in and for places that were given back:
t[k] = max(t[k-1] + gap, c[k]) is k gap + cummax(c[k] - k gap). What an island waits for downstream may belong to the
same frame, so each advances as far as the times it waits for are known, in turn, until the frame is through.
"""

from dataclasses import dataclass

import numpy as np

from hwcompress.cost.stages import NEVER, Port, Stage, Times, increasing, stage
from hwcompress.engines.base import ceil_div
from hwcompress.engines.head import Direct
from hwcompress.engines.pipeline import Interface, Pipeline
from hwcompress.errors import ShapeError

PACED = 4  # frames beyond those in flight, until all repeats


@dataclass(frozen=True, slots=True)
class Timing:
    """Figures as contract and bench define them."""

    latency_cycles: int  # first input beat accepted to last output beat accepted, pipeline empty before
    interval_cycles: int  # frames back to back: distance of the last output beats once it repeats


class _Run:
    """Frames one after the other through all islands."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.axis = pipeline.interface is Interface.AXIS
        heads = [i.head for i in pipeline.islands]
        depths = [0 if isinstance(h, Direct) else h.depth for h in heads]
        depths.append(pipeline.output_depth if self.axis else 0)
        self.ports = [Port(depth) for depth in depths]
        self.stages: list[Stage] = []
        for k, island in enumerate(pipeline.islands):
            self.stages.append(stage(island, self.ports[k], self.ports[k + 1]))
        self.accepted = Times()
        self.frames = 0

    def frame(self, earliest: int) -> tuple[int, int]:
        """One more frame whose beats may enter from `earliest` on; its first accept and last output handshake.

        Raises:
            ShapeError: the frame never comes out: a buffer is too short.
        """
        self.frames += 1
        beats, words = self.pipeline.input.beats, self.pipeline.output.beats
        self._advance(earliest)
        if self.ports[-1].written.count < self.frames * words:
            held = self.stages[self._stuck()].name
            raise ShapeError(f"the pipeline stops: {held} and what follows it wait for each other")
        first = int(self.accepted[(self.frames - 1) * beats])
        last = self.frames * words - 1
        return first, int(self.ports[-1].released[last]) + 1 if self.axis else int(self.ports[-1].written[last])

    def _advance(self, earliest: int) -> None:
        """Everything that can happen; whoever got new words or new room is asked again, those downstream first."""
        last = len(self.stages)
        asked = set(range(-1, last + 1))  # -1: the source, `last`: the sink
        while asked:
            k = max(asked)
            asked.remove(k)
            if k == -1:
                moved = self._accept(earliest)
            elif k == last:
                moved = self._leave()
            else:
                moved = self.stages[k].advance(self.frames)
            if moved:
                asked.update(j for j in (k - 1, k + 1) if -1 <= j <= last)
                if k == 1 and isinstance(self.pipeline.islands[0].head, Direct):
                    asked.add(-1)  # its source asks for the room behind it

    def _stuck(self) -> int:
        """The last island that has not seen the end of the frame."""
        return max(k for k, part in enumerate(self.stages) if not part.through(self.frames))

    def _accept(self, earliest: int) -> bool:
        """Beats for which there is room; those of a direct head need it one island further."""
        port = self.ports[1] if isinstance(self.pipeline.islands[0].head, Direct) else self.ports[0]
        begin, end = self.accepted.count, min(self.frames * self.pipeline.input.beats, port.room_known())
        if end <= begin:
            return False
        times = increasing(np.maximum(port.room(begin, end) + 1, earliest), self.accepted.last())
        self.accepted.extend(times)
        self.ports[0].written.extend(times)
        return True

    def _leave(self) -> bool:
        """Hand the words to an always ready sink; whether there were any."""
        port = self.ports[-1]
        begin, end = port.released.count, port.written.count
        if not self.axis or end <= begin:
            return False
        port.released.extend(increasing(port.written[begin:end] + 1, port.released.last()))
        return True

    def state(self, now: int) -> bytes:
        """All that later frames depend on, as times before `now`."""
        parts = [np.array([self.accepted.last(), *(part.last for part in self.stages)])]
        parts += [port.released.latest(port.depth) for port in self.ports if port.depth]
        times = np.concatenate(parts)
        return np.where(times > NEVER, now - times, NEVER).tobytes()

    def filled(self) -> list[int]:
        """Places of each port that were taken at once, at most: with as many, nobody would have had to wait."""
        out: list[int] = []
        before = [0, *(i.latency + 1 for i in self.pipeline.islands)]
        for port, late in zip(self.ports, before, strict=True):
            taken = port.written[:] - late  # when the place was reserved
            free = np.searchsorted(port.released[:], taken - 1, side="right")
            out.append(int((np.arange(1, len(taken) + 1) - free).max(initial=1)))
        return out


def paced(pipeline: Pipeline, interval: int) -> list[int]:
    """Places that each buffer, and the output FIFO, takes when a frame comes every `interval` clocks."""
    run = _Run(pipeline)
    first, last = run.frame(0)
    for k in range(1, ceil_div(last - first, interval) + PACED):
        run.frame(first + k * interval)
    return run.filled()


def schedule(pipeline: Pipeline) -> Timing:
    """Latency of a frame into the empty pipeline, and the interval of frames back to back.

    Raises:
        ShapeError: a buffer holds less than it must.
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
    held = [ceil_div(i.head.depth, i.head.words) for i in pipeline.islands if not isinstance(i.head, Direct)]
    if pipeline.interface is Interface.AXIS:
        held.append(ceil_div(pipeline.output_depth, pipeline.output.beats))
    return held


def ideal_interval(pipeline: Pipeline) -> int:
    """Steps of the busiest island, words into it, or beats of a port: no schedule can be faster."""
    heads = [i.head for i in pipeline.islands]
    return max(pipeline.input.beats, pipeline.output.beats, *(max(h.frame_steps, h.words) for h in heads))


def first_latency(pipeline: Pipeline) -> int:
    """Latency alone."""
    first, last = _Run(pipeline).frame(0)
    return last - first
