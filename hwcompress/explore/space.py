# SPDX-License-Identifier: Apache-2.0
"""The points of a sweep: every combination of a few choices, in a fixed order."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import product
from typing import TypeVar, cast

from hwcompress.errors import BadInput, quote

MAX_POINTS = 20_000
WIDTH = 8  # bits of weights where only those of activations are given, and the other way round
T = TypeVar("T")
Bits = int | str  # 2..16 or auto


@dataclass(frozen=True, slots=True)
class Point:
    """One combination; the names are those of the Config."""

    weight_bits: Bits
    activation_bits: Bits
    sparsity: float
    strategy: str
    reuse: int | str

    def options(self) -> dict[str, object]:
        """As options of a Config."""
        return asdict(self)

    @property
    def numbers(self) -> tuple[Bits, Bits, float]:
        """What decides the codes; points that share it share import, compression and accuracy."""
        return self.weight_bits, self.activation_bits, self.sparsity


@dataclass(frozen=True, slots=True)
class Grid:
    """The choices on each axis."""

    bits: tuple[tuple[Bits, Bits], ...] = ((4, 4), (6, 6), (8, 8))  # weights, activations
    sparsity: tuple[float, ...] = (0.0, 0.5)
    strategy: tuple[str, ...] = ("dsp", "lut")
    reuse: tuple[int | str, ...] = (1, 4, 16, 64)

    def points(self) -> tuple[Point, ...]:
        """All of them, those with the same numbers side by side.

        Raises:
            BadInput: too many.
        """
        size = len(self.bits) * len(self.sparsity) * len(self.strategy) * len(self.reuse)
        if size > MAX_POINTS:
            raise BadInput(f"sweep: at most {MAX_POINTS} points wanted, {size} found. Try: fewer values on an axis")
        return tuple(Point(*b, z, s, r) for b, z, s, r in product(self.bits, self.sparsity, self.strategy, self.reuse))


@dataclass(frozen=True, slots=True)
class Axes:
    """The axes as text, lists with commas between; None where nothing was said."""

    bits: str | None = None  # weights and activations; 4x8 is 4-bit weights with 8-bit activations
    weight_bits: str | None = None
    activation_bits: str | None = None
    sparsity: str | None = None
    strategy: str | None = None
    reuse: str | None = None


def parse_grid(axes: Axes, base: Mapping[str, object]) -> Grid:
    """The Grid of these axes; `base`: fields of the Config that a file sets, one value each, where an axis is silent.

    Only the shape of a list is checked here; every value is checked where a Config is made of it.

    Raises:
        BadInput: a list is empty or holds something that is no number, or bits are given twice.
    """
    start = Grid()
    reuse: tuple[int | str, ...] = ("auto",) if base.keys() & {"interval", "latency"} else start.reuse
    sparsity = (0.0,) if base.get("prune") == "threshold" else start.sparsity
    return Grid(
        _pairs(axes, base) or start.bits,
        _axis("sparsity", axes.sparsity, base, _number) or sparsity,
        _axis("strategy", axes.strategy, base, _same) or start.strategy,
        _axis("reuse", axes.reuse, base, lambda text: _whole_or_auto("reuse", text)) or reuse,
    )


def _pairs(axes: Axes, base: Mapping[str, object]) -> tuple[tuple[Bits, Bits], ...]:
    if axes.bits is not None:
        if axes.weight_bits is not None or axes.activation_bits is not None:
            raise BadInput("--bits: both bits wanted there, --weight-bits or --activation-bits found too. Try: one way")
        return tuple(_pair(text) for text in _items("bits", axes.bits))
    weights = _axis("weight_bits", axes.weight_bits, base, lambda text: _whole_or_auto("weight-bits", text))
    activations = _axis(
        "activation_bits", axes.activation_bits, base, lambda text: _whole_or_auto("activation-bits", text)
    )
    if not weights and not activations:
        return ()
    return tuple(product(weights or (WIDTH,), activations or (WIDTH,)))


def _axis(field: str, text: str | None, base: Mapping[str, object], value: Callable[[str], T]) -> tuple[T, ...]:
    """The values of one axis; empty where neither the list nor the file says any."""
    if text is not None:
        return tuple(value(item) for item in _items(field.replace("_", "-"), text))
    return (cast("T", base[field]),) if field in base else ()


def _items(axis: str, text: str) -> Iterable[str]:
    """The parts of a list, each once."""
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise BadInput(f"--{axis}: a list like 4,6,8 wanted, {quote(text)} found")
    return dict.fromkeys(parts)


def _pair(text: str) -> tuple[Bits, Bits]:
    weights, cross, activations = text.partition("x")
    return _whole_or_auto("bits", weights), _whole_or_auto("bits", activations if cross else weights)


def _same(text: str) -> str:
    return text


def _whole_or_auto(axis: str, text: str) -> int | str:
    if text == "auto":
        return text
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadInput(f"--{axis}: whole numbers with commas between wanted, {quote(text)} found")
    return int(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadInput(f"--sparsity: numbers with commas between wanted, {quote(text)} found") from None
