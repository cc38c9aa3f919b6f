# SPDX-License-Identifier: Apache-2.0
"""The correct, equalize and digits steps: no training, numpy alone."""

from dataclasses import replace
from typing import Any

from hwcompress.compress.digits import Digits as DigitGrid
from hwcompress.compress.digits import digits_of, price_digits
from hwcompress.compress.equalize import equalize
from hwcompress.compress.gptq import quantize_gptq
from hwcompress.compress.moments import correct_bias, correct_moments
from hwcompress.compress.select import weighted
from hwcompress.errors import BadInput
from hwcompress.ir.graph import Graph, Op
from hwcompress.recipe.factoring import untyped
from hwcompress.recipe.quantizing import merged, reference_settings
from hwcompress.recipe.state import Context, State, each_layer, layer_names
from hwcompress.recipe.steps import Correct, Digits, Equalize


def run_correct(step: Correct, state: State, context: Context) -> tuple[State, dict[str, Any]]:
    """The state with means (and deviations) of the float network, and by how much the largest bias moved.

    Raises:
        BadInput: the layers are no longer those of the float network.
    """
    if reference_settings(state.graph, context).reference is None:
        raise BadInput(
            "correct: the layers of the float network wanted, others found. Try: the step before low-rank and before "
            "channels are pruned"
        )
    if step.method == "bias":
        graph = correct_bias(state.graph, context.reference, context.calibration)
    else:
        graph = correct_moments(state.graph, context.reference, context.calibration, step.scale)
    old, new, names = weighted(state.graph), weighted(graph), layer_names(graph)
    moved = {names[n]: float(abs(op.bias - old[n].bias).max(initial=0.0)) for n, op in new.items()}
    return replace(state, graph=graph, shared=_still_shared(state, graph)), {"bias_moved": moved}


def run_equalize(step: Equalize, state: State, _context: Context) -> tuple[State, dict[str, Any]]:
    """The state with like ranges, and the largest weight of each layer before and after.

    Raises:
        BadInput: types of layers are settled already.
    """
    untyped(state, step.name)
    graph = equalize(state.graph)
    old, new, names = weighted(state.graph), weighted(graph), layer_names(graph)
    ranges = {names[n]: [float(abs(o.weight).max(initial=0.0)) for o in (old[n], op)] for n, op in new.items()}
    return replace(state, graph=graph, shared=_still_shared(state, graph)), {"largest_weight": ranges}


def run_digits(step: Digits, state: State, context: Context) -> tuple[State, dict[str, Any]]:
    """The state with weights of few signed digits, and digits of each layer before (rounded to nearest) and after.

    Errors of a layer are handed on from column to column as in GPTQ (arXiv:2210.17323).
    """
    own = each_layer(step, state.graph)
    bits = {n: layer.weight_bits or step.weight_bits for n, layer in own.items() if not layer.skip}
    how = reference_settings(state.graph, context)
    if step.price is not None:
        graph = price_digits(state.graph, context.calibration, bits, step.price, settings=how)
    else:
        kinds = {n: DigitGrid(each, step.digits or 0) for n, each in bits.items()}
        graph = quantize_gptq(state.graph, context.calibration, kinds, settings=how)
    names = layer_names(graph)
    before, after = digits_of(state.graph, bits), digits_of(graph, bits)
    rows = {names[n]: {"weight_bits": max(2, each)} for n, each in bits.items()}
    layers = merged(state.settings.get("layers", {}), rows)
    settings = {**state.settings, "per_channel": True, "layers": layers}
    told = {"digits": {names[n]: [before[n], after[n]] for n in bits}}
    return replace(state, graph=graph, shared=state.shared - bits.keys(), settings=settings), told


def _still_shared(state: State, graph: Graph[Op]) -> frozenset[str]:
    """Layers whose weights are what they were."""
    old, new = weighted(state.graph), weighted(graph)
    return frozenset(n for n in state.shared if (old[n].weight == new[n].weight).all())
