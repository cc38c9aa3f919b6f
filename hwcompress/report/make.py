# SPDX-License-Identifier: Apache-2.0
"""The report of a finished plan."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hwcompress.compress.recipe import Compressed
from hwcompress.config import Config
from hwcompress.cost.depths import roomy
from hwcompress.cost.schedule import Timing, schedule
from hwcompress.engines.assemble import assemble
from hwcompress.engines.base import Product, Stream
from hwcompress.engines.dense import DenseFolded, DenseUnrolled
from hwcompress.engines.elementwise import AffineLanes, DepthwiseLanes
from hwcompress.engines.flat import planned_layers
from hwcompress.engines.plan import Layer, LayerPlan, Plan, layers
from hwcompress.explore.planner import Planned
from hwcompress.frontend.model import Model
from hwcompress.hw.cells import Resources
from hwcompress.ir.fixed import Codes, FixedPoint, Reals
from hwcompress.ir.graph import CodeOp, Graph, Op
from hwcompress.ir.order import Order
from hwcompress.ops import Affine, AffineCodes, Conv, ConvCodes, Dense, DenseCodes
from hwcompress.report import schema
from hwcompress.version import __version__

FLOAT_BYTES = 4


@dataclass(frozen=True, eq=False)
class Facts:
    """All that a report tells."""

    model: Model
    config: Config
    compressed: Compressed
    planned: Planned
    accuracy: schema.AccuracyPart
    notes: Sequence[str]


def make_report(facts: Facts) -> schema.Report:
    """The report before any verification or synthesis."""
    config, planned = facts.config, facts.planned
    graph = facts.compressed.graph
    storage = [_storage(x) for x in layers(graph) if x.product is not None]
    kept = sum(s.nonzero for s in storage)
    weights = sum(s.weights for s in storage)
    original = sum(_weights(node.op) for node in facts.compressed.original)
    dense_bytes = sum(s.compressed_bytes for s in storage)
    parameters = facts.model.parameters
    total = planned.estimate.total
    over = total.over(config.device.budget)
    return schema.Report(
        schema_=schema.SCHEMA,
        version=__version__,
        model=schema.ModelPart(
            name=facts.model.name,
            sha256=facts.model.sha256,
            macs=_macs(facts.model.graph),
            parameters=parameters,
            nonzero_parameters=kept + _biases(graph),
        ),
        inputs=[_input(facts)],
        outputs=[_output(facts)],
        target=_target(config),
        compression=schema.CompressionPart(
            float_bytes=FLOAT_BYTES * parameters,
            compressed_bytes=dense_bytes,
            ratio=round(FLOAT_BYTES * parameters / max(1, dense_bytes), 4),
            sparsity=round(1 - kept / max(1, original, weights), 6),  # dead neurons are zeros too
            layers=storage,
        ),
        resources=counts(total),
        timing=schema.TimingPart(
            latency_cycles=planned.timing.latency_cycles, interval_cycles=planned.timing.interval_cycles
        ),
        accuracy=facts.accuracy,
        layers=_layers(graph, planned),
        host=list(facts.model.tail_ops),
        notes=[*facts.model.notes, *facts.notes, *planned.notes, *filter(None, [config.device.cells.note])],
        plan=schema.PlanPart(
            interface=config.interface,
            backend=config.backend,
            goal=_goal(config),
            binding=", ".join(over),
            fits=not over,
            explain=list(facts.compressed.explain),
        ),
    )


def counts(r: Resources) -> schema.ResourceCounts:
    """As the report writes them."""
    return schema.ResourceCounts(dsp=r.dsp, lut=r.lut, ff=r.ff, bram18=r.bram18)


def _goal(config: Config) -> str:
    if config.reuse != "auto":
        return f"reuse {config.reuse}"
    wanted = [f"{k} <= {v}" for k, v in (("latency", config.latency), ("interval", config.interval)) if v is not None]
    return ", then ".join([" and ".join(wanted) or "smallest interval", "fewest DSPs", "LUTs", "latency"])


def _target(config: Config) -> schema.TargetPart:
    device = config.device
    return schema.TargetPart(
        name=device.name,
        multiplier=device.multiplier,
        device=device.device,
        clock_mhz=config.clock_mhz,
        budget=counts(device.budget),
        part=device.part,
        source=device.source,
        dsp_cell=device.cells.dsp,
        block=device.cells.block,
    )


def _macs(graph: Graph[Op]) -> int:
    """Products of one inference."""
    total, shape = 0, graph.shape
    for node in graph:
        shape = node.op.shape(shape)
        if isinstance(node.op, Dense | Conv):
            total += node.op.weight.size * math.prod(shape[:-1])
    return total


def _biases(graph: Graph[CodeOp]) -> int:
    products = [n.op for n in graph if isinstance(n.op, DenseCodes | ConvCodes | AffineCodes)]
    return sum(int(np.count_nonzero(op.bias)) for op in products)


def _weights(op: Op) -> int:
    """Weights of a product."""
    if isinstance(op, Dense | Conv):
        return op.weight.size
    return op.scale.size if isinstance(op, Affine) else 0


def _constants(op: DenseCodes | ConvCodes | AffineCodes) -> tuple[Codes, FixedPoint]:
    """What the products multiply with."""
    return (op.scale, op.scale_type) if isinstance(op, AffineCodes) else (op.weight, op.weight_type)


def _storage(layer: Layer) -> schema.CompressionLayer:
    op = layer.product
    assert op is not None
    weight, kind = _constants(op)
    width = kind.width
    kept = int(np.count_nonzero(weight))
    bias_bits = int(np.abs(op.bias).max(initial=0)).bit_length() + 1
    packed = -(-(weight.size * width + op.bias.size * bias_bits) // 8)
    return schema.CompressionLayer(
        name=layer.name,
        weights=weight.size,
        nonzero=kept,
        sparsity=round(1 - kept / weight.size, 6),
        bits=width,
        float_bytes=FLOAT_BYTES * (weight.size + op.bias.size),
        compressed_bytes=packed,
    )


def _port(
    stream: Stream, name: str, shape: Sequence[int | str], scale: float | list[float], order: Order
) -> schema.PortPart:
    return schema.PortPart(
        name=name,
        onnx_shape=list(shape),
        permutation=permutation(shape, order),
        type=str(stream.type),
        scale=scale,
        elements_per_beat=stream.per_beat,
        beats=stream.beats,
        tdata_bits=stream.tdata_bits,
        elements=stream.elements,
    )


def permutation(shape: Sequence[int | str], order: Order) -> list[int]:
    """Axes of the model's tensor in the order in which the hardware sees their elements, the innermost last."""
    axes = list(range(1, len(shape))) or [0]
    sizes = [int(shape[axis]) for axis in axes if isinstance(shape[axis], int)]
    if order.identity or len(sizes) != len(axes):
        return axes
    place = np.empty(math.prod(sizes), dtype=np.int64)
    place[order.places()] = np.arange(len(place))
    steps = [int(place.reshape(sizes).take(1, axis=k).flat[0]) if n > 1 else 0 for k, n in enumerate(sizes)]
    return [axes[k] for k in sorted(range(len(axes)), key=lambda k: -steps[k])]


def _input(facts: Facts) -> schema.PortPart:
    stream, exponents = facts.planned.pipeline.input, facts.compressed.exponents
    scale: float | list[float] = stream.type.step
    if exponents.any():
        scale = [stream.type.step * 2.0 ** -int(e) for e in exponents]
    return _port(stream, facts.model.input.name, facts.model.input.onnx_shape, scale, facts.model.input_order)


def _output(facts: Facts) -> schema.PortPart:
    stream, model = facts.planned.pipeline.output, facts.model
    order = model.output_order.inverse()
    return _port(stream, model.graph.output, ("N", *model.tail_shape), stream.type.step, order)


def layer_timing(graph: Graph[CodeOp], layer: Layer, plan: Plan) -> Timing:
    """Cycles of one layer built alone, between its own ports."""
    names = {n.output for n in layer.after}
    nodes = tuple(n for n in graph if n.output in names or n.op is layer.product or n.op is layer.pool)
    alone = replace(graph, input=layer.value, channels=layer.x.channels, grid=layer.x.grid, nodes=nodes)
    name = layers(alone)[0].name
    part = replace(plan, layers={name: plan.layers[layer.name]})
    return schedule(roomy(assemble(alone, part)))


def _layers(graph: Graph[CodeOp], planned: Planned) -> list[schema.LayerPart]:
    pairs = zip(layers(graph), planned_layers(graph, planned.plan.flat), strict=True)
    return [_layer(graph, layer, made, planned) for layer, made in pairs]


def _layer(graph: Graph[CodeOp], layer: Layer, made: Layer, planned: Planned) -> schema.LayerPart:
    op, choice = layer.product, planned.plan.layers[layer.name]
    timing = layer_timing(graph, layer, planned.plan)
    cells = planned.estimate.layers.get(layer.name, Resources())
    engines = (DenseFolded, DenseUnrolled, DepthwiseLanes, AffineLanes)
    core = next((c for c in planned.pipeline.cores() if c.layer == layer.name and isinstance(c, engines)), None)
    weight, kind = _constants(op) if op else (np.zeros(0), None)
    accumulator = None
    if isinstance(core, engines) and op is not None:
        source = next(n.source for n in graph if n.op is op)
        accumulator = f"s{core.acc_width}f{op.infer(graph.types[source]).element.frac}"
    rows, columns = made.outputs, made.columns
    return schema.LayerPart(
        name=layer.name,
        op=layer.name.rpartition("_")[0],
        macs=weight.size * (layer.positions if layer.matrix or weight.ndim == 1 else 1),
        reuse=choice.reuse(rows, columns),
        pe=min(choice.pe, rows),
        simd=choice.simd,
        strategy=choice.product.value if op else Product.LUT.value,
        weight_type=str(kind) if kind else None,
        input_type=str(graph.types[layer.value].element),
        output_type=str(layer.y.element),
        accumulator_type=accumulator,
        sparsity=round(1 - np.count_nonzero(weight) / weight.size, 6) if weight.size else 0.0,
        dsp=cells.dsp,
        lut=cells.lut,
        ff=cells.ff,
        bram18=cells.bram18,
        latency_cycles=timing.latency_cycles,
        interval_cycles=timing.interval_cycles,
        products_per_dsp=1,
        source=layer.source,
        inputs=layer.inputs,
        outputs=layer.outputs,
        positions=layer.positions,
        multiplier_use=multiplier_use(layer, made, choice, planned.timing.interval_cycles),
    )


def multiplier_use(layer: Layer, made: Layer, choice: LayerPlan, interval: int) -> float | None:
    """Share of its multipliers' clocks in which a layer's products fall; None where no matrix is multiplied."""
    if not layer.matrix:
        return None
    products = layer.matrix.weight.size * layer.positions
    multipliers = products if made.flat else min(choice.pe, layer.outputs) * choice.simd
    return round(products / (multipliers * interval), 4)


def accuracy_part(
    metric: str,
    scores: tuple[float | None, float | None],
    reference: Reals,
    fixed: Reals,
    agreement: float,
    sqnr: float | None,
) -> schema.AccuracyPart:
    """Figures of the float model and of the codes over the same samples."""
    return schema.AccuracyPart(
        metric=metric, float_=scores[0], fixed=scores[1], samples=len(reference), agreement=agreement, sqnr_db=sqnr
    )
