# SPDX-License-Identifier: Apache-2.0
"""Mutants of the graph: strange ends and operands, too much of everything."""

from collections.abc import Callable, Iterator

from onnx import ModelProto, NodeProto, helper

from tests.frontend.build import model, node
from tests.robustness import graph_edits
from tests.robustness.honest import real
from tests.robustness.mutant import FAILS, PASSES, Mutant, built, edited
from tests.robustness.parts import port

W = {"w": real(4, 3), "b": real(3)}
ANY = ""


def mutants() -> Iterator[Mutant]:
    """Edits of the MLP, then graphs of their own."""
    for edits, must in ((graph_edits.FATAL, FAILS), (graph_edits.HARMLESS, PASSES), (graph_edits.OPEN, ANY)):
        for edit in edits:
            yield edited(f"graph/{edit.__name__.replace('_', ' ')}", "mlp", edit, must=must)
    for name, (nodes, must) in _small().items():
        yield built(f"graph/{name}", lambda n=nodes: model(n, W), must=must)
    for name, build in _large().items():
        yield built(f"many/{name}", build)


def _small() -> dict[str, tuple[list[NodeProto], str]]:
    """On x [N, 4] with w [4, 3] and b [3]."""
    product = node("MatMul", "x w", "h")
    return {
        "constants in a circle": (
            [node("Add", "p b", "q"), node("Add", "q b", "p"), product, node("Add", "h p", "y")],
            FAILS,
        ),
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
        "Identities around": (
            [node("Identity", "x", "i"), node("MatMul", "i w", "h"), node("Identity", "h", "y")],
            PASSES,
        ),
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
