# SPDX-License-Identifier: Apache-2.0
"""From a configuration to a quantized network: prune, then choose types, then drop what is dead."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hwcompress.compress import prune
from hwcompress.compress.calibrate import Choice, Request, calibrate
from hwcompress.compress.mixed import ANCHOR, mix
from hwcompress.compress.stages import Stage, run_stages, stages
from hwcompress.config import Config, LayerConfig
from hwcompress.errors import BadInput, quote
from hwcompress.ir.fixed import Codes, Format, Reals, quantize
from hwcompress.ir.graph import CodeOp, Graph, Op
from hwcompress.ops import Affine, Conv, Dense
from hwcompress.passes.dead import drop_dead
from hwcompress.passes.pipeline import simplify
from hwcompress.passes.preprocess import evened, scaled
from hwcompress.sim.integer import Simulator
from hwcompress.sim.reference import widest

UNEVEN = 2  # bits between the ranges of input channels from which one exponent each is tried
MOST = 1 << 26  # elements of the largest value over all calibration samples
LARGEST = float(np.finfo(np.float32).max)  # of a constant
BETTER = 0.8  # output error against one exponent for all, below which they are taken


@dataclass(frozen=True, eq=False)
class Compressed:
    """The integer form and what led to it."""

    original: Graph[Op]  # simplified; reads the user's x
    float_graph: Graph[Op]  # pruned too; reads x * 2**exponents
    graph: Graph[CodeOp]
    choice: Choice
    exponents: Codes  # of the input channels [n]; the hardware's input is x * 2**exponents
    notes: tuple[str, ...]
    explain: tuple[str, ...]

    @cached_property
    def simulator(self) -> Simulator:
        """Of the integer form."""
        return Simulator.of(self.graph)

    def codes(self, x: Reals) -> Codes:
        """Real inputs [samples, n] as the codes that enter the hardware [samples, n]."""
        kind = self.graph.types[self.graph.input].element
        codes = quantize(x.reshape(len(x), *self.graph.shape), Format(kind), self.exponents)
        return codes.reshape(x.shape)

    def answers(self, x: Reals) -> Reals:
        """Real values [samples, m] that leave the hardware for real inputs [samples, n]."""
        kind = self.graph.types[self.graph.output]
        codes = self.simulator.run(self.codes(x))
        return kind.reals(codes.reshape(len(codes), *kind.shape)).reshape(codes.shape)


def compress(graph: Graph[Op], x: Reals | None, config: Config) -> Compressed:
    """Simplify, prune, quantize. x: calibration data [samples, n] or None.

    Raises:
        BadInput: a wish does not fit the network, or no types fit its numbers.
    """
    explain: list[str] = []
    simple = simplify(graph, explain)
    parts = stages(simple)
    check_constants(parts)
    products = [(s.layer, s.node) for s in parts if s.product is not None]
    config.check_patterns(dict.fromkeys([*products, *((s.layer, s.node) for s in parts)]))
    few = list[str]()
    if x is not None:
        x = x.reshape(len(x), *graph.shape)
        step = max(1, -(-len(x) * widest(simple) // MOST))
        few = [f"calibration: {-(-len(x) // step)} of {len(x)} samples, its maps are large"] if step > 1 else []
        x = x[::step]
    pruned = _prune(simple, parts, config, x)
    exponents = given_exponents(config, graph.channels)
    pruned = evened(pruned, exponents)
    x = scaled(x, exponents) if x is not None else None
    wish, mixing = resolved(pruned, x, config)
    choice = calibrate(pruned, x, wish)
    empty, scaling = _empty(pruned, parts), list[str]()
    free = config.input_type is None and config.input_exponents is None
    if x is not None and free and (uneven := uneven_exponents(x)).any():
        level, even = evened(pruned, uneven), scaled(x, uneven)
        wish, remixing = resolved(level, even, config)
        trial = calibrate(level, even, wish)
        target = run_stages(stages(pruned), x)
        if trial.quantized.error(run_stages(stages(level), even)) < BETTER * choice.quantized.error(target):
            pruned, choice, exponents, mixing = level, trial, uneven, remixing
            scaling = ["input channels differ in range: one power of two each"]
    return Compressed(
        simple,
        pruned,
        drop_dead(choice.quantized.graph, explain),
        choice,
        exponents,
        (*few, *empty, *mixing, *choice.notes, *scaling),
        tuple(explain),
    )


def check_constants(parts: Sequence[Stage]) -> None:
    """Nothing, if all constants are of a size with which the arithmetic to come stays finite.

    Raises:
        BadInput: they are not.
    """
    for stage in parts:
        top = max((float(np.abs(values).max(initial=0.0)) for values in _constants(stage)), default=0.0)
        if not top <= LARGEST:
            where = f"{stage.layer} ({quote(stage.node)})"
            raise BadInput(f"{where}: its constants reach {top:.3g}; up to {LARGEST:.3g} are supported, as in float32")


def _constants(stage: Stage) -> tuple[Reals, ...]:
    product = stage.product
    if product is None:
        return ()
    return (product.scale if isinstance(product, Affine) else product.weight, product.bias)


def given_exponents(config: Config, channels: int) -> Codes:
    """Those that the user wants.

    Raises:
        BadInput: there are more or fewer than channels.
    """
    given = config.input_exponents
    if given is None:
        return np.zeros(channels, dtype=np.int64)
    if len(given) != channels:
        raise BadInput(f"input_exponents: {channels} wanted, one for each input channel, {len(given)} found")
    return np.array(given, dtype=np.int64)


def uneven_exponents(x: Reals) -> Codes:
    """Powers of two that bring every channel to the range of the widest [channels]; zeros where all are alike."""
    widest: Reals = np.abs(x).reshape(-1, x.shape[-1]).max(axis=0)
    none = np.zeros_like(widest, dtype=np.int64)
    top = float(widest.max(initial=0.0))
    ratio: Reals = np.where(widest > 0, top / np.maximum(widest, 1e-300), 1.0)
    exponents: Codes = np.floor(np.log2(np.maximum(ratio, 1.0))).clip(0, 30).astype(np.int64)
    return exponents if int(exponents.max(initial=0)) >= UNEVEN else none


def _empty(graph: Graph[Op], parts: Sequence[Stage]) -> list[str]:
    """What to say of layers that pruning has left without weights."""
    names = {s.node: s.layer for s in parts}
    bare = [names.get(n.name, n.name) for n in graph if isinstance(n.op, Dense | Conv) and not n.op.weight.any()]
    return [f"no weight is left in {', '.join(bare)}: its output is constant. Try: a lower --sparsity"] if bare else []


def _prune(graph: Graph[Op], parts: Sequence[Stage], config: Config, x: Reals | None) -> Graph[Op]:
    """Global pruning first; what a layer asks for itself on top."""
    names = {s.node: s.layer for s in parts if isinstance(s.product, Dense | Conv)}
    own = {node: config.for_layer(layer, node) for node, layer in names.items()}
    share = {n: c.sparsity for n, c in own.items() if c.sparsity is not None}
    each = spread(parts, x) if config.sparsity or share else prune.UNKNOWN
    if config.prune == "threshold" and config.quality is not None:
        graph = prune.prune_threshold(graph, dict.fromkeys(names, config.quality))
    elif config.sparsity and config.prune == "layer":
        graph = prune.prune_layers(graph, dict.fromkeys(names, config.sparsity), each)
    elif config.sparsity and config.prune == "magnitude":
        graph = prune.prune_magnitude(graph, config.sparsity)
    elif config.sparsity:
        graph = prune.prune_global(graph, config.sparsity, each)
    quality = {n: c.quality for n, c in own.items() if c.quality is not None}
    return prune.prune_threshold(prune.prune_layers(graph, share, each), quality)


def spread(parts: Sequence[Stage], x: Reals | None) -> prune.Spread:
    """Deviation of what every product reads, over the calibration data; nothing of fewer than two samples."""
    out: dict[str, Reals] = {}
    if x is None or len(x) < 2:
        return out
    for stage in parts:
        if isinstance(stage.product, Conv):
            out[stage.node] = x.std(axis=tuple(range(x.ndim - 1)))
        elif isinstance(stage.product, Dense):
            out[stage.node] = x.reshape(len(x), -1).std(axis=0)
        x = stage.run(x)
    return out


def resolved(graph: Graph[Op], x: Reals | None, config: Config) -> tuple[Request, tuple[str, ...]]:
    """The request, with mixed precision where it is asked for, and what to say of that."""
    wish = request(graph, config)
    own = _own(stages(graph), config)
    weights: set[str] = set()
    activations: set[str] = set()
    if config.weight_bits == "auto":
        products = {s.layer for s in stages(graph) if s.product is not None}
        weights = {k for k in products if own[k].weight_bits is None and own[k].weight_type is None}
    if config.activation_bits == "auto":
        activations = {k for k, c in own.items() if c.activation_bits is None and c.output_type is None}
        activations |= {"input"} if config.input_type is None else set[str]()
    if not weights and not activations:
        return wish, ()
    if x is None:
        raise BadInput(
            "bits auto: mixed precision is chosen by measured output error. Try: --data FILE.npz, or 2 to 16"
        )
    found = mix(graph, x, wish, weights, activations)
    return found.request, (found.note,)


def request(graph: Graph[Op], config: Config) -> Request:
    """The configuration resolved to the stages of a network."""
    parts = stages(graph)
    own = _own(parts, config)
    weight_bits = {layer: c.weight_bits or _whole(config.weight_bits) for layer, c in own.items()}
    bits = _whole(config.activation_bits)
    values = dict(_value_formats(parts, own))
    if config.input_type is not None:
        values["input"] = config.input_type
    return Request(
        weight_bits,
        {layer: c.activation_bits or bits for layer, c in own.items()} | {"input": bits},
        {layer: c.weight_type for layer, c in own.items() if c.weight_type is not None},
        values,
        config.calibration,
        config.bias_correction,
        config.per_channel,
    )


def _own(parts: Sequence[Stage], config: Config) -> dict[str, LayerConfig]:
    """What each layer asks for itself; the node that begins a layer names it."""
    return {s.layer: config.for_layer(s.layer, s.node) for s in reversed(parts)}


def _whole(bits: int | str) -> int:
    return ANCHOR if isinstance(bits, str) else bits


def _value_formats(parts: Sequence[Stage], own: dict[str, LayerConfig]) -> list[tuple[str, Format]]:
    """output_type is the type that leaves a layer, table_type what its first table reads."""
    out: list[tuple[str, Format]] = []
    for k, stage in enumerate(parts):
        last = k + 1 == len(parts) or parts[k + 1].layer != stage.layer
        wish = own[stage.layer]
        kind = wish.output_type if last else wish.table_type
        if kind is not None:
            out.append((stage.key, kind))
    return out
