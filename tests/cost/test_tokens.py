# SPDX-License-Identifier: Apache-2.0
"""The schedule gives the cycles of the naive account in tokens.py."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from hwcompress.cost.depths import least, roomy, size_buffers
from hwcompress.cost.schedule import schedule
from hwcompress.engines.assemble import assemble
from hwcompress.engines.head import Buffer, Direct
from hwcompress.engines.pipeline import Interface, Pipeline
from hwcompress.errors import ShapeError
from tests.cost.tokens import Tokens
from tests.random_maps import random_map_network
from tests.random_networks import random_network

PATIENCE = 200_000  # clocks


def frame_ends(tokens: Tokens) -> Iterator[int]:
    """Clocks in which frames are complete, the source always valid."""
    for _ in range(PATIENCE):
        clock = tokens.clock
        if tokens.tick(offered=True):
            yield clock
    pytest.fail("no rhythm yet")


def naive(pipeline: Pipeline) -> tuple[int, int]:
    """Latency of the first frame; largest distance of frames in the rhythm that repeats for ever."""
    tokens = Tokens(pipeline)
    ends: list[int] = []
    known: dict[tuple[object, ...], int] = {}
    for end in frame_ends(tokens):
        ends.append(end)
        begin = known.setdefault(tokens.seen(), len(ends) - 1)
        if begin < len(ends) - 1:
            return ends[0] - tokens.accepted[0], max(b - a for a, b in pairwise(ends[begin:]))
    raise AssertionError


def scheduled(pipeline: Pipeline) -> tuple[int, int]:
    timing = schedule(pipeline)
    return timing.latency_cycles, timing.interval_cycles


def built(seed: int, interface: Interface) -> Pipeline:
    graph, plan = random_network(seed, max_channels=14, max_layers=4)
    return assemble(graph, replace(plan, interface=interface))


def shortened(pipeline: Pipeline, seed: int) -> Pipeline:
    """Buffers that hold a frame and hardly more."""
    rng = np.random.default_rng(seed)

    def depth(least: int) -> int:
        return least + int(rng.choice((0, 0, 1, 2, 5, 11)))

    islands = tuple(
        i if isinstance(i.head, Direct) else replace(i, head=replace(i.head, depth=depth(i.head.words)))
        for i in pipeline.islands
    )
    return replace(pipeline, islands=islands, output_depth=depth(pipeline.output.beats))


@pytest.mark.parametrize("interface", Interface)
@pytest.mark.parametrize("seed", range(30))
def test_sized_pipelines_keep_their_schedule(seed: int, interface: Interface) -> None:
    pipeline = size_buffers(built(seed, interface))
    assert naive(pipeline) == scheduled(pipeline)


@pytest.mark.parametrize("seed", range(100, 112))
def test_roomy_pipelines_keep_their_schedule(seed: int) -> None:
    pipeline = roomy(built(seed, Interface.AXIS))
    assert naive(pipeline) == scheduled(pipeline)


@pytest.mark.parametrize("interface", Interface)
@pytest.mark.parametrize("seed", range(200, 260))
def test_short_buffers_and_output_fifos_keep_their_schedule(seed: int, interface: Interface) -> None:
    pipeline = shortened(built(seed, interface), seed)
    assert naive(pipeline) == scheduled(pipeline)


@pytest.mark.parametrize("seed", range(300, 330))
def test_short_output_fifos_alone_keep_their_schedule(seed: int) -> None:
    pipeline = roomy(built(seed, Interface.AXIS))
    pipeline = replace(pipeline, output_depth=pipeline.output.beats + seed % 7)
    assert naive(pipeline) == scheduled(pipeline)


@pytest.mark.parametrize(
    ("seed", "interface"),
    [(10099, Interface.AXIS), (13556, Interface.AXIS), (12132, Interface.VALID), (12337, Interface.VALID)],
)
def test_a_long_transient_is_no_interval(seed: int, interface: Interface) -> None:
    """Here the buffers take longer to fill than it takes to fill them all twice."""
    graph, plan = random_network(seed, max_channels=30, max_layers=5)
    pipeline = shortened(assemble(graph, replace(plan, interface=interface)), seed)
    assert naive(pipeline) == scheduled(pipeline)


@pytest.mark.parametrize("seed", range(400, 430))
def test_frames_an_interval_apart_need_no_ready(seed: int) -> None:
    """--interface valid: the source never waits, and finds room for every beat."""
    pipeline = size_buffers(built(seed, Interface.VALID))
    latency, interval = scheduled(pipeline)
    tokens = Tokens(pipeline)
    ends: list[int] = []
    while len(ends) < 12:
        offered = tokens.clock % interval < pipeline.input.beats
        assert tokens.ready or not offered
        if tokens.tick(offered):
            ends.append(tokens.clock - 1)
    assert ends == [latency + k * interval for k in range(12)]


def test_a_buffer_below_what_it_replays_is_refused() -> None:
    for seed in range(50):
        pipeline = built(seed, Interface.AXIS)
        for k, island in enumerate(pipeline.islands):
            head = island.head
            if isinstance(head, Buffer) and head.replay > 1 and head.vector_words > 1:
                short = replace(island, head=replace(head, depth=head.vector_words - 1))
                islands = (*pipeline.islands[:k], short, *pipeline.islands[k + 1 :])
                with pytest.raises(ShapeError, match=rf"^the pipeline stops: {head.name} "):
                    schedule(replace(pipeline, islands=islands))
                return


def built_maps(seed: int) -> Pipeline:
    graph, plan = random_map_network(seed, side=7, channels=5)
    return assemble(graph, plan)


def narrowed(pipeline: Pipeline, seed: int) -> Pipeline:
    """Buffers between the least that works and a little more."""
    rng = np.random.default_rng(seed)
    islands = list(pipeline.islands)
    for k, island in enumerate(islands):
        if not isinstance(island.head, Direct):
            depth = least(island.head) + int(rng.choice((0, 0, 1, 2, 5, 11)))
            islands[k] = replace(island, head=replace(island.head, depth=depth))
    return replace(pipeline, islands=tuple(islands), output_depth=int(rng.integers(1, 40)))


@pytest.mark.parametrize("seed", range(60))
def test_pipelines_on_maps_keep_their_schedule(seed: int) -> None:
    pipeline = size_buffers(built_maps(seed))
    assert naive(pipeline) == scheduled(pipeline)


@pytest.mark.parametrize("seed", range(100, 160))
def test_short_buffers_on_maps_keep_their_schedule(seed: int) -> None:
    pipeline = narrowed(built_maps(seed), seed)
    assert naive(pipeline) == scheduled(pipeline)
