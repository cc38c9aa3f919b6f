# SPDX-License-Identifier: Apache-2.0
"""Targets: a multiplier geometry or a device, with its budget. The numbers and their sources are in parts/*.toml."""

import difflib
import re
import tomllib
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from hwcompress.errors import BadInput, quote
from hwcompress.hw.cells import Resources
from hwcompress.hw.families import FAMILIES, Family

PARTS = Path(__file__).parent / "parts"
DEFAULT = "dsp27x18"
PACKAGE = r"-?[a-z]{3,4}\d{3,4}-[-a-z0-9]{1,8}"  # what follows the device in a Vivado part


@dataclass(frozen=True, slots=True)
class Target:
    """What a design is planned for."""

    name: str  # as the user wrote it: a geometry or a device
    device: str  # the device, or the reference device of a geometry
    part: str  # as the vendor's tools spell it
    multiplier: tuple[int, int]  # bits of the two signed operands
    family: int  # FAMILY of hwc_mac, key of families.FAMILIES
    yosys_family: str  # synth_xilinx -family, ecp5 or ice40; empty: no open tool maps to it
    budget: Resources
    source: str  # document and table of the budget
    checked: str  # what else the budget was compared with; empty: nothing
    pnr: tuple[str, ...] = ()  # options of nextpnr; empty: it does not know the device
    package: str = PACKAGE  # pattern of what follows the device in a part name, in small letters

    @property
    def cells(self) -> Family:
        """What its cells can do."""
        return FAMILIES[self.family]

    @property
    def geometry(self) -> bool:
        """The name is a multiplier geometry, not a device."""
        return self.name != self.device


def find(name: str) -> Target:
    """The target of that name; case does not matter, and a full part name (xc7z020clg400-1) finds its device.

    Raises:
        BadInput: no such target.
    """
    wanted = name.strip().lower()
    known = _targets()
    if wanted in known:
        return known[wanted]
    for target in known.values():
        if wanted.startswith(target.name) and re.fullmatch(target.package, wanted[len(target.name) :]):
            return replace(target, part=name.strip())
    close = difflib.get_close_matches(wanted[:40], known, n=3, cutoff=0.5)
    hint = f"close names: {', '.join(close)}. " if close else ""
    raise BadInput(
        f"target {quote(name)}: unknown; a multiplier geometry (dsp27x18) or a device (xczu7ev) wanted. "
        f"{hint}Try: hwcompress targets"
    )


def targets() -> tuple[Target, ...]:
    """All targets: geometries first, then devices by family and size."""
    return tuple(_targets().values())


@cache
def _read(stem: str) -> dict[str, Any]:
    return tomllib.loads((PARTS / f"{stem}.toml").read_text(encoding="utf-8"))


@cache
def _targets() -> dict[str, Target]:
    files = sorted(p.stem for p in PARTS.glob("*.toml") if p.stem != "geometries")
    tables = sorted((_read(stem) for stem in files), key=lambda t: t["family"])
    devices = {t.name: t for table in tables for t in _devices(table)}
    geometries: dict[str, str] = _read("geometries")["available"]
    return {name: replace(devices[device], name=name) for name, device in geometries.items()} | devices


def _devices(table: dict[str, Any]) -> list[Target]:
    """Devices of one file, the smallest first."""
    common = ("family", "yosys_family", "multiplier", "source", "package")
    found = [_device(name, row, table) for name, row in table.items() if name not in common]
    return sorted(found, key=lambda t: t.budget.lut)


def _device(name: str, row: dict[str, Any], table: dict[str, Any]) -> Target:
    a, b = table["multiplier"]
    return Target(
        name=name,
        device=name,
        part=row["part"],
        multiplier=(a, b),
        family=table["family"],
        yosys_family=table["yosys_family"],
        budget=Resources(
            dsp=row["dsp"], lut=row["lut"], ff=row["ff"], bram18=row.get("blocks", 2 * row.get("bram36", 0))
        ),
        source=table["source"],
        checked=row["checked"],
        pnr=tuple(row.get("pnr", ())),
        package=table.get("package", PACKAGE),
    )
