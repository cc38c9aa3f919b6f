# SPDX-License-Identifier: Apache-2.0
"""Pools and reductions over space: sizes, counts and values are those of onnxruntime."""

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto

from hwcompress.frontend.onnx_import import inspect
from hwcompress.ops import Affine, Conv, Dense, MaxPool, SumPool, Window
from tests.frontend.build import agrees, model, node, reference, refused, save, weights
from tests.frontend.chains import output_shape

INT = np.int64
MAP = ("N", 2, 5, 6)
POOLS = ("MaxPool", "AveragePool")
# What onnxruntime 1.32 answers all the same: windows that nothing of the input is in, that do not fit, or are cut off.
MADE_UP = ("in the padding alone", "does not fit", "cuts a dimension")


def pool(op: str, shape: tuple[int | str, ...] = MAP, opset: int = 22, **attributes: Any) -> ModelProto:
    return model([node(op, "x", "y", **attributes)], shape=shape, opset=opset)


@pytest.mark.parametrize("op", POOLS)
@pytest.mark.parametrize("ceil", [0, 1])
@pytest.mark.parametrize("auto", ["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"])
def test_every_window_on_a_line(auto, ceil, op, tmp_path):
    """What onnxruntime runs is imported and equal; what it refuses is refused."""
    tried = 0
    pads = [(0, 0), (1, 0), (2, 1), (1, 1)] if auto == "NOTSET" else [(0, 0)]
    for size, kernel, stride, dilation, ends in product((3, 8), (1, 2, 3), (1, 2, 3), (1, 2), pads):
        given: dict[str, Any] = {"kernel_shape": [kernel], "strides": [stride], "auto_pad": auto, "ceil_mode": ceil}
        given |= {"pads": ends} if auto == "NOTSET" else {}
        given |= {"dilations": [dilation]} if dilation > 1 else {}
        given |= {"count_include_pad": tried % 2} if op == "AveragePool" else {}
        made = pool(op, ("N", 1, size), **given)
        out, problems = output_shape(made), inspect(save(tmp_path, made)).problems
        if not problems:
            tried += 1
            agrees(tmp_path, made, exact=False, tolerance=1e-6)
        elif out is not None:
            empty = any(
                not any(0 <= k * stride - ends[0] + tap * dilation < size for tap in range(kernel))
                for k in range(out[2])
            )
            reasons = MADE_UP if empty or auto != "NOTSET" else MADE_UP[1:]
            assert any(reason in problems[0] for reason in reasons), (given, problems)
    assert tried > 10


PLANE: dict[str, dict[str, Any]] = {
    "plain": {"kernel_shape": [2, 3]},
    "strides": {"kernel_shape": [2, 2], "strides": [2, 3]},
    "pads": {"kernel_shape": [3, 3], "pads": [1, 0, 2, 1]},
    "ceil": {"kernel_shape": [2, 3], "strides": [2, 2], "ceil_mode": 1},
    "ceil_pads": {"kernel_shape": [3, 2], "strides": [2, 3], "pads": [1, 1, 0, 1], "ceil_mode": 1},
    "dilations": {"kernel_shape": [2, 2], "dilations": [3, 2]},
    "all": {"kernel_shape": [2, 3], "strides": [2, 1], "dilations": [2, 2], "pads": [1, 2, 1, 0], "ceil_mode": 1},
    "same": {"kernel_shape": [3, 2], "strides": [2, 1], "auto_pad": "SAME_LOWER"},
    "global": {"kernel_shape": [5, 6]},
}


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("count", [0, 1])
@pytest.mark.parametrize("name", PLANE)
def test_average_and_largest_of_a_plane(name, count, turned, tmp_path):
    for op in POOLS:
        given = PLANE[name] | ({"count_include_pad": count} if op == "AveragePool" else {})
        nodes = [node(op, "x", "y", **given)]
        if turned:  # the columns of the map are the rows of the pool
            nodes = [
                node("Conv", "x w", "c"),
                node("Transpose", "c", "t", perm=[0, 1, 3, 2]),
                node(op, "t", "y", **given),
            ]
        made = model(nodes, {"w": weights(2, 2, 1, 1)}, ("N", 2, 6, 5) if turned else MAP, 22)
        imported = agrees(tmp_path, made, exact=op == "MaxPool", tolerance=1e-6)
        kinds = [type(n.op) for n in imported.graph][turned:]
        assert kinds == ([MaxPool] if op == "MaxPool" else [SumPool, Affine])


def test_one_share_where_all_counts_are_equal(tmp_path):
    shapes: dict[str, tuple[int, ...]] = {}
    cases: dict[str, dict[str, Any]] = {
        "none": {}, "padded": {"pads": [1, 0, 0, 1]}, "included": {"pads": [1, 0, 0, 1], "count_include_pad": 1},
        "hanging": {"strides": [2, 4], "ceil_mode": 1, "count_include_pad": 1},
    }  # fmt: skip
    for name, given in cases.items():
        made = pool("AveragePool", kernel_shape=[2, 2], **given)
        share = agrees(tmp_path, made, exact=False, tolerance=1e-6).graph.nodes[1].op
        assert isinstance(share, Affine)
        shapes[name] = share.scale.shape
    assert shapes == {"none": (2,), "padded": (5, 6, 2), "included": (2,), "hanging": (3, 2, 2)}


def test_a_last_window_that_hangs_over_the_end_makes_the_padding_grow(tmp_path):
    (found,) = agrees(tmp_path, pool("MaxPool", kernel_shape=[3, 3], strides=[2, 3], ceil_mode=1)).graph
    assert isinstance(found.op, MaxPool)
    assert found.op == MaxPool(Window((3, 3), (2, 3)), -math.inf)
    (found,) = agrees(tmp_path, pool("MaxPool", kernel_shape=[2, 4], strides=[2, 3], ceil_mode=1)).graph
    assert isinstance(found.op, MaxPool)
    assert found.op.window == Window((2, 4), (2, 3), after=(1, 1))


@pytest.mark.parametrize("indices", [False, True])
def test_the_indices_of_the_largest(indices, tmp_path):
    nodes = [node("MaxPool", "x", "p i", kernel_shape=[2, 2]), node("Conv", "p w", "y")]
    nodes += [node("Identity", "i", "z")] if indices else []
    outputs = {"y": 1, "z": 7} if indices else {"y": 1}
    made = model(nodes, {"w": weights(1, 2, 2, 2)}, MAP, outputs=outputs)
    if indices:
        assert refused(tmp_path, made) == "MaxPool 'p': its second output is used"
    else:
        agrees(tmp_path, made)


GLOBAL = {
    "GlobalAveragePool": [SumPool, Affine],
    "GlobalMaxPool": [MaxPool],
    "ReduceMean": [SumPool, Affine],
    "ReduceSum": [SumPool],
    "ReduceMax": [MaxPool],
}


def reduced(op: str, axes: list[int], opset: int, source: str = "x", target: str = "y", **attributes: Any) -> tuple:
    """The node and its constants: axes as attribute or operand."""
    if opset >= (13 if op == "ReduceSum" else 18):
        return node(op, f"{source} axes", target, **attributes), {"axes": np.array(axes, INT)}
    return node(op, source, target, axes=axes, **attributes), {}


@pytest.mark.parametrize("opset", [7, 11, 12, 13, 17, 18, 22, 26])
@pytest.mark.parametrize("keep", [0, 1])
@pytest.mark.parametrize("op", ["ReduceMean", "ReduceSum", "ReduceMax"])
def test_reductions_over_space(op, keep, opset, tmp_path):
    for dims, axes in ((MAP, [2, 3]), (("N", 5, 6, 2), [1, 2]), (("N", 3, 7), [2]), (("N", 7, 3), [1])):
        counted = [axis - len(dims) for axis in axes] if opset >= 11 else axes
        made, constants = reduced(op, counted, opset, keepdims=keep)
        imported = agrees(tmp_path, model([made], constants, dims, opset), exact=False, tolerance=1e-6)
        assert [type(n.op) for n in imported.graph] == GLOBAL[op]
        assert len(imported.tail_shape) == (len(dims) - 1 if keep else 1)


@pytest.mark.parametrize("dims", [MAP, ("N", 3, 7), (1, 2, 1, 4), ("N", 2, 3, 2, 2)])
@pytest.mark.parametrize("op", ["GlobalAveragePool", "GlobalMaxPool"])
def test_global_pools(op, dims, tmp_path):
    nodes = [node("Relu", "x", "r"), node(op, "r", "g"), node("Flatten", "g", "f"), node("Gemm", "f w", "y")]
    made = model(nodes, {"w": weights(dims[1], 3)}, dims)
    imported = agrees(tmp_path, made, exact=False, tolerance=1e-5)
    assert [type(n.op) for n in imported.graph][1:] == [*GLOBAL[op], Dense]


@pytest.mark.parametrize("axis", [1, 2, 3])
@pytest.mark.parametrize("keep", [0, 1])
def test_reductions_along_one_dimension(keep, axis, tmp_path):
    # of a map whose channels lie in dimension 3: rows, columns, or what is refused
    one, constants = reduced("ReduceMean", [axis], 17, "t", "y", keepdims=keep)
    nodes = [node("Conv", "x w", "c"), node("Transpose", "c", "t", perm=[0, 2, 3, 1]), one]
    nodes += [node("Flatten", "y", "f"), node("Gemm", "f v", "z")]
    left = [4, 5, 3]
    left.pop(axis - 1)
    constants |= {"w": weights(3, 2, 2, 2), "v": weights(int(np.prod(left)), 2)}
    made = model(nodes, constants, MAP)
    if axis == 3:
        reason = "works along channels in dimension 3 of [N, 4, 5, 3]; only the rows and columns of a map are supported"
        assert refused(tmp_path, made) == f"ReduceMean 'y': {reason}"
        return
    imported = agrees(tmp_path, made, exact=False, tolerance=1e-5)
    pooled = imported.graph.nodes[1].op
    assert isinstance(pooled, SumPool)
    assert pooled.window.kernel == ((4, 1) if axis == 1 else (1, 5))


def test_a_reduction_that_keeps_the_columns_before_another_product(tmp_path):
    nodes = [node("Conv", "x w", "c"), node("ReduceMax", "c", "m", axes=[3], keepdims=0), node("Conv", "m v", "y")]
    imported = agrees(tmp_path, model(nodes, {"w": weights(3, 2, 2, 2), "v": weights(2, 3, 2)}, MAP))
    assert [type(n.op) for n in imported.graph] == [Conv, MaxPool, Conv]


def test_reductions_of_nothing(tmp_path):
    for nodes in (
        [node("Conv", "x w", "c"), node("ReduceSum", "c", "r", noop_with_empty_axes=1), node("Relu", "r", "y")],
        [node("Conv", "x w", "c"), node("ReduceMean", "c", "r", axes=[3]), node("ReduceMean", "r", "s", axes=[2]),
         node("ReduceMax", "s", "y", axes=[2, 3], keepdims=0)],
    ):  # fmt: skip
        agrees(tmp_path, model(nodes, {"w": weights(3, 2, 2, 2)}, MAP), exact=False, tolerance=1e-6)


def test_a_mean_over_features_at_the_end_stays_on_the_host(tmp_path):
    nodes = [node("MatMul", "x w", "h"), node("ReduceMean", "h", "y", axes=[1])]
    assert agrees(tmp_path, model(nodes, {"w": weights(4, 4)}), exact=False, tolerance=1e-6).tail_ops == ("ReduceMean",)


REFUSED: dict[str, tuple[list, str]] = {
    "no_kernel": ([node("MaxPool", "x", "y")], "attribute kernel_shape is missing"),
    "short": ([node("MaxPool", "x", "y", kernel_shape=[2])], "attribute kernel_shape has 1 values; 2 are wanted"),
    "negative": ([node("MaxPool", "x", "y", kernel_shape=[2, -2])],
                 "attribute kernel_shape is [2, -2]; 1 to 16777216 are supported"),
    "huge": ([node("AveragePool", "x", "y", kernel_shape=[2, 1 << 40])],
             "attribute kernel_shape is [2, 1099511627776]; 1 to 16777216 are supported"),
    "wide": ([node("AveragePool", "x", "y", kernel_shape=[2, 7])],
             "a window that reaches over 7 elements does not fit 6 and 0 of padding"),
    "pads": ([node("MaxPool", "x", "y", kernel_shape=[2, 2], pads=[0, 2, 0, 0])],
             "pads of 2 and 0 are not smaller than the kernel of 2"),
    "alone": ([node("MaxPool", "x", "y", kernel_shape=[2, 2], dilations=[7, 1], pads=[1, 0, 1, 0], strides=[1, 1])],
              "a window that reaches over 8 elements does not fit 5 and 2 of padding"),
    "padding_alone": ([node("MaxPool", "x", "y", kernel_shape=[3, 1], dilations=[3, 1], pads=[2, 0, 2, 0])], ""),
    "same": ([node("MaxPool", "x", "y", kernel_shape=[1, 1], strides=[3, 3], auto_pad="SAME_UPPER")],
             "auto_pad SAME with a stride of 3 and a kernel of 1 cuts a dimension of 5 shorter; write pads"),
    "rank": ([node("Unsqueeze", "x one", "u"), node("MaxPool", "u", "y", kernel_shape=[1, 1, 1])],
             "works along 3 dimensions of [N, 1, 2, 5, 6]; 1 or 2 are supported"),
    "global": ([node("Flatten", "x", "f"), node("GlobalMaxPool", "f", "y")],
               "works along 0 dimensions of [N, 60]; 1 or more are wanted"),
    "vector": ([node("Flatten", "x", "f"), node("MatMul", "f v", "h"), node("Reshape", "h s", "r"),
                node("GlobalMaxPool", "r", "y")],
               "works on a map, but [N, 2, 2, 2] is a vector of 8 elements in hardware"),
    "everything": ([node("Relu", "x", "r"), node("ReduceMax", "r", "q", axes=[1, 2, 3]), node("Conv", "q w", "y")],
                   "leaves nothing but one value of [N, 2, 5, 6]; only rows and columns of a map are supported"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name, tmp_path):
    nodes, reason = REFUSED[name]
    constants = {
        "one": np.array([1], INT),
        "v": weights(60, 8),
        "s": np.array([-1, 2, 2, 2], INT),
        "w": weights(1, 1, 1, 1),
    }
    used = {n for made in nodes for n in made.input}
    made = model(nodes, {k: v for k, v in constants.items() if k in used}, MAP)
    if not reason:
        assert reference(made, np.zeros((1, 2, 5, 6), np.float32))["y"].shape == (1, 2, 3, 6)
        agrees(tmp_path, made)
        return
    assert refused(tmp_path, made).split(": ", 1)[1] == reason
