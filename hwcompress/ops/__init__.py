# SPDX-License-Identifier: Apache-2.0
"""The operators: float form (Dense, Affine, Clip, Lookup) and integer form."""

from hwcompress.ops.affine import Affine, AffineCodes
from hwcompress.ops.clip import Clip
from hwcompress.ops.dense import Dense, DenseCodes
from hwcompress.ops.lookup import Lookup, Table
from hwcompress.ops.requant import Requant

__all__ = ["Affine", "AffineCodes", "Clip", "Dense", "DenseCodes", "Lookup", "Requant", "Table"]
