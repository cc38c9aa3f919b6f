# SPDX-License-Identifier: Apache-2.0
"""Model-local functions: expanded before anything else is looked at."""

from collections import Counter

from onnx import FunctionProto, ModelProto, NodeProto, inliner

from hwcompress.errors import BadInput, quote

MAX_NODES = 100_000  # after expansion
STANDARD = ("", "ai.onnx", "ai.onnx.ml")  # domains whose operators have a meaning already

Key = tuple[str, str, str]


def _key(node: NodeProto) -> Key:
    return (node.domain, node.op_type, node.overload)


def inline(model: ModelProto) -> None:
    """Replace every call of a function of the model by its body.

    Raises:
        BadInput: functions call each other in a circle, or expand to more than MAX_NODES nodes; or one is called like
            an operator of the standard, which runtimes understand in different ways, or with too many operands.
    """
    if not model.functions:
        return
    functions = {(f.domain, f.name, f.overload): f for f in model.functions}
    _check(model, functions)
    sizes: dict[Key, int] = {}
    for key in functions:
        _measure(key, functions, sizes)
    total = sum(sizes.get(_key(node), 1) for node in model.graph.node)
    if total > MAX_NODES:
        raise BadInput(f"the model's functions expand to {total} nodes; {MAX_NODES} are allowed")
    try:
        expanded = inliner.inline_local_functions(model)
    except Exception as error:  # noqa: BLE001 (the C++ inliner raises whatever it likes)
        raise BadInput(
            f"the model's functions cannot be expanded ({quote(str(error))}); inline them when exporting"
        ) from None
    model.CopyFrom(expanded)


def _check(model: ModelProto, functions: dict[Key, FunctionProto]) -> None:
    for function in model.functions:
        if function.domain in STANDARD:
            raise BadInput(
                f"function {quote(function.name)} of the model has the name of an operator of ONNX; "
                "inline the model's functions when exporting"
            )
    for node in (n for nodes in (model.graph.node, *(f.node for f in model.functions)) for n in nodes):
        called = functions.get(_key(node))
        if called and (len(node.input) > len(called.input) or len(node.output) > len(called.output)):
            raise BadInput(
                f"function {quote(called.name)} of the model is called with {len(node.input)} inputs and "
                f"{len(node.output)} outputs; it has {len(called.input)} and {len(called.output)}"
            )


def _measure(start: Key, functions: dict[Key, FunctionProto], sizes: dict[Key, int]) -> None:
    """Nodes of each function after expansion, without recursion."""
    open_keys: list[Key] = [start]
    while open_keys:
        key = open_keys[-1]
        if key in sizes:
            open_keys.pop()
            continue
        calls = Counter(_key(node) for node in functions[key].node)
        inner = [k for k in calls if k in functions and k not in sizes]
        if not inner:
            sizes[key] = sum(sizes.get(k, 1) * n for k, n in calls.items())
            open_keys.pop()
        elif any(k in open_keys for k in inner):
            raise BadInput(f"function {quote(key[1])} of the model calls itself; the file is damaged")
        else:
            open_keys.append(inner[0])
