# SPDX-License-Identifier: Apache-2.0
"""Which foldings and engines a layer may have, and what each costs."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import gcd

from hwcompress.cost.estimate import core_resources, head_resources
from hwcompress.engines.assemble import assemble
from hwcompress.engines.base import Core, Product, Store, ceil_div, clog2
from hwcompress.engines.dense import DenseFolded, DenseUnrolled
from hwcompress.engines.elementwise import AffineLanes, RequantLanes, TableLanes
from hwcompress.engines.head import Buffer
from hwcompress.engines.plan import Layer, LayerPlan, Plan, layers
from hwcompress.hw.cells import Resources
from hwcompress.hw.memory import bram18
from hwcompress.ir.graph import CodeOp, Graph
from hwcompress.ops import DenseCodes

LUT_PER_BRAM18 = 100  # a memory moves to block RAM where that saves more LUTs than this for each RAMB18
KEEP = 20  # foldings of a layer that the search looks at
KEEP_TILE = 6  # and those for the next smaller depth of a block RAM
BLOCK_DEPTHS = tuple(512 << k for k in range(6))  # words of a RAMB18 at 36 .. 1 bits
SLACK = 1.25  # multipliers of a folding against the fewest
UNROLL_LIMIT = 1 << 17  # weights; beyond, reuse 1 is offered only where it is asked for


@dataclass(frozen=True, slots=True)
class Memories:
    """Where memories lie: in block RAM if that saves more LUTs than `luts` for each RAMB18; weights as `wanted`.

    mixed: folded weights in each of both, for the planner to choose.
    """

    luts: int = LUT_PER_BRAM18
    wanted: Store | None = None
    mixed: bool = False


Asked = tuple[LayerPlan, Memories]
Key = tuple[str, LayerPlan]  # a core and the plan of its layer


@dataclass(frozen=True)
class Space:
    """One layer to be planned, with its cores as templates."""

    layer: Layer
    cores: tuple[Core, ...]
    family: int
    known: "dict[Asked, Option]" = field(default_factory=dict["Asked", "Option"], compare=False, repr=False)
    priced: "dict[Key, Resources]" = field(default_factory=dict["Key", Resources], compare=False, repr=False)

    @property
    def rows(self) -> int:
        """m of a dense layer, else channels."""
        return self.layer.outputs

    @property
    def columns(self) -> int:
        """n of a dense layer, else 1."""
        return self.layer.inputs if self.dense else 1

    @property
    def dense(self) -> bool:
        """Whether PE x SIMD applies; otherwise lanes."""
        return isinstance(self.layer.product, DenseCodes)

    @property
    def name(self) -> str:
        """Of the layer."""
        return self.layer.name


@dataclass(frozen=True, slots=True)
class Option:
    """One way to build a layer."""

    plan: LayerPlan
    cost: Resources

    def columns(self, space: Space) -> int:
        """Elements that a step reads."""
        return self.plan.simd if space.dense else self.plan.pe


def spaces(graph: Graph[CodeOp], plan: Plan) -> tuple[Space, ...]:
    """Every layer with template cores, from an assembly under any plan."""
    pipeline = assemble(graph, plan)
    by_layer: dict[str, list[Core]] = {}
    for core in pipeline.cores():
        by_layer.setdefault(core.layer, []).append(core)
    return tuple(Space(layer, tuple(by_layer[layer.name]), plan.family) for layer in layers(graph))


def minimal_sizes(count: int) -> list[int]:
    """Smallest size for each number of folds of `count`: {ceil(count / k)}."""
    return sorted({ceil_div(count, k) for k in range(1, count + 1)})


def legal_reuse(rows: int, columns: int) -> list[int]:
    """Every value of ceil(rows / PE) * ceil(columns / SIMD)."""
    row_steps = {ceil_div(rows, pe) for pe in minimal_sizes(rows)}
    column_steps = {ceil_div(columns, simd) for simd in minimal_sizes(columns)}
    return sorted({r * c for r in row_steps for c in column_steps})


def foldings(space: Space, interval: int) -> list[tuple[int, int]]:
    """(PE, SIMD) with reuse at most `interval`: of few multipliers, that just fill block RAMs, of powers of two."""
    kept = _thrifty(space, interval)[:KEEP]
    tile = max([depth for depth in BLOCK_DEPTHS if depth < interval], default=0)
    if tile:
        kept += _thrifty(space, tile)[:KEEP_TILE]
    kept += _even(space, interval)
    if space.rows * space.columns <= UNROLL_LIMIT:
        kept.append((space.rows, space.columns))
    return list(dict.fromkeys(kept))


def _even(space: Space, interval: int) -> list[tuple[int, int]]:
    """Foldings by powers of two: those of two neighbours always fit together without a copy."""
    out: list[tuple[int, int]] = []
    for simd in _powers(space.columns):
        column_steps = ceil_div(space.columns, simd)
        fits = [pe for pe in _powers(space.rows) if ceil_div(space.rows, pe) * column_steps <= interval]
        out += [(fits[0], simd)] if fits else []
    return out


def _powers(size: int) -> list[int]:
    """1, 2, 4 ... below size, and size."""
    return [1 << k for k in range(clog2(size)) if 1 << k < size] + [size]


def _thrifty(space: Space, interval: int) -> list[tuple[int, int]]:
    """Foldings within SLACK of the fewest multipliers, fewest first."""
    out: list[tuple[int, int]] = []
    for simd in minimal_sizes(space.columns):
        column_steps = ceil_div(space.columns, simd)
        if column_steps <= interval:
            out.append((ceil_div(space.rows, min(space.rows, interval // column_steps)), simd))
    out.sort(key=lambda f: (f[0] * f[1], f[1]))
    fewest = out[0][0] * out[0][1]
    return [f for f in out if f[0] * f[1] <= SLACK * fewest]


def exact_foldings(space: Space, reuse: int) -> list[tuple[int, int]]:
    """(PE, SIMD) with exactly this reuse, fewest multipliers first."""
    out: list[tuple[int, int]] = []
    for simd in minimal_sizes(space.columns):
        column_steps = ceil_div(space.columns, simd)
        if reuse % column_steps == 0:
            pe = ceil_div(space.rows, reuse // column_steps)
            if ceil_div(space.rows, pe) * column_steps == reuse:
                out.append((pe, simd))
    return sorted(set(out), key=lambda f: (f[0] * f[1], f[1]))[:KEEP]


def option(space: Space, plan: LayerPlan, memories: Memories) -> Option:
    """A layer plan with its cost."""
    key = (plan, memories)
    if key not in space.known:
        total, suited = Resources(), plan
        for core in space.cores:
            cells, suited = _suited(space, core, suited, memories)
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


def _suited(space: Space, core: Core, plan: LayerPlan, memories: Memories) -> tuple[Resources, LayerPlan]:
    """Cost of a core under a plan, and the plan with the memory that suits."""
    if isinstance(core, DenseFolded | DenseUnrolled) and plan.reuse(*core.weight.shape) > 1:
        ways = {store: replace(plan, weights=store) for store in Store}
        wanted = memories.wanted
    elif isinstance(core, TableLanes):
        ways = {store: replace(plan, tables=store) for store in Store}
        wanted = None
    else:
        return _price(space, core, plan), plan
    cells = {store: _price(space, core, way) for store, way in ways.items()}
    store = wanted or better_store(cells[Store.LOGIC], cells[Store.BLOCK], memories.luts)
    return cells[store], ways[store]


def _price(space: Space, core: Core, plan: LayerPlan) -> Resources:
    """Cells of the template core under a plan, counted once."""
    key = (core.name, plan)
    if key not in space.priced:
        space.priced[key] = core_resources(_rebuilt(space, core, plan))
    return space.priced[key]


def _rebuilt(space: Space, core: Core, plan: LayerPlan) -> Core:
    """The template core under a plan."""
    if isinstance(core, DenseFolded | DenseUnrolled):
        common = (
            core.name, core.layer, core.weight, core.bias, core.x_type, core.weight_width, core.acc_width,
        )  # fmt: skip
        if plan.reuse(*core.weight.shape) == 1:
            return DenseUnrolled(*common, plan.product, plan.segment, space.family)
        return DenseFolded(*common, plan.pe, plan.simd, plan.product, plan.segment, plan.weights, space.family)
    if isinstance(core, AffineLanes):
        return replace(core, lanes=min(plan.pe, len(core.scale)), product=plan.product)
    lanes = min(plan.pe, space.layer.outputs)
    if isinstance(core, TableLanes):
        return replace(core, lanes=lanes, store=plan.tables)
    assert isinstance(core, RequantLanes)
    return replace(core, lanes=lanes)


def better_store(in_logic: Resources, in_block: Resources, luts: int) -> Store:
    """Block RAM where it saves more than `luts` LUTs a RAMB18; memories of one word are wires, which it never does."""
    saved = in_logic.lut - in_block.lut
    return Store.BLOCK if in_block.bram18 and saved > luts * in_block.bram18 else Store.LOGIC


def link(source: Space, a: Option, sink: Space, b: Option, interval: int, luts: int) -> Resources | None:
    """Cost of what lies between two layers; None where a copy would be slower than the interval."""
    elements, lanes = source.layer.outputs, min(a.plan.pe, source.layer.outputs)
    columns = b.columns(sink)
    steps = ceil_div(elements, columns)
    replay = ceil_div(sink.rows, b.plan.pe) if sink.dense else 1
    if lanes >= elements and steps == 1 and replay == 1:
        return Resources()
    width = source.cores[-1].lane_width
    if lanes >= elements or steps == 1 or columns % lanes == 0 or lanes % columns == 0:
        return _buffer(max(columns, lanes) * width, elements, max(columns, lanes), columns, luts)
    part = gcd(columns, lanes)
    if ceil_div(elements, part) > interval:
        return None
    copy = _buffer(lanes * width, elements, lanes, part, luts)
    return copy + _buffer(columns * width, elements, columns, columns, luts)


@lru_cache(maxsize=1 << 16)
def _buffer(width: int, elements: int, per_word: int, columns: int, luts: int) -> Resources:
    words = ceil_div(elements, per_word)
    depth = 32 if words <= 16 else ceil_div(words + 16, 64) * 64
    sub = max(1, per_word // columns)
    store = buffer_store(width, depth, luts)
    steps = ceil_div(elements, columns)
    return head_resources(Buffer("", width // per_word, per_word, depth, words, sub, steps, 1, steps, 1, store))


def buffer_store(width: int, depth: int, luts: int) -> Store:
    """Block RAM for buffers whose LUTRAM would cost more than `luts` LUTs for each RAMB18."""
    if depth <= 64:
        return Store.LOGIC
    sites = 8 * ceil_div(width, 7) * ceil_div(depth, 64)
    return Store.BLOCK if sites > luts * bram18(width, depth) else Store.LOGIC
