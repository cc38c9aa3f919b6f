"""hwc_buffer: every flag and every datum, clock by clock, under random writes and credit."""

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from bench import Case, Port, check

pytestmark = pytest.mark.hdl


@dataclass
class Shape:
    sub: int
    steps: int
    replay: int
    emit: int
    collect: int
    more: int  # words of DEPTH above a frame, below it if negative
    style: int = 1
    width: int = 3  # bits of a sub-word
    skip: int = 0

    @property
    def words(self) -> int:
        return -(-self.steps // self.sub)

    @property
    def depth(self) -> int:
        return self.words + self.more


def buffer_case(rng: np.random.Generator, shape: Shape, clocks: int, p_write: float, p_room: float) -> Case:
    """The specification: words by number, steps by number, no counters that wrap."""
    names = ("rst_ni", "reserve_i", "write_i", "data_i", "room_i")
    ins: dict[str, list[int | None]] = {name: [] for name in names}
    outs: dict[str, list[int | None]] = {name: [] for name in ("room_o", "reserve_o", "issue_o", "valid_o", "x_o")}
    per_frame = shape.steps * shape.replay
    emissions = per_frame // shape.emit - shape.skip
    late = int(shape.sub > 1)
    history: list[tuple[int, int]] = [(0, 0)] * (late + 1)  # (issued, x) of the last clocks
    again = int(rng.integers(clocks // 2, clocks))  # a second reset
    for clock in range(clocks):
        if clock == 0:
            words: list[int] = []
            reserved = released = k = 0
        resetting = clock < 2 or clock == again
        room_o = reserved - released < shape.depth
        reserve = int(not resetting and room_o and rng.random() < 0.8)
        write = int(not resetting and len(words) < reserved + reserve and rng.random() < p_write)
        data = int(rng.integers(0, 1 << (shape.width * shape.sub)))
        room = int(rng.random() < p_room)
        frame, place = divmod(k, per_frame)
        replay, step = divmod(place, shape.steps)
        word = frame * shape.words + step // shape.sub
        turn, rest = divmod(place + 1, shape.emit)
        emission = turn - shape.skip
        completes = rest == 0 and emission > 0 and (emission % shape.collect == 0 or emission == emissions)
        go = word < len(words) and (bool(room) or not completes)
        x = (words[word] >> (shape.width * (step % shape.sub))) & ((1 << shape.width) - 1) if go else 0
        for name, value in zip(names, (int(not resetting), reserve, write, data, room), strict=True):
            ins[name].append(value)
        history.append((int(go), x))
        known = clock > 0 and not resetting
        outs["room_o"].append(int(room_o) if known else None)
        outs["reserve_o"].append(int(go and completes) if known else None)
        outs["issue_o"].append(history[-1 - late][0] if known else None)
        outs["valid_o"].append(history[-2 - late][0] if known else None)
        outs["x_o"].append(history[-2 - late][1] if known and history[-2 - late][0] else None)
        reserved += reserve
        if write:
            words.append(data)
        if go:
            k += 1
            if replay == shape.replay - 1 and (step % shape.sub == shape.sub - 1 or step == shape.steps - 1):
                released += 1
        if resetting:
            words, reserved, released, k, history = [], 0, 0, 0, [(0, 0)] * (late + 1)
    params: dict[str, int | str] = {
        "WORD_W": shape.width * shape.sub, "DEPTH": shape.depth, "WORDS": shape.words, "SUB": shape.sub, "STEPS": shape.steps,
        "REPLAY": shape.replay, "EMIT": shape.emit, "COLLECT": shape.collect, "STYLE": shape.style, "SKIP": shape.skip,
    }  # fmt: skip
    widths = {"data_i": shape.width * shape.sub, "x_o": shape.width}
    return Case(
        "hwc_buffer", params,
        {name: Port(widths.get(name, 1), values) for name, values in ins.items()},
        {name: Port(widths.get(name, 1), values) for name, values in outs.items()},
    )  # fmt: skip


def divisors(n: int) -> list[int]:
    return [d for d in range(1, n + 1) if n % d == 0]


def shapes(rng: np.random.Generator, count: int) -> list[Shape]:
    grid = list(itertools.product((1, 2, 3, 4), range(1, 10), (1, 2, 3, 5), (1, 2, 3, 5), (0, 1, 2, 5, 11, -2)))
    out = []
    for index in rng.choice(len(grid), count, replace=False):
        sub, steps, replay, collect, more = grid[index]
        if more < 0:  # less than a frame, without replays
            replay, more = 1, int(rng.integers(-(-steps // sub))) - -(-steps // sub) + 1
        emit = int(rng.choice([1, steps, int(rng.choice(divisors(steps * replay)))]))
        turns = steps * replay // emit
        skip = int(rng.choice([0, 0, turns - 1, int(rng.integers(0, turns))]))
        out.append(
            Shape(sub, steps, replay, emit, collect, more, int(rng.integers(0, 3)), int(rng.integers(1, 5)), skip)
        )
    return out


def test_random_shapes(tmp_path: Path, rng: np.random.Generator) -> None:
    idle = itertools.cycle(itertools.product((1.0, 0.6, 0.2), (1.0, 0.6, 0.2)))
    check([buffer_case(rng, shape, 250, *next(idle)) for shape in shapes(rng, 150)], tmp_path)


def test_real_shape(tmp_path: Path, rng: np.random.Generator) -> None:
    real = [
        Shape(1, 32, 8, 32, 2, 32, 1, 16),
        Shape(4, 64, 2, 64, 1, 3, 2, 8),
        Shape(1, 1, 1, 1, 1, 40, 2, 9),
        Shape(2, 16, 1, 1, 4, 600, 2, 8),
        Shape(2, 7 * 7 * 8, 1, 1, 4, 0, 2, 8, 48 * 8),  # global pooling of 7 x 7 pixels, 8 parts each
    ]
    check([buffer_case(rng, shape, 3000, w, r) for shape in real for w, r in ((1.0, 1.0), (0.7, 0.5))], tmp_path)


@pytest.mark.slow
def test_many_shapes(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    idle = itertools.cycle(itertools.product((1.0, 0.6, 0.2), (1.0, 0.6, 0.2)))
    for part in range(5):
        check([buffer_case(rng, shape, 600, *next(idle)) for shape in shapes(rng, 300)], tmp_path / str(part))
