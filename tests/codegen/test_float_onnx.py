# SPDX-License-Identifier: Apache-2.0
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportMissingTypeStubs=false
# pyright: reportOptionalCall=false, reportOptionalMemberAccess=false
"""model.onnx: onnxruntime answers as the float graph does, and the importer finds the same network in it again."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from hwcompress.codegen.float_onnx import float_model
from hwcompress.frontend.onnx_import import load
from hwcompress.ir.graph import Graph, Op
from hwcompress.ir.order import Order
from hwcompress.ops import Affine, Clip, Dense, Lookup, MaxPool, Window
from hwcompress.ops.lookup import FUNCTIONS
from hwcompress.passes.pipeline import simplify
from hwcompress.sim.reference import run_float
from hwcompress.storage.header import Ends, Stored
from tests.compress.maps import network, random_network

PARAMETERS = {
    "leaky_relu": (0.125,), "elu": (0.5,), "selu": (1.5, 1.25), "celu": (0.5,), "thresholded_relu": (0.5,),
    "swish": (1.5,),
}  # fmt: skip


def stored(graph: Graph[Op], tail: bytes = b"", **changes) -> Stored:
    shape = graph.shape
    for node in graph:
        shape = node.op.shape(shape)
    values = {
        "input": "x", "shape": ("N", *graph.shape), "dtype": "float32", "batched": True, "outputs": ("y",),
        "tail_shape": shape,
    }  # fmt: skip
    return Stored("m", graph, Ends(**{**values, **changes}), tail)


def answers(model: bytes, x) -> np.ndarray:
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {session.get_inputs()[0].name: x})[0])


@pytest.mark.parametrize("seed", range(40))
def test_onnxruntime_answers_as_the_graph(seed, tmp_path):
    rng = np.random.default_rng(seed)
    graph = random_network(rng, whole=True)
    x = rng.integers(-3, 4, (3, *graph.shape)).astype(np.float32)
    model = float_model(stored(graph))
    want = run_float(graph, x.reshape(3, -1).astype(np.float64))
    got = answers(model, x).reshape(3, -1)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-4)
    (tmp_path / "m.onnx").write_bytes(model)
    again = load(tmp_path / "m.onnx")
    flat = again.input_order.apply(x.reshape(3, -1).astype(np.float64))
    back = again.output_order.apply(run_float(simplify(again.graph), flat))
    np.testing.assert_allclose(back, want, rtol=1e-6, atol=1e-6 * max(1.0, np.abs(want).max()))


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_every_function(function):
    graph = network((5,), Lookup(function, PARAMETERS.get(function, ())))
    x = np.array([[-4.0, -0.5, 0.0, 0.25, 3.0]], dtype=np.float32)
    want = run_float(graph, x.astype(np.float64))
    np.testing.assert_allclose(answers(float_model(stored(graph)), x), want, rtol=2e-6, atol=2e-6)


def test_bounds_and_fills_of_every_kind():
    pool = Window((2, 2), (1, 1), (1, 1), (1, 1), (0, 0))
    graph = network(
        (2, 2, 1), Clip(-np.inf, 1.0), Clip(-0.5, np.inf), MaxPool(pool, 0.25), Affine(np.ones(1), np.zeros(1))
    )
    x = np.array([[-3.0, -1.0, -0.75, -2.0]], dtype=np.float32).reshape(1, 2, 2, 1)
    want = run_float(graph, x.reshape(1, -1).astype(np.float64))
    assert answers(float_model(stored(graph)), x).reshape(1, -1).tolist() == want.tolist()


def test_the_ends_are_those_of_the_model():
    """An image that comes channels first, one sample at a time, as bytes; a tail that takes the largest."""
    graph = network((2, 3, 2), Dense(np.arange(24.0).reshape(2, 12), np.array([1.0, -1.0])))
    entry, out = (onnx.helper.make_tensor_value_info(n, t, d) for n, t, d in (("h", 1, ["N", 2]), ("label", 7, ["N"])))
    node = onnx.helper.make_node("ArgMax", ["h"], ["label"], axis=1, keepdims=0)
    tail = onnx.helper.make_model(
        onnx.helper.make_graph([node], "t", [entry], [out]),
        opset_imports=[onnx.helper.make_opsetid("", 11)],
    ).SerializeToString()
    model = float_model(
        stored(graph, tail, input="hwc_1", shape=(2, 2, 3), dtype="uint8", batched=False,
               input_order=Order((2, 2, 3), (1, 2, 0)), tail_shape=(2,)),
    )  # fmt: skip
    x = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    want = run_float(graph, x.transpose(1, 2, 0).reshape(1, -1).astype(np.float64)).argmax(axis=1)
    assert answers(model, x).tolist() == want.tolist()
    onnx.checker.check_model(onnx.load_model_from_string(model))


def test_the_same_graph_gives_the_same_bytes(tmp_path: Path):
    graph = network((3,), Dense(np.eye(3), np.zeros(3)), Clip(0.0, np.inf))
    assert float_model(stored(graph)) == float_model(stored(graph))
