# SPDX-License-Identifier: Apache-2.0
"""Canonical Huffman codes (Huffman 1952; the canonical form as in RFC 1951, section 3.2.2)."""

import heapq
from collections.abc import Iterable, Mapping, Sequence

from hwcompress.storage.bits import BitReader, Bits, damaged, number

LIMIT = 24  # bits of a code word
MAX_SYMBOL = (1 << 16) - 1


def lengths(counts: Mapping[int, int]) -> dict[int, int]:
    """Bits of the code word of each symbol that occurs: the fewest in total, none over LIMIT; of a lone symbol 1."""
    heap = [(n, k, [s]) for k, (s, n) in enumerate(sorted(counts.items())) if n > 0]
    depth = {symbol: 0 for _, _, (symbol,) in heap}
    if len(heap) == 1:
        return dict.fromkeys(depth, 1)
    heapq.heapify(heap)
    while len(heap) > 1:
        least, _, one = heapq.heappop(heap)
        next_least, k, other = heapq.heappop(heap)
        for symbol in one + other:
            depth[symbol] += 1
        heapq.heappush(heap, (least + next_least, k, one + other))
    if depth and max(depth.values()) > LIMIT:
        return lengths({s: (n + 1) // 2 for s, n in counts.items() if n > 0})
    return depth


def code_table(io: Bits, table: Mapping[int, int]) -> dict[int, int]:
    """Write or read the lengths: the last symbol, then each length, a zero with how many more zeros follow it."""
    top = number(io, max(table, default=0))
    width = io.direct(max(table.values(), default=0).bit_length(), 3)
    if top > MAX_SYMBOL or width > LIMIT.bit_length():
        raise damaged("a Huffman table is too long")
    found: dict[int, int] = {}
    symbol = 0
    while symbol <= top:
        bits = io.direct(table.get(symbol, 0), width)
        if bits:
            found[symbol] = bits
        else:
            zeros = next((k for k in range(symbol, top + 1) if table.get(k)), top + 1) - symbol - 1
            symbol += number(io, zeros)
        symbol += 1
    total = sum(1 << LIMIT - bits for bits in found.values()) if max(found.values(), default=0) <= LIMIT else -1
    if found and total != 1 << LIMIT and list(found.values()) != [1]:
        raise damaged("a Huffman table is not a code")
    return found


def code_words(table: Mapping[int, int]) -> dict[int, tuple[int, int]]:
    """Code word and its bits, by symbol: by length, then by symbol."""
    words: dict[int, tuple[int, int]] = {}
    word = last = 0
    for bits, symbol in sorted((b, s) for s, b in table.items()):
        word <<= bits - last
        words[symbol] = word, bits
        word += 1
        last = bits
    return words


def write(io: Bits, symbols: Iterable[int], table: Mapping[int, int]) -> None:
    """The code words of the symbols."""
    words = code_words(table)
    for symbol in symbols:
        io.direct(*words[symbol])


def read(io: BitReader, count: int, table: Mapping[int, int]) -> Sequence[int]:
    """As many symbols."""
    symbols = {(bits, word): symbol for symbol, (word, bits) in code_words(table).items()}
    longest = max(table.values(), default=0)
    found: list[int] = []
    for _ in range(count):
        word = bits = 0
        while (bits, word) not in symbols:
            if bits >= longest:
                raise damaged("a code word is unknown")
            word = word << 1 | io.direct(0, 1)
            bits += 1
        found.append(symbols[bits, word])
    return found
