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
        while self.ports[-1].written.count < self.frames * words:
            moved = self._accept(earliest)
            for part in self.stages:
                moved = part.advance(self.frames) or moved
            self._leave()
            if not moved:
                held = self.stages[self._stuck()].name
                raise ShapeError(f"the pipeline stops: {held} and what follows it wait for each other")
        for part in self.stages:  # places that are given back after the last word has left
            part.advance(self.frames)
        first = int(self.accepted[(self.frames - 1) * beats])
        last = self.frames * words - 1
        return first, int(self.ports[-1].released[last]) + 1 if self.axis else int(self.ports[-1].written[last])

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

    def _leave(self) -> None:
        """Hand the words to an always ready sink."""
        port = self.ports[-1]
        begin, end = port.released.count, port.written.count
        if self.axis and end > begin:
            port.released.extend(increasing(port.written[begin:end] + 1, port.released.last()))

    def state(self, now: int) -> bytes:
        """All that later frames depend on, as times before `now`."""
        parts = [np.array([self.accepted.last(), *(part.last for part in self.stages)])]
        parts += [port.released.latest(port.depth) for port in self.ports if port.depth]
        times = np.concatenate(parts)
        return np.where(times > NEVER, now - times, NEVER).tobytes()


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
