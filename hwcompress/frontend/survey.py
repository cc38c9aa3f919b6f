# SPDX-License-Identifier: Apache-2.0
"""Every node of a file looked at once, in order: constant, hardware step, or the reason why not."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from hwcompress.errors import BadInput
from hwcompress.frontend.folding import MAX_ELEMENTS, fold
from hwcompress.frontend.hostlayout import answer, same
from hwcompress.frontend.layout import Layout
from hwcompress.frontend.raw import Array, Mixed, Opaque, RawNode, Refusal
from hwcompress.frontend.rawgraph import RawGraph
from hwcompress.frontend.spelling import HARDWARE, HOST, SAME_SHAPE
from hwcompress.frontend.tensors import decode
from hwcompress.frontend.use import JOINS, Step, Use

BUDGET = 2 * MAX_ELEMENTS  # elements of all folded constants together
NOT_SUPPORTED = "this operator is not supported"
CONTROL_FLOW = "control flow on the network's data is not supported; export the model without it"


@dataclass
class Survey:
    """What is known of each value and each node (by index)."""

    graph: RawGraph
    layouts: dict[str, Layout | None]  # values that depend on the input; None: of unknown shape
    constants: dict[str, Array | Opaque] = field(default_factory=dict)
    steps: dict[int, Step] = field(default_factory=dict)
    refusals: dict[int, str] = field(default_factory=dict)
    mixed: dict[int, str] = field(default_factory=dict)  # why the node works across samples
    type_reads: dict[int, str] = field(default_factory=dict)  # nodes that read but the shape or type of that value

    def operands(self, node: RawNode) -> tuple[Layout | Array | Opaque | None, ...]:
        """What the node reads; a value of unknown shape is Opaque."""
        return tuple(self._value(name) for name in node.inputs)

    def _value(self, name: str) -> Layout | Array | Opaque | None:
        if not name:
            return None
        if name in self.layouts:
            return self.layouts[name] or Opaque("an unsupported operator made it")
        if name not in self.constants:
            self.constants[name] = self._initializer(name)
        return self.constants[name]

    def _initializer(self, name: str) -> Array | Opaque:
        tensor = self.graph.initializers.get(name)
        if tensor is None:
            return Opaque("it is a sparse tensor")
        try:
            return decode(tensor)
        except BadInput as error:
            return Opaque(str(error))

    def depends(self, node: RawNode) -> bool:
        """Whether the node's result depends on the model's input."""
        return node.index not in self.type_reads and any(name in self.layouts for name in node.reads)


def survey(graph: RawGraph, start: Mapping[str, Layout | None]) -> Survey:
    """Look at every node, with the layouts of the inputs given (None: of unknown shape)."""
    result = Survey(graph, dict(start))
    spent = 0
    for node in graph.nodes:
        _note_type_read(result, node)
        if result.depends(node):
            _dynamic(result, node)
        else:
            spent += _constant(result, node, budget=BUDGET - spent)
    return result


def _note_type_read(result: Survey, node: RawNode) -> None:
    """A Shape of a value that depends on the input, or a constant cast like one."""
    if node.op == "Shape" and len(node.inputs) == 1:
        result.type_reads[node.index] = node.inputs[0]
    if node.op == "CastLike" and len(node.inputs) == 2 and node.inputs[0] not in result.layouts:
        result.type_reads[node.index] = node.inputs[1]


def _constant(result: Survey, node: RawNode, budget: int) -> int:
    """Fold a node; the number of new elements."""
    value: Array | Opaque
    try:
        value = fold(Use(node, result.operands(node)))
    except Refusal as reason:
        value = Opaque(str(reason))
    new = value.size if not isinstance(value, Opaque) and value.base is None else 0
    if new > budget:
        value, new = Opaque(f"the constants of the model fold to more than {BUDGET} elements"), 0
    for name in node.outputs[:1]:
        result.constants[name] = value
    for name in node.outputs[1:]:
        result.constants[name] = Opaque("it is a second output")
    return new


def _dynamic(result: Survey, node: RawNode) -> None:
    use = Use(node, result.operands(node))
    inputs = [name for name in node.inputs if name in result.layouts]
    result.layouts.update(dict.fromkeys(node.outputs))
    if node.op in ("If", "Loop", "Scan"):
        result.refusals[node.index] = CONTROL_FLOW
        return
    if any(result.layouts[name] is None for name in inputs):
        _behind_unknown(result, node, len(inputs))
        return
    rule = HARDWARE.get(node.op)
    try:
        if rule is None:
            raise Refusal(NOT_SUPPORTED)
        with np.errstate(all="ignore"):  # NaN and infinity are looked for in what comes out
            step = rule(use)
    except Refusal as reason:
        result.refusals[node.index] = str(reason)
        _behind_host(result, use, reason)
        return
    result.steps[node.index] = step
    if node.outputs:
        result.layouts[node.outputs[0]] = step.layout


def _behind_host(result: Survey, use: Use, refused: Refusal) -> None:
    """Layouts behind a node that is no hardware, as far as they are known."""
    node = use.node
    rule = HOST.get(node.op, same if node.op in SAME_SHAPE else None)
    try:
        if isinstance(refused, Mixed):
            raise refused
        found = answer(rule, use) if rule else ()
    except Mixed as reason:
        result.mixed[node.index] = str(reason)
        return
    result.layouts.update(zip(node.outputs, found, strict=False))


def _behind_unknown(result: Survey, node: RawNode, inputs: int) -> None:
    """What can be said of a node without knowing the shapes it works on."""
    if node.op not in HARDWARE and node.op not in HOST:
        result.refusals[node.index] = NOT_SUPPORTED
    elif node.op in HARDWARE and inputs > 1:
        result.refusals[node.index] = JOINS
