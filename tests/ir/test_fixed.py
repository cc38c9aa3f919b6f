# SPDX-License-Identifier: Apache-2.0
"""Fixed-point types: how they are written, and how reals and wider codes enter them."""

import itertools
from fractions import Fraction

import numpy as np
import pytest

from hwcompress.errors import BadInput
from hwcompress.ir.fixed import (
    MAX_FORMAT,
    MAX_WIDTH,
    FixedPoint,
    Format,
    Overflow,
    Reals,
    Rounding,
    bits_for,
    parse_format,
    quantize,
    round_shift,
    wrap,
)
from tests.ir.exact import code_of, fitted, power, rounded

RND, CONV, TRN = Rounding
SAT, WRAP = Overflow
WIDE = np.array([0, 1, -1, 2, -2, 3, -3, (1 << 47) - 1, -(1 << 47), (1 << 47) - 2, 1 - (1 << 47), 0x5555_5555_5555])


@pytest.mark.parametrize(
    ("text", "width", "frac", "signed", "rounding", "overflow"),
    [
        ("s8f6", 8, 6, True, RND, SAT),
        ("u8f0", 8, 0, False, RND, SAT),
        (" s16f8\n", 16, 8, True, RND, SAT),
        ("s8f12", 8, 12, True, RND, SAT),
        ("s8f-3", 8, -3, True, RND, SAT),
        ("u1f48", 1, 48, False, RND, SAT),
        ("s32f-48", 32, -48, True, RND, SAT),
        ("fixed<8,2>", 8, 6, True, TRN, WRAP),
        ("ufixed<8,2>", 8, 6, False, TRN, WRAP),
        ("fixed<8,2,RND>", 8, 6, True, RND, WRAP),
        ("fixed<8,2,RND,SAT>", 8, 6, True, RND, SAT),
        ("fixed<8,2,RND_CONV,WRAP>", 8, 6, True, CONV, WRAP),
        ("fixed<8,-4,TRN,SAT>", 8, 12, True, TRN, SAT),
        ("fixed<8,20,TRN,SAT>", 8, -12, True, TRN, SAT),
        ("ap_fixed<8,2,AP_RND,AP_SAT>", 8, 6, True, RND, SAT),
        ("ap_ufixed<8,2,AP_RND_CONV,AP_WRAP>", 8, 6, False, CONV, WRAP),
        ("ap_ufixed< 8 , 2 , TRN , SAT >", 8, 6, False, TRN, SAT),
    ],
)
def test_spellings(text: str, width: int, frac: int, signed: bool, rounding: Rounding, overflow: Overflow) -> None:
    assert parse_format(text) == Format(FixedPoint(width, frac, signed), rounding, overflow)


@pytest.mark.parametrize("fmt", [
    Format(FixedPoint(width, frac, signed), rounding, overflow)
    for width in (1, 8, 32) for frac in (-48, -3, 0, 5, 48) for signed in (True, False)
    for rounding in Rounding for overflow in Overflow
], ids=str)  # fmt: skip
def test_what_is_printed_is_read_back(fmt: Format) -> None:
    assert parse_format(str(fmt)) == fmt


NONSENSE = [
    "", "8", "s8", "f6", "s8f", "sf6", "x8f6", "S8F6", "i8f6", "s8.6", "s8f6.5", "s-8f6", "s8 f6", "s8f6x", "s8f6,u8f0",
    "fixed", "fixed<>", "fixed<8>", "fixed<8,>", "fixed<8,2", "fixed(8,2)", "fixed<8,2,>", "fixed<8,2,RND,SAT,0>",
    "fixed<-8,2>", "fixed<8.0,2>", "sfixed<8,2>", "Fixed<8,2>", "ap_int<8>", "float32", "s1000f0",
]  # fmt: skip


@pytest.mark.parametrize("text", NONSENSE)
def test_what_is_no_type_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match=r"is not a fixed-point type; write s8f6, u8f0 or fixed<8,2,RND,SAT>$"):
        parse_format(text)


@pytest.mark.parametrize("modes", ["RND_ZERO,SAT", "RND,SAT_SYM", "SAT,RND", "AP_RND_INF,AP_SAT", "rnd,sat"])
def test_modes_that_are_not_served_are_refused(modes: str) -> None:
    with pytest.raises(BadInput, match=r"rounding must be RND, RND_CONV or TRN and overflow SAT or WRAP$"):
        parse_format(f"fixed<8,2,{modes}>")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("s0f0", r"^type width must be 1\.\.\d+ bits, got 0$"),
        ("s33f0", r"^type width must be 1\.\.32 bits, got 33$"),
        ("ufixed<999,0>", r"^type width must be 1\.\.32 bits, got 999$"),
        ("s8f49", r"^type must have -48\.\.48 fraction bits, got 49$"),
        ("s8f-49", r"^type must have -48\.\.48 fraction bits, got -49$"),
        ("fixed<8,60>", r"^type must have -48\.\.48 fraction bits, got -52$"),
    ],
)
def test_sizes_out_of_bounds_are_refused(text: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        parse_format(text)


def test_a_message_shows_untrusted_text_safely() -> None:
    with pytest.raises(BadInput) as caught:
        parse_format("\x1b[31m" + "x" * 500)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("width", [0, -1, MAX_WIDTH + 1])
def test_a_type_has_1_to_48_bits(width: int) -> None:
    with pytest.raises(BadInput, match=rf"^type width must be 1\.\.48 bits, got {width}$"):
        FixedPoint(width, 0)


@pytest.mark.parametrize(
    ("kind", "low", "high", "step", "text"),
    [
        (FixedPoint(8, 6), -128, 127, 1 / 64, "s8f6"),
        (FixedPoint(8, 0, signed=False), 0, 255, 1.0, "u8f0"),
        (FixedPoint(1, -2), -1, 0, 4.0, "s1f-2"),
        (FixedPoint(1, 0, signed=False), 0, 1, 1.0, "u1f0"),
        (FixedPoint(48, 50), -(1 << 47), (1 << 47) - 1, 2.0**-50, "s48f50"),
        (FixedPoint(48, 0, signed=False), 0, (1 << 48) - 1, 1.0, "u48f0"),
    ],
)
def test_what_a_type_holds(kind: FixedPoint, low: int, high: int, step: float, text: str) -> None:
    assert (kind.min_code, kind.max_code, kind.step, str(kind)) == (low, high, step, text)


def hard_reals(fmt: Format) -> Reals:
    """Ties, the neighbours of ties and of the ends of the type, very small and very large values."""
    unit = fmt.type.step
    ends = np.array([fmt.type.min_code, fmt.type.max_code]) * unit
    small = np.concatenate([np.arange(-4, 4.5, 0.5), [0.49999999999999994, -0.5000000000000001]]) * unit
    near = np.concatenate([small, *(ends + k * unit for k in (-1.5, -1, -0.5, 0, 0.5, 1, 1.5))])
    around = np.concatenate([near, np.nextafter(near, np.inf), np.nextafter(near, -np.inf)])
    far = np.array([1e-290, -1e-290, 1e290, -1e290, 2.0**53 + 2, 1e16 + 2, -(2.0**60) - 512, 3.5e38, -3.5e38])
    anywhere = np.random.default_rng(0).normal(size=40) * unit * 2.0 ** np.arange(40)
    x = np.concatenate([around, far, anywhere])
    return x[(x == 0) | (np.abs(x) > 1e-300)]  # smaller ones underflow to 0 under a coarse type


@pytest.mark.parametrize("overflow", Overflow)
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize(("width", "frac"), [(1, 0), (2, 1), (8, 6), (8, -40), (16, 48), (32, 16), (48, 0), (48, 40)])
def test_codes_of_reals_are_exact(width: int, frac: int, signed: bool, rounding: Rounding, overflow: Overflow) -> None:
    fmt = Format(FixedPoint(width, frac, signed), rounding, overflow)
    x = hard_reals(fmt)
    assert quantize(x, fmt).tolist() == [code_of(Fraction(v), fmt) for v in x.tolist()]


@pytest.mark.parametrize("rounding", Rounding)
def test_channels_have_exponents_of_their_own(rounding: Rounding) -> None:
    fmt = Format(FixedPoint(10, 3), rounding)
    x, shifts = np.random.default_rng(1).normal(size=(4, 9)) * 8, [-5, 0, 1, 7]
    want = [[code_of(Fraction(v), fmt, s) for v in row] for row, s in zip(x.tolist(), shifts, strict=True)]
    assert quantize(x, fmt, np.array(shifts)[:, None]).tolist() == want


def test_codes_have_the_shape_of_their_reals() -> None:
    assert quantize(np.zeros((0, 3)), Format(FixedPoint(8, 0))).shape == (0, 3)
    assert quantize(np.array(1.5), Format(FixedPoint(8, 0))).dtype == np.int64


@pytest.mark.parametrize("kind", [FixedPoint(w, 0, s) for w in (1, 2, 7, 31, 48) for s in (True, False)], ids=str)
def test_wrapping_keeps_the_low_bits(kind: FixedPoint) -> None:
    q = np.concatenate([WIDE, np.arange(-300, 300), WIDE << 13, np.array([kind.min_code - 1, kind.max_code + 1])])
    assert wrap(q, kind).tolist() == [fitted(int(v), kind, WRAP) for v in q]


@pytest.mark.parametrize("shift", [-14, -1, 0, 1, 2, 5, 24, 46, 47, 48, 60])
@pytest.mark.parametrize("rounding", Rounding)
def test_shifts_round_exactly(rounding: Rounding, shift: int) -> None:
    half = 1 << max(shift - 1, 0)
    ties = np.array([k * half + d for k in range(-7, 8) for d in (-1, 0, 1)])
    q = np.concatenate([WIDE, ties[np.abs(ties) < 1 << 47]])
    want = [rounded(int(v) * power(-shift), rounding) for v in q]
    assert round_shift(q, shift, rounding).tolist() == want
    assert round_shift(np.stack([q, q]), np.full(len(q), shift), rounding).tolist() == [want, want]


def test_bits_are_the_fewest_that_hold_a_range() -> None:
    corners = sorted({s * 2**k + d for k in range(8) for d in (-1, 0, 1) for s in (-1, 1)})
    for lo, hi in itertools.combinations_with_replacement(corners, 2):
        width = bits_for(lo, hi)
        assert -(2 ** (width - 1)) <= lo <= hi < 2 ** (width - 1)
        assert width == 1 or not -(2 ** (width - 2)) <= lo <= hi < 2 ** (width - 2)


@pytest.mark.parametrize(("lo", "hi", "width"), [
    (-128, 127, 8), (-129, 0, 9), (0, 128, 9), (0, 0, 1), (-1, 0, 1), (0, 1, 2), (5, 7, 4), (-8, -5, 4),
    (-(1 << 47), (1 << 47) - 1, 48), (-(1 << 70), 0, 71),
])  # fmt: skip
def test_bits_by_hand(lo: int, hi: int, width: int) -> None:
    assert bits_for(lo, hi) == width


def test_users_write_narrower_types_than_accumulators_have() -> None:
    assert MAX_FORMAT < MAX_WIDTH
