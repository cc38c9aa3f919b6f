# SPDX-License-Identifier: Apache-2.0
"""Whole random networks in Verilog: all codes and both cycle figures equal to the simulator and the schedule."""

from dataclasses import replace
from pathlib import Path

import pytest

from hwcompress.engines.pipeline import Interface
from hwcompress.verify.simulate import simulate
from tests.random_networks import random_frames, random_network
from tests.verilog_builds import write_build


def _equal(seed: int, folder: Path, simulator: str, frames: int, interface: Interface, channels: int) -> None:
    graph, plan = random_network(seed, max_channels=channels, max_layers=4)
    x = random_frames(graph, frames, seed)
    _, timing = write_build(graph, replace(plan, interface=interface), x, folder)
    result = simulate(folder, simulator, frames)
    assert not result.failures, (seed, result.failures)
    assert result.mismatches == 0, seed
    measured = (result.latency_cycles, result.interval_cycles)
    assert measured == (timing.latency_cycles, timing.interval_cycles), seed


@pytest.mark.icarus
@pytest.mark.parametrize("seed", range(6))
def test_random_network_on_icarus(seed: int, tmp_path: Path) -> None:
    _equal(seed, tmp_path, "icarus", 12, Interface.AXIS, 10)


@pytest.mark.icarus
@pytest.mark.parametrize("seed", range(100, 103))
def test_random_network_with_valid_only(seed: int, tmp_path: Path) -> None:
    _equal(seed, tmp_path, "icarus", 12, Interface.VALID, 10)


@pytest.mark.verilator
def test_random_network_on_verilator(tmp_path: Path) -> None:
    _equal(7, tmp_path, "verilator", 60, Interface.AXIS, 16)


@pytest.mark.long
@pytest.mark.icarus
@pytest.mark.verilator
@pytest.mark.parametrize("seed", range(1000, 1150))
def test_many_random_networks(seed: int, tmp_path: Path) -> None:
    interface = Interface.VALID if seed % 4 == 3 else Interface.AXIS
    _equal(seed, tmp_path, "verilator" if seed % 10 == 0 else "icarus", 16, interface, 24)
