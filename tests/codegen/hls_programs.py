# SPDX-License-Identifier: Apache-2.0
"""Many HLS designs in one program: the ap_int headers cost more compiler time than the designs."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hwcompress.codegen.hls import library, render_hls
from hwcompress.engines.base import Stream
from hwcompress.engines.pipeline import Pipeline
from hwcompress.ir.fixed import Codes
from hwcompress.verify import tools
from hwcompress.verify.bench import PortSpec, pack, unpack


@dataclass(frozen=True)
class Program:
    """Compiled designs."""

    path: Path
    pipelines: tuple[Pipeline, ...]

    def run(self, index: int, x: Codes) -> Codes:
        """Codes [frames, elements] of one design."""
        p = self.pipelines[index]
        stimulus, out = self.path.with_suffix(".in"), self.path.with_suffix(".out")
        stimulus.write_text("\n".join(pack(x, port(p.input))) + "\n")
        command = [str(self.path), str(stimulus), str(out), str(len(x)), str(index)]
        subprocess.run(command, check=True, timeout=120)
        return unpack(out.read_text().split(), port(p.output))


def port(stream: Stream) -> PortSpec:
    """How the bench cuts frames into beats."""
    kind = stream.type
    return PortSpec(stream.elements, stream.per_beat, stream.beats, kind.width, kind.signed, stream.tdata_bits)


def build(
    pipelines: Sequence[Pipeline], folder: Path, flags: Sequence[str] = (), texts: Sequence[dict[str, str]] = ()
) -> Program:
    """One program of all designs, each with its own `top`; `texts` are their files where they are not as rendered."""
    rendered = texts or [render_hls(p) for p in pipelines]
    write(library(), folder)
    for p, files in zip(pipelines, rendered, strict=True):
        write({n: t for n, t in files.items() if n.count("/") == 1}, folder / p.top)
    parts = [f'#include "hls/hwc/{name}"' for name in sorted(p.name for p in (folder / "hls" / "hwc").glob("*.h"))]
    parts += ['#include "hls/csim/frames.h"']
    parts += [f'namespace design_{k} {{\n#include "{p.top}/hls/top.cpp"\n}}' for k, p in enumerate(pipelines)]
    parts += ["int main(int argc, char** argv) {", "  switch (std::atoi(argv[4])) {"]
    for k, p in enumerate(pipelines):
        top = f"design_{k}::{p.top}"
        parts.append(f"    case {k}: return hwc::run_frames({top}, {top}_in_beats, {top}_out_beats, 4, argv);")
    parts += ["  }", "  return 9;", "}", ""]
    write({"main.cpp": "\n".join(parts)}, folder)
    compile_cpp(["main.cpp"], folder, [*flags, "-DAP_INT_MAX_W=4096"])
    return Program(folder / "csim", tuple(pipelines))


def write(files: dict[str, str], folder: Path) -> None:
    """Files by relative name."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def compile_cpp(sources: Sequence[str], folder: Path, flags: Sequence[str] = ()) -> None:
    """As a user would: the flags of `hwcompress simulate --csim`."""
    command = [tools.cxx(), "-std=c++17", "-O1", "-w", f"-I{tools.ap_types()}", "-Ihls", "-Ihls/csim", *flags]
    run = subprocess.run(
        [*command, *sources, "-o", "csim"], cwd=folder, check=False, capture_output=True, text=True, timeout=600
    )
    assert run.returncode == 0, run.stderr[:4000]
