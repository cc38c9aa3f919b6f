# SPDX-License-Identifier: Apache-2.0
"""After a difference: simulate the first wrong frame again with a tap on every layer, and name what is wrong first.

Frames do not depend on each other, so the frame alone is tried first; if it is right, the check that failed runs again.
The codes that are due come from model.fixed.onnx, so a build directory is all that it takes.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hwcompress.errors import HwcError, ToolFailed, quote
from hwcompress.ir.fixed import Codes
from hwcompress.verify.bench import PortSpec, read_words, unpack
from hwcompress.verify.running import Bench, Records, failed, run_folder
from hwcompress.verify.tapped import SEEN, Look, first_difference, output_wrong, read_seen, write_sources
from hwcompress.verify.vectors import onnx_values

BEYOND = 16  # frames sent behind the wrong one when a run is repeated
LIMIT = 300  # characters of a reason


def locate(bench: Bench, records: Records) -> tuple[str, ...]:
    """A text that names the first wrong frame, layer and element; none where no codes differ. Never raises."""
    wrong = [(check, record["first"]) for check, record in records.items() if record.get("first")]
    if not wrong or not bench.spec.taps:
        return ()
    check, first = wrong[0]
    try:
        return (_located(replace(bench, waves=False), check, first),)
    except HwcError as error:
        reason = str(error).splitlines()[0]
    except Exception as error:  # noqa: BLE001 (whatever goes wrong here, the difference itself must be told)
        reason = quote(f"{type(error).__name__}: {error}", LIMIT)
    return (f"first wrong layer: not found ({reason[:LIMIT]})",)


def _located(bench: Bench, check: str, first: dict[str, Any]) -> str:
    frame, stored = int(first["frame"]), bench.frames.stored
    alone = Look(frame, _due(bench, frame))
    if found := _tapped(bench, "alone", "frame_alone", (1, 0, 2), [alone], alone=[frame]):
        return found
    run, offset, frames = int(first["run"]), int(first["offset"]), int(first["frames"])
    if not run:
        return f"first wrong layer: not found (frame {frame} is right alone, wrong in {check})"
    end = offset + 1 if frames <= stored else frames
    looks = [replace(alone, offset=k, alone=False) for k in range(offset, end, stored)]
    vectors = min(bench.vectors, offset + 1 + BEYOND)
    if found := _tapped(bench, "again", check, (run, offset, end), looks, vectors=vectors):
        return f"{found}; right alone, wrong in {check}"
    return f"first wrong layer: not found (frame {frame} is right when simulated again, alone and in {check})"


def _due(bench: Bench, frame: int) -> list[Codes]:
    """Codes of the input port and every layer in a frame [elements]."""
    spec = bench.spec
    x = _stored(bench.frames.stimulus, spec.input, frame)
    names = [tap.value for tap in spec.taps if tap.layer]
    y, *values = onnx_values(bench.build / "model.fixed.onnx", spec, x, names)
    if (y != _stored(bench.frames.expected, spec.output, frame)).any():
        raise ToolFailed(f"frame {frame}: model.fixed.onnx gives other codes than the bench expects")
    layers = iter(values)
    return [(next(layers) if tap.layer else x)[0] for tap in spec.taps]


def _stored(path: Path, port: PortSpec, frame: int) -> Codes:
    """A frame of a memory file [1, elements]."""
    return unpack(read_words(path, (frame + 1) * port.beats)[frame * port.beats :], port)


def _tapped(
    bench: Bench, name: str, check: str, window: tuple[int, int, int], looks: Sequence[Look], **changes: Any
) -> str:
    """Run a check around the tapped design in a folder of this name; what is wrong first.

    window: run of the test that is watched, its first frame, the frame after the last.
    """
    here = run_folder(bench.build, bench.simulator) / name
    bench.prepare(here)
    header, sources = write_sources(bench.spec, here)
    folder = bench.executable(here, header, sources)
    plusargs = [f"+tap_{key}={value}" for key, value in zip(("run", "from", "to"), window, strict=True)]
    records = bench.run(folder, here, check, plusargs, **changes)
    seen = read_seen(here / SEEN, len(bench.spec.taps))
    texts = (first_difference(bench.spec.taps, seen, look) for look in looks)
    return next(filter(None, texts), output_wrong(looks[0].frame) if failed(records) else "")
