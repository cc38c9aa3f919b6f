# SPDX-License-Identifier: Apache-2.0
"""Hostile model files given to `compress`: one clear error and nothing left, or a result that `estimate` reads."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.robustness.cage import Cage
from tests.robustness.campaign import MUTANTS, NAMES, SAMPLE
from tests.robustness.honest import HONEST
from tests.robustness.mutant import Mutant, edited
from tests.robustness.trial import LARGE, changes, contents, faults

OUT = "made"
FEW = tuple(name for name in SAMPLE if MUTANTS[name].family not in LARGE)[::4]
MOST = 1 << 16  # elements of a sample that data are made for
RECIPE = """
[[step]]
kind = "prune"
method = "obs"
sparsity = 0.5
[[step]]
kind = "cluster"
clusters = 4
[[step]]
kind = "quantize"
method = "gptq"
weight_bits = 4
activation_bits = 6
"""


def data_for(report: str) -> dict[str, np.ndarray]:
    """Samples of the shape that `estimate` tells; of another one where it tells none."""
    shape = (4,)
    if report.startswith("{"):
        found: Any = json.loads(report)
        dims = [d for d in (found.get("inputs") or [{}])[0].get("onnx_shape", [None, 4])[1:] if isinstance(d, int)]
        shape = tuple(dims) if 0 < np.prod(dims) <= MOST else shape
    x = np.random.default_rng(1).normal(size=(24, *shape)).astype(np.float32)
    return {"x_train": x[:16], "x_test": x[16:]}


def check(mutant: Mutant, cage: Cage, top: Path) -> None:
    folder = top / "in"
    (top / "home").mkdir()
    folder.mkdir()
    mutant.make(folder)
    arrays: Any = data_for(cage.run(folder, "estimate", mutant.file, "--json").out)
    np.savez(folder / "d.npz", **arrays)
    (folder / "r.toml").write_text(RECIPE)
    before = contents(folder)
    done = cage.run(folder, "compress", mutant.file, "--data", "d.npz", "--recipe", "r.toml", "--out", OUT, "--json")
    after = contents(folder)
    made = {path for path in after if path.startswith(f"{OUT}/")}
    assert faults(done, large=False) == []
    assert changes(before, {path: digest for path, digest in after.items() if path not in made}) == []
    assert bool(made) == (done.status == 0)
    assert not list(folder.glob(".*.work"))
    if made:
        assert faults(read := cage.run(folder, "estimate", f"{OUT}/model.hwc"), large=True) == []
        assert read.status in (0, 1)


@pytest.mark.parametrize("name", FEW)
def test_a_sample(name, cage, tmp_path):
    check(MUTANTS[name], cage, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in NAMES if name not in FEW])
def test_all(name, cage, tmp_path):
    check(MUTANTS[name], cage, tmp_path)


def test_honest_models_get_through(cage, tmp_path):
    """The data fit: what fails in the others is theirs."""
    for base in HONEST:
        (tmp_path / base).mkdir()
        check(edited(base, base, lambda _model: None), cage, tmp_path / base)
        assert (tmp_path / base / "in" / OUT / "model.hwc").is_file(), base
