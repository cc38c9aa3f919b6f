# SPDX-License-Identifier: Apache-2.0
"""MatMul and Gemm at each position of a map: a Conv of one tap."""

import numpy as np
import pytest

from hwcompress.ir.order import Order
from hwcompress.ops import Affine, Clip, Conv, Dense, SumPool, Window
from tests.frontend.build import agrees, model, node, refused, weights

INT = np.int64
KERAS = ("N", 5, 4)


@pytest.mark.parametrize("dims", [KERAS, (1, 5, 4), ("N", 3, 5, 4), ("N", 2, 3, 5, 4), ("N", 5, 1, 4)])
def test_a_product_at_each_position(dims, tmp_path):
    nodes = [node("MatMul", "x w", "h"), node("Add", "h b", "a"), node("Relu", "a", "r"), node("MatMul", "r v", "y")]
    imported = agrees(tmp_path, model(nodes, {"w": weights(4, 3), "b": weights(3), "v": weights(3, 2)}, dims))
    assert [type(n.op) for n in imported.graph] == [Conv, Affine, Clip, Conv]
    assert imported.graph.shape[-1] == 4
    assert (imported.input_order, imported.output_order) == (Order(), Order())


@pytest.mark.parametrize("dims", [("N", 4, 5), ("N", 2, 4, 5)])
def test_the_same_with_the_constant_on_the_left(dims, tmp_path):
    agrees(tmp_path, model([node("MatMul", "w x", "h"), node("MatMul", "v h", "y")],
                           {"w": weights(3, 4), "v": weights(2, 3)}, dims))  # fmt: skip


def test_a_row_at_each_of_the_rows(tmp_path):
    nodes = [
        node("Conv", "x w", "c"),
        node("Transpose", "c", "t", perm=[0, 2, 3, 1]),
        node("Reshape", "t s", "r"),
        node("MatMul", "r v", "h"),
        node("MatMul", "h u", "y"),
    ]
    constants = {"w": weights(3, 2, 2, 2), "s": np.array([0, 4, 15], INT), "v": weights(15, 2), "u": weights(2, 3)}
    imported = agrees(tmp_path, model(nodes, constants, ("N", 2, 5, 6)))
    second = imported.graph.nodes[1].op
    assert isinstance(second, Conv)
    assert second.window == Window((1, 5))


@pytest.mark.parametrize("end", ["Gemm", "Softmax", "ReduceMean", "Conv"])
@pytest.mark.parametrize("target", ["-1", "Shape"])
@pytest.mark.parametrize("dims", [KERAS, (1, 5, 4)])
def test_positions_joined_with_the_batch(dims, target, end, tmp_path):
    # A dense layer on [N, 5, 4] as tf2onnx writes it: [N * 5, 4] and back.
    back = [node("Reshape", "r t", "z")]
    if target == "Shape":
        back = [node("Shape", "x", "d"), node("Slice", "d i0 i1", "n"), node("Concat", "n rest", "t2", axis=0),
                node("Reshape", "r t2", "z")]  # fmt: skip
    nodes = [
        node("Reshape", "x s", "f"),
        node("MatMul", "f w", "m"),
        node("Add", "m b", "a"),
        node("Relu", "a", "r"),
        *back,
    ]
    nodes += {
        "Gemm": [node("Flatten", "z", "q"), node("Gemm", "q g", "h"), node("Softmax", "h", "y", axis=-1)],
        "Softmax": [node("Softmax", "z", "y", axis=-1)],
        "ReduceMean": [node("ReduceMean", "z", "y", axes=[1], keepdims=0)],
        "Conv": [node("Transpose", "z", "q", perm=[0, 2, 1]), node("Conv", "q k", "y")],
    }[end]
    constants = {
        "s": np.array([-1, 4], INT), "w": weights(4, 3), "b": weights(3), "t": np.array([-1, 5, 3], INT),
        "g": weights(15, 2) / 16, "k": weights(2, 3, 2), "i0": np.array([0], INT), "i1": np.array([1], INT),
        "rest": np.array([5, 3], INT),
    }  # fmt: skip
    imported = agrees(tmp_path, model(nodes, constants, dims), exact=False, tolerance=1e-5)
    kinds = {"Gemm": [Dense], "Softmax": [], "ReduceMean": [SumPool, Affine], "Conv": [Conv]}[end]
    assert [type(n.op) for n in imported.graph] == [Conv, Affine, Clip, *kinds]


def test_gemm_at_each_position_of_one_sample(tmp_path):
    nodes = [
        node("Squeeze", "x a", "q"),
        node("Gemm", "q w c", "h", alpha=0.5, beta=2.0),
        node("Unsqueeze", "h a", "y"),
    ]
    for bias in ((), (3,), (1, 3), (5, 1), (5, 3)):
        constants = {"w": weights(4, 3), "c": weights(*bias), "a": np.array([0], INT)}
        imported = agrees(tmp_path, model(nodes, constants, (1, 5, 4)))
        differs = len(bias) == 2 and bias[0] == 5
        assert [type(n.op) for n in imported.graph] == ([Conv, Affine] if differs else [Conv])


@pytest.mark.parametrize(
    ("nodes", "reason"),
    [
        ([node("MatMul", "x w", "h"), node("Transpose", "h", "t", perm=[0, 2, 1]), node("MatMul", "t v", "y")],
         "wants channels in dimension 2 of [N, 3, 5], where columns lie"),
        ([node("Flatten", "x", "f"), node("MatMul", "f u", "h"), node("Reshape", "h s", "r"),
          node("MatMul", "r w", "y")],
         "multiplies [N, 2, 4] position by position, but it is a vector of 8 elements in hardware"),
    ],
)  # fmt: skip
def test_products_at_positions_that_are_none(nodes, reason, tmp_path):
    constants = {"w": weights(4, 3), "v": weights(5, 2), "u": weights(20, 8), "s": np.array([-1, 2, 4], INT)}
    assert refused(tmp_path, model(nodes, constants, KERAS)) == f"MatMul 'y': {reason}"
