# SPDX-License-Identifier: Apache-2.0
"""The quantize step: weights onto grids, and types for the outputs of layers where those are asked for."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from hwcompress.compress.adaround import adaround
from hwcompress.compress.calibrate import Request, calibrate
from hwcompress.compress.gptq import quantize_gptq
from hwcompress.compress.grids import Binary, Fixed, Kind, Ternary
from hwcompress.compress.obs import quantize_obq
from hwcompress.compress.quantize import Types
from hwcompress.compress.reconstruct import Settings
from hwcompress.compress.select import weighted, with_weights
from hwcompress.compress.stages import stages
from hwcompress.errors import BadInput
from hwcompress.ir.graph import CodeOp, Graph, Node, Op
from hwcompress.ops import Conv, ConvCodes, Dense, DenseCodes
from hwcompress.recipe.state import Context, State, each_layer, layer_names
from hwcompress.recipe.steps import LayerStep, Quantize

SOLVERS = {"gptq": quantize_gptq, "obq": quantize_obq, "adaround": adaround}


def run_quantize(step: Quantize, state: State, context: Context) -> tuple[State, dict[str, Any]]:
    """The state after it, and what is worth telling.

    Raises:
        BadInput: the method does not work with so few bits.
    """
    own = each_layer(step, state.graph)
    bits = {name: layer.weight_bits or step.weight_bits for name, layer in own.items() if not layer.skip}
    kinds = {name: kind_of(step, n) for name, n in bits.items()}
    names = layer_names(state.graph)
    few = [names[n] for n, kind in kinds.items() if not isinstance(kind, Fixed)]
    if step.method == "adaround" and few:
        raise BadInput(
            f"method adaround: 3 bits or more wanted, or 2 with ternary = false, fewer found for {few[0]}. Try: gptq"
        )
    if step.method == "nearest":
        graph = round_to_nearest(state.graph, kinds)
    else:
        solve = SOLVERS[step.method]
        graph = solve(state.graph, context.calibration, kinds, settings=reference_settings(state.graph, context))
    layers: dict[str, Any] = {names[node]: {"weight_bits": max(2, n)} for node, n in bits.items()}
    settings: dict[str, Any] = {**state.settings, "per_channel": True}
    if step.activation_bits is not None:
        graph, settings = typed(graph, context, step.activation_bits, own, layers)
    settings["layers"] = merged(state.settings.get("layers", {}), settings.get("layers", {}), layers)
    return replace(state, graph=graph, settings=settings), {"weight_bits": bits}


def reference_settings(graph: Graph[Op], context: Context) -> Settings:
    """Aim at the outputs of the network before it was made smaller, where the layers are still the same."""
    aim = context.reference
    shapes = [[(type(n.op), getattr(n.op, "weight", np.zeros(0)).shape) for n in g] for g in (graph, aim)]
    return Settings(reference=aim if shapes[0] == shapes[1] else None)


def kind_of(step: Quantize, bits: int) -> Kind:
    """What the weights of a layer may be: at 1 bit two values, at 2 bits with `ternary` three."""
    if bits == 1:
        return Binary(step.per_channel)
    if step.ternary and bits == 2:
        return Ternary(step.per_channel)
    return Fixed(bits, step.per_channel)


def round_to_nearest(graph: Graph[Op], kinds: Mapping[str, Kind]) -> Graph[Op]:
    """Every weight to the nearest value of its grid; zeros stay."""
    ops = weighted(graph)
    made = {name: kind.fit(ops[name].weight).nearest(ops[name].weight, slice(None)) for name, kind in kinds.items()}
    return with_weights(graph, {name: np.where(ops[name].weight == 0, 0.0, w) for name, w in made.items()})


def typed(
    graph: Graph[Op], context: Context, bits: int, own: Mapping[str, LayerStep], layers: Mapping[str, Any]
) -> tuple[Graph[Op], dict[str, Any]]:
    """The graph with biases on their grids, and types of all outputs as settings."""
    parts = stages(graph)
    nodes = {s.layer: s.node for s in reversed(parts)}
    each = {layer: own[node].activation_bits or bits if node in own else bits for layer, node in nodes.items()}
    weights = {layer: int(layers[layer]["weight_bits"]) if layer in layers else 8 for layer in nodes}
    choice = calibrate(graph, context.calibration, Request(weights, {**each, "input": bits}))
    return with_biases(graph, choice.quantized.graph), settings_of(graph, choice.types)


def with_biases(graph: Graph[Op], quantized: Graph[CodeOp]) -> Graph[Op]:
    """Biases as the integer form has them, corrected for the mean error of what rounding does."""
    products = {n.name: n for n in quantized if isinstance(n.op, DenseCodes | ConvCodes)}
    return replace(graph, nodes=tuple(_with_bias(node, products.get(node.name), quantized) for node in graph))


def _with_bias(node: Node[Op], product: Node[CodeOp] | None, quantized: Graph[CodeOp]) -> Node[Op]:
    op = node.op
    if product is None or not isinstance(op, Dense | Conv):
        return node
    assert isinstance(product.op, DenseCodes | ConvCodes)
    return replace(node, op=replace(op, bias=quantized.types[product.output].reals(product.op.bias)))


def settings_of(graph: Graph[Op], types: Types) -> dict[str, Any]:
    """The types as fields of a Config."""
    layers: dict[str, dict[str, str]] = {}
    parts = stages(graph)
    for k, stage in enumerate(parts):
        if stage.key in types.values:
            last = k + 1 == len(parts) or parts[k + 1].layer != stage.layer
            name = "output_type" if last else "table_type"
            layers.setdefault(stage.layer, {})[name] = str(types.values[stage.key])
    return {
        "input_type": str(types.values["input"]),
        "per_channel": types.per_channel,
        "bias_correction": False,
        "layers": layers,
    }


def merged(*tables: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of layers; a later table adds to the rows of those before it, and wins."""
    out: dict[str, dict[str, Any]] = {}
    for table in tables:
        for name, row in table.items():
            out[name] = {**out.get(name, {}), **row}
    return out
