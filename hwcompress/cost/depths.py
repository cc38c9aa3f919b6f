# SPDX-License-Identifier: Apache-2.0
"""How deep the buffers between islands must be: no deeper than the schedule asks for."""

from dataclasses import replace

from hwcompress.cost.schedule import Timing, paced, schedule
from hwcompress.engines.base import ceil_div
from hwcompress.engines.head import Buffer, Direct, Lines, Scan
from hwcompress.engines.pipeline import Island, Pipeline
from hwcompress.errors import ShapeError

MANY = 50_000  # words and emissions of a frame, from which nothing is tried that is only a little smaller


def with_depth(island: Island, depth: int) -> Island:
    """The island with another depth of its buffer."""
    assert not isinstance(island.head, Direct)
    return replace(island, head=replace(island.head, depth=depth))


def least(head: Buffer | Lines | Scan) -> int:
    """Words below which a buffer cannot work."""
    return 1 if isinstance(head, Buffer) and head.replay == 1 else head.least_depth


def roomy(pipeline: Pipeline) -> Pipeline:
    """Buffers that hold the pipeline up as little as can be: twice what is read at a time, and what is in flight."""
    islands = list(pipeline.islands)
    for k, island in enumerate(islands):
        head = island.head
        if isinstance(head, Direct):
            continue
        flight = islands[k - 1].latency + 3 if k else 3
        islands[k] = with_depth(island, rounded(_ample(head) + flight))
    out = rounded(2 * pipeline.output.beats + islands[-1].latency + 4)
    return replace(pipeline, islands=tuple(islands), output_depth=out)


def _ample(head: Buffer | Lines | Scan) -> int:
    """Words with which the writer need not wait for the reader."""
    if isinstance(head, Buffer):
        return 2 * head.vector_words
    if isinstance(head, Scan):
        return 2 * head.grid[1] * head.window.stride[0]
    rows = head.window.stride[0] + 1
    return min(2 * head.words, 2 * head.least_depth + rows * head.grid[1] * head.pixel_words)


def size_buffers(pipeline: Pipeline) -> Pipeline:
    """Cut each depth of `roomy` to the smallest memory size that keeps latency and interval.

    What frames that come at the pace of the slowest island take is enough: sources that are faster find no less room.
    """
    wide = roomy(pipeline)
    goal = schedule(wide)
    enough = _limited(wide, paced(wide, goal.interval_cycles))
    if _keeps(enough, goal):
        wide = enough
        if sum(_events(i) for i in wide.islands) > MANY:
            return wide
    for k, island in enumerate(wide.islands):
        if not isinstance(island.head, Direct):
            wide = _smallest(wide, k, island.head, goal)
    return _short_output(wide, goal)


def _events(island: Island) -> int:
    return 1 if isinstance(island.head, Direct) else island.head.words + island.head.emissions


def _limited(pipeline: Pipeline, places: list[int]) -> Pipeline:
    """Depths of so many places, no more than they are."""
    islands = list(pipeline.islands)
    for k, island in enumerate(islands):
        if not isinstance(island.head, Direct):
            islands[k] = with_depth(island, min(island.head.depth, rounded(max(places[k], least(island.head)))))
    return replace(pipeline, islands=tuple(islands), output_depth=min(pipeline.output_depth, rounded(places[-1])))


def _smallest(pipeline: Pipeline, k: int, head: Buffer | Lines | Scan, goal: Timing) -> Pipeline:
    """By bisection: more places never make anything later."""

    def trial(depth: int) -> Pipeline:
        islands = (*pipeline.islands[:k], with_depth(pipeline.islands[k], depth), *pipeline.islands[k + 1 :])
        return replace(pipeline, islands=islands)

    sizes = depths(least(head), head.depth)
    lo, hi = 0, len(sizes) - 1
    while lo < hi:
        middle = (lo + hi) // 2
        lo, hi = (lo, middle) if _keeps(trial(sizes[middle]), goal) else (middle + 1, hi)
    return trial(sizes[hi])


def _short_output(pipeline: Pipeline, goal: Timing) -> Pipeline:
    sizes = depths(pipeline.output.beats, pipeline.output_depth)
    kept = (d for d in sizes[:-1] if _keeps(replace(pipeline, output_depth=d), goal))
    return replace(pipeline, output_depth=next(kept, sizes[-1]))


def _keeps(pipeline: Pipeline, goal: Timing) -> bool:
    try:
        return schedule(pipeline) == goal
    except ShapeError:
        return False


def depths(begin: int, end: int) -> list[int]:
    """Memory sizes from `begin` words up to `end`."""
    out = [rounded(begin)]
    while out[-1] < end:
        out.append(rounded(out[-1] + 1))
    return out


def rounded(depth: int) -> int:
    """Depths that memories come in: 32, 64, then multiples of 64, from 512 on of 512."""
    if depth <= 32:
        return 32
    return ceil_div(depth, 64) * 64 if depth <= 512 else ceil_div(depth, 512) * 512
