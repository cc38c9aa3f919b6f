# SPDX-License-Identifier: Apache-2.0
"""From an integer graph and a plan to the pipeline: islands, widths between them, engines with their constants."""

from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import gcd

import numpy as np

from hwcompress.engines.base import Core, Store, Stream, ceil_div
from hwcompress.engines.dense import DenseFolded, DenseUnrolled
from hwcompress.engines.elementwise import AffineLanes, RequantLanes, TableLanes
from hwcompress.engines.head import Buffer, Direct
from hwcompress.engines.pipeline import Island, Pipeline
from hwcompress.engines.plan import Layer, LayerPlan, Plan, layers
from hwcompress.ir.fixed import Codes, FixedPoint, Rounding
from hwcompress.ir.graph import CodeOp, Graph
from hwcompress.ir.types import Range
from hwcompress.ops import AffineCodes, DenseCodes, Requant, Table
from hwcompress.ops.exact import sum_width


@dataclass
class _State:
    """The pipeline so far: what the last island emits."""

    lanes: int  # elements of an emission
    elements: int  # of the vector
    width: int  # bits of an element
    span: Range
    islands: list[Island] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """An emission is the whole vector."""
        return self.lanes >= self.elements


def assemble(graph: Graph[CodeOp], plan: Plan, top: str = "hwc_top") -> Pipeline:
    """Build every engine. Buffers get the depth of one frame; the schedule widens them."""
    x_type = graph.types[graph.input].element
    parts = layers(graph)
    first = plan.layers[parts[0].name]
    port = first.simd if isinstance(parts[0].product, DenseCodes) else first.pe
    state = _State(port, graph.channels, x_type.width, Range.of(x_type, graph.channels))
    for layer in parts:
        _add_layer(state, layer, plan.layers[layer.name], graph, plan)
    y_type = graph.types[graph.output].element
    output = Stream(state.elements, min(state.lanes, state.elements), y_type)
    return Pipeline(
        top,
        plan.interface,
        plan.family,
        Stream(graph.channels, port, x_type),
        output,
        tuple(state.islands),
        output.beats,
        Store.LOGIC,
    )


def _add_layer(state: _State, layer: Layer, choice: LayerPlan, graph: Graph[CodeOp], plan: Plan) -> None:
    """Open an island for the layer where it cannot join the last one, then append its cores."""
    x_type = graph.types[layer.value].element
    columns = choice.simd if isinstance(layer.product, DenseCodes) else choice.pe
    steps = ceil_div(layer.inputs, columns)
    replay = ceil_div(len(layer.product.weight), choice.pe) if isinstance(layer.product, DenseCodes) else 1
    emit = steps if isinstance(layer.product, DenseCodes) else 1
    joins = state.islands and state.whole and steps == 1 and replay == 1
    if not joins:
        if not state.islands and steps == 1 and replay == 1:
            state.islands.append(Island(Direct("head_0", layer.inputs * state.width), ()))
        else:
            _open(state, columns, steps, replay, emit)
    for core in _cores(state, layer, choice, x_type, plan.family):
        last = state.islands[-1]
        state.islands[-1] = replace(last, cores=(*last.cores, core))
        state.lanes, state.width = core.lanes, core.lane_width
    state.elements = layer.outputs


def _open(state: _State, columns: int, steps: int, replay: int, emit: int) -> None:
    """A head that reads `columns` elements a step from what the last island (or the port) emits."""
    emissions = ceil_div(state.elements, state.lanes)
    if emissions == 1 and state.islands:  # one word, read in parts; lanes beyond the vector are zero
        collect, word, sub = 1, steps * columns, steps
    elif steps == 1:  # one word, read whole; lanes beyond `columns` are not used
        collect, word, sub = emissions, emissions * state.lanes, 1
    elif columns % state.lanes == 0:
        collect, word, sub = columns // state.lanes, columns, 1
    elif state.lanes % columns == 0:
        collect, word, sub = 1, state.lanes, state.lanes // columns
    else:
        part = gcd(columns, state.lanes)
        _open(state, part, ceil_div(state.elements, part), 1, 1)
        state.lanes = part
        return _open(state, columns, steps, replay, emit)
    words = ceil_div(emissions, collect)
    if state.islands and isinstance(state.islands[-1].head, Buffer):
        last = state.islands[-1]
        state.islands[-1] = replace(last, head=replace(last.head, collect=collect))
    name = f"head_{len(state.islands)}"
    head = Buffer(name, state.width, word, words, words, sub, steps, replay, emit, 1, Store.LOGIC)
    state.islands.append(Island(head, ()))
    return None


def _cores(state: _State, layer: Layer, choice: LayerPlan, x_type: FixedPoint, family: int) -> list[Core]:
    cores: list[Core] = []
    half = layer.after[0].op if layer.after and isinstance(layer.after[0].op, Requant) else None
    width, signed = x_type.width, x_type.signed
    lanes = min(choice.pe, layer.outputs)
    kind = x_type
    if layer.product is not None:
        core, state.span = _product(layer, choice, x_type, state.span, half, family)
        if isinstance(core, AffineLanes):
            island = state.islands[-1]
            core = replace(core, late=bool(island.cores) or isinstance(island.head, Direct))
        cores.append(core)
        width, signed, lanes = core.acc_width, True, core.lanes
    for k, node in enumerate(layer.after):
        name = f"{layer.name}_{k}"
        if isinstance(node.op, Requant):
            absorbed = layer.product is not None and node.op is half
            cores.append(
                RequantLanes(
                    name,
                    layer.name,
                    lanes,
                    width,
                    node.op.format,
                    node.op.shifts,
                    node.op.lo,
                    node.op.hi,
                    not absorbed,
                    signed,
                )
            )
            kind = node.op.format.type
        elif isinstance(node.op, Table):
            cores.append(TableLanes(name, layer.name, lanes, kind, node.op.y_type, node.op.entries, choice.tables))
            kind = node.op.y_type
        state.span = node.op.span(state.span)
        width, signed = kind.width, kind.signed
    return cores


def _product(
    layer: Layer, choice: LayerPlan, x_type: FixedPoint, x: Range, requant: Requant | None, family: int
) -> tuple[DenseFolded | DenseUnrolled | AffineLanes, Range]:
    """The engine of the layer's product, with the rounding constant of the requant in its bias."""
    op = layer.product
    assert op is not None
    half = rounding_constant(requant) if requant else np.zeros_like(op.bias)
    bias = op.bias + half
    exact = _span(op, x.lo.tobytes(), x.hi.tobytes())
    acc = sum_width(Range(exact.lo + half, exact.hi + half))
    if isinstance(op, DenseCodes):
        common = (layer.name, layer.name, op.weight, bias, x_type, op.weight_type.signed_width, acc)
        if choice.reuse(*op.weight.shape) == 1:
            return DenseUnrolled(*common, choice.product, choice.segment, family), exact
        return (
            DenseFolded(*common, choice.pe, choice.simd, choice.product, choice.segment, choice.weights, family),
            exact,
        )
    lanes = min(choice.pe, layer.inputs)
    core = AffineLanes(
        layer.name, layer.name, op.scale, bias, x_type, op.scale_type.signed_width, acc, lanes, choice.product,
        choice.weights, family, late=False,
    )  # fmt: skip
    return core, exact


@lru_cache(maxsize=64)
def _span(op: DenseCodes | AffineCodes, lo: bytes, hi: bytes) -> Range:
    """Ends of the sums; a planner assembles the same layers again and again."""
    return op.span(Range(np.frombuffer(lo, dtype=np.int64), np.frombuffer(hi, dtype=np.int64)))


def rounding_constant(requant: Requant) -> Codes:
    """Half a step of the result on the grid of the source [n]; zero where nothing is dropped."""
    if requant.format.rounding is Rounding.TRUNCATE:
        return np.zeros_like(requant.shifts)
    return np.where(requant.shifts > 0, np.left_shift(np.int64(1), np.maximum(requant.shifts - 1, 0)), 0)
