"""hwc_mul_lut and hwc_tree: exhaustive where small, random and extreme at real widths."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from bench import Case, Port, check, codes, pack, signed

pytestmark = pytest.mark.hdl


def product_case(a_w: int, a_signed: int, b_w: int, b_signed: int, pairs: list[tuple[int, int]], rows: int) -> Case:
    a, b = [p[0] for p in pairs], [p[1] for p in pairs]
    values = [(signed(x, a_w) if a_signed else x) * (signed(y, b_w) if b_signed else y) for x, y in pairs]
    return Case(
        "hwc_mul_lut", {"A_W": a_w, "A_SIGNED": a_signed, "B_W": b_w, "B_SIGNED": b_signed, "ROWS": rows},
        {"a_i": Port(a_w, [*a, 0, 0]), "b_i": Port(b_w, [*b, 0, 0])},
        {"p_o": Port(a_w + b_w, [None, None, *values])},
    )  # fmt: skip


@pytest.mark.parametrize("rows", [0, 1])
def test_mul_exhaustive(tmp_path: Path, rows: int) -> None:
    cases = []
    for a_w, b_w in itertools.product(range(1, 7), repeat=2):
        if a_w + b_w > 9:
            continue
        pairs = list(itertools.product(range(1 << a_w), range(1 << b_w)))
        for a_signed, b_signed in itertools.product((0, 1), repeat=2):
            cases.append(product_case(a_w, a_signed, b_w, b_signed, pairs, rows))
    check(cases, tmp_path)


@pytest.mark.parametrize("rows", [0, 1])
def test_mul_wide(tmp_path: Path, rows: int, rng: np.random.Generator) -> None:
    cases = []
    for a_w, b_w in ((8, 8), (9, 8), (8, 12), (1, 16), (16, 1), (12, 3), (18, 17)):
        for a_signed, b_signed in itertools.product((0, 1), repeat=2):
            ends = [(a, b) for a in (0, 1, (1 << a_w) - 1, 1 << (a_w - 1), (1 << (a_w - 1)) - 1)
                    for b in (0, 1, (1 << b_w) - 1, 1 << (b_w - 1), (1 << (b_w - 1)) - 1)]  # fmt: skip
            ends = [(a & ((1 << a_w) - 1), b & ((1 << b_w) - 1)) for a, b in ends]
            pairs = ends + [(int(rng.integers(0, 1 << a_w)), int(rng.integers(0, 1 << b_w))) for _ in range(200)]
            cases.append(product_case(a_w, a_signed, b_w, b_signed, pairs, rows))
    check(cases, tmp_path)


def test_tree(tmp_path: Path, rng: np.random.Generator) -> None:
    cases = []
    for count in (*range(1, 10), 16, 21):
        levels = (count - 1).bit_length()
        for in_w, out_w, extra in (
            (1, 1 + levels, 0),
            (4, 4 + levels, 2),
            (4, 5, 0),
            (9, 7, 1),
            (7, 7 + levels + 3, 3),
        ):
            frames = [codes(rng, in_w, True, (count,)) for _ in range(60)]
            sums = [int(f.sum()) for f in frames]
            latency = levels + extra
            cases.append(
                Case(
                    "hwc_tree",
                    {"COUNT": count, "IN_W": in_w, "OUT_W": out_w, "LEVELS": latency},
                    {"rst_ni": Port(1, [1] * 60), "d_i": Port(count * in_w, [pack(f, in_w) for f in frames])},
                    {"q_o": Port(out_w, [None] * latency + list(sums))},
                )  # fmt: skip
            )
    check(cases, tmp_path)
