# SPDX-License-Identifier: Apache-2.0
"""Which foldings and engines a layer may have, and what each costs."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from math import gcd

from hwcompress.cost import logic, lut4
from hwcompress.cost.depths import least, rounded
from hwcompress.cost.estimate import core_resources, head_resources
from hwcompress.engines.assemble import layer_cores
from hwcompress.engines.base import Core, Product, Store, ceil_div
from hwcompress.engines.dense import DenseFolded, DenseUnrolled
from hwcompress.engines.elementwise import AffineLanes, DepthwiseLanes, TableLanes
from hwcompress.engines.flat import planned_layers
from hwcompress.engines.head import Buffer, Direct, Lines, Scan
from hwcompress.engines.opening import heads_on, reads
from hwcompress.engines.plan import Layer, LayerPlan
from hwcompress.explore.folding import Sizes
from hwcompress.hw.cells import Resources
from hwcompress.hw.families import FAMILIES
from hwcompress.hw.memory import blocks
from hwcompress.ir.graph import CodeOp, Graph
from hwcompress.ir.types import Range

LUT_PER_BRAM18 = 100  # a memory moves to block RAM where that saves more LUTs than this for each RAMB18


@dataclass(frozen=True, slots=True)
class Memories:
    """Where memories lie: in block RAM if that saves more LUTs than `luts` for each RAMB18; weights as `wanted`.

    mixed: folded weights in each of both, for the planner to choose.
    """

    luts: int = LUT_PER_BRAM18
    wanted: Store | None = None
    mixed: bool = False


Asked = tuple[LayerPlan, Memories]
Key = tuple[int, LayerPlan, Store | None]  # place of a core, the plan of its layer, its memory


@dataclass(frozen=True, eq=False)
class Space:
    """One layer to be planned."""

    layer: Layer
    span: Range  # of what it reads
    family: int
    known: "dict[Asked, Option]" = field(default_factory=dict["Asked", "Option"], repr=False)
    built: dict[LayerPlan, list[Core]] = field(default_factory=dict[LayerPlan, list[Core]], repr=False)
    priced: "dict[Key, Resources]" = field(default_factory=dict["Key", Resources], repr=False)

    @cached_property
    def sizes(self) -> Sizes:
        """PE and SIMD that are allowed."""
        return Sizes(self.layer)

    @property
    def name(self) -> str:
        """Of the layer."""
        return self.layer.name

    @cached_property
    def operands(self) -> tuple[int, int] | None:
        """Bits of the signed operands of its products; None where it has none."""
        for core in self.cores(LayerPlan(1, 1, Product.LUT)) if self.layer.product is not None else ():
            if isinstance(core, DenseFolded | DenseUnrolled | DepthwiseLanes | AffineLanes) and core.name == self.name:
                return core.x_type.signed_width, core.weight_width
        return None

    @property
    def fits_dsp(self) -> bool:
        """Whether a product takes one DSP of the target."""
        return self.operands is None or FAMILIES[self.family].fits(*self.operands)

    def cores(self, plan: LayerPlan) -> list[Core]:
        """The layer's cores under a plan, made once."""
        if plan not in self.built:
            self.built[plan] = layer_cores(self.layer, plan, self.span, self.family)[0]
        return self.built[plan]


@dataclass(frozen=True, slots=True)
class Option:
    """One way to build a layer."""

    plan: LayerPlan
    cost: Resources


def spaces(graph: Graph[CodeOp], family: int, flat: bool) -> tuple[Space, ...]:
    """Every layer, with the range of what it reads."""
    out: list[Space] = []
    parts = planned_layers(graph, flat)
    span = Range.of(graph.types[graph.input].element, parts[0].x.channels)
    for layer in parts:
        out.append(Space(layer, span, family))
        span = layer_cores(layer, LayerPlan(1, 1, Product.LUT), span, family)[1]
    return tuple(out)


def option(space: Space, plan: LayerPlan, memories: Memories) -> Option:
    """A layer plan with its cost."""
    key = (plan, memories)
    if key not in space.known:
        total, suited = Resources(), plan
        for place, core in enumerate(space.cores(plan)):
            cells, suited = _suited(space, (place, core), plan, suited, memories)
            total += cells
        space.known[key] = Option(suited, total)
    return space.known[key]


def options(
    space: Space, folded: Iterable[tuple[int, int]], products: Iterable[Product], segment: int, memories: Memories
) -> list[list[Option]]:
    """For every folding, every product engine, and every memory if they are mixed."""
    kinds = tuple(products) if space.layer.product is not None else (Product.LUT,)
    ways = (
        [replace(memories, wanted=w, mixed=False) for w in (Store.LOGIC, Store.BLOCK)] if memories.mixed else [memories]
    )
    return [
        [option(space, LayerPlan(pe, simd, kind, segment), way) for kind in kinds for way in ways]
        for pe, simd in dict.fromkeys(folded)
    ]


def _suited(
    space: Space, placed: tuple[int, Core], plan: LayerPlan, suited: LayerPlan, memories: Memories
) -> tuple[Resources, LayerPlan]:
    """Cost of a core under `plan`, and `suited` with the memory that suits it."""
    place, core = placed
    if not isinstance(core, DenseFolded | DepthwiseLanes | TableLanes):
        return _price(space, (place, plan, None), core), suited
    cells = {store: _price(space, (place, plan, store), replace(core, store=store)) for store in Store}
    table = isinstance(core, TableLanes)
    wanted = None if table else memories.wanted
    store = wanted or better_store(cells[Store.LOGIC], cells[Store.BLOCK], memories.luts)
    return cells[store], replace(suited, tables=store) if table else replace(suited, weights=store)


def _price(space: Space, key: Key, core: Core) -> Resources:
    """Cells of a core, counted once."""
    if key not in space.priced:
        space.priced[key] = core_resources(core, space.family)
    return space.priced[key]


def better_store(in_logic: Resources, in_block: Resources, luts: int) -> Store:
    """Block RAM where it saves more than `luts` LUTs a RAMB18; memories of one word are wires, which it never does."""
    saved = in_logic.lut - in_block.lut
    return Store.BLOCK if in_block.bram18 and saved > luts * in_block.bram18 else Store.LOGIC


def link(source: Space, a: Option, sink: Space, b: Option, interval: int, luts: int) -> Resources | None:
    """Cost of what lies between two layers; None where it would be slower than the interval."""
    if source.layer.y.grid:
        return between_maps(source, a, sink, b, interval, luts)
    elements, lanes = source.layer.outputs, min(a.plan.pe, source.layer.outputs)
    columns = reads(sink.layer, b.plan)
    steps = ceil_div(elements, columns)
    replay = ceil_div(sink.sizes.rows, b.plan.pe) if sink.layer.matrix else 1
    if lanes >= elements and steps == 1 and replay == 1:
        return Resources()
    width = source.layer.y.element.width
    if lanes >= elements or steps == 1 or columns % lanes == 0 or lanes % columns == 0:
        return _buffer(max(columns, lanes) * width, elements, max(columns, lanes), columns, luts, sink.family)
    part = gcd(columns, lanes)
    if ceil_div(elements, part) > interval:
        return None
    copy = _buffer(lanes * width, elements, lanes, part, luts, sink.family)
    return copy + _buffer(columns * width, elements, columns, columns, luts, sink.family)


def between_maps(source: Space, a: Option, sink: Space, b: Option, interval: int, luts: int) -> Resources | None:
    """The heads that the sink opens on a map with the lanes of the source, at about the depth that they will have."""
    lanes = min(a.plan.pe, source.layer.outputs)
    heads = _heads(sink.layer, b.plan.pe, b.plan.simd, lanes, source.layer.y.element.width)
    cells = Resources()
    for head in heads:
        if max(head.words, head.frame_steps) > interval and head.words > sink.layer.x.positions:
            return None
        depth = rounded(least(head) + 2)
        store = buffer_store(head.width, depth, luts, sink.family)
        cells += head_resources(replace(head, depth=depth, store=store), sink.family)
    return cells


@lru_cache(maxsize=1 << 14)
def _heads(layer: Layer, pe: int, simd: int, lanes: int, width: int) -> tuple[Buffer | Lines | Scan, ...]:
    return tuple(h for h in heads_on(layer, LayerPlan(pe, simd), lanes, width) if not isinstance(h, Direct))


@lru_cache(maxsize=1 << 16)
def _buffer(width: int, elements: int, per_word: int, columns: int, luts: int, family: int) -> Resources:
    words = ceil_div(elements, per_word)
    depth = 32 if words <= 16 else ceil_div(words + 16, 64) * 64
    sub = max(1, per_word // columns)
    store = buffer_store(width, depth, luts, family)
    steps = ceil_div(elements, columns)
    head = Buffer("", width // per_word, per_word, depth, words, sub, steps, 1, steps, 1, store)
    return head_resources(head, family)


def buffer_store(width: int, depth: int, luts: int, family: int) -> Store:
    """Block RAM for buffers that would cost more than `luts` LUTs for each block in logic."""
    cells = FAMILIES[family]
    if not width or (cells.lut == 6 and depth <= 64):
        return Store.LOGIC
    sites = logic.lutram(width, depth)[0] if cells.lut == 6 else max(lut4.ram(width, depth, family))
    return Store.BLOCK if sites > luts * blocks(width, depth, cells.shapes) else Store.LOGIC
