# SPDX-License-Identifier: Apache-2.0
"""Where each layer's results can be seen: nets of the generated top and a value of model.fixed.onnx."""

from dataclasses import dataclass

from hwcompress.codegen.cores import emitted_nets
from hwcompress.engines.base import Core, ceil_div
from hwcompress.engines.head import Direct
from hwcompress.engines.pipeline import Pipeline
from hwcompress.engines.plan import Layer, layers
from hwcompress.ir.graph import CodeOp, Graph
from hwcompress.ops import MaxPoolCodes


@dataclass(frozen=True, slots=True)
class Tap:
    """What one layer emits, or the input port, whose `layer` is empty. Net names are ours, `source` is not."""

    layer: str
    source: str  # the model's own name: untrusted text
    value: str  # name in model.fixed.onnx
    valid: str  # net
    data: str  # net
    room: str  # net: the reader behind it takes more
    lanes: int  # elements of an emission
    width: int  # bits of a lane
    signed: bool
    positions: int  # each begins an emission of its own
    elements: int  # of a position
    grid: tuple[int, ...]  # rows and columns of the model's map, or none
    channels: int  # of the model's map

    @property
    def emissions(self) -> int:
        """A frame."""
        return self.positions * ceil_div(self.elements, self.lanes)

    @property
    def bits(self) -> int:
        """Of an emission."""
        return self.lanes * self.width


def taps(p: Pipeline, graph: Graph[CodeOp], input_name: str = "") -> tuple[Tap, ...]:
    """The input port, then every layer in order."""
    entry = p.input
    first = Tap("", "", "", "in_write", "in_data", "room_0", entry.per_beat, entry.type.width, entry.type.signed, 1,
                entry.elements, graph.grid, graph.channels)  # fmt: skip
    last: dict[str, tuple[int, Core]] = {core.layer: (k, core) for k, i in enumerate(p.islands) for core in i.cores}
    return first, *(_tap(p, layer, *last[layer.name], input_name) for layer in layers(graph))


def _tap(p: Pipeline, layer: Layer, island: int, core: Core, input_name: str) -> Tap:
    head, y = p.islands[island].head, layer.y
    positions = 1 if isinstance(head, Direct) else head.units  # 1 too where all positions of a map are a vector
    typed = bool(layer.after) or (layer.product is None and isinstance(layer.pool, MaxPoolCodes))
    return Tap(
        layer.name,
        layer.source,
        layer_value(layer.name, input_name),
        *emitted_nets(core),
        f"room_{island + 1}",
        core.lanes,
        core.lane_width,
        y.element.signed if typed else True,  # sums are signed
        positions,
        y.elements // positions,
        y.grid,
        y.channels,
    )


def layer_value(layer: str, input_name: str) -> str:
    """What a layer's result is called in model.fixed.onnx, whose input keeps the model's own name."""
    return f"hwc_layer_{layer}" if input_name.startswith("layer_") else f"layer_{layer}"
