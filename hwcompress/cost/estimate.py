# SPDX-License-Identifier: Apache-2.0
"""Resources of every engine, before emission. DSP and BRAM follow exactly; LUT and FF from the modules' structure."""

from dataclasses import dataclass
from functools import singledispatch

import numpy as np

from hwcompress.cost import logic, maps
from hwcompress.engines.base import Core, Product, Store
from hwcompress.engines.dense import DenseFolded, DenseUnrolled
from hwcompress.engines.elementwise import AffineLanes, DepthwiseLanes, RequantLanes, TableLanes
from hwcompress.engines.head import Buffer, Direct, Lines, Scan
from hwcompress.engines.pipeline import Interface, Island, Pipeline
from hwcompress.engines.pool import MaxUnrolled, PoolLanes
from hwcompress.hw.cells import Resources
from hwcompress.hw.memory import bram18

ALONE = logic.Beside()


@dataclass(frozen=True, slots=True)
class Estimate:
    """The whole top, and each layer with its head."""

    total: Resources
    layers: dict[str, Resources]


def estimate(pipeline: Pipeline, contents: bool = False) -> Estimate:
    """Add up every block; a head counts for the first layer behind it. `contents`: look into the ROMs (slower)."""
    layers: dict[str, Resources] = {}
    ports = port_resources(pipeline)
    waiting = Resources()
    total = ports
    for k, island in enumerate(pipeline.islands):
        waiting += head_resources(island.head) + collector(pipeline, k)
        for j, core in enumerate(island.cores):
            cells = core_resources(core, contents, beside(island, j))
            layers[core.layer] = layers.get(core.layer, Resources()) + cells + waiting
            total += cells + waiting
            waiting = Resources()
    return Estimate(total + waiting, layers)


def beside(island: Island, j: int) -> logic.Beside:
    """What stands before and behind core j."""
    before = island.cores[j - 1] if j else None
    behind = island.cores[j + 1] if j + 1 < len(island.cores) else None
    if before is None:
        block = not isinstance(island.head, Direct) and island.head.store is Store.BLOCK and not island.head.latency
    else:
        block = isinstance(before, TableLanes) and before.store is Store.BLOCK
        block |= isinstance(before, RequantLanes) and logic.resets(before)
    return logic.Beside(not block, logic.unread(behind) if isinstance(behind, RequantLanes) else None)


def port_resources(pipeline: Pipeline) -> Resources:
    """Framer and output FIFO."""
    if pipeline.interface is Interface.VALID:
        return Resources()
    lut, ff = logic.framer(pipeline.input)
    lut_out, ff_out = logic.output_fifo(pipeline.output, pipeline.output_depth, pipeline.output_store)
    blocks = bram18(pipeline.output.data_bits, pipeline.output_depth) if pipeline.output_store is Store.BLOCK else 0
    return Resources(0, lut + lut_out, ff + ff_out, blocks)


def head_resources(head: Direct | Buffer | Lines | Scan) -> Resources:
    """Memory, counters, credit."""
    if isinstance(head, Direct):
        return Resources(ff=head.width + 1)
    blocks = bram18(head.width, head.depth) if head.store is Store.BLOCK else 0
    if isinstance(head, Scan):
        lut, ff = maps.scan(head)
        width, depth = head.line_bits
        return Resources(
            0, lut, ff, blocks + (bram18(width, depth) if width and depth > 2 and head.lines is Store.BLOCK else 0)
        )
    lut, ff = maps.window(head) if isinstance(head, Lines) else logic.buffer(head)
    return Resources(0, lut, ff, blocks)


def collector(pipeline: Pipeline, k: int) -> Resources:
    """What joins emissions to words behind island k."""
    head = pipeline.islands[k].head
    if isinstance(head, Direct) or head.collect == 1 or not pipeline.islands[k].cores:
        return Resources()
    last = pipeline.islands[k].cores[-1]
    lut, ff = logic.collect(last.lanes * last.lane_width, head.collect, head.count)
    return Resources(0, lut, ff)


@singledispatch
def core_resources(core: Core, contents: bool = False, beside: logic.Beside = ALONE) -> Resources:
    """Resources of one core among its neighbours."""
    raise TypeError(type(core))


def _blocks(core: Core) -> int:
    return sum(bram18(m.width, m.depth) for m in core.rom_shapes() if m.store is Store.BLOCK)


@core_resources.register
def _(core: DenseFolded, contents: bool = False, beside: logic.Beside = ALONE) -> Resources:
    lut, ff = logic.folded(core, contents, beside)
    dsp = core.pe * core.simd if core.product is Product.DSP else 0
    return Resources(dsp, lut, ff, _blocks(core))


@core_resources.register
def _(core: DenseUnrolled, contents: bool = False, beside: logic.Beside = ALONE) -> Resources:
    del contents
    lut, ff = logic.unrolled(core, beside)
    dsp = int(np.count_nonzero(core.weight)) if core.product is Product.DSP else 0
    return Resources(dsp, lut, ff)


@core_resources.register
def _(core: AffineLanes, contents: bool = False, beside: logic.Beside = ALONE) -> Resources:
    del beside
    lut, ff = logic.affine(core, contents)
    return Resources(core.lanes if core.product is Product.DSP else 0, lut, ff, _blocks(core))


@core_resources.register
def _(core: PoolLanes, contents: bool = False, beside: logic.Beside = ALONE) -> Resources:
    del contents, beside
    lut, ff = maps.pool(core)
    return Resources(0, lut, ff)


@core_resources.register
def _(core: MaxUnrolled, contents: bool = False, beside: logic.Beside = ALONE) -> Resources:
    del contents, beside
    lut, ff = maps.largest(core)
    return Resources(0, lut, ff)


@core_resources.register
def _(core: DepthwiseLanes, contents: bool = False, beside: logic.Beside = ALONE) -> Resources:
    del beside
    lut, ff = maps.depthwise(core, contents)
    return Resources(core.lanes if core.product is Product.DSP else 0, lut, ff, _blocks(core))


@core_resources.register
def _(core: RequantLanes, contents: bool = False, beside: logic.Beside = ALONE) -> Resources:
    del contents, beside
    lut, ff = logic.requant(core)
    return Resources(0, lut, ff)


@core_resources.register
def _(core: TableLanes, contents: bool = False, beside: logic.Beside = ALONE) -> Resources:
    del beside
    lut, ff = logic.table(core, contents)
    return Resources(0, lut, ff, core.lanes * _blocks(core))
