# SPDX-License-Identifier: Apache-2.0
"""clip: y = min(max(x, lo), hi). Relu is clip(0, inf). In codes it is the bounds of a requant."""

from dataclasses import dataclass

from hwcompress.ir.fixed import Reals
from hwcompress.ir.types import Shape


@dataclass(frozen=True, slots=True)
class Clip:
    """Float form; either bound may be infinite."""

    lo: float
    hi: float

    def shape(self, shape: Shape) -> Shape:
        """That of the input."""
        return shape

    def run_float(self, x: Reals) -> Reals:
        """x [batch, n] to y [batch, n]."""
        return x.clip(self.lo, self.hi)
