# SPDX-License-Identifier: Apache-2.0
"""All that stands in the way of a model, at once, each thing once; and where each node would run."""

from pathlib import Path

import numpy as np
import pytest
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper

from hwcompress.errors import UnsupportedModel
from hwcompress.frontend.onnx_import import inspect, load
from tests.frontend.build import agrees, model, node, save, weights

W43, V33 = weights(4, 3), weights(3, 3)
ONLY_LAST = "is possible only at the end of the network, where the host computes it"
FLOW = "control flow on the network's data is not supported; export the model without it"


def problems(folder: Path, made: ModelProto) -> list[str]:
    """What load lists, the same as what inspect lists."""
    path = save(folder, made)
    with pytest.raises(UnsupportedModel) as caught:
        load(path)
    found = inspect(path).problems
    assert str(caught.value).splitlines()[1:-1] == [f"  {line}" for line in found]
    return list(found)


def places(folder: Path, made: ModelProto) -> dict[str, str]:
    return {n.name: n.place for n in inspect(save(folder, made)).nodes}


def test_nodes_behind_a_tensor_of_unknown_shape_are_listed(tmp_path):
    nodes = [
        node("LSTM", "x k", "c"),
        node("Flatten", "c", "f"),
        node("Softmax", "f", "s"),
        node("Gemm", "s w", "g"),
        node("Erf", "g", "e"),
        node("ReduceMin", "e", "r", axes=[1]),
        node("Gemm", "r v", "h"),
        node("Softmax", "h", "p"),
        node("Mul", "p q", "y"),
    ]
    constants = {"k": weights(1, 1, 3, 3), "w": W43, "v": weights(1, 2), "q": np.float32(2)}
    made = model(nodes, constants, ("N", 1, 4, 4))
    assert problems(tmp_path, made) == [
        "LSTM 'c': this operator is not supported",
        f"Softmax 's': {ONLY_LAST}; Gemm 'h' follows",
        "Erf 'e': this operator is not supported",
        f"ReduceMin 'r': {ONLY_LAST}; Gemm 'h' follows",
    ]
    assert places(tmp_path, made) == {
        **dict.fromkeys("cser", "unsupported"),
        **dict.fromkeys("fgh", "hardware"),
        **dict.fromkeys("py", "host"),
    }


def test_a_branch_in_the_middle_is_listed_whole(tmp_path):
    # Shaped like Softplus as the dynamo exporter writes it.
    nodes = [
        node("MatMul", "x w", "h"),
        node("Erf", "h", "e"),
        node("LpNormalization", "e", "s"),
        node("Greater", "e q", "g"),
        node("Where", "g e s", "o"),
        node("MatMul", "o v", "y"),
    ]
    made = model(nodes, {"w": W43, "v": V33, "q": np.float32(20)})
    assert problems(tmp_path, made) == [
        "Erf 'e': this operator is not supported",
        "LpNormalization 's': this operator is not supported",
        f"Greater 'g': {ONLY_LAST}; MatMul 'y' follows",
        f"Where 'o': {ONLY_LAST}; MatMul 'y' follows",
    ]
    assert "host" not in places(tmp_path, made).values()


def test_shapes_of_unknown_tensors_are_no_problems_of_their_own(tmp_path):
    nodes = [
        node("LSTM", "x k", "c"),
        node("Shape", "c", "d"),
        node("Gather", "d zero", "n"),
        node("Concat", "n minus", "s", axis=0),
        node("Reshape", "c s", "f"),
        node("Gemm", "f w", "y"),
    ]
    constants = {"k": weights(1, 1, 3, 3), "w": W43, "zero": np.array([0]), "minus": np.array([-1])}
    made = model(nodes, constants, ("N", 1, 4, 4))
    assert problems(tmp_path, made) == ["LSTM 'c': this operator is not supported"]


def branch(name: str, *nodes: NodeProto) -> GraphProto:
    result = helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, None)
    return helper.make_graph(list(nodes), name, [], [result])


def choice(condition: str, *inner: str) -> NodeProto:
    """An If that reads `inner` only from its branches."""
    first, last = inner[0], inner[-1]
    then = branch("then", node("Relu", first, "t1"), node("Identity", "t1", "t2"))
    other = branch("else", node("Identity", last, "e1"))
    return node("If", condition, "k", then_branch=then, else_branch=other)


@pytest.mark.parametrize("condition", ["const", "many"])
def test_control_flow_that_captures_the_chain(condition, tmp_path):
    nodes = [
        node("MatMul", "x w", "h"),
        node("Shape", "x", "d"),
        node("ReduceProd", "d", "n", keepdims=0),
        node("Greater", "n four", "many"),
        choice(condition, "h"),
        node("MatMul", "k v", "y"),
    ]
    constants = {"w": W43, "v": V33, "const": np.array(True), "four": np.array(4)}
    made = model(nodes, constants)
    assert problems(tmp_path, made) == [f"If 'k': {FLOW}"]
    found = places(tmp_path, made)
    assert (found["h"], found["k"], found["y"]) == ("hardware", "unsupported", "hardware")


def test_control_flow_inside_control_flow(tmp_path):
    inner = node("If", "const", "i", then_branch=branch("a", node("Relu", "h", "r")), else_branch=branch(
        "b", node("Neg", "h", "s")))  # fmt: skip
    outer = node(
        "If", "const", "k", then_branch=branch("c", inner), else_branch=branch("d", node("Identity", "w", "j"))
    )
    made = model(
        [node("MatMul", "x w", "h"), outer, node("MatMul", "k v", "y")],
        {"w": W43, "v": V33, "const": np.array(True)},
    )
    assert problems(tmp_path, made) == [f"If 'k': {FLOW}"]


def test_captured_values_count_when_nodes_are_sorted(tmp_path):
    nodes = [choice("const", "h"), node("MatMul", "x w", "h"), node("MatMul", "k v", "y")]
    made = model(nodes, {"w": W43, "v": V33, "const": np.array(True)})
    path = save(tmp_path, made)
    assert [n.op for n in inspect(path).nodes] == ["MatMul", "If", "MatMul"]


def test_control_flow_among_constants_of_the_tail(tmp_path):
    nodes = [
        node("MatMul", "x w", "h"),
        node("Softmax", "h", "p"),
        choice("const", "two", "three"),
        node("Mul", "p k", "y"),
    ]
    constants = {"w": W43 / 8, "const": np.array(False), "two": np.float32(2), "three": np.float32(3)}
    agrees(tmp_path, model(nodes, constants), exact=False, tolerance=1e-6)


@pytest.mark.parametrize("training", [True, False])
def test_a_second_output_that_nothing_reads(training, tmp_path):
    nodes = [
        node("MatMul", "x w", "h"),
        node("Dropout", "h - on", "d mask"),
        node("Erf", "d", "e"),
        node("MatMul", "e v", "y"),
    ]
    made = model(nodes, {"w": W43, "v": V33, "on": np.array(training)})
    want = ["Dropout 'd': training_mode is on; export the model for inference"] if training else []
    assert problems(tmp_path, made) == [*want, "Erf 'e': this operator is not supported"]


def test_a_second_output_that_something_reads(tmp_path):
    nodes = [
        node("MatMul", "x w", "h"),
        node("Dropout", "h", "d mask"),
        node("MatMul", "d v", "y"),
        node("Not", "mask", "z"),
    ]
    outputs = {"y": TensorProto.FLOAT, "z": TensorProto.BOOL}
    made = model(nodes, {"w": W43, "v": V33}, outputs=outputs)
    assert problems(tmp_path, made) == ["Dropout 'd': its second output is used"]


def test_an_operator_of_two_outputs_counts_once(tmp_path):
    classifier = helper.make_node(
        "LinearClassifier", ["x"], ["label", "scores"], domain="ai.onnx.ml", coefficients=[1.0] * 12
    )
    outputs = {"label": TensorProto.INT64, "p": TensorProto.FLOAT}
    made = model([classifier, node("Softmax", "scores", "p")], outputs=outputs)
    assert problems(tmp_path, made) == ["ai.onnx.ml.LinearClassifier 'label': this operator is not supported"]
    assert places(tmp_path, made)["p"] == "host"


@pytest.mark.parametrize(("shape", "dims"), [((4, 0), "[4, 0]"), ((0,), "[0]")])
def test_weights_that_hold_nothing(shape, dims, tmp_path):
    made = model([node("MatMul", "x w", "y")], {"w": np.zeros(shape, np.float32)})
    reason = f"the weight {dims} holds nothing; every dimension must be at least 1"
    assert problems(tmp_path, made) == [f"MatMul 'y': {reason}"]
