# SPDX-License-Identifier: Apache-2.0
"""Run the bench of a build directory on a Verilog simulator and say what differs."""

from dataclasses import dataclass, replace
from pathlib import Path

from hwcompress.errors import BadInput, ToolFailed
from hwcompress.verify import tools
from hwcompress.verify.bench import changed_contents, read_spec
from hwcompress.verify.locate import locate
from hwcompress.verify.running import PAUSED, Bench, Records, Simulator, brief, failed, run_folder, waves_file
from hwcompress.verify.vectors import stored_frames

FRAMES = 1000  # simulated where the user says nothing: of 100 many a weight with its last bit wrong would pass
FEWEST = 8  # frames, however large
CODES = 1 << 24  # of all these frames together
FEW = {False: 50, True: 20}  # on Icarus; brief
CHECKS = ("full_speed", "random_pauses", "frame_alone", "reset_in_flight", "protocol")


def usual_frames(elements: int) -> int:
    """Frames where the user does not say how many; `elements`: in and out, of one frame."""
    return max(FEWEST, min(FRAMES, CODES // elements))


@dataclass(frozen=True, slots=True)
class Verification:
    """What a bench found. `mismatches` counts wrong codes and every other failure; zero means equal in all runs."""

    simulator: str
    vectors: int  # frames
    outputs: int  # output codes compared at full speed
    mismatches: int
    latency_cycles: int | None
    interval_cycles: int | None
    failures: tuple[str, ...] = ()  # the first wrong layer, then a text for all that failed


def simulate(build: Path, simulator: Simulator, vectors: int | None, waves: bool = False) -> Verification:
    """Simulate BUILD/verilog on `vectors` frames, with and without pauses; a difference is counted, never raised."""
    if simulator not in PAUSED or (vectors is not None and vectors < 1):
        raise BadInput(f"simulate: verilator or icarus and at least 1 vector wanted, {simulator}, {vectors} found")
    tools.verilator() if simulator == "verilator" else tools.icarus()
    spec, _ = read_spec(build / "bench")
    usual = usual_frames(spec.input.elements + spec.output.elements)
    vectors = vectors or (min(FEW[brief(spec, simulator)], usual) if simulator == "icarus" else usual)
    frames = stored_frames(build, vectors)
    bench = Bench(build.resolve(), spec, simulator, frames, min(vectors, frames.stored), waves)
    here = run_folder(bench.build, simulator)
    bench.prepare(here)
    records = bench.run(bench.executable(here), here)
    found = _verdict(bench, records, here)
    if waves and not waves_file(build, simulator).is_file():
        raise ToolFailed(f"{simulator}: the waveform {waves_file(build, simulator)} wanted, none found")
    changed = [f"verilog/{name}: other constants than were emitted" for name in changed_contents(build)]
    texts = (*locate(bench, records), *changed, *found.failures)
    return replace(found, mismatches=found.mismatches + len(changed), failures=texts)


def _verdict(bench: Bench, records: Records, here: Path) -> Verification:
    if not failed(records) and set(records) != set(CHECKS):
        log = here / "test.log"
        missing = ", ".join(name for name in CHECKS if name not in records)
        raise ToolFailed(
            f"{bench.simulator}: check {missing} ended without a result. Log: {log}, its end:\n{tools.tail(log)}"
        )
    times = records.get("full_speed", {}).get("times", {})
    failures = tuple(text for record in records.values() for text in record["failures"])
    wrong = sum(record["mismatches"] for record in records.values())
    return Verification(
        simulator=bench.simulator,
        vectors=bench.vectors,
        outputs=bench.vectors * bench.spec.output.elements,
        mismatches=wrong or len(failures),
        latency_cycles=times.get("latency_cycles"),
        interval_cycles=times.get("interval_cycles"),
        failures=failures,
    )
