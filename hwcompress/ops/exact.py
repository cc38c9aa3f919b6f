# SPDX-License-Identifier: Apache-2.0
"""Integer product sums at the speed of floating-point BLAS, exact by a bound on every partial sum."""

import numpy as np

from hwcompress.errors import ShapeError
from hwcompress.ir.fixed import Codes

FLOAT32_EXACT = 1 << 24  # every integer up to here is a float32
FLOAT64_EXACT = 1 << 53


def partial_sum_bound(weight: Codes, x_max: int, bias: Codes) -> int:
    """Largest magnitude any partial sum of W x + b can have, in any order, if |x| <= x_max."""
    magnitudes = np.abs(weight).sum(axis=1) * x_max + np.abs(bias)
    return int(magnitudes.max(initial=0))


def product_sum(x: Codes, weight: Codes, bias: Codes) -> Codes:
    """x [batch, n], weight [m, n], bias [m] to W x + b [batch, m], exact.

    Raises:
        ShapeError: a partial sum could pass 2**53.
    """
    x_max = int(np.abs(x).max(initial=0))
    bound = partial_sum_bound(weight, x_max, bias)
    if bound > FLOAT64_EXACT:
        raise ShapeError(f"accumulator reaches {bound}, past 2**53; use fewer bits in this layer")
    kind = np.float32 if bound <= FLOAT32_EXACT else np.float64
    y = x.astype(kind) @ weight.T.astype(kind)
    return y.astype(np.int64) + bias
