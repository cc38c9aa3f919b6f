# SPDX-License-Identifier: Apache-2.0
"""An ONNX file as a protobuf message: read within limits, completed, put in order."""

import hashlib
import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError, Message
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto

from hwcompress.errors import BadInput, UnsupportedModel, quote
from hwcompress.frontend.external import Loader
from hwcompress.frontend.functions import inline

MAX_BYTES = (1 << 31) - 1  # protobuf's own limit
OLDEST_OPSET = 7


@dataclass(frozen=True)
class File:
    """A model file, complete in memory."""

    name: str  # stem
    sha256: str
    model: ModelProto


def read(path: Path) -> File:
    """The model in `path`: external data pulled in, functions expanded, ZipMap dropped, nodes in order.

    Raises:
        BadInput: the file cannot be read, or is no ONNX model.
        UnsupportedModel: it needs a newer or older operator set.
    """
    data = _bytes(path)
    model = ModelProto()
    try:
        model.ParseFromString(data)
    except (DecodeError, RecursionError, ValueError):
        raise BadInput(
            f"{quote(str(path), 240)}: not an ONNX model, or cut short ({len(data)} bytes); export it again"
        ) from None
    _check(model, path)
    if not _readable(model):
        raise BadInput(f"{quote(str(path), 240)}: a name in it is no text (not UTF-8); the file is damaged")
    loader = Loader(path.parent, MAX_BYTES - len(data))
    for tensor in tensors(model):
        loader.fill(tensor)
    inline(model)
    _drop_zipmap(model.graph)
    _sort(model.graph)
    return File(path.stem, hashlib.sha256(data).hexdigest(), model)


def _bytes(path: Path) -> bytes:
    where = quote(str(path), 240)
    try:
        if path.is_dir():
            raise BadInput(f"{where} is a directory; name an ONNX file")
        if not path.is_file():
            raise BadInput(f"{where}: no such file; name an ONNX file")
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise BadInput(f"{where} has {size} bytes; models up to 2 GiB can be read")
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise BadInput(f"{where} cannot be read: {reason}") from None
    if not data:
        raise BadInput(f"{where} is empty; export the model again")
    return data


def _check(model: ModelProto, path: Path) -> None:
    where = quote(str(path), 240)
    if not model.HasField("graph") or not (model.ir_version or model.opset_import):
        raise BadInput(f"{where}: not an ONNX model (no graph and no version in it); export it again")
    if not model.graph.node:
        raise BadInput(f"{where}: the model has no operators; export it again")
    newest = onnx.defs.onnx_opset_version()
    for opset in model.opset_import:
        if opset.domain in ("", "ai.onnx") and not OLDEST_OPSET <= opset.version <= newest:
            raise UnsupportedModel(
                f"{where}: written for opset {opset.version}; {OLDEST_OPSET} to {newest} are supported; "
                "convert it with onnx.version_converter"
            )


def _readable(model: ModelProto) -> bool:
    """Every text in the model is text: protobuf hands out bytes where it is not UTF-8."""
    waiting: list[Message] = [model]
    while waiting:
        for field, value in waiting.pop().ListFields():
            if field.type == field.TYPE_MESSAGE:
                waiting.extend([value] if isinstance(value, Message) else value)
            elif (field.type == field.TYPE_STRING and isinstance(value, bytes)) or (
                field.type == field.TYPE_STRING and not isinstance(value, str) and not _all_text(value)
            ):
                return False
    return True


def _all_text(values: Iterable[object]) -> bool:
    return all(isinstance(value, str) for value in values)


def tensors(model: ModelProto) -> Iterator[TensorProto]:
    """Every tensor anywhere in the model: initializers, attributes, bodies of control flow, functions."""
    graphs: list[GraphProto] = [model.graph]
    nodes: list[NodeProto] = [node for function in model.functions for node in function.node]
    while graphs or nodes:
        if graphs:
            graph = graphs.pop()
            yield from graph.initializer
            for sparse in graph.sparse_initializer:
                yield from (sparse.values, sparse.indices)
            nodes.extend(graph.node)
            continue
        for attribute in nodes.pop().attribute:
            yield from _attribute_tensors(attribute)
            graphs.extend([attribute.g] if attribute.HasField("g") else [])
            graphs.extend(attribute.graphs)


def _attribute_tensors(attribute: AttributeProto) -> Iterator[TensorProto]:
    if attribute.HasField("t"):
        yield attribute.t
    yield from attribute.tensors
    for sparse in [attribute.sparse_tensor] if attribute.HasField("sparse_tensor") else attribute.sparse_tensors:
        yield from (sparse.values, sparse.indices)


def captured(node: NodeProto) -> set[str]:
    """Values that the bodies of a control flow node read from outside."""
    graphs = _bodies(node)
    read: set[str] = set()
    made: set[str] = {""}
    while graphs:
        graph = graphs.pop()
        made.update(v.name for v in graph.input)
        made.update(t.name for t in graph.initializer)
        made.update(s.values.name for s in graph.sparse_initializer)
        read.update(v.name for v in graph.output)
        for inner in graph.node:
            read.update(inner.input)
            made.update(inner.output)
            graphs.extend(_bodies(inner))
    return read - made


def _bodies(node: NodeProto) -> list[GraphProto]:
    return [g for a in node.attribute for g in ([a.g] if a.HasField("g") else a.graphs)]


def _drop_zipmap(graph: GraphProto) -> None:
    """ZipMap passes its tensor through: arrays are answered, not dictionaries."""
    for node in graph.node:
        if node.op_type != "ZipMap" or node.domain != "ai.onnx.ml" or not node.input or not node.output:
            continue
        node.op_type, node.domain = "Identity", ""
        del node.attribute[:]
        for value in graph.output:
            if value.name == node.output[0]:
                value.ClearField("type")  # follows from its tensor: float or double


def _sort(graph: GraphProto) -> None:
    """Nodes in an order in which every value is made before it is read; the file's own order where that is one.

    Raises:
        BadInput: a value is missing, made twice, or depends on itself.
    """
    nodes = list(graph.node)
    made = _makers(graph, nodes)
    waiting: dict[str, list[int]] = {}
    missing = [0] * len(nodes)
    for index, node in enumerate(nodes):
        for name in {n for n in node.input if n} | (captured(node) & made.keys()):
            if name not in made:
                raise BadInput(
                    f"node {quote(node.name)} ({quote(node.op_type)}) reads {quote(name)}, which nothing makes"
                )
            if made[name] >= 0:
                missing[index] += 1
                waiting.setdefault(name, []).append(index)
    order = _drain(nodes, waiting, missing)
    if len(order) < len(nodes):
        stuck = next(i for i, count in enumerate(missing) if count > 0)
        raise BadInput(f"node {quote(nodes[stuck].name)} ({quote(nodes[stuck].op_type)}) depends on its own result")
    if order != sorted(order):
        copies = [NodeProto.FromString(nodes[i].SerializeToString()) for i in order]
        del graph.node[:]
        graph.node.extend(copies)


def _drain(nodes: list[NodeProto], waiting: dict[str, list[int]], missing: list[int]) -> list[int]:
    """The smallest order: the file's own, if that is one."""
    ready = [index for index, count in enumerate(missing) if count == 0]
    order: list[int] = []
    while ready:
        index = heapq.heappop(ready)
        order.append(index)
        for reader in (r for name in nodes[index].output for r in waiting.get(name, ())):
            missing[reader] -= 1
            if missing[reader] == 0:
                heapq.heappush(ready, reader)
    return order


def _makers(graph: GraphProto, nodes: list[NodeProto]) -> dict[str, int]:
    """Index of the node that makes each value, -1 for inputs and initializers."""
    stored = [t.name for t in graph.initializer] + [s.values.name for s in graph.sparse_initializer]
    made = dict.fromkeys((v.name for v in graph.input), -1)
    seen: set[str] = set()
    for name in stored:
        if name in seen:
            raise BadInput(f"the initializer {quote(name)} is there twice; the file is damaged")
        seen.add(name)
        made[name] = -1
    for index, node in enumerate(nodes):
        for name in node.output:
            if name in made:
                raise BadInput(
                    f"node {quote(node.name)} makes {quote(name)}, which exists already; the file is damaged"
                )
            if name:
                made[name] = index
    return made
