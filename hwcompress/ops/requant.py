# SPDX-License-Identifier: Apache-2.0
"""requant: the only operator that rounds or saturates.

y[c] = clamp(round(x[c] * 2**-shift[c]), lo, hi). With Overflow.WRAP the rounded value first wraps into the
type; the clamp to [lo, hi] follows. Twin: templates/rtl/hwc_requant.v.
"""

from dataclasses import dataclass

import numpy as np

from hwcompress.errors import ShapeError
from hwcompress.ir.fixed import Codes, Format, Overflow, round_shift, wrap
from hwcompress.ir.types import Range, TensorType

MAX_SHIFT = 46  # bits to the right: with half a step added an accumulator stays within 48 bits
MAX_ALIGNED = 62  # bits after a shift to the left


@dataclass(frozen=True, eq=False)
class Requant:
    """From an accumulator to `format`, with the bounds of a Relu or Clip."""

    format: Format
    shifts: Codes  # [n]: fraction bits of the source less those of the result
    lo: int  # smallest code that leaves
    hi: int  # largest

    def infer(self, x: TensorType) -> TensorType:
        """The type of the format, one exponent for all channels."""
        kind = self.format.type
        if not kind.min_code <= self.lo <= self.hi <= kind.max_code:
            raise ShapeError(f"requant bounds {self.lo}..{self.hi} are not codes of {kind}")
        if self.shifts.shape != (x.channels,):
            raise ShapeError(f"requant wants x[{len(self.shifts)}]; got x[{x.channels}]")
        if (x.fracs() - self.shifts != kind.frac).any():
            raise ShapeError(f"requant shifts do not lead from {x} to {kind}")
        if int(self.shifts.max()) > MAX_SHIFT or x.element.width - int(self.shifts.min()) > MAX_ALIGNED:
            raise ShapeError(f"the point of {x} is too far from that of {kind}")
        return TensorType(x.channels, kind, grid=x.grid)

    def span(self, x: Range) -> Range:
        """Monotone while it saturates; anything once it wraps."""
        if self.format.overflow is Overflow.WRAP:
            n = len(x.lo)
            return Range(np.full(n, self.lo, dtype=np.int64), np.full(n, self.hi, dtype=np.int64))
        return Range(self.run_codes(x.lo), self.run_codes(x.hi))

    def run_codes(self, x: Codes) -> Codes:
        """x [..., n] to codes [..., n]."""
        y = round_shift(x, self.shifts, self.format.rounding)
        if self.format.overflow is Overflow.WRAP:
            y = wrap(y, self.format.type)
        return y.clip(self.lo, self.hi)
