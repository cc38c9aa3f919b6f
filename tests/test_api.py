# SPDX-License-Identifier: Apache-2.0
"""compile, predict, write: as a user calls them, on the example model."""

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import hwcompress
from hwcompress import emit
from hwcompress.errors import BadInput
from hwcompress.frontend.runtime import Session

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture(scope="module")
def design() -> hwcompress.Design:
    return hwcompress.compile(EXAMPLES / "pulsar_mlp.onnx", data=EXAMPLES / "pulsar.npz", reuse=8, backend="both")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_fixed_model_predicts_alike(design: hwcompress.Design, tmp_path: Path) -> None:
    x = np.load(EXAMPLES / "pulsar.npz")["x_test"][:200]
    build = design.write(tmp_path / "b")
    session = Session((build / "model.fixed.onnx").read_bytes(), "fixed")
    out = session.run(x)
    assert (out["codes"] == design.codes(x)[1]).all()
    assert (next(v for k, v in out.items() if k != "codes") == design.predict(x)).all()


def test_same_bytes_twice(design: hwcompress.Design, tmp_path: Path) -> None:
    assert contents(design.write(tmp_path / "a")) == contents(design.write(tmp_path / "b"))


def test_an_earlier_build_survives(design: hwcompress.Design, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build = design.write(tmp_path / "b")
    before = contents(build)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(emit, "write_bench", full)
    with pytest.raises(BadInput, match=r"cannot be written .No space left on device"):
        design.write(tmp_path / "b")
    assert contents(build) == before
    assert [p.name for p in tmp_path.iterdir()] == ["b"]


def test_a_foreign_folder_is_left_alone(design: hwcompress.Design, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "thesis.txt").write_text("mine")
    with pytest.raises(BadInput, match="a new or empty folder or an earlier build wanted"):
        design.write(tmp_path / "b")
    assert (tmp_path / "b" / "thesis.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("report", "name", "found"),
    [
        ('{"mine": 1}', "thesis.txt", "'thesis.txt' in it"),
        ('{"mine": 1}', "verilog", "files of other origin"),
        ("", "verilog", "files of other origin"),
    ],
)
def test_a_folder_with_a_report_of_other_origin_is_left_alone(
    design: hwcompress.Design, tmp_path: Path, report: str, name: str, found: str
) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "report.json").write_text(report)
    (tmp_path / "b" / name).write_text("mine")
    with pytest.raises(BadInput, match=f"or an earlier build wanted, found {found}"):
        design.write(tmp_path / "b")
    assert (tmp_path / "b" / name).read_text() == "mine"


def test_what_a_user_put_into_a_build_is_not_lost(design: hwcompress.Design, tmp_path: Path) -> None:
    build = design.write(tmp_path / "b")
    (build / "notes.txt").write_text("mine")
    with pytest.raises(BadInput, match=r"found 'notes.txt' in it"):
        design.write(tmp_path / "b")
    (build / "notes.txt").unlink()
    design.write(tmp_path / "b")


def test_a_link_to_a_folder_stays_a_link(design: hwcompress.Design, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    for _ in range(2):
        design.write(tmp_path / "link")
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "real" / "report.json").is_file()
        assert sorted(p.name for p in tmp_path.iterdir()) == ["link", "real"]


def small_model(path: Path, name: str = "x") -> Path:
    """3 -> 2, softmax, integer-valued weights; `name` for its input and node."""
    w, b = np.array([[1, 2], [3, -1], [0, 1]], np.float32), np.array([1, -2], np.float32)
    nodes = [
        helper.make_node("Gemm", [name, "w", "b"], ["h"], name=name),
        helper.make_node("Softmax", ["h"], ["y"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 2])],
        [numpy_helper.from_array(w, "w"), numpy_helper.from_array(b, "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.save(model, path)
    return path


def test_mean_and_std_take_bytes(tmp_path: Path) -> None:
    """Raw bytes with mean 128 and std 64 give the answers of the model on (r - 128) / 64."""
    raw = np.random.default_rng(0).integers(0, 256, (300, 3)).astype(np.uint8)
    path = small_model(tmp_path / "m.onnx")
    design = hwcompress.compile(path, data={"x_train": raw, "x_test": raw}, mean=128, std=64, weight_bits=12)
    assert design.report.inputs[0].type == "u8f0"
    assert (design.codes(raw)[0] == raw).all()
    assert design.report.accuracy.agreement == 100.0
    assert design.predict(raw).sum(axis=1) == pytest.approx(1.0)  # Softmax stays on the host
    assert design.report.host == ["Softmax"]


@pytest.mark.parametrize("name", ['a"b', "a\nendmodule", "$finish", "../../x", "module", "é" * 50, "x" * 10_000])
def test_no_name_reaches_generated_text(name: str, tmp_path: Path) -> None:
    design = hwcompress.compile(small_model(tmp_path / "m.onnx", name), backend="both", reuse=2)
    build = design.write(tmp_path / "b")
    for path in (*(build / "verilog").glob("hwc_top.v"), *(build / "hls").glob("*.*"), *(build / "scripts").iterdir()):
        text = path.read_text()
        assert name not in text or name == "module"
        assert all(ord(c) < 128 for c in text)


@pytest.mark.icarus
@pytest.mark.parametrize("memory", ["block", "logic"])
def test_a_weight_whose_last_bit_changed_is_seen(memory: str, tmp_path: Path) -> None:
    """Even where no output code of the frames simulated shows it."""
    data = {"x_train": np.zeros((4, 8), np.float32)}
    layers = {"*": {"memory": memory}}
    model = EXAMPLES / "pulsar_mlp.onnx"
    build = hwcompress.compile(model, data=data, reuse=32, strategy="dsp", layers=layers).write(tmp_path / "b")
    assert hwcompress.open_build(build).verify("icarus", 1).mismatches == 0
    file = build / "verilog" / ("dense_1_w_s0_0_0.mem" if memory == "block" else "hwc_top.v")
    text = file.read_text()
    word = next(re.finditer(r"[0-9a-f]+" if memory == "block" else r"WROM\(\d+'h[0-9a-f]+", text))
    digit = word.end() - 1
    file.write_text(text[:digit] + f"{int(text[digit], 16) ^ 1:x}" + text[digit + 1 :])
    found = hwcompress.open_build(build).verify("icarus", 1)
    assert found.mismatches > 0
    assert f"verilog/{file.name}: other constants than were emitted" in found.failures
