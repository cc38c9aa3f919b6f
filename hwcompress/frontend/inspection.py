# SPDX-License-Identifier: Apache-2.0
"""What a file holds, node by node, whether or not it can be built."""

import math
from collections import Counter

from hwcompress.frontend.layout import Layout
from hwcompress.frontend.model import Inspection, NodeStatus
from hwcompress.frontend.parse import Parsed, host_ops, notes
from hwcompress.frontend.raw import RawNode, is_array
from hwcompress.frontend.tensors import type_name
from hwcompress.ir.graph import Op
from hwcompress.ops import Conv, Dense

# Element types of trained numbers; int32, int64, bool and text are shapes, indices and labels.
TRAINED = ("float", "bfloat", "int8", "uint8", "int16", "uint16", "int4", "uint4", "int2", "uint2")


def inspection(parsed: Parsed) -> Inspection:
    """The summary of a parsed file."""
    raw = parsed.raw
    steps = [step for index, step in parsed.survey.steps.items() if index not in parsed.split.problems]
    products = [_products(op, step.layout) for step in steps for op in step.ops]
    return Inspection(
        name=parsed.file.name,
        sha256=parsed.file.sha256,
        opsets=raw.opsets,
        operators=tuple(sorted(Counter(node.op for node in raw.nodes).items())),
        inputs=raw.inputs,
        outputs=raw.outputs,
        parameters=trained_parameters(parsed),
        macs=sum(products),
        nodes=_places(parsed),
        host=() if parsed.problems else host_ops(parsed.split),
        problems=parsed.problems,
        notes=notes(parsed),
    )


def _products(op: Op, made: Layout) -> int:
    """Of one sample; `made`: what the step of the operator makes."""
    if isinstance(op, Conv):
        return op.weight.size * math.prod(made.shape[:-1])
    return op.weight.size if isinstance(op, Dense) else 0


def trained_parameters(parsed: Parsed) -> int:
    stored = [t for t in parsed.raw.initializers.values() if type_name(t.data_type).startswith(TRAINED)]
    values = [node.attributes.get("value") for node in parsed.raw.nodes if node.op == "Constant"]
    constants = [v for v in values if is_array(v) and v.dtype.name.startswith(TRAINED)]
    return sum(math.prod(t.dims) for t in stored) + sum(v.size for v in constants)


def _places(parsed: Parsed) -> tuple[NodeStatus, ...]:
    places = {node.index: "hardware" for node in parsed.split.chain}
    places |= {node.index: _place(parsed, node) for node in parsed.split.rest}
    places |= dict.fromkeys(parsed.split.problems, "unsupported")
    found: list[NodeStatus] = []
    for node in parsed.raw.nodes:
        place = places.get(node.index, "unused" if parsed.survey.depends(node) else "constant")
        found.append(NodeStatus(node.label, node.op, place, parsed.split.problems.get(node.index, "")))
    return tuple(found)


def _place(parsed: Parsed, node: RawNode) -> str:
    """Of a node behind the chain that is no problem."""
    return "host" if node.index in parsed.split.host or not parsed.problems else "hardware"
