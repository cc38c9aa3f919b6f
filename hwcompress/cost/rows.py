# SPDX-License-Identifier: Apache-2.0
"""Cells of hwc_row_lut: the adder trees of a reuse-1 layer, node by node, all rows at once.

A node's width follows from the range of its operands; its low zero bits take neither LUT nor register. A bit of an
adder is a LUT where both operands vary: zeros above an unsigned number, ones above its complement and the bits of a
bias go straight to the carry chain; above both numbers their signs meet in one LUT. Sums of the same two nodes, at any
common shift, are one (the tools drop low zeros and merge equal cells).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwcompress.engines.csd import signed_digits
from hwcompress.engines.dense import DenseUnrolled
from hwcompress.ir.fixed import Codes

ABSENT = -1
CONSTANT = 1 << 56  # names of biases start here


def _leaves(core: DenseUnrolled) -> tuple[Codes, Codes, Codes, Codes, Codes]:
    """(neg, pos, low, end, name) of each leaf [rows, leaves]; absent: -1.

    Range in units of the input's, first bit that is no zero and end of the bits that vary.
    """
    plus, minus = signed_digits(core.weight)
    m = len(core.weight)
    width = int(core.operands.max(initial=1))
    neg, pos, low, end, name = (np.full((m, max(1, width)), ABSENT, dtype=np.int64) for _ in range(5))
    filled = np.zeros(m, dtype=np.int64)
    for shift in range(core.weight_width + 1):
        for digits, negative in ((plus, False), (minus, True)):
            rows, index = np.nonzero(digits >> shift & 1)
            if not len(rows):
                continue
            order = np.arange(len(rows)) - np.searchsorted(rows, rows)  # how many of this row came before
            at = filled[rows] + order
            size = 1 << shift
            neg[rows, at] = size if core.x_type.signed or negative else 0
            pos[rows, at] = size if core.x_type.signed or not negative else 0
            low[rows, at] = shift
            end[rows, at] = shift + core.x_type.width
            name[rows, at] = index * 2 + negative
            np.add.at(filled, rows, 1)
    unit = core.x_type.width - core.x_type.signed
    for row, bias in enumerate(core.lut_bias.tolist()):
        if bias:
            size = ((-bias - 1 if bias < 0 else bias) >> unit) + 1
            neg[row, filled[row]] = size if bias < 0 else 0
            pos[row, filled[row]] = 0 if bias < 0 else size
            zeros = (bias & -bias).bit_length() - 1
            low[row, filled[row]] = end[row, filled[row]] = zeros
            name[row, filled[row]] = CONSTANT + (bias >> zeros)
    return neg, pos, low, end, name


def row_cells(core: DenseUnrolled, unread: Codes) -> tuple[int, int]:
    """(LUT, FF) of all rows; `unread` [m]: low bits of each result that nobody reads."""
    neg, pos, low, end, name = _leaves(core)
    signed = (neg > 0) & core.x_type.signed & (name < CONSTANT)  # the bits above vary
    unit = core.x_type.width - core.x_type.signed
    age = np.zeros_like(neg)  # registers in a row: what is only passed on becomes an SRL
    lut = ff = 0
    for level in range(core.levels):
        if neg.shape[1] % 2:
            old = (neg, pos, low, end, name, age, signed)
            neg, pos, low, end, name, age, signed = (np.pad(v, ((0, 0), (0, 1)), constant_values=ABSENT) for v in old)
            signed = signed > 0
        a, b = (_Side(*(v[:, k::2] for v in (neg, pos, low, end, name, signed))) for k in (0, 1))
        adds = b.neg >= 0
        ends = np.repeat(adds, 2, axis=1)
        cells = _chains(age[ends], (end - low)[ends], name[ends])
        high = np.where(adds, np.maximum(a.low, b.low), a.low)
        base = np.where(adds, np.minimum(a.low, b.low), a.low)
        name, once = _named(a.name, a.low - base, b.name, np.where(adds, b.low - base, 0))
        neg, pos, low = np.where(adds, a.neg + b.neg, a.neg), np.where(adds, a.pos + b.pos, a.pos), base
        reach = np.ceil(np.log2(np.maximum(np.maximum(neg, pos), 1))).astype(np.int64)
        width = np.minimum(unit + reach + (neg > 0), core.acc_width)
        alike = once if level else _named(_plain(a.name), a.low - base, _plain(b.name), b.low - base)[1]
        lut += cells[0] + int(np.where(adds & alike, _both(a, b, width) - high, 0).clip(0).sum())
        floor = np.maximum(high, unread[:, None]) if level == core.levels - 1 else high
        ff += cells[1] + int(np.where(adds & once, width - floor, 0).clip(0).sum())
        end, signed = np.where(neg >= 0, width, 0), neg > 0
        age = np.where(adds, 0, age[:, ::2] + 1)
    kept = np.maximum(end[:, 0] - np.maximum(low[:, 0], unread), 0)
    cells = _chains(age[:, 0], kept, name[:, 0])
    return lut + cells[0], ff + cells[1]


class _Side(NamedTuple):
    """One operand of each pair of a level."""

    neg: Codes
    pos: Codes
    low: Codes
    end: Codes
    name: Codes
    signed: NDArray[np.bool_]


def _both(a: _Side, b: _Side, width: Codes) -> Codes:
    """End of the bits that take a LUT."""
    constant = (a.name >= CONSTANT) | (b.name >= CONSTANT)
    end = np.where(a.signed & b.signed, np.maximum(a.end, b.end), np.minimum(a.end, b.end))
    end = np.where(a.signed & ~b.signed, b.end, np.where(b.signed & ~a.signed, a.end, end))
    return np.where(constant, 0, np.minimum(end, width))


def _plain(name: Codes) -> Codes:
    """Inputs without their signs: the exclusive or of a complement is an inverter away."""
    return np.where(name < CONSTANT, name & ~1, name)


def _chains(age: Codes, bits: Codes, name: Codes) -> tuple[int, int]:
    """(LUT, FF) of `age` registers in a row, each of `bits`, equal names once."""
    _, first = np.unique(name, return_index=True)
    age, bits = age[first], bits[first]
    registers = np.where(age < 3, age, age % 16 == 1)
    return int((bits * np.where(age < 3, 0, -(-(age - registers) // 32))).sum()), int((bits * registers).sum())


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
