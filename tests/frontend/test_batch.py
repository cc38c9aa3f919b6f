# SPDX-License-Identifier: Apache-2.0
"""Models exported for batches of one size: run in such batches, the last one filled up."""

from collections.abc import Sequence

import numpy as np
import pytest
from onnx import ModelProto, NodeProto, TensorProto

from hwcompress.errors import UnsupportedModel
from hwcompress.frontend.host import HostTail
from hwcompress.frontend.onnx_import import inspect, load
from hwcompress.frontend.runtime import OnnxRunner, Session, ort
from hwcompress.sim.reference import run_float
from tests.frontend.build import agrees, model, node, save, weights

W43 = weights(4, 3)
INT = np.int64


def made(size: int | str, nodes: Sequence[NodeProto], *, shape: Sequence[int] = (2, 2), **targets: Sequence[int]):
    lists = {name: np.array(target, INT) for name, target in targets.items()}
    return model(nodes, {"w": W43, **lists}, (size, *shape))


def truth(file: ModelProto, x: np.ndarray, size: int) -> list[np.ndarray]:
    """The file as it is, at its own batch size: its first output for whole batches of x."""
    session = ort.InferenceSession(file.SerializeToString(), providers=["CPUExecutionProvider"])
    return [session.run(None, {"x": x[i : i + size]})[0] for i in range(0, len(x), size)]


def check(folder, file: ModelProto, size: int, samples: int) -> None:
    """Reference and host tail equal onnxruntime at the batch size of the file."""
    imported = load(save(folder, file))
    assert imported.batch == size
    count = -(-samples // size) * size
    x = np.random.default_rng(0).integers(-3, 4, (count, *imported.input.sample_shape)).astype(np.float32)
    want = np.concatenate(truth(file, x, size))[:samples]
    x = x[:samples]
    hardware = run_float(imported.graph, x.reshape(samples, -1).astype(np.float64))
    for got in (OnnxRunner(imported).run(x), HostTail(imported).run(hardware)):
        (y,) = got.values()
        assert y.shape == want.shape
        np.testing.assert_allclose(y, want, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("samples", [1, 2, 3, 4, 9, 100])
@pytest.mark.parametrize("size", [2, 4, 32])
@pytest.mark.parametrize("tail", [False, True])
@pytest.mark.parametrize("target", [-1, 4])
def test_a_batch_baked_into_a_reshape(target, tail, size, samples, tmp_path):
    nodes = [node("Reshape", "x s", "f"), node("MatMul", "f w", "h")]
    nodes += [node("Softmax", "h", "y")] if tail else []
    check(tmp_path, made(size, nodes, s=[size, target]), size, samples)


@pytest.mark.parametrize("samples", [1, 5, 8])
def test_a_batch_baked_into_the_tail(samples, tmp_path):
    nodes = [node("MatMul", "x w", "h"), node("Softmax", "h", "p"), node("Reshape", "p s", "y")]
    check(tmp_path, made(4, nodes, shape=(4,), s=[4, 1, 3]), 4, samples)
    # The same where the input does not say it.
    check(tmp_path, made("N", nodes, shape=(4,), s=[4, 1, 3]), 4, samples)


@pytest.mark.parametrize("samples", [1, 5, 8])
@pytest.mark.parametrize("size", [2, 3, 4])
@pytest.mark.parametrize("rest", [4, -1])
def test_a_baked_batch_behind_a_symbolic_one(rest, size, samples, tmp_path):
    nodes = [node("Reshape", "x s", "f"), node("MatMul", "f w", "h"), node("Tanh", "h", "y")]
    check(tmp_path, made("N", nodes, s=[size, rest]), size, samples)
    assert inspect(tmp_path / "m.onnx").notes == (f"Reshape 'f': the file is made for batches of {size} samples",)


def test_two_baked_batches_do_not_fit(tmp_path):
    nodes = [
        node("Reshape", "x s", "f"),
        node("MatMul", "f w", "h"),
        node("Reshape", "h t", "r"),
        node("Gemm", "r w", "y"),
    ]
    with pytest.raises(UnsupportedModel, match=r"Reshape 'r': cannot reshape \[4, 3\] to \[5, 3\]"):
        load(save(tmp_path, made("N", nodes, s=[4, 4], t=[5, 3])))


def test_a_fixed_batch_that_nothing_is_baked_for(tmp_path):
    nodes = [node("Flatten", "x", "f"), node("MatMul", "f w", "y")]
    check(tmp_path, made(7, nodes), 7, 10)
    assert load(save(tmp_path, made("N", nodes))).batch == 0


def test_outputs_with_the_samples_elsewhere_are_taken_one_by_one(tmp_path):
    nodes = [node("MatMul", "x w", "h"), node("Softmax", "h", "p"), node("Transpose", "p", "y")]
    imported = load(save(tmp_path, model(nodes, {"w": W43 / 8}, (4, 4))))
    x = np.ones((6, 4), np.float32)
    assert OnnxRunner(imported).run(x)["y"].shape == (6, 3, 1)


def test_outputs_that_join_the_samples_are_taken_one_by_one(tmp_path):
    # skl2onnx ends a regressor of several outputs like this.
    nodes = [node("MatMul", "x w", "h"), node("Reshape", "h s", "y")]
    for size in (4, "N"):
        imported = load(save(tmp_path, made(size, nodes, shape=(4,), s=[-1, 1])))
        x = weights(6, 4)
        np.testing.assert_array_equal(OnnxRunner(imported).run(x)["y"], (x @ W43)[:, :, None])


def test_a_batch_larger_than_memory_is_not_filled_up():
    file = model([node("Relu", "x", "y")])
    x = np.ones((3, 4), np.float32)
    assert Session(file.SerializeToString(), "it", size=1 << 60).run(x)["y"].shape == (3, 4)


def test_a_negative_batch_is_a_symbolic_one(tmp_path):
    file = model([node("Gemm", "x w", "h"), node("Softmax", "h", "y")], {"w": W43 / 8}, (-1, 4))
    imported = agrees(tmp_path, file, exact=False, tolerance=1e-6)
    assert imported.input.onnx_shape == ("N", 4)
    assert inspect(tmp_path / "m.onnx").inputs[0].shape == ("N", 4)
    wide = model([node("Relu", "x", "y")], shape=("N", -3), kind=TensorProto.FLOAT)
    with pytest.raises(UnsupportedModel, match="dimension 1 is '\\?'; all but the batch must be fixed when exporting"):
        load(save(tmp_path, wide))
