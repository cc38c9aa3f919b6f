# SPDX-License-Identifier: Apache-2.0
"""The header of a `.hwc` file: everything but the numbers of its layers. What comes from a file is checked here."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hwcompress.errors import BadInput, quote
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Node, Op
from hwcompress.ir.order import Order
from hwcompress.ops import Affine, Clip, Conv, Dense, Lookup, MaxPool, SumPool, Window
from hwcompress.ops.lookup import FUNCTIONS, arity
from hwcompress.storage.hashing import Placement

MAX_SIDE = 1 << 22  # of any dimension


@dataclass(frozen=True)
class Ends:
    """The model's own input and output around the graph, as `frontend.model.Model` has them."""

    input: str
    shape: tuple[int | str, ...]  # with the batch dimension, if there is one
    dtype: str  # numpy name
    batched: bool
    outputs: tuple[str, ...]
    tail_shape: tuple[int, ...]
    tail_ops: tuple[str, ...] = ()
    input_order: Order = field(default_factory=Order)
    output_order: Order = field(default_factory=Order)
    batch: int = 0


@dataclass(frozen=True, eq=False)
class Stored:
    """What a `.hwc` file holds."""

    name: str
    graph: Graph[Op]
    ends: Ends
    tail: bytes = b""  # ONNX model that the host runs
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])  # fields of a Config that its numbers imply
    parameters: int = 0  # of the network that was compressed
    hashes: Mapping[str, Placement] = field(default_factory=dict[str, Placement])  # by node: how its weights are placed


Text = Annotated[str, Field(max_length=4096)]
Whole = Annotated[int, Field(ge=0, le=MAX_SIDE, strict=True)]
Side = Annotated[int, Field(ge=1, le=MAX_SIDE, strict=True)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Pair = tuple[Whole, Whole]
Sides = tuple[Side, Side]
WindowRow = tuple[Sides, Sides, Sides, Pair, Pair]
DenseRow = tuple[Literal["dense"], Text, Side, Side]
ConvRow = tuple[Literal["conv"], Text, Side, Side, WindowRow, Side]
AffineRow = tuple[Literal["affine"], Text, Annotated[list[Side], Field(min_length=1, max_length=3)]]
ClipRow = tuple[Literal["clip"], Text, Finite | None, Finite | None]
LookupRow = tuple[Literal["lookup"], Text, Text, Annotated[list[Finite], Field(max_length=4)]]
MaxRow = tuple[Literal["max"], Text, WindowRow, Finite | None]
SumRow = tuple[Literal["sum"], Text, WindowRow]
Row = DenseRow | ConvRow | AffineRow | ClipRow | LookupRow | MaxRow | SumRow
OrderRow = tuple[Annotated[list[Side], Field(max_length=64)], Annotated[list[Whole], Field(max_length=64)]]
HashRow = tuple[Side, Annotated[int, Field(ge=0, lt=1 << 64, strict=True)]]  # buckets, seed
_STRICT = ConfigDict(extra="forbid", frozen=True)


class _Ends(BaseModel):
    model_config = _STRICT

    input: Text
    shape: Annotated[list[Side | Text], Field(max_length=64)]
    dtype: Literal["float16", "float32", "float64", "bfloat16", "int8", "uint8", "int16", "uint16", "int32", "uint32",
                   "int64", "uint64", "bool"]  # fmt: skip
    batched: bool
    outputs: Annotated[list[Text], Field(min_length=1, max_length=64)]
    tail_shape: Annotated[list[Side], Field(max_length=64)]
    tail_ops: Annotated[list[Text], Field(max_length=1024)] = []
    orders: tuple[OrderRow, OrderRow] = (([], []), ([], []))
    batch: Whole = 0


class _Header(BaseModel):
    model_config = _STRICT

    name: Text
    ends: _Ends
    grid: Sides | tuple[()]
    channels: Side
    values: tuple[Text, Text]  # names of the graph's input and output
    nodes: Annotated[list[Row], Field(max_length=4096)]
    settings: dict[str, Any] = {}
    parameters: Annotated[int, Field(ge=0, strict=True)] = 0
    hashes: dict[Text, HashRow] = {}


def write(stored: Stored) -> dict[str, Any]:
    """As plain lists and numbers."""
    graph, ends = stored.graph, stored.ends
    own: dict[str, Any] = {
        "input": ends.input,
        "shape": list(ends.shape),
        "dtype": ends.dtype,
        "batched": ends.batched,
        "outputs": list(ends.outputs),
        "tail_shape": list(ends.tail_shape),
    }
    if ends.tail_ops:
        own["tail_ops"] = list(ends.tail_ops)
    if not (ends.input_order.identity and ends.output_order.identity):
        own["orders"] = [[list(o.sizes), list(o.axes)] for o in (ends.input_order, ends.output_order)]
    if ends.batch:
        own["batch"] = ends.batch
    header: dict[str, Any] = {
        "name": stored.name,
        "ends": own,
        "grid": list(graph.grid),
        "channels": graph.channels,
        "values": [graph.input, graph.output],
        "nodes": [_row(node) for node in graph],
        "parameters": stored.parameters,
    }
    if stored.settings:
        header["settings"] = dict(stored.settings)
    if stored.hashes:
        header["hashes"] = {name: [each.buckets, each.seed] for name, each in stored.hashes.items()}
    return header


def _row(node: Node[Op]) -> list[Any]:
    kind, *rest = _described(node.op)
    return [kind, node.name, *rest]


def _described(op: Op) -> tuple[Any, ...]:
    """Kind and numbers of an operator, without its constants."""
    if isinstance(op, Dense):
        return ("dense", *op.weight.shape)
    if isinstance(op, Conv):
        return ("conv", *op.weight.shape, _window_row(op.window), op.groups)
    if isinstance(op, Affine):
        return ("affine", list(op.scale.shape))
    if isinstance(op, Clip):
        return ("clip", _finite(op.lo), _finite(op.hi))
    return _described_plain(op)


def _described_plain(op: Op) -> tuple[Any, ...]:
    if isinstance(op, Lookup):
        return ("lookup", op.function, list(op.parameters))
    if isinstance(op, MaxPool):
        return ("max", _window_row(op.window), _finite(op.fill))
    assert isinstance(op, SumPool)
    return ("sum", _window_row(op.window))


def _window_row(w: Window) -> list[list[int]]:
    return [list(pair) for pair in (w.kernel, w.stride, w.dilation, w.before, w.after)]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def read(text: bytes) -> Stored:
    """The network with weights and biases of zeros that take no memory.

    Raises:
        BadInput: it is not what `write` makes.
    """
    try:
        found = _Header.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(p) for p in first["loc"][:3])
        raise BadInput(f"its header: {quote(place, 60)}: {first['msg']}") from None
    ends, orders = found.ends, [Order(tuple(s), tuple(a)) for s, a in found.ends.orders]
    _check_orders(orders)
    nodes: list[Node[Op]] = []
    value = found.values[0]
    for k, row in enumerate(found.nodes):
        made = found.values[1] if k + 1 == len(found.nodes) else f"value_{k}"
        nodes.append(Node(row[1], _op(row), value, made))
        value = made
    graph = Graph[Op](found.name, found.values[0], found.channels, tuple(nodes), {}, found.grid)
    return Stored(
        found.name,
        graph,
        Ends(
            ends.input, tuple(ends.shape), ends.dtype, ends.batched, tuple(ends.outputs), tuple(ends.tail_shape),
            tuple(ends.tail_ops), orders[0], orders[1], ends.batch,
        ),
        b"",
        found.settings,
        found.parameters,
        _hashes(found, graph),
    )  # fmt: skip


def _hashes(found: _Header, graph: Graph[Op]) -> dict[str, Placement]:
    sizes = {node.name: node.op.weight.size for node in graph if isinstance(node.op, Dense | Conv)}
    for name, (buckets, _) in found.hashes.items():
        if buckets > sizes.get(name, 0):
            raise BadInput(f"its header: hashes of {quote(name, 60)}: values of a layer with so many weights wanted")
    return {name: Placement(*row) for name, row in found.hashes.items()}


def _check_orders(orders: list[Order]) -> None:
    for order in orders:
        if sorted(order.axes) != list(range(len(order.sizes))):
            raise BadInput("its header: an order of the elements that is none")


def _op(row: Row) -> Op:
    match row:
        case ("dense", _, m, n):
            return Dense(_zeros(m, n), _zeros(m))
        case ("conv", _, m, n, window, groups):
            return Conv(_zeros(m, n), _zeros(m), _window(window), groups)
        case ("affine", _, shape):
            return Affine(_zeros(*shape), _zeros(*shape))
        case _:
            return _plain(row)


def _plain(row: ClipRow | LookupRow | MaxRow | SumRow) -> Op:
    """An operator without constants."""
    match row:
        case ("clip", _, lo, hi):
            return Clip(-math.inf if lo is None else lo, math.inf if hi is None else hi)
        case ("max", _, window, fill):
            return MaxPool(_window(window), -math.inf if fill is None else fill)
        case ("sum", _, window):
            return SumPool(_window(window))
        case (_, _, function, parameters):
            if function not in FUNCTIONS or len(parameters) != arity(function):
                raise BadInput(f"its header: the function {quote(function)} is not known, or not with its parameters")
            return Lookup(function, tuple(parameters))


def _window(row: WindowRow) -> Window:
    return Window(*row)


def _zeros(*shape: int) -> Reals:
    return np.broadcast_to(np.float64(0.0), shape)
