# SPDX-License-Identifier: Apache-2.0
# pyright: reportAttributeAccessIssue=false
"""Weights that hashes place: the file holds their values alone and gives back the same network."""

import json
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

from hwcompress.errors import BadInput
from hwcompress.ops import Dense
from hwcompress.storage import container
from hwcompress.storage.container import Stored, pack, unpack
from hwcompress.storage.hashing import Placement, hashed
from tests.compress.maps import network
from tests.storage.test_container import METHODS, ends, forged, same


def splitmix(word: int) -> int:
    mask = (1 << 64) - 1
    word = (word + 0x9E3779B97F4A7C15) & mask
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & mask
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & mask
    return word ^ (word >> 31)


@pytest.mark.parametrize("seed", [0, 5, -1])
def test_hashes_are_splitmix(seed: int) -> None:
    buckets, signs = hashed(50, 7, seed)
    for place in range(50):
        word = splitmix((place + splitmix(seed % 2**64)) % 2**64)
        assert buckets[place] == splitmix(word) % 7
        assert signs[place] == (-1 if word >> 63 else 1)


def placed(values: np.ndarray, place: Placement, shape: tuple[int, int]) -> np.ndarray:
    """Weight by weight, as the paper has it."""
    bucket, sign = hashed(shape[0] * shape[1], place.buckets, place.seed)
    return np.array([s * values[b] for b, s in zip(bucket, sign, strict=True)]).reshape(shape)


def given(weight: np.ndarray, place: Placement, name: str = "") -> Stored:
    graph = network((weight.shape[1],), Dense(weight, np.zeros(len(weight))))
    return Stored("m", graph, ends(graph), hashes={name or graph.nodes[0].name: place})


def values(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=count).astype(np.float32).astype(np.float64)


PLACE = Placement(20, (1 << 64) - 1)


@pytest.mark.parametrize("pruned", [0.0, 0.4, 0.9])
@pytest.mark.parametrize("method", METHODS)
def test_what_is_read_is_what_was_written(pruned, method):
    shape = 30, 40
    weight = placed(values(20), PLACE, shape) * (np.random.default_rng(1).random(shape) >= pruned) + 0.0
    stored = given(weight, PLACE)
    packed = pack(stored, method)
    back = unpack(packed.data, "x")
    assert same(back.graph, stored.graph)
    assert back.hashes == stored.hashes
    assert pack(back, method).data == packed.data
    parts = next(iter(packed.weights.values())).parts
    assert (parts.kind, parts.weights, parts.nonzero, parts.codebook) == ("hashed", 1200, np.count_nonzero(weight), 20)
    assert parts.total == len(next(iter(packed.weights.values())).data)


def test_it_is_small():
    """Twenty float32 values, and little else, for 1,200 weights; a mask costs less than a bit of each."""
    weight = placed(values(20), PLACE, (30, 40))
    whole = next(iter(pack(given(weight, PLACE)).weights.values())).data
    assert len(whole) < 20 * 4 + 12
    pruned = weight * (np.random.default_rng(1).random(weight.shape) >= 0.9)
    assert len(next(iter(pack(given(pruned, PLACE)).weights.values())).data) < len(whole) + 1200 / 8


@pytest.mark.parametrize(
    ("count", "kept"), [(1, True), (2, True), (600, True), (601, False), (1200, False), (9999, False)]
)
def test_few_values_and_many(count, kept):
    """As many as half of the weights: more are stored as any, more than the weights as well."""
    place = Placement(count, 3)
    weight = placed(values(count), place, (30, 40))
    back = unpack(pack(given(weight, place)).data, "x")
    assert same(back.graph, given(weight, place).graph)
    assert bool(back.hashes) == kept


def test_values_of_zero_are_no_pruned_weights():
    some = values(20)
    some[::2] = 0.0
    weight = placed(some, PLACE, (30, 40)) + 0.0
    stored = given(weight, PLACE)
    assert same(unpack(pack(stored).data, "x").graph, stored.graph)
    assert len(pack(stored).data) < len(pack(given(placed(values(20), PLACE, (30, 40)), PLACE)).data)


@pytest.mark.parametrize("other", [Placement(20, 7), Placement(19, PLACE.seed), PLACE])
def test_weights_that_lie_elsewhere_are_stored_as_any(other):
    weight = placed(values(20), PLACE, (30, 40))
    if other is PLACE:
        weight[7, 7] = 5.0
    stored = given(weight, other)
    back = unpack(pack(stored).data, "x")
    assert same(back.graph, stored.graph)
    assert back.hashes == {}
    assert pack(stored).data == pack(replace(stored, hashes={})).data


@pytest.mark.parametrize("row", [[0, 0], [1201, 0], [1 << 40, 0], [20, -1], [20, 1 << 64], [20, 0.5], [20], "x", None])
@pytest.mark.parametrize("name", ["", "another"])
def test_forged_hashes(row, name):
    stored = given(placed(values(20), PLACE, (30, 40)), PLACE)
    head = container.header.write(stored)
    head["hashes"] = {name or stored.graph.nodes[0].name: row}
    with pytest.raises(BadInput, match=r"^m: a whole \.hwc file wanted, a damaged one found \(its header"):
        unpack(forged(json.dumps(head).encode()), "m")


def test_forged_values():
    """Whatever stands where values and mask should be: one error or other weights."""
    stored = given(placed(values(20), PLACE, (30, 40)), PLACE)
    head = json.dumps(container.header.write(stored)).encode()
    rng = np.random.default_rng(0)
    for size in (0, 1, 2, 5, 40, 200):
        for _ in range(40):
            inner = rng.integers(0, 256, size, dtype=np.uint8).tobytes()
            part = bytes([size & 0x7F | 0x80, size >> 7]) + inner
            with suppress(BadInput):
                weight = unpack(forged(head, part + bytes([1, 0])), "m").graph.nodes[0].op.weight
                assert np.isfinite(weight).all()
