# SPDX-License-Identifier: Apache-2.0
"""From an integer graph and a plan to the pipeline: islands, widths between them, engines with their constants."""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from hwcompress.engines.base import Core, Product, Store, Stream, ceil_div
from hwcompress.engines.dense import DenseFolded, DenseUnrolled
from hwcompress.engines.elementwise import AffineLanes, DepthwiseLanes, RequantLanes, TableLanes
from hwcompress.engines.flat import planned_layers
from hwcompress.engines.head import Direct
from hwcompress.engines.opening import State, open_heads, port_elements
from hwcompress.engines.pipeline import Pipeline
from hwcompress.engines.plan import Layer, LayerPlan, Plan
from hwcompress.engines.pool import MaxUnrolled, PoolLanes
from hwcompress.ir.fixed import Codes, FixedPoint, Rounding
from hwcompress.ir.graph import CodeOp, Graph
from hwcompress.ir.types import Range, TensorType
from hwcompress.ops import AffineCodes, Chosen, ConvCodes, DenseCodes, MaxPoolCodes, Requant, SumPoolCodes, Table
from hwcompress.ops.exact import sum_width


def assemble(graph: Graph[CodeOp], plan: Plan, top: str = "hwc_top") -> Pipeline:
    """Build every engine. Buffers get the depth of one frame; the schedule sizes them."""
    x_type = graph.types[graph.input].element
    parts = planned_layers(graph, plan.flat)
    entry = parts[0].x
    if isinstance(parts[0].product, DenseCodes):  # to which all elements are alike
        entry = TensorType(entry.elements, entry.element)
    port = port_elements(parts[0], plan.layers[parts[0].name])
    state = State(port, entry.grid, entry.channels, x_type.width, Range.of(x_type, parts[0].x.channels))
    for layer in parts:
        _add_layer(state, layer, plan.layers[layer.name], plan)
    y = graph.types[graph.output]
    lanes = min(state.lanes, state.channels)
    if state.grid and state.channels % lanes:
        state.collected(state.emissions, by_position=True)
        lanes = state.channels
    output = Stream(state.elements, lanes, y.element)
    return Pipeline(
        top,
        plan.interface,
        plan.family,
        Stream(graph.elements, port, x_type),
        output,
        tuple(state.islands),
        output.beats,
        Store.LOGIC,
    )


def _add_layer(state: State, layer: Layer, choice: LayerPlan, plan: Plan) -> None:
    """Open an island for the layer where it cannot join the last one, then append its cores."""
    open_heads(state, layer, choice)
    island = state.islands[-1]
    late = bool(island.cores) or isinstance(island.head, Direct)
    cores, state.span = layer_cores(layer, choice, state.span, plan.family, late=late)
    for core in cores:
        state.add(core)
    state.grid, state.channels = layer.y.grid, layer.y.channels


def layer_cores(
    layer: Layer, choice: LayerPlan, x: Range, family: int, *, late: bool = False
) -> tuple[list[Core], Range]:
    """The cores of a layer on inputs within `x`, and the range that leaves. late: no issue bit comes a clock ahead."""
    cores: list[Core] = []
    half = layer.after[0].op if layer.after and isinstance(layer.after[0].op, Requant) else None
    kind, lanes = layer.x.element, min(choice.pe, layer.outputs)
    if layer.pool is not None:
        pool = _pool(layer, choice, x, lanes, family)
        cores.append(pool)
        x, total = layer.pool.span(x), isinstance(layer.pool, SumPoolCodes | DenseCodes)
        kind = FixedPoint(pool.lane_width, kind.frac, signed=total or kind.signed)
    width, signed = kind.width, kind.signed
    if layer.product is not None:
        core, x = _product(layer, choice, kind, x, half, family)
        if isinstance(core, AffineLanes):
            core = replace(core, late=late or bool(cores))
        cores.append(core)
        width, signed, lanes = core.acc_width, True, core.lanes
    for k, node in enumerate(layer.after):
        name, op = f"{layer.name}_{k}", node.op
        if isinstance(op, Requant):
            here = layer.product is None or op is not half  # the rounding constant is not in a bias
            cores.append(RequantLanes(name, layer.name, lanes, width, op.format, op.shifts, op.lo, op.hi, here, signed))
            kind = op.format.type
        elif isinstance(op, Table):
            cores.append(TableLanes(name, layer.name, lanes, kind, op.y_type, op.entries, choice.tables))
            kind = op.y_type
        x = op.span(x)
        width, signed = kind.width, kind.signed
    return cores, x


def _pool(
    layer: Layer, choice: LayerPlan, x: Range, lanes: int, family: int
) -> PoolLanes | MaxUnrolled | DenseUnrolled:
    op, name, x_type = layer.pool, f"{layer.name}_pool", layer.x.element
    assert op is not None
    if isinstance(op, Chosen):
        return MaxUnrolled(name, layer.name, lanes, x_type, op.index.shape[1], op.index, op.fill)
    if isinstance(op, DenseCodes):
        return DenseUnrolled(
            name, layer.name, op.weight, op.bias, x_type, 2, sum_width(op.span(x)), Product.LUT, 1, family
        )
    if layer.scanned(choice):
        if isinstance(op, MaxPoolCodes):
            return MaxUnrolled(name, layer.name, lanes, x_type, op.window.taps)
        ones, zeros = np.tile(np.eye(lanes, dtype=np.int64), op.window.taps), np.zeros(lanes, dtype=np.int64)
        width = sum_width(op.span(x))
        return DenseUnrolled(name, layer.name, ones, zeros, x_type, 2, width, Product.LUT, 1, family)
    total = isinstance(op, SumPoolCodes)
    width = max(sum_width(op.span(x)), x_type.signed_width) if total else x_type.width
    groups = ceil_div(layer.x.channels, lanes) if layer.whole_map else 1
    return PoolLanes(name, layer.name, lanes, x_type, total, width, op.window.taps, groups)


def _product(
    layer: Layer, choice: LayerPlan, x_type: FixedPoint, x: Range, requant: Requant | None, family: int
) -> tuple[DenseFolded | DenseUnrolled | DepthwiseLanes | AffineLanes, Range]:
    """The engine of the layer's product, with the rounding constant of the requant in its bias."""
    op = layer.product
    assert op is not None
    half = rounding_constant(requant) if requant else np.zeros(op.bias.shape[-1], dtype=np.int64)
    bias = op.bias + half
    exact = _span(op, x.lo.tobytes(), x.hi.tobytes())
    acc = sum_width(Range(exact.lo + half, exact.hi + half))
    if isinstance(op, AffineCodes):
        lanes = min(choice.pe, layer.outputs)
        core = AffineLanes(
            layer.name, layer.name, op.scale, bias, x_type, op.scale_type.signed_width, acc, lanes, choice.product,
            choice.weights, family, late=False,
        )  # fmt: skip
        return core, exact
    weight = _ungrouped(op) if layer.scanned(choice) else op.weight
    common = (layer.name, layer.name, weight, bias, x_type, op.weight_type.signed_width, acc)
    if layer.depthwise and not layer.scanned(choice):
        return DepthwiseLanes(*common, choice.pe, choice.product, choice.weights, family), exact
    if choice.reuse(*op.weight.shape) == 1:
        return DenseUnrolled(*common, choice.product, choice.segment, family), exact
    return (
        DenseFolded(*common, choice.pe, choice.simd, choice.product, choice.segment, choice.weights, family),
        exact,
    )


def _ungrouped(op: DenseCodes | ConvCodes) -> Codes:
    """Weights of every input channel, zeros for those of other groups [m, taps * channels]."""
    if isinstance(op, DenseCodes) or op.groups == 1:
        return op.weight
    each, rows = op.channels // op.groups, len(op.weight) // op.groups
    full = np.zeros((op.groups, rows, op.window.taps, op.groups, each), dtype=np.int64)
    full[np.arange(op.groups), :, :, np.arange(op.groups)] = op.weight.reshape(op.groups, rows, op.window.taps, each)
    return full.reshape(len(op.weight), -1)


@lru_cache(maxsize=64)
def _span(op: DenseCodes | ConvCodes | AffineCodes, lo: bytes, hi: bytes) -> Range:
    """Ends of the sums; a planner assembles the same layers again and again."""
    return op.span(Range(np.frombuffer(lo, dtype=np.int64), np.frombuffer(hi, dtype=np.int64)))


def rounding_constant(requant: Requant) -> Codes:
    """Half a step of the result on the grid of the source [n]; zero where nothing is dropped."""
    if requant.format.rounding is Rounding.TRUNCATE:
        return np.zeros_like(requant.shifts)
    return np.where(requant.shifts > 0, np.left_shift(np.int64(1), np.maximum(requant.shifts - 1, 0)), 0)
