# SPDX-License-Identifier: Apache-2.0
"""The part of a model that stays on the host, as an ONNX model of its own; and the whole model with a free batch."""

from collections.abc import Sequence

from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, defs, helper

from hwcompress.frontend.layout import UNKNOWN_BATCH, Layout
from hwcompress.frontend.proto import captured
from hwcompress.frontend.raw import Opaque, RawNode
from hwcompress.frontend.split import Split
from hwcompress.frontend.survey import Survey
from hwcompress.frontend.tensors import type_code

MAX_IR = 10  # what every onnxruntime since 1.18 reads; nothing newer is used
PLAIN_OPSET = 21  # likewise; newer models are marked with the oldest version that has their operators


def tail_model(model: ModelProto, survey: Survey, split: Split, layout: Layout) -> bytes:
    """What follows the hardware: input [N, *sample] of the chain's end, outputs of the model; b"" if nothing does."""
    name = _fresh("hw", model.graph)
    head = _head(name, split.end, layout)
    if not split.rest and len(head) == 1 and head[0].op_type == "Identity" and len(model.graph.output) == 1:
        return b""
    body: list[NodeProto] = list(head)
    behind = {split.end} | {name for node in split.rest for name in node.outputs}
    needed = _needed(survey, split, behind)
    for node in survey.graph.nodes:
        if node.index not in needed:
            continue
        upstream = survey.type_reads.get(node.index, split.end) not in behind
        body.extend(_type_of(node, survey, split.end, layout) if upstream else [model.graph.node[node.index]])
    graph = GraphProto(name="tail", node=body, output=[_untyped(v) for v in model.graph.output])
    read = {name for node in body for name in (*node.input, *captured(node))}
    graph.initializer.extend(t for t in model.graph.initializer if t.name in read)
    dims = ["N", *layout.sample]
    graph.input.append(helper.make_tensor_value_info(name, type_code(layout.dtype), dims))
    return _packed(ModelProto(graph=graph, opset_import=model.opset_import, ir_version=max(model.ir_version, 4)))


def _fresh(name: str, graph: GraphProto) -> str:
    used = {n for node in graph.node for n in (*node.input, *node.output)} | {v.name for v in graph.output}
    while name in used:
        name += "_"
    return name


def _head(name: str, end: str, layout: Layout) -> list[NodeProto]:
    """From [N, *sample] to the layout of the model's own value."""
    if layout.batch is None:
        shape = f"{name}_shape"  # one sample at a time: the batch of 1 disappears
        return [_list(shape, layout.dims), helper.make_node("Reshape", [name, shape], [end])]
    if layout.batch == 0:
        return [helper.make_node("Identity", [name], [end])]
    order = list(range(1, len(layout.dims)))
    order.insert(layout.batch, 0)
    return [helper.make_node("Transpose", [name], [end], perm=order)]


def _needed(survey: Survey, split: Split, behind: set[str]) -> set[int]:
    """Nodes of the tail and the constants they read."""
    needed = {node.index for node in split.rest}
    values = {name for node in split.rest for name in node.reads} - behind
    for node in reversed(survey.graph.nodes):
        if node.index in needed or values.isdisjoint(node.outputs):
            continue
        needed.add(node.index)
        values.update(name for name in node.reads if name != survey.type_reads.get(node.index))
    return needed


def _type_of(node: RawNode, survey: Survey, end: str, layout: Layout) -> list[NodeProto]:
    """A node that reads only the shape or the type of a value inside the hardware, without that value."""
    if node.op == "Shape":
        return _shape_of(node, survey, end, layout)
    like = survey.layouts[survey.type_reads[node.index]]
    assert like is not None
    return [helper.make_node("Cast", node.inputs[:1], node.outputs, to=type_code(like.dtype))]


def _shape_of(node: RawNode, survey: Survey, end: str, layout: Layout) -> list[NodeProto]:
    """A Shape of a value inside the hardware: its dimensions, the batch taken from the end of the hardware."""
    made, value = node.outputs[0], survey.constants[node.outputs[0]]
    dims = [] if isinstance(value, Opaque) else [int(v) for v in value]
    if UNKNOWN_BATCH not in dims or layout.batch is None:
        return [_list(made, [1 if d == UNKNOWN_BATCH else d for d in dims])]
    at = dims.index(UNKNOWN_BATCH)
    before, index, shape, batch, after = (f"{made}/{part}" for part in ("before", "index", "shape", "batch", "after"))
    return [
        _list(before, dims[:at]),
        _list(index, [layout.batch]),
        _list(after, dims[at + 1 :]),
        helper.make_node("Shape", [end], [shape]),
        helper.make_node("Gather", [shape, index], [batch]),
        helper.make_node("Concat", [before, batch, after], [made], axis=0),
    ]


def _list(name: str, values: Sequence[int]) -> NodeProto:
    """A Constant node of int64 values."""
    tensor = TensorProto(data_type=TensorProto.INT64, dims=[len(values)], int64_data=values)
    return helper.make_node("Constant", [], [name], value=tensor)


def free_model(model: ModelProto, survey: Survey, batched: bool) -> bytes:
    """The whole model with any batch, in a form that onnxruntime runs."""
    whole = ModelProto()
    whole.CopyFrom(model)
    graph = whole.graph
    stored = set(survey.graph.initializers)
    for value in graph.input:
        if batched and value.name not in stored:
            value.type.tensor_type.shape.dim[0].dim_param = "N"
    outputs = [_untyped(v) for v in graph.output]
    del graph.output[:], graph.value_info[:]
    graph.output.extend(outputs)
    if any(step.repair for step in survey.steps.values()):
        _turn(graph, {index for index, step in survey.steps.items() if step.repair})
    return _packed(whole)


def _turn(graph: GraphProto, indices: set[int]) -> None:
    """Put Transposes around nodes that work along the wrong dimension."""
    nodes: list[NodeProto] = []
    for index, node in enumerate(graph.node):
        if index not in indices:
            nodes.append(node)
            continue
        turned, back = f"{node.output[0]}/turned", f"{node.output[0]}/back"
        inner = NodeProto.FromString(node.SerializeToString())
        inner.input[0], inner.output[0] = turned, back
        nodes.append(helper.make_node("Transpose", [node.input[0]], [turned], perm=[1, 0]))
        nodes.append(inner)
        nodes.append(helper.make_node("Transpose", [back], [node.output[0]], perm=[1, 0]))
    copies = [NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)


def _untyped(value: ValueInfoProto) -> ValueInfoProto:
    """An output without its shape, which may hold an old batch."""
    copy = ValueInfoProto(name=value.name)
    if value.type.tensor_type.elem_type:
        copy.type.tensor_type.elem_type = value.type.tensor_type.elem_type
    return copy


def _packed(model: ModelProto) -> bytes:
    """Serialized, marked with versions that older onnxruntimes read where that changes nothing."""
    model.ir_version = min(model.ir_version, MAX_IR)
    for opset in model.opset_import:
        if opset.domain in ("", "ai.onnx") and opset.version > PLAIN_OPSET:
            opset.version = _oldest(model.graph, opset.version)
    return model.SerializeToString()


def _oldest(graph: GraphProto, version: int) -> int:
    """The oldest operator set, from PLAIN_OPSET on, in which every node means what it means in `version`."""
    oldest = PLAIN_OPSET
    for node in graph.node:
        if node.domain not in ("", "ai.onnx"):
            continue
        if not defs.has(node.op_type):
            return version
        oldest = max(oldest, _same_since(node.op_type, version))
    return oldest


def _same_since(op: str, version: int) -> int:
    """The oldest version of an operator that differs from that of `version` in nothing but element types."""
    schema = defs.get_schema(op, version)
    while schema.since_version > PLAIN_OPSET and defs.has(op, schema.since_version - 1):
        older = defs.get_schema(op, schema.since_version - 1)
        if older.doc != schema.doc or set(older.attributes) != set(schema.attributes):
            break
        schema = older
    return schema.since_version
