# SPDX-License-Identifier: Apache-2.0
"""Which foldings and engines a layer may have, and what each costs."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from math import gcd

from hwcompress.cost.estimate import core_resources, head_resources
from hwcompress.engines.assemble import assemble
from hwcompress.engines.base import Core, Product, Store, ceil_div
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


@dataclass(frozen=True)
class Space:
    """One layer to be planned, with its cores as templates."""

    layer: Layer
    cores: tuple[Core, ...]
    family: int
    known: "dict[Asked, Option]" = field(default_factory=dict["Asked", "Option"], compare=False, repr=False)

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
    reuse: int
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
    """(PE, SIMD) with reuse at most `interval`, fewest multipliers first; those that just fill block RAMs too."""
    kept = _thrifty(space, interval)[:KEEP]
    tile = max([depth for depth in BLOCK_DEPTHS if depth < interval], default=0)
    if tile:
        kept += [f for f in _thrifty(space, tile)[:KEEP_TILE] if f not in kept]
    unrolled = (space.rows, space.columns)
    if unrolled not in kept and space.rows * space.columns <= UNROLL_LIMIT:
        kept.append(unrolled)
    return kept


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
            built, suited = _rebuilt(space, core, suited, memories)
            total += core_resources(built)
        space.known[key] = Option(suited, suited.reuse(space.rows, space.columns), total)
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


def _rebuilt(space: Space, core: Core, plan: LayerPlan, memories: Memories) -> tuple[Core, LayerPlan]:
    """The template core under a plan, and the plan with the memory that suits."""
    if isinstance(core, DenseFolded | DenseUnrolled):
        common = (
            core.name, core.layer, core.weight, core.bias, core.x_type, core.weight_width, core.acc_width,
        )  # fmt: skip
        if plan.reuse(*core.weight.shape) == 1:
            return DenseUnrolled(*common, plan.product, plan.segment, space.family), plan
        built = DenseFolded(*common, plan.pe, plan.simd, plan.product, plan.segment, plan.weights, space.family)
        store = memories.wanted or better_store(built, memories.luts)
        return replace(built, store=store), replace(plan, weights=store)
    if isinstance(core, AffineLanes):
        affine = replace(core, lanes=min(plan.pe, len(core.scale)), product=plan.product)
        return affine, replace(plan, weights=affine.store)
    if isinstance(core, TableLanes):
        table = replace(core, lanes=min(plan.pe, space.layer.outputs))
        store = better_store(table, memories.luts)
        return replace(table, store=store), replace(plan, tables=store)
    assert isinstance(core, RequantLanes)
    return replace(core, lanes=min(plan.pe, space.layer.outputs)), plan


def better_store(core: DenseFolded | TableLanes, luts: int) -> Store:
    """Block RAM where it saves more than `luts` LUTs a RAMB18."""
    shape = core.rom_shapes()[0]
    in_logic = core_resources(replace(core, store=Store.LOGIC)).lut
    in_block = core_resources(replace(core, store=Store.BLOCK))
    if shape.depth < 2 or in_block.bram18 == 0:
        return Store.LOGIC
    return Store.BLOCK if in_logic - in_block.lut > luts * in_block.bram18 else Store.LOGIC


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
