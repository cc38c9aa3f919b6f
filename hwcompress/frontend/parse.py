# SPDX-License-Identifier: Apache-2.0
"""A file read and understood as far as possible: the ground of both import and inspection."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hwcompress.errors import UnsupportedModel
from hwcompress.frontend.layout import Layout
from hwcompress.frontend.model import ModelInput
from hwcompress.frontend.proto import File, read
from hwcompress.frontend.raw import Array, Opaque
from hwcompress.frontend.rawgraph import RawGraph, model_input, raw_graph, unbatched
from hwcompress.frontend.split import Split, split
from hwcompress.frontend.survey import Survey, survey
from hwcompress.ops import Conv


@dataclass(frozen=True)
class Parsed:
    """A file that could be read, with all that is known of its nodes."""

    file: File
    raw: RawGraph
    input: ModelInput | None  # None: not usable
    survey: Survey
    split: Split
    problems: tuple[str, ...]  # all, nodes first


def parse(path: Path) -> Parsed:
    """All that can be said about a file.

    Raises:
        BadInput: it cannot be read or is damaged.
    """
    file = read(path)
    raw = raw_graph(file.model)
    try:
        source, layout = model_input(raw)
    except UnsupportedModel as error:
        return _parsed(file, raw, None, {p.name: None for p in raw.inputs}, str(error))
    first = _attempt(file, raw, source, layout)
    other = unbatched(source) if first.problems else None
    if other is not None:
        second = _attempt(file, raw, *other)
        return first if second.problems or _by_position(second) else second
    return first


def _by_position(parsed: Parsed) -> bool:
    """Whether a product treats positions alike, as it would the samples of a batch: a batch is the better reading."""
    steps = ((node, parsed.survey.steps[node.index]) for node in parsed.split.chain)
    return any(node.op in ("Gemm", "MatMul") and isinstance(op, Conv) for node, step in steps for op in step.ops)


def _attempt(file: File, raw: RawGraph, source: ModelInput, layout: Layout) -> Parsed:
    """One reading of the input's shape; its order in hardware is that of the file unless an operator wants another."""
    first = _parsed(file, raw, source, {source.name: layout})
    if first.survey.wanted is None:
        return first
    return _parsed(file, raw, source, {source.name: first.survey.wanted}, constants=first.survey.constants)


def _parsed(
    file: File,
    raw: RawGraph,
    source: ModelInput | None,
    start: Mapping[str, Layout | None],
    problem: str = "",
    constants: Mapping[str, Array | Opaque] | None = None,
) -> Parsed:
    found = survey(raw, start, constants)
    parts = split(found, source.name if source else None)
    problems = [f"{raw.nodes[index]}: {reason}" for index, reason in sorted(parts.problems.items())]
    problems += [*parts.general, *([problem] if problem else [])]
    return Parsed(file, raw, source, found, parts, tuple(problems))


def host_ops(parts: Split) -> tuple[str, ...]:
    """Operator types of the tail, each once, in order."""
    return tuple(dict.fromkeys(node.op.rpartition(".")[2] for node in parts.rest))


def batch(parsed: Parsed) -> int:
    """Samples that the file's own graph takes at once: declared, or baked into a Reshape; 0 for any number."""
    declared = parsed.input.onnx_shape[0] if parsed.input and parsed.input.batched else 0
    if isinstance(declared, int) and declared:
        return declared
    return max((step.batch for step in parsed.survey.steps.values()), default=0)


def notes(parsed: Parsed) -> tuple[str, ...]:
    """What had to be repaired or assumed."""
    steps = (parsed.survey.steps.get(node.index) for node in parsed.split.chain)
    return tuple(step.note for step in steps if step is not None and step.note)
