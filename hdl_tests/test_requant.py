"""hwc_requant and hwc_clamp: exhaustive at small widths, every rounding, sign, shift and end."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from bench import Bits, Case, Port, check, codes, pack, signed

from hwcompress.ir.fixed import FixedPoint, wrap

pytestmark = pytest.mark.hdl


def requant(acc: int, left: int, shift: int, half: int, even: int, out: FixedPoint | None, lo: int, hi: int) -> int:
    """The header's equation; `out` is the type that an unsaturated result wraps into."""
    v = acc << left
    up = v + ((1 << (shift - 1)) if half and shift else 0)
    y = up >> shift
    if even and shift > left and up & ((1 << shift) - 1) == 0:
        y &= ~1
    if out is not None:
        y = int(wrap(np.int64(y), out))
    return min(max(y, lo), hi)


def ends(rng: np.random.Generator, out_w: int, out_signed: bool) -> tuple[int, int]:
    """LO and HI: the ends of the type, of a ReLU, or anything between."""
    low, high = (-(1 << (out_w - 1)), (1 << (out_w - 1)) - 1) if out_signed else (0, (1 << out_w) - 1)
    kind = rng.integers(0, 4)
    if kind == 0:
        return low, high
    if kind == 1:
        return min(0, high), high
    if kind == 2:
        return low, max(low, min(high, int(rng.integers(0, 1 << out_w)) // 2))
    a, b = sorted(int(v) for v in rng.integers(low, high + 1, 2))
    return a, b


def requant_case(
    rng: np.random.Generator,
    lanes: int,
    in_w: int,
    in_signed: int,
    out_w: int,
    out_signed: int,
    folds: int,
    variable: int,
    left: int,
    shifts: np.ndarray,
    half: int,
    even: int,
    saturate: int,
    accs: np.ndarray,
    idle: float,
) -> Case:
    lo, hi = ends(rng, out_w, bool(out_signed))
    kind = None if saturate else FixedPoint(out_w, 0, bool(out_signed))
    table = sum(int(s) << (6 * k) for k, s in enumerate(shifts.reshape(-1)))
    params: dict[str, int | str | Bits] = {
        "LANES": lanes, "IN_W": in_w, "IN_SIGNED": in_signed, "OUT_W": out_w, "OUT_SIGNED": out_signed, "FOLDS": folds,
        "VARIABLE": variable, "LEFT": left, "SHIFTS": Bits(6 * lanes * folds, table), "HALF": half, "EVEN": even,
        "SATURATE": saturate, "LO": lo, "HI": hi,
    }  # fmt: skip
    latency = 2 if variable else 1
    valid, words, expected, flags = [0], [0], [None] * latency, [None] * latency
    fold, k = 0, 0
    while k < len(accs):
        now = int(rng.random() >= idle)
        row = accs[k]
        valid.append(now)
        words.append(pack(row, in_w))
        at = shifts[fold if variable else 0]
        y = [requant(int(a), left, int(s), half, even, kind, lo, hi) for a, s in zip(row, at, strict=True)]
        expected.append(pack(y, out_w) if now else None)
        flags.append(now)
        fold = (fold + now) % folds
        k += now
    return Case(
        "hwc_requant", params,
        {"rst_ni": Port(1, [0] + [1] * (len(valid) - 1)), "valid_i": Port(1, list(valid)), "acc_i": Port(lanes * in_w, list(words))},
        {"valid_o": Port(1, [None] + list(flags)), "y_o": Port(lanes * out_w, [None] + expected)},
    )  # fmt: skip


def test_exhaustive(tmp_path: Path, rng: np.random.Generator) -> None:
    cases = []
    for in_w, in_signed, half, even in itertools.product((1, 3, 6), (0, 1), (0, 1), (0, 1)):
        for shift in (0, 1, 2, 4, 6, 9):
            for variable in (0, 1):
                out_w, out_signed = int(rng.integers(1, 8)), int(rng.integers(0, 2))
                left = int(rng.integers(0, 3))
                folds = 1 if not variable else int(rng.integers(1, 6))
                shifts = rng.integers(0, shift + 1, (folds, 1))
                accs = np.array([signed(v, in_w) if in_signed else v for v in range(1 << in_w)])
                accs = np.repeat(accs, folds)[:, None]  # every fold sees every code
                saturate = int(rng.random() < 0.8)
                cases.append(
                    requant_case(
                        rng,
                        1,
                        in_w,
                        in_signed,
                        out_w,
                        out_signed,
                        folds,
                        variable,
                        left,
                        shifts,
                        half,
                        even,
                        saturate,
                        accs,
                        0.1,
                    )
                )
    check(cases, tmp_path)


def test_real_widths(tmp_path: Path, rng: np.random.Generator) -> None:
    cases = []
    for k in range(60):
        lanes, folds, variable = int(rng.integers(1, 5)), int(rng.integers(1, 9)), k % 2
        in_w, in_signed, out_w, out_signed = (
            int(rng.integers(8, 41)),
            int(rng.integers(0, 4) > 0),
            int(rng.integers(4, 19)),
            int(rng.integers(0, 2)),
        )
        low = int(rng.integers(0, in_w))
        shifts = rng.integers(low, low + 5, (folds if variable else 1, lanes))
        accs = np.stack([codes(rng, in_w, bool(in_signed), (lanes,)) for _ in range(120)])
        accs[::3] >>= max(0, in_w - out_w - 4)
        half, even, saturate = int(rng.integers(0, 2)), int(rng.integers(0, 2)), int(rng.random() < 0.8)
        left = int(rng.integers(0, 4))
        cases.append(
            requant_case(
                rng,
                lanes,
                in_w,
                in_signed,
                out_w,
                out_signed,
                folds if variable else 1,
                variable,
                left,
                shifts,
                half,
                even,
                saturate,
                accs,
                0.3,
            )
        )
    check(cases, tmp_path)


def test_large_ends(tmp_path: Path, rng: np.random.Generator) -> None:
    """Outputs of 32 bits, whose ends are beyond an integer."""
    accs = np.stack([codes(rng, 44, True, (1,)) for _ in range(200)])
    shifts = np.array([[8]])
    cases = [requant_case(rng, 1, 44, 1, 32, s, 1, 0, 0, shifts, 1, 0, 1, accs, 0.0) for s in (0, 0, 0, 1, 1)]
    check(cases, tmp_path)
