# SPDX-License-Identifier: Apache-2.0
"""The graph of an ONNX file in typed form: from here on nothing but plain Python and arrays."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from onnx import AttributeProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, defs

from hwcompress.errors import BadInput, UnsupportedModel, quote
from hwcompress.frontend.layout import MAX_SAMPLE, UNKNOWN_BATCH, Layout, show
from hwcompress.frontend.limits import MAX_RANK
from hwcompress.frontend.model import ModelInput, Port
from hwcompress.frontend.proto import captured
from hwcompress.frontend.raw import Opaque, RawNode
from hwcompress.frontend.tensors import check_size, decode, type_name

UNSHAPED = ("?",)
KINDS: Mapping[int, str] = {
    AttributeProto.FLOAT: "a number",
    AttributeProto.INT: "an integer",
    AttributeProto.STRING: "a text",
    AttributeProto.TENSOR: "a tensor",
    AttributeProto.FLOATS: "a list of float values",
    AttributeProto.INTS: "a list of int values",
    AttributeProto.STRINGS: "a list of texts",
}


@dataclass(frozen=True)
class RawGraph:
    """Nodes in order; the tensors stay encoded until they are needed."""

    nodes: tuple[RawNode, ...]
    initializers: Mapping[str, TensorProto]
    inputs: tuple[Port, ...]  # without the initializers
    outputs: tuple[Port, ...]
    opsets: tuple[tuple[str, int], ...]


def raw_graph(model: ModelProto) -> RawGraph:
    """The typed view of a model.

    Raises:
        BadInput: an operator set is not declared, an attribute is there twice, or the model has no outputs.
    """
    graph = model.graph
    opsets = {_domain(o.domain): int(o.version) for o in model.opset_import}
    initializers = {t.name: t for t in graph.initializer}
    nodes = tuple(_node(i, node, opsets) for i, node in enumerate(graph.node))
    for tensor in graph.initializer:
        check_size(tensor)
    if not graph.output:
        raise BadInput("the model declares no output; export it again")
    return RawGraph(
        nodes,
        initializers,
        tuple(_port(v) for v in graph.input if v.name not in initializers),
        tuple(_port(v) for v in graph.output),
        tuple(sorted(opsets.items())),
    )


def _domain(name: str) -> str:
    return "" if name == "ai.onnx" else name


def _node(index: int, node: NodeProto, opsets: dict[str, int]) -> RawNode:
    domain = _domain(node.domain)
    if domain not in opsets and domain in ("", "ai.onnx.ml"):
        raise BadInput(f"node {quote(node.name)} ({quote(node.op_type)}): the model does not say which opset it is of")
    return RawNode(
        index,
        f"{domain}.{node.op_type}" if domain else node.op_type,
        node.name,
        tuple(node.input),
        tuple(node.output),
        _attributes(node),
        opsets.get(domain, 1),
        tuple(sorted(captured(node))),
        _strange(node, domain, opsets.get(domain, 1)),
    )


def _strange(node: NodeProto, domain: str, opset: int) -> str:
    """What is wrong with an attribute, if the operator is a known one."""
    try:
        known: Any = defs.get_schema(node.op_type, opset, domain).attributes
    except defs.SchemaError:
        return ""
    for attribute in node.attribute:
        if attribute.name not in known:
            return f"has an attribute {quote(attribute.name)}, which this operator does not have"
        wanted: int = known[attribute.name].type.value
        if wanted != attribute.type:
            return f"attribute {attribute.name} must be {KINDS.get(wanted, 'of another type')}"
    return ""


def _attributes(node: NodeProto) -> dict[str, object]:
    found: dict[str, object] = {}
    for attribute in node.attribute:
        if attribute.name in found:
            where = f"node {quote(node.name)} ({quote(node.op_type)})"
            raise BadInput(f"{where}: the attribute {quote(attribute.name)} is there twice; the file is damaged")
        found[attribute.name] = _attribute(attribute)
    return found


def _attribute(attribute: AttributeProto) -> object:
    kind = attribute.type
    types = AttributeProto
    if kind == types.TENSOR:
        return Opaque("holds text") if attribute.t.data_type == TensorProto.STRING else decode(attribute.t)
    plain: dict[int, object] = {
        types.FLOAT: float(attribute.f),
        types.INT: int(attribute.i),
        types.STRING: attribute.s.decode("utf-8", "replace"),
        types.FLOATS: tuple(float(v) for v in attribute.floats),
        types.INTS: tuple(int(v) for v in attribute.ints),
        types.STRINGS: tuple(s.decode("utf-8", "replace") for s in attribute.strings),
    }
    return plain.get(kind, Opaque("holds a graph or a type"))


def _port(value: ValueInfoProto) -> Port:
    if not value.type.HasField("tensor_type"):
        return Port(value.name, (), "not a tensor")
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        return Port(value.name, UNSHAPED, type_name(tensor.elem_type))
    dims = [
        int(d.dim_value) if d.HasField("dim_value") and d.dim_value >= 0 else d.dim_param or ("?" if axis else "N")
        for axis, d in enumerate(tensor.shape.dim)
    ]
    return Port(value.name, tuple(dims), type_name(tensor.elem_type))


NUMERIC = ("float16", "float32", "float64", "bfloat16", *(f"{s}int{n}" for s in ("", "u") for n in (8, 16, 32, 64)))


def model_input(graph: RawGraph) -> tuple[ModelInput, Layout]:
    """The one input of the model, and how its samples lie in it.

    Raises:
        UnsupportedModel: there is not exactly one, or it is no numeric tensor of known shape.
    """
    if len(graph.inputs) != 1:
        names = ", ".join(quote(p.name) for p in graph.inputs[:8]) or "none"
        raise UnsupportedModel(f"the model has {len(graph.inputs)} inputs ({names}); exactly one is supported")
    port = graph.inputs[0]
    where = f"input {quote(port.name)}"
    if port.dtype not in NUMERIC:
        raise UnsupportedModel(f"{where} holds {port.dtype}; a tensor of float or integer values is supported")
    if port.shape in ((), UNSHAPED):
        raise UnsupportedModel(f"{where} has no shape; export the model with one, such as [N, 16]")
    batched = len(port.shape) > 1 or any(isinstance(d, str) for d in port.shape)
    return ModelInput(port.name, port.shape, port.dtype, batched), _layout(where, port, batched)


def unbatched(found: ModelInput) -> tuple[ModelInput, Layout] | None:
    """Another reading of a shape such as [28, 28]: one sample without a batch; None if it is not possible."""
    dims = tuple(d for d in found.onnx_shape if isinstance(d, int))
    if not found.batched or len(dims) < len(found.onnx_shape) or dims[0] == 1:
        return None
    return replace(found, batched=False), Layout(dims, None, found.dtype)


def _layout(where: str, port: Port, batched: bool) -> Layout:
    for axis, d in enumerate(port.shape):
        if isinstance(d, str) and axis > 0:
            hint = "all but the batch must be fixed when exporting"
            raise UnsupportedModel(f"{where}: dimension {axis} is {quote(d)}; {hint}")
    if len(port.shape) > MAX_RANK:
        raise UnsupportedModel(f"{where} has {len(port.shape)} dimensions; up to {MAX_RANK} are supported")
    dims = tuple(UNKNOWN_BATCH if isinstance(d, str) else d for d in port.shape)
    if not dims or any(d <= 0 for d in dims):
        raise UnsupportedModel(f"{where} has shape {show(dims)}; every dimension must be at least 1")
    layout = Layout(dims, 0 if batched else None, port.dtype)
    if layout.elements > MAX_SAMPLE:
        raise UnsupportedModel(f"{where}: a sample has {layout.elements} elements; up to {MAX_SAMPLE} are supported")
    return layout
