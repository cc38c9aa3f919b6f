# SPDX-License-Identifier: Apache-2.0
"""Pad: taken up by the convolution or pool behind it, or refused."""

import math
from typing import Any

import numpy as np
import pytest
from onnx import NodeProto

from hwcompress.frontend.onnx_import import inspect
from hwcompress.ops import Affine, Conv, MaxPool, SumPool, Window
from tests.frontend.build import agrees, model, node, refused, save, weights

INT = np.int64
MAP = ("N", 2, 5, 6)
W, W4 = weights(3, 2, 3, 2), weights(3, 2, 4, 4)


def pad(opset: int, ends: list[int], value: float | None = None, axes: list[int] | None = None) -> tuple:
    """The node from `x` to `p` and its constants: attributes before opset 11, operands since, axes since 18."""
    if opset < 11:
        return node("Pad", "x", "p", pads=ends, **({} if value is None else {"value": value})), {}
    constants: dict[str, Any] = {"ends": np.array(ends, INT)}
    constants |= {} if value is None else {"value": np.float32(value)}
    constants |= {} if axes is None else {"axes": np.array(axes, INT)}
    names = f"x ends {'-' if value is None else 'value'} {'-' if axes is None else 'axes'}"
    return node("Pad", names.rstrip(" -"), "p"), constants


@pytest.mark.parametrize("value", [None, 0.0])
@pytest.mark.parametrize("opset", [7, 10, 11, 13, 17, 18, 21, 26])
def test_zeros_before_a_product(opset, value, tmp_path):
    made, constants = pad(opset, [0, 0, 1, 0, 0, 0, 2, 1], value)
    imported = agrees(tmp_path, model([made, node("Conv", "p w", "y")], {"w": W, **constants}, MAP, opset))
    (found,) = imported.graph
    assert isinstance(found.op, Conv)
    assert (found.op.window.before, found.op.window.after) == ((1, 0), (2, 1))


@pytest.mark.parametrize("axes", [[2, 3], [-1, -2], [3]])
def test_axes_as_operand(axes, tmp_path):
    made, constants = pad(18, [2 if axis % 4 == 2 else 1 for axis in axes * 2], axes=axes)
    agrees(tmp_path, model([made, node("Conv", "p w", "y")], {"w": W, **constants}, MAP, 18))


@pytest.mark.parametrize("attributes", [{"pads": [1, 1, 0, 2]}, {"auto_pad": "SAME_UPPER"}, {"strides": [2, 3]}])
def test_the_padding_of_both(attributes, tmp_path):
    made, constants = pad(13, [0, 0, 1, 0, 0, 0, 1, 1])
    agrees(tmp_path, model([made, node("Conv", "p w", "y", **attributes)], {"w": W4, **constants}, MAP))


WIRED: dict[str, tuple[list[NodeProto], tuple[int | str, ...], list[int]]] = {
    "transpose": ([node("Transpose", "p", "q", perm=[0, 3, 1, 2])], ("N", 5, 6, 2), [0, 1, 0, 0, 0, 2, 1, 0]),
    "identity": ([node("Identity", "p", "i"), node("Cast", "i", "q", to=1)], MAP, [0, 0, 1, 0, 0, 0, 2, 1]),
    "unsqueeze": ([node("Unsqueeze", "p one", "q")], ("N", 5, 6), [0, 1, 0, 0, 2, 1]),
    "squeeze": ([node("Squeeze", "p two", "q")], ("N", 2, 1, 5, 6), [0, 0, 0, 1, 0, 0, 0, 0, 2, 1]),
    "reshape": ([node("Reshape", "p s", "q")], ("N", 2, 1, 5, 6), [0, 0, 0, 1, 0, 0, 0, 0, 2, 1]),
    "reshape_of_one": ([node("Reshape", "p s", "q")], (1, 2, 1, 5, 6), [0, 0, 0, 1, 0, 0, 0, 0, 2, 1]),
}


@pytest.mark.parametrize("name", WIRED)
def test_what_may_lie_between(name, tmp_path):
    wires, dims, ends = WIRED[name]
    made, constants = pad(13, ends)
    channels = 1 if name == "unsqueeze" else 2
    constants |= {"w": weights(3, channels, 3, 2), "one": np.array([1], INT), "two": np.array([2], INT)}
    constants |= {"s": np.array([-1, 2, 8, 7], INT)}
    imported = agrees(tmp_path, model([made, *wires, node("Conv", "q w", "y")], constants, dims))
    assert [type(n.op) for n in imported.graph] == [Conv]
    assert len(imported.tail_shape) == 3


def test_two_in_a_row(tmp_path):
    first, constants = pad(13, [0, 0, 1, 0, 0, 0, 0, 1])
    nodes = [first, node("Pad", "p more", "q"), node("Conv", "q w", "y")]
    agrees(tmp_path, model(nodes, {"w": W4, "more": np.array([0, 0, 0, 2, 0, 0, 1, 0], INT), **constants}, MAP))


@pytest.mark.parametrize("value", [-1.5, 2.0, 0.0, -math.inf, -3.4028235e38])
def test_any_value_before_the_largest(value, tmp_path):
    made, constants = pad(13, [0, 0, 1, 0, 0, 0, 1, 1], value)
    nodes = [made, node("MaxPool", "p", "y", kernel_shape=[2, 2], strides=[2, 2])]
    (found,) = agrees(tmp_path, model(nodes, constants, MAP)).graph
    fill = value if math.isfinite(value) and value > -1e38 else -math.inf
    assert found.op == MaxPool(Window((2, 2), (2, 2), before=(1, 0), after=(0, 0)), fill)


def test_zeros_in_an_average_count(tmp_path):
    made, constants = pad(13, [0, 0, 1, 0, 0, 0, 0, 1])
    for given in ({}, {"count_include_pad": 1}, {"pads": [1, 0, 0, 1]}, {"strides": [2, 2], "ceil_mode": 1}):
        nodes = [made, node("AveragePool", "p", "y", kernel_shape=[3, 3], **given)]
        imported = agrees(tmp_path, model(nodes, constants, MAP), exact=False, tolerance=1e-6)
        assert [type(n.op) for n in imported.graph] == [SumPool, Affine]
    for op in ("GlobalAveragePool", "ReduceSum", "ReduceMean"):
        given = {} if op[0] == "G" else {"axes": [2, 3]}
        agrees(tmp_path, model([made, node(op, "p", "y", **given)], constants, MAP, 12), exact=False, tolerance=1e-6)


def test_nothing_added_is_nothing(tmp_path):
    made, constants = pad(13, [0] * 8, 5.0)
    agrees(tmp_path, model([made, node("Relu", "p", "y")], constants, MAP))


ZEROS = [0, 0, 1, 0, 0, 0, 0, 1]
TAKEN = "no convolution or pooling takes up its padding"
BEHIND: dict[str, tuple[tuple, list[NodeProto], str]] = {
    "relu": (pad(13, ZEROS), [node("Relu", "p", "r"), node("Conv", "r w", "y")], f"{TAKEN}: Relu 'r' follows"),
    "product": (pad(13, ZEROS), [node("Flatten", "p", "f"), node("MatMul", "f v", "y")],
                f"{TAKEN}: Flatten 'f' follows"),
    "end": (pad(13, ZEROS), [node("Identity", "p", "y")], f"{TAKEN}: the model ends behind it"),
    "reshape": (pad(13, ZEROS), [node("Reshape", "p flat", "f"), node("MatMul", "f v", "y")],
                f"{TAKEN}: a Reshape of [N, 2, 6, 7] to [N, 84] follows"),
    "value": (pad(13, ZEROS, 1.0), [node("Conv", "p w", "y")], f"{TAKEN}: Conv 'y' pads with 0, not with 1"),
    "average": (pad(13, ZEROS, 1.0), [node("AveragePool", "p", "y", kernel_shape=[2, 2])],
                f"{TAKEN}: AveragePool 'y' would add up its 1; only zeros can be"),
    "own": (pad(13, ZEROS, 1.0), [node("MaxPool", "p", "y", kernel_shape=[2, 2], pads=[1, 0, 0, 0])],
            f"{TAKEN}: MaxPool 'y' pads for itself, not with 1"),
    "hanging": (pad(13, ZEROS, 1.0), [node("MaxPool", "p", "y", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)],
                f"{TAKEN}: MaxPool 'y' pads for itself, not with 1"),
    "largest": (pad(13, ZEROS), [node("GlobalMaxPool", "p", "y")], f"{TAKEN}: GlobalMaxPool 'y' reduces"),
    "channels": (pad(13, [0, 1, 0, 0, 0, 0, 0, 0]), [node("Conv", "p w3", "y")],
                 f"{TAKEN}: it makes dimension 1 of [N, 3, 5, 6] larger, which holds channels"),
    "other": (pad(13, ZEROS, 1.0), [node("Pad", "p ends", "q"), node("Conv", "q w", "y")],
              f"{TAKEN}: Pad 'q' pads with another value"),
    "negative": (pad(13, [0, 0, -1, 0, 0, 0, 0, 0]), [node("Conv", "p w", "y")],
                 "pads is [0, 0, -1, 0, 0, 0, 0, 0]; 0 to 16777216 are supported"),
    "huge": (pad(13, [0, 0, 1 << 23, 0, 0, 0, 0, 0]), [node("Conv", "p w", "y")],
             "makes more than 16777216 elements of [N, 2, 5, 6]"),
    "short": (pad(13, [1, 1, 1, 1]), [node("Conv", "p w", "y")], "pads [1, 1, 1, 1] do not fit 4 dimensions"),
    "batch": (pad(13, [1, 0, 0, 0, 0, 0, 0, 0]), [node("Conv", "p w", "y")], "pads the batch of [N, 2, 5, 6]"),
    "axes": (pad(18, [1, 1], axes=[4]), [node("Conv", "p w", "y")], "axes [4] do not fit a rank of 4"),
    "nan": (pad(13, ZEROS, math.nan), [node("MaxPool", "p", "y", kernel_shape=[2, 2])],
            "pads with nan; a finite value or minus infinity is wanted"),
    "mode": ((node("Pad", "x ends", "p", mode="reflect"), {"ends": np.array(ZEROS, INT)}), [node("Conv", "p w", "y")],
             "only mode constant is supported"),
}  # fmt: skip


@pytest.mark.parametrize("name", BEHIND)
def test_refused(name, tmp_path):
    (first, constants), nodes, reason = BEHIND[name]
    more = {
        "w": W,
        "w3": weights(3, 3, 3, 2),
        "v": weights(84, 2),
        "flat": np.array([-1, 84], INT),
        "one": np.float32(1),
    }
    used = {n for made in nodes for n in made.input}
    made = model([first, *nodes], constants | {k: v for k, v in more.items() if k in used}, MAP, 18)
    assert refused(tmp_path, made) == f"Pad 'p': {reason}"


HOSTS = {
    "reduce": ([node("ReduceMean", "p", "y", axes=[1])], {"y": 1}),
    "two": ([node("ReduceMean", "p", "y", axes=[2, 3]), node("Exp", "p", "z")], {"y": 1, "z": 1}),
    "outputs": ([node("Identity", "p", "y"), node("Transpose", "p", "z")], {"y": 1, "z": 1}),
    "reductions": (
        [node("ReduceMean", "p", "y", axes=[2, 3]), node("ReduceMean", "p", "z", axes=[2, 3], keepdims=0)],
        {"y": 1, "z": 1},
    ),
}


@pytest.mark.parametrize("name", HOSTS)
def test_the_host_takes_up_no_padding(name, tmp_path):
    nodes, outputs = HOSTS[name]
    first, constants = pad(13, ZEROS)
    first.input[0] = "r"
    made = model([node("Relu", "x", "r"), first, *nodes], constants, MAP, outputs=outputs)
    assert refused(tmp_path, made).startswith(f"Pad 'p': {TAKEN}: ")


def test_what_follows_a_refused_pad_is_looked_at_all_the_same(tmp_path):
    first, constants = pad(13, ZEROS)
    nodes = [first, node("Relu", "p", "r"), node("Conv", "r w", "c"), node("LSTM", "c", "y")]
    found = inspect(save(tmp_path, model(nodes, {"w": W, **constants}, MAP)))
    assert found.problems == (f"Pad 'p': {TAKEN}: Relu 'r' follows", "LSTM 'y': this operator is not supported")
    assert [n.place for n in found.nodes] == ["unsupported", "hardware", "hardware", "unsupported"]
