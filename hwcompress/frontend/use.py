# SPDX-License-Identifier: Apache-2.0
"""One use of an ONNX operator, as its spelling sees it, and what a spelling answers."""

from dataclasses import dataclass

import numpy as np

from hwcompress.errors import quote
from hwcompress.frontend.layout import Layout
from hwcompress.frontend.raw import Array, Nowhere, Opaque, RawNode, Refusal, TooLarge
from hwcompress.ir.graph import Op

JOINS = "more than one input depends on the network's input; only constants may join a chain"


@dataclass(frozen=True)
class Step:
    """What a node becomes: operators of the float form (none: only wiring) and the layout of its result."""

    ops: tuple[Op, ...]
    layout: Layout
    note: str = ""  # what had to be assumed
    repair: bool = False  # the file's own graph needs Transposes around this node to run
    batch: int = 0  # samples that the file's own graph takes at once because of this node; 0: any number


@dataclass(frozen=True)
class Use:
    """A node with its operands: tensors that depend on the input, constants, or None where one is left out."""

    node: RawNode
    operands: tuple[Layout | Array | Opaque | None, ...]

    def dynamic(self) -> tuple[int, Layout]:
        """Position and layout of the one operand that depends on the model's input, a float tensor.

        Raises:
            Refusal: there are several, or it holds integers.
        """
        position, layout = self.any_dynamic()
        if not layout.floating:
            raise Refusal(f"works on {layout.dtype} values; a Cast to float must come first")
        return position, layout

    def any_dynamic(self) -> tuple[int, Layout]:
        """The same, of any element type."""
        found = [(i, o) for i, o in enumerate(self.operands) if isinstance(o, Layout)]
        if len(found) != 1:
            raise Refusal(JOINS)
        return found[0]

    def first(self) -> Layout:
        """Layout of operand 0, which must be the one that depends on the input."""
        position, layout = self.dynamic()
        if position != 0:
            raise Refusal(f"input {position} depends on the network's input; it must be a constant")
        return layout

    def constant(self, position: int) -> Array:
        """The value of a constant operand.

        Raises:
            Refusal: it is missing, not constant, or cannot be computed.
        """
        value = self.optional(position)
        if value is None:
            raise Refusal(f"input {position} is missing")
        return value

    def optional(self, position: int) -> Array | None:
        """The value of a constant operand, None where it is left out."""
        value = self.operands[position] if position < len(self.operands) else None
        if isinstance(value, Layout):
            raise Refusal(f"input {position} ({quote(self.node.inputs[position])}) must be a constant")
        if isinstance(value, Opaque):
            refusal = TooLarge if value.huge else Refusal
            raise refusal(f"input {position} ({quote(self.node.inputs[position])}) is not usable: {value.reason}")
        return value

    def check(self) -> None:
        """Nothing, if the operator has such attributes and no operand is too large a constant, read or not.

        Raises:
            Nowhere: it is not so.
        """
        if self.node.strange:
            raise Nowhere(self.node.strange)
        for position, value in enumerate(self.operands):
            if isinstance(value, Opaque) and value.huge:
                self.optional(position)

    def scalar(self, position: int) -> float | None:
        """A constant operand of one element, None where it is left out."""
        value = self.optional(position)
        if value is None:
            return None
        if value.size != 1:
            raise Refusal(f"input {position} must hold one value, it holds {value.size}")
        return float(value.reshape(-1)[0])

    def axes(self, position: int) -> tuple[int, ...] | None:
        """The attribute `axes` of old opsets, or the operand of new ones."""
        value = self.optional(position)
        return self.node.integers("axes") if value is None else integers(value)


def integers(value: Array) -> tuple[int, ...]:
    """A list of integers held by a tensor."""
    if value.dtype.kind not in "iu" or value.size > 64:
        raise Refusal(f"a short list of integers is wanted, found {value.size} x {value.dtype}")
    return tuple(int(v) for v in np.ravel(value))


def normal_axes(axes: tuple[int, ...], rank: int) -> tuple[int, ...]:
    """Axes counted from the front.

    Raises:
        Refusal: one lies outside the rank, or appears twice.
    """
    if any(not -rank <= a < rank for a in axes):
        raise Refusal(f"axes {list(axes)[:8]} do not fit a rank of {rank}")
    found = tuple(a % rank for a in axes)
    if len(set(found)) != len(found):
        raise Refusal(f"axes {list(axes)[:8]} name one dimension twice")
    return found
