# SPDX-License-Identifier: Apache-2.0
"""A .hwc file gives back the network to the last bit, and a damaged one gives one clear error."""

import json
import zlib
from dataclasses import replace

import numpy as np
import pytest

from hwcompress.errors import BadInput
from hwcompress.ir.graph import Graph, Op
from hwcompress.ir.order import Order
from hwcompress.ops import Affine, Clip, Conv, Dense, Lookup, MaxPool
from hwcompress.storage import container
from hwcompress.storage.container import DICTIONARY, MAGIC, START, Ends, Stored, pack, rounded, unpack
from tests.compress.maps import network, random_network
from tests.compress.networks import random_chain

METHODS = ("best", "raw", "relative", "huffman", "arithmetic")


def ends(graph: Graph[Op]) -> Ends:
    return Ends(
        "in\x00put", ("N", *graph.shape), "float32", True, ("a", 'b"<'), (1, 2), ("Softmax",),
        Order((2, 3), (1, 0)), Order(), 4,
    )  # fmt: skip


def stored(graph: Graph[Op], **changes) -> Stored:
    settings = {"input_type": "s8f6", "layers": {"dense_0": {"weight_bits": 4}}}
    return replace(Stored("name ü", rounded(graph), ends(graph), b"tail" * 50, settings, 1234), **changes)


def same(a: Graph[Op], b: Graph[Op]) -> bool:
    def numbers(op: Op) -> list[bytes]:
        if isinstance(op, Affine):
            return [op.scale.tobytes(), op.bias.tobytes(), str(op.scale.shape).encode()]
        if isinstance(op, Dense | Conv):
            rest = repr((op.window, op.groups)) if isinstance(op, Conv) else ""
            return [op.weight.tobytes(), op.bias.tobytes(), str(op.weight.shape).encode(), rest.encode()]
        return [repr(op).encode()]

    pairs = list(zip(a, b, strict=True))
    named = all(x.name == y.name and type(x.op) is type(y.op) for x, y in pairs)
    return named and a.shape == b.shape and all(numbers(x.op) == numbers(y.op) for x, y in pairs)


@pytest.mark.parametrize("seed", range(40))
def test_what_is_read_is_what_was_written(seed):
    graph = random_network(seed, grouped=True) if seed % 2 else random_chain(seed)
    given = stored(graph)
    packed = pack(given, METHODS[seed % 5])
    back = unpack(packed.data, "x")
    assert same(back.graph, given.graph)
    assert (back.graph.input, back.graph.output) == (given.graph.input, given.graph.output)
    assert (back.ends, back.tail, back.settings, back.parameters) == (
        given.ends, given.tail, given.settings, given.parameters,
    )  # fmt: skip
    assert pack(back, METHODS[seed % 5]).data == packed.data


def test_infinite_bounds_and_fills():
    window = container.header.Window((1, 1))
    graph = network(
        (1, 1, 2), Clip(-np.inf, 1e300), Lookup("leaky_relu", (0.1,)), MaxPool(window, 0.0), MaxPool(window)
    )
    assert same(unpack(pack(stored(graph)).data, "x").graph, graph)


def test_its_parts_are_its_size():
    packed = pack(stored(random_network(1)))
    lengths = [len(e.data) for e in (*packed.weights.values(), *packed.biases.values())]
    assert len(packed.data) == packed.header_bytes + packed.tail_bytes + sum(n + (1 if n < 128 else 2) for n in lengths)


def test_every_cut_and_every_changed_byte_is_found():
    data = pack(stored(random_chain(2))).data
    for cut in range(len(data)):
        with pytest.raises(BadInput, match=r"\.hwc file wanted"):
            unpack(data[:cut], "model 'm'")
    for at in range(len(data)):
        with pytest.raises(BadInput, match=r"\.hwc file wanted"):
            unpack(data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :], "model 'm'")
    with pytest.raises(BadInput, match="damaged"):
        unpack(data + b"\0", "model 'm'")


def forged(text: bytes, rest: bytes = b"\0" * 40) -> bytes:
    """A file with another header and a right checksum."""
    body = container._sized(container._deflated(text, DICTIONARY)) + b"\0" + rest  # pyright: ignore[reportPrivateUsage]
    return MAGIC + zlib.crc32(body).to_bytes(4, "little") + body


def header() -> dict:
    graph = network((4,), Dense(np.ones((2, 4)), np.zeros(2)), Clip(0.0, np.inf))
    return container.header.write(stored(graph))


@pytest.mark.parametrize(("path", "value"), [
    (("nodes",), [["dense", "a", 1 << 22, 1 << 22]]),
    (("nodes",), [["dense", "a", 3, 5]]),
    (("nodes",), [["dense", "a", 0, 4]]),
    (("nodes",), [["dense", "a", -1, 4]]),
    (("nodes",), [["dense", "a", True, 4]]),
    (("nodes",), [["conv", "a", 1, 4, [[1, 1], [0, 1], [1, 1], [0, 0], [0, 0]], 1]]),
    (("nodes",), [["max", "a", [[9, 9], [1, 1], [1, 1], [0, 0], [0, 0]], None]]),
    (("nodes",), [["lookup", "a", "__import__", []]]),
    (("nodes",), [["lookup", "a", "elu", []]]),
    (("nodes",), [["lookup", "a", "tanh", [1.0, 2.0]]]),
    (("nodes",), [["affine", "a", [7]]]),
    (("nodes",), [["clip", "a", 1.0, "x"]]),
    (("nodes",), [["what", "a"]]),
    (("nodes",), "dense"),
    (("channels",), 10**12),
    (("grid",), [1]),
    (("ends", "dtype"), "object"),
    (("ends", "orders"), [[[4], [3]], [[], []]]),
    (("ends", "orders"), [[[5, 5], [1, 0]], [[], []]]),
    (("ends", "shape"), [[]]),
    (("extra",), 1),
])  # fmt: skip
def test_forged_headers(path, value):
    made = header()
    spot = made
    for key in path[:-1]:
        spot = spot[key]
    spot[path[-1]] = value
    with pytest.raises(BadInput, match=r"^m: a whole \.hwc file wanted, a damaged one found \(") as caught:
        unpack(forged(json.dumps(made).encode()), "m")
    assert "bytes more" not in str(caught.value)


def test_bombs():
    for text in (b" " * (2 << 20), b"[" * 100_000, b"", b"\xff\xfe", b"null", b"[]"):
        with pytest.raises(BadInput, match="damaged"):
            unpack(forged(text), "m")


def test_too_many_constants_take_no_memory():
    made = header()
    made["nodes"] = [["dense", "a", 1 << 20, 4], *[["dense", f"n{k}", 1 << 20, 1 << 20] for k in range(8)]]
    with pytest.raises(BadInput, match="constants"):
        unpack(forged(json.dumps(made).encode()), "m")


def test_it_starts_with_its_name():
    data = pack(stored(random_chain(0))).data
    assert data[:4] == b"HWC1"
    assert START == 8
