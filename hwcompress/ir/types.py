# SPDX-License-Identifier: Apache-2.0
"""Types of tensors."""

from dataclasses import dataclass

import numpy as np

from hwcompress.ir.fixed import Codes, FixedPoint, Reals


@dataclass(frozen=True, slots=True)
class TensorType:
    """Shape and code type of a value, with one more exponent per channel.

    The real value of code q in channel c is q * 2**-(element.frac + shifts[c]); no `shifts` means zeros.
    """

    channels: int
    element: FixedPoint
    shifts: tuple[int, ...] = ()

    def fracs(self) -> Codes:
        """Fraction bits of each channel [channels]."""
        return self.element.frac + np.asarray(self.shifts or (0,) * self.channels, dtype=np.int64)

    def reals(self, codes: Codes) -> Reals:
        """Real values of codes [..., channels]."""
        return codes.astype(np.float64) * np.exp2(-self.fracs().astype(np.float64))

    def __str__(self) -> str:
        return f"{self.element}[{self.channels}]"


@dataclass(frozen=True, slots=True)
class Range:
    """Smallest and largest code each channel can take: guaranteed, not observed."""

    lo: Codes  # [channels]
    hi: Codes  # [channels]

    @staticmethod
    def of(kind: FixedPoint, channels: int) -> "Range":
        """Everything that the type can hold."""
        return Range(np.full(channels, kind.min_code, dtype=np.int64), np.full(channels, kind.max_code, dtype=np.int64))

    def magnitudes(self) -> Reals:
        """Largest absolute value of each channel."""
        return np.maximum(np.abs(self.lo), np.abs(self.hi)).astype(np.float64)

    def largest(self) -> int:
        """Largest absolute value of all channels."""
        return int(self.magnitudes().max(initial=0.0))
