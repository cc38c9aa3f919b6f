"""Adder trees of reuse-1 layers: LUT and FF before emission against Yosys, cell for cell."""

from pathlib import Path

import numpy as np
import pytest
from test_synth import cells

from hwcompress.codegen.adders import module_name, render_adders
from hwcompress.cost.rows import row_cells
from hwcompress.engines.dense import DenseUnrolled, Product
from hwcompress.ir.fixed import FixedPoint

pytestmark = [pytest.mark.hdl, pytest.mark.synth]


def layer(rng: np.random.Generator, name: str) -> DenseUnrolled:
    rows, columns, bits = (int(rng.integers(low, high)) for low, high in ((1, 7), (1, 12), (2, 10)))
    x_type = FixedPoint(int(rng.integers(4, 13)), 0, bool(rng.integers(0, 2)))
    edge = 1 << (bits - 1)
    pools = {
        "any": rng.integers(-edge, edge, (rows, columns)),
        "ends": rng.choice([-edge, edge - 1, 0], (rows, columns)),
        "signs": rng.choice([-1, 0, 1], (rows, columns)),
        "powers": rng.choice([-1, 1], (rows, columns)) << rng.integers(0, bits - 1, (rows, columns)),
        "alike": np.tile(rng.integers(-edge, edge, columns), (rows, 1)) * rng.choice([0, 1], (rows, 1)),
        "positive": -rng.integers(-edge, 1, (rows, columns)) & (edge - 1),
        "negative": -rng.integers(0, edge, (rows, columns)),
    }
    pool = str(rng.choice(list(pools)))
    weight = pools[pool].astype(np.int64)
    bias = rng.choice([0, 1, -1, edge << 3, -edge << 3, int(rng.integers(-edge << 6, edge << 6))], rows).astype(
        np.int64
    )
    if pool == "alike":  # what rows share that differ in their bias alone is not all counted
        bias[:] = bias[0]
    x_max, x_min = (1 << (x_type.width - x_type.signed)) - 1, -(1 << (x_type.width - 1)) if x_type.signed else 0
    high = (np.maximum(weight * x_max, weight * x_min).sum(axis=1) + bias).max()
    low = (np.minimum(weight * x_max, weight * x_min).sum(axis=1) + bias).min()
    width = max(int(high).bit_length(), int(-low - 1).bit_length() if low < 0 else 0) + 1
    return DenseUnrolled(name, name, weight, bias, x_type, bits, width, Product.LUT, segment=1, family=2)


def check(folder: Path, seeds: range) -> None:
    cores = [layer(np.random.default_rng(seed), f"d{seed}") for seed in seeds]
    files = {f"{c.name}.v": render_adders("t", c) for c in cores}
    found = cells(folder, "xcup", [(module_name("t", c), {}) for c in cores], files)
    wrong = []
    for core, counts in zip(cores, found, strict=True):
        lut = sum(n for kind, n in counts.items() if kind.startswith(("LUT", "SRL")))
        ff = sum(n for kind, n in counts.items() if kind.startswith("FD"))
        due = row_cells(core, np.zeros(len(core.weight), dtype=np.int64))
        if due != (lut, ff):
            wrong.append((core.name, due, (lut, ff)))
            assert due == (pytest.approx(lut, rel=0.02), pytest.approx(ff, rel=0.02)), wrong
    assert len(wrong) <= len(cores) // 8, (
        wrong
    )  # which of two equal exclusive ors stays depends on their order in Yosys


def test_adders_take_the_cells_of_the_estimate(tmp_path: Path) -> None:
    check(tmp_path, range(16))


@pytest.mark.long
def test_many_adders_take_the_cells_of_the_estimate(tmp_path: Path) -> None:
    check(tmp_path, range(1000, 1150))
