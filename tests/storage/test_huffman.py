# SPDX-License-Identifier: Apache-2.0
import itertools
from collections.abc import Mapping

import numpy as np
import pytest

from hwcompress.errors import BadInput
from hwcompress.storage import huffman
from hwcompress.storage.bits import BitReader, BitWriter


def package_merge(counts: dict[int, int], limit: int) -> dict[int, int]:
    """Optimal lengths of at most `limit` bits (Larmore and Hirschberg, 1990)."""
    coins = sorted((n, (s,)) for s, n in counts.items())
    row: list[tuple[int, tuple[int, ...]]] = []
    for _ in range(limit):
        pairs = [(a[0] + b[0], a[1] + b[1]) for a, b in zip(row[::2], row[1::2], strict=False)]
        row = sorted(coins + pairs)
    bits = dict.fromkeys(counts, 0)
    for _, symbols in row[: 2 * len(counts) - 2]:
        for symbol in symbols:
            bits[symbol] += 1
    return bits


def total(counts: Mapping[int, int], bits: dict[int, int]) -> int:
    return sum(n * bits[s] for s, n in counts.items())


def kraft(bits: dict[int, int]) -> float:
    return sum(2.0**-b for b in bits.values())


def test_lengths_are_optimal():
    rng = np.random.default_rng(0)
    for _ in range(200):
        size = int(rng.integers(2, 40))
        counts = dict(enumerate((1 + rng.geometric(rng.uniform(0.001, 0.9), size)).tolist()))
        bits = huffman.lengths(counts)
        assert kraft(bits) == 1.0
        assert total(counts, bits) == total(counts, package_merge(counts, huffman.LIMIT))


def test_lengths_against_every_code_of_four_symbols():
    every = [b for b in itertools.product(range(1, 4), repeat=4) if sum(2.0**-k for k in b) <= 1]
    for counts in itertools.combinations_with_replacement((1, 2, 3, 5, 9), 4):
        least = min(sum(n * k for n, k in zip(counts, b, strict=True)) for b in every)
        named = dict(enumerate(counts))
        assert total(named, huffman.lengths(named)) == least


def test_corners():
    assert huffman.lengths({}) == {}
    assert huffman.lengths({7: 3}) == {7: 1}
    assert huffman.lengths({7: 3, 9: 0}) == {7: 1}
    assert huffman.lengths({0: 1, 5: 1000}) == {0: 1, 5: 1}


def test_length_is_limited():
    fibonacci = [1, 1]
    while len(fibonacci) < 40:
        fibonacci.append(sum(fibonacci[-2:]))
    counts = dict(enumerate(fibonacci))
    bits = huffman.lengths(counts)
    assert max(bits.values()) <= huffman.LIMIT
    assert kraft(bits) == 1.0
    assert total(counts, bits) < 1.001 * total(counts, package_merge(counts, huffman.LIMIT))


def test_canonical_words_of_rfc_1951():
    """Its example: lengths 3, 3, 3, 3, 3, 2, 4, 4."""
    table = dict(zip("ABCDEFGH", (3, 3, 3, 3, 3, 2, 4, 4), strict=True))
    words = huffman.code_words({ord(s): b for s, b in table.items()})
    shown = {chr(s): f"{word:0{bits}b}" for s, (word, bits) in words.items()}
    want = {"A": "010", "B": "011", "C": "100", "D": "101", "E": "110", "F": "00", "G": "1110", "H": "1111"}
    assert shown == want


@pytest.mark.parametrize("symbols", [[], [5], [5, 5, 5], [0, 65535], [3, 1, 4, 1, 5, 9, 2, 6], list(range(300))])
def test_symbols_come_back(symbols):
    table = huffman.lengths({s: symbols.count(s) for s in symbols})
    io = BitWriter()
    huffman.code_table(io, table)
    size = io.bits
    huffman.write(io, symbols, table)
    assert io.bits - size == sum(table[s] for s in symbols)
    back = BitReader(io.finish())
    assert huffman.code_table(back, {}) == table
    assert list(huffman.read(back, len(symbols), table)) == symbols


def _write_and_read(io: BitWriter, table: dict[int, int]) -> None:
    huffman.code_table(io, table)
    huffman.code_table(BitReader(io.finish()), {})


@pytest.mark.parametrize("table", [{0: 1, 1: 1, 2: 1}, {0: 2, 1: 2, 2: 2}, {4: 2}, {0: 31, 1: 1}, {1: 1, 70000: 1}])
def test_tables_that_are_no_code(table):
    io = BitWriter()
    with pytest.raises(BadInput, match="damaged"):
        _write_and_read(io, table)


def test_unknown_word():
    with pytest.raises(BadInput, match="damaged"):
        huffman.read(BitReader(b"\xff"), 1, {5: 1})
