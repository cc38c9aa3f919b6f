"""hwc_row_dsp, hwc_affine: one product a weight, channel by channel."""

from pathlib import Path

import numpy as np
import pytest
from bench import Bits, Case, Port, check, codes, pack
from test_dense import biases, rom

pytestmark = pytest.mark.hdl

FRAMES = 60


def bits_of(low: int, high: int) -> int:
    """Width of a signed number from low to high."""
    return max(high, -low - 1, 0).bit_length() + 1


def row_dsp_case(rng: np.random.Generator, n: int, terms: int, segment: int, extra: int) -> Case:
    x_w, w_w, x_signed = int(rng.integers(1, 12)), int(rng.integers(2, 12)), int(rng.integers(0, 2))
    index = [int(v) for v in rng.permutation(n)[:terms]]
    weight = [int(v) for v in codes(rng, w_w, True, (terms,))]
    bias = int(codes(rng, x_w + w_w, True, (1,))[0])
    x = np.stack([codes(rng, x_w, bool(x_signed), (n,)) for _ in range(FRAMES)])
    acc = [bias + sum(w * int(f[i]) for i, w in zip(index, weight, strict=True)) for f in x]
    acc_w = bits_of(min(acc), max(acc))
    cascades = -(-terms // segment)
    levels = max(0, cascades - 1).bit_length() + extra
    latency = 3 + segment - 1 + levels
    entries = pack([(i << w_w) | (w & ((1 << w_w) - 1)) for i, w in zip(index, weight, strict=True)], 16 + w_w)
    packed = [pack(f, x_w) for f in x]
    taps = [
        pack([packed[t - k] if 0 <= t - k < FRAMES else 0 for k in range(segment)], n * x_w)
        for t in range(FRAMES + segment)
    ]
    return Case(
        "hwc_row_dsp",
        {
            "N": n, "X_W": x_w, "X_SIGNED": x_signed, "W_W": w_w, "TERMS": terms, "LIST": Bits(max(1, terms) * (16 + w_w), entries),
            "SEGMENT": segment, "LEVELS": levels, "BIAS": Bits(acc_w, bias), "ACC_W": acc_w,
        },
        {"rst_ni": Port(1, [1]), "taps_i": Port(segment * n * x_w, list(taps))},
        {"acc_o": Port(acc_w, [None] * latency + list(acc))},
    )  # fmt: skip


def test_row_dsp(tmp_path: Path, rng: np.random.Generator) -> None:
    cases = []
    for terms in (0, 1, 2, 3, 4, 5, 8, 13):
        for segment in (1, 2, 3, 4, 8):
            cases.append(row_dsp_case(rng, terms + int(rng.integers(1, 5)), terms, segment, int(rng.integers(0, 2))))
    check(cases, tmp_path)


def affine_case(
    rng: np.random.Generator, tag: str, dsp: int, lanes: int, count: int, taps: int, style: int, idle: float
) -> Case:
    x_w, w_w, x_signed = int(rng.integers(1, 13)), int(rng.integers(1, 13)), int(rng.integers(0, 2))
    w = codes(rng, w_w, True, (count * taps, lanes))
    b = codes(rng, x_w + w_w, True, (count, lanes))
    steps = 4 * count * taps
    x = np.stack([codes(rng, x_w, bool(x_signed), (lanes,)) for _ in range(steps)])
    products = np.stack([w[k % len(w)] * x[k] for k in range(steps)])
    acc = products.reshape(-1, taps, lanes).sum(axis=1) + np.resize(b, (4 * count, lanes))
    # Wide enough for every sum on the way: the accumulator is modulo 2^ACC_W, but not narrower than the offset.
    acc_w = max(bits_of(int(acc.min()), int(acc.max())), bits_of(int(b.min()), int(b.max())))
    params, files = rom("W", [f"{tag}_w"], [[pack(r, w_w) for r in w]], [lanes * w_w], style == 1)
    clocks = np.cumsum(rng.geometric(1 - idle, steps)) + 2
    total = int(clocks[-1]) + 6
    issue, valid = [0] * total, [0] * total
    xs: list[int | None] = [None] * total
    accs: list[int | None] = [None] * total
    for k, clock in enumerate(int(c) for c in clocks):
        issue[clock] = 1
        xs[clock + 1] = pack(x[k], x_w)
        if k % taps == taps - 1:
            valid[clock + 4], accs[clock + 4] = 1, pack(acc[k // taps], acc_w)
    return Case(
        "hwc_affine",
        {
            "DSP": dsp, "LANES": lanes, "X_W": x_w, "X_SIGNED": x_signed, "W_W": w_w, "ACC_W": acc_w, "WORDS": count,
            "TAPS": taps, **params, **biases(b, acc_w),
        },
        {"rst_ni": Port(1, [0, 0] + [1] * (total - 2)), "issue_i": Port(1, list(issue)), "x_i": Port(lanes * x_w, xs)},
        {"valid_o": Port(1, [None] + list(valid)[1:]), "acc_o": Port(lanes * acc_w, accs)},
        files,
    )  # fmt: skip


def test_affine(tmp_path: Path, rng: np.random.Generator) -> None:
    shapes = [(d, n, c, t) for d in (0, 1) for n in (1, 3) for c in (1, 2, 5, 16) for t in (1, 2, 9)]
    check(
        [
            affine_case(rng, f"t{k}", dsp, lanes, count, taps, k % 2, (0.0, 0.4)[k % 3 == 0])
            for k, (dsp, lanes, count, taps) in enumerate(shapes)
        ],
        tmp_path,
    )
