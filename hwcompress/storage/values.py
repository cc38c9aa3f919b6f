# SPDX-License-Identifier: Apache-2.0
"""The signs and magnitudes of the weights that are not zero, as adaptive binary decisions.

A magnitude is its bucket (for integers the number of its bits, for floats the exponent) and the bits below. The bucket
and the first of those bits are trees of decisions (as the binarization of DeepCABAC, arXiv:1907.11900), mixed from what
the neighbours in the map, the column, the weight before and the density of the mask around them suggest.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hwcompress.ir.fixed import Codes
from hwcompress.storage.mask import Layout, Mask
from hwcompress.storage.mixing import Adaptive, Mixed
from hwcompress.storage.rangecoder import Coder

TREE = 5  # bits below the bucket that are modelled
MANY = 1 << 15  # values that are worth mixing; more are coded in one context each
LEVELS = 16  # of magnitudes, as contexts
DENSITY = [0, 1, 2, 3, 3, 4, 4, 5, 5]  # class by the count of non-zero neighbours
MAGNITUDE_WAYS = 1, LEVELS, LEVELS, LEVELS, 16  # contexts of each guess
SIGN_WAYS = 1, 9, 9, 9


@dataclass(frozen=True)
class Scale:
    """How magnitudes are cut into bucket and bits below."""

    buckets: int  # 1 .. buckets
    below: int | None = None  # bits below, the same for all; None: an integer's own, one less than its bucket

    @property
    def depth(self) -> int:
        """Of the tree of buckets."""
        return self.buckets.bit_length()

    def bucket(self, magnitude: int) -> int:
        return magnitude.bit_length() if self.below is None else (magnitude >> self.below) + 1

    def low(self, bucket: int) -> int:
        """Bits below."""
        return max(0, bucket - 1) if self.below is None else self.below

    def join(self, bucket: int, rest: int) -> int:
        """The magnitude."""
        return (1 << bucket >> 1 if self.below is None else (bucket - 1) << self.below) + rest


class _Tree:
    """The decisions of a magnitude, given a way to make one."""

    def __init__(self, coder: Coder, scale: Scale) -> None:
        self._coder = coder
        self._scale = scale
        self.nodes = (1 << scale.depth) * (1 + (1 << TREE))
        self.selects = scale.depth + TREE

    def code(self, magnitude: int, decide: "Mixed | Adaptive", contexts: Sequence[int]) -> int:
        scale, depth = self._scale, self._scale.depth
        bucket = scale.bucket(magnitude)
        node = 1
        for k in range(depth):
            node += node + self._one(decide, bucket >> depth - 1 - k & 1, contexts, node, k)
        bucket = node - (1 << depth)
        low = scale.low(bucket)
        rest = magnitude - scale.join(bucket, 0)
        base = (1 << depth) + (bucket << TREE)
        modelled = min(TREE, low)
        node = 1
        for k in range(modelled):
            node += node + self._one(decide, rest >> low - 1 - k & 1, contexts, base + node, depth + k)
        top = node - (1 << modelled)
        plain = low - modelled
        return scale.join(bucket, top << plain | self._coder.direct(rest & (1 << plain) - 1, plain))

    def _one(self, decide: "Mixed | Adaptive", bit: int, contexts: Sequence[int], node: int, select: int) -> int:
        if isinstance(decide, Mixed):
            return decide.code(bit, contexts, node, select)
        return decide.code(bit, contexts[0] * self.nodes + node)


def code_values(coder: Coder, values: Sequence[int], mask: Mask, layout: Layout | None, scale: Scale) -> list[int]:
    """Write or read one integer, not zero, for each True of `mask`, row by row."""
    if len(values) > MANY or scale.below is not None:
        return _code_plainly(coder, values, scale)
    return _Field(coder, mask, layout, scale).code(values)


def guess(codes: Codes, scale: Scale) -> float:
    """About the bits of so many values: the entropy of what is modelled, what learning it costs, and the bits below."""
    magnitudes = np.abs(codes)
    if scale.below is None:
        low = np.frexp(magnitudes.astype(np.float64))[1].astype(np.int64) - 1
    else:
        low = np.full(codes.shape, scale.below)
    plain = np.maximum(low - TREE, 0)
    _, counts = np.unique((magnitudes >> plain << 6 | plain) * np.sign(codes), return_counts=True)
    entropy = float((counts * np.log2(codes.size / counts)).sum())
    return entropy + 4.0 * counts.size + float(plain.sum())


def _code_plainly(coder: Coder, values: Sequence[int], scale: Scale) -> list[int]:
    """Signs after the last two signs, magnitudes after the level of the one before."""
    tree = _Tree(coder, scale)
    signs, magnitudes = Adaptive(coder, 4), Adaptive(coder, 4 * tree.nodes)
    past = before = 0
    found: list[int] = []
    step = max(1, scale.buckets // 4)
    for value in values:
        negative = signs.code(int(value < 0), past)
        past = (past << 1 | negative) & 3
        magnitude = tree.code(abs(value), magnitudes, (before,))
        before = min(3, (scale.bucket(magnitude) - 1) // step)
        found.append(-magnitude if negative else magnitude)
    return found


class _Field:
    """Values with their neighbours."""

    def __init__(self, coder: Coder, mask: Mask, layout: Layout | None, scale: Scale) -> None:
        self._tree = _Tree(coder, scale)
        self._scale = scale
        self._magnitudes = Mixed(coder, sum(MAGNITUDE_WAYS), self._tree.nodes, self._tree.selects, len(MAGNITUDE_WAYS))
        self._signs = Mixed(coder, sum(SIGN_WAYS), 1, 1, len(SIGN_WAYS))
        self._neighbours, self._density = _around(mask, layout)
        rows, columns = np.nonzero(mask)
        self._first = np.diff(rows, prepend=-1).astype(bool).tolist()
        self._columns = columns.tolist()
        self._sums = [0] * mask.shape[1]  # of levels of a column
        self._counts = [0] * mask.shape[1]

    def code(self, values: Sequence[int]) -> list[int]:
        count = len(self._columns)
        sign, level = [0] * (count + 1), [0] * (count + 1)  # the last stands for no neighbour
        found: list[int] = []
        before = row_sign = row_count = 0
        for k, j in enumerate(self._columns):
            if self._first[k]:
                before = row_sign = row_count = 0
            left, above, *corners = self._neighbours[k]
            a, b, c, d = sign[left], sign[above], sign[corners[0]], sign[corners[1]]
            balance = min(max(8 * row_sign // (row_count + 2), -4), 4)
            contexts = (0, 5 + 3 * a + b, 14 + balance, 23 + a + b + c + d)
            negative = self._signs.code(int(values[k] < 0), contexts, 0, 0)
            contexts = self._contexts(k, j, [level[i] for i in self._neighbours[k] if level[i]], before, negative)
            magnitude = self._tree.code(abs(values[k]), self._magnitudes, contexts)
            found.append(-magnitude if negative else magnitude)
            before = level[k] = self._level(magnitude)
            sign[k] = 1 - 2 * negative
            row_sign += sign[k]
            row_count += 1
            self._sums[j] += before
            self._counts[j] += 1
        return found

    def _contexts(self, k: int, j: int, around: list[int], before: int, negative: int) -> tuple[int, ...]:
        near = sum(around) // len(around) if around else 0
        column = self._sums[j] // self._counts[j] if self._counts[j] else 0
        return (
            0,
            1 + near,
            1 + LEVELS + column,
            1 + 2 * LEVELS + before,
            1 + 3 * LEVELS + 8 * negative + self._density[k],
        )

    def _level(self, magnitude: int) -> int:
        """Twice the logarithm to base 2, from 1, or as coarse as fits into LEVELS."""
        bucket = self._scale.bucket(magnitude)
        low = self._scale.low(bucket)
        half = magnitude >> low - 1 & 1 if low else 0
        most = 2 * self._scale.buckets
        level = 2 * bucket - 1 + half if low else 1
        return 1 + (level - 1) * (LEVELS - 2) // max(most, LEVELS - 2)


def _around(mask: Mask, layout: Layout | None) -> tuple[list[list[int]], list[int]]:
    """Of each True its number left, above, above left and above right (the count if there is none); density around."""
    m, n = mask.shape
    height, width, channels = layout or (1, n, 1)
    count = int(np.count_nonzero(mask))
    number = np.full((m, n), count, dtype=np.int64)
    number[mask] = np.arange(count)
    cube = number.reshape(m, height, width, channels)
    padded = np.pad(cube, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=count)

    def beside(y: int, x: int) -> Codes:
        return padded[:, 1 + y : 1 + y + height, 1 + x : 1 + x + width].reshape(m, n)[mask]

    total = np.zeros(count, dtype=np.int64)
    for y in (-1, 0, 1):
        for x in (-1, 0, 1):
            total += beside(y, x) < count
    neighbours = np.stack([beside(0, -1), beside(-1, 0), beside(-1, -1), beside(-1, 1)], axis=1)
    return neighbours.tolist(), np.array(DENSITY)[total - 1].tolist()
