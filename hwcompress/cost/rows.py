# SPDX-License-Identifier: Apache-2.0
"""Cells of hwc_row_lut: the adder trees of a reuse-1 layer, node by node, all rows at once.

A node's width follows from the range of its operands; its low zero bits take neither LUT nor register. Rows that
add the same two nodes share the sum (the tools merge equal cells), so nodes are counted once each.
"""

import numpy as np

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
            name[rows, at] = (index * 64 + shift) * 2 + negative
            np.add.at(filled, rows, 1)
    unit = core.x_type.width - core.x_type.signed
    for row, bias in enumerate(core.lut_bias.tolist()):
        if bias:
            size = ((-bias - 1 if bias < 0 else bias) >> unit) + 1
            neg[row, filled[row]] = size if bias < 0 else 0
            pos[row, filled[row]] = 0 if bias < 0 else size
            low[row, filled[row]] = (bias & -bias).bit_length() - 1
            name[row, filled[row]] = CONSTANT + bias
    return neg, pos, low, name


def row_cells(core: DenseUnrolled) -> tuple[int, int]:
    """(LUT, FF) of all rows."""
    neg, pos, low, name = _leaves(core)
    unit = core.x_type.width - core.x_type.signed
    lut = ff = 0
    for _ in range(core.levels):
        if neg.shape[1] % 2:
            neg, pos, low, name = (np.pad(a, ((0, 0), (0, 1)), constant_values=ABSENT) for a in (neg, pos, low, name))
        pairs = np.stack([name[:, ::2].ravel(), name[:, 1::2].ravel()], axis=1)
        found, first, inverse = np.unique(pairs, axis=0, return_index=True, return_inverse=True)
        once = np.zeros(len(pairs), dtype=bool)
        once[first] = True
        once = once.reshape(neg[:, ::2].shape)
        a, b = (neg[:, ::2], pos[:, ::2], low[:, ::2]), (neg[:, 1::2], pos[:, 1::2], low[:, 1::2])
        here, both = (a[0] >= 0) & once, (b[0] >= 0) & once
        neg = np.where(b[0] >= 0, a[0] + b[0], a[0])
        pos = np.where(b[0] >= 0, a[1] + b[1], a[1])
        low = np.where(b[0] >= 0, np.minimum(a[2], b[2]), a[2])
        empty = (found == ABSENT).all(axis=1)
        name = np.where(empty[inverse], ABSENT, inverse).reshape(once.shape)
        bits = np.maximum(np.ceil(np.log2(np.maximum(np.maximum(neg, pos), 1))).astype(np.int64), 0)
        width = np.minimum(unit + bits + (neg > 0), core.acc_width)
        lut += int(np.where(both, width - np.maximum(a[2], b[2]), 0).sum())
        ff += int(np.where(here, width - low, 0).sum())
    return lut, ff
