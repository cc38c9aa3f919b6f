# SPDX-License-Identifier: Apache-2.0
"""lookup: y = f(x) for a function of one variable; in codes a table that is rounded once, when it is built."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from hwcompress.errors import ShapeError
from hwcompress.ir.fixed import Codes, FixedPoint, Format, Reals, quantize
from hwcompress.ir.types import Range, TensorType

MAX_TABLE_BITS = 12  # of the input


def _sigmoid(x: Reals) -> Reals:
    return 0.5 * (1.0 + np.tanh(0.5 * x))


def _tanh(x: Reals) -> Reals:
    return np.tanh(x)


def _leaky_relu(x: Reals, alpha: float) -> Reals:
    return np.where(x < 0, alpha * x, x)


FUNCTIONS: Mapping[str, Callable[..., Reals]] = {
    "sigmoid": _sigmoid,
    "tanh": _tanh,
    "leaky_relu": _leaky_relu,
}


@dataclass(frozen=True, slots=True)
class Lookup:
    """Float form: a function of FUNCTIONS and its parameters."""

    function: str
    parameters: tuple[float, ...] = ()

    def shape(self, channels: int) -> int:
        """As many channels out as in."""
        return channels

    def run_float(self, x: Reals) -> Reals:
        """x [batch, n] to y [batch, n]."""
        return FUNCTIONS[self.function](x, *self.parameters)

    def table(self, kind: FixedPoint, fmt: Format) -> "Table":
        """The codes of f for every code of `kind`, rounded into `fmt`."""
        if kind.width > MAX_TABLE_BITS:
            raise ShapeError(f"table of {self.function} wants at most {MAX_TABLE_BITS} bits of input; got {kind}")
        x = np.arange(kind.min_code, kind.max_code + 1, dtype=np.float64) * np.float64(kind.step)
        return Table(kind, fmt.type, quantize(self.run_float(x), fmt))

    def __str__(self) -> str:
        arguments = ", ".join(f"{p:g}" for p in self.parameters if math.isfinite(p))
        return f"{self.function}({arguments})" if arguments else self.function


@dataclass(frozen=True, eq=False)
class Table:
    """Integer form: entry k belongs to code x_type.min_code + k."""

    x_type: FixedPoint
    y_type: FixedPoint
    entries: Codes  # [2**x_type.width]

    def infer(self, x: TensorType) -> TensorType:
        """The type of the entries."""
        if x.element != self.x_type or x.shifts:
            raise ShapeError(f"table wants {self.x_type}; got {x}")
        return TensorType(x.channels, self.y_type)

    def span(self, x: Range) -> Range:
        """Smallest and largest entry between the ends of each channel."""
        base = self.x_type.min_code
        parts = [self.entries[a - base : b - base + 1] for a, b in zip(x.lo, x.hi, strict=True)]
        return Range(np.array([p.min() for p in parts]), np.array([p.max() for p in parts]))

    def run_codes(self, x: Codes) -> Codes:
        """x [..., n] to entries [..., n]."""
        return self.entries[x - self.x_type.min_code]
