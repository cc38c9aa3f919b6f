# SPDX-License-Identifier: Apache-2.0
"""Mutants of attributes: of absurd values, of other types, twice."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from onnx import AttributeProto, ModelProto, TensorProto, helper

from tests.robustness.honest import HONEST, fresh
from tests.robustness.mutant import Mutant, edited
from tests.robustness.parts import set_attribute, step

BIG = 1 << 31
LARGE = 1 << 62
PAIRS: dict[str, list[int]] = {
    "0": [0, 0], "-1": [-1, -1], "7": [7, 7], "10^6": [10**6, 10**6], "2^24": [1 << 24, 1 << 24], "2^31": [BIG, BIG],
    "2^62": [LARGE, LARGE], "least": [-LARGE * 2, -LARGE * 2], "none": [], "one": [1], "three": [1, 1, 1],
    "thousand": [1] * 1000, "uneven": [1, LARGE],
}  # fmt: skip
INTEGERS = (-LARGE * 2, -BIG, -99, -2, -1, 0, 2, 3, 99, BIG, LARGE)
REALS = (float("nan"), float("inf"), float("-inf"), -1.0, 0.0, 1e38, -1e38, 1e-45)
# Of one model: operator, attribute, values.
ABSURD: dict[str, list[tuple[str, str, Any]]] = {
    "cnn": [
        *(("Conv", key, v) for key in ("strides", "dilations", "kernel_shape") for v in PAIRS.values()),
        *(("Conv", "pads", v + v) for v in PAIRS.values()),
        *(("MaxPool", key, v) for key in ("strides", "dilations", "kernel_shape") for v in PAIRS.values()),
        *(("AveragePool", "pads", v + v) for v in PAIRS.values()),
        *(("AveragePool", "kernel_shape", v) for v in PAIRS.values()),
        *(("Conv", "group", v) for v in INTEGERS),
        *(("Conv", "auto_pad", v) for v in ("BOGUS", "", "same_upper", "SAME_LOWER", "VALID", "\x00" * 9)),
        *(("MaxPool", "ceil_mode", v) for v in (-1, LARGE)),
        ("MaxPool", "storage_order", 1),
        ("AveragePool", "count_include_pad", -1),
        *(("BatchNormalization", "epsilon", v) for v in REALS),
        *(("BatchNormalization", key, LARGE) for key in ("training_mode", "spatial", "momentum")),
        *(("Flatten", "axis", v) for v in INTEGERS),
        *(("Gemm", key, v) for key in ("alpha", "beta") for v in REALS),
        *(("Gemm", key, v) for key in ("transA", "transB") for v in (0, 1, -1, LARGE)),
    ],
    "keras": [
        *(("Transpose", "perm", v) for v in PAIRS.values()),
        *(("Transpose", "perm", v) for v in ([0, 1, 2, 2], [-4, -1, -3, -2], [3, 2, 1, 0], [1, 0, 2, 3], [0, 0, 0, 0])),
        *(("LeakyRelu", "alpha", v) for v in REALS),
        *(("Reshape", "allowzero", v) for v in (1, LARGE)),
    ],
    "conv1d": [
        *(("Pad", "mode", v) for v in ("reflect", "edge", "wrap", "", "CONSTANT")),
        *(("ReduceMean", "axes", v) for v in ([2, 2], [2, -1], [0], [1], [], [3], [-4], [LARGE], [0, 1, 2])),
        *(("ReduceMean", "keepdims", v) for v in (1, -1, LARGE)),
        *(("Conv", "dilations", [v]) for v in (0, 5, 6, 7, 12, LARGE)),
    ],
    "tail": [
        *(("Softmax", "axis", v) for v in INTEGERS),
        *(("ArgMax", "axis", v) for v in INTEGERS),
        *(("Scaler", "scale", v) for v in ([], [0.0], [1.0] * 3, [1.0] * 5, [float("nan")] * 4, [1e38] * 4)),
        *(("Scaler", "offset", v) for v in ([], [float("inf")] * 4, [-1e38] * 4, [1.0] * 100_000)),
        *(("Constant", "value_floats", v) for v in ([], [1.0], [float("nan")] * 3, [1e38] * 3)),
        *(("ConstantOfShape", "value", v) for v in (np.zeros(0, np.float32), np.zeros(3, np.float32), np.array([1]))),
    ],
    "old": [
        *(("Clip", key, v) for key in ("min", "max") for v in REALS),
        *(("Dropout", "ratio", v) for v in REALS),
    ],
}  # fmt: skip
STRIDE = 3  # of all these, every third is taken: the values are alike from attribute to attribute


def mutants() -> Iterator[Mutant]:
    """Absurd values, then every attribute in other types."""
    for base, rows in ABSURD.items():
        for k, (op, key, given) in enumerate(rows):
            if k % STRIDE == 0:
                shown = repr(given) if len(repr(given)) < 30 else f"{len(given)} values"
                name = f"attribute/{base}/{op} {key} {shown} {k}"
                edit = _setter(op, key, given)
                yield edited(name, base, edit)
    for number, (base, op, key, kind) in enumerate(_attributes()):
        for k, (what, edit) in enumerate(TYPES.items()):
            if (number + k) % 5 == 0 and what != f"called {kind}":
                yield edited(f"attribute type/{base}/{op} {key} {what}", base, _changer(op, key, edit))
    for base, op in (("cnn", "Conv"), ("conv1d", "ReduceMean"), ("keras", "Transpose")):
        yield edited(f"attribute twice/{base}", base, _doubler(op))
        yield edited(f"attribute unknown/{base}", base, _setter(op, "__class__", "{x.__init__.__globals__}"))
        yield edited(f"attribute without a name/{base}", base, _setter(op, "", 3))


def _setter(op: str, key: str, given: Any) -> Callable[[ModelProto], None]:
    def edit(model: ModelProto) -> None:
        found = (
            helper.make_tensor("", TensorProto.FLOAT, given.shape, given) if isinstance(given, np.ndarray) else given
        )
        if isinstance(found, list) and not found:
            node = step(model, op)
            set_attribute(node, key, [1])
            (attribute,) = (a for a in node.attribute if a.name == key)
            del attribute.ints[:]
            return
        set_attribute(step(model, op), key, found)

    return edit


def _doubler(op: str) -> Callable[[ModelProto], None]:
    def edit(model: ModelProto) -> None:
        node = step(model, op)
        node.attribute.extend([AttributeProto.FromString(a.SerializeToString()) for a in node.attribute])

    return edit


def _attributes() -> list[tuple[str, str, str, str]]:
    """Each attribute of the honest models: model, operator, name, type."""
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for base in HONEST:
        for node in fresh(base).graph.node:
            for attribute in node.attribute:
                kind = AttributeProto.AttributeType.Name(attribute.type)
                found.setdefault((node.op_type, attribute.name), (base, kind))
    return [(base, op, key, kind) for (op, key), (base, kind) in found.items()]


def _changer(op: str, key: str, change: Callable[[AttributeProto], object]) -> Callable[[ModelProto], None]:
    def edit(model: ModelProto) -> None:
        change(next(a for n in model.graph.node if n.op_type == op for a in n.attribute if a.name == key))

    return edit


def _types() -> dict[str, Callable[[AttributeProto], object]]:
    def retyped(kind: int) -> Callable[[AttributeProto], object]:
        """The type alone: its field stays empty."""

        def change(attribute: AttributeProto) -> None:
            attribute.type = kind  # type: ignore[assignment]

        return change

    def made(given: Any) -> Callable[[AttributeProto], object]:
        return lambda attribute: attribute.CopyFrom(helper.make_attribute(attribute.name, given))

    graph = helper.make_graph([], "g", [], [])
    found: dict[str, Callable[[AttributeProto], object]] = {
        f"called {name}": retyped(code) for name, code in AttributeProto.AttributeType.items()
    }
    found["a reference"] = lambda attribute: setattr(attribute, "ref_attr_name", "other")
    found["without a type"] = lambda attribute: attribute.ClearField("type")
    values: dict[str, Any] = {
        "an integer": 1, "a real": 1.5, "a text": "x", "bytes": b"\xff\xfe", "integers": [1, 2], "reals": [0.5, 2.0],
        "texts": ["a", "b"], "a tensor": helper.make_tensor("t", TensorProto.FLOAT, [2], [1.0, 2.0]), "a graph": graph,
        "graphs": [graph, graph], "a million integers": [1] * 1_000_000,
    }  # fmt: skip
    return found | {what: made(given) for what, given in values.items()}


TYPES = _types()
