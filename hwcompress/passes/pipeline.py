# SPDX-License-Identifier: Apache-2.0
"""The passes on the float form, repeated until nothing changes, with a reason for all that was and was not done."""

from collections.abc import Sequence
from dataclasses import replace

from hwcompress.errors import quote
from hwcompress.ir.graph import Graph, Node, Op, check_chain
from hwcompress.ops import Affine, Clip, Conv, Dense, Lookup
from hwcompress.passes import fold
from hwcompress.passes.chain import linked


def simplify(graph: Graph[Op], log: list[str] | None = None) -> Graph[Op]:
    """The smallest graph with the same meaning; `log` receives one line for each decision."""
    lines = [] if log is None else log
    nodes = _merged(graph.nodes, lines)
    while (moved := _moved(nodes, lines)) != nodes:
        nodes = _merged(moved, lines)
    lines.extend(_left(nodes))
    simple = linked(graph, nodes)
    check_chain(simple)
    return simple


def _merged(nodes: Sequence[Node[Op]], lines: list[str]) -> list[Node[Op]]:
    """Every pair that a rule merges, merged; operators that do nothing, gone."""
    done: list[Node[Op]] = []
    for node in nodes:
        done.append(node)
        while _reduce(done, lines):
            pass
    return done


def _reduce(done: list[Node[Op]], lines: list[str]) -> bool:
    """Apply one rule at the end of the list; whether one fired."""
    last = done[-1] if done else None
    if last is not None and fold.nothing(last.op) is not None:
        lines.append(f"{_title(last)}: changes nothing, removed")
        done.pop()
        if done:
            done[-1] = replace(done[-1], output=last.output)
        return True
    if len(done) < 2:
        return False
    a, b = done[-2:]
    for rule, what in fold.PAIRS:
        found = rule(a.op, b.op)
        if found is not None:
            lines.append(f"{_title(a)} and {_title(b)}: {what}")
            name = b.name if isinstance(b.op, Dense | Conv) else a.name
            done[-2:] = [Node(name, found[0], a.source, b.output)]
            return True
    return False


def _moved(nodes: list[Node[Op]], lines: list[str]) -> list[Node[Op]]:
    """Scalings behind a Clip put before it where a product or another scaling takes them up."""
    done = list(nodes)
    for i in range(1, len(done) - 1):
        before, clip, affine = done[i - 1 : i + 2]
        found = fold.clip_affine(clip.op, affine.op) if isinstance(before.op, Dense | Conv | Affine) else None
        if found is not None:
            lines.append(f"{_title(affine)}: moved before {_title(clip)}")
            done[i] = replace(affine, op=found[0], output=clip.output)
            done[i + 1] = replace(clip, op=found[1], output=affine.output)
    return _before_pools(done, lines)


def _before_pools(nodes: list[Node[Op]], lines: list[str]) -> list[Node[Op]]:
    """Clips behind a maximum put before it, scalings too where a product or another scaling can take them up."""
    done = list(nodes)
    for i in range(1, len(done)):
        pool, last = done[i - 1 : i + 1]
        before = done[i - 2] if i > 1 else None
        found = fold.pool_clip(pool.op, last.op)
        if found is None and before is not None and _takes(before.op, last.op):
            found = fold.pool_affine(pool.op, last.op)
        if found is not None:
            lines.append(f"{_title(last)}: moved before {_title(pool)}")
            done[i - 1] = replace(last, op=found[0], output=pool.output)
            done[i] = replace(pool, op=found[1], output=last.output)
    return done


def _takes(before: Op, affine: Op) -> bool:
    """Whether a scaling that comes to stand behind `before` finds its way into a product."""
    return isinstance(before, Conv | Affine) or fold.clip_affine(before, affine) is not None


def _title(node: Node[Op]) -> str:
    return f"{type(node.op).__name__.lower()} {quote(node.name)}"


def _left(nodes: Sequence[Node[Op]]) -> list[str]:
    """Why the scalings and clips that are still there stay."""
    found: list[str] = []
    for i, node in enumerate(nodes):
        before = nodes[i - 1] if i else None
        if isinstance(node.op, Affine):
            found.append(f"{_title(node)}: stays a scaling of its own; {_why(before)}")
        if isinstance(node.op, Clip | Lookup) and before is None:
            found.append(f"{_title(node)}: acts on the input itself")
    return found


def _why(before: Node[Op] | None) -> str:
    if before is None:
        return "no product follows it directly, and the input comes before it"
    if isinstance(before.op, Clip):
        return f"its values differ between channels, so it cannot pass {_title(before)}"
    return f"no product follows it directly, and {_title(before)} comes before it"
