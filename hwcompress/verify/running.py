# SPDX-License-Identifier: Apache-2.0
"""Compile and start the bench of a build directory on a Verilog simulator; what it recorded."""

import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from hwcompress.errors import BadInput, ToolFailed
from hwcompress.verify import tools
from hwcompress.verify.bench import BenchSpec
from hwcompress.verify.vectors import Frames
from hwcompress.verify.workshop import Workshop

Simulator = Literal["verilator", "icarus"]
Records = dict[str, dict[str, Any]]  # what each check of the bench recorded
PAUSED = {"verilator": 64, "icarus": 6}  # frames of each run with random pauses, at most
WAVES = {"verilator": "waves.vcd", "icarus": "waves.fst"}
LONG = 500  # cycles a frame, from which Icarus (milliseconds a clock) runs fewer frames in all checks but the first
SECONDS = 7200.0  # limit of one simulation
# Tables of reuse-1 rows are long parameters: Verilator's limit for a number is 64 Kbit unless told.
VERILATED = ["-Wno-fatal", "--x-initial", "unique", "-O3", "--max-num-width", str(1 << 22)]


def brief(spec: BenchSpec, simulator: Simulator) -> bool:
    """Whether only the first check runs on all frames."""
    return simulator == "icarus" and spec.interval_cycles > LONG


def run_folder(build: Path, simulator: str) -> Path:
    """Where a simulator runs and leaves its logs, and the waveform if one is asked for."""
    return build / "bench" / f"run_{simulator}"


def waves_file(build: Path, simulator: str) -> Path:
    """Where --waves writes."""
    return run_folder(build, simulator) / WAVES[simulator]


@dataclass(frozen=True)
class Bench:
    """The bench of a build directory on one simulator."""

    build: Path  # absolute
    spec: BenchSpec
    simulator: Simulator
    frames: Frames
    vectors: int  # frames at full speed
    waves: bool = False

    def prepare(self, here: Path) -> None:
        """An empty folder that holds the memories."""
        shutil.rmtree(here, ignore_errors=True)
        here.mkdir(parents=True)
        for memory in sorted((self.build / "verilog").glob("*.mem")):
            (here / memory.name).symlink_to(memory.resolve())
        (here / "hwc_stimulus.mem").symlink_to(self.frames.stimulus)
        (here / "hwc_expected.mem").symlink_to(self.frames.expected)

    def executable(self, here: Path, header: Path | None = None, more: Sequence[Path] = ()) -> Path:
        """The folder of the compiled simulation: one for each content, shared by all builds of this user.

        `header` stands in for the bench's hwc_bench.vh; `more` are sources beside those of the build.
        """
        bench = self.build / "bench"
        sources = sorted((self.build / "verilog").glob("*.v"))
        if not sources:
            raise BadInput(
                f"{self.build / 'verilog'}: Verilog files wanted, none found. Try: compile with --backend verilog"
            )
        sources += more
        capacity = 1 << max(4, (self.frames.stored - 1).bit_length())
        harness = [bench / "hwc_harness.v", header or bench / "hwc_bench.vh", bench / "hwc_harness.vlt"]
        fast = self.simulator == "verilator"
        job: dict[str, Any] = {
            "action": "build",
            "simulator": self.simulator,
            "defines": {"HWC_FRAMES": capacity},
            "build_args": VERILATED if fast else ["-g2005"],
            "waves": self.waves,
        }
        workshop = Workshop(self.simulator, self.waves)
        key = workshop.key(job, [*sources, *harness])

        def make(folder: Path) -> None:
            place = folder / "source"  # plain names: tools trip over quotes in a path, and keep it in what they make
            place.mkdir()
            for path in (*sources, *harness):
                shutil.copyfile(path, place / path.name)
            used = [str(place / path.name) for path in (*sources, harness[0], *([harness[2]] if fast else []))]
            where = {"folder": str(folder), "sources": used, "includes": [str(place)]}
            self._child(job | where, here)

        return workshop.folder(key, make)

    def run(self, folder: Path, here: Path, check: str = "", plusargs: Sequence[str] = (), **changes: Any) -> Records:
        """Run all checks, or one; `changes` to the plan of the bench. What was recorded.

        Raises:
            ToolFailed: the simulator failed, and no check did.
        """
        few = brief(self.spec, self.simulator)
        plan = {
            "spec": asdict(self.spec),
            "stored": self.frames.stored,
            "vectors": self.vectors,
            "paused": min(self.vectors, 2 if few else PAUSED[self.simulator]),
            "brief": few,
            "seed": 1,
            "stimulus": str(self.frames.stimulus),
            "expected": str(self.frames.expected),
            "results": str(here / "results.json"),
        }
        (here / "run.json").write_text(json.dumps(plan | changes, indent=2))
        memories = [f"+frames={self.frames.stored}", "+stimulus=hwc_stimulus.mem", "+expected=hwc_expected.mem"]
        job = {
            "action": "test",
            "simulator": self.simulator,
            "folder": str(folder),
            "bench": str(self.build / "bench"),
            "cwd": str(here),
            "plusargs": [*memories, *plusargs],
            "check": check or None,
            "seed": 1,
            "waves": WAVES[self.simulator] if self.waves else None,
        }
        try:
            self._child(job, here, {"HWC_BENCH_RUN": str(here / "run.json")})
        except ToolFailed:
            if not failed(read(here)):  # a failed check ends the simulator with a status too
                raise
        return read(here)

    def _child(self, job: dict[str, Any], here: Path, extra: dict[str, str] | None = None) -> None:
        with tempfile.NamedTemporaryFile("w", suffix=".json", dir=here, delete=False) as file:
            json.dump(job, file)
        env = tools.environment() | (extra or {})
        command = [sys.executable, "-P", str(Path(__file__).with_name("cocotb_run.py")), file.name]
        what = f"{self.simulator} {'build' if job['action'] == 'build' else 'run'} of {self.build.name}"
        tools.call(command, here / f"{job['action']}.log", what, SECONDS, here, env)
        Path(file.name).unlink()


def read(here: Path) -> Records:
    """What the checks recorded in their folder."""
    path = here / "results.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def failed(records: Records) -> bool:
    """Whether a check found a difference."""
    return any(record["failures"] for record in records.values())
