# SPDX-License-Identifier: Apache-2.0
"""What a model holds, as tables."""

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from hwcompress.frontend.model import Inspection, Port
from hwcompress.report.table import BAD, GOOD, new_table, titled
from hwcompress.report.text import cell, count, shown


def parts(found: Inspection, every_node: bool) -> list[RenderableType]:
    """Head, ports, operators, problems; with `every_node` where each node runs."""
    opsets = ", ".join(f"{shown(domain) or 'ai.onnx'} {version}" for domain, version in found.opsets)
    head = Text(shown(found.name), "bold")
    head.append(f"  {count(found.macs)} MACs, {count(found.parameters)} parameters, opset {opsets}\n", "")
    blocks: list[RenderableType] = [head, _ports(found), Text(), _operators(found)]
    if every_node or found.problems:
        blocks += [Text(), _nodes(found, every_node)]
    if found.host:
        blocks.append(Text(f"\nOn the host: {', '.join(shown(op) for op in found.host)}"))
    blocks += [Text(f"Note: {shown(note, 200)}") for note in found.notes]
    if found.problems:
        several = "s" if len(found.problems) > 1 else ""
        blocks.append(Text(f"\n{len(found.problems)} problem{several}: this model cannot be compiled", BAD))
        blocks += [Text(f"- {shown(problem, 300)}") for problem in found.problems]
    else:
        blocks.append(Text("\nThis model can be compiled.", GOOD))
    return blocks


def _ports(found: Inspection) -> RenderableType:
    table = new_table(["Port", "Name", "Shape", "Type"], [])
    named: list[tuple[str, Sequence[Port]]] = [("input", found.inputs), ("output", found.outputs)]
    for kind, ports in named:
        for port in ports:
            shape = "[" + ", ".join(shown(str(d), 20) for d in port.shape) + "]"
            table.add_row(kind, cell(port.name), Text(shape), cell(port.dtype))
    return titled("Ports", table)


def _operators(found: Inspection) -> RenderableType:
    places: dict[str, dict[str, int]] = {}
    for node in found.nodes:
        row = places.setdefault(node.op, {})
        row[node.place] = row.get(node.place, 0) + 1
    table = new_table(["Operator", "Where"], ["Count"])
    for op, number in found.operators:
        where = ", ".join(f"{place} {k}" if len(places[op]) > 1 else place for place, k in places.get(op, {}).items())
        style = BAD if "unsupported" in where else ""
        table.add_row(cell(op), Text(where, style), count(number))
    return titled("Operators", table)


def _nodes(found: Inspection, every_node: bool) -> RenderableType:
    table = new_table(["Node", "Operator", "Where", "Reason"], [])
    for node in found.nodes:
        if every_node or node.place == "unsupported":
            table.add_row(cell(node.name), cell(node.op), cell(node.place), cell(node.reason, 120))
    return titled("Nodes", table)
