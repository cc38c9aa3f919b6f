# SPDX-License-Identifier: Apache-2.0
"""Every node of a file looked at once, in order: constant, hardware step, or the reason why not."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from hwcompress.errors import BadInput
from hwcompress.frontend.folding import MAX_ELEMENTS, fold
from hwcompress.frontend.hostlayout import answer, same
from hwcompress.frontend.layout import Layout, Unpadded
from hwcompress.frontend.limits import Totals, check_rank, check_work
from hwcompress.frontend.places import fills
from hwcompress.frontend.raw import Array, Nowhere, Opaque, RawNode, Refusal, TooLarge
from hwcompress.frontend.rawgraph import RawGraph
from hwcompress.frontend.spatial import Want
from hwcompress.frontend.spelling import HARDWARE, HOST, SAME_SHAPE, TAKES_PADDING
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
    nowhere: dict[int, str] = field(default_factory=dict)  # why the host cannot compute the node either
    type_reads: dict[int, str] = field(default_factory=dict)  # nodes that read but the shape or type of that value
    free: dict[str, Layout] = field(default_factory=dict)  # values in the order of the model's input, and that input
    wanted: Layout | None = None  # that input as the first reader of a map wants it
    totals: Totals = field(default_factory=Totals)

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

    def refuse_padding(self, name: str, reason: str) -> dict[int, str]:
        """Refuse the Pad whose padding this value still carries, if any; the new refusals."""
        layout = self.layouts.get(name)
        if layout is None or layout.padding is None:
            return {}
        index = layout.padding.node
        self.steps.pop(index, None)
        self.refusals[index] = f"no convolution or pooling takes up its padding: {reason}"
        self.layouts[name] = layout.loose()
        self.free.pop(name, None)
        return {index: self.refusals[index]}


def survey(
    graph: RawGraph, start: Mapping[str, Layout | None], known: Mapping[str, Array | Opaque] | None = None
) -> Survey:
    """Look at every node, with the layouts of the inputs given (None: of unknown shape).

    `known`: constants that an earlier survey of the same dimensions has found.
    """
    result = Survey(graph, dict(start))
    result.constants.update({k: v for k, v in (known or {}).items() if not isinstance(v, Opaque)})
    result.free.update({name: layout for name, layout in start.items() if layout is not None and not layout.shape})
    spent = 0
    for node in graph.nodes:
        _note_type_read(result, node)
        if result.depends(node):
            _dynamic(result, node)
        else:
            spent += _constant(result, node, budget=BUDGET - spent)
    for port in graph.outputs:
        result.refuse_padding(port.name, "the model ends behind it")
    return result


def _note_type_read(result: Survey, node: RawNode) -> None:
    """A Shape of a value that depends on the input, or a constant cast like one."""
    if node.op == "Shape" and len(node.inputs) == 1:
        result.type_reads[node.index] = node.inputs[0]
    if node.op == "CastLike" and len(node.inputs) == 2 and node.inputs[0] not in result.layouts:
        result.type_reads[node.index] = node.inputs[1]


def _constant(result: Survey, node: RawNode, budget: int) -> int:
    """Fold a node; the number of new elements."""
    if node.outputs[:1] and node.outputs[0] in result.constants:
        return 0
    value: Array | Opaque
    try:
        value = fold(Use(node, result.operands(node)))
    except Refusal as reason:
        value = Opaque(str(reason), isinstance(reason, TooLarge))
    new = value.size if not isinstance(value, Opaque) and value.base is None else 0
    if new > budget:
        value, new = Opaque(f"the constants of the model fold to more than {BUDGET} elements", huge=True), 0
    for name in node.outputs[:1]:
        result.constants[name] = value
    for name in node.outputs[1:]:
        result.constants[name] = Opaque("it is a second output")
    return new


def _dynamic(result: Survey, node: RawNode) -> None:
    inputs = [name for name in node.inputs if name in result.layouts]
    result.layouts.update(dict.fromkeys(node.outputs))
    if node.op in ("If", "Loop", "Scan"):
        result.refusals[node.index] = CONTROL_FLOW
        return
    if node.op not in TAKES_PADDING:
        for name in inputs:
            result.refuse_padding(name, f"{node} follows")
    if any(result.layouts[name] is None for name in inputs):
        _behind_unknown(result, node, len(inputs))
        return
    try:
        step = _hardware(result, node)
    except Refusal as reason:
        result.refusals[node.index] = str(reason)
        _behind_host(result, Use(node, result.operands(node)), reason)
        return
    assert fills(step.layout.flat, math.prod(step.layout.inner))
    result.steps[node.index] = step
    if node.outputs:
        result.layouts[node.outputs[0]] = step.layout
        origin = next((result.free[name] for name in inputs if name in result.free), None)
        if origin is not None and not step.layout.shape:
            result.free[node.outputs[0]] = origin


def _hardware(result: Survey, node: RawNode) -> Step:
    """What the node becomes, if it is of a sensible size and the model still is with it."""
    Use(node, result.operands(node)).check()
    step = _settled(result, node)
    check_rank(step.layout)
    for op in step.ops:
        check_work(op, step.layout)
    result.totals.add(step.ops, [o for o in result.operands(node) if isinstance(o, Layout)], step.layout)
    return step


def _settled(result: Survey, node: RawNode) -> Step:
    """What the node becomes, the order of a free input and the padding of a Pad settled on the way."""
    rule = HARDWARE.get(node.op)
    if rule is None:
        raise Refusal(NOT_SUPPORTED)
    while True:
        try:
            with np.errstate(all="ignore"):  # NaN and infinity are looked for in what comes out
                return rule(Use(node, result.operands(node)))
        except Want as want:
            _arrange(result, node, want)
        except Unpadded as reason:
            for name in node.inputs:
                result.refuse_padding(name, str(reason))


def _arrange(result: Survey, node: RawNode, want: Want) -> None:
    """Lay out what the node reads as it is wanted: at the model's input, where it comes from there unchanged."""
    (name,) = (n for n in node.inputs if isinstance(result.layouts.get(n), Layout))
    layout = result.layouts[name]
    assert layout is not None
    if name in result.free:
        result.wanted = want.source(result.free[name], layout)
    result.layouts[name] = want.arranged(layout)


def _behind_host(result: Survey, use: Use, refused: Refusal) -> None:
    """Layouts behind a node that is no hardware, as far as they are known."""
    node = use.node
    use = Use(node, tuple(o.loose() if isinstance(o, Layout) else o for o in use.operands))
    rule = HOST.get(node.op, same if node.op in SAME_SHAPE else None)
    try:
        if isinstance(refused, Nowhere):
            raise refused
        found = answer(rule, use) if rule else ()
    except Nowhere as reason:
        result.nowhere[node.index] = str(reason)
        return
    result.layouts.update(zip(node.outputs, (layout and layout.loose() for layout in found), strict=False))


def _behind_unknown(result: Survey, node: RawNode, inputs: int) -> None:
    """What can be said of a node without knowing the shapes it works on."""
    try:
        Use(node, result.operands(node)).check()
    except Nowhere as reason:
        result.nowhere[node.index] = str(reason)
    if node.op not in HARDWARE and node.op not in HOST:
        result.refusals[node.index] = NOT_SUPPORTED
    elif node.op in HARDWARE and inputs > 1:
        result.refusals[node.index] = JOINS
