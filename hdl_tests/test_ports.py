"""hwc_input, hwc_collect, hwc_output: every signal in every clock, under random idle and back-pressure."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from bench import Case, Port, check, pack

pytestmark = pytest.mark.hdl


def frames_of(rng: np.random.Generator, beats: int, data_w: int, count: int, faults: bool) -> list[list[int]]:
    """Frames as lists of beats: whole, cut short, or too long."""
    sizes = []
    for _ in range(count):
        kind = rng.integers(0, 5) if faults else 9
        size = beats
        if kind == 0 and beats > 1:
            size = int(rng.integers(1, beats))
        elif kind == 1:
            size = beats + int(rng.integers(1, beats + 3))
        sizes.append(size)
    return [[int(v) for v in rng.integers(0, 1 << data_w, size)] for size in sizes]


def input_case(
    rng: np.random.Generator, beats: int, data_w: int, pad: int, p_valid: float, p_room: float, faults: bool
) -> Case:
    frames = frames_of(rng, beats, data_w + pad, 12, faults)
    queue = [(value, int(k == len(frame) - 1)) for frame in frames for k, value in enumerate(frame)]
    mask = (1 << data_w) - 1
    ins: dict[str, list[int | None]] = {
        n: [] for n in ("rst_ni", "s_axis_tdata", "s_axis_tvalid", "s_axis_tlast", "room_i")
    }
    outs: dict[str, list[int | None]] = {n: [] for n in ("s_axis_tready", "write_o", "data_o", "frame_error_o")}
    mode, at, error, offered = "off", 0, 0, False
    writes = []
    clock = 0
    while clock < 3 or queue or mode == "fill":
        resetting = clock < 2
        room = int(rng.random() < p_room)
        offered = not resetting and bool(queue) and (offered or rng.random() < p_valid)
        data, last = queue[0] if offered else (int(rng.integers(0, 1 << (data_w + pad))), int(rng.integers(0, 2)))
        ready = (mode == "take" and bool(room)) or mode == "drop"
        taken = mode == "take" and ready and offered
        filled = mode == "fill" and bool(room)
        for name, value in zip(ins, (int(not resetting), data, int(offered), last, room), strict=True):
            ins[name].append(value)
        known = clock > 0
        written = (data & mask if taken else 0) if taken or filled else None
        for name, value in zip(outs, (int(ready), int(taken or filled), written, error), strict=True):
            outs[name].append(value if known else None)
        if written is not None:
            writes.append(written)
            at = (at + 1) % beats
        if offered and ready:
            queue.pop(0)
            offered = False
        if resetting:
            mode = "off"
        elif mode == "off":
            mode = "take"
        elif taken and at == 0 and not last:
            mode, error = "drop", 1
        elif taken and at != 0 and last:
            mode, error = "fill", 1
        elif (filled and at == 0) or (mode == "drop" and not offered and ready and last and ins["s_axis_tvalid"][-1]):
            mode = "take"
        clock += 1
    # What reaches the network: every frame cut or filled to its length.
    assert writes == [v & mask for frame in frames for v in (frame + [0] * beats)[:beats]]
    widths = {"s_axis_tdata": data_w + pad, "data_o": data_w}
    return Case(
        "hwc_input", {"DATA_W": data_w, "TDATA_W": data_w + pad, "BEATS": beats},
        {name: Port(widths.get(name, 1), values) for name, values in ins.items()},
        {name: Port(widths.get(name, 1), values) for name, values in outs.items()},
    )  # fmt: skip


def test_input(tmp_path: Path, rng: np.random.Generator) -> None:
    cases = []
    for beats, p_valid, p_room, faults in itertools.product(
        (1, 2, 3, 5, 8), (1.0, 0.5, 0.1), (1.0, 0.5, 0.1), (False, True)
    ):
        data_w = int(rng.integers(1, 17))
        cases.append(input_case(rng, beats, data_w, int(rng.integers(0, 8)), p_valid, p_room, faults))
    check(cases, tmp_path)


def collect_case(rng: np.random.Generator, in_w: int, group: int, count: int, p: float) -> Case:
    ins: dict[str, list[int | None]] = {"rst_ni": [], "valid_i": [], "data_i": []}
    outs: dict[str, list[int | None]] = {"write_o": [], "data_o": []}
    lanes: list[int] = []
    emitted = 0
    for clock in range(300):
        valid, data = int(clock > 1 and rng.random() < p), int(rng.integers(0, 1 << in_w))
        for name, value in zip(ins, (int(clock > 1), valid, data), strict=True):
            ins[name].append(value)
        done = False
        word = None
        if valid:
            lanes.append(data)
            emitted = (emitted + 1) % count
            if done := len(lanes) == group or emitted == 0:
                word, lanes = pack(lanes, in_w), []
        outs["write_o"].append(int(done) if clock else None)
        outs["data_o"].append(word)
    widths = {"data_i": in_w}
    return Case(
        "hwc_collect", {"IN_W": in_w, "GROUP": group, "COUNT": count},
        {name: Port(widths.get(name, 1), values) for name, values in ins.items()},
        {"write_o": Port(1, outs["write_o"]), "data_o": Port(group * in_w, outs["data_o"])},
    )  # fmt: skip


def test_collect(tmp_path: Path, rng: np.random.Generator) -> None:
    grid = itertools.product((1, 2, 3, 4, 7), (1, 2, 3, 4, 5, 8, 9, 21))
    check([collect_case(rng, int(rng.integers(1, 20)), g, c, p) for g, c in grid for p in (1.0, 0.5)], tmp_path)


def output_case(
    rng: np.random.Generator, depth: int, beats: int, style: int, pad: int, p_write: float, p_ready: float
) -> Case:
    data_w = int(rng.integers(1, 20))
    ins: dict[str, list[int | None]] = {n: [] for n in ("rst_ni", "reserve_i", "write_i", "data_i", "m_axis_tready")}
    outs: dict[str, list[int | None]] = {n: [] for n in ("room_o", "m_axis_tdata", "m_axis_tvalid", "m_axis_tlast")}
    words: list[int] = []
    reserved = loaded = 0
    valid = False
    for clock in range(300):
        resetting = clock < 2
        room = reserved - loaded < depth
        reserve = int(not resetting and room and rng.random() < 0.8)
        write = int(not resetting and len(words) < reserved + reserve and rng.random() < p_write)
        data = int(rng.integers(0, 1 << data_w))
        ready = int(rng.random() < p_ready)
        for name, value in zip(ins, (int(not resetting), reserve, write, data, ready), strict=True):
            ins[name].append(value)
        shown = (words[loaded - 1], int(loaded % beats == 0)) if valid else (None, None)
        for name, value in zip(outs, (int(room), shown[0], int(valid), shown[1]), strict=True):
            outs[name].append(value if clock else None)
        load = loaded < len(words) and (not valid or bool(ready))
        reserved += reserve
        if write:
            words.append(data)
        loaded += load
        valid = load or (valid and not ready)
        if resetting:
            words, reserved, loaded, valid = [], 0, 0, False
    widths = {"data_i": data_w, "m_axis_tdata": data_w + pad}
    return Case(
        "hwc_output", {"DATA_W": data_w, "TDATA_W": data_w + pad, "DEPTH": depth, "BEATS": beats, "STYLE": style},
        {name: Port(widths.get(name, 1), values) for name, values in ins.items()},
        {name: Port(widths.get(name, 1), values) for name, values in outs.items()},
    )  # fmt: skip


def test_output(tmp_path: Path, rng: np.random.Generator) -> None:
    cases = []
    for depth, beats, p_write, p_ready in itertools.product(
        (1, 2, 3, 8, 40), (1, 2, 5), (1.0, 0.5, 0.2), (1.0, 0.5, 0.2)
    ):
        cases.append(output_case(rng, depth, beats, int(rng.integers(0, 3)), int(rng.integers(0, 8)), p_write, p_ready))
    check(cases, tmp_path)
