# SPDX-License-Identifier: Apache-2.0
"""Damaged, hostile and unusable files: one clear message each."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper

from hwcompress.errors import BadInput, HwcError, UnsupportedModel, quote
from hwcompress.frontend.onnx_import import inspect, load
from hwcompress.sim.reference import run_float
from tests.frontend.build import f32, model, node, save, weights

W43 = weights(4, 3)


def good() -> ModelProto:
    return model([node("Gemm", "x w b", "h"), node("Relu", "h", "y")], {"w": W43, "b": W43[0]})


def message(path: Path, kind: type[HwcError] = BadInput) -> str:
    """What load says of a file, with its folder left out."""
    with pytest.raises(HwcError) as caught:
        load(path)
    assert type(caught.value) is kind
    assert caught.value.exit_status == 2
    return str(caught.value).replace(f"{path.parent}/", "")


def refused(folder: Path, made: ModelProto, kind: type[HwcError] = BadInput) -> str:
    return message(save(folder, made), kind)


def test_missing_directory_and_empty(tmp_path):
    (tmp_path / "dir.onnx").mkdir()
    (tmp_path / "empty.onnx").touch()
    assert message(tmp_path / "no.onnx") == "'no.onnx': no such file; name an ONNX file"
    assert message(tmp_path / "dir.onnx") == "'dir.onnx' is a directory; name an ONNX file"
    assert message(tmp_path / "empty.onnx") == "'empty.onnx' is empty; export the model again"
    assert message(tmp_path / ("n" * 300)).startswith("'n")
    assert message(tmp_path / "a\0b").startswith("'a\\x00b'")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path):
    path = save(tmp_path, good())
    path.chmod(0)
    assert message(path) == "'m.onnx' cannot be read: Permission denied"


@pytest.mark.parametrize("content", [b"not a model", b"\x89PNG\r\n", b"{}", bytes(100), b"\xff" * 50, b"PK\x03\x04"])
def test_no_onnx(content, tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    assert "not an ONNX model" in message(path)


def test_a_huge_file_is_not_read(tmp_path):
    path = tmp_path / "m.onnx"
    with path.open("wb") as file:
        file.truncate(1 << 32)
    assert message(path) == "'m.onnx' has 4294967296 bytes; models up to 2 GiB can be read"


def test_every_truncation(tmp_path):
    data = good().SerializeToString()
    path = tmp_path / "m.onnx"
    whole = load(save(tmp_path, good(), "whole.onnx"))
    for length in range(1, len(data)):
        path.write_bytes(data[:length])
        try:
            imported = load(path)
        except HwcError:
            continue
        # What is cut off was the version of a domain that the model does not use.
        assert length == len(data) - 2 - len(good().opset_import[1].SerializeToString())
        np.testing.assert_array_equal(run_float(imported.graph, np.eye(4)), run_float(whole.graph, np.eye(4)))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=4))
def test_changed_bytes_never_raise_anything_else(tmp_path, changes):
    data = bytearray(good().SerializeToString())
    for position, value in changes:
        data[position % len(data)] = value
    path = tmp_path / "m.onnx"
    path.write_bytes(data)
    for action in (load, inspect):
        text = ""
        try:
            action(path)
        except HwcError as error:
            text = str(error)
        assert all(c.isprintable() or c == "\n" for c in text)


def test_no_operators_no_outputs(tmp_path):
    made = good()
    del made.graph.node[:]
    assert refused(tmp_path, made) == "'m.onnx': the model has no operators; export it again"
    made = good()
    del made.graph.output[:]
    assert refused(tmp_path, made) == "the model declares no output; export it again"
    made = good()
    made.graph.output[0].name = "z"
    assert refused(tmp_path, made) == "output 'z' is made by no operator; the file is damaged"


@pytest.mark.parametrize("opset", [6, 99])
def test_opsets(opset, tmp_path):
    found = refused(tmp_path, model([node("Relu", "x", "y")], opset=opset), UnsupportedModel)
    assert found.startswith(f"'m.onnx': written for opset {opset}; 7 to ")
    assert found.endswith(" are supported; convert it with onnx.version_converter")


def test_no_opset(tmp_path):
    made = good()
    del made.opset_import[0]
    assert refused(tmp_path, made) == "node '' ('Gemm'): the model does not say which opset it is of"


def test_cycles_missing_and_double_values(tmp_path):
    cyclic = model([node("Add", "x b", "a"), node("Add", "a c", "b"), node("Add", "b b", "c")])
    assert refused(tmp_path, cyclic) == "node '' ('Add') depends on its own result"
    own = model([node("Add", "x y", "y")])
    assert refused(tmp_path, own) == "node '' ('Add') depends on its own result"
    missing = model([node("Gemm", "x w", "y")])
    assert refused(tmp_path, missing) == "node '' ('Gemm') reads 'w', which nothing makes"
    double = model([node("Relu", "x", "y"), node("Relu", "x", "y")])
    assert refused(tmp_path, double) == "node '' makes 'y', which exists already; the file is damaged"
    made = good()
    made.graph.initializer.append(made.graph.initializer[0])
    assert refused(tmp_path, made) == "the initializer 'w' is there twice; the file is damaged"


def test_sizes_that_do_not_fit(tmp_path):
    made = good()
    made.graph.initializer[0].dims[0] = 1 << 40
    assert refused(tmp_path, made) == (
        "tensor 'w': shape [1099511627776, 3] wants 13194139533312 bytes, found 48; the file is damaged"
    )
    made.graph.initializer[0].dims[0] = -4
    assert refused(tmp_path, made) == "tensor 'w': shape [-4, 3] has a negative dimension; the file is damaged"
    made = good()
    made.graph.initializer[0].data_type = 77
    assert "element type type 77" in refused(tmp_path, made)
    made = model([node("Gemm", "x w", "y")])
    made.graph.initializer.append(TensorProto(name="w", data_type=1, dims=[4, 3], float_data=[1.0] * 11))
    assert refused(tmp_path, made) == "tensor 'w': shape [4, 3] wants 12 values, found 11; the file is damaged"


@pytest.mark.parametrize("big", [1 << 27, 1 << 62])
def test_huge_constants_are_refused_before_they_are_made(big, tmp_path):
    nodes = [node("ConstantOfShape", "s", "c"), node("Add", "x c", "y")]
    found = refused(tmp_path, model(nodes, {"s": np.array([big], np.int64)}), UnsupportedModel)
    assert f"a constant of shape [{big}] is larger than 16777216 elements" in found


def test_constants_that_double_are_refused(tmp_path):
    nodes = [node("Concat", f"c{i} c{i}", f"c{i + 1}", axis=0) for i in range(60)]
    made = model([*nodes, node("Add", "x c60", "y")], {"c0": np.ones(1000, np.float32)})
    assert "is not usable" in refused(tmp_path, made, UnsupportedModel)
    nodes = [node("Expand", f"one s{i}", f"c{i}") for i in range(40)] + [
        node("Neg", f"c{i}", f"d{i}") for i in range(40)
    ]
    shapes = {f"s{i}": np.array([1 << 20], np.int64) for i in range(40)}
    made = model([*nodes, node("Add", "x d39", "y")], {"one": np.ones(1, np.float32), **shapes})
    refused(tmp_path, made, UnsupportedModel)


def test_huge_and_empty_inputs(tmp_path):
    large = model([node("Relu", "x", "y")], shape=("N", 1 << 20, 1 << 20))
    assert "input 'x': a sample has 1099511627776 elements; up to 16777216 are supported" in refused(
        tmp_path, large, UnsupportedModel
    )
    for dims in (("N", 0), (0, 4)):
        empty = model([node("Relu", "x", "y")], shape=dims)
        assert "every dimension must be at least 1" in refused(tmp_path, empty, UnsupportedModel)


def test_unusable_inputs(tmp_path):
    two = good()
    two.graph.input.append(helper.make_tensor_value_info("x2", 1, ["N", 4]))
    assert "the model has 2 inputs ('x', 'x2'); exactly one is supported" in refused(tmp_path, two, UnsupportedModel)
    text = model([node("Identity", "x", "y")], kind=TensorProto.STRING)
    assert "input 'x' holds string; a tensor of float or integer" in refused(tmp_path, text, UnsupportedModel)
    open_dim = model([node("Relu", "x", "y")], shape=("N", "width\n"))
    assert "input 'x': dimension 1 is 'width\\n'; all but the batch" in refused(tmp_path, open_dim, UnsupportedModel)
    bare = good()
    bare.graph.input[0].type.tensor_type.ClearField("shape")
    assert "input 'x' has no shape" in refused(tmp_path, bare, UnsupportedModel)
    bare.graph.input[0].ClearField("type")
    assert "input 'x' holds not a tensor" in refused(tmp_path, bare, UnsupportedModel)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, "signalling"])
def test_weights_that_are_no_numbers(value, tmp_path):
    bad = W43.copy()
    if value == "signalling":
        bad.view(np.uint32)[1, 1] = 0x7F800001
    else:
        bad[1, 1] = value
    made = model([node("Gemm", "x w v", "h"), node("LSTM", "h w", "y")], {"w": bad, "v": W43[0]})
    assert refused(tmp_path, made, UnsupportedModel) == (
        "model 'm.onnx' cannot be built, 2 problems:\n"
        "  Gemm 'h': the weight holds NaN or infinity (1 of 12 values)\n"
        "  LSTM 'y': this operator is not supported\n"
        "hwcompress inspect shows every node of the model and where it would run."
    )


@pytest.mark.parametrize(
    ("variance", "mean", "reason"),
    [
        (-1.0, 0.0, "variance + epsilon is not positive everywhere"),
        (np.nan, 0.0, "variance + epsilon is not positive everywhere"),
        (1e-300, 1e300, "the constant holds NaN or infinity (1 of 4 values)"),
    ],
)
def test_normalization_without_meaning(variance, mean, reason, tmp_path):
    stats = {"s": np.ones(4), "b": np.ones(4), "m": np.zeros(4), "v": np.ones(4)}
    stats["v"][1], stats["m"][1] = variance, mean
    made = model([node("BatchNormalization", "x s b m v", "y", epsilon=0.0)], stats, kind=TensorProto.DOUBLE)
    assert f"BatchNormalization 'y': {reason}" in refused(tmp_path, made, UnsupportedModel)


def test_every_unsupported_node_is_listed_at_once(tmp_path):
    nodes = [
        node("Gemm", "x w", "a"),
        node("Softmax", "a", "b"),
        node("Erf", "b", "c"),
        node("PRelu", "c slopes", "d"),
        node("Add", "d d", "e"),
        node("MatMul", "e e", "f"),
        helper.make_node("Magic", ["f"], ["g"], name="m\n", domain="a.b"),
        node("LSTM", "g k", "h"),
        node("Softmax", "h", "y"),
    ]
    constants = {"w": W43, "slopes": f32([1, 2, 3]), "k": weights(1, 1, 1)}
    assert refused(tmp_path, model(nodes, constants), UnsupportedModel) == (
        "model 'm.onnx' cannot be built, 7 problems:\n"
        "  Softmax 'b': is possible only at the end of the network, where the host computes it; LSTM 'h' follows\n"
        "  Erf 'c': this operator is not supported\n"
        "  PRelu 'd': slopes differ from channel to channel; one slope for all is wanted\n"
        "  Add 'e': more than one input depends on the network's input; only constants may join a chain\n"
        "  MatMul 'f': more than one input depends on the network's input; only constants may join a chain\n"
        "  a.b.Magic 'm\\n': this operator is not supported\n"
        "  LSTM 'h': this operator is not supported\n"
        "hwcompress inspect shows every node of the model and where it would run."
    )


@pytest.mark.parametrize(
    ("nodes", "reason"),
    [
        (
            [node("MatMul", "x w", "h"), node("Relu", "h", "a"), node("Gemm", "h v", "b"), node("Add", "a b", "y")],
            "value 'h' is read by 2 nodes (Relu 'a', Gemm 'b'); the network must be a chain",
        ),
        ([node("Softmax", "x", "y")], ("nothing can be built: no product, scaling or activation stands between the "
                                      "input and Softmax 'y'")),
        ([node("Identity", "x", "y")], ("nothing can be built: no product, scaling or activation stands between the "
                                       "input and the output")),
        ([node("Identity", "w", "y")], "output 'y' does not depend on the model's input"),
        ([node("MatMul", "x v", "y")], "MatMul 'y': [3, 3] does not fit [N, 4]: 3 inputs against 4"),
        ([node("Div", "one x", "y")], "Div 'y': divides by a value that depends on the network's input"),
        ([node("Transpose", "x", "t"), node("MatMul", "t w", "y")], "MatMul 'y': sums over the batch of [4, N]"),
        ([node("Flatten", "x", "t", axis=0), node("MatMul", "t w", "y")], "MatMul 'y': [4, 3] does not fit [1, 4]: 3"),
        ([node("Add", "x three", "y")], "constant [3] does not fit [N, 4], one value or one"),
        ([node("Add", "x v", "y")], "Add 'y': constant [3, 3] against [N, 4] differs from sample to sample"),
        ([node("Dropout", "x - on", "d"), node("MatMul", "d w", "y")], "Dropout 'd': training_mode is on"),
        ([node("Cast", "x", "d", to=7), node("Gemm", "d w", "y")], "Cast 'd': to int64 is possible only at the end"),
        ([node("Clip", "x w", "h"), node("MatMul", "h w", "y")], "Clip 'h': input 1 must hold one value, it holds 12"),
        ([node("LeakyRelu", "x", "h", alpha="a"), node("MatMul", "h w", "y")], "attribute alpha must be a number"),
        ([node("HardSigmoid", "x", "h", alpha=float("nan")), node("MatMul", "h w", "y")], "attribute alpha is nan"),
    ],
)  # fmt: skip
def test_reasons(nodes, reason, tmp_path):
    made = model(
        nodes,
        {"w": W43, "v": weights(3, 3), "on": np.array(True), "one": np.float32(1), "three": np.zeros(3, np.float32)},
    )
    if reason.startswith("MatMul 'y': [4, 3] does not fit [1, 4]"):
        load(save(tmp_path, made))  # a batch of one, flattened: the same vector
        return
    assert reason in refused(tmp_path, made, UnsupportedModel)


def test_an_output_in_the_middle(tmp_path):
    made = model([node("MatMul", "x w", "h"), node("Gemm", "h v", "y")], {"w": W43, "v": weights(3, 3)})
    made.graph.output.append(helper.make_tensor_value_info("h", 1, None))
    assert "output 'h' is taken from the middle of the network" in refused(tmp_path, made, UnsupportedModel)


NAMES = [
    "it's", 'a"b', "a\nb", "$x", "../../etc/passwd", "module", "int", "Ünï", "\N{SNOWMAN}", "x" * 10_000, "\\", "{x}",
    "%s", "\x1b[31m", "a b", "\u202e", "\ud83d",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES[:-1], ids=range(len(NAMES) - 1))
def test_names_in_messages_are_escaped_and_short(name, tmp_path):
    made = model([helper.make_node("Magic", ["x", "w"], [name], name=name), helper.make_node("Relu", [name], ["y"])])
    made.graph.input.append(helper.make_tensor_value_info("w", 1, [1]))
    made.graph.input[0].name = name + "in"
    made.graph.node[0].input[0] = name + "in"
    found = refused(tmp_path, made, UnsupportedModel)
    assert found.isascii()
    assert all(c.isprintable() or c == "\n" for c in found)
    assert len(found) < 600
    assert f"Magic {quote(name)}: this operator is not supported" in found


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_quote(name):
    shown = quote(name)
    assert shown.isascii()
    assert shown.isprintable()
    assert len(shown) <= 82
    assert shown[0] == shown[-1] == "'"


@pytest.mark.parametrize("name", NAMES[:-1], ids=range(len(NAMES) - 1))
def test_names_do_no_harm_to_a_good_model(name, tmp_path):
    made = model([helper.make_node("Gemm", ["in" + name, "w"], [name], name=name)], {"w": W43}, name="in" + name)
    imported = load(save(tmp_path, made))
    assert imported.graph.nodes[0].name == name
    assert imported.outputs == (name,)


def test_functions_that_call_themselves_or_explode(tmp_path):
    opset = [helper.make_opsetid("", 17), helper.make_opsetid("mine", 1)]

    def function(name: str, *calls: str):
        values = ["a", *(f"v{i}" for i in range(len(calls)))]
        body = [helper.make_node(c, [values[i]], [values[i + 1]], domain="mine") for i, c in enumerate(calls)]
        return helper.make_function("mine", name, ["a"], [values[-1]], body, opset)

    made = model([helper.make_node("f0", ["x"], ["y"], domain="mine")])
    made.opset_import.append(opset[1])
    made.functions.append(function("f0", "f0"))
    assert refused(tmp_path, made) == "function 'f0' of the model calls itself; the file is damaged"
    del made.functions[:]
    made.functions.extend(function(f"f{i}", f"f{i + 1}", f"f{i + 1}") for i in range(40))
    made.functions.append(helper.make_function("mine", "f40", ["a"], ["b"], [node("Relu", "a", "b")], opset[:1]))
    assert refused(tmp_path, made) == ("the model's functions expand to 1099511627776 nodes; 100000 are allowed")


def test_a_deep_model_is_no_problem(tmp_path):
    chain = [node("Identity", "b0", "b1")] + [node("Identity", f"b{i}", f"b{i + 1}") for i in range(1, 3000)]
    relus = [node("Relu", f"h{i}", f"h{i + 1}") for i in range(3000)]
    made = model([*chain, node("Gemm", "x w b3000", "h0"), *relus], {"w": W43, "b0": W43[0]})
    assert len(load(save(tmp_path, made)).graph.nodes) == 3001
