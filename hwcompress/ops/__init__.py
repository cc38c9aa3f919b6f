# SPDX-License-Identifier: Apache-2.0
"""The operators: float form (Dense, Conv, MaxPool, SumPool, Affine, Clip, Lookup) and integer form."""

from hwcompress.ops.affine import Affine, AffineCodes
from hwcompress.ops.clip import Clip
from hwcompress.ops.conv import Conv, ConvCodes
from hwcompress.ops.dense import Dense, DenseCodes
from hwcompress.ops.lookup import Lookup, Table
from hwcompress.ops.pool import Chosen, MaxPool, MaxPoolCodes, SumPool, SumPoolCodes
from hwcompress.ops.requant import Requant
from hwcompress.ops.window import Window

__all__ = [
    "Affine", "AffineCodes", "Chosen", "Clip", "Conv", "ConvCodes", "Dense", "DenseCodes", "Lookup", "MaxPool",
    "MaxPoolCodes", "Requant", "SumPool", "SumPoolCodes", "Table", "Window",
]  # fmt: skip
