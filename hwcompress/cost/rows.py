# SPDX-License-Identifier: Apache-2.0
"""Cells of `engines.adders`: the adder trees of a reuse-1 layer bit by bit, all rows at once.

A wire is a number; what the tools merge has one number here. In a sum, bits that meet zeros are passed on until the
first pair that varies; constants stay constants; that first pair is an exclusive or without a carry; from there on each
pair that varies takes a LUT in front of the carry chain, which swallows the complements of inputs. Bits that are only
passed on, three registers in a row or more, become SRLs; what nobody reads is dropped.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwcompress.cost.cells import Cells, shift_register, times, total
from hwcompress.engines.csd import signed_digits
from hwcompress.engines.dense import DenseUnrolled
from hwcompress.ir.fixed import Codes

ABSENT = -1
CONSTANT = 1 << 56  # names of biases start here
ZERO, ONE, INPUTS = 0, 1, 2  # wires: the constants, then each input bit and its complement, then registers
UNKNOWN = 2  # a carry that is no constant

# What a register holds: a kind and what it is made of, wires below 2^29, or a sum and a bit of it.
WIRES = 1 << 29
PASSED, EXCLUSIVE, SUM = (k << 60 for k in range(3))
Mask = NDArray[np.bool_]


class _Level(NamedTuple):
    """Nodes of one level of all trees, each [rows, nodes]; where there is none, wires are ZERO."""

    neg: Codes  # the range is from -neg to pos, in units of the input's
    pos: Codes
    low: Codes  # zeros below the code
    name: Codes  # equal codes have equal names
    wires: Codes  # [rows, nodes, bits]

    def pairs(self) -> "tuple[_Level, _Level]":
        """First and second node of each pair."""
        odd = self.name.shape[1] % 2
        fill = (0, 0, 0, ABSENT, ZERO)
        even = [
            np.pad(v, ((0, 0), (0, odd), (0, 0))[: v.ndim], constant_values=f) for v, f in zip(self, fill, strict=True)
        ]
        return _Level(*(v[:, 0::2] for v in even)), _Level(*(v[:, 1::2] for v in even))


def _leaves(core: DenseUnrolled, bits: int) -> _Level:
    """Shifted inputs and biases."""
    plus, minus = signed_digits(core.weight)
    shape = len(core.weight), max(1, int(core.operands.max(initial=1)))
    neg, pos, low = (np.zeros(shape, dtype=np.int64) for _ in range(3))
    name, wires = np.full(shape, ABSENT, dtype=np.int64), np.full((*shape, bits), ZERO, dtype=np.int64)
    signed, width = core.x_type.signed, core.x_type.width
    filled = np.zeros(len(core.weight), dtype=np.int64)
    column = np.arange(bits)
    for shift in range(core.weight_width + 1):
        rows, index = np.nonzero((plus | minus) >> shift & 1)
        if not len(rows):
            continue
        negative = minus[rows, index] >> shift & 1
        at = rows, filled[rows] + np.arange(len(rows)) - np.searchsorted(rows, rows)  # behind those of this row
        neg[at], pos[at] = (1 << shift) * (negative | signed), (1 << shift) * (1 - negative | signed)
        low[at], name[at] = shift, index * 2 + negative
        bit = np.minimum(column - shift, width - 1)
        found = INPUTS + 2 * (index[:, None] * width + bit) + negative[:, None]
        above = np.where(signed, found, negative[:, None])
        wires[at] = np.where(column < shift, ZERO, np.where(column < shift + width, found, above))
        np.add.at(filled, rows, 1)
    unit = width - signed
    for row, bias in enumerate(core.lut_bias.tolist()):
        if bias:
            at = row, filled[row]
            size = ((-bias - 1 if bias < 0 else bias) >> unit) + 1
            neg[at], pos[at] = (size, 0) if bias < 0 else (0, size)
            low[at] = (bias & -bias).bit_length() - 1
            name[at] = CONSTANT + (bias >> int(low[at]))
            wires[at] = bias >> column & 1
    return _Level(neg, pos, low, name, wires)


@dataclass(frozen=True)
class _Rows:
    """What the cells of a layer depend on, by value: a planner asks for the same rows again and again."""

    core: DenseUnrolled = field(compare=False)
    unread: Codes = field(compare=False)
    key: tuple[object, ...]


def row_cells(core: DenseUnrolled, unread: Codes, shift_registers: bool = True) -> Cells:
    """(LUT, FF) of all rows; `unread` [m]: low bits of each result that nobody reads."""
    arrays = (core.weight.shape, core.weight.tobytes(), core.bias.tobytes(), unread.tobytes())
    return _cells(_Rows(core, unread, (*arrays, core.x_type, core.weight_width, core.acc_width)), shift_registers)


@lru_cache(maxsize=64)
def _cells(rows: _Rows, shift_registers: bool) -> Cells:
    core = rows.core
    bits = max(core.acc_width, core.weight_width + core.x_type.width)
    nodes = _leaves(core, bits)
    registers = _Registers(INPUTS + 2 * core.weight.shape[1] * core.x_type.width)
    for _ in range(core.levels):
        a, b = nodes.pairs()
        neg, pos, low = a.neg + b.neg, a.pos + b.pos, np.where(b.name == ABSENT, a.low, np.minimum(a.low, b.low))
        reach = np.ceil(np.log2(np.maximum(np.maximum(neg, pos), 1))).astype(np.int64)
        end = np.minimum(core.x_type.width - core.x_type.signed + reach + (neg > 0), core.acc_width)
        name = _named(a.name, a.low - low, b.name, b.low - low)
        wires = registers.add(a.wires, b.wires, name, low, np.maximum(end, low + 1))
        bit = np.minimum(np.arange(bits), end[..., None] - 1)
        above = (np.arange(bits) >= end[..., None]) & (neg == 0)[..., None]
        wires = np.where(above, ZERO, np.take_along_axis(wires, bit, axis=2))
        nodes = _Level(neg, pos, low, name, wires)
    roots = nodes.wires[:, 0]
    return registers.cells(roots[np.arange(bits) >= rows.unread[:, None]], shift_registers)


def _named(a: Codes, a_shift: Codes, b: Codes, b_shift: Codes) -> Codes:
    """Names of the codes a * 2^a_shift + b * 2^b_shift, equal ones alike."""
    _, small = np.unique(np.stack([a, b]), return_inverse=True)
    first, second = (small.reshape(2, *a.shape) << 6) + np.stack([a_shift, np.where(b == ABSENT, 0, b_shift)])
    pair = np.minimum(first, second) << 31 | np.maximum(first, second)
    name = np.unique(pair, return_inverse=True)[1].reshape(a.shape)
    return np.where(a == ABSENT, ABSENT, name)


class _Registers:
    """All registers so far, and the LUTs in front of them."""

    def __init__(self, first: int) -> None:
        self.first = self.end = first  # wires of registers
        self.lut = 0
        self.sources: list[Codes] = []  # of each level: the register that one only passes on, or ABSENT
        self.reads: list[Codes] = []  # wires that logic reads

    def add(self, a: Codes, b: Codes, name: Codes, low: Codes, end: Codes) -> Codes:
        """Wires [rows, nodes, bits] of a level: sums of the wires `a` and `b`, of bits `low` to `end` of a code."""
        keys, luts = np.empty_like(a), list[Codes]()
        carry = np.zeros(name.shape, dtype=np.int64)
        for bit in range(a.shape[-1]):
            p, q = a[..., bit], b[..., bit]
            varies: Codes = (p > ONE).astype(np.int64) + (q > ONE)
            passed = (carry == 0) & ((p == ZERO) | (q == ZERO))
            constant = ~passed & (varies == 0)
            begins: Mask = ~passed & (carry == 0) & (varies > 0)
            read = (bit < end) & ~passed & ~constant
            both = read & (varies == 2) & ~self._alike(p, q)
            pair = self._pair(p, q)
            luts.append(pair[both])
            self.reads += [p[read], q[read]]
            one = EXCLUSIVE + np.minimum(p, q) * WIRES + np.maximum(p, q)
            found = np.where(begins & (varies == 2), one, SUM + (name << 7) + (bit - low))
            known: Mask = constant & (carry < UNKNOWN)
            digits = p + q + carry
            found = np.where(known, ~(digits & 1), found)
            keys[..., bit] = np.where(passed, np.where(varies > 0, PASSED + p + q, ~(p + q)), found)
            carry = np.where(known, digits >> 1, np.where(constant & (p == q), p, carry))
            carry = np.where(passed | constant, carry, UNKNOWN)
        self.lut += len(np.unique(np.concatenate(luts)))
        keys[np.arange(a.shape[-1]) >= end[..., None]] = ~ZERO
        made, inverse = np.unique(keys[keys >= 0], return_inverse=True)
        wires = ~keys
        wires[keys >= 0] = self.end + inverse
        self.sources.append(np.where((made < EXCLUSIVE) & (made >= self.first), made, ABSENT))
        self.end += len(made)
        return wires

    def _alike(self, p: Codes, q: Codes) -> Mask:
        """Whether both are the same wire, or one is the other's complement: no LUT."""
        return (p == q) | ((p ^ 1 == q) & (p < self.first))

    def _pair(self, p: Codes, q: Codes) -> Codes:
        """Key of an exclusive or: inputs without their complements, and whether it is one."""
        plain = [np.where((w > ONE) & (w < self.first), w & ~1, w) for w in (p, q)]
        odd = (p ^ plain[0]) ^ (q ^ plain[1])
        return EXCLUSIVE + (np.minimum(*plain) * WIRES + np.maximum(*plain)) * 2 + odd

    def cells(self, results: Codes, shift_registers: bool) -> Cells:
        """(LUT, FF) if these wires are read."""
        read = np.bincount(np.concatenate([*self.reads, results.ravel()]), minlength=self.end)[self.first :] > 0
        users = np.zeros(self.end - self.first, dtype=np.int64)  # registers that only pass it on
        ends = np.cumsum([0, *(len(s) for s in self.sources)]).tolist()
        levels = [slice(*pair) for pair in pairwise(ends)]
        for level, source in zip(reversed(levels), reversed(self.sources), strict=True):
            alive = read[level] | (users[level] > 0)
            np.add.at(users, source[alive & (source >= 0)] - self.first, 1)
        alive, inside = read | (users > 0), ~read & (users == 1)
        age = np.ones_like(users)  # registers in a row
        for level, source in zip(levels, self.sources, strict=True):
            before = np.maximum(source - self.first, 0)
            age[level] += np.where((source >= 0) & inside[before], age[before], 0)
        if not shift_registers:
            return self.lut, int(alive.sum())
        ages, counts = np.unique(age[alive & ~inside], return_counts=True)
        chains = [times(n, shift_register(1, k)) for k, n in zip(ages.tolist(), counts.tolist(), strict=True)]
        return total((self.lut, 0), *chains)
