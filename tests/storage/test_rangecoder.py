# SPDX-License-Identifier: Apache-2.0
import math
from fractions import Fraction

import numpy as np
import pytest

from hwcompress.storage.logistic import LOG, LOG_ONE, REACH, SQUASH, STRETCH, UNIT, squash
from hwcompress.storage.mixing import Adaptive, Mixed
from hwcompress.storage.rangecoder import Decoder, Encoder

CHANCES = [1, 2, 300, 32768, 65534, 65535]


def sequence(rng: np.random.Generator, size: int) -> list[tuple[int, int, int]]:
    """(bit, probability, bits of a direct number or 0); now and then what is improbable."""
    out: list[tuple[int, int, int]] = []
    for _ in range(size):
        p = int(rng.choice(CHANCES)) if rng.random() < 0.5 else int(rng.integers(1, 65536))
        bit = int(rng.random() * 65536 < p) if rng.random() < 0.98 else int(rng.integers(2))
        out.append((bit, p, int(rng.choice([0, 0, 1, 15, 16, 17, 31, 40]))))
    return out


@pytest.mark.parametrize("size", [0, 1, 2, 3, 10, 100, 3000])
def test_sequences_come_back_at_their_length(size):
    rng = np.random.default_rng(size)
    for _ in range(20 if size < 1000 else 3):
        steps = sequence(rng, size)
        numbers = [int(rng.choice([0, 2**b - 1, int(rng.integers(2**b))])) for _, _, b in steps]
        io = Encoder()
        for (bit, p, width), value in zip(steps, numbers, strict=True):
            io.code(bit, p)
            io.direct(value, width)
        ideal = sum(-math.log2((p if bit else 65536 - p) / 65536) + width for bit, p, width in steps)
        assert io.bits == pytest.approx(ideal, rel=0.001, abs=0.01)
        data = io.finish()
        assert len(data) <= ideal / 8 * 1.001 + 1
        back = Decoder(data)
        for (bit, p, width), value in zip(steps, numbers, strict=True):
            assert back.code(0, p) == bit
            assert back.direct(0, width) == value
        assert back.left == 0


def test_carry_through_many_bytes():
    """Ones that are all but certain not to come, after a long row that pins the interval near its end."""
    for tail in range(1, 40):
        steps = [(0, 1)] * 3 + [(0, 65535)] * tail + [(1, 65535)] * 5
        io = Encoder()
        for bit, p in steps:
            io.code(bit, p)
        back = Decoder(io.finish())
        assert [back.code(0, p) for _, p in steps] == [bit for bit, _ in steps]


def test_end_has_the_fewest_bytes():
    """Against the interval in exact fractions: no shorter string of bytes lies in it."""
    rng = np.random.default_rng(1)
    for _ in range(200):
        io, low, width = Encoder(), Fraction(0), Fraction(1)
        for _ in range(int(rng.integers(1, 12))):
            bit, p = int(rng.integers(2)), int(rng.integers(1, 65536))
            io.code(bit, p)
            low, width = (low, width * p / 65536) if bit else (low + width * p / 65536, width * (65536 - p) / 65536)
        size = len(io.finish())
        if size:
            scale = 256 ** (size - 1)
            assert math.ceil(low * scale) >= (low + width) * scale * (1 - Fraction(1, 2**20))


def test_tables():
    for k in range(-REACH, REACH):
        assert abs(SQUASH[k + REACH] - min(max(65536 / (1 + math.exp(-k / UNIT)), 1), 65535)) <= 1
    assert sorted(SQUASH) == SQUASH
    assert squash(10**9) == 65535
    assert squash(-(10**9)) == 1
    for p in range(200, 65536 - 200, 37):
        assert STRETCH[p] == pytest.approx(UNIT * math.log(p / (65536 - p)), abs=3)
    assert [STRETCH[0], len(STRETCH), len(LOG)] == [-REACH, 65536, 65536]
    for k in range(1, 65536, 11):
        assert LOG[k] == pytest.approx(UNIT * math.log(k / LOG_ONE), abs=1)


def code_length(bits: list[int], guess) -> float:
    """Of an ideal adaptive coder (Krichevsky and Trofimov): each bit by the counts before it in its context."""
    total = 0.0
    counts: dict[int, list[float]] = {}
    for k, bit in enumerate(bits):
        seen = counts.setdefault(guess(k), [0.5, 0.5])
        total -= math.log2(seen[bit] / sum(seen))
        seen[bit] += 1
    return total


@pytest.mark.parametrize("share", [0.5, 0.2, 0.03, 0.003])
def test_adaptive_length_is_the_ideal(share):
    bits = (np.random.default_rng(9).random(20000) < share).astype(int).tolist()
    io = Encoder()
    model = Adaptive(io, 1)
    for bit in bits:
        model.code(bit, 0)
    assert len(io.finish()) < 1.01 * code_length(bits, lambda _: 0) / 8 + 8


def test_mixing_finds_the_context_that_matters():
    """Three contexts; only the second says anything."""
    rng = np.random.default_rng(3)
    contexts = rng.integers(4, size=(20000, 3))
    bits = (rng.random(20000) < np.array([0.02, 0.2, 0.6, 0.95])[contexts[:, 1]]).astype(int).tolist()
    io = Encoder()
    model = Mixed(io, 12, 1, 1, 3)
    for bit, (a, b, c) in zip(bits, contexts.tolist(), strict=True):
        model.code(bit, (a, 4 + b, 8 + c), 0, 0)
    assert len(io.finish()) < 1.02 * code_length(bits, lambda k: contexts[k, 1]) / 8 + 8


def test_numbers_come_back():
    values = [0, 1, 2, 5, 30, 62, 0, 0, 17]
    io = Encoder()
    model = Adaptive(io, 8)
    for value in values:
        model.number(value, 1, 5)
    back = Decoder(io.finish())
    model = Adaptive(back, 8)
    assert [model.number(0, 1, 5) for _ in values] == values
