# SPDX-License-Identifier: Apache-2.0
"""Random networks on maps in Verilog: all codes and both cycle figures equal to the simulator and the schedule."""

from pathlib import Path

import pytest

from hwcompress.verify.simulate import simulate
from tests.random_maps import random_map_network
from tests.random_networks import random_frames
from tests.verilog_builds import write_build


def _equal(seed: int, folder: Path, simulator: str, frames: int, side: int, channels: int) -> None:
    graph, plan = random_map_network(seed, side=side, channels=channels)
    x = random_frames(graph, frames, seed)
    _, timing = write_build(graph, plan, x, folder)
    result = simulate(folder, simulator, frames)
    assert not result.failures, (seed, result.failures)
    assert result.mismatches == 0, seed
    measured = (result.latency_cycles, result.interval_cycles)
    assert measured == (timing.latency_cycles, timing.interval_cycles), seed


@pytest.mark.icarus
@pytest.mark.parametrize("seed", range(8))
def test_random_maps_on_icarus(seed: int, tmp_path: Path) -> None:
    _equal(seed, tmp_path, "icarus", 10, 7, 5)


@pytest.mark.verilator
def test_random_maps_on_verilator(tmp_path: Path) -> None:
    _equal(14, tmp_path, "verilator", 60, 9, 6)


@pytest.mark.long
@pytest.mark.icarus
@pytest.mark.verilator
@pytest.mark.parametrize("seed", range(1000, 1500))
def test_many_random_maps(seed: int, tmp_path: Path) -> None:
    _equal(seed, tmp_path, "verilator" if seed % 10 == 0 else "icarus", 10, 8, 6)
