# SPDX-License-Identifier: Apache-2.0
"""Whole graphs: constant sub-graphs, what stays on the host, several outputs, functions, order."""

import numpy as np
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from hwcompress.errors import UnsupportedModel
from hwcompress.frontend.onnx_import import inspect, load
from hwcompress.ops import Affine, Clip, Dense, Lookup
from tests.frontend.build import agrees, f32, model, node, save, weights

W43, B3 = weights(4, 3), weights(3, seed=2)
F, I64 = TensorProto.FLOAT, TensorProto.INT64
INT = np.int64


def view(opset: int, size: list[NodeProto], **extra: np.ndarray) -> ModelProto:
    """As PyTorch writes x.view(x.size(0), -1): a batch size taken from a Shape."""
    nodes = [
        *size,
        node("Concat", "n minus", "s", axis=0),
        node("Reshape", "x s", "f"),
        node("MatMul", "f w", "y"),
    ]
    constants = {"w": W43, "minus": np.array([-1], INT), **extra}
    return model(nodes, constants, ("N", 2, 2), opset)


@pytest.mark.parametrize("dims", [("N", 2, 2), (1, 2, 2)])
@pytest.mark.parametrize("opset", [9, 12, 13, 17, 24])
def test_view_of_the_batch_size(opset, dims, tmp_path):
    unsqueeze = node("Unsqueeze", "g", "n", axes=[0]) if opset < 13 else node("Unsqueeze", "g zero_axis", "n")
    size = [node("Shape", "x", "shape"), node("Gather", "shape zero", "g", axis=0), unsqueeze]
    made = view(opset, size, zero=np.array(0, INT), zero_axis=np.array([0], INT))
    if dims[0] == 1:
        made.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    agrees(tmp_path, made)


def test_view_by_slice_and_by_products_of_dimensions(tmp_path):
    by_slice = [node("Shape", "x", "shape"), node("Slice", "shape a b", "n")]
    agrees(tmp_path, view(13, by_slice, a=np.array([0], INT), b=np.array([1], INT)))
    nodes = [
        node("Shape", "x", "d1", start=1, end=2),
        node("Shape", "x", "d2", start=-1),
        node("Mul", "d1 d2", "k"),
        node("Concat", "minus k", "s", axis=0),
        node("Reshape", "x s", "f"),
        node("MatMul", "f w", "y"),
    ]
    agrees(tmp_path, model(nodes, {"w": W43, "minus": np.array([-1], INT)}, ("N", 2, 2)))


def test_expand_of_a_constant_by_shape_arithmetic(tmp_path):
    # As the dynamo exporter writes expand: Where(shape == -1, 1, shape).
    nodes = [
        node("ConstantOfShape", "three", "ones", value=numpy_helper.from_array(np.array([1], INT))),
        node("Equal", "shape m1", "eq"),
        node("Where", "eq ones shape", "s"),
        node("Expand", "b s", "wide"),
        node("MatMul", "x w", "h"),
        node("Add", "h wide", "y"),
    ]
    constants = {
        "three": np.array([2], INT),
        "m1": np.array(-1, INT),
        "shape": np.array([-1, 3], INT),
        "b": f32([[2]]),
        "w": W43,
    }
    agrees(tmp_path, model(nodes, constants))


@pytest.mark.parametrize(
    ("nodes", "constants"),
    [
        ([node("Identity", "v", "w")], {"v": W43}),
        ([node("Cast", "v", "w", to=F)], {"v": W43.astype(np.float16)}),
        ([node("Cast", "v", "w", to=F)], {"v": W43.astype(np.int8)}),
        ([node("Transpose", "v", "w", perm=[1, 0])], {"v": W43.T.copy()}),
        ([node("Transpose", "v", "w")], {"v": W43.T.copy()}),
        ([node("Reshape", "v s", "w")], {"v": W43.reshape(-1), "s": np.array([4, -1], INT)}),
        ([node("DequantizeLinear", "v c", "w")], {"v": W43.astype(np.int8), "c": np.float32(0.5)}),
        (
            [node("DequantizeLinear", "v c z", "w", axis=1)],
            {"v": W43.astype(np.uint8), "c": f32([0.5, 1, 2]), "z": np.array([1, 2, 3], np.uint8)},
        ),
        (
            [node("DequantizeLinear", "v c z", "w", axis=0)],
            {"v": W43.astype(np.int8), "c": f32([0.5, 1, 2, 4]), "z": np.array([1, -2, 3, 0], np.int8)},
        ),
        ([node("Mul", "v k", "u"), node("Sub", "u k", "w")], {"v": W43, "k": np.float32(0.5)}),
        ([node("Concat", "a b", "w", axis=1)], {"a": W43[:, :1], "b": W43[:, 1:]}),
        ([node("Squeeze", "v ax", "u"), node("Unsqueeze", "u ax", "t"), node("Flatten", "t", "w", axis=2)],
         {"v": W43[None], "ax": np.array([0], INT)}),
        ([node("ConstantOfShape", "s", "w", value=numpy_helper.from_array(f32([3])))],
         {"s": np.array([4, 3], INT)}),
        ([node("Div", "v k", "u"), node("Neg", "u", "w")], {"v": W43, "k": np.float32(2)}),
        ([node("Slice", "v a b ax st", "w")], {"v": weights(4, 6), "a": np.array([5], INT), "b": np.array([-7], INT),
                                                "ax": np.array([1], INT), "st": np.array([-2], INT)}),
        ([node("Gather", "v i", "w", axis=1)], {"v": W43, "i": np.array([2, 0, 1], INT)}),
    ],
    ids=lambda v: v[0].op_type if isinstance(v, list) else "",
)  # fmt: skip
def test_weights_behind_constant_operators(nodes, constants, tmp_path):
    agrees(tmp_path, model([*nodes, node("MatMul", "x w", "y")], constants))


def blocked() -> ModelProto:
    nodes = [node("DequantizeLinear", "v c", "w", axis=0, block_size=2), node("MatMul", "x w", "y")]
    return model(nodes, {"v": W43.astype(np.int8), "c": f32([[1, 2, 4], [0.5, 1, 2]])}, opset=21)


def test_blocked_scales(tmp_path):
    agrees(tmp_path, blocked())


def test_unsorted_nodes_are_sorted(tmp_path):
    made = model([node("Add", "h b", "y"), node("MatMul", "x w", "h")], {"w": W43, "b": B3})
    made.graph.output[0].name = "y"
    imported = agrees(tmp_path, made)
    assert [type(n.op) for n in imported.graph] == [Dense, Affine]


def test_model_local_functions(tmp_path):
    made = model([helper.make_node("Layer", ["x", "w", "b"], ["y"], domain="mine")], {"w": W43, "b": B3})
    body = [node("MatMul", "a m", "t"), node("Add", "t c", "u"), node("Relu", "u", "r")]
    function = helper.make_function("mine", "Layer", ["a", "m", "c"], ["r"], body, [helper.make_opsetid("", 17)])
    made.functions.append(function)
    made.opset_import.append(helper.make_opsetid("mine", 1))
    imported = agrees(tmp_path, made)
    assert [type(n.op) for n in imported.graph] == [Dense, Affine, Clip]


def sigmoid_head(*tail: NodeProto, outputs: dict[str, int]) -> ModelProto:
    """A binary classifier as skl2onnx writes it: the probability p is read several times."""
    constants = {
        "w": W43[:, :1] / 8,
        "one": np.float32(1),
        "classes": np.array([10, 20], np.int32),
        "flat": np.array([-1], INT),
    }
    body = [node("MatMul", "x w", "h"), node("Sigmoid", "h", "p"), node("Sub", "one p", "q")]
    return model([*body, *tail], constants, outputs=outputs)


LABELS = [
    node("Concat", "q p", "probabilities", axis=1),
    node("ArgMax", "probabilities", "i", axis=1),
    helper.make_node("ArrayFeatureExtractor", ["classes", "i"], ["l"], domain="ai.onnx.ml"),
    node("Reshape", "l flat", "r"),
    node("Cast", "r", "label", to=I64),
]


def test_binary_labels_stay_on_the_host(tmp_path):
    made = sigmoid_head(*LABELS, outputs={"label": I64, "probabilities": F})
    imported = agrees(tmp_path, made, exact=False, tolerance=1e-6)
    assert [type(n.op) for n in imported.graph] == [Dense, Lookup]
    assert imported.tail_ops == ("Sub", "Concat", "ArgMax", "ArrayFeatureExtractor", "Reshape", "Cast")
    assert imported.tail_shape == (1,)


def test_zipmap_is_dropped(tmp_path):
    zipmap = helper.make_node("ZipMap", ["probabilities"], ["z"], domain="ai.onnx.ml", classlabels_int64s=[10, 20])
    made = sigmoid_head(*LABELS, zipmap, outputs={"label": I64, "z": F})
    plain = sigmoid_head(*LABELS, node("Identity", "probabilities", "z"), outputs={"label": I64, "z": F})
    kind = made.graph.output[1].type
    kind.Clear()
    kind.sequence_type.elem_type.map_type.key_type = I64
    kind.sequence_type.elem_type.map_type.value_type.tensor_type.elem_type = F
    imported = load(save(tmp_path, made))
    assert imported.outputs == ("label", "z")
    assert "ZipMap" not in imported.tail_ops
    agrees(tmp_path, plain, exact=False, tolerance=1e-6)
    from hwcompress.frontend.runtime import OnnxRunner

    assert OnnxRunner(imported).run(np.ones((3, 4)))["z"].shape == (3, 2)


@pytest.mark.parametrize("dims", [("N", 4), (1, 4)])
def test_logits_and_probabilities(dims, tmp_path):
    nodes = [node("MatMul", "x w", "logits"), node("Softmax", "logits", "p"), node("TopK", "p k", "v i", axis=1)]
    outputs = {"logits": F, "p": F, "v": F, "i": I64}
    made = model(nodes, {"w": W43 / 8, "k": np.array([2], INT)}, dims, outputs=outputs)
    imported = agrees(tmp_path, made, exact=False, tolerance=1e-6)
    assert imported.tail_ops == ("Softmax", "TopK")


def test_trailing_reshapes_are_not_in_the_tail(tmp_path):
    nodes = [node("MatMul", "x w", "h"), node("Reshape", "h s", "r"), node("Unsqueeze", "r a", "y")]
    made = model(nodes, {"w": weights(4, 6), "s": np.array([-1, 3, 2], INT), "a": np.array([1], INT)})
    imported = agrees(tmp_path, made)
    assert (imported.tail, imported.tail_ops, imported.tail_shape) == (b"", (), (1, 3, 2))


def test_batch_last_at_the_end(tmp_path):
    nodes = [node("Transpose", "x", "t"), node("MatMul", "w t", "u"), node("Softmax", "u", "y", axis=0)]
    imported = load(save(tmp_path, model(nodes, {"w": W43.T.copy() / 8})))
    assert imported.tail_shape == (3,)
    from hwcompress.frontend.host import HostTail

    h = np.random.default_rng(0).standard_normal((1, 3))
    want = np.exp(h[0]) / np.exp(h[0]).sum()
    np.testing.assert_allclose(HostTail(imported).run(h)["y"].reshape(3), want, rtol=1e-5)


def test_shape_of_the_input_read_by_the_tail(tmp_path):
    nodes = [
        node("MatMul", "x w", "h"),
        node("Softmax", "h", "p"),
        node("Shape", "x", "d"),
        node("Gather", "d zero", "n", axis=0),
        node("Concat", "n minus", "s", axis=0),
        node("Reshape", "p s", "y"),
    ]
    constants = {"w": weights(4, 6) / 8, "zero": np.array([0], INT), "minus": np.array([-1], INT)}
    for dims in (("N", 4), (1, 4)):
        agrees(tmp_path, model(nodes, constants, dims), exact=False, tolerance=1e-6)


def test_transposed_batch_normalization_is_repaired(tmp_path):
    # OnnxMLTools turned the tensor around the normalization, which then met the batch instead of the channels.
    stats = {"s": B3, "b": B3 + 1, "m": B3 - 2, "v": f32([1, 4, 0.25])}
    turned = [
        node("MatMul", "x w", "h"),
        node("Transpose", "h", "t"),
        node("BatchNormalization", "t s b m v", "n", epsilon=0.0),
        node("Transpose", "n", "y"),
    ]
    straight = [turned[0], node("BatchNormalization", "h s b m v", "y", epsilon=0.0)]
    from hwcompress.frontend.runtime import OnnxRunner
    from tests.frontend.build import reference

    x = f32([[1, 2, 3, 4], [0, -1, 0, 2]])
    for dims in (("N", 4), (1, 4)):
        imported = load(save(tmp_path, model(turned, {"w": W43, **stats}, dims)))
        want = reference(model(straight, {"w": W43, **stats}), x)["y"]
        np.testing.assert_array_equal(OnnxRunner(imported).run(x)["y"], want)
        assert len(imported.notes) == 1


def test_names_of_nodes_and_values_are_unique(tmp_path):
    nodes = [
        helper.make_node("Gemm", ["x", "w"], ["a"], name="fc"),
        helper.make_node("HardSigmoid", ["a"], ["b"], name="fc"),
        helper.make_node("Relu", ["b"], ["b/1"], name=""),
    ]
    imported = load(save(tmp_path, model(nodes, {"w": W43})))
    assert [n.name for n in imported.graph] == ["fc", "fc/1", "fc_2", "b/1"]
    assert [n.output for n in imported.graph] == ["a", "b/1", "b", "b/1_2"]


def test_inspect(tmp_path):
    made = sigmoid_head(*LABELS, outputs={"label": I64, "probabilities": F})
    found = inspect(save(tmp_path, made, "net.onnx"))
    assert (found.name, found.macs, found.parameters, found.problems) == ("net", 4, 5, ())
    assert dict(found.operators)["MatMul"] == 1
    assert found.inputs[0].shape == ("N", 4)
    assert [n.place for n in found.nodes] == ["hardware"] * 2 + ["host"] * 6


def test_inspect_does_not_raise(tmp_path):
    nodes = [node("LSTM", "x w", "h"), node("Relu", "h", "y")]
    found = inspect(save(tmp_path, model(nodes, {"w": weights(1, 1, 2, 2)}, ("N", 1, 3, 3))))
    assert found.problems == ("LSTM 'h': this operator is not supported",)
    assert [(n.place, n.reason) for n in found.nodes] == [
        ("unsupported", "this operator is not supported"),
        ("hardware", ""),
    ]
    with pytest.raises(UnsupportedModel):
        load(tmp_path / "m.onnx")
