# SPDX-License-Identifier: Apache-2.0
"""The pooling engine: the largest code, or the sum, of the taps that come in one after the other."""

from dataclasses import dataclass

from hwcompress.engines.base import Memory, RomShape, clog2
from hwcompress.ir.fixed import Codes, FixedPoint


@dataclass(frozen=True, eq=False)
class PoolLanes:
    """hwc_pool: `lanes` channels at once; `groups` accumulators for channels that take turns."""

    name: str
    layer: str
    lanes: int
    x_type: FixedPoint
    total: bool  # a sum; else a maximum
    width: int  # bits of an element that leaves
    taps: int
    groups: int

    latency = 1

    @property
    def lane_width(self) -> int:
        """Bits of an element."""
        return self.width

    def rom_shapes(self) -> tuple[RomShape, ...]:
        """None."""
        return ()

    def memories(self) -> tuple[Memory, ...]:
        """None."""
        return ()


@dataclass(frozen=True, eq=False)
class MaxUnrolled:
    """hwc_max: all taps of a window at once, in a tree.

    index [lanes, taps]: which elements these are, -1 for the code `fill`; None: tap after tap, all lanes of each.
    """

    name: str
    layer: str
    lanes: int
    x_type: FixedPoint
    taps: int
    index: Codes | None = None
    fill: int = 0

    @property
    def latency(self) -> int:
        """Levels of the tree."""
        return clog2(self.taps)

    @property
    def lane_width(self) -> int:
        """Bits of an element."""
        return self.x_type.width

    def rom_shapes(self) -> tuple[RomShape, ...]:
        """None."""
        return ()

    def memories(self) -> tuple[Memory, ...]:
        """None."""
        return ()
