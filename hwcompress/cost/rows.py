# SPDX-License-Identifier: Apache-2.0
"""Cells of hwc_row_lut: the adder trees of a reuse-1 layer, node by node, all rows at once.

A node's width follows from the range of its operands; its low zero bits take neither LUT nor register. Sums of the
same two nodes, at any common shift, are one (the tools drop low zeros and merge equal cells).
"""

import numpy as np
from numpy.typing import NDArray

from hwcompress.engines.csd import signed_digits
from hwcompress.engines.dense import DenseUnrolled
from hwcompress.ir.fixed import Codes

ABSENT = -1
CONSTANT = 1 << 56  # names of biases start here


def _leaves(core: DenseUnrolled) -> tuple[Codes, Codes, Codes, Codes]:
    """(neg, pos, low, name) of each leaf [rows, leaves]: range in units of the input's, trailing zeros; absent: -1."""
    plus, minus = signed_digits(core.weight)
    m = len(core.weight)
    width = int(core.operands.max(initial=1))
    neg, pos, low, name = (np.full((m, max(1, width)), ABSENT, dtype=np.int64) for _ in range(4))
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
            name[rows, at] = index * 2 + negative
            np.add.at(filled, rows, 1)
    unit = core.x_type.width - core.x_type.signed
    for row, bias in enumerate(core.lut_bias.tolist()):
        if bias:
            size = ((-bias - 1 if bias < 0 else bias) >> unit) + 1
            neg[row, filled[row]] = size if bias < 0 else 0
            pos[row, filled[row]] = 0 if bias < 0 else size
            zeros = (bias & -bias).bit_length() - 1
            low[row, filled[row]] = zeros
            name[row, filled[row]] = CONSTANT + (bias >> zeros)
    return neg, pos, low, name


def row_cells(core: DenseUnrolled, unread: Codes) -> tuple[int, int]:
    """(LUT, FF) of all rows; `unread` [m]: low bits of each result that nobody reads."""
    neg, pos, low, name = _leaves(core)
    unit = core.x_type.width - core.x_type.signed
    age = np.zeros_like(neg)  # registers in a row: what is only passed on becomes an SRL
    bits = np.zeros_like(neg)  # of each of them
    lut = ff = 0
    for _ in range(core.levels):
        if neg.shape[1] % 2:
            padded = [np.pad(v, ((0, 0), (0, 1)), constant_values=ABSENT) for v in (neg, pos, low, name, age, bits)]
            neg, pos, low, name, age, bits = padded
        a, b = (tuple(v[:, side::2] for v in (neg, pos, low, name)) for side in (0, 1))
        adds = b[0] >= 0
        ends = np.repeat(adds, 2, axis=1)
        cells = _chains(age[ends], bits[ends], name[ends])
        base = np.where(adds, np.minimum(a[2], b[2]), a[2])
        name, once = _named(a[3], a[2] - base, b[3], np.where(adds, b[2] - base, 0))
        neg, pos, low = np.where(adds, a[0] + b[0], a[0]), np.where(adds, a[1] + b[1], a[1]), base
        reach = np.ceil(np.log2(np.maximum(np.maximum(neg, pos), 1))).astype(np.int64)
        width = np.minimum(unit + reach + (neg > 0), core.acc_width)
        bits, age = np.where(neg >= 0, width - low, 0), np.where(adds, 0, age[:, ::2]) + 1
        lut += cells[0] + int(np.where(adds & once, width - np.maximum(a[2], b[2]), 0).sum())
        ff += cells[1]
    kept = np.maximum(bits[:, 0] + low[:, 0] - np.maximum(low[:, 0], unread), 0)
    cells = _chains(age[:, 0], kept, name[:, 0])
    return lut + cells[0], ff + cells[1]


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
