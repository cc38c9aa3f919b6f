"""Whole chains: exact event times of architecture.md, and data under any idle and back-pressure."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from bench import RTL, pack, tool, words
from test_dense import biases, dsp_weights, lut_weights

pytestmark = pytest.mark.hdl

HERE = Path(__file__).parent
NEVER = -(10**9)


@dataclass(frozen=True)
class Chain:
    """A two-layer network: `n` -> PE1*RF1 -> PE2*RF2 elements; see rtl/chain.v."""

    n: int
    q1: int
    s1: int
    pe1: int
    rf1: int
    c1: int
    s2: int
    pe2: int
    rf2: int
    c2: int
    segment: int
    fabric: int
    more1: int
    more2: int
    depth3: int
    x_w: int = 4
    w_w: int = 4
    acc: int = 14
    shift: int = 3

    @property
    def cf1(self) -> int:
        return -(-self.n // self.s1)

    @property
    def beats(self) -> int:
        return -(-self.cf1 // (self.q1 // self.s1))

    @property
    def hidden(self) -> int:
        return self.pe1 * self.rf1

    @property
    def cf2(self) -> int:
        return -(-self.hidden // self.s2)

    @property
    def words2(self) -> int:
        return -(-self.cf2 // (self.c1 * self.pe1 // self.s2))

    @property
    def out_beats(self) -> int:
        return -(-self.rf2 // self.c2)

    @property
    def levels1(self) -> int:
        return (self.s1 - 1).bit_length()

    @property
    def slots(self) -> int:
        return min(self.segment, self.s2)

    @property
    def levels2(self) -> int:
        return (-(-self.s2 // self.slots) - 1).bit_length()

    @property
    def f(self) -> int:
        return int(self.fabric and self.cf2 > 1)

    def latencies(self) -> tuple[int, int]:
        """Head and cores: from the step to the write of its word, less one."""
        first = int(self.q1 > self.s1) + 2 + self.levels1 + 1 + 1
        second = int(self.c1 * self.pe1 > self.s2) + 3 + self.slots - 1 + self.f + self.levels2 + 1
        return first, second

    def params(self) -> dict[str, int]:
        return {
            "IN_BEATS": self.beats, "Q1": self.q1, "S1": self.s1, "PE1": self.pe1, "CF1": self.cf1, "RF1": self.rf1,
            "L1": self.levels1, "DEPTH1": self.beats + self.more1, "C1": self.c1, "S2": self.s2, "PE2": self.pe2,
            "CF2": self.cf2, "RF2": self.rf2, "SEG2": self.segment, "L2": self.levels2, "FABRIC": self.f,
            "DEPTH2": self.words2 + self.more2, "C2": self.c2, "OUT_BEATS": self.out_beats, "DEPTH3": self.depth3,
            "X_W": self.x_w, "W_W": self.w_w, "ACC1": self.acc, "ACC2": self.acc, "SHIFT1": self.shift, "SHIFT2": self.shift,
        }  # fmt: skip


@dataclass
class Island:
    words: int  # a frame
    depth: int
    sub: int
    steps: int
    replay: int
    emit: int
    collect: int
    latency: int


def schedule(c: Chain, frames: int) -> tuple[list[int], list[int]]:
    """(accept of every input beat, handshake of every output beat) by the equations, source and sink always ready."""
    lat1, lat2 = c.latencies()
    islands = [
        Island(c.beats, c.beats + c.more1, c.q1 // c.s1, c.cf1, c.rf1, c.cf1, c.c1, lat1),
        Island(c.words2, c.words2 + c.more2, c.c1 * c.pe1 // c.s2, c.cf2, c.rf2, c.cf2, c.c2, lat2),
    ]
    write: list[list[int]] = [[], [], []]
    release: list[list[int]] = [[], [], []]
    last = [NEVER, NEVER, NEVER]
    steps = [NEVER, NEVER]
    handshake: list[int] = []
    depths = [islands[0].depth, islands[1].depth, c.depth3]
    for frame in range(frames):
        # Every buffer holds a frame: what a beat waits for was released by earlier frames.
        for _ in range(c.beats):  # source: accept = write
            j = len(write[0])
            freed = release[0][j - depths[0]] if j >= depths[0] else NEVER
            at = max(last[0] + 1, freed + 1)
            if j == 0:
                at = 0
            last[0] = at
            write[0].append(at)
        for i, island in enumerate(islands):
            emitted = 0
            step = steps[i]
            per_frame = island.steps * island.replay
            for k in range(per_frame):
                replay, s = divmod(k, island.steps)
                word = frame * island.words + s // island.sub
                at = step + 1
                if replay == 0:
                    at = max(at, write[i][word] + 1)
                if (k + 1) % island.emit == 0:
                    emitted += 1
                    if emitted % island.collect == 0 or k == per_frame - 1:
                        o = len(write[i + 1])
                        if o >= depths[i + 1]:
                            at = max(at, release[i + 1][o - depths[i + 1]] + 1)
                        write[i + 1].append(at + island.latency + 1)
                        if i == 1:  # sink
                            load = max(write[2][o] + 1, last[2] + 1)
                            last[2] = load
                            release[2].append(load)
                            handshake.append(load + 1)
                step = at
                if replay == island.replay - 1 and (s % island.sub == island.sub - 1 or s == island.steps - 1):
                    release[i].append(step)
            steps[i] = step
    return write[0], handshake


def network(
    c: Chain, rng: np.random.Generator, frames: int
) -> tuple[dict[str, str], np.ndarray, list[tuple[int, int]]]:
    """Memory files, inputs [frames, n], and the expected output beats (data, last)."""
    w1 = rng.integers(-(1 << (c.w_w - 1)), 1 << (c.w_w - 1), (c.hidden, c.cf1 * c.s1))
    w1[:, c.n :] = 0
    w2 = rng.integers(-(1 << (c.w_w - 1)), 1 << (c.w_w - 1), (c.pe2 * c.rf2, c.cf2 * c.s2))
    w2[:, c.hidden :] = 0
    b1, b2 = rng.integers(-40, 40, c.hidden), rng.integers(-40, 40, c.pe2 * c.rf2)
    x = rng.integers(-(1 << (c.x_w - 1)), 1 << (c.x_w - 1), (frames, c.beats * c.q1))
    low, high = -(1 << (c.x_w - 1)), (1 << (c.x_w - 1)) - 1
    half = 1 << (c.shift - 1)

    def layer(v: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.clip((v @ w.T + b + half) >> c.shift, low, high)

    h = layer(x[:, : c.n], w1[:, : c.n], b1)
    y = layer(h, w2[:, : c.hidden], b2)
    first, _ = lut_weights("", w1, c.cf1, c.rf1, c.pe1, c.s1, c.w_w, False)
    second, _ = dsp_weights("", w2, c.cf2, c.rf2, c.pe2, c.s2, c.segment, c.w_w, False)
    roms = first | biases(b1.reshape(c.rf1, c.pe1), c.acc), second | biases(b2.reshape(c.rf2, c.pe2), c.acc)
    lines = [f"`define LAYER{k} {', '.join(f'.{p}({v})' for p, v in r.items())}\n" for k, r in enumerate(roms, 1)]
    files = {"weights.vh": "".join(lines)}
    out = []
    for frame in y:
        for k in range(c.out_beats):
            out.append((pack(frame[k * c.c2 * c.pe2 : (k + 1) * c.c2 * c.pe2], c.x_w), int(k == c.out_beats - 1)))
    return files, x, out


def bytes_up(bits: int) -> int:
    return -(-bits // 8) * 8


def build(c: Chain, folder: Path, beats: list[tuple[int, int]], expect: int, files: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    in_w, out_w = bytes_up(c.q1 * c.x_w), bytes_up(c.c2 * c.pe2 * c.x_w)
    for name, text in files.items():
        (folder / name).write_text(text)
    (folder / "beats.mem").write_text(words([(last << in_w) | data for data, last in beats], in_w + 1))
    params = ", ".join(f".{k}({v})" for k, v in c.params().items())
    (folder / "params.vh").write_text(
        f"localparam integer IN_W = {in_w}, OUT_W = {out_w}, COUNT = {len(beats)}, EXPECT = {expect}, LIMIT = 60000;\n"
        f"`define CHAIN chain #({params})\n"
    )
    command = [
        tool("iverilog"),
        "-g2005",
        "-Wall",
        "-Wno-timescale",
        "-I",
        ".",
        "-y",
        str(RTL),
        "-y",
        str(HERE / "rtl"),
    ]
    built = subprocess.run(
        [*command, "-s", "chain_bench", "-o", "chain.vvp", str(HERE / "rtl" / "chain_bench.v")],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0 and not built.stderr.strip(), built.stderr


def simulate(folder: Path, seed: int, idle: int, stall: int) -> tuple[list[int], list[tuple[int, int, int]], int]:
    ran = subprocess.run(
        [tool("vvp"), "-n", "chain.vvp", f"+seed={seed}", f"+idle={idle}", f"+stall={stall}"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    accepts, outs, bad = [], [], -1
    for line in ran.stdout.splitlines():
        kind, *rest = line.split()
        if kind == "IN":
            accepts.append(int(rest[0]))
        elif kind == "OUT":
            outs.append((int(rest[0]), int(rest[1], 16), int(rest[2])))
        elif kind == "END":
            bad = int(rest[0])
    return accepts, outs, bad


CHAINS = [
    Chain(
        n=8, q1=2, s1=2, pe1=1, rf1=4, c1=2, s2=2, pe2=1, rf2=3, c2=1, segment=2, fabric=0, more1=4, more2=2, depth3=3
    ),
    Chain(
        n=8, q1=4, s1=2, pe1=2, rf1=3, c1=1, s2=2, pe2=2, rf2=2, c2=1, segment=1, fabric=0, more1=0, more2=0, depth3=1
    ),
    Chain(
        n=7, q1=4, s1=1, pe1=2, rf1=3, c1=2, s2=4, pe2=1, rf2=5, c2=2, segment=3, fabric=1, more1=1, more2=1, depth3=2
    ),
    Chain(
        n=5, q1=1, s1=1, pe1=4, rf1=2, c1=1, s2=1, pe2=3, rf2=1, c2=1, segment=1, fabric=0, more1=5, more2=9, depth3=4
    ),
    Chain(
        n=9, q1=3, s1=3, pe1=1, rf1=7, c1=3, s2=3, pe2=1, rf2=4, c2=3, segment=8, fabric=1, more1=2, more2=3, depth3=2
    ),
    Chain(
        n=4, q1=4, s1=4, pe1=4, rf1=1, c1=1, s2=4, pe2=2, rf2=1, c2=1, segment=4, fabric=0, more1=9, more2=9, depth3=20
    ),
    Chain(
        n=16, q1=2, s1=1, pe1=3, rf1=4, c1=1, s2=3, pe2=2, rf2=6, c2=2, segment=2, fabric=0, more1=3, more2=0, depth3=1
    ),
]


@pytest.mark.parametrize("number", range(len(CHAINS)))
def test_times_and_data(tmp_path: Path, number: int) -> None:
    c, frames = CHAINS[number], 8
    rng = np.random.default_rng(number)
    files, x, expected = network(c, rng, frames)
    beats = [(pack(row[k * c.q1 : (k + 1) * c.q1], c.x_w), int(k == c.beats - 1)) for row in x for k in range(c.beats)]
    build(c, tmp_path, beats, len(expected), files)

    accepts, outs, bad = simulate(tmp_path, 1, 0, 0)
    assert bad == 0
    assert [(data, last) for _, data, last in outs] == expected
    planned_in, planned_out = schedule(c, frames)
    # The clock printed is the one that ends with the edge; the bench starts some clocks after reset.
    assert [clock - accepts[0] for clock in accepts] == planned_in[: len(accepts)]
    assert [clock - accepts[0] for clock, _, _ in outs] == planned_out

    for idle, stall in ((50, 0), (0, 50), (90, 0), (0, 90), (50, 50), (85, 85)):
        _, outs, bad = simulate(tmp_path, 7 + idle + stall, idle, stall)
        assert bad == 0 and [(data, last) for _, data, last in outs] == expected, (idle, stall)


def test_resynchronises(tmp_path: Path) -> None:
    """Frames too short and too long: zeros are filled in, the rest is dropped, the others are right, the flag stays."""
    c = CHAINS[2]
    rng = np.random.default_rng(5)
    files, x, _ = network(c, rng, 9)
    sizes = [c.beats, c.beats - 1, c.beats, c.beats + 2, c.beats, 1, 2 * c.beats, c.beats, c.beats]
    beats, seen = [], []
    for row, size in zip(x, sizes, strict=True):
        frame = [pack(row[k * c.q1 : (k + 1) * c.q1], c.x_w) if k < c.beats else 3 for k in range(size)]
        beats += [(data, int(k == size - 1)) for k, data in enumerate(frame)]
        kept = row.copy()
        kept[min(size, c.beats) * c.q1 :] = 0
        seen.append(kept)
    whole, _, _ = network(c, np.random.default_rng(5), 9)
    assert whole == files
    expected = expected_of(c, np.random.default_rng(5), np.array(seen))
    build(c, tmp_path, beats, len(expected), files)
    for idle, stall in ((0, 0), (60, 0), (0, 60), (50, 50)):
        _, outs, bad = simulate(tmp_path, 3 + idle + stall, idle, stall)
        assert bad == 1 and [(data, last) for _, data, last in outs] == expected


def expected_of(c: Chain, rng: np.random.Generator, x: np.ndarray) -> list[tuple[int, int]]:
    """Output beats of other inputs through the network that `rng` makes."""

    class Fixed:
        calls = 0

        def integers(self, low: int, high: int, shape: object) -> np.ndarray:
            self.calls += 1
            drawn = rng.integers(low, high, shape)
            return x if self.calls == 5 else drawn

    return network(c, Fixed(), len(x))[2]  # type: ignore[arg-type]


def test_cocotb_axi(tmp_path: Path) -> None:
    """The ports as a third party's AXI4-Stream models see them, with pauses on both sides."""
    pytest.importorskip("cocotb")
    pytest.importorskip("cocotbext.axi")
    tool("iverilog")
    c = CHAINS[0]
    files, x, expected = network(c, np.random.default_rng(11), 12)
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    beats = [[pack(row[k * c.q1 : (k + 1) * c.q1], c.x_w) for k in range(c.beats)] for row in x]
    (tmp_path / "stimulus.txt").write_text(repr((beats, [data for data, _ in expected], c.out_beats)))
    script = f"""
from pathlib import Path
from cocotb_tools.runner import get_runner
from cocotb_tools.check_results import get_results
sources = sorted(Path({str(RTL)!r}).glob("*.v")) + [Path({str(HERE / "rtl" / "chain.v")!r})]
runner = get_runner("icarus")
runner.build(sources=sources, hdl_toplevel="chain", build_dir=str(Path("build").resolve()), parameters={c.params()!r}, includes=[str(Path().resolve())], timescale=("1ns", "1ps"), always=True)
xml = runner.test(hdl_toplevel="chain", test_module="stream_bench", build_dir=str(Path("build").resolve()), test_dir=str(Path().resolve()), results_xml=str(Path("results.xml").resolve()))
total, failed = get_results(xml)
raise SystemExit(0 if total > 0 and failed == 0 else 1)
"""
    env = {**os.environ, "PYTHONPATH": str(HERE), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False, env=env
    )
    assert ran.returncode == 0, (ran.stdout + ran.stderr)[-3000:]
