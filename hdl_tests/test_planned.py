# SPDX-License-Identifier: Apache-2.0
"""Random networks as the planner builds them under random budgets: codes, latency and interval equal."""

from pathlib import Path

import numpy as np
import pytest

from hwcompress.codegen.verilog import render_verilog
from hwcompress.emit import stream_port
from hwcompress.engines.pipeline import Interface
from hwcompress.errors import DoesNotFit
from hwcompress.explore.goal import Goal
from hwcompress.explore.network import plan_network
from hwcompress.hw.cells import Resources
from hwcompress.sim.integer import Simulator
from hwcompress.verify.bench import BenchSpec, write_bench
from hwcompress.verify.simulate import simulate
from tests.random_networks import random_frames, random_network

PLENTY = Resources(10_000, 1_000_000, 2_000_000, 10_000)


def check(seed: int, folder: Path) -> None:
    rng = np.random.default_rng(seed)
    graph, _ = random_network(seed)
    any_plan = plan_network(graph, Goal(PLENTY, frozenset(), 2, Interface.AXIS, interval=int(rng.integers(1, 30))))
    lut = int(any_plan.estimate.total.lut * rng.uniform(0.3, 1.0)) + 100
    budget = Resources(int(rng.integers(0, 60)), lut, 2_000_000, int(rng.integers(0, 60)))
    try:
        found = plan_network(graph, Goal(budget, frozenset(("lut", "dsp", "bram18")), 2, Interface.AXIS))
    except DoesNotFit:
        return
    assert not found.estimate.total.over(budget)
    (folder / "verilog").mkdir(parents=True)
    for name, text in render_verilog(found.pipeline).items():
        (folder / "verilog" / name).write_text(text)
    p, t = found.pipeline, found.timing
    ports = stream_port(p.input), stream_port(p.output)
    spec = BenchSpec(p.top, p.interface.value, *ports, t.latency_cycles, t.interval_cycles)
    x = random_frames(graph, 40, seed)
    write_bench(spec, x, Simulator.of(graph).run(x), folder / "bench")
    v = simulate(folder, "icarus", 20)
    assert (v.mismatches, v.failures) == (0, ())
    assert (v.latency_cycles, v.interval_cycles) == (t.latency_cycles, t.interval_cycles)


@pytest.mark.icarus
def test_planned_networks(tmp_path: Path) -> None:
    for seed in range(5000, 5004):
        check(seed, tmp_path / str(seed))


@pytest.mark.icarus
@pytest.mark.long
@pytest.mark.parametrize("seed", range(5004, 5100))
def test_many_planned_networks(seed: int, tmp_path: Path) -> None:
    check(seed, tmp_path / "b")
