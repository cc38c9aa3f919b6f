# SPDX-License-Identifier: Apache-2.0
"""Fixed-point types: what a bit pattern means, and how one type becomes another."""

import re
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from hwcompress.errors import BadInput, quote

Codes = NDArray[np.int64]  # integer codes; never real values
Reals = NDArray[np.float64]  # real values; never codes

MAX_WIDTH = 48  # bits: what a DSP48 accumulates
MAX_FORMAT = 32  # bits of a type that a user writes
MAX_FRAC = 48  # fraction bits of such a type, either way


class Rounding(Enum):
    """How bits below the last one are dropped."""

    HALF_UP = "RND"  # floor(x + 1/2)
    HALF_EVEN = "RND_CONV"  # ties to the even code
    TRUNCATE = "TRN"  # floor(x)


class Overflow(Enum):
    """What happens to a value outside the type."""

    SATURATE = "SAT"
    WRAP = "WRAP"


@dataclass(frozen=True, slots=True)
class FixedPoint:
    """Two's-complement (or unsigned) number with `frac` bits right of the point.

    Code q stands for the real value q * 2**-frac. `frac` may be negative or exceed `width`.
    Printed as s8f4 or u8f0, which is also a legal part of a Verilog name.
    """

    width: int  # bits, 1..48
    frac: int  # bits
    signed: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.width <= MAX_WIDTH:
            raise BadInput(f"type width must be 1..{MAX_WIDTH} bits, got {self.width}")

    @property
    def min_code(self) -> int:
        """Smallest code."""
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def max_code(self) -> int:
        """Largest code."""
        return (1 << (self.width - self.signed)) - 1

    @property
    def signed_width(self) -> int:
        """Bits of the two's complement type that holds the same codes."""
        return self.width + (not self.signed)

    @property
    def step(self) -> float:
        """Real value of one code."""
        return 2.0**-self.frac

    def __str__(self) -> str:
        sign = "s" if self.signed else "u"
        return f"{sign}{self.width}f{self.frac}"


@dataclass(frozen=True, slots=True)
class Format:
    """A type with the way values enter it; the unit of a configuration file."""

    type: FixedPoint
    rounding: Rounding = Rounding.HALF_UP
    overflow: Overflow = Overflow.SATURATE

    def __str__(self) -> str:
        if self.rounding is Rounding.HALF_UP and self.overflow is Overflow.SATURATE:
            return str(self.type)
        t = self.type
        prefix = "" if t.signed else "u"
        return f"{prefix}fixed<{t.width},{t.width - t.frac},{self.rounding.value},{self.overflow.value}>"


_SHORT = re.compile(r"(?P<sign>[su])(?P<width>\d{1,3})f(?P<frac>-?\d{1,4})")
_LONG = re.compile(
    r"(?:ap_)?(?P<u>u?)fixed<\s*(?P<width>\d{1,3})\s*,\s*(?P<whole>-?\d{1,4})\s*"
    r"(?:,\s*(?:AP_)?(?P<rnd>\w+)\s*)?(?:,\s*(?:AP_)?(?P<sat>\w+)\s*)?>"
)


def _written(width: int, frac: int, signed: bool) -> FixedPoint:
    if width > MAX_FORMAT:
        raise BadInput(f"type width must be 1..{MAX_FORMAT} bits, got {width}")
    if abs(frac) > MAX_FRAC:
        raise BadInput(f"type must have -{MAX_FRAC}..{MAX_FRAC} fraction bits, got {frac}")
    return FixedPoint(width, frac, signed)


def parse_format(text: str) -> Format:
    """Read `s8f6`, `u8f0` or `fixed<8,2,RND,SAT>` (width, integer bits, rounding, overflow).

    As in ap_fixed the long form defaults to TRN and WRAP; the short form to RND and SAT.

    Raises:
        BadInput: the text is none of these.
    """
    clean = text.strip()
    if match := _SHORT.fullmatch(clean):
        return Format(_written(int(match["width"]), int(match["frac"]), match["sign"] == "s"))
    if match := _LONG.fullmatch(clean):
        width, whole = int(match["width"]), int(match["whole"])
        try:
            rounding = Rounding(match["rnd"] or "TRN")
            overflow = Overflow(match["sat"] or "WRAP")
        except ValueError:
            raise BadInput(
                f"type {quote(clean)}: rounding must be RND, RND_CONV or TRN and overflow SAT or WRAP"
            ) from None
        return Format(_written(width, width - whole, not match["u"]), rounding, overflow)
    raise BadInput(f"type {quote(clean)} is not a fixed-point type; write s8f6, u8f0 or fixed<8,2,RND,SAT>")


def round_shift(q: Codes, shift: Codes | int, rounding: Rounding) -> Codes:
    """q * 2**-shift on integers, rounded; a negative shift appends zeros."""
    s = np.asarray(shift, dtype=np.int64)
    right, left = np.maximum(s, 0), np.maximum(-s, 0)
    wide = np.left_shift(q, left)
    if rounding is Rounding.TRUNCATE:
        return np.right_shift(wide, right)
    half = np.where(right > 0, np.left_shift(np.int64(1), np.maximum(right - 1, 0)), 0)
    up = wide + half
    y = np.right_shift(up, right)
    if rounding is Rounding.HALF_EVEN:
        below = np.bitwise_and(up, np.left_shift(np.int64(1), right) - 1)
        tie = (right > 0) & (below == 0)
        y = np.where(tie, np.bitwise_and(y, np.int64(-2)), y)
    return y


def wrap(q: Codes, kind: FixedPoint) -> Codes:
    """The low `width` bits of q, read as a code of `kind`."""
    span = np.int64(1) << kind.width
    return np.mod(q - kind.min_code, span) + kind.min_code


def quantize(x: Reals, fmt: Format, shifts: Codes | int = 0) -> Codes:
    """Codes of real values: round and saturate (or wrap). `shifts` adds fraction bits per channel."""
    scale = np.exp2(np.asarray(fmt.type.frac + np.asarray(shifts), dtype=np.float64))
    scaled = np.asarray(x, dtype=np.float64) * scale
    if fmt.rounding is Rounding.HALF_UP:
        # floor(x + 0.5) is wrong for the largest double below 0.5; compare instead of adding.
        whole = np.floor(scaled)
        rounded = whole + (scaled - whole >= 0.5)
    elif fmt.rounding is Rounding.HALF_EVEN:
        rounded = np.rint(scaled)
    else:
        rounded = np.floor(scaled)
    if fmt.overflow is Overflow.SATURATE:
        return rounded.clip(fmt.type.min_code, fmt.type.max_code).astype(np.int64)
    return wrap(np.fmod(rounded, 2.0**MAX_WIDTH).astype(np.int64), fmt.type)


def bits_for(lo: int, hi: int) -> int:
    """Width of the signed type that holds every integer from lo to hi: 8 for -128..127."""
    return max((-lo - 1).bit_length() if lo < 0 else 0, hi.bit_length() if hi > 0 else 0) + 1
