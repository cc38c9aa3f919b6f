# SPDX-License-Identifier: Apache-2.0
"""Place and route a build with nextpnr, for the clock frequency that it reaches.

The design is wrapped (templates/scripts/pnr.v.j2): shift registers feed its inputs and take its outputs, so that any
device has the pins. What they take is in nextpnr's own count, not in ours.
"""

import json
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from hwcompress.codegen.render import environment
from hwcompress.errors import ToolFailed
from hwcompress.verify import tools
from hwcompress.verify.bench import BenchSpec

TOP = "hwc_pnr"
SECONDS = 7200.0
OPTIONS = {"ecp5": ("--textcfg", "out.cfg", "--lpf-allow-unconstrained"), "ice40": ("--asc", "out.asc")}
FULL = re.compile(r"^ERROR: (.*(?:no BELs remaining|[Uu]nable to (?:find|place)|Failed to (?:find|expand)).*)$", re.M)


def wrapper(spec: BenchSpec) -> str:
    """The top that is placed: four pins around the design."""
    axis = spec.interface == "axis"
    return (
        environment()
        .get_template("scripts/pnr.v.j2")
        .render(top=TOP, design=spec.top, axis=axis, x=spec.input.tdata_bits, y=spec.output.tdata_bits)
    )


def check(family: str) -> None:
    """Whether nextpnr for the family is installed.

    Raises:
        ToolFailed: it is not; says how to get it.
    """
    tools.package(f"yowasp_nextpnr_{family}", "pnr")


def place_and_route(netlist: Path, family: str, device: Sequence[str], mhz: float, log: Path) -> float:
    """Highest clock frequency of a netlist (JSON of Yosys) on a device, in MHz.

    Raises:
        ToolFailed: it does not fit, or cannot be routed.
    """
    check(family)
    place = netlist.parent
    files = ["--json", netlist.name, "--report", "report.json", *OPTIONS[family]]
    options = [*device, "--freq", f"{mhz:g}", "--timing-allow-fail", *files]
    name = f"nextpnr_{family}"
    start = f"import sys, yowasp_{name} as n; sys.exit(n.run_{name}(sys.argv[1:]))"
    try:
        tools.call([sys.executable, "-c", start, *options], log, f"nextpnr-{family}", SECONDS, place)
    except ToolFailed:
        found = FULL.search(log.read_text(errors="replace"))
        if not found:
            raise
        raise ToolFailed(
            f"nextpnr-{family}: a design that fits the device wanted, found: {found[1]}. Try: a larger reuse, "
            f"or a larger device. Log: {log}"
        ) from None
    clocks: dict[str, dict[str, float]] = json.loads((place / "report.json").read_text())["fmax"]
    if not clocks:
        raise ToolFailed(f"nextpnr-{family}: a clock wanted in its report, none found. Log: {log}\n{tools.tail(log)}")
    return min(clock["achieved"] for clock in clocks.values())


def add_wrapper(folder: Path, spec: BenchSpec, verilog: Path) -> list[str]:
    """Copy the sources to `folder`, with the wrapper; their names."""
    for path in verilog.iterdir():
        if path.suffix in (".v", ".mem"):
            shutil.copy(path, folder / path.name)
    (folder / f"{TOP}.v").write_text(wrapper(spec))
    return sorted(path.name for path in folder.glob("*.v"))
