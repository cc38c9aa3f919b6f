# SPDX-License-Identifier: Apache-2.0
"""Data brought into the model's layout, and onnxruntime kept quiet."""

import subprocess
import sys

import numpy as np
import pytest
from onnx import TensorProto

from hwcompress.errors import BadInput
from hwcompress.frontend.host import HostTail
from hwcompress.frontend.model import ModelInput
from hwcompress.frontend.onnx_import import load
from hwcompress.frontend.runtime import OnnxRunner, Session, arrange
from tests.frontend.build import model, node, save, weights

W43 = weights(4, 3)
IMAGE = ModelInput("img", ("N", 1, 28, 28), "float32")


@pytest.mark.parametrize("shape", [(3, 28, 28), (3, 1, 28, 28), (3, 28, 28, 1), (3, 28, 1, 28)])
@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.float16, np.float64, np.bool_])
def test_dimensions_of_one_and_numeric_types(shape, kind):
    x = np.random.default_rng(0).integers(0, 2, shape).astype(kind)
    y = arrange(x, IMAGE)
    assert y.shape == (3, 1, 28, 28)
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y.reshape(-1), x.reshape(-1))


def test_scalars_and_models_without_batch():
    assert arrange(np.arange(3), ModelInput("x", ("N", 1), "float32")).shape == (3, 1)
    assert arrange(np.ones((2, 5)), ModelInput("x", (5,), "float64", batched=False)).shape == (2, 5)


U8 = ModelInput("x", ("N", 4), "uint8")
X = ModelInput("it's", ("N", 4), "float32")


@pytest.mark.parametrize(
    ("x", "port", "message"),
    [
        (np.ones((3, 5)), X, "data for input 'it\\'s': shape [samples, 4] is wanted, found [3, 5]"),
        (np.ones(4), X, "data for input 'it\\'s': shape [samples, 4] is wanted, found [4]"),
        (np.float64(1), X, "data for input 'it\\'s': shape [samples, 4] is wanted, found []"),
        (np.ones((2, 784)), IMAGE, "data for input 'img': shape [samples, 1, 28, 28] is wanted, found [2, 784]"),
        (np.ones((0, 4)), X, "data for input 'it\\'s': it holds no samples"),
        (np.ones((2, 4), complex), X, "data for input 'it\\'s': numbers are wanted, found complex128"),
        (np.full((2, 4), "a"), X, "data for input 'it\\'s': numbers are wanted, found <U1"),
        (np.full((2, 4), None), X, "data for input 'it\\'s': numbers are wanted, found object"),
        (
            np.array([[0, 0, 0, 0], [0, np.nan, 0, 0]]),
            X,
            "data for input 'it\\'s': sample 1 holds NaN or infinity; finite numbers are wanted",
        ),
        (np.full((1, 4), 1e300), X, "data for input 'it\\'s': values up to 1e+300 do not fit float32"),
        (
            np.array([[0, 255, 256, 0]]),
            U8,
            "data for input 'x': the model takes uint8, found values from 0 to 256 that are none",
        ),
        (
            np.array([[0, 0.5, 1, 0]]),
            U8,
            "data for input 'x': the model takes uint8, found values from 0 to 1 that are none",
        ),
    ],
)
def test_data_that_does_not_fit(x, port, message):
    with pytest.raises(BadInput) as caught:
        arrange(np.asarray(x), port)
    assert str(caught.value) == message


def test_batches_are_cut_and_joined(tmp_path):
    runner = OnnxRunner(load(save(tmp_path, model([node("MatMul", "x w", "y")], {"w": W43}))))
    x = np.arange(4 * 2500).reshape(2500, 4) % 7
    np.testing.assert_array_equal(runner.run(x)["y"], x @ W43)


def test_a_batch_baked_into_the_graph_runs_sample_by_sample(tmp_path):
    # Reshape to [1, 4] fails for two samples; Softmax over a flattened [1, 4 N] would not fail, but mix them.
    for target in ([1, 4], [1, -1]):
        nodes = [
            node("Reshape", "x s", "f"),
            node("Softmax", "f", "p", axis=1),
            node("Reshape", "p t", "y"),
        ]
        made = model(nodes, {"s": np.array(target), "t": np.array([-1, 4])}, (1, 2, 2))
        x = np.random.default_rng(0).standard_normal((5, 2, 2)).astype(np.float32)
        made.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "N"
        y = Session(made.SerializeToString(), "it").run(x)["y"]
        want = np.exp(x.reshape(5, 4))
        np.testing.assert_allclose(y, want / want.sum(axis=1, keepdims=True), rtol=1e-5)


def test_outputs_without_batch_are_stacked(tmp_path):
    nodes = [node("MatMul", "x w", "h"), node("Squeeze", "h", "y")]
    imported = load(save(tmp_path, model(nodes, {"w": W43}, (1, 4))))
    x = weights(5, 4)
    want = x @ W43
    assert imported.tail_shape == (3,)
    np.testing.assert_array_equal(OnnxRunner(imported).run(x)["y"], want)
    np.testing.assert_array_equal(HostTail(imported).run(want.astype(np.float64))["y"], want)


def test_what_onnxruntime_refuses_is_one_quiet_message(tmp_path, capfd):
    with pytest.raises(BadInput) as caught:
        Session(b"no model", "the model 'a'")
    assert (
        str(caught.value)
        == "onnxruntime cannot run the model 'a': 'Failed to load model because protobuf parsing failed.'"
    )
    bfloat = model([node("Neg", "x", "y")], kind=TensorProto.BFLOAT16, outputs={"y": TensorProto.BFLOAT16})
    with pytest.raises(BadInput, match="onnxruntime cannot run the model 'm'"):
        OnnxRunner(load(save(tmp_path, bfloat))).run(np.ones((2, 4)))
    wrong = Session(model([node("Gemm", "x x", "y")]).SerializeToString(), "it")
    with pytest.raises(BadInput, match="onnxruntime cannot run it: 'Non-zero status code"):
        wrong.run(np.ones((2, 4), np.float32))
    assert capfd.readouterr() == ("", "")


def test_importing_the_package_imports_neither_onnx_nor_onnxruntime():
    code = (
        "import sys, hwcompress, hwcompress.frontend.model, hwcompress.frontend.arrange, hwcompress.passes.pipeline;"
        "print([m for m in ('onnx', 'onnxruntime', 'google.protobuf') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
