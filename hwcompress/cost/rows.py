# SPDX-License-Identifier: Apache-2.0
"""Cells of `engines.adders`: the adder trees of a reuse-1 layer, node by node, all rows at once.

A node's width follows from the range of its operands; its low zero bits take neither LUT nor register. A bit of an
adder is a LUT where both operands vary: zeros above an unsigned number, ones above its complement and the bits of a
bias go straight to the carry chain; above both numbers their signs meet in one LUT. Sums of the same two nodes, at any
common shift, are one (the tools drop low zeros and merge equal cells).
"""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwcompress.cost.cells import Cells, shift_register, total
from hwcompress.engines.csd import signed_digits
from hwcompress.engines.dense import DenseUnrolled
from hwcompress.ir.fixed import Codes

ABSENT = -1
CONSTANT = 1 << 56  # names of biases start here


class _Level(NamedTuple):
    """Nodes of one level of all trees, each [rows, nodes]; where there is none, all is ABSENT."""

    neg: Codes  # the range is from -neg to pos, in units of the input's
    pos: Codes
    low: Codes  # first bit that is no zero
    end: Codes  # end of the bits that vary by themselves
    signed: Codes  # 1: the bits above are copies of a sign
    name: Codes  # equal numbers, but for a shift, have equal names
    age: Codes  # registers in a row behind the last addition: what is only passed on becomes an SRL

    def even(self) -> "_Level":
        """With an even number of nodes."""
        if self.name.shape[1] % 2 == 0:
            return self
        return _Level(*(np.pad(v, ((0, 0), (0, 1)), constant_values=ABSENT) for v in self))

    def side(self, k: int) -> "_Level":
        """First or second node of each pair."""
        return _Level(*(v[:, k::2] for v in self))


def _leaves(core: DenseUnrolled) -> _Level:
    """Shifted inputs and biases."""
    plus, minus = signed_digits(core.weight)
    shape = len(core.weight), max(1, int(core.operands.max(initial=1)))
    out = _Level(*(np.full(shape, ABSENT, dtype=np.int64) for _ in _Level._fields))
    signed = core.x_type.signed
    filled = np.zeros(len(core.weight), dtype=np.int64)
    for shift in range(core.weight_width + 1):
        for digits, negative in ((plus, False), (minus, True)):
            rows, index = np.nonzero(digits >> shift & 1)
            if not len(rows):
                continue
            at = rows, filled[rows] + np.arange(len(rows)) - np.searchsorted(rows, rows)  # behind those of this row
            out.neg[at] = 1 << shift if signed or negative else 0
            out.pos[at] = 1 << shift if signed or not negative else 0
            out.low[at], out.end[at] = shift, shift + core.x_type.width
            out.name[at] = index * 2 + negative
            out.signed[at], out.age[at] = signed, 0
            np.add.at(filled, rows, 1)
    unit = core.x_type.width - signed
    for row, bias in enumerate(core.lut_bias.tolist()):
        if bias:
            at = row, filled[row]
            size = ((-bias - 1 if bias < 0 else bias) >> unit) + 1
            zeros = (bias & -bias).bit_length() - 1
            out.neg[at], out.pos[at] = (size, 0) if bias < 0 else (0, size)
            out.low[at] = out.end[at] = zeros
            out.name[at] = CONSTANT + (bias >> zeros)
            out.signed[at] = out.age[at] = 0
    return out


@dataclass(frozen=True)
class _Rows:
    """What the cells of a layer depend on, by value: a planner asks for the same rows again and again."""

    core: DenseUnrolled = field(compare=False)
    unread: Codes = field(compare=False)
    key: tuple[object, ...]


def row_cells(core: DenseUnrolled, unread: Codes) -> Cells:
    """(LUT, FF) of all rows; `unread` [m]: low bits of each result that nobody reads."""
    arrays = (core.weight.shape, core.weight.tobytes(), core.bias.tobytes(), unread.tobytes())
    return _cells(_Rows(core, unread, (*arrays, core.x_type, core.weight_width, core.acc_width)))


@lru_cache(maxsize=64)
def _cells(rows: _Rows) -> Cells:
    core, unread = rows.core, rows.unread
    nodes = _leaves(core)
    unit = core.x_type.width - core.x_type.signed
    lut = ff = 0
    for level in range(core.levels):
        nodes = nodes.even()
        a, b = nodes.side(0), nodes.side(1)
        adds = b.neg >= 0
        ends = np.repeat(adds, 2, axis=1)
        passed = _chains(nodes.age[ends], (nodes.end - nodes.low)[ends], nodes.name[ends])
        base = np.where(adds, np.minimum(a.low, b.low), a.low)
        high = np.where(adds, np.maximum(a.low, b.low), a.low)
        name, once = _named(a.name, a.low - base, b.name, np.where(adds, b.low - base, 0))
        neg, pos = np.where(adds, a.neg + b.neg, a.neg), np.where(adds, a.pos + b.pos, a.pos)
        reach = np.ceil(np.log2(np.maximum(np.maximum(neg, pos), 1))).astype(np.int64)
        width = np.minimum(unit + reach + (neg > 0), core.acc_width)
        alike = once if level else _named(_plain(a.name), a.low - base, _plain(b.name), b.low - base)[1]
        floor = np.maximum(high, unread[:, None]) if level == core.levels - 1 else high
        lut += passed[0] + int(np.where(adds & alike, _both(a, b, width) - high, 0).clip(0).sum())
        ff += passed[1] + int(np.where(adds & once, width - floor, 0).clip(0).sum())
        signed = (neg > 0).astype(np.int64)
        nodes = _Level(neg, pos, base, np.where(neg >= 0, width, 0), signed, name, np.where(adds, 0, a.age + 1))
    root = _Level(*(v[:, 0] for v in nodes))
    passed = _chains(root.age, np.maximum(root.end - np.maximum(root.low, unread), 0), root.name)
    return lut + passed[0], ff + passed[1]


def _both(a: _Level, b: _Level, width: Codes) -> Codes:
    """End of the bits that take a LUT."""
    end = np.where(a.signed & b.signed, np.maximum(a.end, b.end), np.minimum(a.end, b.end))
    end = np.where(a.signed > b.signed, b.end, np.where(b.signed > a.signed, a.end, end))
    constant = (a.name >= CONSTANT) | (b.name >= CONSTANT)
    return np.where(constant, 0, np.minimum(end, width))


def _plain(name: Codes) -> Codes:
    """Inputs without their signs: the exclusive or of a complement is an inverter away."""
    return np.where(name < CONSTANT, name & ~1, name)


def _chains(age: Codes, bits: Codes, name: Codes) -> Cells:
    """`age` registers in a row, each of `bits`, equal names once."""
    _, first = np.unique(name, return_index=True)
    age, bits = age[first], bits[first]
    return total((0, 0), *(shift_register(int(bits[age == n].sum()), n) for n in np.unique(age).tolist()))


def _named(a: Codes, a_shift: Codes, b: Codes, b_shift: Codes) -> tuple[Codes, NDArray[np.bool_]]:
    """Names of the nodes a * 2^a_shift + b * 2^b_shift, equal ones alike, and the first node of each name."""
    swap = (b < a) | ((b == a) & (b_shift < a_shift))
    order = (
        np.where(swap, b, a),
        np.where(swap, b_shift, a_shift),
        np.where(swap, a, b),
        np.where(swap, a_shift, b_shift),
    )
    found, first, inverse = np.unique(
        np.stack([k.ravel() for k in order], axis=1), axis=0, return_index=True, return_inverse=True
    )
    once = np.zeros(a.size, dtype=bool)
    once[first] = True
    empty = (found[:, [0, 2]] == ABSENT).all(axis=1)
    name = np.where(empty[inverse], ABSENT, inverse)
    return name.reshape(a.shape), once.reshape(a.shape)
