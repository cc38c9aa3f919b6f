"""hwc_scan and hwc_patch: every flag clock by clock and every window, under random writes and credit; hwc_line; hwc_max.

The model knows pixels, steps and words by number: it has neither counters that wrap nor line memories.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from bench import Bits, Case, Port, check, codes, pack

pytestmark = pytest.mark.hdl

WRAPPER = Path(__file__).parent / "rtl" / "scan.v"

Pair = tuple[int, int]  # of rows, of columns


@dataclass(frozen=True)
class Shape:
    size: Pair
    kernel: Pair
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    before: Pair = (0, 0)
    after: Pair = (0, 0)
    fewer: Pair = (0, 0)  # positions that are left out at the end
    replay: int = 1
    collect: int = 1
    per_position: int = 0
    depth: int = 4
    style: int = 1
    lines: int = 1  # style of the line memories
    width: int = 4  # bits of a pixel

    @property
    def out(self) -> Pair:
        return self._out(0), self._out(1)

    def _out(self, axis: int) -> int:
        reach = (self.kernel[axis] - 1) * self.dilation[axis] + 1
        padded = self.size[axis] + self.before[axis] + self.after[axis]
        return (padded - reach) // self.stride[axis] + 1 - self.fewer[axis]

    def taps(self, axis: int, position: int) -> list[int]:
        """Rows (columns) that a position reads, whether they lie in the map or not."""
        first = position * self.stride[axis] - self.before[axis]
        return [first + k * self.dilation[axis] for k in range(self.kernel[axis])]

    @property
    def legal(self) -> bool:
        """Every position has a tap inside the map."""
        return min(self.out) > 0 and all(
            any(0 <= tap < self.size[axis] for tap in self.taps(axis, position))
            for axis in (0, 1)
            for position in range(self.out[axis])
        )

    @property
    def frame(self) -> int:
        """Words."""
        return self.size[0] * self.size[1]

    @property
    def padded(self) -> bool:
        ends = [
            self.taps(axis, position)[end] for axis in (0, 1) for position, end in ((0, 0), (-1 + self.out[axis], -1))
        ]
        return ends[0] < 0 or ends[2] < 0 or ends[1] >= self.size[0] or ends[3] >= self.size[1]


@dataclass(frozen=True)
class Step:
    shifts: bool
    takes: bool
    first: bool
    outside: bool  # the column lies behind the map
    rows: int  # pixels of the column that lie inside
    window: list[int | None] | None = None  # words of the frame, of an emission; None: PAD
    completes: bool = False


def steps_of(shape: Shape) -> list[Step]:
    """The steps of a frame."""
    (rows, cols), (out_r, out_c) = shape.size, shape.out
    complete_r = {shape.taps(0, o)[-1]: o for o in range(out_r)}
    complete_c = {shape.taps(1, o)[-1]: o for o in range(out_c)}
    steps: list[Step] = []
    emissions = 0
    for y, x in itertools.product(range(max(rows, max(complete_r) + 1)), range(max(cols, max(complete_c) + 1))):
        column = [y - (shape.kernel[0] - 1 - k) * shape.dilation[0] for k in range(shape.kernel[0])]
        inside = pack([int(0 <= row < rows and x < cols) for row in column], 1)
        step = Step(True, y < rows and x < cols, x == 0, x >= cols, inside)
        if y not in complete_r or x not in complete_c:
            steps.append(step)
            continue
        oy, ox = complete_r[y], complete_c[x]
        window = [
            row * cols + col if 0 <= row < rows and 0 <= col < cols else None
            for row in shape.taps(0, oy)
            for col in shape.taps(1, ox)
        ]
        for turn in range(shape.replay):
            emissions += 1
            ends = turn == shape.replay - 1 and (bool(shape.per_position) or (oy, ox) == (out_r - 1, out_c - 1))
            completes = emissions == shape.collect or ends
            emissions = 0 if completes else emissions
            held = step if turn == 0 else replace(step, shifts=False, takes=False)
            steps.append(replace(held, window=window, completes=completes))
    return steps


OUTPUTS = (
    "room_o", "reserve_o", "shift_o", "first_o", "outside_o", "rows_o", "issue_o", "valid_o", "x_o",
)  # fmt: skip


def scan_case(
    rng: np.random.Generator, shape: Shape, clocks: int, p_write: float, p_room: float, reset: bool = True
) -> Case:
    assert shape.legal
    steps, pad = steps_of(shape), int.from_bytes(rng.bytes(32)) & ((1 << shape.width) - 1)
    padded = shape.padded or bool(rng.integers(0, 4) == 0)
    all_rows = (1 << shape.kernel[0]) - 1
    names = ("rst_ni", "reserve_i", "write_i", "data_i", "room_i")
    ins: dict[str, list[int | None]] = {name: [] for name in names}
    outs: dict[str, list[int | None]] = {name: [] for name in OUTPUTS}
    again = int(rng.integers(clocks // 4, clocks)) if reset else clocks  # a second reset
    words: list[int] = []
    reserved = taken = done = made = 0
    idle: tuple[Step | None, int] = (None, 0)
    history = [idle, idle]  # steps of the last clocks, and their windows
    for clock in range(clocks):
        resetting = clock < 2 or clock == again
        room_o = reserved - taken < shape.depth
        reserve = int(not resetting and room_o and rng.random() < max(p_write, 0.8))
        write = int(not resetting and len(words) < reserved + reserve and rng.random() < p_write)
        data = int.from_bytes(rng.bytes(32)) & ((1 << shape.width) - 1)
        room = int(rng.random() < p_room)
        for name, value in zip(names, (int(not resetting), reserve, write, data, room), strict=True):
            ins[name].append(value)

        frame, place = divmod(done, len(steps))
        step = steps[place]
        go = (taken < len(words) or not step.takes) and (bool(room) or not step.completes)
        last, before = history[-1][0], history[-2]
        shifted = last is not None and last.shifts
        values = {
            "room_o": int(room_o),
            "reserve_o": int(go and step.completes),
            "shift_o": int(shifted),
            "first_o": int(shifted and last.first),
            "outside_o": int(last.outside) if shifted else None,
            "rows_o": last.rows if shifted else all_rows,
            "issue_o": int(last is not None and last.window is not None),
            "valid_o": int(before[0] is not None and before[0].window is not None),
            "x_o": before[1] if before[0] is not None and before[0].window is not None else None,
        }
        for name, value in values.items():
            new = clock - 1 in (1, again) and name in ("first_o", "rows_o")  # follow what was before the reset
            outs[name].append(value if clock > 0 and not resetting and not new else None)

        window = [pad if word is None else words[frame * shape.frame + word] for word in (step.window or []) if go]
        history.append((step, pack(window, shape.width)) if go else idle)
        reserved += reserve
        if write:
            words.append(data)
        if go:
            done, made, taken = done + 1, made + 1, taken + step.takes
        if resetting:
            words, reserved, taken, done, history = [], 0, 0, 0, [idle, idle]
    assert reset or p_write * p_room < 1 or clocks < frames(shape, 3, clocks + 1) or made > len(steps)
    params: dict[str, int | str | Bits] = {
        "WORD_W": shape.width, "DEPTH": shape.depth, "ROWS": shape.size[0], "COLS": shape.size[1], "KR": shape.kernel[0],
        "KC": shape.kernel[1], "SR": shape.stride[0], "SC": shape.stride[1], "DR": shape.dilation[0], "DC": shape.dilation[1],
        "PT": shape.before[0], "PL": shape.before[1], "OROWS": shape.out[0], "OCOLS": shape.out[1], "REPLAY": shape.replay,
        "COLLECT": shape.collect, "PER_POSITION": shape.per_position, "STYLE": shape.style, "PADDED": int(padded),
        "PAD": Bits(shape.width, pad), "LINES": shape.lines,
    }  # fmt: skip
    widths = {"data_i": shape.width, "rows_o": shape.kernel[0], "x_o": shape.kernel[0] * shape.kernel[1] * shape.width}
    return Case(
        "scan", params,
        {name: Port(widths.get(name, 1), values) for name, values in ins.items()},
        {name: Port(widths.get(name, 1), values) for name, values in outs.items()},
    )  # fmt: skip


def frames(shape: Shape, count: float, most: int) -> int:
    """Clocks for so many frames at full speed."""
    return int(min(most, 40 + count * len(steps_of(shape)) * (3 if shape.depth == 1 else 1)))


def pick(rng: np.random.Generator, values: Sequence[int]) -> int:
    return int(rng.choice(values))


def random_axis(rng: np.random.Generator) -> list[int]:
    size = pick(rng, range(1, 10))
    kernel = pick(rng, (1, 2, 3, 3, 3, 4, 5, size))
    stride = pick(rng, (1, 1, 1, 2, 2, 3, kernel, kernel + 1))
    dilation = pick(rng, (1, 1, 1, 2, 3))
    before, after = pick(rng, (0, 0, 1, 2, 3)), pick(rng, (0, 0, 1, 2, 3))
    return [size, kernel, stride, dilation, before, after, pick(rng, (0, 0, 0, 0, 1, 2))]


def random_shape(rng: np.random.Generator, most: int) -> Shape:
    """Any shape that is legal; small, so that several frames fit."""
    while True:
        rows, columns = random_axis(rng), random_axis(rng)
        if rng.random() < 0.15:
            rows = [1, 1, 1, 1, 0, 0, 0]
        replay = pick(rng, (1, 1, 1, 2, 3, 4))
        shape = Shape(
            *zip(rows, columns, strict=True), replay=replay,
            collect=pick(rng, (1, 1, 2, 3, replay, 2 * replay, 7, 1000)), per_position=pick(rng, (0, 1)),
            depth=pick(rng, (1, 2, 3, 4, 5, 8, 40)), style=pick(rng, (0, 1, 2)), lines=pick(rng, (0, 1, 2)),
            width=pick(rng, (1, 3, 4, 9)),
        )  # fmt: skip
        if shape.legal and len(steps_of(shape)) <= most:
            return shape


IDLE = ((1.0, 1.0), (1.0, 0.6), (0.6, 1.0), (0.6, 0.6), (0.2, 1.0), (1.0, 0.2))


def random_cases(rng: np.random.Generator, count: int, most: int) -> list[Case]:
    idle = itertools.cycle(IDLE)
    cases = []
    for _ in range(count):
        shape = random_shape(rng, most // 2)
        cases.append(scan_case(rng, shape, frames(shape, 3.5, most), *next(idle), reset=bool(rng.integers(0, 2))))
    return cases


def test_random_shapes(tmp_path: Path, rng: np.random.Generator) -> None:
    check(random_cases(rng, 150, 700), tmp_path, [WRAPPER])


REAL = [
    Shape((28, 28), (5, 5), width=8),
    Shape((12, 12), (5, 5), width=160, lines=2, depth=2),
    Shape((16, 16), (3, 3), before=(1, 1), after=(1, 1), width=24, lines=2),
    Shape((24, 24), (2, 2), (2, 2), width=9, lines=0),  # pooling
    Shape((15, 16), (3, 3), (2, 2), before=(0, 0), after=(1, 1), collect=4),  # as TensorFlow pads
    Shape((1, 100), (1, 3), before=(0, 1), after=(0, 1), width=12, depth=1),
    Shape((1, 60), (1, 3), dilation=(1, 8), before=(0, 16), width=5, replay=2, collect=2),  # causal
    Shape((7, 7), (7, 7), replay=4, collect=2),  # kernel = map
    Shape((9, 11), (7, 5), before=(6, 4), after=(6, 4), lines=0),  # all the padding there can be
    Shape((13, 13), (1, 1), (4, 4), width=7),  # most pixels are skipped
    Shape((11, 9), (2, 2), (4, 3), collect=5),
    Shape((20, 17), (3, 3), (1, 2), (3, 2), (3, 1), (2, 4), replay=3, collect=2),
    Shape((30, 1), (3, 1), before=(1, 0), after=(1, 0)),  # the line memory is a single register
    Shape((10, 2), (3, 2), dilation=(1, 1), before=(1, 1), after=(1, 1), lines=2),
    Shape((10, 3), (5, 3), (2, 1), (2, 1), (4, 1), (3, 1), width=3, style=2),
    Shape((3, 70), (3, 3), before=(1, 1), after=(1, 1), replay=3, collect=3, per_position=1, style=0, depth=3),
    Shape((6, 6), (3, 3), fewer=(2, 2), before=(1, 1), replay=4, collect=3, per_position=1, depth=70),
    Shape((1, 1), (1, 1), replay=3, collect=4, depth=1),
]


def test_real_shapes(tmp_path: Path, rng: np.random.Generator) -> None:
    """Full speed and not, without a reset: at least two frames."""
    cases = []
    for shape in REAL:
        for p_write, p_room in ((1.0, 1.0), (0.7, 0.6)):
            cases.append(scan_case(rng, shape, frames(shape, 3, 6000), p_write, p_room, reset=False))
    check(cases, tmp_path, [WRAPPER])


def test_line(tmp_path: Path, rng: np.random.Generator) -> None:
    """The delay line, with a reset in between, which it may forget everything at."""
    cases = []
    for length, style in itertools.product((0, 1, 2, 3, 4, 9, 17, 34, 70, 257, 258, 300), (0, 1, 2)):
        seen: list[int] = []
        ins: dict[str, list[int | None]] = {"rst_ni": [], "step_i": [], "d_i": []}
        out: list[int | None] = []
        clocks = 100 + 6 * length
        for clock in range(clocks):
            reset, data = clock in (0, 1, clocks // 3), int(rng.integers(0, 32))
            step = int(not reset and rng.integers(0, 4) > 0)
            for name, value in zip(ins, (int(not reset), step, data), strict=True):
                ins[name].append(value)
            out.append(data if length == 0 else seen[-length] if len(seen) >= length else None)
            seen = [] if reset else seen + [data] * step
        ports = {name: Port(5 if name == "d_i" else 1, values) for name, values in ins.items()}
        params: dict[str, int | str | Bits] = {"WIDTH": 5, "LENGTH": length, "STYLE": style}
        cases.append(Case("hwc_line", params, ports, {"q_o": Port(5, out)}))
    check(cases, tmp_path)


def max_case(rng: np.random.Generator, lanes: int, taps: int, width: int, is_signed: bool, more: int) -> Case:
    levels, clocks = (taps - 1).bit_length() + more, 60
    x = codes(rng, width, is_signed, (clocks, taps, lanes))
    x[1::2] = rng.integers(x.min(), x.max() + 1, x[1::2].shape)
    valid, reset = rng.integers(0, 4, clocks) > 0, np.isin(np.arange(clocks), (0, 1, 40))
    since = [int(np.flatnonzero(reset[: t + 1])[-1]) for t in range(clocks)]  # the last reset
    born = [t - levels for t in range(clocks)]
    valid_o: list[int | None] = [
        int(b >= 0 and valid[b] and (levels == 0 or b > since[t - 1])) for t, b in enumerate(born)
    ]
    y = [pack(x[t - levels].max(axis=0), width) if valid_o[t] else None for t in range(clocks)]
    if levels:
        valid_o[0] = None
    return Case(
        "hwc_max", {"LANES": lanes, "TAPS": taps, "X_W": width, "X_SIGNED": int(is_signed), "LEVELS": levels},
        {
            "rst_ni": Port(1, [int(not r) for r in reset]), "valid_i": Port(1, [int(v) for v in valid]),
            "x_i": Port(taps * lanes * width, [pack(row.ravel(), width) for row in x]),
        },
        {"valid_o": Port(1, valid_o), "y_o": Port(lanes * width, y)},
    )  # fmt: skip


def test_max(tmp_path: Path, rng: np.random.Generator) -> None:
    shapes = itertools.product((1, 3), (1, 2, 3, 4, 5, 7, 9, 16, 25), (1, 2, 5, 8), (False, True), (0, 3))
    check([max_case(rng, *shape) for shape in shapes], tmp_path)


@pytest.mark.slow
def test_many_shapes(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for part in range(5):
        check(random_cases(rng, 200, 3000), tmp_path / str(part), [WRAPPER])
