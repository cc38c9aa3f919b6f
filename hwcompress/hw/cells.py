# SPDX-License-Identifier: Apache-2.0
"""Counts of an FPGA's cells."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resources:
    """Counts of the target's cells. DSP and BRAM are exact, LUT and FF modelled."""

    dsp: int = 0
    lut: int = 0
    ff: int = 0
    bram18: int = 0

    def __add__(self, other: "Resources") -> "Resources":
        return Resources(self.dsp + other.dsp, self.lut + other.lut, self.ff + other.ff, self.bram18 + other.bram18)

    def __mul__(self, times: int) -> "Resources":
        return Resources(self.dsp * times, self.lut * times, self.ff * times, self.bram18 * times)

    def over(self, budget: "Resources") -> tuple[str, ...]:
        """Names of the resources that exceed the budget."""
        return tuple(k for k in ("dsp", "lut", "ff", "bram18") if getattr(self, k) > getattr(budget, k))
