# SPDX-License-Identifier: Apache-2.0
"""Files that other programs wrote: scikit-learn here and now, and the real models beside the repository."""

import importlib.util
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwcompress.frontend.host import HostTail
from hwcompress.frontend.model import Model
from hwcompress.frontend.onnx_import import inspect, load
from hwcompress.frontend.runtime import OnnxRunner
from hwcompress.ops import Clip, Dense, Lookup
from hwcompress.passes.pipeline import simplify
from hwcompress.sim.reference import run_float
from tests.frontend.build import hardware
from tests.shared import SHARED, shared_model

FLOAT32 = 2e-5  # float32 sums of up to 784 terms against float64, relative to the largest output


def kinds(model: Model) -> list[type]:
    return [type(node.op) for node in simplify(model.graph)]


def same_as_onnxruntime(model: Model, x: np.ndarray) -> dict[str, np.ndarray]:
    """Labels equal, reals within FLOAT32, of the simplified graph and the tail against the whole file."""
    want = OnnxRunner(model).run(x)
    got = HostTail(model).run(hardware(model, x, simplify(model.graph)))
    assert list(got) == list(want) == list(model.outputs)
    for name, values in want.items():
        assert got[name].shape == values.shape
        if values.dtype.kind == "f":
            scale = max(1.0, float(np.abs(values).max()))
            np.testing.assert_allclose(got[name], values, rtol=0, atol=FLOAT32 * scale)
        else:
            assert (got[name] == values).all()
    return got


def trained(estimator: Any, labels: Any) -> tuple[Any, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 5)).astype(np.float32) * 3 + 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(x, labels), x


def exported(folder: Path, estimator: Any, x: np.ndarray, opset: int, **options: Any) -> Model:
    skl2onnx = pytest.importorskip("skl2onnx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        target = {"": opset, "ai.onnx.ml": 3}
        made = skl2onnx.to_onnx(
            estimator, x[:1], target_opset=target, options={id(estimator): options} if options else None
        )
    path = folder / "sk.onnx"
    path.write_bytes(made.SerializeToString())
    return load(path)


LABELS = {
    "binary": lambda n: np.arange(n) % 2,
    "three": lambda n: np.arange(n) % 3 + 7,
    "text": lambda n: np.array(["no", "yes", "it's \N{SNOWMAN}"])[np.arange(n) % 3],
    "two_texts": lambda n: np.array(["no", "yes"])[np.arange(n) % 2],
}


@pytest.mark.parametrize("opset", [9, 13, 17, 21])
@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
@pytest.mark.parametrize("labels", LABELS)
def test_classifier(labels, activation, opset, tmp_path):
    neural = pytest.importorskip("sklearn.neural_network")
    estimator = neural.MLPClassifier((6, 4), activation=activation, max_iter=3, random_state=0)
    estimator, x = trained(estimator, LABELS[labels](60))
    model = exported(tmp_path, estimator, x, opset)
    got = same_as_onnxruntime(model, x)
    assert (next(iter(got.values())) == estimator.predict(x)).all()
    assert "ZipMap" not in model.tail_ops
    middle = {"relu": Clip, "identity": None}.get(activation, Lookup)
    last = [Lookup] if labels in ("binary", "two_texts") else []
    assert kinds(model) == [k for k in (Dense, middle, Dense, middle, Dense, *last) if k]


@pytest.mark.parametrize("zipmap", ["columns", False])
def test_probabilities_as_matrix_or_columns(zipmap, tmp_path):
    neural = pytest.importorskip("sklearn.neural_network")
    estimator, x = trained(neural.MLPClassifier((4,), max_iter=2, random_state=0), LABELS["three"](60))
    same_as_onnxruntime(exported(tmp_path, estimator, x, 17, zipmap=zipmap), x)


@pytest.mark.parametrize("outputs", [1, 3])
def test_regressor(outputs, tmp_path):
    neural = pytest.importorskip("sklearn.neural_network")
    labels = np.random.default_rng(1).standard_normal((60, outputs))
    wanted = labels if outputs > 1 else labels[:, 0]
    estimator, x = trained(neural.MLPRegressor(hidden_layer_sizes=(8,), max_iter=3, random_state=0), wanted)
    model = exported(tmp_path, estimator, x, 17)
    got = same_as_onnxruntime(model, x)
    np.testing.assert_allclose(
        got[model.outputs[0]].reshape(60, outputs), estimator.predict(x).reshape(60, outputs), rtol=1e-4, atol=1e-4
    )
    assert kinds(model) == [Dense, Clip, Dense]


@pytest.mark.parametrize("scaler", ["StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler"])
def test_pipeline(scaler, tmp_path):
    neural = pytest.importorskip("sklearn.neural_network")
    preprocessing, pipeline = sys.modules["sklearn.preprocessing"], pytest.importorskip("sklearn.pipeline")
    estimator = pipeline.make_pipeline(
        getattr(preprocessing, scaler)(), neural.MLPClassifier((6,), max_iter=3, random_state=0)
    )
    estimator, x = trained(estimator, LABELS["three"](60))
    model = exported(tmp_path, estimator, x, 17)
    same_as_onnxruntime(model, x)
    assert kinds(model) == [Dense, Clip, Dense]


@pytest.mark.parametrize("kind", [np.float64, np.int64])
def test_other_input_types(kind, tmp_path):
    neural = pytest.importorskip("sklearn.neural_network")
    estimator, x = trained(neural.MLPClassifier((4,), max_iter=2, random_state=0), LABELS["three"](60))
    x = x.astype(kind)
    model = exported(tmp_path, estimator, x, 17)
    assert model.input.dtype == np.dtype(kind).name
    same_as_onnxruntime(model, x)


REAL = {
    "jet_keras_3layer": ([Dense, Clip] * 3 + [Dense], ("Softmax",), 4256),
    "jet_three_layer_keras": ([Dense, Clip] * 3 + [Dense], ("Softmax",), 4256),
    "jet_three_layer_bn_keras": ([Dense, Clip] * 3 + [Dense], ("Softmax",), 4256),
    "lenet300_mnist": ([Dense, Clip] * 2 + [Dense], (), 266200),
    "pulsar_mlp": ([Dense, Lookup, Dense, Lookup, Dense, Clip, Dense, Lookup], (), 904),
    "sk_breast_cancer_mlp": (
        [Dense, Clip, Dense, Clip, Dense, Lookup],
        ("Sub", "Concat", "ArgMax", "ArrayFeatureExtractor", "Reshape", "Cast"),
        616,
    ),
    "sk_iris_mlp": (
        [Dense, Lookup, Dense, Lookup, Dense],
        ("Softmax", "Identity", "ArgMax", "ArrayFeatureExtractor", "Reshape", "Cast"),
        216,
    ),
    "mlperf_tiny_ad_autoencoder": ([Dense, Clip] * 9 + [Dense], (), 264192),
}


@pytest.mark.parametrize("name", REAL)
def test_real_models(name):
    path = shared_model(name)
    operators, tail, macs = REAL[name]
    model = load(path)
    assert kinds(model) == operators
    assert model.tail_ops == tail
    found = inspect(path)
    assert (found.macs, found.problems, found.host) == (macs, (), tail)
    x = np.random.default_rng(0).standard_normal((200, *model.input.sample_shape)).astype(np.float32)
    same_as_onnxruntime(model, x)


@pytest.mark.parametrize(
    ("name", "key", "scale", "expected"),
    [
        ("lenet300_mnist", "mnist", 255.0, 96.28),
        ("pulsar_mlp", "pulsar", 1.0, 98.21),
        ("sk_iris_mlp", "iris", 1.0, 100),
    ],
)
def test_accuracy_is_that_of_the_table(name, key, scale, expected):
    model = load(shared_model(name))
    data = np.load(SHARED / "data" / f"{key}.npz")
    x = data["x_test"] / scale
    y = HostTail(model).run(run_float(simplify(model.graph), x.reshape(len(x), -1)))[model.outputs[-1]]
    guess = y.argmax(axis=1) if y.shape[1] > 1 else y[:, 0] > 0.5
    assert 100 * float(np.mean(guess == data["y_test"])) == pytest.approx(expected, abs=0.005)


MAPS = {  # of an input sample in hardware; products; what stays on the host
    "lenet5_caffe_mnist": ((28, 28, 1), 2293000, ("Softmax",)),
    "lenet5_tanh_mnist": ((28, 28, 1), 416520, ()),
    "mnist8_cntk": ((28, 28, 1), 786560, ()),
    "jet_conv1d_small_keras": ((1, 10, 4), 875, ("Softmax",)),
    "jet_conv2d_small_mp_keras": ((25, 25, 1), 20085, ("Softmax",)),
    "dscnn_mnist": ((28, 28, 1), 442920, ()),
    "mlperf_tiny_vww_mobilenet": ((96, 96, 3), 7489664, ("Softmax",)),
    "mlperf_tiny_dscnn_kws": ((49, 10, 1), 2656768, ("Softmax",)),
    "mlperf_tiny_sww": ((30, 1, 40), 826368, ("Softmax",)),
}


@pytest.mark.parametrize("name", MAPS)
def test_real_convolutional_models(name):
    path = shared_model(name)
    spec = importlib.util.spec_from_file_location("cases", SHARED / "cases.py")
    assert spec is not None
    assert spec.loader is not None
    cases: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(cases)
    model, found = load(path), inspect(path)
    assert (model.graph.shape, found.macs, model.tail_ops) == MAPS[name]
    assert (found.problems, found.notes) == ((), ())
    assert model.input_order.identity
    got = same_as_onnxruntime(model, cases.prepare(name, SHARED)["x_test"][:40])
    assert [y.shape[0] for y in got.values()] == [40]


def test_models_of_other_kinds_say_why():
    found = inspect(shared_model("shufflenet_mnist"))
    assert all(reason for node, reason in ((n, n.reason) for n in found.nodes) if node.place == "unsupported")
    assert len(found.problems) == sum(n.place == "unsupported" for n in found.nodes) + 1
    assert found.problems[-1].endswith("the network must be a chain")
    groups = "reads 2 groups of channels of [1, 12, 14, 14] that do not lie side by side in hardware"
    assert f"Conv '/b/b.1/c3/Conv': {groups}: a Transpose or Reshape ahead moves them" in found.problems
    joins = "more than one input depends on the network's input; only constants may join a chain"
    assert f"Add '/b/b.2/Add': {joins}" in found.problems
