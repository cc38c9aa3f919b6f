# SPDX-License-Identifier: Apache-2.0
"""`hwcompress compress` as a user types it."""

import json
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
MODEL, DATA = EXAMPLES / "pulsar_mlp.onnx", EXAMPLES / "pulsar.npz"
RECIPE = """
[[step]]
kind = "prune"
sparsity = 0.5
[[step]]
kind = "cluster"
clusters = 7
"""


@pytest.fixture
def recipe(tmp_path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(RECIPE)
    return path


def test_files_and_tables(command, recipe, tmp_path):
    text = command("compress", MODEL, "--data", DATA, "--recipe", recipe, "--out", "made")
    assert text.startswith("exit 0\n")
    assert "recipe mine" in text
    assert text.endswith("Next: hwcompress compile made/model.hwc\n--- stderr\n")
    assert {"model.hwc", "model.onnx", "recipe.toml", "report.json"} <= {p.name for p in (tmp_path / "made").iterdir()}
    size = (tmp_path / "made" / "model.hwc").stat().st_size
    assert f"model.hwc has {size:,} bytes" in text
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
    assert command("estimate", "made/model.hwc").startswith("exit 0\n")
    assert command("inspect", "made/model.hwc").startswith("exit 0\n")


def test_json_alone(command, recipe):
    text = command("compress", MODEL, "--data", DATA, "--recipe", recipe, "--json", "--sparsity", "0.25")
    shown = text.removeprefix("exit 0\n--- stdout\n").removesuffix("--- stderr\n")
    report = json.loads(shown)
    assert report["compression"]["sparsity"] == pytest.approx(0.25, abs=0.01)
    assert (Path("build") / "pulsar_mlp_compressed" / "model.hwc").stat().st_size == report["compression"][
        "compressed_bytes"
    ]


@pytest.mark.parametrize(("arguments", "message"), [
    (("--recipe", "smalest"), "a recipe or a TOML file wanted, 'smalest' found; nearest: smallest"),
    (("--recipe", "none.toml"), "recipe 'none.toml': cannot be read (No such file or directory). Try: check the name"),
    (("--recipe", "gradual", "--sparsity", "1.5"), "--sparsity: share of zero weights to reach"),
    (("--recipe", "gradual", "--clusters", "4"), "command line: --clusters: no step of the recipe 'gradual' has it"),
    (("--recipe", "post-training", "--metric", "top5"), "--metric: one of top1, binary"),
    (("--seed", "-1"), "--seed: 0 to 4294967295 wanted, '-1' found"),
])  # fmt: skip
def test_mistakes(command, arguments, message):
    text = command("compress", MODEL, "--data", DATA, *arguments)
    assert text.startswith("exit 2\n--- stdout\n--- stderr\nerror: ")
    assert message in text
    assert not Path("build").exists()


def test_no_data(command):
    text = command("compress", MODEL, "--recipe", "post-training")
    assert text.startswith("exit 2\n")
    assert "--data: training or calibration data wanted, none given" in text


def test_a_folder_of_something_else_stays(command, recipe, tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "mine.txt").write_text("x")
    text = command("compress", MODEL, "--data", DATA, "--recipe", recipe, "--out", "made")
    assert text.startswith("exit 2\n")
    assert "'mine.txt' in it" in text
    assert (tmp_path / "made" / "mine.txt").read_text() == "x"


def test_a_failed_run_leaves_the_earlier_result(command, recipe, tmp_path):
    command("compress", MODEL, "--data", DATA, "--recipe", recipe, "--out", "made")
    before = {p.name: p.read_bytes() for p in (tmp_path / "made").iterdir()}
    np.savez(tmp_path / "bad.npz", x_train=np.zeros((5, 3)), x_test=np.zeros((5, 3)))
    assert command("compress", MODEL, "--data", "bad.npz", "--recipe", recipe, "--out", "made").startswith("exit 2\n")
    assert {p.name: p.read_bytes() for p in (tmp_path / "made").iterdir()} == before


@pytest.mark.parametrize("verb", ["estimate", "compile", "inspect"])
def test_a_damaged_file(command, tmp_path, verb):
    (tmp_path / "m.hwc").write_bytes(b"HWC1" + bytes(40))
    text = command(verb, "m.hwc")
    assert text.startswith("exit 2\n")
    assert "model 'm.hwc': a whole .hwc file wanted, a damaged one found (its checksum differs)" in text
    (tmp_path / "n.hwc").write_bytes(b"something else")
    assert "model 'n.hwc': a .hwc file wanted, other bytes found" in command(verb, "n.hwc")
