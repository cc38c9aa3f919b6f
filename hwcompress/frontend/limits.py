# SPDX-License-Identifier: Apache-2.0
"""What a network may ask for: beyond these sizes no device holds it, and planning would take hours and all memory."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from hwcompress.frontend.layout import MAX_SAMPLE, Layout, show
from hwcompress.frontend.raw import Refusal, TooLarge
from hwcompress.ir.graph import Op
from hwcompress.ops import Affine, Conv, Dense, MaxPool, SumPool

MAX_RANK = 64  # dimensions of a tensor; numpy knows no more
MAX_LANES = 1 << 16  # elements of a vector, channels of a map
MAX_WEIGHTS = 1 << 22  # constants of one layer
MAX_CONSTANTS = 1 << 23  # of all layers
MAX_PRODUCTS = 1 << 33  # of one layer and sample
MAX_READS = 1 << 28  # elements that the windows of a pool read of one sample
# Of the maps of all layers together: planning walks over them, some ten times. A frame of 3840 x 2160 fits.
MAX_POSITIONS = 1 << 23
MAX_ROWS = 1 << 18


@dataclass
class Totals:
    """What all layers ask for together."""

    constants: int = 0
    positions: int = 0
    rows: int = 0

    def add(self, ops: Collection[Op], reads: Sequence[Layout], made: Layout) -> None:
        """One more node that becomes these operators.

        Raises:
            Refusal: it is one too many.
        """
        shapes = [layout.shape for layout in (*reads, made) if len(layout.shape) == 3] if ops else []
        self.constants += sum(constants(op) for op in ops)
        self.positions += max((math.prod(shape[:2]) for shape in shapes), default=0)
        self.rows += max((shape[0] for shape in shapes), default=0)
        for what, found, limit in (
            ("constants", self.constants, MAX_CONSTANTS),
            ("positions of maps", self.positions, MAX_POSITIONS),
            ("rows of maps", self.rows, MAX_ROWS),
        ):
            if found > limit:
                raise Refusal(f"with it the model has {found} {what}; up to {limit} are supported")


def check_rank(layout: Layout) -> Layout:
    """The layout, if arrays of so many dimensions exist.

    Raises:
        Refusal: they do not.
    """
    if len(layout.dims) > MAX_RANK:
        raise Refusal(f"makes {len(layout.dims)} dimensions of {show(layout.dims)}; up to {MAX_RANK} are supported")
    return layout


def check_work(op: Op, made: Layout) -> None:
    """Nothing, if the operator that makes this layout is of a sensible size.

    Raises:
        Refusal: it is not.
    """
    positions = math.prod(made.shape[:-1])
    if constants(op) > MAX_WEIGHTS:
        raise Refusal(f"holds {constants(op)} constants; up to {MAX_WEIGHTS} are supported")
    if isinstance(op, Conv) and positions * op.weight.size > MAX_PRODUCTS:
        raise Refusal(f"takes {positions * op.weight.size} products; up to {MAX_PRODUCTS} are supported")
    if isinstance(op, MaxPool | SumPool) and positions * op.window.taps * made.lanes > MAX_READS:
        raise Refusal(f"its windows read more than {MAX_READS} elements")


def check_host(dims: Collection[int]) -> None:
    """Nothing, if the host can make so many elements of one sample.

    Raises:
        TooLarge: it cannot.
    """
    if math.prod(dims) > MAX_SAMPLE:
        raise TooLarge(f"makes more than {MAX_SAMPLE} elements of one sample")


def constants(op: Op) -> int:
    """Elements that an operator holds."""
    if isinstance(op, Affine):
        return op.scale.size + op.bias.size
    return op.weight.size if isinstance(op, Conv | Dense) else 0


def too_wide(read: Layout, made: Layout) -> str:
    """Why a layer from one layout to another cannot be built in parallel lanes; empty where it can."""
    lanes = max(read.lanes, made.lanes)
    return f"has {lanes} elements side by side; up to {MAX_LANES} are supported" if lanes > MAX_LANES else ""
