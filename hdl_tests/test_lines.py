"""hwc_delay, hwc_taps, hwc_valid, hwc_live, hwc_count, hwc_address, hwc_level, hwc_direct: lines and counters."""

from pathlib import Path

import numpy as np
import pytest
from bench import Case, Port, check, pack

pytestmark = pytest.mark.hdl

CLOCKS = 300
RESET = [0, 0] + [1] * (CLOCKS - 2)
RESETS = [0, 0] + [1] * 150 + [0] + [1] * (CLOCKS - 153)  # a second reset of one clock in between


def bits(rng: np.random.Generator, p: float = 0.5) -> list[int]:
    return [0, 0] + [int(v) for v in rng.random(CLOCKS - 2) < p]


def ago(values: list[int], cycles: int) -> list[int | None]:
    return ([None] * cycles + values)[: len(values)]


def test_delay_and_taps(tmp_path: Path, rng: np.random.Generator) -> None:
    cases = []
    for width in (1, 5, 70):
        for cycles in (0, 1, 2, 3, 17, 33, 40):
            d = [int.from_bytes(rng.bytes(9)) >> (72 - width) for _ in range(CLOCKS)]
            inputs = {"rst_ni": Port(1, list(RESETS)), "d_i": Port(width, list(d))}
            cases.append(
                Case("hwc_delay", {"WIDTH": width, "CYCLES": cycles}, inputs, {"q_o": Port(width, ago(d, cycles))})
            )
            taps = [pack([d[t - k] for k in range(cycles + 1)], width) if t >= cycles else None for t in range(CLOCKS)]
            outputs = {"q_o": Port(width * (cycles + 1), taps)}
            cases.append(Case("hwc_taps", {"WIDTH": width, "TAPS": cycles + 1}, inputs, outputs))
    check(cases, tmp_path)


def test_valid(tmp_path: Path, rng: np.random.Generator) -> None:
    cases = []
    for stages in (0, 1, 2, 9):
        d = bits(rng)
        line = [0] * (stages + 1)
        expected: list[int | None] = []
        for clock in range(CLOCKS):
            line[0] = d[clock]
            expected.append(None if clock < 1 else pack(line, 1))
            line[1:] = line[:-1] if RESETS[clock] else [0] * stages
        inputs = {"rst_ni": Port(1, list(RESETS)), "valid_i": Port(1, list(d))}
        last = [None if v is None else v >> stages for v in expected]
        cases.append(Case("hwc_valid", {"CYCLES": stages}, inputs, {"valid_o": Port(1, last)}))
        if stages:
            inputs = {"rst_ni": Port(1, list(RESETS)), "live_i": Port(1, list(d))}
            cases.append(Case("hwc_live", {"STAGES": stages}, inputs, {"live_o": Port(stages + 1, expected)}))
    check(cases, tmp_path)


def test_counters(tmp_path: Path, rng: np.random.Generator) -> None:
    cases = []
    for count in (*range(1, 19), 31, 32, 33, 100):
        step, clear = bits(rng, 0.7), bits(rng, 0.05)
        at, address = 0, 0
        lasts: list[int | None] = []
        addresses: list[int | None] = []
        for clock in range(CLOCKS):
            lasts.append(int(at == count - 1) if clock else None)
            addresses.append(address if clock else None)
            if not RESETS[clock]:
                at = address = 0
            elif step[clock]:
                at = 0 if at == count - 1 or clear[clock] else at + 1
                address = (address + 1) % count
        inputs = {"rst_ni": Port(1, list(RESETS)), "step_i": Port(1, list(step))}
        both = inputs | {"clear_i": Port(1, list(clear))}
        width = max(1, (count - 1).bit_length())
        cases.append(Case("hwc_count", {"COUNT": count}, both, {"last_o": Port(1, lasts)}))
        cases.append(Case("hwc_address", {"DEPTH": count}, inputs, {"addr_o": Port(width, addresses)}))
    check(cases, tmp_path)


def test_level(tmp_path: Path, rng: np.random.Generator) -> None:
    cases = []
    for top in (1, 2, 3, 4, 5, 7, 8, 9, 33):
        for full in (0, 1):
            for bias in (0.3, 0.5, 0.7):
                level = top * full
                up, down = [0] * CLOCKS, [0] * CLOCKS
                some: list[int | None] = []
                for clock in range(CLOCKS):
                    some.append(int(level > 0) if clock else None)
                    if not RESETS[clock]:
                        level = top * full
                        continue
                    down[clock] = int(level > 0 and rng.random() < 1 - bias)
                    up[clock] = int(level - down[clock] < top and rng.random() < bias)
                    level += up[clock] - down[clock]
                inputs = {"rst_ni": Port(1, list(RESETS)), "up_i": Port(1, list(up)), "down_i": Port(1, list(down))}
                cases.append(Case("hwc_level", {"MAX": top, "FULL": full}, inputs, {"some_o": Port(1, some)}))
    check(cases, tmp_path)


def test_direct(tmp_path: Path, rng: np.random.Generator) -> None:
    cases = []
    for width in (1, 13):
        write, room = bits(rng), bits(rng)
        data = [int(v) for v in rng.integers(0, 1 << width, CLOCKS)]
        inputs = {
            "rst_ni": Port(1, list(RESETS)), "write_i": Port(1, list(write)), "data_i": Port(width, list(data)),
            "room_i": Port(1, list(room)),
        }  # fmt: skip
        outputs = {
            "room_o": Port(1, list(room)),
            "reserve_o": Port(1, list(write)),
            "valid_o": Port(1, [None] + [w & r for w, r in zip(write, RESETS, strict=True)][:-1]),
            "x_o": Port(width, ago(data, 1)),
        }
        cases.append(Case("hwc_direct", {"WIDTH": width}, inputs, outputs))
    check(cases, tmp_path)
