# SPDX-License-Identifier: Apache-2.0
"""ONNX file to Model: the hardware part as a float graph, the rest for the host. Import it only when it is needed."""

from collections.abc import Sequence
from pathlib import Path

from hwcompress.errors import UnsupportedModel, quote
from hwcompress.frontend.inspection import inspection, trained_parameters
from hwcompress.frontend.layout import Layout
from hwcompress.frontend.model import Inspection, Model
from hwcompress.frontend.parse import Parsed, batch, host_ops, notes, parse
from hwcompress.frontend.tail import free_model, tail_model
from hwcompress.ir.graph import Graph, Node, Op, check_chain

MOST_PROBLEMS = 30  # in one message


def load(path: Path) -> Model:
    """The network in an ONNX file.

    Raises:
        BadInput: the file cannot be read or is damaged.
        UnsupportedModel: it holds something that cannot be built; the message lists all, or the first of many.
    """
    parsed = parse(path)
    if parsed.problems or parsed.input is None:
        raise UnsupportedModel(_list_problems(path, parsed.problems))
    start, end = parsed.survey.layouts[parsed.input.name], parsed.survey.layouts[parsed.split.end]
    assert start is not None
    assert end is not None
    return Model(
        name=parsed.file.name,
        sha256=parsed.file.sha256,
        input=parsed.input,
        graph=_graph(parsed, parsed.input.name, start),
        tail=tail_model(parsed.file.model, parsed.survey, parsed.split, end),
        tail_ops=host_ops(parsed.split),
        tail_shape=end.sample,
        outputs=tuple(p.name for p in parsed.raw.outputs),
        source=free_model(parsed.file.model, parsed.survey, parsed.input.batched),
        notes=notes(parsed),
        parameters=trained_parameters(parsed),
        batch=batch(parsed),
        input_order=start.order,
        output_order=end.order.inverse(),
    )


def inspect(path: Path) -> Inspection:
    """What the file holds and what stands in the way of building it, nothing raised for the latter.

    Raises:
        BadInput: it cannot be read or is damaged.
    """
    return inspection(parse(path))


def _list_problems(path: Path, problems: Sequence[str]) -> str:
    head = f"model {quote(path.name)} cannot be built, {len(problems)} problem{'s' if len(problems) > 1 else ''}:"
    shown = list(problems[:MOST_PROBLEMS])
    if len(problems) > MOST_PROBLEMS:
        shown.append(f"... and {len(problems) - MOST_PROBLEMS} more")
    return "\n  ".join([head, *shown]) + "\nhwcompress inspect shows every node of the model and where it would run."


def _graph(parsed: Parsed, source: str, start: Layout) -> Graph[Op]:
    """The chain as a float graph; nodes that only rewire leave no trace."""
    value, nodes = source, list[Node[Op]]()
    names, values = Names(), Names(source)
    for raw in parsed.split.chain:
        ops = parsed.survey.steps[raw.index].ops
        for left, op in zip(range(len(ops))[::-1], ops, strict=True):
            suffix = f"/{left}" if left else ""  # the last operator makes the file's own value
            made = values.unique(raw.outputs[0] + suffix)
            nodes.append(Node(names.unique(raw.label + suffix), op, value, made))
            value = made
    grid = (start.shape[0], start.shape[1]) if len(start.shape) == 3 else ()
    graph = Graph(parsed.file.name, source, start.lanes, tuple(nodes), grid=grid)
    check_chain(graph)
    return graph


class Names:
    """Names given out, each once."""

    def __init__(self, *used: str) -> None:
        """`used`: taken from the start."""
        self._next = dict.fromkeys(used, 2)

    def unique(self, name: str) -> str:
        """The name, or with a number behind it if it is taken."""
        found = name
        while found in self._next:
            found = f"{name}_{self._next[name]}"
            self._next[name] += 1
        self._next[found] = 2
        return found
