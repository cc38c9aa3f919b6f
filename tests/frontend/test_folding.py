# SPDX-License-Identifier: Apache-2.0
"""Sub-graphs of constants: the numbers that onnxruntime computes, within bounds of memory and time."""

import numpy as np
import pytest
from onnx import TensorProto

from hwcompress.errors import UnsupportedModel
from hwcompress.frontend.onnx_import import load
from hwcompress.ops import Affine, Clip, Dense
from tests.frontend.build import agrees, f32, model, node, save, weights

W43 = weights(4, 3)
PARTS = {name: weights(4, 3, seed=i) for i, name in enumerate("abcd")}


@pytest.mark.parametrize("op", ["Sum", "Mean", "Max", "Min"])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_any_number_of_constants(op, count, tmp_path):
    parts = dict(list(PARTS.items())[:count])
    made = model([node(op, " ".join(parts), "w"), node("MatMul", "x w", "y")], parts)
    # float32 rounds each quotient by 3, at most 2**-24 of a weight of 4, in sums of 4 products with up to 6
    agrees(tmp_path, made, exact=op != "Mean", tolerance=4 * 4 * 6 * 2**-23)


def test_any_number_of_constants_of_different_shapes(tmp_path):
    parts = {"a": W43, "b": np.float32(-1), "c": f32([[1], [0], [2], [-3]]), "d": f32([0, 5, 1])}
    for op in ("Sum", "Max", "Min"):
        agrees(tmp_path, model([node(op, "a b c d", "w"), node("MatMul", "x w", "y")], parts))
    parts = {"a": W43[:1], "b": W43[1:2], "c": W43[2:]}
    agrees(tmp_path, model([node("Concat", "a b c", "w", axis=0), node("MatMul", "x w", "y")], parts))


@pytest.mark.parametrize(("op", "kind"), [("Sum", Affine), ("Mean", Affine), ("Max", Clip), ("Min", Clip)])
@pytest.mark.parametrize("inputs", ["h", "h a", "a h b", "a b c h"])
def test_any_number_of_constants_beside_the_chain(op, kind, inputs, tmp_path):
    constants = {"w": W43, "a": np.float32(-2), "b": f32([1]), "c": f32([[4]])}
    imported = agrees(
        tmp_path, model([node("MatMul", "x w", "h"), node(op, inputs, "y")], constants), exact=False, tolerance=1e-6
    )
    assert [type(n.op) for n in imported.graph] == ([Dense] if (inputs, kind) == ("h", Clip) else [Dense, kind])


def test_a_sum_with_one_value_for_each_channel(tmp_path):
    constants = {"w": W43, "a": f32([1, 2, 3]), "b": f32([[4, 0, -5]])}
    agrees(tmp_path, model([node("MatMul", "x w", "h"), node("Sum", "a h b", "y")], constants))


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(
    ("op", "u", "v"),
    [
        (node("MatMul", "u v", "w"), weights(4, 2), weights(2, 3)),
        (node("MatMul", "u v", "w"), weights(1, 4, 2), weights(2, 3)),
        (node("Gemm", "u v", "w"), weights(4, 2), weights(2, 3)),
        (node("Gemm", "u v c", "w", alpha=0.5, beta=2.0, transA=1, transB=1), weights(2, 4), weights(3, 2)),
    ],
)
def test_products_of_constants(op, u, v, kind, tmp_path):
    cast = node("Cast", "w", "f", to=TensorProto.FLOAT)
    constants = {"u": u.astype(kind), "v": v.astype(kind), "c": weights(3).astype(kind)}
    agrees(tmp_path, model([op, cast, node("MatMul", "x f", "y")], constants))


def test_a_product_of_constants_is_rounded_as_in_onnxruntime(tmp_path):
    rng = np.random.default_rng(0)
    constants = {"u": f32(rng.standard_normal((4, 50))), "v": f32(rng.standard_normal((50, 3)))}
    agrees(tmp_path, model([node("MatMul", "u v", "w"), node("MatMul", "x w", "y")], constants), exact=False,
           tolerance=1e-5)  # fmt: skip


@pytest.mark.parametrize(
    ("shapes", "reason"),
    [
        (((1 << 20, 1), (1, 1 << 20)), "a constant of shape [1048576, 1048576] is larger than 16777216 elements"),
        (((1 << 12, 1 << 12), (1 << 12, 1 << 12)), "takes more than 8589934592 products"),
        (((1 << 20,), (1 << 19,)), "of constants does not fit together"),
    ],
)
def test_huge_products_of_constants_are_refused_before_they_are_made(shapes, reason, tmp_path):
    nodes = [
        node("Expand", "one s", "u"),
        node("Expand", "one t", "v"),
        node("MatMul", "u v", "p"),
        node("Add", "x p", "y"),
    ]
    s, t = (np.array(shape, np.int64) for shape in shapes)
    made = model(nodes, {"one": np.ones(1, np.float32), "s": s, "t": t})
    with pytest.raises(UnsupportedModel) as caught:
        load(save(tmp_path, made))
    assert reason in str(caught.value)


def test_products_of_integers_are_refused(tmp_path):
    nodes = [node("MatMul", "u v", "w"), node("Cast", "w", "f", to=1), node("MatMul", "x f", "y")]
    made = model(nodes, {"u": np.ones((4, 2), np.int32), "v": np.ones((2, 3), np.int32)})
    with pytest.raises(UnsupportedModel, match="multiplies matrices of int32 and int32; real numbers are wanted"):
        load(save(tmp_path, made))


@pytest.mark.parametrize("like", ["h", "x"])
def test_constants_cast_like_a_value_of_the_chain(like, tmp_path):
    # As the dynamo exporter writes them with optimize=False.
    nodes = [
        node("MatMul", "x w", "h"),
        node("CastLike", f"zero {like}", "lo"),
        node("CastLike", "two w", "scale"),
        node("Clip", "h lo", "c"),
        node("Mul", "c scale", "d"),
        node("CastLike", f"one {like}", "eps"),
        node("Add", "d eps", "y"),
    ]
    constants = {"w": W43, "zero": np.int64(0), "two": np.float64(2), "one": np.array(1, np.int32)}
    imported = agrees(tmp_path, model(nodes, constants))
    assert [type(n.op) for n in imported.graph] == [Dense, Clip, Affine, Affine]


@pytest.mark.parametrize("like", ["x", "h", "p"])
def test_constants_cast_like_a_value_in_the_tail(like, tmp_path):
    nodes = [
        node("MatMul", "x w", "h"),
        node("Softmax", "h", "p"),
        node("CastLike", f"three {like}", "k"),
        node("Mul", "p k", "y"),
    ]
    made = model(nodes, {"w": W43 / 8, "three": np.int64(3)})
    imported = agrees(tmp_path, made, exact=False, tolerance=1e-6)
    assert imported.tail_ops == ("Softmax", "Mul")
