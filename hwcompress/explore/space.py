# SPDX-License-Identifier: Apache-2.0
"""The points of a sweep: every combination of a few choices, in a fixed order."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import product

from hwcompress.errors import BadInput, quote

MAX_POINTS = 20_000
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

    bits: tuple[tuple[Bits, Bits], ...] = ((8, 8),)  # weights, activations
    sparsity: tuple[float, ...] = (0.0,)
    strategy: tuple[str, ...] = ("auto",)
    reuse: tuple[int | str, ...] = ("auto",)

    def points(self) -> tuple[Point, ...]:
        """All of them, those with the same numbers side by side.

        Raises:
            BadInput: too many.
        """
        size = len(self.bits) * len(self.sparsity) * len(self.strategy) * len(self.reuse)
        if size > MAX_POINTS:
            raise BadInput(f"sweep: at most {MAX_POINTS} points wanted, {size} found. Try: fewer values on an axis")
        return tuple(Point(*b, z, s, r) for b, z, s, r in product(self.bits, self.sparsity, self.strategy, self.reuse))


def parse_grid(bits: str, sparsity: str, strategy: str, reuse: str) -> Grid:
    """A Grid of comma-separated lists; in `bits` 4x8 is 4-bit weights with 8-bit activations.

    Only the shape of a list is checked here; every value is checked where a Config is made of it.

    Raises:
        BadInput: a list is empty or holds something that is no number.
    """
    return Grid(
        bits=tuple(_pair(text) for text in _items("bits", bits)),
        sparsity=tuple(_number("sparsity", text) for text in _items("sparsity", sparsity)),
        strategy=tuple(_items("strategy", strategy)),
        reuse=tuple("auto" if text == "auto" else _whole("reuse", text) for text in _items("reuse", reuse)),
    )


def _items(axis: str, text: str) -> Iterable[str]:
    """The parts of a list, each once."""
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise BadInput(f"--{axis}: a list like 4,6,8 wanted, {quote(text)} found")
    return dict.fromkeys(parts)


def _pair(text: str) -> tuple[Bits, Bits]:
    weights, cross, activations = text.partition("x")
    return _bits(weights), _bits(activations if cross else weights)


def _bits(text: str) -> Bits:
    return "auto" if text == "auto" else _whole("bits", text)


def _whole(axis: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadInput(f"--{axis}: whole numbers with commas between wanted, {quote(text)} found")
    return int(text)


def _number(axis: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadInput(f"--{axis}: numbers with commas between wanted, {quote(text)} found") from None
