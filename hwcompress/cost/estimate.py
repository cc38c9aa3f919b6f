# SPDX-License-Identifier: Apache-2.0
"""Resources of every engine, before emission. DSP and BRAM follow exactly; LUT and FF from the modules' structure.

LUTs of 6 inputs: logic.py and maps.py. LUTs of 4 inputs: lut4.py.
"""

from dataclasses import dataclass
from functools import singledispatch

import numpy as np

from hwcompress.cost import logic, lut4, maps
from hwcompress.cost.cells import Cells, total
from hwcompress.engines.base import Core, Product, Store
from hwcompress.engines.dense import DenseFolded, DenseUnrolled
from hwcompress.engines.elementwise import AffineLanes, DepthwiseLanes, RequantLanes, TableLanes
from hwcompress.engines.head import Buffer, Direct, Lines, Scan
from hwcompress.engines.pipeline import Interface, Island, Pipeline
from hwcompress.engines.pool import MaxUnrolled, PoolLanes
from hwcompress.hw.cells import Resources
from hwcompress.hw.families import FAMILIES
from hwcompress.hw.memory import blocks

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
    whole = ports
    for k, island in enumerate(pipeline.islands):
        waiting += head_resources(island.head, pipeline.family) + collector(pipeline, k)
        for j, core in enumerate(island.cores):
            cells = core_resources(core, pipeline.family, contents, beside(island, j))
            layers[core.layer] = layers.get(core.layer, Resources()) + cells + waiting
            whole += cells + waiting
            waiting = Resources()
    return Estimate(whole + waiting, layers)


def beside(island: Island, j: int) -> logic.Beside:
    """What stands before and behind core j."""
    before = island.cores[j - 1] if j else None
    behind = island.cores[j + 1] if j + 1 < len(island.cores) else None
    if before is None:
        block = isinstance(island.head, Scan)  # its registers hold between steps
        block |= isinstance(island.head, Lines) and island.head.window.padded  # padding is a set or reset
        block |= (
            isinstance(island.head, Buffer | Lines) and island.head.store is Store.BLOCK and not island.head.latency
        )
    else:
        block = isinstance(before, TableLanes) and before.store is Store.BLOCK
        block |= isinstance(before, RequantLanes) and logic.resets(before)
    return logic.Beside(not block, logic.unread(behind) if isinstance(behind, RequantLanes) else None)


def port_resources(pipeline: Pipeline) -> Resources:
    """Framer and output FIFO."""
    if pipeline.interface is Interface.VALID:
        return Resources()
    out, depth, store, family = pipeline.output, pipeline.output_depth, pipeline.output_store, pipeline.family
    if FAMILIES[family].lut == 4:
        cells = total(lut4.framer(pipeline.input, family), lut4.output_fifo(out, depth, store, family))
    else:
        cells = total(logic.framer(pipeline.input), logic.output_fifo(out, depth, store))
    return Resources(0, *cells, _memory(out.data_bits, depth, family) if store is Store.BLOCK else 0)


def _memory(width: int, depth: int, family: int) -> int:
    return blocks(width, depth, FAMILIES[family].shapes)


def head_resources(head: Direct | Buffer | Lines | Scan, family: int) -> Resources:
    """Memory, counters, credit."""
    if isinstance(head, Direct):
        return Resources(ff=head.width + 1)
    used = _memory(head.width, head.depth, family) if head.store is Store.BLOCK else 0
    if isinstance(head, Scan):
        width, depth = head.line_bits
        used += line_blocks(width, depth, family) if head.lines is Store.BLOCK else 0
    if FAMILIES[family].lut == 4:
        return Resources(0, *lut4.head(head, family), used)
    if isinstance(head, Scan):
        return Resources(0, *maps.scan(head), used)
    return Resources(0, *(maps.window(head) if isinstance(head, Lines) else logic.buffer(head)), used)


def line_blocks(width: int, depth: int, family: int) -> int:
    """Blocks of a hwc_line; a word more where none can be read while it is written."""
    return _memory(width, depth + FAMILIES[family].late_lines, family) if width and depth > 2 else 0


def collector(pipeline: Pipeline, k: int) -> Resources:
    """What joins emissions to words behind island k."""
    head = pipeline.islands[k].head
    if isinstance(head, Direct) or head.collect == 1 or not pipeline.islands[k].cores:
        return Resources()
    last = pipeline.islands[k].cores[-1]
    joined = (last.lanes * last.lane_width, head.collect, head.count)
    small = FAMILIES[pipeline.family].lut == 4
    return Resources(0, *(lut4.collect(*joined, pipeline.family) if small else logic.collect(*joined)))


def core_resources(core: Core, family: int, contents: bool = False, beside: logic.Beside = ALONE) -> Resources:
    """Resources of one core among its neighbours."""
    if FAMILIES[family].lut == 4:
        lut, ff = lut4.core(core, family, contents)
    else:
        lut, ff = _cells(core, contents, beside)
    shapes = [m for m in core.rom_shapes() if m.store is Store.BLOCK]
    used = sum(_memory(m.width, m.depth, family) for m in shapes) * (core.lanes if isinstance(core, TableLanes) else 1)
    return Resources(_dsps(core), lut, ff, used)


def _dsps(core: Core) -> int:
    match core:
        case DenseFolded(product=Product.DSP):
            return core.pe * core.simd
        case DenseUnrolled(product=Product.DSP):
            return int(np.count_nonzero(core.weight))
        case AffineLanes(product=Product.DSP) | DepthwiseLanes(product=Product.DSP):
            return core.lanes
        case _:
            return 0


@singledispatch
def _cells(core: Core, contents: bool, beside: logic.Beside) -> Cells:
    """LUTs of 6 inputs and flip-flops."""
    raise TypeError(type(core))


@_cells.register
def _(core: DenseFolded, contents: bool, beside: logic.Beside) -> Cells:
    return logic.folded(core, contents, beside)


@_cells.register
def _(core: DenseUnrolled, contents: bool, beside: logic.Beside) -> Cells:
    del contents
    return logic.unrolled(core, beside)


@_cells.register
def _(core: AffineLanes, contents: bool, beside: logic.Beside) -> Cells:
    del beside
    return logic.affine(core, contents)


@_cells.register
def _(core: DepthwiseLanes, contents: bool, beside: logic.Beside) -> Cells:
    del beside
    return maps.depthwise(core, contents)


@_cells.register
def _(core: PoolLanes, contents: bool, beside: logic.Beside) -> Cells:
    del contents, beside
    return maps.pool(core)


@_cells.register
def _(core: MaxUnrolled, contents: bool, beside: logic.Beside) -> Cells:
    del contents, beside
    return maps.largest(core)


@_cells.register
def _(core: RequantLanes, contents: bool, beside: logic.Beside) -> Cells:
    del contents, beside
    return logic.requant(core)


@_cells.register
def _(core: TableLanes, contents: bool, beside: logic.Beside) -> Cells:
    del beside
    return logic.table(core, contents)
