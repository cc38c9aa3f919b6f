# SPDX-License-Identifier: Apache-2.0
"""Functions of a model, and bodies in bodies: circles, explosions, strange ends."""

from collections.abc import Callable, Iterator

import numpy as np
from onnx import AttributeProto, FunctionProto, ModelProto, NodeProto, helper

from tests.frontend.build import model, node
from tests.robustness.honest import real
from tests.robustness.mutant import Mutant, built
from tests.robustness.parts import port
from tests.robustness.wire import field

W = {"w": real(4, 3), "b": real(3)}
OPSETS = [helper.make_opsetid("", 17), helper.make_opsetid("mine", 1)]


def mutants() -> Iterator[Mutant]:
    """Functions, then control flow."""
    for name, build in _functions().items():
        yield built(f"function/{name}", build)
    for depth in (3, 20, 400):
        for op, condition in (("If", "h"), ("Loop", "h"), ("Scan", "h"), ("If", "on")):
            yield built(f"nested/{op} {condition} {depth}", lambda d=depth, o=op, c=condition: _nested(d, o, c))


def _function(name: str, *calls: str, attributes: tuple[str, ...] = ()) -> FunctionProto:
    """Of the domain `mine`: calls of others, one behind another, or a Relu."""
    values = ["a", *(f"v{i}" for i in range(len(calls)))]
    body = [helper.make_node(c, [values[i]], [values[i + 1]], domain="mine") for i, c in enumerate(calls)]
    body = body or [node("Relu", "a", "v")]
    return helper.make_function("mine", name, ["a"], [body[-1].output[0]], body, OPSETS, attributes)


def _body(*nodes: NodeProto, end: tuple[str, ...] = ("b",), opset: int = 17) -> ModelProto:
    """A model that calls a function of these nodes, and its outputs."""
    opsets = [helper.make_opsetid("", opset)]
    return _calling(helper.make_function("mine", "f0", ["a"], list(end), list(nodes), opsets))


def _calling(*functions: FunctionProto, start: str = "f0", inputs: int = 1) -> ModelProto:
    call = helper.make_node(start, ["h"] * inputs, ["y"], domain="mine")
    found = model([node("MatMul", "x w", "h"), call], W)
    found.opset_import.append(OPSETS[1])
    found.functions.extend(functions)
    return found


def _hidden() -> ModelProto:
    """A function that is called like an operator of ONNX."""
    relu = helper.make_function("", "Relu", ["a"], ["b"], [node("Neg", "a", "b")], OPSETS[:1])
    found = model([node("MatMul", "x w", "h"), node("Relu", "h", "y")], W)
    found.functions.append(relu)
    return found


def _doubling(times: int) -> ModelProto:
    """Each function calls the next one twice."""
    last = _function(f"f{times}")
    return _calling(*(_function(f"f{i}", f"f{i + 1}", f"f{i + 1}") for i in range(times)), last)


def _chain(count: int) -> ModelProto:
    return _calling(*(_function(f"f{i}", f"f{i + 1}") for i in range(count)), _function(f"f{count}"))


def _functions() -> dict[str, Callable[[], ModelProto]]:
    relu = node("Relu", "a", "b")
    return {
        "honest": lambda: _calling(_function("f0")),
        "calls itself": lambda: _calling(_function("f0", "f0")),
        "two call each other": lambda: _calling(_function("f0", "f1"), _function("f1", "f0")),
        "doubles 40 times": lambda: _doubling(40),
        "doubles 12 times": lambda: _doubling(12),
        "a chain of 2,000": lambda: _chain(2000),
        "twice": lambda: _calling(_function("f0"), _function("f0", "f0")),
        "missing": lambda: _calling(start="f9"),
        "too many operands": lambda: _calling(_function("f0"), inputs=3),
        "attribute that is not given": lambda: _calling(_function("f0", attributes=("alpha",))),
        "of the domain of ONNX": _hidden,
        "reads outside": lambda: _body(node("Add", "a w", "b")),
        "no outputs": lambda: _body(relu, end=()),
        "ghost output": lambda: _body(relu, end=("ghost",)),
        "other opset": lambda: _body(relu, opset=999),
    }


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
