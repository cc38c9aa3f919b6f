# SPDX-License-Identifier: Apache-2.0
"""Where things stand in a model, for those who damage it."""

from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper


def step(model: ModelProto, op: str, number: int = 0) -> NodeProto:
    """The first node of a type, or a later one."""
    return [node for node in model.graph.node if node.op_type == op][number]


def tensor(model: ModelProto, name: str) -> TensorProto:
    """An initializer."""
    return next(t for t in model.graph.initializer if t.name == name)


def replace_tensor(model: ModelProto, name: str, value: Any) -> None:
    """Other values."""
    tensor(model, name).CopyFrom(numpy_helper.from_array(np.asarray(value), name))


def value(model: ModelProto, name: str) -> Any:
    """The values of an initializer."""
    return numpy_helper.to_array(tensor(model, name)).copy()


def port(name: str, *dims: int | str | None, kind: int = TensorProto.FLOAT) -> ValueInfoProto:
    """An input or output."""
    return helper.make_tensor_value_info(name, kind, list(dims))


def set_attribute(node: NodeProto, key: str, given: Any) -> None:
    """In place of what was there."""
    kept = [a for a in node.attribute if a.name != key]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute(key, given)])
