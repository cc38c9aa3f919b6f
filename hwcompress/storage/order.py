# SPDX-License-Identifier: Apache-2.0
"""Orders of rows in which each is like the one before: what the mask's model turns into fewer bytes.

The units of a hidden layer may be in any order, if the columns of the next layer follow.
"""

import numpy as np

from hwcompress.ir.fixed import Codes, Reals
from hwcompress.storage.mask import Layout


def alike(values: Reals, grid: Layout | None = None) -> Codes:
    """The order [m] of the rows of a matrix [m, n]: from the fullest on, each time the most similar one that is left.

    Similar: the cosine of the masks, in a map blurred by two boxes of 3 x 3.
    """
    return walk(features(values, grid), np.count_nonzero(values, axis=1))


def features(values: Reals, grid: Layout | None = None) -> Reals:
    """What rows of a matrix [m, n] are compared by [m, n]: masks of length 1, in a map blurred before."""
    mask = (values != 0).astype(np.float64)
    if grid is not None:
        mask = _blurred(_blurred(mask.reshape(-1, *grid))).reshape(values.shape)
    return mask / np.maximum(np.linalg.norm(mask, axis=1, keepdims=True), 1e-9)


def walk(rows: Reals, counts: Codes) -> Codes:
    """The order [m] of features [m, n]: that of the greatest count [m], then each time the nearest that is left."""
    row = int(np.argmax(counts))
    left = np.ones(len(rows), dtype=bool)
    order = [row]
    for _ in range(len(rows) - 1):
        left[row] = False
        row = int(np.argmax(np.where(left, rows @ rows[row], -1.0)))
        order.append(row)
    return np.array(order, dtype=np.int64)


def _blurred(maps: Reals) -> Reals:
    """Mean of 3 x 3 of maps [m, rows, columns, channels]."""
    _, height, width, _ = maps.shape
    padded = np.pad(maps, ((0, 0), (1, 1), (1, 1), (0, 0)))
    return np.asarray(sum(padded[:, y : y + height, x : x + width] for y in range(3) for x in range(3))) / 9
