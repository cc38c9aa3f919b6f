"""hwc_dense_dsp and hwc_dense_lut: folded products, exact in every clock."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from bench import Bits, Case, Port, check, codes, pack, words

pytestmark = pytest.mark.hdl


def shape_of(tile_depth: int) -> int:
    for depth, width in ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2)):
        if tile_depth <= depth:
            return width
    return 1


Setup = tuple[dict[str, int | str | Bits], dict[str, str]]  # parameters, memory files


def rom(prefix: str, names: list[str], banks: list[list[int]], widths: list[int], block: bool) -> Setup:
    """What a hwc_rom needs, or several of one shape, as architecture.md says; `names` of their files."""
    if block:
        files = [rom_files(*each) for each in zip(names, banks, widths, strict=True)]
        stem = names[0].removesuffix("_s0")
        return {f"{prefix}STYLE": 1, f"{prefix}FILE": stem}, {k: v for file in files for k, v in file.items()}
    return {f"{prefix}STYLE": 0} | rom_constants(prefix, banks, max(widths)), {}


def rom_constants(prefix: str, banks: list[list[int]], width: int) -> dict[str, int | str | Bits]:
    """ROMs in logic, a column for every bit of a word, column 0 for bit 1 and so on."""
    depth = len(banks[0])
    content = at = 0
    for values in banks:
        for w in range(width):
            content |= sum((v >> ((w + 1) % width) & 1) << a for a, v in enumerate(values)) << at
            at += depth
        at += 1
    each = sum((64 + (w - 1) % width) << (16 * w) for w in range(width))
    sources = sum(each << (16 * width * k) for k in range(len(banks)))
    return {
        f"{prefix}COLUMNS": width,
        f"{prefix}ROM": Bits(at, content),
        f"{prefix}MAP": Bits(16 * width * len(banks), sources),
    }


def rom_files(name: str, values: list[int], width: int) -> dict[str, str]:
    """The files of a hwc_rom in block RAM, as architecture.md says."""
    tile = shape_of(len(values))
    return {
        f"{name}_{row}_{column}.mem": words(
            [value >> (column * tile) for value in values[row * 16384 : (row + 1) * 16384]],
            min(tile, width - column * tile),
        )
        for row in range(-(-len(values) // 16384))
        for column in range(-(-width // tile))
    }


def slot_column(simd: int, segment: int, g: int, j: int) -> int | None:
    """Column of slot j of cascade g; a short last cascade uses the last slots."""
    s = min(segment, simd)
    cascades = -(-simd // s)
    skip = cascades * s - simd if g == cascades - 1 else 0
    return g * s + j - skip if j >= skip else None


def dsp_weights(
    name: str, w: np.ndarray, cf: int, rf: int, pe: int, simd: int, segment: int, w_w: int, block: bool
) -> Setup:
    s = min(segment, simd)
    cascades = -(-simd // s)
    banks, widths = [], []
    for j in range(s):
        bank = []
        columns = [slot_column(simd, segment, g, j) for g in range(cascades)]
        for r, c in itertools.product(range(rf), range(cf)):
            bank.append(pack([w[r * pe + p, c * simd + i] for i in columns if i is not None for p in range(pe)], w_w))
        banks.append(bank)
        widths.append(sum(i is not None for i in columns) * pe * w_w)
    return rom("W", [f"{name}_s{j}" for j in range(s)], banks, widths, block)


def lut_weights(name: str, w: np.ndarray, cf: int, rf: int, pe: int, simd: int, w_w: int, block: bool) -> Setup:
    values = [
        pack(w[r * pe : (r + 1) * pe, c * simd : (c + 1) * simd].reshape(-1), w_w)
        for r, c in itertools.product(range(rf), range(cf))
    ]
    return rom("W", [name], [values], [pe * simd * w_w], block)


def biases(b: np.ndarray, acc_w: int) -> dict[str, int | str | Bits]:
    """b [words, lanes]."""
    return rom_constants("B", [[pack(row, acc_w) for row in b]], b.shape[1] * acc_w)


def dense_case(
    rng: np.random.Generator,
    tag: str,
    kind: str,
    pe: int,
    simd: int,
    cf: int,
    rf: int,
    x_w: int,
    x_signed: bool,
    w_w: int,
    segment: int = 1,
    fabric: bool = False,
    style: int = 0,
    extra: int = 0,
    frames: int = 4,
    idle: float = 0.4,
) -> Case:
    w = codes(rng, w_w, True, (rf * pe, cf * simd))
    x = np.stack([codes(rng, x_w, x_signed, (cf * simd,)) for _ in range(frames)])
    b = codes(rng, x_w + w_w, True, (rf * pe,))
    acc = x @ w.T + b  # [frames, rf * pe]
    acc_w = max(int(acc.max()), -int(acc.min()) - 1, 1).bit_length() + 1
    s = min(segment, simd)
    cascades = -(-simd // s)
    levels = max(0, (simd if kind == "lut" else cascades) - 1).bit_length() + extra
    params: dict[str, int | str | Bits] = {
        "PE": pe, "SIMD": simd, "X_W": x_w, "X_SIGNED": int(x_signed), "W_W": w_w, "ACC_W": acc_w,
        "CF": cf, "RF": rf, "LEVELS": levels,
    }  # fmt: skip
    params |= biases(b.reshape(rf, pe), acc_w)
    if kind == "dsp":
        latency = 3 + s - 1 + fabric + levels
        params |= {"SEGMENT": segment, "FABRIC_ACC": int(fabric)}
        own, files = dsp_weights(f"{tag}_w", w, cf, rf, pe, simd, segment, w_w, style == 1)
    else:
        latency = 2 + levels + 1
        own, files = lut_weights(f"{tag}_w", w, cf, rf, pe, simd, w_w, style == 1)
    params |= own

    reset = 2
    steps = [(f, r, c) for f in range(frames) for r in range(rf) for c in range(cf)]
    clocks = []
    now = reset
    for _ in steps:
        now += int(rng.geometric(1 - idle)) - 1 if idle else 0
        clocks.append(now)
        now += 1
    total = now + latency + 3
    issue, valid = [0] * total, [0] * total
    xs: list[int | None] = [int(rng.integers(0, 1 << min(62, simd * x_w))) for _ in range(total)]
    accs: list[int | None] = [None] * total
    for (f, r, c), clock in zip(steps, clocks, strict=True):
        issue[clock] = 1
        xs[clock + 1] = pack(x[f, c * simd : (c + 1) * simd], x_w)
        if c == cf - 1:
            valid[clock + 1 + latency] = 1
            accs[clock + 1 + latency] = pack(acc[f, r * pe : (r + 1) * pe], acc_w)
    return Case(
        f"hwc_dense_{kind}", params,
        {"rst_ni": Port(1, [0] * reset + [1] * (total - reset)), "issue_i": Port(1, list(issue)), "x_i": Port(simd * x_w, xs)},
        {"valid_o": Port(1, [None] + list(valid)[1:]), "acc_o": Port(pe * acc_w, accs)},
        files,
    )  # fmt: skip


def test_dsp(tmp_path: Path, rng: np.random.Generator) -> None:
    cases = []
    grid = itertools.product((False, True), (1, 2), (1, 2, 3, 5, 8), (1, 3), (1, 2), (1, 2, 4, 11))
    for k, (fabric, pe, simd, cf, rf, segment) in enumerate(grid):
        if rng.random() < 0.5:
            continue
        x_w, w_w = int(rng.integers(1, 10)), int(rng.integers(1, 10))
        x_signed = bool(rng.integers(0, 2))
        style, extra, idle = int(k % 5 == 0), int(k % 7 == 0), (0.0, 0.4, 0.8)[k % 3]
        if fabric and cf == 1:
            continue
        cases.append(
            dense_case(
                rng, f"t{k}", "dsp", pe, simd, cf, rf, x_w, x_signed, w_w, segment, fabric, style, extra, 3, idle
            )
        )
    # Real widths, and more than ten banks and tiles, for the numbers in the file names.
    cases.append(dense_case(rng, "wide", "dsp", 2, 4, 3, 2, 18, True, 18, 4))
    cases.append(dense_case(rng, "port", "dsp", 2, 3, 3, 2, 17, False, 24, 3))
    cases.append(dense_case(rng, "banks", "dsp", 8, 12, 2, 2, 8, False, 8, 12, style=1))
    cases.append(dense_case(rng, "tiles", "dsp", 24, 4, 2, 2, 8, True, 16, 1, style=1))
    check(cases, tmp_path)


def test_lut(tmp_path: Path, rng: np.random.Generator) -> None:
    cases = []
    grid = itertools.product((1, 2), (1, 2, 3, 5, 8), (1, 3), (1, 2), (False, True))
    for k, (pe, simd, cf, rf, x_signed) in enumerate(grid):
        x_w, w_w = int(rng.integers(1, 8)), int(rng.integers(1, 8))
        style, extra, idle = int(k % 5 == 0), int(k % 7 == 0), (0.0, 0.4, 0.8)[k % 3]
        cases.append(
            dense_case(rng, f"t{k}", "lut", pe, simd, cf, rf, x_w, x_signed, w_w, style=style, extra=extra, idle=idle)
        )
    check(cases, tmp_path)
