# SPDX-License-Identifier: Apache-2.0
"""The bytes of a protobuf message: where its tags, lengths and payloads stand."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from onnx import ModelProto

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True)
class Place:
    """A field in the file."""

    path: str  # names from the outermost message on: graph.node.input
    kind: int  # wire type
    tag: int  # where its tag starts
    value: int  # where its varint, its length or its bytes start
    start: int  # where its payload starts
    end: int
    parents: tuple[int, ...]  # where the lengths of the messages around it start
    packed: bool = False  # numbers side by side
    message: bool = False


def varint(number: int) -> bytes:
    """Seven bits a byte, least first; of negative numbers all 64 bits."""
    number &= (1 << 64) - 1
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Number, and the place behind it."""
    number = shift = 0
    while True:
        number |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return number, at


def field(number: int, payload: bytes) -> bytes:
    """A field of bytes, for messages deeper than protobuf itself would write."""
    return varint(number << 3 | LENGTH) + varint(len(payload)) + payload


def places(data: bytes) -> list[Place]:
    """All fields of a model file, outer ones first."""
    return list(_walk(data, 0, len(data), ModelProto.DESCRIPTOR, "", ()))


def _walk(data: bytes, at: int, end: int, kind: Any, path: str, parents: tuple[int, ...]) -> Iterator[Place]:
    """`kind`: the descriptor of the message, None of a field that nobody knows."""
    while at < end:
        tag = at
        key, value = read_varint(data, at)
        field = kind.fields_by_number.get(key >> 3) if kind is not None else None
        name = field.name if field is not None else str(key >> 3)
        inner = field.message_type if field is not None else None
        start, at = _payload(data, value, key & 7)
        place = f"{path}.{name}".lstrip(".")
        packed = field is not None and field.is_packed
        yield Place(place, key & 7, tag, value, start, at, parents, packed, inner is not None)
        if inner is not None:
            yield from _walk(data, start, at, inner, place, (*parents, value))


def _payload(data: bytes, value: int, kind: int) -> tuple[int, int]:
    if kind == VARINT:
        return value, read_varint(data, value)[1]
    if kind == LENGTH:
        size, start = read_varint(data, value)
        return start, start + size
    return value, value + (8 if kind == FIXED64 else 4)


def spliced(data: bytes, parents: tuple[int, ...], start: int, end: int, new: bytes) -> bytes:
    """The file with other bytes at a place; the lengths of all messages around it follow."""
    data = data[:start] + new + data[end:]
    more = len(new) - (end - start)
    for at in reversed(parents):
        size, behind = read_varint(data, at)
        length = varint(size + more)
        more += len(length) - (behind - at)
        data = data[:at] + length + data[behind:]
    return data
