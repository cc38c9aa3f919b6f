# SPDX-License-Identifier: Apache-2.0
"""Changes to the graph of the MLP: cycles, missing and doubled values, strange ends. The names say what."""

from onnx import ModelProto, NodeProto, TensorProto, helper

from tests.frontend.build import node
from tests.robustness.parts import port, tensor


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
    m.graph.Clear()


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


# No other answer than a refusal is right.
FATAL = (
    cycle, self_loop, missing_weight, missing_input, no_outputs, ghost_output, no_nodes, no_graph, two_makers,
    node_shadows_weight, node_shadows_input, no_inputs, two_inputs, output_is_weight, two_outputs, no_names,
)  # fmt: skip
# The network is as it was.
HARMLESS = (backwards, unused_nodes, weights_listed_as_inputs, value_info_lies, doc_strings)
OPEN = (
    output_twice, output_is_input, input_among_outputs, input_twice, input_is_weight, weight_listed_with_another_shape,
    weight_only_listed, outputs_of_one_node_alike, no_operator, node_without_ends, weight_as_data, data_as_bias,
    too_many_operands, output_of_another_type,
)  # fmt: skip
