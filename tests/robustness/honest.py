# SPDX-License-Identifier: Apache-2.0
"""The honest models that mutants are made of: small, but of every kind that the importer knows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from onnx import ModelProto, TensorProto

from tests.frontend.build import Array, model, node

EXTERNAL = "w.bin"


@dataclass(frozen=True)
class Honest:
    """A model that compiles, and the files beside it."""

    model: ModelProto
    files: Mapping[str, bytes] = field(default_factory=dict[str, bytes])


def real(*shape: int, seed: int = 0) -> Array:
    """Weights of such a size that values stay near 1."""
    share = np.sqrt(3 / max(1, np.prod(shape[1:])))
    return np.random.default_rng([seed, *shape]).uniform(-share, share, shape).astype(np.float32)


def mlp() -> Honest:
    """Two layers as PyTorch writes them."""
    nodes = [node("Gemm", "x w0 b0", "h", transB=1), node("Relu", "h", "r"), node("Gemm", "r w1 b1", "y", transB=1)]
    return Honest(model(nodes, {"w0": real(8, 6), "b0": real(8), "w1": real(3, 8), "b1": real(3)}, ("N", 6)))


def cnn() -> Honest:
    """NCHW, with padding, strides, dilations, pools and a normalization."""
    stats = {"s": real(4) + 1, "o": real(4), "m": real(4), "v": np.abs(real(4)) + np.float32(0.5)}
    nodes = [
        node("Conv", "x w0 b0", "c", kernel_shape=[3, 3], pads=[1, 0, 1, 2], strides=[1, 2], dilations=[1, 1], group=1),
        node("BatchNormalization", "c s o m v", "n", epsilon=1e-5),
        node("Relu", "n", "r"),
        node("MaxPool", "r", "p", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
        node("Conv", "p w1", "d", auto_pad="SAME_UPPER"),
        node("AveragePool", "d", "a", kernel_shape=[2, 2], pads=[0, 0, 1, 1], count_include_pad=1),
        node("Flatten", "a", "f", axis=1),
        node("Gemm", "f w2 b2", "y", alpha=1.0, beta=0.5, transB=1),
    ]
    w2 = {"w2": real(3, 24), "b2": real(3)}
    made = model(nodes, {"w0": real(4, 2, 3, 3), "b0": real(4), "w1": real(3, 4, 3, 3), **stats, **w2}, ("N", 2, 8, 8))
    return Honest(made)


def keras() -> Honest:
    """NHWC, as tf2onnx writes it: Transposes around, a Reshape behind."""
    nodes = [
        node("Transpose", "x", "t", perm=[0, 3, 1, 2]),
        node("Conv", "t w0 b0", "c", strides=[1, 1], kernel_shape=[3, 3]),
        node("Transpose", "c", "u", perm=[0, 2, 3, 1]),
        node("Mul", "u k", "m"),
        node("LeakyRelu", "m", "l", alpha=0.25),
        node("Reshape", "l shape", "f"),
        node("MatMul", "f w1", "d"),
        node("Add", "d b1", "y"),
    ]
    given = {"w0": real(3, 2, 3, 3), "b0": real(3), "k": real(3) + 1, "shape": np.array([-1, 48])}
    return Honest(model(nodes, {**given, "w1": real(48, 4), "b1": real(4)}, ("N", 6, 6, 2)))


def conv1d() -> Honest:
    """One dimension, a Pad ahead, a mean over time behind."""
    nodes = [
        node("Pad", "x pads zero", "q", mode="constant"),
        node("Conv", "q w0 b0", "c", strides=[2], dilations=[2]),
        node("Tanh", "c", "t"),
        node("ReduceMean", "t", "g", axes=[2], keepdims=0),
        node("Gemm", "g w1", "y"),
    ]
    given = {"pads": np.array([0, 0, 1, 0, 0, 2]), "zero": np.float32(0), "w0": real(4, 3, 3), "b0": real(4)}
    return Honest(model(nodes, {**given, "w1": real(4, 2)}, ("N", 3, 12)))


def depthwise() -> Honest:
    """As MobileNet: channel by channel, then position by position."""
    nodes = [
        node("Conv", "x w0 b0", "c", group=4, pads=[1, 1, 1, 1]),
        node("Clip", "c lo hi", "r"),
        node("Conv", "r w1 b1", "d"),
        node("GlobalAveragePool", "d", "g"),
        node("Squeeze", "g axes", "f"),
        node("Sigmoid", "f", "y"),
    ]
    given = {"w0": real(4, 1, 3, 3), "b0": real(4), "w1": real(5, 4, 1, 1), "b1": real(5), "axes": np.array([2, 3])}
    return Honest(model(nodes, {**given, "lo": np.float32(0), "hi": np.float32(6)}, ("N", 4, 5, 5)))


def external() -> Honest:
    """The MLP with its tensors in a file beside it."""
    made, data = mlp().model, b""
    for tensor in made.graph.initializer:
        stored = {"location": EXTERNAL, "offset": str(len(data)), "length": str(len(tensor.raw_data))}
        data += tensor.raw_data
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in stored.items():
            tensor.external_data.add(key=key, value=value)
    return Honest(made, {EXTERNAL: data})


def old() -> Honest:
    """Of opset 7 and IR 3: initializers among the inputs, attributes where operands came later."""
    nodes = [
        node("Conv", "x w0 b0", "c", kernel_shape=[2, 2]),
        node("Clip", "c", "r", min=0.0, max=4.0),
        node("BatchNormalization", "r s o m v", "n", spatial=1),
        node("Dropout", "n", "e", ratio=0.5),
        node("Reshape", "e shape", "f"),
        node("Gemm", "f w1 b1", "y"),
    ]
    stats = {"s": real(2) + 1, "o": real(2), "m": real(2), "v": np.abs(real(2)) + np.float32(0.5)}
    given = {"w0": real(2, 1, 2, 2), "b0": real(2), "shape": np.array([1, 18]), "w1": real(18, 3), "b1": real(3)}
    return Honest(model(nodes, {**given, **stats}, (1, 1, 4, 4), opset=7, ir=3, listed=True))


def tail() -> Honest:
    """Constants that are folded, a scaler ahead, and an end that stays on the host."""
    nodes = [
        node("Scaler", "x", "z", domain="ai.onnx.ml", offset=[0.5, -0.5, 0.0, 1.0], scale=[1.0, 2.0, 0.5, 1.0]),
        node("Constant", "", "ones", value_floats=[1.0, 1.0, 1.0]),
        node("ConstantOfShape", "three", "zeros"),
        node("Add", "ones zeros", "b0"),
        node("Gemm", "z w0 b0", "h"),
        node("Softmax", "h", "probabilities", axis=1),
        node("ArgMax", "probabilities", "label", axis=1, keepdims=0),
    ]
    outputs = {"probabilities": TensorProto.FLOAT, "label": TensorProto.INT64}
    return Honest(model(nodes, {"w0": real(4, 3), "three": np.array([3])}, outputs=outputs))


HONEST: Mapping[str, Callable[[], Honest]] = {
    f.__name__: cache(f) for f in (mlp, cnn, keras, conv1d, depthwise, external, old, tail)
}


def fresh(name: str) -> ModelProto:
    """A copy of an honest model, to be changed."""
    return ModelProto.FromString(HONEST[name]().model.SerializeToString())


def write(folder: Path, name: str, data: bytes, file: str = "m.onnx") -> Path:
    """A model's bytes, with the files that belong to the honest one of that name."""
    for beside, content in HONEST[name]().files.items() if name else ():
        (folder / beside).write_bytes(content)
    (folder / file).write_bytes(data)
    return folder / file
