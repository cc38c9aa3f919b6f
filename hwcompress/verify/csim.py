# SPDX-License-Identifier: Apache-2.0
"""Compile the HLS C++ of a build directory with g++ and compare its codes with the expected ones."""

from pathlib import Path

import numpy as np

from hwcompress.errors import BadInput
from hwcompress.ir.fixed import Codes
from hwcompress.verify import tools
from hwcompress.verify.bench import BenchSpec, read_spec, read_words, unpack
from hwcompress.verify.simulate import Verification, usual_frames
from hwcompress.verify.vectors import stored_frames

SECONDS = 900.0  # limit of the compiler, and of the run


def csim(build: Path, vectors: int | None) -> Verification:
    """Run BUILD/hls on `vectors` frames; C simulation knows no clock, so there are no cycles."""
    if vectors is not None and vectors < 1:
        raise BadInput(f"csim: at least 1 vector wanted, {vectors} found")
    compiler, headers = tools.cxx(), tools.ap_types()
    hls = build.resolve() / "hls"
    sources = sorted(hls.glob("*.cpp"))
    if not sources:
        raise BadInput(f"{hls}: C++ sources wanted, none found. Try: compile with --backend hls or both")
    spec, _ = read_spec(build / "bench")
    vectors = vectors or usual_frames(spec.input.elements + spec.output.elements)
    frames = stored_frames(build, vectors)
    here = build.resolve() / "bench" / "run_csim"
    here.mkdir(parents=True, exist_ok=True)
    program, out = here / "csim", here / "out.mem"
    out.unlink(missing_ok=True)
    flags = ["-std=c++17", "-O1", "-w", f"-I{headers}", f"-I{hls}", f"-I{hls / 'csim'}"]
    what = f"csim of {build.name}"
    tools.call([compiler, *flags, *map(str, sources), "-o", str(program)], here / "build.log", what, SECONDS, hls)
    run = [str(program), str(frames.stimulus), str(out), str(vectors)]
    tools.call(run, here / "run.log", what, SECONDS, hls)
    return compare(spec, out, frames.expected, vectors)


def compare(spec: BenchSpec, out: Path, expected: Path, vectors: int) -> Verification:
    """Count the wrong codes of a memory file; a missing frame is wrong in all its codes."""
    due = unpack(read_words(expected, vectors * spec.output.beats), spec.output)
    words = out.read_text().split() if out.is_file() else []
    whole = min(vectors, len(words) // spec.output.beats)
    got = unpack(words[: whole * spec.output.beats], spec.output) if whole else due[:0]
    wrong = int((got != due[:whole]).sum()) + (vectors - whole) * spec.output.elements
    surplus = len(words) - vectors * spec.output.beats
    failures = _failures(got, due, whole, vectors)
    failures += [f"csim: {surplus} beats after the last frame"] if surplus > 0 else []
    return Verification(
        "csim", vectors, vectors * spec.output.elements, wrong or len(failures), None, None, tuple(failures)
    )


def _failures(got: Codes, due: Codes, whole: int, vectors: int) -> list[str]:
    failures: list[str] = []
    if whole < vectors:
        failures.append(f"csim: {vectors} output frames wanted, {whole} found")
    bad = np.argwhere(got != due[:whole])
    if len(bad):
        frame, element = (int(k) for k in bad[0])
        failures.append(
            f"csim: {len(bad)} wrong codes, the first in frame {frame}, element {element}: "
            f"{int(due[frame, element])} wanted, {int(got[frame, element])} found"
        )
    return failures
