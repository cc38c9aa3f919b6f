# SPDX-License-Identifier: Apache-2.0
"""Mutants that know nothing of models: changed, lost, doubled and swapped bytes."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from tests.robustness.honest import HONEST, write
from tests.robustness.mutant import PASSES, Mutant
from tests.robustness.wire import LENGTH, VARINT, Place, places, spliced, varint

FLIPS = 6  # files with random changes, of each model
HUGE = (-1, 1 << 31, 1 << 62, (1 << 63) - 1)
Change = Callable[[bytes, np.random.Generator], bytes]


def mutants() -> Iterator[Mutant]:
    """Each change of each model."""
    for number, name in enumerate(HONEST):
        for seed in range(FLIPS):
            yield _mutant(f"flip/{name}/{seed}", name, [number, seed], _flipped)
        for k, (what, change) in enumerate(CHANGES.items()):
            must = PASSES if what in SAME else ""
            yield _mutant(f"{what}/{name}", name, [number, 100 + k], change, must)
        for share in (0.02, 0.3, 0.7, 0.97):
            yield _mutant(f"truncated/{name}/{share}", name, [number], _cut_at(share))


def _mutant(name: str, base: str, seed: Sequence[int], change: Change, must: str = "") -> Mutant:
    def make(folder: object) -> None:
        data = HONEST[base]().model.SerializeToString()
        write(folder, base, change(data, np.random.default_rng(seed)))  # type: ignore[arg-type]

    return Mutant(name, make, must=must)


def _flipped(data: bytes, rng: np.random.Generator) -> bytes:
    found = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        found[rng.integers(len(found))] ^= int(rng.integers(1, 256))
    return bytes(found)


def _cut_at(share: float) -> Change:
    return lambda data, _rng: data[: int(share * len(data))]


def _one(data: bytes, rng: np.random.Generator, wanted: Callable[[Place], bool]) -> Place:
    """A random place of a kind; rare names as likely as frequent ones."""
    every = places(data)
    found = [place for place in every if wanted(place)] or every
    names = sorted({place.path for place in found})
    name = names[int(rng.integers(len(names)))]
    same = [place for place in found if place.path == name]
    return same[int(rng.integers(len(same)))]


def _length(by: int) -> Change:
    def change(data: bytes, rng: np.random.Generator) -> bytes:
        place = _one(data, rng, lambda p: p.kind == LENGTH and p.end - p.start > 2)
        return data[: place.value] + varint(max(0, place.end - place.start + by)) + data[place.start :]

    return change


def _wire_type(data: bytes, rng: np.random.Generator) -> bytes:
    place = _one(data, rng, lambda _: True)
    return data[: place.tag] + bytes([data[place.tag] ^ int(rng.integers(1, 8))]) + data[place.tag + 1 :]


def _field_number(data: bytes, rng: np.random.Generator) -> bytes:
    place = _one(data, rng, lambda _: True)
    new = int(rng.integers(1, 16)) << 3 | place.kind
    return data[: place.tag] + bytes([new]) + data[place.tag + 1 :]


def _number(data: bytes, rng: np.random.Generator) -> bytes:
    """An integer of the file becomes absurd: a dimension, a type, a version, an attribute."""
    place = _one(data, rng, lambda p: p.kind == VARINT or p.packed)
    new = varint(HUGE[int(rng.integers(len(HUGE)))])
    return spliced(data, place.parents, place.start, place.end, new) if place.kind == VARINT else _repacked(data, place)


def _repacked(data: bytes, place: Place) -> bytes:
    new = b"".join(varint(n) for n in HUGE)
    return spliced(data, place.parents, place.value, place.end, varint(len(new)) + new)


def _dims(data: bytes, rng: np.random.Generator) -> bytes:
    place = _one(data, rng, lambda p: p.path.endswith(("dims", "dim_value")))
    new = varint(HUGE[int(rng.integers(len(HUGE)))])
    return spliced(data, place.parents, place.start, place.end, new)


def _payload(data: bytes, rng: np.random.Generator) -> bytes:
    """All ones in place of a payload: NaN, bytes that are no text."""
    place = _one(data, rng, lambda p: p.kind == LENGTH and not p.message and p.end > p.start)
    return data[: place.start] + b"\xff" * (place.end - place.start) + data[place.end :]


def _emptied(data: bytes, rng: np.random.Generator) -> bytes:
    place = _one(data, rng, lambda p: p.kind == LENGTH)
    return spliced(data, place.parents, place.value, place.end, b"\0")


def _removed(data: bytes, rng: np.random.Generator) -> bytes:
    place = _one(data, rng, lambda _: True)
    return spliced(data, place.parents, place.tag, place.end, b"")


def _doubled(path: str) -> Change:
    def change(data: bytes, rng: np.random.Generator) -> bytes:
        place = _one(data, rng, lambda p: p.path == path or not path)
        return spliced(data, place.parents, place.end, place.end, data[place.tag : place.end])

    return change


def _swapped(data: bytes, rng: np.random.Generator) -> bytes:
    """Two fields of one message change places; where both have one name, so do they in the list."""
    one = _one(data, rng, lambda p: len(p.parents) > 0)
    beside = [p for p in places(data) if p.parents == one.parents and p.tag != one.tag]
    if not beside:
        return _removed(data, rng)
    a, b = sorted((one, beside[int(rng.integers(len(beside)))]), key=lambda p: p.tag)
    return data[: a.tag] + data[b.tag : b.end] + data[a.end : b.tag] + data[a.tag : a.end] + data[b.end :]


def _graph_first(data: bytes, _rng: np.random.Generator) -> bytes:
    """The outermost fields backwards: protobuf allows any order."""
    return b"".join(data[p.tag : p.end] for p in places(data)[::-1] if not p.parents)


def _strange_field(data: bytes, _rng: np.random.Generator) -> bytes:
    """A field that nobody knows, at the end: to be passed over."""
    return data + varint(1000 << 3 | LENGTH) + b"\x05hello"


def _group(data: bytes, _rng: np.random.Generator) -> bytes:
    """Groups of protobuf 1, nested deeply, none closed."""
    return data + varint(999 << 3 | 3) * 5000


CHANGES: dict[str, Change] = {
    "cut in a tag": lambda data, rng: data[: _one(data, rng, lambda _: True).tag + 1],
    "cut in a length": lambda data, rng: data[: _one(data, rng, lambda p: p.kind == LENGTH).value],
    "cut before a payload": lambda data, rng: data[: _one(data, rng, lambda p: p.kind == LENGTH).start],
    "cut in a payload": lambda data, rng: data[: _one(data, rng, lambda p: p.end - p.start > 2).end - 1],
    "cut between fields": lambda data, rng: data[: _one(data, rng, lambda p: len(p.parents) < 2).end],
    "length too large": _length(1),
    "length too small": _length(-1),
    "length absurd": _length(1 << 40),
    "wire type": _wire_type,
    "field number": _field_number,
    "number": _number,
    "dims": _dims,
    "payload": _payload,
    "emptied": _emptied,
    "removed": _removed,
    "doubled field": _doubled(""),
    "doubled graph": _doubled("graph"),
    "doubled node": _doubled("graph.node"),
    "doubled dims": _doubled("graph.initializer.dims"),
    "doubled data": _doubled("graph.initializer.raw_data"),
    "swapped": _swapped,
    "graph first": _graph_first,
    "strange field": _strange_field,
    "group": _group,
}
SAME = ("graph first", "strange field")
