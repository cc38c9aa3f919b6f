# SPDX-License-Identifier: Apache-2.0
"""cocotb tests of one whole design inside hwc_harness. `hwcompress simulate` builds, starts and reads them.

HWC_BENCH_RUN names a JSON file: {"spec", "stored", "vectors", "paused", "brief", "seed", "expected", "stimulus",
"results"}; brief: all checks with fewer frames, for slow simulators; perhaps "alone": the frames to send alone.
Every test adds its record to the results file: {"codes", "mismatches", "failures": [text, ...], ...}.
"""

import itertools
import json
import os
import random
from collections.abc import Callable, Coroutine, Iterator
from functools import wraps
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, FallingEdge, RisingEdge, SimTimeoutError, with_timeout
from cocotbext.axi import AxiStreamBus, AxiStreamFrame, AxiStreamSink, AxiStreamSource

PERIOD = 10  # ns
RUN: dict[str, Any] = json.loads(Path(os.environ["HWC_BENCH_RUN"]).read_text())
SPEC: dict[str, Any] = RUN["spec"]
IN, OUT = SPEC["input"], SPEC["output"]
AXIS = SPEC["interface"] == "axis"
TURN = SPEC["latency_cycles"] + SPEC["interval_cycles"]
BRIEF = bool(RUN.get("brief"))
TIMED = 12  # frames that make an interval measurement
KEPT = 256  # frames whose times the harness keeps
PAUSES = ((64, 0, 64, 0), (200, 3, 30, 0), (20, 0, 200, 7), (8, 255, 8, 255))  # source n/256, dwell; sink n/256, dwell
RECORDS: dict[str, dict[str, Any]] = {}
BASES: list[int] = []  # first frame of each run of the present test


class Record:
    """What one test found."""

    def __init__(self) -> None:
        self.codes = 0
        self.mismatches = 0
        self.failures: list[str] = []
        self.times: dict[str, int] = {}
        self.first: dict[str, int] | None = None  # the first wrong frame


def check(body: Callable[[Any, Record], Coroutine[Any, Any, None]]) -> Any:
    """A cocotb test that records what it found; after a failure the tests that follow do not run."""

    @wraps(body)
    async def wrapper(dut: Any) -> None:
        if any(record["failures"] for record in RECORDS.values()):
            return
        record = Record()
        BASES.clear()
        await body(dut, record)
        RECORDS[body.__name__] = vars(record)
        Path(RUN["results"]).write_text(json.dumps(RECORDS, indent=2))
        assert not record.failures, "; ".join(record.failures)

    return cocotb.test()(wrapper)


async def start(dut: Any) -> None:
    dut.run.value = 0
    dut.manual.value = 0
    dut.stored.value = RUN["stored"]
    dut.seed.value = RUN["seed"]
    dut.limit.value = 4 * TURN + 4096
    dut.drain.value = min(TURN + 64, 20_000)
    dut.spacing.value = 0 if AXIS else SPEC["interval_cycles"]
    cocotb.start_soon(Clock(dut.aclk, PERIOD, unit="ns").start())
    await reset(dut)


async def reset(dut: Any) -> None:
    dut.run.value = 0
    dut.aresetn.value = 0
    await ClockCycles(dut.aclk, 4)
    await FallingEdge(dut.aclk)
    dut.aresetn.value = 1


async def begin(dut: Any, frames: int, base: int = 0, pauses: tuple[int, ...] = (0, 0, 0, 0)) -> None:
    """Let the harness send `frames` frames."""
    BASES.append(base % RUN["stored"])
    dut.run.value = 0
    dut.base.value = BASES[-1]  # taken over while no run is under way
    await ClockCycles(dut.aclk, 2)
    await FallingEdge(dut.aclk)
    dut.frames.value = frames
    dut.source_pause.value, dut.source_dwell.value, dut.sink_pause.value, dut.sink_dwell.value = pauses
    dut.run.value = 1


async def finish(dut: Any, record: Record, what: str) -> None:
    """Wait for the harness and take over its counts."""
    await RisingEdge(dut.done)
    await FallingEdge(dut.aclk)
    frames, seen = int(dut.frames.value), int(dut.seen.value)
    lost = frames * OUT["elements"] - seen * OUT["elements"]
    record.codes += frames * OUT["elements"]
    record.mismatches += int(dut.mismatches.value) + lost
    record.failures += [f"{what}: {text}" for text in _complaints(dut, frames, seen)]
    record.first = record.first or _first_wrong(dut, frames, seen)


def _first_wrong(dut: Any, frames: int, seen: int) -> dict[str, int] | None:
    """The first frame whose beats are wrong, too few or too many: where it is stored, which one it is of which run."""
    stored, base = RUN["stored"], BASES[-1]
    if dut.wrong.value:
        offset = (int(dut.wrong_frame.value) - base) % stored  # or a multiple of `stored` later
    elif dut.hang.value or dut.surplus.value:
        offset = min(seen, frames - 1)
    else:
        return None
    return {"frame": (base + offset) % stored, "run": len(BASES), "offset": offset, "frames": frames}


def _complaints(dut: Any, frames: int, seen: int) -> Iterator[str]:
    if dut.hang.value:
        yield f"no progress after {seen} of {frames} output frames, {int(dut.taken.value)} input frames begun"
    if dut.wrong.value:
        yield (
            f"first wrong beat: frame {int(dut.wrong_frame.value)}, beat {int(dut.wrong_beat.value)}, "
            f"tdata {dut.wrong_data.value!s:.200}"
        )
    texts = {
        "mismatches": "wrong codes",
        "padding": "beats whose padding is not zero",
        "tlast_errors": "beats with a wrong tlast",
        "surplus": "beats after the last frame",
        "unstable": "clocks in which a waiting output beat changed",
        "unknown": "clocks with an unknown handshake",
        "error_seen": "frame_error raised by good frames",
    }
    for name, text in texts.items():
        if count := int(getattr(dut, name).value):
            yield f"{count} {text}"


def interval(out: list[int]) -> int | None:
    """Largest distance of successive frames once the distances repeat; the first two frames do not count."""
    steps = [b - a for a, b in itertools.pairwise(out)][1:]
    for begin_at in range(len(steps) - 3):
        tail = steps[begin_at:]
        if any(tail[p:] == tail[:-p] for p in range(1, len(tail) // 2 + 1)):
            return max(tail)
    return None


@check
async def full_speed(dut: Any, record: Record) -> None:
    """Source always valid, sink always ready: all codes, latency and interval."""
    await start(dut)
    frames = max(RUN["vectors"], TIMED)
    await begin(dut, frames)
    await finish(dut, record, "full speed")
    kept = range(min(frames, KEPT))
    if not record.failures:
        out = [int(dut.time_out[k].value) for k in kept]
        record.times["latency_cycles"] = out[0] - int(dut.time_in[0].value)
        steady = interval(out)
        if steady is None:
            record.failures.append(f"full speed: the distance of frames does not repeat within {len(out)} frames")
        else:
            record.times["interval_cycles"] = steady


@check
async def random_pauses(dut: Any, record: Record) -> None:
    """Random idle at the source, random back-pressure at the sink."""
    await start(dut)
    for k, pauses in enumerate(PAUSES):
        dut.seed.value = RUN["seed"] + 77 * k
        await begin(dut, RUN["paused"], base=k * RUN["paused"], pauses=pauses)
        await finish(dut, record, f"pauses {pauses}")


@check
async def frame_alone(dut: Any, record: Record) -> None:
    """A frame's results come out without any beat of the next frame, each time."""
    await start(dut)
    for k in RUN.get("alone") or range(1 if BRIEF else 3):
        await begin(dut, 1, base=k)
        await finish(dut, record, f"frame {k} alone")


@check
async def reset_in_flight(dut: Any, record: Record) -> None:
    """A reset at any moment leaves nothing behind."""
    await start(dut)
    blocked = (0, 0, 256, 0)
    moments = (
        (2, PAUSES[0]),
        (1 + IN["beats"] // 2 + 1, (0, 0, 0, 0)),
        (TURN // 2 + 1, PAUSES[0]),
        (2 * TURN, blocked),
    )
    for clocks, pauses in moments[1:3] if BRIEF else moments:
        await begin(dut, 4, pauses=pauses)
        await ClockCycles(dut.aclk, clocks)
        await reset(dut)
        await begin(dut, 1 if BRIEF else 2, base=1)
        await finish(dut, record, f"after a reset in clock {clocks}")


@check
async def protocol(dut: Any, record: Record) -> None:
    """Frames from an independent AXI4-Stream source to an independent sink, good ones and ill-framed ones."""
    if not AXIS:
        return
    rng = random.Random(RUN["seed"])
    words = min(RUN["stored"], 16)
    sent = _frames(Path(RUN["stimulus"]), IN, words)
    due = _frames(Path(RUN["expected"]), OUT, words)
    await start(dut)
    dut.manual.value = 1
    link = Link(dut, rng, {data: k for k, data in enumerate(sent)})
    await link.pass_on(record, "good frames", [(sent[k % words], due[k % words]) for k in range(2 if BRIEF else 4)])
    if dut.frame_error.value:
        record.failures.append("good frames: frame_error raised")
    mixed: list[tuple[bytes, bytes | None]] = []
    for k in range(1 if BRIEF else 4):
        cut = rng.randrange(1, IN["beats"]) * _octets(IN) if IN["beats"] > 1 else len(sent[0])
        extra = rng.randrange(1, 2 * IN["beats"] + 2) * _octets(IN)
        short, long_ = sent[0][:cut], sent[0] + bytes(rng.randbytes(extra))
        mixed += [(short, None), (sent[k % words], due[k % words]), (long_, None)] * (1 + k % 2)
    good = [(sent[k % words], due[k % words]) for k in range(2)]
    await link.pass_on(record, "ill-framed frames between good ones", mixed + good)
    await link.pass_on(record, "good frames after ill-framed ones", good)
    if not dut.frame_error.value:
        record.failures.append("ill-framed frames: frame_error is not raised, or not sticky")
    await reset(dut)
    await ClockCycles(dut.aclk, 2)
    if dut.frame_error.value:
        record.failures.append("frame_error outlives a reset")


class Link:
    """The design between a source and a sink that pause at random."""

    def __init__(self, dut: Any, rng: random.Random, stored: dict[bytes, int]) -> None:
        self.stored = stored  # number of each frame
        clock = (dut.aclk, dut.aresetn)
        self.source = AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis"), *clock, reset_active_level=False)
        self.sink = AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis"), *clock, reset_active_level=False)
        for end, share in ((self.source, 0.3), (self.sink, 0.4)):
            end.log.setLevel("WARNING")
            end.set_pause_generator(rng.random() < share for _ in itertools.count())

    async def pass_on(self, record: Record, what: str, frames: list[tuple[bytes, bytes | None]]) -> None:
        """Send every frame, demand one output frame for each, compare where the result is known."""
        for data, _ in frames:
            await self.source.send(AxiStreamFrame(data))
        for k, (data, due) in enumerate(frames):
            try:
                got = await with_timeout(self.sink.recv(), (20 * TURN + 20_000) * PERIOD, "ns")
            except SimTimeoutError:
                record.failures.append(f"{what}: output frame {k} of {len(frames)} does not come")
                self._note(record, data)
                return
            if len(got.tdata) != OUT["beats"] * _octets(OUT):
                record.failures.append(f"{what}: output frame {k} has {len(got.tdata)} bytes")
            elif due is not None:
                wrong = _different(bytes(got.tdata), due)
                record.codes += OUT["elements"]
                record.mismatches += wrong
                if wrong:
                    record.failures.append(f"{what}: {wrong} wrong codes in output frame {k}")
                    self._note(record, data)
        await ClockCycles(self.sink.clock, 32)
        if not self.sink.empty():
            record.failures.append(f"{what}: {self.sink.count()} output frames too many")

    def _note(self, record: Record, data: bytes) -> None:
        """A wrong frame, if it is a stored one; of no run of the harness."""
        if record.first is None and data in self.stored:
            record.first = {"frame": self.stored[data], "run": 0, "offset": 0, "frames": 0}


def _octets(port: dict[str, Any]) -> int:
    return port["tdata_bits"] // 8


def _frames(path: Path, port: dict[str, Any], count: int) -> list[bytes]:
    """The first frames of a memory file as the bytes that go over the stream."""
    with path.open() as lines:
        words = [bytes.fromhex(word.strip())[::-1] for word in itertools.islice(lines, count * port["beats"])]
    return [b"".join(words[k : k + port["beats"]]) for k in range(0, len(words), port["beats"])]


def _codes(data: bytes) -> Iterator[int]:
    """The elements of an output frame, as unsigned numbers."""
    step, width = _octets(OUT), OUT["width"]
    for element in range(OUT["elements"]):
        beat, lane = divmod(element, OUT["per_beat"])
        yield (int.from_bytes(data[beat * step : (beat + 1) * step], "little") >> (lane * width)) & ((1 << width) - 1)


def _different(got: bytes, due: bytes) -> int:
    return sum(a != b for a, b in zip(_codes(got), _codes(due), strict=True))
