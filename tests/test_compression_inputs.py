# SPDX-License-Identifier: Apache-2.0
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportOptionalOperand=false
# pyright: reportOptionalMemberAccess=false
"""compress where inputs differ in range, scores under types, and sparsity that gives way to accuracy."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import hwcompress
from hwcompress.codegen.float_onnx import float_model
from hwcompress.compress.select import weighted, zero_share
from hwcompress.compression import Compression, compress_model
from hwcompress.errors import HwcError
from hwcompress.recipe.recipe import Recipe, find, load, make, overridden
from hwcompress.storage.container import Ends, Stored
from hwcompress.stored import load as load_model
from tests.compress import networks

ROOT = Path(__file__).resolve().parents[1]
MODEL, DATA = ROOT / "examples" / "pulsar_mlp.onnx", ROOT / "examples" / "pulsar.npz"
WIDTHS = np.array([0.004, 900.0, 1.0, 30.0, 0.3])


def uneven_model(path: Path) -> tuple[Path, dict[str, np.ndarray]]:
    """Two layers on inputs of very different size, and data whose labels are its own answers."""
    rng = np.random.default_rng(3)
    w1, w2 = rng.normal(size=(12, 5)) / WIDTHS, rng.normal(size=(3, 12))
    constants = [("w1", w1.T), ("b1", rng.normal(size=12)), ("w2", w2.T), ("b2", np.zeros(3))]
    nodes = [
        helper.make_node("Gemm", ["x", "w1", "b1"], ["h"]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Gemm", ["r", "w2", "b2"], ["y"]),
    ]
    entry, end = (helper.make_tensor_value_info(k, TensorProto.FLOAT, ["N", n]) for k, n in (("x", 5), ("y", 3)))
    graph = helper.make_graph(
        nodes, "uneven", [entry], [end], [numpy_helper.from_array(v.astype(np.float32), k) for k, v in constants]
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), path)
    x = (rng.uniform(-1, 1, size=(800, 5)) * WIDTHS).astype(np.float32)
    y = (np.maximum(x @ w1.T + constants[1][1], 0) @ w2.T).argmax(axis=1)
    return path, {"x_train": x[:500], "y_train": y[:500], "x_test": x[500:], "y_test": y[500:]}


def compressed(model, data, *steps, **options) -> Compression:
    return compress_model(model, recipe=make({"step": list(steps)}, "test", "test"), data=data, **options)


TYPED = {"kind": "quantize", "weight_bits": 6, "activation_bits": 8}
TRAINED = {"kind": "retrain", "epochs": 4, "weight_bits": 4, "activation_bits": 8}


@pytest.mark.parametrize("step", [TYPED, pytest.param(TRAINED, marks=pytest.mark.torch)])
def test_uneven_inputs_get_a_power_of_two_each(tmp_path, step):
    if step is TRAINED:
        pytest.importorskip("torch")
    model, data = uneven_model(tmp_path / "m.onnx")
    made = compressed(model, data, step)
    exponents = made.ran.state.settings["input_exponents"]
    ranges = np.abs(data["x_train"]).max(axis=0) * np.exp2(exponents)
    assert ranges.max() < 2 * ranges.min()
    folder = made.write(tmp_path / "out")
    back = load_model(folder / "model.hwc").graph
    networks.check_same_constants(made.ran.state.graph, back)
    design = hwcompress.compile(folder / "model.hwc", data=data)
    assert design.network.compressed.exponents.tolist() == exponents
    assert made.report.accuracy.compressed == design.report.accuracy.fixed
    assert design.report.layers[0].weight_type.startswith(f"s{step['weight_bits']}")
    # the weights of the file are those of the integer form, whatever the range of their inputs
    first = next(n for n in design.network.graph if hasattr(n.op, "weight"))
    own = first.op.weight_type.frac + np.asarray(first.op.shifts or (0,) * len(first.op.weight))
    weight = first.op.weight * 2.0 ** -own[:, None] * np.exp2(exponents)
    assert np.array_equal(weight, next(n.op.weight for n in back if hasattr(n.op, "weight")))


def test_without_them_accuracy_would_be_lost(tmp_path):
    """What the exponents are for: one type for all five inputs drowns the small ones."""
    model, data = uneven_model(tmp_path / "m.onnx")
    made = compressed(model, data, TYPED)
    lost = hwcompress.compile(model, data=data, weight_bits=6, input_exponents=[0] * 5)
    assert made.report.accuracy.compressed > lost.report.accuracy.fixed + 10


@pytest.mark.parametrize(("given", "message"), [
    ([0] * 4, "input_exponents: 5 wanted, one for each input channel, 4 found"),
    ([0, 0, 0, 0, 41], "--input-exponents: -40 to 40 .* wanted, 41 found"),
    ([0.5] * 5, "--input-exponents: -40 to 40 .* wanted, 0.5 found"),
    ("1,2,x,0,0", "--input-exponents: -40 to 40 .* wanted, 'x' found"),
])  # fmt: skip
def test_exponents_that_do_not_fit(tmp_path, given, message):
    model, data = uneven_model(tmp_path / "m.onnx")
    with pytest.raises(HwcError, match=message):
        hwcompress.compile(model, data=data, input_exponents=given)


def test_shared_values_stay_few_in_the_file(tmp_path):
    """The file holds the network as it reads x * 2**exponents: there its codebook is small."""
    model, data = uneven_model(tmp_path / "m.onnx")
    made = compressed(model, data, {"kind": "cluster", "clusters": 3, "bias_bits": 4})
    assert made.report.compression.layers[0].codebook == 3


@pytest.mark.parametrize("factor", [1.0, 200.0])
@pytest.mark.torch
def test_training_does_not_mind_the_unit_of_the_input(tmp_path, factor):
    """Millivolts or volts: the same codes, the same network."""
    pytest.importorskip("torch")

    model, data = uneven_model(tmp_path / "m.onnx")
    power = 2.0 ** round(np.log2(factor))
    scaled = onnx.load(model)
    w1 = scaled.graph.initializer[0]
    w1.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(w1) / np.float32(power), w1.name))
    onnx.save(scaled, tmp_path / "s.onnx")
    other = {k: v * np.float32(power) if k.startswith("x") else v for k, v in data.items()}
    one, two = (
        compressed(m, d, {"kind": "retrain", "epochs": 2}).ran for m, d in ((model, data), (tmp_path / "s.onnx", other))
    )
    assert one.steps == two.steps
    a, b = (next(n.op.weight for n in r.state.graph if hasattr(n.op, "weight")) for r in (one, two))
    assert np.array_equal(a, b * power)


def zeros(made: Compression) -> float:
    layers = [n.op.weight for n in made.ran.state.graph if hasattr(n.op, "weight")]
    return zero_share(np.concatenate([w.ravel() for w in layers]))


@pytest.mark.torch
def test_sparsity_gives_way(tmp_path):
    """So many zeros that decisions suffer are taken back; the recipe that is written says how many stayed."""
    pytest.importorskip("torch")
    model, data = uneven_model(tmp_path / "m.onnx")
    step = {"kind": "retrain", "epochs": 3, "sparsity": 0.97, "end": 0.5, "frequency": 5}
    greedy, careful = compressed(model, data, step), compressed(model, data, {**step, "tolerance": 3.0})
    told = careful.report.steps[0]
    floor = careful.report.validation["float"] - 0.03 - 1e-9
    assert greedy.report.steps[0].score < floor <= told.score
    tried = told.model_dump()["tried"]
    assert [score < floor for _, score in tried] == [True] * (len(tried) - 1) + [False]
    assert [round(1 - share, 9) for share, _ in tried] == [round(min(1.0, 0.03 * 2**k), 9) for k in range(len(tried))]
    used = careful.ran.recipe.steps[0]
    assert used.tolerance is None
    assert used.sparsity == tried[-1][0]
    again = compress_model(model, recipe=Recipe("test", (used,)), data=data)
    assert again.packed.data == careful.packed.data
    assert load(careful.write(tmp_path / "out") / "recipe.toml").steps[0] == used


def test_what_the_user_asks_for_stands():
    """--sparsity is not given way; bits go to steps that have some."""
    made = overridden(find("deep-compression"), {"sparsity": 0.5}, "command line")
    assert (made.steps[0].sparsity, made.steps[0].tolerance) == (0.5, None)
    assert find("deep-compression").steps[0].tolerance is not None
    with pytest.raises(HwcError, match="--weight-bits: no step of the recipe 'han2015' has it"):
        overridden(find("han2015"), {"weight_bits": 4}, "command line")
    typed = overridden(find("dsp"), {"weight_bits": 4, "activation_bits": 6}, "command line")
    assert [getattr(step, "weight_bits", None) for step in typed.steps] == [None, 4]
    assert typed.steps[0].retrain.weight_bits is None
    qat = make({"step": [{"kind": "retrain", "weight_bits": 8, "activation_bits": 8}]}, "t", "t")
    assert overridden(qat, {"weight_bits": 3}, "command line").steps[0].weight_bits == 3


@pytest.mark.torch
def test_what_was_trained_serves_another_ending(tmp_path):
    """A run that fails keeps the training before; a recipe that begins alike goes on from it, to the usual bytes."""
    pytest.importorskip("torch")
    model, data = uneven_model(tmp_path / "m.onnx")
    first = {"kind": "retrain", "epochs": 2}
    work = tmp_path / "work"
    wrong = {"kind": "prune", "sparsity": 0.5, "layers": {"dense_9": {"sparsity": 0.1}}}
    with pytest.raises(HwcError, match="step 2"):
        compressed(model, data, first, wrong, work=work)
    assert [path.suffix for path in sorted(work.iterdir())] == [".hwc", ".json"]
    heard = []
    right = [first, {"kind": "prune", "sparsity": 0.5}]
    made = compressed(model, data, *right, work=work, progress=lambda text, _share: heard.append(text))
    assert not any(text.startswith("retrain") for text in heard)
    assert not work.exists()
    assert made.packed.data == compressed(model, data, *right).packed.data


def test_an_error_before_any_training_leaves_nothing(tmp_path):
    model, data = uneven_model(tmp_path / "m.onnx")
    wrong = {"kind": "prune", "sparsity": 0.5, "layers": {"dense_9": {"sparsity": 0.1}}}
    with pytest.raises(HwcError, match="step 2"):
        compressed(model, data, {"kind": "prune", "sparsity": 0.5}, wrong, work=tmp_path / "work")
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize("changes", [{"mean": 0.5}, {"seed": 1}, {"metric": "agreement"}])
@pytest.mark.torch
def test_other_options_do_not_take_its_checkpoints(tmp_path, changes):
    pytest.importorskip("torch")
    model, data = uneven_model(tmp_path / "m.onnx")
    first = {"kind": "retrain", "epochs": 1}
    wrong = {"kind": "prune", "sparsity": 0.5, "layers": {"dense_9": {"sparsity": 0.1}}}
    with pytest.raises(HwcError, match="step 2"):
        compressed(model, data, first, wrong, work=tmp_path / "work")
    heard = []
    compressed(model, data, first, work=tmp_path / "work", progress=lambda t, _: heard.append(t), **changes)
    assert any(text.startswith("retrain: epoch 1") for text in heard)


@pytest.mark.parametrize(("factor", "message"), [
    (1e33, "dense_0 ('.*'): its values over the data reach .*; up to 1e\\+30 are supported"),
])  # fmt: skip
def test_values_too_large(tmp_path, factor, message):
    model, data = uneven_model(tmp_path / "m.onnx")
    data = {k: (v.astype(np.float64) * factor) if k.startswith("x") else v for k, v in data.items()}
    with pytest.raises(HwcError, match=message.replace("(", "\\(", 1).replace("')", "'\\)", 1)):
        compressed(model, data, {"kind": "prune", "sparsity": 0.5})


def test_the_error_of_a_layer_is_that_of_its_weights(tmp_path):
    """Whatever is dead and left out afterwards, and in whatever order channels are stored."""
    model, data = uneven_model(tmp_path / "m.onnx")
    made = compressed(model, data, {"kind": "prune", "method": "magnitude", "scope": "layer", "sparsity": 0.8})
    before = {n.name: n.op.weight for n in load_model(model).graph if hasattr(n.op, "weight")}
    exponents = np.array(made.ran.state.settings.get("input_exponents", [0] * 5))
    layers = {layer.source: layer for layer in made.report.compression.layers}
    for name, weight in before.items():
        even = weight / np.exp2(exponents) if weight.shape[1] == 5 else weight
        least = np.sort(np.abs(even).ravel())[: round(0.8 * even.size)]
        assert layers[name].error == pytest.approx(float((least**2).sum() / (even**2).sum()), rel=1e-6)
    assert made.report.compression.layers[0].weights < before[next(iter(before))].size


@pytest.mark.torch
def test_a_hashed_network_is_its_values(tmp_path):
    """Also behind inputs of uneven range, with pruned weights, and after a second writing."""
    pytest.importorskip("torch")
    model, data = uneven_model(tmp_path / "m.onnx")
    hashing = {"kind": "hash", "share": 0.2, "epochs": 2}
    rounding = {"kind": "quantize", "weight_bits": 8, "per_channel": False}
    made = compressed(model, data, {"kind": "prune", "sparsity": 0.3}, hashing, rounding)
    layers = made.report.compression.layers
    assert [layer.values for layer in layers] == ["hashed", "hashed"]
    assert [layer.codebook for layer in layers] == list(made.ran.steps[1]["buckets"].values())
    assert sum(layer.codebook for layer in layers) <= 0.2 * sum(layer.nonzero for layer in layers) + 1
    back = load_model(made.write(tmp_path / "out") / "model.hwc").graph
    networks.check_same_constants(made.ran.state.graph, back)
    assert "input_exponents" in made.ran.state.settings


@pytest.mark.parametrize("pattern", ["2:4", "2x2", "bank3", "fold3x4"])
def test_what_is_pruned_by_a_pattern_keeps_it(tmp_path, pattern):
    """In the files too: no channel changes its place, and none goes."""
    rng = np.random.default_rng(5)
    sizes, x = (12, 24, 18, 4), rng.normal(size=(300, 12)).astype(np.float32)
    layers = [networks.random_dense(rng, m, n) for n, m in pairwise(sizes)]
    dead = layers[0].weight
    dead[3] = 0.0  # and its bias: a channel that carries nothing
    layers[0].bias[3] = 0.0
    graph = networks.chain(12, layers[0], networks.RELU, layers[1], networks.RELU, layers[2])
    ends = Ends("x", ("N", 12), "float32", True, ("y",), (4,))
    path = tmp_path / "m.onnx"
    path.write_bytes(float_model(Stored("m", graph, ends)))
    made = compressed(path, {"x_train": x, "x_test": x}, {"kind": "prune", "pattern": pattern, "sparsity": 0.5})
    back = load_model(made.write(tmp_path / "out") / "model.hwc").graph
    assert [op.weight.shape for op in weighted(back).values()] == [(24, 12), (18, 24), (4, 18)]
    networks.check_same_constants(made.ran.last, back)
