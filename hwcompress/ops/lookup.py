# SPDX-License-Identifier: Apache-2.0
"""lookup: y = f(x) for a function of one variable; in codes a table that is rounded once, when it is built."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import signature

import numpy as np

from hwcompress.errors import ShapeError
from hwcompress.ir.fixed import Codes, FixedPoint, Format, Reals, quantize
from hwcompress.ir.types import Range, Shape, TensorType

MAX_TABLE_BITS = 12  # of the input


def _sigmoid(x: Reals) -> Reals:
    return 0.5 * (1.0 + np.tanh(0.5 * x))


def _tanh(x: Reals) -> Reals:
    return np.tanh(x)


def _leaky_relu(x: Reals, alpha: float) -> Reals:
    return np.where(x < 0, alpha * x, x)


def _elu(x: Reals, alpha: float) -> Reals:
    return np.where(x < 0, alpha * np.expm1(np.minimum(x, 0.0)), x)


def _selu(x: Reals, alpha: float, gamma: float) -> Reals:
    return gamma * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0)))


def _celu(x: Reals, alpha: float) -> Reals:
    return np.maximum(x, 0.0) + alpha * np.expm1(np.minimum(x, 0.0) / alpha)


def _softplus(x: Reals) -> Reals:
    return np.logaddexp(0.0, x)


def _softsign(x: Reals) -> Reals:
    return x / (1.0 + np.abs(x))


def _thresholded_relu(x: Reals, alpha: float) -> Reals:
    return np.where(x > alpha, x, 0.0)


def _hard_swish(x: Reals) -> Reals:
    return x * (x / 6.0 + 0.5).clip(0.0, 1.0)


def _gelu(x: Reals) -> Reals:
    erf = np.fromiter(map(math.erf, np.ravel(x / math.sqrt(2.0)).tolist()), np.float64, x.size)
    return 0.5 * x * (1.0 + erf.reshape(x.shape))


def _gelu_tanh(x: Reals) -> Reals:
    return 0.5 * x * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)))


def _mish(x: Reals) -> Reals:
    return x * np.tanh(_softplus(x))


def _swish(x: Reals, alpha: float) -> Reals:
    return x * _sigmoid(alpha * x)


FUNCTIONS: Mapping[str, Callable[..., Reals]] = {
    "sigmoid": _sigmoid,
    "tanh": _tanh,
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "selu": _selu,
    "celu": _celu,
    "softplus": _softplus,
    "softsign": _softsign,
    "thresholded_relu": _thresholded_relu,
    "hard_swish": _hard_swish,
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "mish": _mish,
    "swish": _swish,
}


def arity(function: str) -> int:
    """How many parameters a function has."""
    return len(signature(FUNCTIONS[function]).parameters) - 1


@dataclass(frozen=True, slots=True)
class Lookup:
    """Float form: a function of FUNCTIONS and its parameters."""

    function: str
    parameters: tuple[float, ...] = ()

    def shape(self, shape: Shape) -> Shape:
        """That of the input."""
        return shape

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
        return TensorType(x.channels, self.y_type, grid=x.grid)

    def span(self, x: Range) -> Range:
        """Smallest and largest entry between the ends of each channel."""
        base = self.x_type.min_code
        parts = [self.entries[a - base : b - base + 1] for a, b in zip(x.lo, x.hi, strict=True)]
        return Range(np.array([p.min() for p in parts]), np.array([p.max() for p in parts]))

    def run_codes(self, x: Codes) -> Codes:
        """x [..., n] to entries [..., n]."""
        return self.entries[x - self.x_type.min_code]
