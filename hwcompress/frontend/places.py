# SPDX-License-Identifier: Apache-2.0
"""Where the elements of a dimension lie in hardware: digits of a mixed radix, each with its step.

A sample lies in hardware as a flat sequence. A dimension of the ONNX tensor is a tuple of atoms (size, step),
outermost first: its element (i, j, ...) lies i * step_i + j * step_j + ... places behind the first. All atoms of a
tensor together reach every place once. Reshape cuts and joins atoms, Transpose moves them; neither costs hardware.
"""

import math
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hwcompress.ir.order import Order

Atom: TypeAlias = tuple[int, int]  # size, and places from one element to the next
Atoms: TypeAlias = tuple[Atom, ...]


def row_major(sizes: Sequence[int]) -> tuple[Atoms, ...]:
    """The atoms of each dimension of a tensor whose elements lie in its own order."""
    steps = [math.prod(sizes[axis + 1 :]) for axis in range(len(sizes))]
    return tuple(joined([atom]) for atom in zip(sizes, steps, strict=True))


def joined(atoms: Iterable[Atom]) -> Atoms:
    """The same elements in as few atoms as possible."""
    found: list[Atom] = []
    for size, step in atoms:
        if size == 1:
            continue
        if found and found[-1][1] == size * step:
            size *= found.pop()[0]  # noqa: PLW2901 (the two follow one another)
        found.append((size, step))
    return tuple(found)


def cut(atoms: Atoms, sizes: Sequence[int]) -> tuple[Atoms, ...] | None:
    """The same elements in the same order under other dimensions; None where an atom would have to break unevenly."""
    left = list(atoms)
    found: list[Atoms] = []
    for size in reversed(sizes):
        taken: list[Atom] = []
        missing = size
        while missing > 1:
            count, step = left.pop()
            if missing % count and count % missing:
                return None
            part = min(count, missing)
            taken.append((part, step))
            if part < count:
                left.append((count // part, step * part))
            missing //= part
        found.append(joined(reversed(taken)))
    return tuple(reversed(found))


def split(atoms: Atoms, place: int) -> tuple[Atoms, Atoms] | None:
    """The atoms that step over at least `place` places, and those inside it; None where one does not come apart."""
    outer: list[Atom] = []
    inner: list[Atom] = []
    for size, step in atoms:
        if step >= place:
            outer.append((size, step))
        elif size * step <= place:
            inner.append((size, step))
        elif place % step or size * step % place:
            return None
        else:
            outer.append((size * step // place, place))
            inner.append((place // step, step))
    return tuple(outer), tuple(inner)


def fills(atoms: Atoms, count: int) -> bool:
    """Whether the elements lie at exactly the places 0 to count - 1."""
    return math.prod(size for size, _ in atoms) == count == 1 + sum((size - 1) * step for size, step in atoms)


def to_hardware(atoms: Atoms) -> Order:
    """From the logical order of all elements of a sample to that of the hardware."""
    inward = sorted(range(len(atoms)), key=lambda k: -atoms[k][1])
    order = Order(tuple(size for size, _ in atoms), tuple(inward))
    return Order() if order.identity else order


def sources(atoms: Atoms) -> NDArray[np.int64]:
    """Which element, counted in the logical order, lies at each place."""
    if len(atoms) < 2:
        return np.arange(math.prod(size for size, _ in atoms))
    places = np.zeros(1, dtype=np.int64)
    for size, step in atoms:
        places = (places[:, None] + np.arange(size) * step).reshape(-1)
    return np.argsort(places)
