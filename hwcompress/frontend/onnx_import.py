# SPDX-License-Identifier: Apache-2.0
"""ONNX file to Model: the hardware part as a float graph, the rest for the host. Imports onnx: import it when needed."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from onnx import ModelProto

from hwcompress.errors import UnsupportedModel, quote
from hwcompress.frontend.layout import Layout
from hwcompress.frontend.model import Inspection, Model, ModelInput, NodeStatus
from hwcompress.frontend.proto import File, read
from hwcompress.frontend.raw import RawNode
from hwcompress.frontend.rawgraph import RawGraph, model_input, raw_graph
from hwcompress.frontend.split import Split, split
from hwcompress.frontend.survey import Survey, survey
from hwcompress.frontend.tail import free_model, tail_model
from hwcompress.frontend.tensors import type_name
from hwcompress.ir.graph import Graph, Node, Op, check_chain
from hwcompress.ops import Dense

_CONSTANT_OPS = frozenset({"Constant", "ConstantOfShape", "Identity"})


@dataclass(frozen=True)
class _Parsed:
    """A file that could be read, with all that is known of its nodes."""

    file: File
    raw: RawGraph
    input: ModelInput
    survey: Survey
    split: Split

    @property
    def model(self) -> ModelProto:
        return self.file.model


def load(path: Path) -> Model:
    """The network in an ONNX file.

    Raises:
        BadInput: the file cannot be read or is damaged.
        UnsupportedModel: it holds something that cannot be built; the message lists all of it.
    """
    parsed = _parse(path)
    problems = _problems(parsed)
    if problems:
        raise UnsupportedModel(_list_problems(path, problems))
    end = parsed.survey.layouts[parsed.split.end]
    assert end is not None
    graph = _graph(parsed)
    check_chain(graph)
    return Model(
        name=parsed.file.name,
        sha256=parsed.file.sha256,
        input=parsed.input,
        graph=graph,
        tail=tail_model(parsed.model, parsed.survey, parsed.split, end),
        tail_ops=_host_ops(parsed.split),
        tail_shape=end.sample,
        outputs=tuple(p.name for p in parsed.raw.outputs),
        source=free_model(parsed.model, parsed.survey, parsed.input.batched),
        notes=tuple(_notes(parsed)),
    )


def _parse(path: Path) -> _Parsed:
    file = read(path)
    raw = raw_graph(file.model)
    source, layout = model_input(raw)
    found = survey(raw, {source.name: layout})
    return _Parsed(file, raw, source, found, split(found, source.name))


def _problems(parsed: _Parsed) -> list[str]:
    nodes = parsed.raw.nodes
    listed = [f"{nodes[index]}: {reason}" for index, reason in sorted(parsed.split.problems.items())]
    return listed + list(parsed.split.general)


def _list_problems(path: Path, problems: Sequence[str]) -> str:
    head = f"model {quote(path.name)} cannot be built, {len(problems)} problem{'s' if len(problems) > 1 else ''}:"
    return "\n  ".join([head, *problems]) + "\nhwcompress inspect shows every node of the model and where it would run."


def _graph(parsed: _Parsed) -> Graph[Op]:
    """The chain as a float graph; nodes that only rewire leave no trace."""
    first = parsed.survey.layouts[parsed.input.name]
    assert first is not None
    value, nodes = parsed.input.name, list[Node[Op]]()
    names, values = set[str](), {parsed.input.name}
    for raw in parsed.split.chain:
        ops = parsed.survey.steps[raw.index].ops
        for left, op in zip(range(len(ops))[::-1], ops, strict=True):
            suffix = f"/{left}" if left else ""  # the last operator makes the file's own value
            made = unique(raw.outputs[0] + suffix, values)
            nodes.append(Node(unique(raw.label + suffix, names), op, value, made))
            value = made
    return Graph(parsed.file.name, parsed.input.name, first.channels, tuple(nodes))


def unique(name: str, used: set[str]) -> str:
    """The name, or with a number behind it if it is used already; marks it as used."""
    found, count = name, 1
    while found in used:
        count += 1
        found = f"{name}_{count}"
    used.add(found)
    return found


def _host_ops(parts: Split) -> tuple[str, ...]:
    """Operator types of the tail, each once, in order."""
    return tuple(dict.fromkeys(node.op.rpartition(".")[2] for node in parts.rest))


def _notes(parsed: _Parsed) -> list[str]:
    steps = (parsed.survey.steps[node.index] for node in parsed.split.chain)
    return [step.note for step in steps if step.note]
