# SPDX-License-Identifier: Apache-2.0
"""Buffers are sized so that no pipeline runs slower than its busiest island; short ones show in the interval."""

from dataclasses import replace

import pytest

from hwcompress.cost.depths import roomy, size_buffers
from hwcompress.cost.estimate import estimate
from hwcompress.cost.schedule import ideal_interval, schedule
from hwcompress.engines.assemble import assemble
from hwcompress.engines.base import Product
from hwcompress.engines.dense import DenseFolded, DenseUnrolled
from hwcompress.engines.elementwise import AffineLanes
from hwcompress.engines.pipeline import Interface
from tests.random_networks import random_network


@pytest.mark.parametrize("seed", range(40))
def test_sized_buffers_keep_the_pace(seed: int) -> None:
    graph, plan = random_network(seed)
    wide = roomy(assemble(graph, plan))
    small = size_buffers(wide)
    assert schedule(small) == schedule(wide)
    assert schedule(small).interval_cycles == ideal_interval(small)


def test_a_short_output_fifo_shows_once_a_round() -> None:
    """Credits for 8 frames where 8 + latency are in flight: the interval is no longer 1, and the bench sees it."""
    for seed in range(200):
        graph, plan = random_network(seed, max_layers=2)
        pipeline = roomy(assemble(graph, replace(plan, interface=Interface.AXIS)))
        if schedule(pipeline).interval_cycles == 1 and pipeline.islands[-1].latency >= 8:
            assert schedule(replace(pipeline, output_depth=8)).interval_cycles > 1
            return
    pytest.fail("no reuse-1 network found")


@pytest.mark.parametrize("seed", range(20))
def test_dsps_are_multipliers(seed: int) -> None:
    graph, plan = random_network(seed)
    pipeline = assemble(graph, plan)
    due = 0
    for core in pipeline.cores():
        if isinstance(core, DenseFolded) and core.product is Product.DSP:
            due += core.pe * core.simd
        if isinstance(core, DenseUnrolled) and core.product is Product.DSP:
            due += int((core.weight != 0).sum())
        if isinstance(core, AffineLanes) and core.product is Product.DSP:
            due += core.lanes
    assert estimate(pipeline).total.dsp == due
