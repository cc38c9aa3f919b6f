# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501, C901, PLR0915
# pyright: basic, reportArgumentType=false, reportCallIssue=false
"""Mutants of the graph: cycles, missing and doubled values, strange ends, too much of everything."""

from collections.abc import Callable, Iterator

import numpy as np
from onnx import AttributeProto, FunctionProto, ModelProto, NodeProto, TensorProto, helper

from tests.frontend.build import model, node
from tests.robustness.honest import real
from tests.robustness.mutant import FAILS, PASSES, Mutant, built, edited
from tests.robustness.parts import port, tensor
from tests.robustness.wire import field

W = {"w": real(4, 3), "b": real(3)}
Edit = Callable[[ModelProto], object]


def mutants() -> Iterator[Mutant]:
    """Edits of the MLP, then graphs of their own, then functions and control flow."""
    for name, edit in _edits().items():
        yield edited(f"graph/{name}", "mlp", edit, must=FAILS if name in FATAL else PASSES if name in HARMLESS else "")
    for name, (nodes, must) in _small().items():
        yield built(f"graph/{name}", lambda n=nodes: model(n, W), must=must)
    for name, build in _large().items():
        yield built(f"many/{name}", build)
    for name, build in _functions().items():
        yield built(f"function/{name}", build)
    for depth in (3, 20, 400):
        for op, condition in (("If", "h"), ("Loop", "h"), ("Scan", "h"), ("If", "on")):
            yield built(f"nested/{op} {condition} {depth}", lambda d=depth, o=op, c=condition: _nested(d, o, c))


FATAL = (
    "cycle", "self loop", "missing weight", "missing input", "no outputs", "ghost output", "no nodes", "no graph",
    "two makers", "node shadows weight", "node shadows input", "no inputs", "two inputs", "output is weight",
    "two outputs", "no names",
)  # fmt: skip
ANY = ""
HARMLESS = ("backwards", "unused nodes", "weights listed as inputs", "value_info lies", "doc strings")


def _edits() -> dict[str, Edit]:
    def cycle(m: ModelProto) -> None:
        m.graph.node[0].input[0] = "y"

    def self_loop(m: ModelProto) -> None:
        m.graph.node[1].input[0] = "r"

    def backwards(m: ModelProto) -> None:
        nodes = [NodeProto.FromString(n.SerializeToString()) for n in m.graph.node][::-1]
        del m.graph.node[:]
        m.graph.node.extend(nodes)

    def missing_weight(m: ModelProto) -> None:
        m.graph.initializer.remove(tensor(m, "w0"))

    def missing_input(m: ModelProto) -> None:
        del m.graph.node[0].input[1:]

    def no_outputs(m: ModelProto) -> None:
        del m.graph.output[:]

    def ghost_output(m: ModelProto) -> None:
        m.graph.output[0].name = "ghost"

    def output_twice(m: ModelProto) -> None:
        m.graph.output.append(m.graph.output[0])

    def two_outputs(m: ModelProto) -> None:
        m.graph.output.append(port("r", "N", 8))

    def output_is_input(m: ModelProto) -> None:
        m.graph.output[0].name = "x"

    def output_is_weight(m: ModelProto) -> None:
        m.graph.output[0].name = "w0"

    def input_among_outputs(m: ModelProto) -> None:
        m.graph.output.append(m.graph.input[0])

    def no_inputs(m: ModelProto) -> None:
        del m.graph.input[:]

    def two_inputs(m: ModelProto) -> None:
        m.graph.input.append(port("x2", "N", 6))

    def input_twice(m: ModelProto) -> None:
        m.graph.input.append(m.graph.input[0])

    def input_is_weight(m: ModelProto) -> None:
        m.graph.input[0].name = "w0"

    def weights_listed_as_inputs(m: ModelProto) -> None:
        m.graph.input.extend(port(t.name, *t.dims) for t in m.graph.initializer)

    def weight_listed_with_another_shape(m: ModelProto) -> None:
        m.graph.input.append(port("w0", 9, 9, kind=TensorProto.STRING))

    def weight_only_listed(m: ModelProto) -> None:
        m.graph.initializer.remove(tensor(m, "b1"))
        m.graph.input.append(port("b1", 3))

    def no_nodes(m: ModelProto) -> None:
        del m.graph.node[:]

    def no_graph(m: ModelProto) -> None:
        m.ClearField("graph")

    def two_makers(m: ModelProto) -> None:
        m.graph.node[1].output[0] = "h"

    def node_shadows_weight(m: ModelProto) -> None:
        m.graph.node[1].output[0] = "w1"

    def node_shadows_input(m: ModelProto) -> None:
        m.graph.node[1].output[0] = "x"

    def outputs_of_one_node_alike(m: ModelProto) -> None:
        m.graph.node[1].output.append("r")

    def no_names(m: ModelProto) -> None:
        for n in m.graph.node:
            n.input[:] = [""] * len(n.input)
            n.output[:] = [""]

    def no_operator(m: ModelProto) -> None:
        m.graph.node[1].op_type = ""

    def unused_nodes(m: ModelProto) -> None:
        m.graph.node.extend([node("Magic", "x", "z"), helper.make_node("Evil", ["w0"], ["zz"], domain="evil")])

    def node_without_ends(m: ModelProto) -> None:
        m.graph.node.append(NodeProto(op_type="Relu"))

    def weight_as_data(m: ModelProto) -> None:
        m.graph.node[0].input[:] = ["w0", "x", "b0"]

    def data_as_bias(m: ModelProto) -> None:
        m.graph.node[0].input[2] = "x"

    def too_many_operands(m: ModelProto) -> None:
        m.graph.node[1].input.extend(["w0", "b0", "x"])

    def value_info_lies(m: ModelProto) -> None:
        m.graph.value_info.extend([port("h", 1 << 40, -3, kind=TensorProto.STRING), port("ghost", 1)])

    def doc_strings(m: ModelProto) -> None:
        m.doc_string = m.graph.doc_string = m.graph.node[0].doc_string = "\x1b[2J{{7*7}}" * 10_000

    def output_of_another_type(m: ModelProto) -> None:
        m.graph.output[0].CopyFrom(port("y", 99, "what", kind=TensorProto.STRING))

    return {f.__name__.replace("_", " ") if f is not value_info_lies else "value_info lies": f for f in (
        cycle, self_loop, backwards, missing_weight, missing_input, no_outputs, ghost_output, output_twice, two_outputs,
        output_is_input, output_is_weight, input_among_outputs, no_inputs, two_inputs, input_twice, input_is_weight,
        weights_listed_as_inputs, weight_listed_with_another_shape, weight_only_listed, no_nodes, no_graph, two_makers,
        node_shadows_weight, node_shadows_input, outputs_of_one_node_alike, no_names, no_operator, unused_nodes,
        node_without_ends, weight_as_data, data_as_bias, too_many_operands, value_info_lies, doc_strings,
        output_of_another_type,
    )}  # fmt: skip


def _small() -> dict[str, tuple[list[NodeProto], str]]:
    """On x [N, 4] with w [4, 3] and b [3]."""
    product = node("MatMul", "x w", "h")
    return {
        "constants in a circle": ([node("Add", "p b", "q"), node("Add", "q b", "p"), product, node("Add", "h p", "y")], FAILS),
        "values in a circle": ([node("Add", "h q", "y"), node("Relu", "y", "q"), product], FAILS),
        "x + x": ([node("Add", "x x", "y")], FAILS),
        "x times x": ([node("MatMul", "x x", "y")], FAILS),
        "a square": ([product, node("Mul", "h h", "y")], ANY),
        "a residual": ([product, node("Relu", "h", "r"), node("Add", "r h", "y")], ANY),
        "x / x": ([node("Div", "x x", "y")], FAILS),
        "nothing but constants": ([node("Add", "b b", "y")], FAILS),
        "a constant end": ([product, node("Shape", "h", "y")], FAILS),
        "end at a constant times 0": ([product, node("Sub", "h h", "z"), node("Add", "z b", "y")], ANY),
        "Identity": ([node("Identity", "x", "y")], FAILS),
        "Identities around": ([node("Identity", "x", "i"), node("MatMul", "i w", "h"), node("Identity", "h", "y")], PASSES),
        "Relu without operands": ([node("Relu", "", "r"), product, node("Add", "h r", "y")], ANY),
        "Gemm without operands": ([product, node("Gemm", "- h", "y")], FAILS),
        "Concat of nothing": ([node("Concat", "", "c", axis=0), product, node("Add", "h c", "y")], ANY),
        "Sum of one": ([product, node("Sum", "h", "y")], PASSES),
        "an If without branches": ([product, node("If", "h", "y")], FAILS),
        "Dropout with a mask that is read": ([product, node("Dropout", "h", "d m"), node("Where", "m d b", "y")], ANY),
        "operators of other cases": ([node("matmul", "x w", "y")], FAILS),
        "an operator of Python": ([product, node("__import__", "h", "y")], FAILS),
        "Conv on a vector": ([node("Conv", "x w", "y")], FAILS),
        "LSTM": ([product, node("LSTM", "h w b", "y")], FAILS),
    }  # fmt: skip


def _large() -> dict[str, Callable[[], ModelProto]]:
    """Thousands of nodes."""

    def chain(op: str, count: int) -> ModelProto:
        nodes = [node("MatMul", "x w", "v0"), *(node(op, f"v{i}", f"v{i + 1}") for i in range(count))]
        return model(nodes, W)

    def alike(count: int) -> ModelProto:
        nodes = [node("Magic", f"v{i} w", f"v{i + 1}") for i in range(count)]
        return model([node("MatMul", "x w", "v0"), *nodes], W)

    def readers(count: int) -> ModelProto:
        """All of one value, joined at the end."""
        nodes = [node("Relu", "h", f"r{i}") for i in range(count)]
        joined = helper.make_node("Sum", [f"r{i}" for i in range(count)], ["y"])
        return model([node("MatMul", "x w", "h"), *nodes, joined], W)

    def constants(count: int) -> ModelProto:
        nodes = [node("Add", f"c{i} c{i}", f"c{i + 1}") for i in range(count)]
        return model([*nodes, node("MatMul", "x w", "h"), node("Add", f"h c{count}", "y")], {**W, "c0": real(3)})

    def ports(count: int) -> ModelProto:
        made = model([node("MatMul", "x w", "y")], W)
        made.graph.input.extend(port(f"i{k}", "N", 3) for k in range(count))
        made.graph.output.extend(port(f"o{k}", "N", 3) for k in range(count))
        return made

    def layers(count: int) -> ModelProto:
        nodes = [node("MatMul", f"v{i} w{i}", f"v{i + 1}") for i in range(count)]
        return model(nodes, {f"w{i}": real(4, 4, seed=i) for i in range(count)}, name="v0")

    return {
        "20,000 Relu": lambda: chain("Relu", 20_000),
        "10,000 Identity": lambda: chain("Identity", 10_000),
        "60 Sigmoid": lambda: chain("Sigmoid", 60),
        "2,000 Neg": lambda: chain("Neg", 2_000),
        "5,000 Softmax": lambda: chain("Softmax", 5_000),
        "5,000 unknown operators": lambda: alike(5_000),
        "5,000 readers": lambda: readers(5_000),
        "5,000 constants": lambda: constants(5_000),
        "2,000 ports": lambda: ports(2_000),
        "60 layers": lambda: layers(60),
        "5,000 nodes in a circle": lambda: model(
            [node("Add", f"v{(i + 1) % 5000} x", f"v{i}") for i in range(5000)], W
        ),
        "20,000 operands": lambda: model([helper.make_node("Sum", ["x", *["b4"] * 20_000], ["y"])], {"b4": real(4)}),
    }


def _functions() -> dict[str, Callable[[], ModelProto]]:
    """Of the domain `mine`."""
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("mine", 1)]

    def function(name: str, *calls: str, attributes: tuple[str, ...] = ()) -> FunctionProto:
        values = ["a", *(f"v{i}" for i in range(len(calls)))]
        body = [helper.make_node(c, [values[i]], [values[i + 1]], domain="mine") for i, c in enumerate(calls)]
        body = body or [node("Relu", "a", "v")]
        return helper.make_function("mine", name, ["a"], [body[-1].output[0]], body, opsets, attributes)

    def made(*functions: FunctionProto, start: str = "f0", inputs: int = 1) -> ModelProto:
        call = helper.make_node(start, ["h"] * inputs, ["y"], domain="mine")
        found = model([node("MatMul", "x w", "h"), call], W)
        found.opset_import.append(opsets[1])
        found.functions.extend(functions)
        return found

    def hidden() -> ModelProto:
        """A function that is called like an operator of ONNX."""
        relu = helper.make_function("", "Relu", ["a"], ["b"], [node("Neg", "a", "b")], opsets[:1])
        found = model([node("MatMul", "x w", "h"), node("Relu", "h", "y")], W)
        found.functions.append(relu)
        return found

    def reads_outside() -> ModelProto:
        body = [node("Add", "a w", "b")]
        return made(helper.make_function("mine", "f0", ["a"], ["b"], body, opsets))

    def no_outputs() -> ModelProto:
        return made(helper.make_function("mine", "f0", ["a"], [], [node("Relu", "a", "b")], opsets))

    def ghost_output() -> ModelProto:
        return made(helper.make_function("mine", "f0", ["a"], ["ghost"], [node("Relu", "a", "b")], opsets))

    def other_opset() -> ModelProto:
        return made(
            helper.make_function("mine", "f0", ["a"], ["b"], [node("Relu", "a", "b")], [helper.make_opsetid("", 999)])
        )

    return {
        "honest": lambda: made(function("f0")),
        "calls itself": lambda: made(function("f0", "f0")),
        "two call each other": lambda: made(function("f0", "f1"), function("f1", "f0")),
        "doubles 40 times": lambda: made(*(function(f"f{i}", f"f{i + 1}", f"f{i + 1}") for i in range(40)), function("f40")),
        "doubles 12 times": lambda: made(*(function(f"f{i}", f"f{i + 1}", f"f{i + 1}") for i in range(12)), function("f12")),
        "a chain of 2,000": lambda: made(*(function(f"f{i}", f"f{i + 1}") for i in range(2000)), function("f2000")),
        "twice": lambda: made(function("f0"), function("f0", "f0")),
        "missing": lambda: made(start="f9"),
        "too many operands": lambda: made(function("f0"), inputs=3),
        "attribute that is not given": lambda: made(function("f0", attributes=("alpha",))),
        "of the domain of ONNX": hidden,
        "reads outside": reads_outside,
        "no outputs": no_outputs,
        "ghost output": ghost_output,
        "other opset": other_opset,
    }  # fmt: skip


def _nested(depth: int, op: str, condition: str = "h") -> bytes:
    """A body in a body in a body; deeper than protobuf reads, too."""
    made = model([node("MatMul", "x w", "h"), node("Relu", "h", "n0")], {**W, "on": np.array(True)})
    end = port(f"n{depth}").SerializeToString()
    key = "then_branch" if op == "If" else "body"
    inner = made.graph.node[1].SerializeToString()
    for level in range(depth):
        body = field(1, inner) + field(12, port(f"n{level}").SerializeToString())
        head = NodeProto(op_type=op, input=[condition], output=[f"n{level + 1}"]).SerializeToString()
        attribute = AttributeProto(name=key, type=AttributeProto.GRAPH).SerializeToString()
        inner = head + field(5, attribute + field(6, body))
    del made.graph.output[:], made.graph.node[1]
    graph = made.graph.SerializeToString() + field(1, inner) + field(12, end)
    made.ClearField("graph")
    return made.SerializeToString() + field(7, graph)
