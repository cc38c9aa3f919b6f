# SPDX-License-Identifier: Apache-2.0
"""Synthesize a build directory with Yosys and count what comes out.

How cells are counted: a LUT1..LUT6 is one LUT, a LUT6_2 two. Distributed RAM and shift registers take the LUT sites of
SITES below. INV, MUXF7, MUXF8 and carry cells are not counted. Every FD* is a flip-flop, a RAMB36 is two RAMB18; ECP5
and iCE40 have blocks of their own, each of which is one. Multipliers are mapped to DSPs freely where the flow can do
that and leave ours alone (not on iCE40), so that a multiplier that we did not place shows up.
"""

import importlib.metadata
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from hwcompress.errors import BadInput, ToolFailed
from hwcompress.hw.flows import synthesis
from hwcompress.verify import pnr, tools
from hwcompress.verify.bench import read_spec

Family = Literal["xcup", "xcu", "xc7", "ecp5", "ice40"]
SECONDS = 3600.0


# LUT sites of a cell that is more than one LUT, or none by name: a LUT holds 64 bits of RAM or 32 of a shift register,
# and every further port of a RAM is a copy. An ECP5 CCU2C is two LUT4 with their carry.
SITES = {
    "LUT6_2": 2,
    "SRL16E": 1,
    "SRLC32E": 1,
    "RAM32X1S": 1,
    "RAM64X1S": 1,
    "RAM128X1S": 2,
    "RAM256X1S": 4,
    "RAM32X1D": 2,
    "RAM64X1D": 2,
    "RAM128X1D": 4,
    "RAM256X1D": 8,
    "RAM32M": 4,
    "RAM64M": 4,
    "RAM32M16": 8,
    "RAM64M8": 8,
    "TRELLIS_DPR16X4": 4,
    "CCU2C": 2,
    "LUT4": 1,
    "SB_LUT4": 1,
} | {f"LUT{k}": 1 for k in range(1, 7)}
FLIP_FLOPS = ("FD", "TRELLIS_FF", "SB_DFF")
BRAM18 = {"RAMB18": 1, "RAMB36": 2, "DP16KD": 1, "PDPW16": 1, "SB_RAM": 1}  # first letters
DSP = ("DSP48E1", "DSP48E2", "MULT18X18D", "SB_MAC16")


@dataclass(frozen=True, slots=True)
class Counts:
    """Resources of one module or of a whole design, and the cells they were counted from."""

    dsp: int
    lut: int
    ff: int
    bram18: int
    cells: dict[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class Synthesis:
    """What synthesis measured. `modules` is filled when the hierarchy was kept."""

    tool: str
    version: str
    family: str
    dsp: int
    lut: int
    ff: int
    bram18: int
    fmax_mhz: float | None
    cells: dict[str, int] = field(default_factory=dict[str, int])
    modules: dict[str, Counts] = field(default_factory=dict[str, Counts])


def count(cells: Mapping[str, int]) -> Counts:
    """Resources that a list of cells stands for."""
    cells = {name: number for name, number in cells.items() if name != "$scopeinfo"}
    lut = sum(number * SITES.get(name, 0) for name, number in cells.items())
    ff = sum(number for name, number in cells.items() if name.startswith(FLIP_FLOPS))
    bram = sum(number * BRAM18.get(name[:6], 0) for name, number in cells.items())
    return Counts(sum(cells.get(name, 0) for name in DSP), lut, ff, bram, dict(sorted(cells.items())))


def synthesize(
    build: Path,
    family: Family = "xcup",
    device: Sequence[str] = (),
    mhz: float = 200.0,
    flatten: bool = True,
    top: str | None = None,
) -> Synthesis:
    """Synthesize BUILD/verilog; place and route it for `mhz` where `device` holds the options of nextpnr for one.

    `flatten` false keeps the hierarchy and counts each distinct module once.
    """
    if device:
        pnr.check(family)
    top = top or read_spec(build / "bench")[0].top
    verilog = build.resolve() / "verilog"
    sources = sorted(path.name for path in verilog.glob("*.v"))
    if not sources:
        raise BadInput(f"{verilog}: Verilog files wanted, none found. Try: compile with --backend verilog")
    log = build.resolve() / "synth.log"
    with tempfile.TemporaryDirectory(prefix="hwcompress-") as place:
        stat = run(verilog, sources, top, family, Path(place), log, flatten)
        fmax = _fmax(build, family, device, mhz, Path(place)) if device else None
    modules = {name: count(cells) for name, cells in stat.items()}
    total = modules[top] if flatten else total_of(stat, top)
    version = importlib.metadata.version("pyosys")
    kept = {} if flatten else modules
    return Synthesis("yosys", version, family, total.dsp, total.lut, total.ff, total.bram18, fmax, total.cells, kept)


def _fmax(build: Path, family: Family, device: Sequence[str], mhz: float, place: Path) -> float:
    """Place and route the build in its wrapper."""
    netlist, wrapped = place / "netlist.json", place / "wrapped"
    wrapped.mkdir()
    sources = pnr.add_wrapper(wrapped, read_spec(build / "bench")[0], build.resolve() / "verilog")
    log = build.resolve() / "pnr.log"
    run(wrapped, sources, pnr.TOP, family, place, log, netlist=netlist)
    return pnr.place_and_route(netlist, family, device, mhz, log)


def script(sources: list[str], top: str, family: Family, flatten: bool, netlist: Path | None = None) -> list[str]:
    """The Yosys commands, to be run in the folder of the sources, where the memory files lie."""
    read = "read_verilog " + " ".join(sources)
    return [read, synthesis(family, top, flatten), *([f"write_json {netlist}"] if netlist else [])]


def run(
    verilog: Path,
    sources: list[str],
    top: str,
    family: Family,
    place: Path,
    log: Path,
    flatten: bool = True,
    netlist: Path | None = None,
) -> dict[str, dict[str, int]]:
    """Cells by type of each module."""
    tools.package("pyosys", "synth")
    stat = place / "stat.json"
    commands = [*script(sources, top, family, flatten, netlist), f"tee -q -o {stat} stat -json"]
    job = place / "commands.json"
    job.write_text(json.dumps(commands))
    child = [sys.executable, str(Path(__file__).with_name("yosys_run.py")), str(job)]
    tools.call(child, log, f"Yosys synthesis of {top}", SECONDS, verilog)
    if not stat.is_file():
        raise ToolFailed(f"Yosys synthesis of {top}: statistics wanted, none found. Log: {log}\n{tools.tail(log)}")
    found: dict[str, Any] = json.loads(stat.read_text())["modules"]
    return {name.removeprefix("\\"): dict(module["num_cells_by_type"]) for name, module in found.items()}


def total_of(stat: Mapping[str, Mapping[str, int]], top: str) -> Counts:
    """Resources of `top` with everything it instantiates."""
    cells: dict[str, int] = {}

    def add(module: str, times: int) -> None:
        for name, number in stat[module].items():
            inner = name.removeprefix("\\")
            if inner in stat:
                add(inner, times * number)
            else:
                cells[name] = cells.get(name, 0) + times * number

    add(top, 1)
    return count(cells)
