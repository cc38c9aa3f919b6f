# SPDX-License-Identifier: Apache-2.0
"""What no device, no planner and no host can take: refused when the file is read, with the number that is too large."""

import numpy as np
import pytest
from onnx import helper

from hwcompress import api
from hwcompress.errors import BadInput
from hwcompress.frontend import limits
from hwcompress.frontend.onnx_import import load
from tests.frontend.build import agrees, model, node, refused, save, weights

W = {"w": weights(4, 3)}


def pools(count: int, rows: int, columns: int):
    """Maximum of 3 x 3, none of which makes the map smaller."""
    nodes = [node("MaxPool", f"v{i}", f"v{i + 1}", kernel_shape=[3, 3], pads=[1] * 4) for i in range(count)]
    return model(nodes, shape=("N", 1, rows, columns), name="v0")


def test_positions_of_all_maps_together(tmp_path):
    """The first reason is that of the first node too many; what follows has no hardware to stand on."""
    load(save(tmp_path, pools(4, 1080, 1920)))
    found = refused(tmp_path, pools(5, 1080, 1920))
    assert (
        found == f"MaxPool 'v5': with it the model has {5 * 1080 * 1920} positions of maps; up to 8388608 are supported"
    )


def test_rows_of_all_maps_together(tmp_path):
    """Planning walks row by row."""
    load(save(tmp_path, pools(2, limits.MAX_ROWS // 2, 2)))
    found = refused(tmp_path, pools(3, limits.MAX_ROWS // 2, 2))
    assert found == "MaxPool 'v3': with it the model has 393216 rows of maps; up to 262144 are supported"


def test_constants_of_all_layers_together(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MAX_CONSTANTS", 24)
    nodes = [node("MatMul", f"v{i} w", f"v{i + 1}") for i in range(3)]
    made = model(nodes, {"w": weights(3, 3)}, shape=("N", 3), name="v0")
    assert refused(tmp_path, made) == "MatMul 'v3': with it the model has 27 constants; up to 24 are supported"


def test_what_the_windows_of_a_pool_read(tmp_path):
    made = model([node("MaxPool", "x", "y", kernel_shape=[512, 512])], shape=("N", 1, 1024, 1024))
    assert refused(tmp_path, made) == "MaxPool 'y': its windows read more than 268435456 elements"


@pytest.mark.parametrize("behind", ["Add", "Where", "Max"])
def test_constants_too_large_for_the_host_too(behind, tmp_path):
    """Hardware ends before an Add that it cannot do; but no host holds its constant either."""
    reads = {"Add": "h c", "Where": "on h c", "Max": "h c"}[behind]
    nodes = [node("MatMul", "x w", "h"), node("ConstantOfShape", "s", "c"), node(behind, reads, "y")]
    made = model(nodes, {**W, "s": np.array([1 << 25]), "on": np.array(True)})
    position = reads.split().index("c")
    assert refused(tmp_path, made) == (
        f"{behind} 'y': input {position} ('c') is not usable: a constant of shape [33554432] is larger than "
        "16777216 elements"
    )


def test_such_a_constant_behind_an_operator_that_is_not_folded(tmp_path):
    nodes = [
        node("MatMul", "x w", "h"),
        node("ConstantOfShape", "s", "c"),
        node("CumSum", "c zero", "d"),
        node("Reshape", "h d", "y"),
    ]
    made = model(nodes, {**W, "s": np.array([1 << 25]), "zero": np.array(0)})
    assert "input 1 ('d') is not usable: input 0 ('c') is not usable: a constant of" in refused(tmp_path, made)


@pytest.mark.parametrize("shape", [(1, 1 << 24, 3), (1 << 23, 1, 3), (1 << 40, 3)])
def test_results_too_large_for_the_host(shape, tmp_path):
    nodes = [node("MatMul", "x w", "h"), node("Expand", "h s", "e"), node("Softmax", "e", "y")]
    found = refused(tmp_path, model(nodes, {**W, "s": np.array(shape)}))
    assert found == "Expand 'e': makes more than 16777216 elements of one sample"


def test_a_tail_of_usual_size_stays(tmp_path):
    nodes = [node("MatMul", "x w", "h"), node("Expand", "h s", "e"), node("Softmax", "e", "y", axis=-1)]
    agrees(tmp_path, model(nodes, {**W, "s": np.array([7, 1, 3])}), exact=False, tolerance=1e-5)


@pytest.mark.parametrize(
    ("behind", "message"),
    [
        (node("Softmax", "h", "y", axis=7), "onnxruntime cannot run the end of the model 'm': "),
        (node("Add", "h h c", "y"), "onnxruntime cannot run the end of the model 'm': "),
    ],
)
def test_a_tail_that_onnxruntime_does_not_take(behind, message, tmp_path):
    """Without data nothing runs it before `predict`; but then a design would come out that never answers."""
    path = save(tmp_path, model([node("MatMul", "x w", "h"), behind], {**W, "c": weights(3)}))
    with pytest.raises(BadInput) as caught:
        api.estimate(path)
    assert str(caught.value).startswith(message)


def test_attributes_that_the_operator_does_not_have(tmp_path):
    """`kilations` is no remark in the margin: with it passed over, the convolution would compute something else."""
    made = model([node("Conv", "x w", "y", kilations=[2])], {"w": weights(2, 1, 3)}, ("N", 1, 9))
    assert refused(tmp_path, made) == "Conv 'y': has an attribute 'kilations', which this operator does not have"
    nodes = [node("MatMul", "x w", "h"), node("Softmax", "h", "y", axes=1)]
    assert (
        refused(tmp_path, model(nodes, W)) == "Softmax 'y': has an attribute 'axes', which this operator does not have"
    )
    nodes = [node("Neg", "b", "c", beta=1.0), node("Gemm", "x w c", "y")]
    assert "input 2 ('c') is not usable: has an attribute 'beta'" in refused(
        tmp_path, model(nodes, {**W, "b": weights(3)})
    )
    nodes = [node("Dropout", "x", "d", ratio=0.5), node("MatMul", "d w", "y")]
    agrees(tmp_path, model(nodes, W, opset=7))
    assert "has an attribute 'ratio'" in refused(tmp_path, model(nodes, W, opset=13))


@pytest.mark.parametrize(
    ("given", "kind"), [(1, "a number"), ([0.5], "a number"), ("x", "a number"), (np.float32(0.5), None)]
)
def test_attributes_of_another_type(given, kind, tmp_path):
    """Read or not: a Dropout passes its tensor on whatever its ratio."""
    nodes = [node("Dropout", "x", "d", ratio=given), node("MatMul", "d w", "y")]
    if kind is None:
        agrees(tmp_path, model(nodes, W, opset=7))
    else:
        assert refused(tmp_path, model(nodes, W, opset=7)) == f"Dropout 'd': attribute ratio must be {kind}"


def test_a_normalization_of_each_element_with_parameters_for_channels(tmp_path):
    stats = {name: np.ones(2, np.float32) for name in "sbmv"}
    made = model([node("BatchNormalization", "x s b m v", "y", spatial=0)], stats, ("N", 2, 3, 3), opset=7)
    assert refused(tmp_path, made) == (
        "BatchNormalization 'y': parameters [2] do not fit the [2, 3, 3] elements of [N, 2, 3, 3]: spatial is 0"
    )


def test_an_attribute_twice(tmp_path):
    made = model([node("Conv", "x w", "y", dilations=[2])], {"w": weights(2, 1, 3)}, ("N", 1, 9))
    made.graph.node[0].attribute.append(helper.make_attribute("dilations", [1]))
    with pytest.raises(BadInput) as caught:
        load(save(tmp_path, made))
    assert str(caught.value) == "node '' ('Conv'): the attribute 'dilations' is there twice; the file is damaged"
