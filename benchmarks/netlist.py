# SPDX-License-Identifier: Apache-2.0
"""Which instance of a flattened netlist a cell belongs to, so that a cost model can be checked block by block.

A cell belongs to the instance in whose nets its outputs lie. What lost its name, as most LUTs and carries do, belongs to what
reads it.
"""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hwcompress.verify.synth import SITES

OUTPUTS = ("Q", "O", "P", "PCOUT", "CO", "DOA", "DOB", "DOC", "DOD", "Q31", "O5", "O6", "SPO", "DPO")


def owners(netlist: Path, top: str) -> dict[str, dict[str, int]]:
    """LUT sites and registers of each instance of `top`, by name; those of nobody under the empty name."""
    module: dict[str, Any] = json.loads(netlist.read_text())["modules"][top]
    names = _names(module["netnames"])
    cells: dict[str, Any] = module["cells"]
    readers: dict[int, list[str]] = {}
    owner: dict[str, str] = {}
    for name, cell in cells.items():
        for port, bits in cell["connections"].items():
            for bit in bits:
                if isinstance(bit, int) and not _is_output(cell, port):
                    readers.setdefault(bit, []).append(name)
        found = Counter(names[b] for b in _driven(cell) if b in names)
        if found:
            owner[name] = min(found, key=lambda k: (-found[k], k))
    waiting = [name for name in cells if name not in owner]
    while waiting:
        left: list[str] = []
        for name in waiting:
            read = [r for b in _driven(cells[name]) for r in readers.get(b, ())]
            known = Counter(owner[r] for r in read if r in owner)
            if known:
                owner[name] = min(known, key=lambda k: (-known[k], k))
            else:
                left.append(name)
        if len(left) == len(waiting):
            owner |= dict.fromkeys(left, "")
            break
        waiting = left
    return _sums(cells, owner)


def _sums(cells: Mapping[str, Any], owner: Mapping[str, str]) -> dict[str, dict[str, int]]:
    sums: dict[str, Counter[str]] = {}
    for name, cell in cells.items():
        kind = cell["type"]
        into = sums.setdefault(owner[name], Counter())
        into["lut"] += SITES.get(kind, 0)
        into["ff"] += kind.startswith("FD")
        into[kind] += 1
    return {name: dict(sorted(found.items())) for name, found in sorted(sums.items())}


def _names(nets: Mapping[str, Any]) -> dict[int, str]:
    """The instance of each bit: the one with the deepest name; a net of the top is named after what drives it."""
    found: dict[int, str] = {}
    depth: dict[int, int] = {}
    instances = {name.split(".")[0] for name in nets if "." in name and not name.startswith("$")}
    for name, net in nets.items():
        if name.startswith("$"):
            continue
        if "." not in name:
            drivers = [i for i in instances if name.startswith(i.removeprefix("u_") + "_")]
            for bit in net["bits"] if drivers else ():
                found.setdefault(bit, max(drivers, key=len))
            continue
        for bit in net["bits"]:
            if isinstance(bit, int) and name.count(".") > depth.get(bit, 0):
                found[bit], depth[bit] = name.split(".")[0], name.count(".")
    return found


def _is_output(cell: Mapping[str, Any], port: str) -> bool:
    direction: Mapping[str, str] = cell.get("port_directions", {})
    return direction[port] == "output" if port in direction else port in OUTPUTS


def _driven(cell: Mapping[str, Any]) -> list[int]:
    return [b for p, bits in cell["connections"].items() if _is_output(cell, p) for b in bits if isinstance(b, int)]
