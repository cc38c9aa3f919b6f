"""The generated adder trees of reuse-1 layers: equal to the product in every code, each sum once, no bit too many."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from hwcompress.codegen.adders import module_name, render_adders
from hwcompress.engines.adders import adders
from hwcompress.engines.dense import DenseUnrolled
from hwcompress.ir.fixed import Codes, FixedPoint
from tests.adder_layers import layer


def draw(rng: np.random.Generator, seed: int) -> DenseUnrolled:
    x_width, w_width = int(rng.integers(1, 13)), int(rng.integers(2, 13))
    signed = bool(rng.integers(0, 2)) or x_width == 1
    shape = int(rng.integers(1, 7)), int(rng.integers(1, 9))
    ends = -(1 << (w_width - 1)), (1 << (w_width - 1)) - 1
    weight = rng.integers(ends[0], ends[1] + 1, shape)
    if seed % 3 == 0:
        weight = rng.choice([0, 0, 1, -1, *ends], shape)
    if seed % 4 == 1:
        weight[-1] = weight[0] * (1 if shape[1] % 2 else 2)  # the same sums, at another shift where it fits
        weight = np.clip(weight, *ends)
    reach = 1 << (x_width + w_width)
    bias = rng.choice([0, 0, 1, -1, reach, -reach, 96], shape[0])
    return layer(weight.astype(np.int64), bias.astype(np.int64), FixedPoint(x_width, 0, signed), w_width)


def packed(codes: Codes, width: int) -> str:
    word = sum((int(c) & ((1 << width) - 1)) << (k * width) for k, c in enumerate(codes))
    return f"{word:x}"


def simulate(cores: list[DenseUnrolled], frames: list[Codes], folder: Path) -> list[str]:
    """What each module gives for its frames, as hexadecimal words, in one run of Icarus."""
    iverilog, vvp = shutil.which("iverilog"), shutil.which("vvp")
    assert iverilog is not None
    assert vvp is not None
    texts, count = [], len(frames[0])
    for k, (core, x) in enumerate(zip(cores, frames, strict=True)):
        n, m = core.weight.shape[1] * core.x_type.width, core.lanes * core.acc_width
        (folder / f"x{k}.mem").write_text("".join(f"{packed(f, core.x_type.width)}\n" for f in x))
        first = max(core.levels - 1, 0)  # edges that frame 0 still has to go
        texts.append(render_adders(f"t{k}", core))
        texts.append(
            f"module run{k} (input clk, input [31:0] t);\n"
            f'  reg [{n - 1}:0] x [0:{count - 1}]; wire [{m - 1}:0] y;\n  initial $readmemh("x{k}.mem", x);\n'
            f"  wire [{n - 1}:0] now = x[t < {count} ? t : {count - 1}];\n"
            f"  {module_name(f't{k}', core)} dut (.clk_i(clk), .rst_ni(1'b1), .x_i(now), .acc_o(y));\n"
            f"  always @(negedge clk) if (t >= {first} && t < {first + count})"
            f' $display("{k} %h", y);\nendmodule\n'
        )
    runs = "".join(f"  run{k} r{k} (clk, t);\n" for k in range(len(cores)))
    most = max(core.levels for core in cores)
    texts.append(
        "module bench;\n  reg clk = 1; reg [31:0] t = 0;\n" + runs + "  always #5 clk = !clk;\n"
        f"  always @(negedge clk) begin #1 t = t + 1; if (t > {count + most + 1}) $finish; end\nendmodule\n"
    )
    (folder / "all.v").write_text("".join(texts))
    subprocess.run(
        [iverilog, "-g2005", "-Wall", "-Wno-timescale", "-s", "bench", "-o", "b", "all.v"], cwd=folder, check=True
    )
    ran = subprocess.run([vvp, "-n", "b"], cwd=folder, check=True, capture_output=True, text=True)
    return [line for line in ran.stdout.splitlines() if line[:1].isdigit()]


@pytest.mark.icarus
def test_sums_are_exact(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    cores = [draw(rng, seed) for seed in range(60)]
    frames: list[Codes] = []
    for core in cores:
        kind, n = core.x_type, core.weight.shape[1]
        x = rng.integers(kind.min_code, kind.max_code + 1, (12, n))
        x[0], x[1] = kind.min_code, kind.max_code
        x[2] = np.where(core.weight[0] > 0, kind.max_code, kind.min_code)  # the largest sum of row 0
        x[3] = np.where(core.weight[0] > 0, kind.min_code, kind.max_code)
        frames.append(x)
    found: dict[int, list[int]] = {}
    for line in simulate(cores, frames, tmp_path):
        k, word = line.split()
        found.setdefault(int(k), []).append(int(word, 16))
    for k, (core, x) in enumerate(zip(cores, frames, strict=True)):
        y = x @ core.weight.T + core.bias
        assert found[k] == [int(packed(row, core.acc_width), 16) for row in y], k


@pytest.mark.parametrize("seed", range(20))
def test_every_sum_is_there_once_and_is_needed(seed: int) -> None:
    core = draw(np.random.default_rng(seed), seed)
    found = adders(core)
    assert len(set(found.sums)) == len(found.sums)
    used = {n.code for s in found.sums for n in (s.a, s.b) if n and n.kind == "sum"}
    used |= {row.code for row in found.rows if row and row.kind == "sum"}
    assert used == set(range(len(found.sums)))


def test_rows_that_differ_by_a_shift_share_all_sums() -> None:
    weight = np.array([[3, 5, 0, 1], [6, 10, 0, 2], [-24, -40, 0, -8]])
    core = layer(weight, np.zeros(3, dtype=np.int64), FixedPoint(8, 0, True), 8)
    alone = layer(weight[:1], np.zeros(1, dtype=np.int64), FixedPoint(8, 0, True), 8)
    first, second, _ = adders(core).rows
    assert first is not None
    assert second is not None
    assert first.code == second.code
    assert second.low == first.low + 1
    same = [s for s in adders(core).sums if s in adders(alone).sums]
    assert len(same) == len(adders(alone).sums)
