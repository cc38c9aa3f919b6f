# SPDX-License-Identifier: Apache-2.0
"""Run the bench of a build directory on a Verilog simulator and say what differs."""

import json
import shutil
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from hwcompress.errors import BadInput, ToolFailed
from hwcompress.verify import tools
from hwcompress.verify.bench import BenchSpec, changed_memories, read_spec
from hwcompress.verify.vectors import Frames, stored_frames
from hwcompress.verify.workshop import Workshop

Simulator = Literal["verilator", "icarus"]
PAUSED = {"verilator": 64, "icarus": 6}  # frames of each run with random pauses, at most
FRAMES = 1000  # simulated where the user says nothing: of 100 many a weight with its last bit wrong would pass
FEW = {False: 50, True: 20}  # on Icarus; brief
LONG = 500  # cycles a frame, from which Icarus (milliseconds a clock) runs fewer frames in all checks but the first
SECONDS = 7200.0  # limit of one simulation
# Tables of reuse-1 rows are long parameters: Verilator's limit for a number is 64 Kbit unless told.
VERILATED = ["-Wno-fatal", "--x-initial", "unique", "-O3", "--max-num-width", str(1 << 22)]
CHECKS = ("full_speed", "random_pauses", "frame_alone", "reset_in_flight", "protocol")


@dataclass(frozen=True, slots=True)
class Verification:
    """What a bench found. `mismatches` counts wrong codes and every other failure; zero means equal in all runs."""

    simulator: str
    vectors: int  # frames
    outputs: int  # output codes compared at full speed
    mismatches: int
    latency_cycles: int | None
    interval_cycles: int | None
    failures: tuple[str, ...] = ()  # one text a failed check


def simulate(build: Path, simulator: Simulator, vectors: int | None, waves: bool = False) -> Verification:
    """Simulate BUILD/verilog on `vectors` frames, with and without pauses; a difference is counted, never raised."""
    if simulator not in PAUSED or (vectors is not None and vectors < 1):
        raise BadInput(f"simulate: verilator or icarus and at least 1 vector wanted, {simulator}, {vectors} found")
    tools.verilator() if simulator == "verilator" else tools.icarus()
    spec, _ = read_spec(build / "bench")
    vectors = vectors or (FEW[_brief(spec, simulator)] if simulator == "icarus" else FRAMES)
    frames = stored_frames(build, vectors)
    here = build.resolve() / "bench" / f"run_{simulator}"
    shutil.rmtree(here, ignore_errors=True)
    here.mkdir(parents=True)
    for memory in sorted((build / "verilog").glob("*.mem")):
        (here / memory.name).symlink_to(memory.resolve())
    folder = _executable(build.resolve(), simulator, frames.stored, waves, here)
    found = _run(build.resolve(), spec, simulator, min(vectors, frames.stored), frames, folder, waves)
    changed = changed_memories(build)
    texts = tuple(f"verilog/{name}: other contents than were emitted" for name in changed)
    return replace(found, mismatches=found.mismatches + len(changed), failures=found.failures + texts)


def _executable(build: Path, simulator: Simulator, frames: int, waves: bool, here: Path) -> Path:
    """The folder of the compiled simulation: one for each content, shared by all builds of this user."""
    bench = build / "bench"
    sources = sorted((build / "verilog").glob("*.v"))
    if not sources:
        raise BadInput(f"{build / 'verilog'}: Verilog files wanted, none found. Try: compile with --backend verilog")
    capacity = 1 << max(4, (frames - 1).bit_length())
    harness = [bench / "hwc_harness.v", bench / "hwc_bench.vh", bench / "hwc_harness.vlt"]
    fast = simulator == "verilator"
    job: dict[str, Any] = {
        "action": "build",
        "simulator": simulator,
        "defines": {"HWC_FRAMES": capacity},
        "build_args": VERILATED if fast else ["-g2005"],
        "waves": waves,
    }
    workshop = Workshop(simulator, waves)
    key = workshop.key(job, [*sources, *harness])

    def make(folder: Path) -> None:
        place = folder / "source"  # plain names: tools trip over quotes in a user's path, and keep it in what they make
        place.mkdir()
        for path in (*sources, *harness):
            shutil.copyfile(path, place / path.name)
        used = [str(place / path.name) for path in (*sources, harness[0], *([harness[2]] if fast else []))]
        where = {"folder": str(folder), "sources": used, "includes": [str(place)]}
        _child(job | where, here, f"{simulator} build of {build.name}")

    return workshop.folder(key, make)


def _run(
    build: Path, spec: BenchSpec, simulator: Simulator, vectors: int, frames: Frames, folder: Path, waves: bool
) -> Verification:
    here = build / "bench" / f"run_{simulator}"
    brief = _brief(spec, simulator)
    plan = {
        "spec": asdict(spec),
        "stored": frames.stored,
        "vectors": vectors,
        "paused": min(vectors, 2 if brief else PAUSED[simulator]),
        "brief": brief,
        "seed": 1,
        "stimulus": str(frames.stimulus),
        "expected": str(frames.expected),
        "results": str(here / "results.json"),
    }
    (here / "run.json").write_text(json.dumps(plan, indent=2))
    (here / "hwc_stimulus.mem").symlink_to(frames.stimulus)
    (here / "hwc_expected.mem").symlink_to(frames.expected)
    job = {
        "action": "test",
        "simulator": simulator,
        "folder": str(folder),
        "bench": str(build / "bench"),
        "cwd": str(here),
        "plusargs": [f"+frames={frames.stored}", "+stimulus=hwc_stimulus.mem", "+expected=hwc_expected.mem"],
        "seed": 1,
        "waves": waves,
    }
    try:
        _child(job, here, f"{simulator} run of {build.name}", {"HWC_BENCH_RUN": str(here / "run.json")})
    except ToolFailed:
        if not _failed(here):  # a failed check ends the simulator with a status too
            raise
    return _verdict(here, simulator, vectors, vectors * spec.output.elements)


def _brief(spec: BenchSpec, simulator: Simulator) -> bool:
    return simulator == "icarus" and spec.interval_cycles > LONG


def _child(job: dict[str, Any], here: Path, what: str, extra: dict[str, str] | None = None) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".json", dir=here, delete=False) as file:
        json.dump(job, file)
    env = tools.environment() | (extra or {})
    command = [sys.executable, "-P", str(Path(__file__).with_name("cocotb_run.py")), file.name]
    tools.call(command, here / f"{job['action']}.log", what, SECONDS, here, env)
    Path(file.name).unlink()


def _records(here: Path) -> dict[str, dict[str, Any]]:
    path = here / "results.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def _failed(here: Path) -> bool:
    return any(record["failures"] for record in _records(here).values())


def _verdict(here: Path, simulator: str, vectors: int, outputs: int) -> Verification:
    records = _records(here)
    if not _failed(here) and set(records) != set(CHECKS):
        log = here / "test.log"
        missing = ", ".join(name for name in CHECKS if name not in records)
        raise ToolFailed(
            f"{simulator}: check {missing} ended without a result. Log: {log}, its end:\n{tools.tail(log)}"
        )
    times = records.get("full_speed", {}).get("times", {})
    failures = tuple(text for record in records.values() for text in record["failures"])
    wrong = sum(record["mismatches"] for record in records.values())
    return Verification(
        simulator=simulator,
        vectors=vectors,
        outputs=outputs,
        mismatches=wrong or len(failures),
        latency_cycles=times.get("latency_cycles"),
        interval_cycles=times.get("interval_cycles"),
        failures=failures,
    )
