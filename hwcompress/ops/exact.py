# SPDX-License-Identifier: Apache-2.0
"""Integer product sums at the speed of floating-point BLAS, exact by a bound on every partial sum."""

import numpy as np

from hwcompress.errors import BadInput, ShapeError
from hwcompress.ir.fixed import MAX_WIDTH, Codes, Reals, bits_for
from hwcompress.ir.types import Range

FLOAT32_EXACT = 1 << 24  # every integer up to here is a float32
FLOAT64_EXACT = (1 << 53) - 1  # the next one may be what a larger integer was rounded to


def check_reach(magnitudes: Reals) -> None:
    """Sums must be countable before their width can be told.

    Raises:
        BadInput: a sum of products could pass 2**62.
    """
    top = float(magnitudes.max(initial=0.0))
    if top >= 2.0**62:
        raise BadInput(f"sums of {int(np.log2(top)) + 2} bits, at most {MAX_WIDTH} wanted")


def sum_width(span: Range) -> int:
    """Bits of the accumulators.

    Raises:
        BadInput: more than MAX_WIDTH.
    """
    width = bits_for(int(span.lo.min()), int(span.hi.max()))
    if width > MAX_WIDTH:
        raise BadInput(f"sums of {width} bits, at most {MAX_WIDTH} wanted")
    return width


def partial_sum_bound(weight: Codes, x_max: int, bias: Codes) -> int:
    """Largest magnitude any partial sum of W x + b can have, in any order, if |x| <= x_max; exact below 2**53."""
    reach = np.abs(weight).sum(axis=1, dtype=np.float64) * x_max + np.abs(bias)
    return int(reach.max(initial=0.0))


def product_sum(x: Codes, weight: Codes, bias: Codes) -> Codes:
    """x [batch, n], weight [m, n], bias [m] to W x + b [batch, m], exact.

    Raises:
        ShapeError: a partial sum could reach 2**53.
    """
    x_max = int(np.abs(x).max(initial=0))
    bound = partial_sum_bound(weight, x_max, bias)
    if bound > FLOAT64_EXACT:
        raise ShapeError(f"accumulator reaches {bound}, 2**53 or more; use fewer bits in this layer")
    kind = np.float32 if bound <= FLOAT32_EXACT else np.float64
    y = x.astype(kind) @ weight.T.astype(kind)
    return y.astype(np.int64) + bias
