# SPDX-License-Identifier: Apache-2.0
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportMissingTypeStubs=false
# pyright: reportOptionalCall=false, reportOptionalMemberAccess=false
"""compress from end to end on the example: files, equality of what they hold, resuming, errors that lose nothing."""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

import hwcompress
from hwcompress.compression import Compression, compress_model
from hwcompress.errors import BadInput, HwcError, ToolFailed
from hwcompress.recipe.recipe import load, make
from hwcompress.stored import load as load_model

ROOT = Path(__file__).resolve().parents[1]
MODEL, DATA = ROOT / "examples" / "pulsar_mlp.onnx", ROOT / "examples" / "pulsar.npz"
PRUNE = {"kind": "prune", "sparsity": 0.6}
NUMPY = [PRUNE, {"kind": "cluster", "clusters": 7, "bias_bits": 8}]
TYPED = [PRUNE, {"kind": "quantize", "weight_bits": 4, "activation_bits": 8}]
TRAINED = [
    {"kind": "retrain", "epochs": 3, "sparsity": 0.7, "frequency": 2, "end": 0.5},
    {"kind": "cluster", "clusters": 7, "bias_bits": 8},
    {"kind": "finetune-centroids", "epochs": 2},
]


def compressed(steps, **options) -> Compression:
    recipe = make({"step": steps}, "test", "test")
    return compress_model(MODEL, recipe=recipe, data=options.pop("data", str(DATA)), **options)


def x_test() -> np.ndarray:
    return np.load(DATA)["x_test"][:500]


@pytest.fixture(scope="module")
def made() -> Compression:
    return compressed(NUMPY)


def test_the_file_is_the_network(made, tmp_path):
    folder = made.write(tmp_path / "out")
    assert (folder / "model.hwc").stat().st_size == made.report.compression.compressed_bytes
    back = load_model(folder / "model.hwc").graph
    for a, b in zip(made.ran.state.graph, back, strict=True):
        if hasattr(a.op, "weight"):
            assert a.op.weight.tobytes() == b.op.weight.tobytes()
            assert a.op.bias.tobytes() == b.op.bias.tobytes()
    session = ort.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    answers = session.run(None, {session.get_inputs()[0].name: x_test()})[0]
    np.testing.assert_allclose(answers, made.predict(x_test()), rtol=1e-5, atol=1e-6)
    onnx_again = load_model(folder / "model.onnx")
    assert [np.count_nonzero(n.op.weight) for n in onnx_again.graph if hasattr(n.op, "weight")] == [
        layer.nonzero for layer in made.report.compression.layers
    ]


def test_what_the_steps_promise(made):
    layers = [n.op.weight for n in made.ran.state.graph if hasattr(n.op, "weight")]
    weights = sum(w.size for w in layers)
    assert sum(int((w == 0).sum()) for w in layers) == round(0.6 * weights)
    assert all(len(np.unique(w[w != 0])) <= 7 for w in layers)
    report = made.report
    assert report.compression.float_bytes == 4 * report.model.parameters
    assert report.accuracy.samples == 4475
    assert [s.kind for s in report.steps] == ["prune", "cluster"]


def test_the_same_seed_gives_the_same_bytes(made, tmp_path):
    first, second = made.write(tmp_path / "a"), compressed(NUMPY).write(tmp_path / "b")
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes()


def test_its_recipe_gives_the_same_again(tmp_path):
    """A search is written down as what it found."""
    steps = [{"kind": "prune", "search": "quality", "tolerance": 1.0}, {"kind": "prune", "search": "greedy"}]
    first = compressed(steps)
    folder = first.write(tmp_path / "out")
    recipe = load(folder / "recipe.toml")
    assert all(step.search == "none" and step.layers for step in recipe.steps)
    second = compress_model(MODEL, recipe=recipe, data=str(DATA))
    assert second.packed.data == first.packed.data


@pytest.mark.parametrize("target", ["model.hwc", "model.onnx"])
def test_the_result_compiles(made, tmp_path, target):
    folder = made.write(tmp_path / "out")
    design = hwcompress.compile(folder / target, data=str(DATA), reuse=4)
    want, got = made.predict(x_test()) > 0.5, design.predict(x_test()) > 0.5
    assert (want == got).mean() > 0.98


def test_types_travel_with_the_file(tmp_path):
    """What compile makes of a quantized network has the types, weights and biases that were chosen."""
    first = compressed(TYPED)
    folder = first.write(tmp_path / "out")
    design = hwcompress.compile(folder / "model.hwc", data=str(DATA))
    settings = first.ran.state.settings
    types = design.network.graph.types
    assert str(types[design.network.graph.input].element) == settings["input_type"]
    for layer in design.report.layers:
        assert layer.output_type == settings["layers"][layer.name]["output_type"]
    float_form = {n.name: n.op for n in first.ran.state.graph if hasattr(n.op, "weight")}
    checked = 0
    for node in design.network.graph:
        if hasattr(node.op, "weight") and node.op.weight.shape == float_form[node.name].weight.shape:
            kind = types[node.output]
            own = node.op.weight_type.frac + np.asarray(node.op.shifts or (0,) * len(node.op.weight))
            assert np.array_equal(node.op.weight * 2.0 ** -own[:, None], float_form[node.name].weight)
            assert np.array_equal(kind.reals(node.op.bias), float_form[node.name].bias)
            checked += 1
    assert checked >= 2
    assert (
        hwcompress.compile(folder / "model.hwc", weight_bits=8, layers={"dense_1": {"weight_bits": 3}})
        .report.layers[1]
        .weight_type.startswith("s3")
    )


@pytest.mark.torch
def test_a_killed_run_goes_on(tmp_path):
    """Killed in the middle of a training step and after it; the bytes are those of a run in one go."""
    pytest.importorskip("torch")
    whole = compressed(TRAINED)
    for stop in ("retrain: epoch 2", "step 2", "finetune-centroids: epoch 1"):
        work = tmp_path / "work"

        def say(text, _share, stop=stop):
            if text.startswith(stop):
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            compressed(TRAINED, work=work, progress=say)
        assert work.is_dir()
        heard = []
        again = compressed(TRAINED, work=work, progress=lambda text, _share, heard=heard: heard.append(text))
        assert again.packed.data == whole.packed.data
        assert again.report == whole.report
        assert not work.exists()
        if stop == "step 2":
            assert not any(text.startswith("retrain") for text in heard)


@pytest.mark.torch
def test_another_run_does_not_take_its_checkpoints(tmp_path):
    pytest.importorskip("torch")

    def say(text, _share):
        if text.startswith("step 2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compressed(TRAINED, work=tmp_path / "work", progress=say)
    other = compressed(TRAINED, work=tmp_path / "work", seed=1)
    assert other.packed.data == compressed(TRAINED, seed=1).packed.data != compressed(TRAINED).packed.data


def test_without_torch(monkeypatch, tmp_path):
    """Methods that need no training do without; the others say what to install."""
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert compress_model(MODEL, data=str(DATA)).report.recipe == "post-training"
    with pytest.raises(
        ToolFailed, match=r"retrain: package 'torch' wanted, not installed\. Try: pip install 'hwcompress\[train\]'"
    ):
        compressed(TRAINED)


def test_numpy_methods_import_no_torch():
    import subprocess

    code = (
        "import sys; from hwcompress.compression import compress_model as c;"
        f"c({str(MODEL)!r}, data={str(DATA)!r}, recipe='post-training'); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@pytest.mark.torch
def test_divergence_loses_nothing(tmp_path):
    pytest.importorskip("torch")
    steps = [{"kind": "retrain", "optimizer": "sgd", "learning_rate": 1e10, "l2": 1e30}]
    with pytest.raises(BadInput, match=r"^recipe step 1 \(retrain\): training diverged: the loss is "):
        compressed(steps)


@pytest.mark.parametrize(("steps", "message"), [
    ([{**PRUNE, "layers": {"dense_9": {}}}], r"^recipe step 1 \(prune\): layers.'dense_9': .* none matches"),
    ([PRUNE, {"kind": "cluster", "layers": {"x": {"clusters": 3}}}], r"^recipe step 2 \(cluster\): layers.'x'"),
])  # fmt: skip
def test_steps_that_do_not_fit(steps, message):
    with pytest.raises(BadInput, match=message):
        compressed(steps)


def arrays(**changes):
    data = {k: v[:300] for k, v in np.load(DATA).items()}
    return {k: v for k, v in {**data, **changes}.items() if v is not None}


@pytest.mark.parametrize(("changes", "message"), [
    ({"x_train": np.zeros((300, 7))}, "x_train and x_test with samples of the same shape"),
    ({"y_train": np.full(300, 7)}, r"labels in 0\.\.1 wanted"),
    ({"y_train": np.zeros(299, dtype=np.int64)}, "x_train and y_train of the same length wanted"),
    ({"y_train": np.full(300, 0.5), "y_test": None}, "labels"),
    ({"x_train": np.full((300, 8), np.nan)}, "finite"),
])  # fmt: skip
def test_data_that_do_not_fit(changes, message):
    with pytest.raises(HwcError, match=message):
        compressed([PRUNE], data=arrays(**changes), metric="binary")


def test_no_data():
    with pytest.raises(BadInput, match=r"^--data: "):
        compressed([PRUNE], data=None)


def test_other_files_in_the_folder_stay(made, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("x")
    with pytest.raises(BadInput, match=r"an earlier result of compress wanted, found 'mine\.txt' in it"):
        made.write(tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_an_earlier_result_is_replaced(made, tmp_path):
    folder = made.write(tmp_path / "out")
    (folder / "model.hwc").write_bytes(b"old")
    made.write(folder)
    assert (folder / "model.hwc").read_bytes() == made.packed.data
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    report = json.loads((folder / "report.json").read_text())
    assert (report["schema"], report["kind"]) == (1, "compression")
