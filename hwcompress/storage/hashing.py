# SPDX-License-Identifier: Apache-2.0
"""Layers whose weights are few values, signed and placed by hashes: of them the values alone are stored.

HashedNets (Chen et al., arXiv:1504.04788).
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hwcompress.ir.fixed import Codes, Reals

Words: TypeAlias = NDArray[np.uint64]
GOLDEN, MIX_A, MIX_B = (np.uint64(c) for c in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


def hashed(size: int, buckets: int, seed: int) -> tuple[Codes, Reals]:
    """Bucket (0..buckets - 1) and sign (-1, 1) of each of `size` weights in order, by splitmix64 of place and seed."""
    word = _mixed(np.arange(size, dtype=np.uint64) + _mixed(np.array([seed % (1 << 64)], dtype=np.uint64)))
    sign = np.where(word >> np.uint64(63), -1.0, 1.0)
    return (_mixed(word) % np.uint64(buckets)).astype(np.int64), sign


def _mixed(word: Words) -> Words:
    """The finalizer of splitmix64 (Steele, Lea, Flood, OOPSLA 2014)."""
    word = word + GOLDEN
    word = (word ^ (word >> np.uint64(30))) * MIX_A
    word = (word ^ (word >> np.uint64(27))) * MIX_B
    return word ^ (word >> np.uint64(31))


@dataclass(frozen=True)
class Placement:
    """How the weights of a layer are placed: w_i = sign(i) * value[bucket(i)], or zero where pruned."""

    buckets: int
    seed: int

    def fit(self, weight: Reals, keep_zeros: bool = True) -> Reals:
        """The values of least squared error [buckets]: means of sign * weight, of those that are not zero if wanted."""
        bucket, sign = hashed(weight.size, self.buckets, self.seed)
        flat = weight.ravel()
        counted = bucket[flat != 0] if keep_zeros else bucket
        members = np.bincount(counted, minlength=self.buckets)
        return np.bincount(bucket, sign * flat, self.buckets) / np.maximum(members, 1)

    def weights(self, values: Reals, shape: tuple[int, ...]) -> Reals:
        """What values [buckets] stand for where nothing is pruned."""
        size = int(np.prod(shape))
        bucket, sign = hashed(size, self.buckets, self.seed)
        return (sign * values[bucket]).reshape(shape) + 0.0  # no -0.0

    def values(self, weight: Reals) -> Reals | None:
        """The values [buckets] that give exactly these weights where they are not zero; None if none do."""
        bucket, sign = hashed(weight.size, self.buckets, self.seed)
        flat = weight.ravel()
        found = np.zeros(self.buckets)
        found[bucket[flat != 0]] = (sign * flat)[flat != 0]
        same = np.where(flat != 0, sign * found[bucket], 0.0) == flat
        return found if bool(same.all()) else None
