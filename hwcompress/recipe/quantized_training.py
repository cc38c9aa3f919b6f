# SPDX-License-Identifier: Apache-2.0
"""Training steps with quantized weights and values (quantization-aware training). Imports torch: import it when needed.

Types of values start at those of least squared error for what the network with rounded weights gives on the
calibration data.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from hwcompress.compress.calibrate import Request, initial, survey
from hwcompress.compress.calibrate import Site as Seen
from hwcompress.compress.formats import minmax_frac
from hwcompress.compress.quantize import Quantizer
from hwcompress.compress.stages import stages
from hwcompress.errors import BadInput
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Op
from hwcompress.ops.lookup import MAX_TABLE_BITS
from hwcompress.recipe.quantizing import settings_of
from hwcompress.recipe.sparse_training import Sparse
from hwcompress.recipe.state import Context, State, each_layer, layer_names
from hwcompress.recipe.steps import Training
from hwcompress.train.bits import FACTOR, WIDEST, LearnedBits, LearnedSite, bits_hooks, ebops, learned
from hwcompress.train.loop import Hooks
from hwcompress.train.module import MakeForm, NetworkModule
from hwcompress.train.qat import OTHER_BITS, QuantizedModule
from hwcompress.train.quantizers import (
    Dorefa,
    FixedSite,
    Lsq,
    LsqSite,
    OnGrid,
    PactSite,
    Signs,
    Site,
    Three,
    Uniform,
    lsq_step,
)

HEADROOM = 2.0  # of the last values, over the largest at the start
PACT_DECAY = 1e-4  # L2 on clipping levels
PACT_FACTOR = 10.0  # learning rate of clipping levels over that of the weights


@dataclass(frozen=True)
class Quantizers:
    """What a step asks for."""

    method: str  # ste, lsq, pact, dorefa or hgq
    weights: Mapping[str, int]  # bits by node
    values: Mapping[str, int] | None  # bits by layer, and "input"; None: values stay as they are
    ternary: bool = True
    others: frozenset[str] = frozenset()  # of weights: nodes rounded as compile does where nothing else is asked for


def quantizes(step: Training) -> bool:
    """Whether weights or values are quantized while the step trains."""
    own = step.layers.values()
    wanted = (step.weight_bits, step.activation_bits)
    return any(bits is not None for bits in (*wanted, *(n for v in own for n in (v.weight_bits, v.activation_bits))))


def asked(step: Training, state: State) -> Quantizers:
    """What it asks for. Layers to skip, or without bits, keep their weights unless values have types: then they have
    OTHER_BITS, as in the integer form. So have those with shared values (`module_of`).

    Raises:
        BadInput: learned bit widths need both.
    """
    own, names = each_layer(step, state.graph), layer_names(state.graph)
    free = {n: layer for n, layer in own.items() if n not in state.shared}
    weights = {n: None if layer.skip else layer.weight_bits or step.weight_bits for n, layer in free.items()}
    values: dict[str, int] | None = None
    if step.activation_bits is not None:
        values = {s.layer: step.activation_bits for s in stages(state.graph)} | {"input": step.activation_bits}
        values |= {names[n]: layer.activation_bits for n, layer in own.items() if layer.activation_bits}
    elif any(layer.activation_bits for layer in own.values()):
        raise BadInput("activation_bits of layers: those of all others wanted too. Try: activation_bits = 8")
    if step.quantizer == "hgq" and (values is None or not any(weights.values())):
        raise BadInput("quantizer hgq: weight_bits and activation_bits to start from wanted. Try: 8 and 8")
    others = frozenset(n for n, bits in weights.items() if not bits) if values is not None else frozenset[str]()
    given = {n: bits or OTHER_BITS for n, bits in weights.items() if bits or n in others}
    return Quantizers(step.quantizer, given, values, step.ternary, others)


def forms(asks: Quantizers) -> dict[str, MakeForm]:
    """What stands for the weights, by node."""
    others: dict[str, MakeForm] = dict.fromkeys(asks.others, partial(Uniform, bits=OTHER_BITS))
    return {n: partial(_form, bits=bits, asks=asks) for n, bits in asks.weights.items()} | others


def _form(weight: Reals, bits: int, asks: Quantizers) -> Any:
    if asks.method == "hgq":
        return LearnedBits(weight, bits)
    if bits == 1:
        return Signs(weight)
    if asks.method == "lsq":
        return Lsq(weight, bits, symmetric=bits == 2 and asks.ternary)
    if asks.method == "dorefa":
        return Dorefa(weight, bits)
    return Three(weight) if bits == 2 and asks.ternary else Uniform(weight, bits)


def sites(graph: Graph[Op], x: Reals, asks: Quantizers) -> dict[str, Site]:
    """Types of values to start from, by `Stage.key`. x: calibration data [samples, *graph.shape]."""
    assert asks.values is not None
    quantized = QuantizedModule(graph, forms(asks)).trained()
    found = survey(Quantizer(quantized, x), Request(dict.fromkeys(asks.values, OTHER_BITS), asks.values))
    return {seen.key: _site(seen, seen is found[-1], asks.method) for seen in found}


def _site(seen: Seen, last: bool, method: str) -> Site:
    if last and seen.feeds is None and seen.key != "input":
        return FixedSite(seen.bits, seen.signed, minmax_frac(seen.values * HEADROOM, seen.bits, seen.signed))
    frac = initial(seen, "mse").type.frac
    if method == "hgq":
        limit = MAX_TABLE_BITS if seen.feeds else WIDEST
        return LearnedSite(seen.bits, seen.signed, frac, float(np.abs(seen.values).max(initial=0.0)), limit)
    if seen.key != "input" and method == "lsq":
        return LsqSite(seen.bits, seen.signed, lsq_step(seen.values, seen.bits, seen.signed))
    if seen.key != "input" and method == "pact":
        return PactSite(seen.bits, seen.signed, 2.0 ** (seen.bits - seen.signed - frac))
    return FixedSite(seen.bits, seen.signed, frac)


def module_of(graph: Graph[Op], x: Reals, asks: Quantizers, others: Mapping[str, MakeForm]) -> QuantizedModule:
    """The network as it is trained. others: forms of layers that share values, on grids where all values have types."""
    if asks.values is None:
        return QuantizedModule(graph, {**others, **forms(asks)}, None)
    shared: dict[str, MakeForm] = {n: partial(OnGrid, inner=make, bits=OTHER_BITS) for n, make in others.items()}
    return QuantizedModule(graph, {**shared, **forms(asks)}, sites(graph, x, asks))


def quantized(
    step: Training, state: State, context: Context, others: Mapping[str, MakeForm]
) -> tuple[QuantizedModule, Sparse]:
    """The module, and what a step that quantizes adds to plain training. others: as in `module_of`."""
    asks = asked(step, state)
    module = module_of(state.graph, context.calibration, asks, others)
    return module, Sparse(hooks=_hooks(asks, step.bit_price), finish=_finish)


def _hooks(asks: Quantizers, price: float) -> Callable[[NetworkModule], Hooks]:
    def hooks(module: NetworkModule) -> Hooks:
        if asks.method == "hgq":
            made = bits_hooks(price)
            return replace(made, parameters=[{"params": learned(module), "factor": FACTOR}])
        levels = [m.level for m in module.modules() if isinstance(m, PactSite)]
        if not levels:
            return Hooks()
        group = {"params": levels, "factor": PACT_FACTOR}
        return Hooks(lambda _module: PACT_DECAY * torch.stack([*levels]).square().sum(), parameters=[group])

    return hooks


def _finish(module: NetworkModule, state: State) -> tuple[State, dict[str, Any]]:
    """Weights and biases on their grids, types as settings."""
    assert isinstance(module, QuantizedModule)
    module.eval()
    graph, types, names = module.trained(), module.types(), layer_names(module.graph)
    told: dict[str, Any] = {"weight_bits": {n: types.weights[names[n]] for n in module.quantized()}}
    settings: dict[str, Any] = {**state.settings, "per_channel": True}
    if module.typed:
        settings = settings_of(graph, types)
        told["value_types"] = {key: str(fmt) for key, fmt in types.values.items()}
        if len(module.quantized()) == len(names):
            told["ebops"] = ebops(graph, types)
    layers: dict[str, dict[str, Any]] = {k: dict(v) for k, v in settings.get("layers", {}).items()}
    for layer, kind in types.weights.items():
        own = layers.setdefault(layer, {})
        if not isinstance(kind, int):
            own["weight_type"] = str(kind)
        elif layer in {names[n] for n in module.quantized()}:
            own["weight_bits"] = kind
    return replace(state, graph=graph, settings={**settings, "layers": layers}), told
