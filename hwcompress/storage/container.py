# SPDX-License-Identifier: Apache-2.0
"""The `.hwc` file: a compressed network with all it takes to run it. Its size is the size that reports quote.

    magic "HWC1", CRC-32 of what follows (4 bytes, little endian)
    header, tail, then weights and biases of every layer in order: each its length (LEB128) and its bytes

The header is JSON, deflated with a dictionary; the tail is the ONNX model that the host runs, deflated.
"""

import json
import math
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from hwcompress.errors import BadInput, ShapeError
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Node, Op, check_chain
from hwcompress.ir.types import Shape
from hwcompress.ops import Affine, Conv, Dense
from hwcompress.storage import header, matrix
from hwcompress.storage.hashing import Placement
from hwcompress.storage.header import Ends, Stored
from hwcompress.storage.matrix import Encoded

__all__ = ["Ends", "Packed", "Stored", "is_stored", "pack", "rounded", "unpack"]

MAGIC = b"HWC1"
START = len(MAGIC) + 4
MAX_HEADER = 1 << 20  # bytes, inflated
MAX_TAIL = 1 << 26
MAX_WEIGHTS = 1 << 22  # of one matrix
MAX_CONSTANTS = 1 << 23  # of all
DICTIONARY = (
    b'"conv","/conv1/Conv",20,25,[[5,5],[1,1],[1,1],[0,0],[0,0]],1],["max","/pool/MaxPool",[[2,2],[2,2],[1,1],[0,0],'
    b'[0,0]],null],["sum","/pool/AveragePool"],["lookup","/tanh/Tanh","tanh",[]],["affine","/bn/BatchNormalization",'
    b'"settings":{"bias_correction":false,"input_type":"u8f8","layers":{"dense_0":{"output_type":"u8f4",'
    b'"weight_bits":4},"orders":[[[1,28,28],[1,2,0]],[[],[]]],"batch":1'
    b'{"channels":784,"ends":{"batched":true,"dtype":"float32","input":"input","outputs":["output"],'
    b'"shape":["N",1,28,28],"tail_ops":["Softmax"],"tail_shape":[10]},"grid":[28,28],"grid":[],"name":"model","nodes":'
    b'[["dense","/fc1/Gemm",300,784],["clip","/relu/Relu",0.0,null],["dense","/fc2/MatMul",10,100]],'
    b'"parameters":266610,"values":["input","output"]}'
)


@dataclass(frozen=True, eq=False)
class Packed:
    """A file, and where its bytes went."""

    data: bytes
    weights: Mapping[str, Encoded]  # by node
    biases: Mapping[str, Encoded]
    header_bytes: int
    tail_bytes: int


@dataclass(frozen=True, eq=False)
class Constants:
    """The numbers of one node."""

    node: Node[Op]
    weight: Reals  # [m, n]
    bias: Reals  # [1, m]
    grid: tuple[int, int, int] | None  # of the columns: rows, columns, channels


def rounded(graph: Graph[Op]) -> Graph[Op]:
    """The graph with constants that are float32 numbers: what a file can hold."""
    return replace(graph, nodes=tuple(_rounded(node) for node in graph))


def _rounded(node: Node[Op]) -> Node[Op]:
    op = node.op
    if isinstance(op, Affine):
        return replace(node, op=Affine(_float32(op.scale), _float32(op.bias)))
    if isinstance(op, Dense | Conv):
        return replace(node, op=replace(op, weight=_float32(op.weight), bias=_float32(op.bias)))
    return node


def _float32(values: Reals) -> Reals:
    return values.astype(np.float32).astype(np.float64) + 0.0  # no -0.0


def pack(stored: Stored, method: str = "best") -> Packed:
    """The file of a network whose constants are `rounded`. method: of `storage.matrix.encode`.

    Layers whose weights are placed by hashes, and still as these say, take the bytes of their values alone.
    """
    placed = _placed(stored)
    stored = replace(stored, hashes={name: stored.hashes[name] for name in placed})
    text = json.dumps(header.write(stored), separators=(",", ":"), sort_keys=True, allow_nan=False)
    parts = [_sized(_deflated(text.encode(), DICTIONARY)), _sized(_deflated(stored.tail, b"") if stored.tail else b"")]
    weights: dict[str, Encoded] = {}
    biases: dict[str, Encoded] = {}
    for found in constants(stored):
        name = found.node.name
        values = placed.get(name)
        if values is None:
            weights[name] = matrix.encode(found.weight, found.grid, method)
        else:
            weights[name] = _encoded(found, values, stored.hashes[name], method)
        biases[name] = matrix.encode(found.bias, None, method)
        parts += [_sized(weights[name].data), _sized(biases[name].data)]
    body = b"".join(parts)
    data = MAGIC + zlib.crc32(body).to_bytes(4, "little") + body
    return Packed(data, weights, biases, START + len(parts[0]), len(parts[1]))


def is_stored(data: bytes) -> bool:
    """Whether a file begins like one."""
    return data[: len(MAGIC)] == MAGIC


def unpack(data: bytes, where: str) -> Stored:
    """What a file holds; `where` names it in messages.

    Raises:
        BadInput: it is no .hwc file, damaged, or holds more than is supported.
    """
    if not is_stored(data):
        raise BadInput(f"{where}: a .hwc file wanted, other bytes found. Try: hwcompress compress MODEL.onnx")
    try:
        if zlib.crc32(data[START:]) != int.from_bytes(data[len(MAGIC) : START], "little"):
            raise BadInput("its checksum differs")
        return _unpacked(data[START:])
    except (BadInput, ShapeError) as error:
        again = "Try: copy it again, or make it again with hwcompress compress"
        raise BadInput(f"{where}: a whole .hwc file wanted, a damaged one found ({error}). {again}") from None


def _unpacked(body: bytes) -> Stored:
    reader = _Reader(body)
    text = _inflated(reader.part(), DICTIONARY, MAX_HEADER)
    tail = reader.part()
    stored = replace(header.read(text), tail=_inflated(tail, b"", MAX_TAIL) if tail else b"")
    check_chain(stored.graph)
    blank = list(constants(stored))
    sizes = [size for found in blank for size in (math.prod(found.weight.shape), math.prod(found.bias.shape))]
    if max(sizes, default=0) > MAX_WEIGHTS or sum(sizes) > MAX_CONSTANTS:
        raise BadInput(f"{sum(sizes)} constants; up to {MAX_CONSTANTS}, {MAX_WEIGHTS} a layer, are supported")
    full = {found.node.output: _filled(found, reader, stored.hashes.get(found.node.name)) for found in blank}
    if reader.left:
        raise BadInput(f"{reader.left} bytes more than its layers take")
    nodes = tuple(full.get(node.output, node) for node in stored.graph)
    return replace(stored, graph=replace(stored.graph, nodes=nodes))


def _placed(stored: Stored) -> dict[str, Reals]:
    """The values [buckets] of every node whose weights its hash places, where they are at most half as many."""
    found: dict[str, Reals] = {}
    for node in stored.graph:
        if node.name in stored.hashes and isinstance(node.op, Dense | Conv):
            weight, place = node.op.weight, stored.hashes[node.name]
            values = place.values(weight) if 2 * place.buckets <= np.count_nonzero(weight) else None
            if values is not None:
                found[node.name] = values
    return found


def _encoded(found: Constants, values: Reals, place: Placement, method: str) -> Encoded:
    """Values [buckets], and where some of what they stand for is pruned, what is kept."""
    coded = matrix.encode(values[None], None, method)
    kept = found.weight != 0
    whole = np.array_equal(kept, place.weights(values, kept.shape) != 0)
    mask = None if whole else matrix.encode(kept.astype(np.float64), found.grid, method)
    data = _sized(coded.data) + (mask.data if mask else b"")
    each = values.size / max(1, int(np.count_nonzero(kept)))  # values for a weight
    parts = replace(
        coded.parts,
        weights=kept.size,
        nonzero=int(np.count_nonzero(kept)),
        kind="hashed",
        codebook=values.size,
        value_bits=coded.parts.value_bits * each,
        coded_value_bits=coded.parts.coded_value_bits * each,
        index_bits=mask.parts.index_bits if mask else 0.0,
        coded_index_bits=mask.parts.coded_index_bits if mask else 0.0,
        total=len(data),
    )
    return Encoded(data, parts)


def _weight(data: bytes, found: Constants, place: Placement | None) -> Reals:
    """The matrix [m, n] of a part of the file."""
    shape = cast("tuple[int, int]", found.weight.shape)
    if place is None:
        return matrix.decode(data, shape, found.grid)
    reader = _Reader(data)
    values = matrix.decode(reader.part(), (1, place.buckets), None)
    weight = place.weights(values[0], shape)
    return weight * (matrix.decode(reader.rest(), shape, found.grid) != 0) + 0.0 if reader.left else weight


def _filled(found: Constants, reader: "_Reader", place: Placement | None) -> Node[Op]:
    weight = _weight(reader.part(), found, place)
    bias = matrix.decode(reader.part(), cast("tuple[int, int]", found.bias.shape), None)
    op = found.node.op
    if isinstance(op, Affine):
        return replace(found.node, op=Affine(weight.reshape(op.scale.shape), bias.reshape(op.bias.shape)))
    assert isinstance(op, Dense | Conv)
    return replace(found.node, op=replace(op, weight=weight, bias=bias.reshape(-1)))


def constants(stored: Stored) -> Iterator[Constants]:
    """The numbers of all nodes in order."""
    shape: Shape = stored.graph.shape
    for node in stored.graph:
        op = node.op
        if isinstance(op, Affine):
            width = op.scale.shape[-1]
            yield Constants(node, op.scale.reshape(-1, width), op.bias.reshape(1, -1), None)
        elif isinstance(op, Conv):
            yield Constants(node, op.weight, op.bias[None], (*op.window.kernel, op.channels // op.groups))
        elif isinstance(op, Dense):
            yield Constants(node, op.weight, op.bias[None], _grid(shape, stored.ends, node is stored.graph.nodes[0]))
        shape = op.shape(shape)


def _grid(shape: Shape, ends: Ends, first: bool) -> tuple[int, int, int] | None:
    """How the columns of a dense layer lie in a map; a first layer may read an image as a vector."""
    if len(shape) == 3:
        return shape[0], shape[1], shape[2]
    sample = [int(d) for d in (ends.shape[1:] if ends.batched else ends.shape) if isinstance(d, int)]
    if first and ends.input_order.identity and len(sample) >= 2 and math.prod(sample) == shape[0]:
        return math.prod(sample[:-1]), sample[-1], 1
    return None


class _Reader:
    """Parts of a file, one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def rest(self) -> bytes:
        """All that is left."""
        self._at, start = len(self._data), self._at
        return self._data[start:]

    def part(self) -> bytes:
        """The next one.

        Raises:
            BadInput: the file ends before it does.
        """
        size, shift = 0, 0
        while True:
            if self._at >= len(self._data) or shift > 28:
                raise BadInput("it ends too early")
            byte = self._data[self._at]
            self._at += 1
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        if size > self.left:
            raise BadInput("it ends too early")
        self._at += size
        return self._data[self._at - size : self._at]


def _sized(data: bytes) -> bytes:
    """The length in LEB128, then the bytes."""
    out, left = bytearray(), len(data)
    while left >= 0x80:
        out.append(left & 0x7F | 0x80)
        left >>= 7
    out.append(left)
    return bytes(out) + data


def _deflated(data: bytes, dictionary: bytes) -> bytes:
    made = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, dictionary)
    return made.compress(data) + made.flush()


def _inflated(data: bytes, dictionary: bytes, limit: int) -> bytes:
    """At most `limit` bytes.

    Raises:
        BadInput: they are damaged or more.
    """
    reader = zlib.decompressobj(-15, dictionary)
    try:
        out = reader.decompress(data, limit)
    except zlib.error:
        raise BadInput("a part of it cannot be inflated") from None
    if not reader.eof or reader.unused_data or reader.unconsumed_tail:
        raise BadInput("a part of it is larger inside than is supported, or ends too early")
    return out
