# SPDX-License-Identifier: Apache-2.0
"""Conv, and products position by position, in every layout; what they cannot do is said in one line."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, numpy_helper

from hwcompress.frontend.onnx_import import inspect, load
from hwcompress.ir.order import Order
from hwcompress.ops import Affine, Conv, Dense, MaxPool, Window
from tests.frontend.build import agrees, f32, model, node, refused, save, weights

INT = np.int64


def conv(
    shape: Sequence[int | str], weight: np.ndarray, bias: bool = True, opset: int = 17, **attributes: Any
) -> ModelProto:
    constants = {"w": weight} | ({"b": weights(len(weight), seed=9)} if bias else {})
    return model([node("Conv", "x w b" if bias else "x w", "y", **attributes)], constants, shape, opset)


CASES: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "plain": ((2, 5, 6), (3, 2, 3, 2), {}),
    "one_row": ((2, 1, 6), (3, 2, 1, 3), {}),
    "one_column": ((2, 6, 1), (3, 2, 3, 1), {}),
    "one_position": ((3, 1, 1), (4, 3, 1, 1), {}),
    "whole_map": ((2, 3, 4), (5, 2, 3, 4), {}),
    "kernel_shape": ((2, 5, 6), (3, 2, 3, 2), {"kernel_shape": [3, 2]}),
    "strides": ((2, 9, 8), (3, 2, 3, 2), {"strides": [3, 2]}),
    "dilations": ((2, 9, 8), (3, 2, 3, 2), {"dilations": [3, 2]}),
    "pads": ((2, 5, 6), (3, 2, 3, 4), {"pads": [2, 0, 1, 3]}),
    "all": ((2, 9, 8), (1, 2, 3, 2), {"pads": [1, 1, 3, 0], "strides": [2, 3], "dilations": [2, 1]}),
    "valid": ((2, 5, 6), (3, 2, 3, 2), {"auto_pad": "VALID"}),
    "same_upper": ((2, 5, 6), (3, 2, 4, 2), {"auto_pad": "SAME_UPPER", "strides": [2, 1]}),
    "same_lower": ((2, 5, 6), (3, 2, 4, 2), {"auto_pad": "SAME_LOWER", "strides": [2, 1]}),
    "same_of_one": ((2, 8, 9), (3, 2, 1, 1), {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    "notset": ((2, 5, 6), (3, 2, 3, 2), {"auto_pad": "NOTSET", "pads": [1, 1, 1, 1]}),
    "groups": ((6, 5, 4), (4, 3, 2, 2), {"group": 2}),
    "depthwise": ((4, 5, 4), (4, 1, 3, 3), {"group": 4}),
    "depthwise_multiplier": ((3, 5, 4), (6, 1, 3, 3), {"group": 3}),
    "line": ((3, 9), (4, 3, 4), {"pads": [1, 2], "strides": [2]}),
    "line_groups": ((4, 9), (4, 2, 3), {"group": 2, "dilations": [2]}),
    "line_same": ((3, 9), (4, 3, 4), {"auto_pad": "SAME_LOWER"}),
}  # fmt: skip


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("batch", ["N", 1])
@pytest.mark.parametrize("name", CASES)
def test_channels_first(name, batch, bias, tmp_path):
    dims, kernel, attributes = CASES[name]
    imported = agrees(tmp_path, conv((batch, *dims), weights(*kernel), bias, **attributes))
    assert [type(n.op) for n in imported.graph] == [Conv]
    assert imported.graph.shape == (*(dims[1:] if len(dims) == 3 else (1, dims[1])), dims[0])
    positions = int(np.prod(imported.tail_shape[1:]))
    assert inspect(tmp_path / "m.onnx").macs == positions * weights(*kernel).size


@pytest.mark.parametrize("name", CASES)
def test_channels_last(name, tmp_path):
    dims, kernel, attributes = CASES[name]
    last, first = (0, *range(2, len(kernel)), 1), (0, len(kernel) - 1, *range(1, len(kernel) - 1))
    nodes = [
        node("Transpose", "x", "t", perm=first),
        node("Conv", "t w", "c", **attributes),
        node("Transpose", "c", "y", perm=last),
    ]
    imported = agrees(tmp_path, model(nodes, {"w": weights(*kernel)}, ("N", *dims[1:], dims[0])))
    assert imported.input_order.identity
    assert imported.output_order.identity


@pytest.mark.parametrize("name", [n for n, (dims, _, _) in CASES.items() if len(dims) == 3])
def test_rows_and_columns_swapped_between_two(name, tmp_path):
    # The second product finds the columns of the map in the dimension that ONNX calls rows.
    dims, kernel, attributes = CASES[name]
    nodes = [
        node("Conv", "x one", "c"),
        node("Transpose", "c", "t", perm=[0, 1, 3, 2]),
        node("Conv", "t w", "y", **attributes),
    ]
    one = weights(dims[0], dims[0], 1, 1, seed=5)
    agrees(tmp_path, model(nodes, {"w": weights(*kernel), "one": one}, ("N", dims[0], dims[2], dims[1])))


@pytest.mark.parametrize("opset", [7, 10, 11, 13, 18, 21, 22, 26])
def test_every_opset(opset, tmp_path):
    agrees(tmp_path, conv(("N", 2, 5, 6), weights(3, 2, 3, 2), opset=opset, pads=[1, 0, 1, 0]))


def test_the_order_of_the_input_is_that_of_the_map(tmp_path):
    imported = agrees(tmp_path, conv(("N", 3, 4, 5), weights(2, 3, 1, 1)))
    assert imported.input_order == Order((3, 20), (1, 0))
    assert imported.output_order == Order((20, 2), (1, 0))
    assert (imported.graph.grid, imported.graph.channels) == ((4, 5), 3)
    assert load(save(tmp_path, conv(("N", 1, 4, 5), weights(1, 1, 1, 1)))).input_order == Order()


@pytest.mark.parametrize("shape", [("N", 60), ("N", 12, 5), ("N", 60, 1, 1), (1, 60)])
def test_an_input_that_the_file_reshapes(shape, tmp_path):
    nodes = [node("Reshape", "x s", "r"), node("Conv", "r w", "y")]
    constants = {"s": np.array([-1, 3, 4, 5], INT), "w": weights(2, 3, 2, 2)}
    imported = agrees(tmp_path, model(nodes, constants, shape))
    assert imported.graph.shape == (4, 5, 3)


def test_an_input_whose_dimensions_cannot_take_the_order(tmp_path):
    nodes = [node("Reshape", "x s", "r"), node("Transpose", "r", "t", perm=[0, 2, 1]), node("Conv", "t w", "y")]
    made = model(nodes, {"s": np.array([-1, 9, 4], INT), "w": weights(2, 4, 3)}, ("N", 6, 6))
    agrees(tmp_path, made)  # channels lie innermost already
    made = model(
        [nodes[0], node("Conv", "r w", "y")], {"s": np.array([-1, 9, 4], INT), "w": weights(2, 9, 3)}, ("N", 6, 6)
    )
    assert refused(tmp_path, made) == (
        "Conv 'y': wants the elements of [N, 9, 4] in an order that the dimensions of input [N, 6, 6] cannot take"
    )


@pytest.mark.parametrize("dims", [("N", 3, 4, 5), ("N", 4, 5, 3)])
@pytest.mark.parametrize("constant", [(), (1,), (3, 1, 1), (1, 4, 1), (1, 1, 5), (3, 4, 5), (1, 3, 1, 1), (3, 1, 5)])
@pytest.mark.parametrize("op", ["Sub", "Mul", "Add", "Div"])
def test_preprocessing(op, constant, dims, tmp_path):
    turn = dims[1] == 4
    c = weights(*constant, low=1)
    if turn and c.ndim > 1:
        c = np.moveaxis(c, -3, -1).copy()
    nodes = [node(op, "x c", "s")] + ([node("Transpose", "s", "t", perm=[0, 3, 1, 2])] if turn else [])
    made = model([*nodes, node("Conv", f"{'t' if turn else 's'} w", "y")], {"c": c, "w": weights(2, 3, 2, 2)}, dims)
    imported = agrees(tmp_path, made, exact=op != "Div", tolerance=1e-5)
    scale = imported.graph.nodes[0].op
    assert isinstance(scale, Affine)
    everywhere = not any(d > 1 for d in constant[-2:])
    assert scale.scale.shape == scale.bias.shape == ((3,) if everywhere else (4, 5, 3))


@pytest.mark.parametrize("dims", [("N", 3, 4, 5), ("N", 4, 5, 3), ("N", 3, 3, 3)])
@pytest.mark.parametrize("count", [1, "features"])
def test_scaler(count, dims, tmp_path):
    # Of more than two dimensions onnxruntime takes the second for the features and repeats their values.
    turn, n = dims[-1] == 3, 1 if count == 1 else dims[1]
    scaler = node("Scaler", "x", "s", offset=weights(n).tolist(), scale=[0.5, 2.0, 4.0, 1.0][:n])
    scaler.domain = "ai.onnx.ml"
    nodes = [scaler] + ([node("Transpose", "s", "t", perm=[0, 3, 1, 2])] if turn else [])
    agrees(tmp_path, model([*nodes, node("Conv", f"{'t' if turn else 's'} w", "y")], {"w": weights(2, 3, 2, 2)}, dims))


def test_a_scaler_that_does_not_fit(tmp_path):
    scaler = node("Scaler", "x", "y", offset=[1.0, 2.0], scale=[1.0])
    scaler.domain = "ai.onnx.ml"
    assert refused(tmp_path, model([scaler], shape=("N", 3, 2))) == (
        "ai.onnx.ml.Scaler 'y': 2 values do not fit [N, 3, 2]; one, or one for each of [N, F], is wanted"
    )


def test_an_image_of_bytes(tmp_path):
    nodes = [node("Cast", "x", "f", to=TensorProto.FLOAT), node("Conv", "f w", "y")]
    agrees(tmp_path, model(nodes, {"w": weights(2, 3, 2, 2)}, ("N", 3, 4, 5), kind=TensorProto.UINT8))


@pytest.mark.parametrize(
    ("nodes", "constants"),
    [
        ([node("Reshape", "v s", "w")], {"v": weights(6, 6), "s": np.array([3, 2, 3, 2], INT)}),
        ([node("Transpose", "v", "w", perm=[3, 2, 0, 1])], {"v": weights(3, 2, 2, 3)}),
        ([node("DequantizeLinear", "v c z", "w", axis=0)],
         {"v": weights(3, 2, 3, 2).astype(np.int8), "c": f32([0.5, 1, 2]), "z": np.array([1, -2, 3], np.int8)}),
        ([node("Constant", "", "w", value=numpy_helper.from_array(weights(3, 2, 3, 2)))], {}),
    ],
)  # fmt: skip
def test_weights_from_constant_operators(nodes, constants, tmp_path):
    agrees(tmp_path, model([*nodes, node("Conv", "x w", "y")], constants, ("N", 2, 5, 6)))


@pytest.mark.parametrize("end", ["Flatten", "Reshape", "NHWC"])
def test_a_product_over_the_whole_map(end, tmp_path):
    wired = {
        "Flatten": [node("Flatten", "c", "f")],
        "Reshape": [node("Reshape", "c s", "f")],
        "NHWC": [node("Transpose", "c", "t", perm=[0, 2, 3, 1]), node("Flatten", "t", "f")],
    }[end]
    nodes = [node("Conv", "x w", "c"), *wired, node("Mul", "f k", "m"), node("Gemm", "m v b", "y", transB=1)]
    constants = {"w": weights(3, 2, 2, 2), "v": weights(4, 36), "b": weights(4), "k": weights(36, seed=3)}
    made = model(nodes, constants | {"s": np.array([0, -1], INT)}, ("N", 2, 5, 4))
    imported = agrees(tmp_path, made)
    assert [type(n.op) for n in imported.graph] == [Conv, Affine, Dense]
    assert imported.output_order == Order()


def test_trailing_padding_that_no_window_reaches_is_dropped(tmp_path):
    (found,) = agrees(tmp_path, conv(("N", 1, 8, 8), weights(1, 1, 3, 3), strides=[2, 2], pads=[1, 1, 1, 1])).graph
    assert isinstance(found.op, Conv)
    assert found.op.window == Window((3, 3), (2, 2), before=(1, 1), after=(0, 0))


@pytest.mark.parametrize("opset", [8, 13, 17])
def test_a_dense_network_on_images_keeps_the_order_of_the_file(opset, tmp_path):
    stats = {k: weights(2, seed=i) for i, k in enumerate("sbm")} | {"v": f32([1, 4])}
    nodes = [
        node("BatchNormalization", "x s b m v", "n", epsilon=0.0),
        node("Transpose", "n", "t", perm=[0, 2, 3, 1]),
        node("Flatten", "t", "f"),
        node("MatMul", "f w", "y"),
    ]
    imported = agrees(tmp_path, model(nodes, {"w": weights(12, 3), **stats}, ("N", 2, 3, 2), opset))
    assert (imported.input_order, imported.graph.shape) == (Order(), (12,))


def test_a_line_of_one_element_is_a_row(tmp_path):
    (found,) = agrees(tmp_path, conv(("N", 2, 1), weights(3, 2, 3), pads=[1, 1])).graph
    assert isinstance(found.op, Conv)
    assert found.op.window == Window((1, 3), before=(0, 1), after=(0, 1))


def test_a_vector_whose_channels_are_turned(tmp_path):
    nodes = [
        node("MatMul", "x v", "h"),
        node("Reshape", "h s", "r"),
        node("Transpose", "r", "t", perm=[0, 2, 1]),
        node("Reshape", "t z", "u"),
        node("Conv", "u d b", "e", group=6),
        node("Conv", "e w", "c"),
        node("Flatten", "c", "y"),
    ]
    constants = {
        "v": weights(4, 6), "s": np.array([-1, 2, 3], INT), "z": np.array([-1, 6, 1], INT), "w": weights(2, 6, 1),
        "d": weights(6, 1, 1, low=1), "b": weights(6),
    }  # fmt: skip
    imported = agrees(tmp_path, model(nodes, constants))
    assert [type(n.op) for n in imported.graph] == [Dense, Affine, Dense]


def test_a_constant_that_is_the_same_everywhere_is_one_for_each_channel(tmp_path):
    nodes = [node("Mul", "x c", "s"), node("Conv", "s w", "y")]
    same = np.broadcast_to(weights(3, 1, 1), (3, 4, 5)).copy()
    for c, shape in ((same, (3,)), (np.full((4, 1), 2, np.float32), (3,)), (weights(4, 1), (4, 5, 3))):
        imported = agrees(tmp_path, model(nodes, {"c": c, "w": weights(2, 3, 2, 2)}, ("N", 3, 4, 5)))
        scale = imported.graph.nodes[0].op
        assert isinstance(scale, Affine)
        assert scale.scale.shape == shape


@pytest.mark.parametrize("groups", [1, 3])
def test_a_vector_as_a_map_of_one_position(groups, tmp_path):
    nodes = [
        node("MatMul", "x v", "h"),
        node("Reshape", "h s", "r"),
        node("Conv", "r w b", "c", group=groups, pads=[1, 1, 1, 1]),
        node("GlobalAveragePool", "c", "g"),
        node("BatchNormalization", "g a b b a", "n", epsilon=0.0),
        node("Flatten", "n", "y"),
    ]
    constants = {"v": weights(4, 3), "s": np.array([-1, 3, 1, 1], INT), "w": weights(3, 3 // groups, 3, 3)}
    constants |= {"b": weights(3, seed=2), "a": f32([1, 4, 0.25])}
    imported = agrees(tmp_path, model(nodes, constants), exact=False, tolerance=1e-6)
    assert [type(n.op) for n in imported.graph] == [Dense, Dense if groups == 1 else Affine, Affine]


@pytest.mark.parametrize("groups", [1, 2])
def test_channels_in_another_order(groups, tmp_path):
    # Channels shuffled as ShuffleNet does it; each channel of its own, or all together, may lie in any order.
    nodes = [
        node("Conv", "x w", "c"),
        node("Reshape", "c s", "r"),
        node("Transpose", "r", "t", perm=[0, 2, 1, 3, 4]),
        node("Reshape", "t z", "u"),
        node("Add", "u k", "a"),
        node("Conv", "a d b", "e", group=6),
        node("BatchNormalization", "e k6 k6 k6 one", "n", epsilon=0.0),
        node("MaxPool", "n", "p", kernel_shape=[2, 2]),
        node("Conv", "p v", "q"),
        node("Flatten", "q", "f"),
        node("Gemm", "f g", "y"),
    ]
    constants = {
        "w": weights(6, 4 // groups, 2, 2), "s": np.array([0, 2, 3, 4, 4], INT), "z": np.array([0, 6, 4, 4], INT),
        "k": weights(6, 1, 1, seed=4), "d": weights(6, 1, 2, 2, seed=5), "b": weights(6), "v": weights(3, 6, 1, 1),
        "g": weights(12, 2), "k6": weights(6, seed=6, low=1), "one": np.ones(6, np.float32),
    }  # fmt: skip
    nodes[0].attribute.extend(node("Conv", "x", "y", group=groups).attribute)
    imported = agrees(tmp_path, model(nodes, constants, ("N", 4, 5, 5)))
    assert [type(n.op) for n in imported.graph] == [Conv, Affine, Conv, Affine, MaxPool, Conv, Dense]


def test_groups_that_lie_apart_are_refused(tmp_path):
    nodes = [
        node("Conv", "x w", "c"),
        node("Reshape", "c s", "r"),
        node("Transpose", "r", "t", perm=[0, 2, 1, 3, 4]),
        node("Reshape", "t z", "u"),
        node("Conv", "u v", "y", group=2),
    ]
    constants = {"w": weights(4, 1, 1, 1), "s": np.array([0, 2, 2, 3, 3], INT), "z": np.array([0, 4, 3, 3], INT)}
    assert refused(tmp_path, model(nodes, constants | {"v": weights(2, 2, 1, 1)}, ("N", 1, 3, 3))) == (
        "Conv 'y': reads 2 groups of channels of [N, 4, 3, 3] that do not lie side by side in hardware: "
        "a Transpose or Reshape ahead moves them"
    )


MAP = ("N", 2, 5, 6)
REFUSED: dict[str, tuple[ModelProto, str]] = {
    "zero_stride": (conv(MAP, weights(3, 2, 2, 2), strides=[0, 1]),
                    "attribute strides is [0, 1]; 1 to 16777216 are supported"),
    "huge_stride": (conv(MAP, weights(3, 2, 2, 2), strides=[1, 1 << 40]),
                    "attribute strides is [1, 1099511627776]; 1 to 16777216 are supported"),
    "one_stride": (conv(MAP, weights(3, 2, 2, 2), strides=[1]), "attribute strides has 1 values; 2 are wanted"),
    "three_dilations": (conv(MAP, weights(3, 2, 2, 2), dilations=[1, 1, 1]),
                        "attribute dilations has 3 values; 2 are wanted"),
    "zero_dilation": (conv(MAP, weights(3, 2, 2, 2), dilations=[1, 0]),
                      "attribute dilations is [1, 0]; 1 to 16777216 are supported"),
    "long_pads": (conv(MAP, weights(3, 2, 2, 2), pads=[1] * 5), "attribute pads has 5 values; 4 are wanted"),
    "negative_pads": (conv(MAP, weights(3, 2, 2, 2), pads=[0, 0, -1, 0]),
                      "attribute pads is [0, 0, -1, 0]; 0 to 16777216 are supported"),
    "huge_pads": (conv(MAP, weights(3, 2, 2, 2), pads=[5000, 5000, 5000, 5000]),
                  "padding or windows make more than 16777216 elements of [N, 2, 5, 6]"),
    "padding_alone": (conv(MAP, weights(3, 2, 2, 2), pads=[2, 0, 0, 0]),
                      "a window lies in the padding alone; remove such padding when exporting"),
    "many_channels": (conv(("N", 1, 2000, 2000), weights(5, 1, 1, 1)),
                      "makes more than 16777216 elements of [N, 1, 2000, 2000]"),
    "wide": (conv(MAP, weights(3, 2, 6, 2)), "a window that reaches over 6 elements does not fit 5 and 0 of padding"),
    "kernel_shape": (conv(MAP, weights(3, 2, 2, 2), kernel_shape=[2, 3]),
                     "kernel_shape [2, 3] is not that of the weight [3, 2, 2, 2]"),
    "auto_pad": (conv(MAP, weights(3, 2, 2, 2), auto_pad="SAME"),
                 "attribute auto_pad must be one of NOTSET, VALID, SAME_UPPER, SAME_LOWER"),
    "same_dilated": (conv(MAP, weights(3, 2, 2, 2), auto_pad="SAME_UPPER", dilations=[2, 1]),
                     "auto_pad SAME with dilations is not supported (nor by onnxruntime); write pads"),
    "same_crop": (conv(("N", 1, 4, 4), weights(1, 1, 1, 1), auto_pad="SAME_UPPER", strides=[4, 4]),
                  "auto_pad SAME with a stride of 4 and a kernel of 1 cuts a dimension of 4 shorter; write pads"),
    "groups": (conv(MAP, weights(3, 1, 2, 2), group=2),
               "2 groups of the weight [3, 1, 2, 2] do not fit the 2 channels of [N, 2, 5, 6]"),
    "no_groups": (conv(MAP, weights(3, 2, 2, 2), group=0),
                  "0 groups of the weight [3, 2, 2, 2] do not fit the 2 channels of [N, 2, 5, 6]"),
    "channels": (conv(MAP, weights(3, 3, 2, 2)),
                 "1 groups of the weight [3, 3, 2, 2] do not fit the 2 channels of [N, 2, 5, 6]"),
    "rank": (conv(MAP, weights(3, 2, 2)), "the weight [3, 2, 2] does not fit [N, 2, 5, 6]"),
    "three_dimensions": (conv(("N", 2, 3, 3, 3), weights(3, 2, 1, 1, 1)),
                         "works along 3 dimensions of [N, 2, 3, 3, 3]; 1 or 2 are supported"),
    "no_dimension": (conv(("N", 2), weights(3, 2)), "works along 0 dimensions of [N, 2]; 1 or 2 are supported"),
    "batch": (model([node("Transpose", "x", "t", perm=[1, 0, 2, 3]), node("Conv", "t w", "y")],
                    {"w": weights(3, 2, 2, 2)}, MAP), "dimension 0 of [2, N, 5, 6] is not the batch"),
    "bias": (model([node("Conv", "x w b", "y")], {"w": weights(3, 2, 2, 2), "b": weights(4)}, MAP),
             "the bias [4] does not fit 3 output channels"),
    "integers": (model([node("Conv", "x w", "y")], {"w": weights(3, 2, 2, 2).astype(np.int32)}, MAP),
                 "the weight holds int32 values; real numbers are wanted"),
    "nothing": (model([node("Conv", "x w", "y")], {"w": np.zeros((0, 2, 2, 2), np.float32)}, MAP),
                "the weight [0, 2, 2, 2] holds nothing; every dimension must be at least 1"),
    "infinite": (model([node("Conv", "x w", "y")], {"w": np.full((1, 2, 2, 2), np.inf, np.float32)}, MAP),
                 "the weight holds NaN or infinity (8 of 8 values)"),
    "vector": (model([node("MatMul", "x v", "h"), node("Reshape", "h s", "r"), node("Conv", "r w", "y")],
                     {"v": weights(4, 8), "s": np.array([-1, 2, 2, 2], INT), "w": weights(1, 2, 2, 2)}),
               "works on a map, but [N, 2, 2, 2] is a vector of 8 elements in hardware"),
    "vector_groups": (model([node("MatMul", "x v", "h"), node("Unsqueeze", "h s", "r"),
                             node("Conv", "r w", "y", group=2)],
                            {"v": weights(4, 4), "s": np.array([2], INT), "w": weights(2, 2, 1)}),
                      "2 groups on a vector are not supported; one group, or one for each channel, is"),
    "vector_padding": (model([node("MatMul", "x v", "h"), node("Unsqueeze", "h s", "r"),
                              node("Conv", "r w", "y", dilations=[2], pads=[1, 1])],
                             {"v": weights(4, 4), "s": np.array([2], INT), "w": weights(2, 4, 2)}),
                       "a window lies in the padding alone; remove such padding when exporting"),
    "channels_elsewhere": (model([node("Conv", "x w", "c"), node("Transpose", "c", "t", perm=[0, 2, 1, 3]),
                                  node("Conv", "t v", "y")], {"w": weights(3, 2, 2, 2), "v": weights(1, 4, 2, 2)}, MAP),
                           "wants channels in dimension 1 of [N, 4, 3, 5], where rows lie"),
    "joined_positions": (model([node("Conv", "x w", "c"), node("Reshape", "c s", "r"), node("Conv", "r v", "y")],
                               {"w": weights(3, 2, 2, 2), "s": np.array([0, 3, 20], INT), "v": weights(1, 3, 2)}, MAP),
                         "wants rows or columns in dimension 2 of [N, 3, 20], where rows and columns lie"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name, tmp_path):
    made, reason = REFUSED[name]
    assert refused(tmp_path, made) == f"Conv 'y': {reason}"
