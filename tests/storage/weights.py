# SPDX-License-Identifier: Apache-2.0
"""Matrices to store: corners, and random ones that look like pruned layers."""

from collections.abc import Iterator

import numpy as np

from hwcompress.ir.fixed import Reals
from hwcompress.storage.mask import Layout

Case = tuple[str, Reals, Layout | None]


def float32(values: object) -> Reals:
    return np.asarray(values, dtype=np.float32).astype(np.float64)


def sparse(rng: np.random.Generator, m: int, n: int, density: float, kinds: int) -> Reals:
    """A share `density` of the positions, each one of `kinds` values."""
    book = float32(rng.normal(size=kinds))
    return np.where(rng.random((m, n)) < density, book[rng.integers(kinds, size=(m, n))], 0.0)


def corners() -> Iterator[Case]:
    rng = np.random.default_rng(4)
    for shape in [(1, 1), (1, 7), (7, 1), (3, 5)]:
        yield f"zeros {shape}", np.zeros(shape), None
        yield f"equal {shape}", np.full(shape, -0.375), None
        yield f"thirds {shape}", float32(np.full(shape, 1 / 3)), None
        yield f"normal {shape}", float32(rng.normal(size=shape)), None
    one = np.zeros((6, 12))
    one[3, 8] = 2.5
    yield "one weight", one, (3, 4, 1)
    yield "last weight", np.flip(one), (1, 4, 3)
    yield "binary", rng.choice([-0.5, 0.5], size=(20, 24)), (4, 6, 1)
    yield "ternary", rng.choice([-0.25, 0.0, 0.25], size=(20, 24)), None
    yield "denormals", float32(rng.integers(-9, 9, size=(4, 6)) * 2.0**-149), None
    ends = np.array([[3.4028234663852886e38, -3.4028234663852886e38, 2.0**-149, -(2.0**-149), 2.0**-126, 1.0, 0.0]])
    yield "ends of float32", ends, None
    yield "ends, twice each", np.repeat(ends, 2, axis=0), (7, 1, 1)
    yield "powers", np.ldexp(1.0, np.arange(-149, 128)).reshape(1, -1), None
    scales = np.ldexp(1.0, -np.arange(8))[:, None]
    yield "a scale for each row", float32(rng.integers(-127, 128, size=(8, 40)) * scales), (2, 4, 5)
    steps = rng.uniform(0.01, 0.2, size=(8, 1))
    yield "binary, any scale for each row", float32(rng.choice([-1, 1], size=(8, 40)) * steps), None
    yield "3 bits, any scale for each row", float32(rng.integers(-3, 4, size=(8, 40)) * steps), (2, 20, 1)
    yield "4 bits, any scale", float32(rng.integers(-7, 8, size=(8, 40)) * 0.0123456789), None
    yield "2 of 4", np.tile([[0.0, 1.0, 0.0, -1.0], [1.0, 1.0, 0.0, 0.0]], (6, 9)), (3, 3, 4)
    yield "5 of 16", rng.permuted(np.tile(np.arange(16) < 5, (40, 1)), axis=1).reshape(10, 64) * 0.5, None
    yield "empty rows and columns", sparse(rng, 30, 30, 0.004, 5), (5, 6, 1)
    yield "map", sparse(rng, 20, 60, 0.2, 9), (3, 4, 5)
    yield "wide map", sparse(rng, 20, 60, 0.3, 9), (1, 60, 1)
    yield "tall map", sparse(rng, 20, 60, 0.3, 9), (60, 1, 1)
    yield "dense, 16 bits", rng.integers(-32768, 32768, size=(30, 30)) / 4096.0, None
    yield "negative zero", np.array([[-0.0, 1.0, -1.0, -0.0]]), None
    yield (
        "floats of three bits",
        float32(rng.integers(-7, 8, size=(9, 9)) * np.ldexp(1.0, rng.integers(-60, 60, (9, 9)))),
        None,
    )


def bits_of(values: Reals) -> bytes:
    """Exact pattern, a negative zero made positive."""
    return (values + 0.0).tobytes()


def entropy_bits(counts: Reals) -> float:
    """Of a whole sequence with these counts of its symbols, each drawn by its share."""
    kept = counts[counts > 0]
    return float((kept * np.log2(kept.sum() / kept)).sum())
