# SPDX-License-Identifier: Apache-2.0
"""Every spelling of an operator, in every opset that has it, equals onnxruntime."""

from collections.abc import Callable

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, defs, helper, numpy_helper

from tests.frontend.build import agrees, f32, model, node, weights

NEWEST = defs.onnx_opset_version()
W43, W34, B3 = weights(4, 3), weights(3, 4), weights(3, seed=2)
INT = np.int64


def shape(*dims: int) -> np.ndarray:
    return np.array(dims, dtype=INT)


def dense(opset: int, *nodes, **extra) -> ModelProto:
    """Nodes from `h` [N, 3], the result of a product, to `y`."""
    return model([node("MatMul", "x w", "h"), *nodes], {"w": W43, **extra}, opset=opset)


def axes(opset: int, op: str, source: str, target: str, *values: int) -> tuple[list, dict]:
    """Squeeze or Unsqueeze: attribute before opset 13, operand since."""
    if opset < 13:
        return [node(op, source, target, axes=list(values))], {}
    return [node(op, f"{source} {target}_axes", target)], {f"{target}_axes": shape(*values)}


EXACT: dict[str, tuple[int, Callable[[int], ModelProto]]] = {
    "gemm": (7, lambda o: model([node("Gemm", "x w b", "y")], {"w": W43, "b": B3}, opset=o)),
    "gemm_trans_b": (7, lambda o: model([node("Gemm", "x w b", "y", transB=1)], {"w": W34, "b": B3}, opset=o)),
    "gemm_trans_a": (
        7,
        lambda o: model(
            [node("Transpose", "x", "t"), node("Gemm", "t w b", "y", transA=1)], {"w": W43, "b": B3}, opset=o
        ),
    ),
    "gemm_constant_left": (
        7,
        lambda o: model(
            [node("Gemm", "w x b", "t", transB=1), node("Transpose", "t", "y")],
            {"w": W34, "b": B3.reshape(3, 1)},
            opset=o,
        ),
    ),
    "gemm_alpha_beta": (
        7,
        lambda o: model([node("Gemm", "x w b", "y", alpha=0.5, beta=-2.0)], {"w": W43, "b": B3}, opset=o),
    ),
    "gemm_no_c": (11, lambda o: model([node("Gemm", "x w", "y")], {"w": W43}, opset=o)),
    "gemm_empty_c": (11, lambda o: model([node("Gemm", "x w -", "y")], {"w": W43}, opset=o)),
    **{
        f"gemm_c_{'x'.join(map(str, dims)) or 'scalar'}": (
            7,
            lambda o, dims=dims: model([node("Gemm", "x w b", "y")], {"w": W43, "b": weights(*dims, seed=3)}, opset=o),
        )
        for dims in ((), (1,), (1, 1), (1, 3))
    },
    "matmul_left": (
        7,
        lambda o: model([node("MatMul", "w x", "y")], {"w": W34}, shape=("N", 4, 1), opset=o),
    ),
    "matmul_left_batch_last": (
        7,
        lambda o: model(
            [node("Transpose", "x", "t"), node("MatMul", "w t", "u"), node("Transpose", "u", "y")], {"w": W34}, opset=o
        ),
    ),
    "matmul_unit_dims": (7, lambda o: model([node("MatMul", "x w", "y")], {"w": W43}, shape=("N", 1, 4), opset=o)),
    "matmul_stacked": (7, lambda o: model([node("MatMul", "x w", "y")], {"w": W43[None]}, opset=o)),
    "matmul_vector": (7, lambda o: model([node("MatMul", "x w", "y")], {"w": W43[:, 0].copy()}, opset=o)),
    "add": (7, lambda o: dense(o, node("Add", "h b", "y"), b=B3)),
    "add_left": (7, lambda o: dense(o, node("Add", "b h", "y"), b=B3)),
    "add_scalar": (7, lambda o: dense(o, node("Add", "h b", "y"), b=np.float32(3))),
    "add_unit_dims": (7, lambda o: dense(o, node("Add", "h b", "y"), b=B3.reshape(1, 1, 3))),
    "sub": (7, lambda o: dense(o, node("Sub", "h b", "y"), b=B3)),
    "sub_left": (7, lambda o: dense(o, node("Sub", "b h", "y"), b=B3)),
    "mul": (7, lambda o: dense(o, node("Mul", "h b", "y"), b=B3)),
    "mul_scalar": (7, lambda o: dense(o, node("Mul", "b h", "y"), b=np.array([[-2]], np.float32))),
    "div": (7, lambda o: dense(o, node("Div", "h b", "y"), b=np.array([2, -4, 0.5], np.float32))),
    "neg": (7, lambda o: dense(o, node("Neg", "h", "y"))),
    "relu": (7, lambda o: dense(o, node("Relu", "h", "y"))),
    "leaky_relu": (7, lambda o: dense(o, node("LeakyRelu", "h", "y", alpha=0.25))),
    "prelu": (7, lambda o: dense(o, node("PRelu", "h s", "y"), s=np.array([0.5], np.float32))),
    "prelu_equal": (7, lambda o: dense(o, node("PRelu", "h s", "y"), s=np.full((1, 3), 0.5, np.float32))),
    "prelu_zero": (7, lambda o: dense(o, node("PRelu", "h s", "y"), s=np.zeros(1, np.float32))),
    "min_max": (
        8,
        lambda o: dense(o, node("Max", "lo h", "m"), node("Min", "m hi", "y"), lo=np.float32(0), hi=f32([6])),
    ),
    "max_only": (8, lambda o: dense(o, node("Max", "h a b", "y"), a=np.float32(-2), b=np.float32(1))),
    "flatten": (
        7,
        lambda o: model(
            [node("Flatten", "x", "f"), node("MatMul", "f w", "y")], {"w": W43}, shape=("N", 1, 2, 2), opset=o
        ),
    ),
    "flatten_fixed_batch": (
        7,
        lambda o: model([node("Flatten", "x", "f"), node("MatMul", "f w", "y")], {"w": W43}, shape=(1, 2, 2), opset=o),
    ),
    "reshape": (
        7,
        lambda o: model(
            [node("Reshape", "x s", "f"), node("MatMul", "f w", "y")], {"w": W43, "s": shape(-1, 4)}, ("N", 2, 2), o
        ),
    ),
    "reshape_keep": (
        7,
        lambda o: model(
            [node("Reshape", "x s", "f"), node("MatMul", "f w", "y")], {"w": W43, "s": shape(0, -1)}, ("N", 2, 2), o
        ),
    ),
    "reshape_baked_batch": (
        7,
        lambda o: model(
            [node("Reshape", "x s", "f"), node("MatMul", "f w", "y")], {"w": W43, "s": shape(1, -1)}, (1, 2, 2), o
        ),
    ),
    "reshape_baked_batch_symbolic": (
        7,
        lambda o: model(
            [node("Reshape", "x s", "f"), node("MatMul", "f w", "y")], {"w": W43, "s": shape(1, 4)}, ("N", 2, 2), o
        ),
    ),
    "reshape_allowzero": (
        14,
        lambda o: model(
            [node("Reshape", "x s", "f", allowzero=1), node("MatMul", "f w", "y")],
            {"w": W43, "s": shape(-1, 4)},
            ("N", 2, 2),
            o,
        ),
    ),
    "trailing_reshape": (
        7,
        lambda o: dense(o, node("Reshape", "h s", "y"), s=shape(-1, 3, 1)),
    ),
    "transpose_unit": (
        7,
        lambda o: model(
            [node("Transpose", "x", "t", perm=[0, 2, 3, 1]), node("Flatten", "t", "f"), node("MatMul", "f w", "y")],
            {"w": W43},
            ("N", 1, 2, 2),
            o,
        ),
    ),
    "identity": (7, lambda o: dense(o, node("Identity", "h", "y"))),
    "dropout": (7, lambda o: dense(o, node("Dropout", "h", "d"), node("Relu", "d", "y"))),
    "cast": (
        9,
        lambda o: dense(o, node("Cast", "h", "c", to=TensorProto.DOUBLE), node("Cast", "c", "y", to=TensorProto.FLOAT)),
    ),
    "batch_norm": (
        7,
        lambda o: dense(
            o,
            node("BatchNormalization", "h s b m v", "y", epsilon=0.0),
            s=B3,
            b=B3 + 1,
            m=B3 - 2,
            v=np.array([1, 4, 0.25], np.float32),
        ),
    ),
}


@pytest.mark.parametrize(
    ("name", "opset"), [(n, o) for n, (first, _) in EXACT.items() for o in range(first, NEWEST + 1)]
)
def test_equal_on_integers(name, opset, tmp_path):
    agrees(tmp_path, EXACT[name][1](opset))


@pytest.mark.parametrize("opset", range(7, NEWEST + 1))
@pytest.mark.parametrize("op", ["Squeeze", "Unsqueeze"])
def test_axes_as_attribute_or_operand(op, opset, tmp_path):
    dims, values = (("N", 1, 4, 1), (1, -1)) if op == "Squeeze" else (("N", 4), (1, 3))
    if opset < 11:
        values = tuple(v % 4 for v in values)
    nodes, extra = axes(opset, op, "x", "s", *values)
    tail = [node("Flatten", "s", "f"), node("MatMul", "f w", "y")]
    agrees(tmp_path, model([*nodes, *tail], {"w": W43, **extra}, dims, opset))


@pytest.mark.parametrize("dims", [("N", 1, 4), (1, 4, 1)])
def test_squeeze_without_axes(dims, tmp_path):
    nodes = [node("Squeeze", "x", "s"), node("MatMul", "s w", "y")]
    agrees(tmp_path, model(nodes, {"w": W43}, dims))


@pytest.mark.parametrize("opset", range(7, NEWEST + 1))
@pytest.mark.parametrize(("lo", "hi"), [(0, 6), (-2, None), (None, 3), (None, None), (4, -4)])
def test_clip_as_attributes_or_operands(lo, hi, opset, tmp_path):
    if opset < 11:
        if (lo, hi) == (4, -4):
            pytest.skip("without meaning before opset 12")
        given = {k: float(v) for k, v in (("min", lo), ("max", hi)) if v is not None}
        agrees(tmp_path, dense(opset, node("Clip", "h", "y", **given)))
        return
    bounds = {k: np.float32(v) for k, v in (("lo", lo), ("hi", hi)) if v is not None}
    text = f"h {'lo' if lo is not None else '-'} {'hi' if hi is not None else '-'}"
    agrees(tmp_path, dense(opset, node("Clip", text, "y"), **bounds))


@pytest.mark.parametrize("opset", range(7, NEWEST + 1))
@pytest.mark.parametrize("op", ["Sigmoid", "Tanh", "HardSigmoid", "Softmax", "LogSoftmax"])
def test_functions(op, opset, tmp_path):
    # float32 exp and tanh of onnxruntime are good to a few units in the last place (2**-23 = 1.2e-7).
    scaled = node("Mul", "h q", "g")
    made = model(
        [node("MatMul", "x w", "h"), scaled, node(op, "g", "y")], {"w": W43, "q": np.float32(0.125)}, opset=opset
    )
    agrees(tmp_path, made, exact=False, tolerance=2e-6)


@pytest.mark.parametrize("opset", [7, 8, 9, 14, 15, NEWEST])
def test_batch_normalization_of_an_image_before_the_product(opset, tmp_path):
    stats = {k: weights(2, seed=i) for i, k in enumerate("sbm")} | {"v": np.array([0.9, 2.5], np.float32)}
    nodes = [
        node("BatchNormalization", "x s b m v", "n", epsilon=1e-3),
        node("Flatten", "n", "f"),
        node("MatMul", "f w", "y"),
    ]
    made = model(nodes, {"w": weights(12, 3), **stats}, ("N", 2, 3, 2), opset)
    agrees(tmp_path, made, exact=False, tolerance=2e-5)


@pytest.mark.parametrize("opset", [7, 8])
def test_batch_normalization_not_spatial(opset, tmp_path):
    # onnxruntime has no kernel for spatial=0 any more: the meaning is checked against the formula.
    from hwcompress.frontend.onnx_import import load
    from hwcompress.sim.reference import run_float
    from tests.frontend.build import save

    stats = {k: weights(2, 2, seed=i) for i, k in enumerate("sbm")} | {"v": f32([[1, 4], [16, 1]])}
    made = model([node("BatchNormalization", "x s b m v", "y", epsilon=0.0, spatial=0)], stats, ("N", 2, 2), opset)
    graph = load(save(tmp_path, made)).graph
    x = np.arange(8.0).reshape(2, 4)
    want = (x.reshape(2, 2, 2) - stats["m"]) / np.sqrt(stats["v"]) * stats["s"] + stats["b"]
    np.testing.assert_array_equal(run_float(graph, x), want.reshape(2, 4))


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_float_types(kind, tmp_path):
    made = model(
        [node("Gemm", "x w b", "y")],
        {"w": W43.astype(kind), "b": B3.astype(kind)},
        kind=helper.np_dtype_to_tensor_dtype(np.dtype(kind)),
        outputs={"y": helper.np_dtype_to_tensor_dtype(np.dtype(kind))},
    )
    agrees(tmp_path, made)


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.int16, np.int32, np.int64])
def test_integer_input(kind, tmp_path):
    nodes = [node("Cast", "x", "f", to=TensorProto.FLOAT), node("MatMul", "f w", "y")]
    agrees(tmp_path, model(nodes, {"w": W43}, kind=helper.np_dtype_to_tensor_dtype(np.dtype(kind))))


def test_bfloat16_weights_behind_a_cast(tmp_path):
    made = model([node("Cast", "v", "w", to=TensorProto.FLOAT), node("MatMul", "x w", "y")], {})
    raw = (W43.view(np.uint32) >> 16).astype(np.uint16)
    made.graph.initializer.append(
        TensorProto(name="v", data_type=TensorProto.BFLOAT16, dims=[4, 3], raw_data=raw.tobytes())
    )
    agrees(tmp_path, made)


@pytest.mark.parametrize("kind", [TensorProto.INT4, TensorProto.UINT4])
def test_four_bit_weights(kind, tmp_path):
    made = model([node("DequantizeLinear", "q s", "w"), node("MatMul", "x w", "y")], {"s": np.float32(0.5)}, opset=21)
    made.graph.initializer.append(helper.make_tensor("q", kind, [4, 3], [i % 7 for i in range(12)]))
    agrees(tmp_path, made)


def test_scaler(tmp_path):
    offset, scale = [1.0, -2.0, 3.0, 0.5], [0.5, 2.0, 4.0, 0.25]
    scaler = helper.make_node("Scaler", ["x"], ["s"], domain="ai.onnx.ml", offset=offset, scale=scale)
    agrees(tmp_path, model([scaler, node("MatMul", "s w", "y")], {"w": W43}))
    one = helper.make_node("Scaler", ["x"], ["s"], domain="ai.onnx.ml", offset=[2.0], scale=[0.5])
    agrees(tmp_path, model([one, node("MatMul", "s w", "y")], {"w": W43}, kind=TensorProto.INT64))


def test_initializers_listed_as_inputs(tmp_path):
    made = model([node("Gemm", "x w b", "y")], {"w": W43, "b": B3}, opset=8, ir=3, listed=True)
    assert agrees(tmp_path, made).input.name == "x"


def test_fixed_batch_becomes_free(tmp_path):
    imported = agrees(tmp_path, model([node("Gemm", "x w b", "y")], {"w": W43, "b": B3}, shape=(1, 4)))
    assert imported.input.onnx_shape == (1, 4)
    assert imported.input.sample_shape == (4,)


@pytest.mark.parametrize("dims", [(4,), (2, 2)])
def test_a_model_without_batch(dims, tmp_path):
    nodes = [node("Reshape", "x s", "f"), node("MatMul", "f w", "h"), node("Softmax", "h", "y")]
    imported = agrees(tmp_path, model(nodes, {"w": W43, "s": shape(4)}, shape=dims), exact=False, tolerance=1e-6)
    assert not imported.input.batched
    assert imported.input.sample_shape == dims


def test_every_dead_or_shared_constant_is_a_constant(tmp_path):
    nodes = [
        node("Identity", "b", "b2"),
        node("Gemm", "x w b2", "h"),
        node("Add", "h b2", "y"),
        node("Relu", "h", "unused"),
    ]
    with_dead = model(nodes, {"w": W43, "b": B3}, outputs={"y": TensorProto.FLOAT})
    agrees(tmp_path, with_dead)


def test_constants_as_nodes(tmp_path):
    tensor = numpy_helper.from_array(W43, "t")
    nodes = [
        node("Constant", "", "w", value=tensor),
        node("Constant", "", "b", value_floats=[1.0, 2.0, 3.0]),
        node("Constant", "", "s", value_float=0.5),
        node("Gemm", "x w b", "h"),
        node("Mul", "h s", "y"),
    ]
    agrees(tmp_path, model(nodes))
