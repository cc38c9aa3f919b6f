# SPDX-License-Identifier: Apache-2.0
"""Where the hardware ends and the host begins; what stands in the way."""

from collections.abc import Mapping
from dataclasses import dataclass

from hwcompress.errors import BadInput, quote
from hwcompress.frontend.limits import too_wide
from hwcompress.frontend.raw import RawNode
from hwcompress.frontend.spelling import HARDWARE, HOST
from hwcompress.frontend.survey import Survey


@dataclass(frozen=True)
class Split:
    """The chain from the input, the value where it ends, and the nodes behind it."""

    chain: tuple[RawNode, ...]
    end: str  # the last value of the hardware
    rest: tuple[RawNode, ...]  # live, dependent on the input, not in the chain
    host: frozenset[int]  # nodes of the rest that the host computes: no hardware follows them
    problems: Mapping[int, str]  # node index to reason
    general: tuple[str, ...]  # problems that belong to no node


def split(survey: Survey, source: str | None) -> Split:
    """Follow the chain from `source` while each value has one reader that is a hardware operator.

    Without a source (the inputs are not usable) only the reasons are found.

    Raises:
        BadInput: an output of the model is made by nothing.
    """
    outputs = [p.name for p in survey.graph.outputs]
    live = _live(survey, outputs)
    readers: dict[str, list[RawNode]] = {}
    for node in live:
        for name in {n for n in node.reads if n in survey.layouts}:
            readers.setdefault(name, []).append(node)
    chain, end = ((), "") if source is None else _follow(survey, source, readers, set(outputs))
    taken = {node.index for node in chain}
    rest = tuple(node for node in live if node.index not in taken)
    ahead = _ahead(rest)
    problems = _blockers(survey, rest, ahead)
    general = [f"output {quote(n)} does not depend on the model's input" for n in outputs if n not in survey.layouts]
    if source is not None and any(node.op not in HOST for node in rest):
        general += _fork(end, readers.get(end, []), problems, {*readers, *outputs}, end in outputs)
    if source is not None and not (problems or general or any(survey.steps[node.index].ops for node in chain)):
        problems, general = _nothing(survey, rest[0] if rest else None)
    if not (problems or general):
        problems = survey.refuse_padding(end, "the hardware ends behind it") or _too_wide(survey, source, chain)
    return Split(chain, end, rest, _on_host(survey, rest, ahead), problems, tuple(general))


def _too_wide(survey: Survey, source: str | None, chain: tuple[RawNode, ...]) -> dict[int, str]:
    """The first operator that would need too many lanes."""
    read = survey.layouts[source] if source is not None else None
    for node in chain:
        step = survey.steps[node.index]
        reason = too_wide(read, step.layout) if step.ops and read is not None else ""
        if reason:
            return {node.index: reason}
        read = step.layout
    return {}


def _nothing(survey: Survey, stop: RawNode | None) -> tuple[dict[int, str], list[str]]:
    """Why the hardware would be empty: `stop` is the first node that it could not hold."""
    if stop is not None and stop.op in HARDWARE and stop.index in survey.refusals:
        return {stop.index: survey.refusals[stop.index]}, []
    what = "the output" if stop is None else str(stop)
    return {}, [f"nothing can be built: no product, scaling or activation stands between the input and {what}"]


def _fork(
    end: str, readers: list[RawNode], problems: Mapping[int, str], wanted: set[str], is_output: bool
) -> list[str]:
    """Why the chain ends at a value that its reader could follow; `wanted`: values that something reads."""
    if is_output:
        return [f"output {quote(end)} is taken from the middle of the network; only its end may be an output"]
    if len(readers) > 1:
        names = ", ".join(str(node) for node in readers[:4])
        return [f"value {quote(end)} is read by {len(readers)} nodes ({names}); the network must be a chain"]
    used = [node for node in readers if node.index not in problems and not wanted.isdisjoint(node.outputs[1:])]
    return [f"{node}: its second output is used" for node in used]


def _live(survey: Survey, outputs: list[str]) -> list[RawNode]:
    """Nodes that depend on the input and that an output needs, in order."""
    wanted = set(outputs)
    found: list[RawNode] = []
    for node in reversed(survey.graph.nodes):
        if wanted.isdisjoint(node.outputs):
            continue
        wanted.update(node.reads)
        if survey.depends(node):
            found.append(node)
    made = {name for node in survey.graph.nodes for name in node.outputs}
    known = made | set(survey.graph.initializers) | {p.name for p in survey.graph.inputs}
    for name in outputs:
        if name not in known:
            raise BadInput(f"output {quote(name)} is made by no operator; the file is damaged")
    return found[::-1]


def _follow(
    survey: Survey, source: str, readers: Mapping[str, list[RawNode]], outputs: set[str]
) -> tuple[tuple[RawNode, ...], str]:
    value = source
    chain: list[RawNode] = []
    while value not in outputs and len(readers.get(value, ())) == 1:
        node = readers[value][0]
        if node.index not in survey.steps or any(name in readers or name in outputs for name in node.outputs[1:]):
            break
        chain.append(node)
        value = node.outputs[0]
    return tuple(chain), value


def _ahead(rest: tuple[RawNode, ...]) -> Mapping[int, RawNode]:
    """Nodes after the chain whose results something reads that the host cannot compute: the last such reader."""
    found: dict[int, RawNode] = {}
    needed: dict[str, RawNode] = {}
    for node in reversed(rest):
        reader = next((needed[name] for name in node.outputs if name in needed), None)
        if reader is not None:
            found[node.index] = reader
        follower = reader or (node if node.op not in HOST else None)
        if follower is not None:
            needed |= {name: follower for name in node.reads if name not in needed}
    return found


def _blockers(survey: Survey, rest: tuple[RawNode, ...], ahead: Mapping[int, RawNode]) -> dict[int, str]:
    """Why the nodes after the chain cannot all be computed on the host."""
    reasons = ((node.index, _reason(survey, node, ahead.get(node.index))) for node in rest)
    return {index: reason for index, reason in reasons if reason}


def _reason(survey: Survey, node: RawNode, last: RawNode | None) -> str:
    """Why this node is in the way; `last`: the last that follows it and that the host cannot compute."""
    refusal = survey.refusals.get(node.index, "")
    if node.op not in HOST:
        return refusal
    if last is None:
        return survey.nowhere.get(node.index, "")
    if node.op not in HARDWARE:
        return f"is possible only at the end of the network, where the host computes it; {last} follows"
    return refusal


def _on_host(survey: Survey, rest: tuple[RawNode, ...], ahead: Mapping[int, RawNode]) -> frozenset[int]:
    """Nodes that the host computes whatever becomes of the others: host operators at the end, and all behind them."""
    found: set[int] = set()
    values: set[str] = set()
    for node in rest:
        fits = node.op in HARDWARE and node.index not in survey.refusals and values.isdisjoint(node.reads)
        if node.op in HOST and node.index not in ahead and not fits:
            found.add(node.index)
            values.update(node.outputs)
    return frozenset(found)
