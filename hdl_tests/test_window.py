"""hwc_window: every flag and every datum, clock by clock, under random writes and credit.

The model knows pixels, positions and words by number: nothing in it wraps but the memory it does not have.
"""

import itertools
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from bench import RTL, Bits, Case, Port, check, pack, tool

pytestmark = pytest.mark.hdl

Pair = tuple[int, int]  # of rows, of columns


@dataclass(frozen=True)
class Shape:
    size: Pair
    kernel: Pair
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    before: Pair = (0, 0)
    after: Pair = (0, 0)
    parts: int = 1  # CP
    sub: int = 1
    groups: int = 1
    replay: int = 1
    collect: int = 1
    per_position: int = 0
    more: int = 0  # words of DEPTH above the fewest
    style: int = 1
    width: int = 4  # bits of a part

    @property
    def words(self) -> int:
        """Of a pixel."""
        return -(-self.groups * self.parts // self.sub)

    @property
    def out(self) -> Pair:
        return self._out(0), self._out(1)

    def _out(self, axis: int) -> int:
        reach = (self.kernel[axis] - 1) * self.dilation[axis] + 1
        return (self.size[axis] + self.before[axis] + self.after[axis] - reach) // self.stride[axis] + 1

    def taps(self, axis: int, position: int) -> list[int]:
        """Rows (columns) that a position reads, whether they lie in the map or not."""
        first = position * self.stride[axis] - self.before[axis]
        return [first + k * self.dilation[axis] for k in range(self.kernel[axis])]

    @property
    def legal(self) -> bool:
        if min(self.out) < 1 or (self.groups > 1 and self.parts % self.sub and self.sub % self.parts):
            return False
        return all(
            any(0 <= tap < self.size[axis] for tap in self.taps(axis, position))
            for axis in (0, 1)
            for position in range(self.out[axis])
        )

    @property
    def positions(self) -> list[Pair]:
        return list(itertools.product(range(self.out[0]), range(self.out[1])))

    def needed(self, position: Pair) -> int:
        """Words of the frame that are written when the position begins."""
        row, column = (min(self.taps(axis, position[axis])[-1], self.size[axis] - 1) for axis in (0, 1))
        return (row * self.size[1] + column + 1) * self.words

    def freed(self, position: Pair) -> int:
        """First words of the frame that this position and those behind it do not need."""
        row, column = (self.taps(axis, position[axis])[0] for axis in (0, 1))
        return (row * self.size[1] + max(0, column)) * self.words if row >= 0 else 0

    @property
    def frame(self) -> int:
        """Words."""
        return self.size[0] * self.size[1] * self.words

    @property
    def padded(self) -> bool:
        ends = [
            self.taps(axis, position)[end] for axis in (0, 1) for position, end in ((0, 0), (self.out[axis] - 1, -1))
        ]
        return ends[0] < 0 or ends[2] < 0 or ends[1] >= self.size[0] or ends[3] >= self.size[1]

    @property
    def fewest(self) -> int:
        """Words of the memory without which some position never begins."""
        return max(self.needed(p) - self.freed(p) for p in self.positions)

    @property
    def depth(self) -> int:
        return self.fewest + self.more


@dataclass(frozen=True)
class Step:
    word: int | None  # of the frame; None: outside
    sub: int
    needs: int  # words of the frame
    completes: bool
    frees: int  # words of the frame, all those freed before included


def steps_of(shape: Shape) -> list[Step]:
    """The steps of a frame."""
    steps, emissions = [], 0
    positions = shape.positions
    for number, (oy, ox) in enumerate(positions):
        reads = [
            (row, column, g * shape.parts + c)
            for g in range(shape.groups)
            for _ in range(shape.replay)
            for row in shape.taps(0, oy)
            for column in shape.taps(1, ox)
            for c in range(shape.parts)
        ]
        window = shape.kernel[0] * shape.kernel[1] * shape.parts
        now, needs, last = shape.freed((oy, ox)), shape.needed((oy, ox)), number == len(positions) - 1
        then = shape.frame if last else shape.freed(positions[number + 1])
        for k, (row, column, part) in enumerate(reads):
            inside = 0 <= row < shape.size[0] and 0 <= column < shape.size[1]
            word = (row * shape.size[1] + column) * shape.words + part // shape.sub
            ends = k == len(reads) - 1
            completes = False
            if k % window == window - 1:
                emissions += 1
                completes = emissions == shape.collect or (ends and (last or bool(shape.per_position)))
                emissions = 0 if completes else emissions
            steps.append(
                Step(
                    word if inside else None, part % shape.sub, needs if k == 0 else 0, completes,
                    then if ends else now,
                )
            )  # fmt: skip
    return steps


def window_case(
    rng: np.random.Generator, shape: Shape, clocks: int, p_write: float, p_room: float, reset: bool = True
) -> Case:
    assert shape.legal
    steps, depth, pad = steps_of(shape), shape.depth, int(rng.integers(0, 1 << shape.width))
    padded = shape.padded or bool(rng.integers(0, 4) == 0)
    late = int(shape.sub > 1 or padded)
    names = ("rst_ni", "reserve_i", "write_i", "data_i", "room_i")
    ins: dict[str, list[int | None]] = {name: [] for name in names}
    outs: dict[str, list[int | None]] = {name: [] for name in ("room_o", "reserve_o", "issue_o", "valid_o", "x_o")}
    again = int(rng.integers(clocks // 4, clocks)) if reset else clocks  # a second reset
    words: list[int] = []
    reserved = released = done = made = 0
    history: list[Pair] = [(0, 0)] * (late + 1)  # (issued, x) of the last clocks
    for clock in range(clocks):
        resetting = clock < 2 or clock == again
        room_o = reserved - released < depth
        reserve = int(not resetting and room_o and rng.random() < max(p_write, 0.8))
        write = int(not resetting and len(words) < reserved + reserve and rng.random() < p_write)
        data = int(rng.integers(0, 1 << 30)) * ((1 << 30) + 1) & ((1 << (shape.width * shape.sub)) - 1)
        room = int(rng.random() < p_room)
        frame, place = divmod(done, len(steps))
        step = steps[place]
        go = frame * shape.frame + step.needs <= len(words) and (bool(room) or not step.completes)
        x = pad
        if go and step.word is not None:
            x = words[frame * shape.frame + step.word] >> (shape.width * step.sub) & ((1 << shape.width) - 1)
        for name, value in zip(names, (int(not resetting), reserve, write, data, room), strict=True):
            ins[name].append(value)
        history.append((int(go), x))
        known = clock > 0 and not resetting
        outs["room_o"].append(int(room_o) if known else None)
        outs["reserve_o"].append(int(go and step.completes) if known else None)
        outs["issue_o"].append(history[-1 - late][0] if known else None)
        outs["valid_o"].append(history[-2 - late][0] if known else None)
        outs["x_o"].append(history[-2 - late][1] if known and history[-2 - late][0] else None)
        reserved += reserve
        if write:
            words.append(data)
        if go:
            done, made = done + 1, made + 1
            released = frame * shape.frame + step.frees
        if resetting:
            words, reserved, released, done, history = [], 0, 0, 0, [(0, 0)] * (late + 1)
    assert reset or p_write * p_room < 1 or clocks < frames(shape, 3, clocks + 1) or made > len(steps)
    return Case(
        "hwc_window", parameters(shape, padded, pad),
        {name: Port({"data_i": shape.width * shape.sub}.get(name, 1), values) for name, values in ins.items()},
        {name: Port({"x_o": shape.width}.get(name, 1), values) for name, values in outs.items()},
    )  # fmt: skip


def parameters(shape: Shape, padded: bool, pad: int) -> dict[str, int | str | Bits]:
    return {
        "WORD_W": shape.width * shape.sub, "DEPTH": shape.depth, "ROWS": shape.size[0], "COLS": shape.size[1], "E": shape.words,
        "SUB": shape.sub, "CP": shape.parts, "GROUPS": shape.groups, "REPLAY": shape.replay, "KR": shape.kernel[0], "KC": shape.kernel[1],
        "SR": shape.stride[0], "SC": shape.stride[1], "DR": shape.dilation[0], "DC": shape.dilation[1], "PT": shape.before[0],
        "PL": shape.before[1], "OROWS": shape.out[0], "OCOLS": shape.out[1], "COLLECT": shape.collect,
        "PER_POSITION": shape.per_position, "PADDED": int(padded), "PAD": Bits(shape.width, pad), "STYLE": shape.style,
    }  # fmt: skip


def frames(shape: Shape, count: float, most: int) -> int:
    """Clocks for so many frames at full speed."""
    return int(min(most, 40 + count * max(len(steps_of(shape)), shape.frame)))


def pick(rng: np.random.Generator, values: tuple[int, ...]) -> int:
    return int(rng.choice(values))


def random_shape(rng: np.random.Generator, most: int) -> Shape:
    """Any shape that is legal; small, so that several frames fit."""
    while True:
        axes = []
        for axis in (0, 1):
            size = pick(rng, tuple(range(1, 10)))
            kernel = pick(rng, (1, 1, 2, 2, 3, 3, 3, 4, 5, 7, size))
            stride = pick(rng, (1, 1, 1, 2, 2, 3, 4, kernel))
            dilation = pick(rng, (1, 1, 1, 2, 3))
            padding = pick(rng, (0, 0, 1, 2, 3)), pick(rng, (0, 0, 1, 2, 3))
            axes.append(
                (1, 1, 1, 1, 0, 0) if axis == 0 and rng.random() < 0.15 else (size, kernel, stride, dilation, *padding)
            )
        rows, columns = axes
        sub, groups = pick(rng, (1, 1, 1, 2, 3, 4, 6)), pick(rng, (1, 1, 2, 3, 5))
        replay = pick(rng, (1, 1, 1, 2, 3))
        per = groups * replay
        shape = Shape(
            *zip(rows, columns, strict=True), parts=pick(rng, (1, 1, 2, 3, 4, 6)), sub=sub, groups=groups, replay=replay,
            collect=pick(rng, (1, 1, 2, 3, replay, groups, per, 2 * per, 7, 100)), per_position=pick(rng, (0, 1)),
            style=pick(rng, (0, 1, 2)), width=pick(rng, (1, 3, 4, 9)),
        )  # fmt: skip
        if not shape.legal or max(len(steps_of(shape)), shape.frame) > most:
            continue
        more = pick(rng, (0, 0, 0, 1, 2, 5, shape.frame, 3 * shape.frame))
        if rng.random() < 0.2:  # a power of two
            more = (1 << (shape.fewest - 1).bit_length()) - shape.fewest
        return replace(shape, more=more)


IDLE = ((1.0, 1.0), (1.0, 0.6), (0.6, 1.0), (0.6, 0.6), (0.2, 1.0), (1.0, 0.2))


def random_cases(rng: np.random.Generator, count: int, most: int) -> list[Case]:
    idle = itertools.cycle(IDLE)
    cases = []
    for _ in range(count):
        shape = random_shape(rng, most // 2)
        cases.append(window_case(rng, shape, frames(shape, 3.5, most), *next(idle), reset=bool(rng.integers(0, 2))))
    return cases


def test_random_shapes(tmp_path: Path, rng: np.random.Generator) -> None:
    check(random_cases(rng, 150, 700), tmp_path)


REAL = [
    Shape((28, 28), (5, 5), style=2, width=8),
    Shape((12, 12), (5, 5), parts=5, replay=2, collect=3, style=2, width=20),
    Shape((16, 16), (3, 3), before=(1, 1), after=(1, 1), parts=8, sub=2, style=2, width=8, more=3),
    Shape((24, 24), (2, 2), (2, 2), groups=5, collect=5, style=1, width=9),
    Shape((1, 100), (1, 3), before=(0, 1), after=(0, 1), parts=2, sub=2, width=5, more=300),
    Shape((1, 1), (1, 1), parts=3, replay=2, collect=4),
    Shape((7, 7), (7, 7), groups=2, collect=2, per_position=1, more=20),  # kernel = map
    Shape((9, 11), (7, 7), before=(3, 3), after=(3, 3), style=0),
    Shape((9, 11), (7, 5), before=(6, 4), after=(6, 4)),  # all the padding there can be
    Shape((13, 13), (1, 1), (4, 4), parts=2, sub=2, width=7),  # most pixels are skipped
    Shape((11, 9), (2, 2), (4, 3), parts=3),
    Shape((20, 17), (3, 3), (1, 2), (3, 2), (3, 1), (2, 4), parts=2, sub=2, groups=2, replay=3, collect=2),
    Shape((15, 16), (3, 3), (2, 2), before=(0, 0), after=(1, 1), groups=6, parts=1, sub=3, collect=4, more=500),
    Shape((10, 10), (3, 3), groups=3, parts=2, sub=6, width=3, collect=9),
    Shape((2, 40), (2, 32), before=(1, 16), after=(0, 15), style=2),
]


def test_real_shapes(tmp_path: Path, rng: np.random.Generator) -> None:
    """Full speed and not, without a reset: at least two frames and a half, at the fewest words and more."""
    cases = []
    for shape in REAL:
        for p_write, p_room in ((1.0, 1.0), (0.7, 0.6)):
            cases.append(window_case(rng, shape, frames(shape, 3, 40000), p_write, p_room, reset=False))
    check(cases, tmp_path)


def test_one_word_less_is_too_few(tmp_path: Path, rng: np.random.Generator) -> None:
    """The module knows the fewest words itself: it takes them, and no less."""
    body, count = "", 40
    while count:
        shape = replace(random_shape(rng, 2000), more=-1)
        if shape.depth > 0:
            count -= 1
            settings = ", ".join(f".{name}({value})" for name, value in parameters(shape, True, 0).items())
            body += f"  hwc_window #({settings}) u{count} ();\n"
    (tmp_path / "top.v").write_text(f"module top;\n{body}endmodule\n")
    ran = subprocess.run(
        [tool("iverilog"), "-g2005", "-y", str(RTL), "-s", "top", "-o", "top.vvp", "top.v"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = [line for line in ran.stderr.splitlines() if "Unknown module" in line]
    assert len(said) == 40 and all("hwc_error_DEPTH_below_a_window" in line for line in said), ran.stderr[-2000:]


def test_jump(tmp_path: Path, rng: np.random.Generator) -> None:
    """The address that moves by constants."""
    cases = []
    for depth, count in itertools.product((1, 2, 3, 8, 13, 64, 100), (2, 4, 8)):
        jumps = [int(jump) for jump in rng.integers(0, depth, count)]
        address = begin = int(rng.integers(0, depth))
        ins: dict[str, list[int | None]] = {"rst_ni": [], "step_i": [], "select_i": []}
        out: list[int | None] = []
        for clock in range(200):
            reset, step, select = clock in (0, 1, 120), int(rng.integers(0, 4) > 0), int(rng.integers(0, count))
            for name, value in zip(ins, (int(not reset), step, select), strict=True):
                ins[name].append(value)
            out.append(address if clock else None)
            address = begin if reset else (address + step * jumps[select]) % depth
        widths = {"select_i": count.bit_length() - 1}
        cases.append(
            Case(
                "hwc_jump", {"DEPTH": depth, "BEGIN": begin, "COUNT": count, "JUMPS": Bits(32 * count, pack(jumps, 32))},
                {name: Port(widths.get(name, 1), values) for name, values in ins.items()},
                {"addr_o": Port(max(1, (depth - 1).bit_length()), out)},
            )
        )  # fmt: skip
    check(cases, tmp_path)


@pytest.mark.slow
def test_many_shapes(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for part in range(5):
        check(random_cases(rng, 200, 3000), tmp_path / str(part))
