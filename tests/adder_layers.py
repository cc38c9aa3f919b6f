"""Reuse-1 layers without multipliers."""

import numpy as np

from hwcompress.engines.base import Product
from hwcompress.engines.dense import DenseUnrolled
from hwcompress.ir.fixed import Codes, FixedPoint


def layer(weight: Codes, bias: Codes, kind: FixedPoint, w_width: int) -> DenseUnrolled:
    """With an accumulator that just holds every sum."""
    low, high = kind.min_code, kind.max_code
    plus, minus = np.maximum(weight, 0).sum(axis=1), np.minimum(weight, 0).sum(axis=1)
    top, bottom = (plus * high + minus * low + bias).max(), (plus * low + minus * high + bias).min()
    width = max(int(top).bit_length(), int(-bottom - 1).bit_length() if bottom < 0 else 0) + 1
    return DenseUnrolled("l", "l", weight, bias, kind, w_width, width, Product.LUT, 1, 2)
