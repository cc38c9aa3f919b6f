# SPDX-License-Identifier: Apache-2.0
"""The whole accelerator as data: islands between two ports. Both back ends print this."""

from dataclasses import dataclass
from enum import Enum

from hwcompress.engines.base import Core, Memory, Store, Stream
from hwcompress.engines.head import Buffer, Direct, Lines, Scan


class Interface(Enum):
    """How frames enter and leave."""

    AXIS = "axis"
    VALID = "valid"


@dataclass(frozen=True)
class Island:
    """A head and the free-running cores behind it."""

    head: Direct | Buffer | Lines | Scan
    cores: tuple[Core, ...]

    @property
    def latency(self) -> int:
        """From the step that completes a word to the clock in which it may be written to the next head."""
        return self.head.latency + sum(c.latency for c in self.cores)


@dataclass(frozen=True)
class Pipeline:
    """A network in hardware."""

    top: str  # name of the top module: a legal identifier of ours
    interface: Interface
    family: int  # of the target, key of hw.families.FAMILIES: FAMILY of hwc_mac
    input: Stream
    output: Stream
    islands: tuple[Island, ...]
    output_depth: int  # words of the output FIFO (axis)
    output_store: Store

    def cores(self) -> tuple[Core, ...]:
        """All cores in order."""
        return tuple(c for i in self.islands for c in i.cores)

    def memories(self) -> tuple[Memory, ...]:
        """Contents of all ROMs."""
        return tuple(m for c in self.cores() for m in c.memories())
