# SPDX-License-Identifier: Apache-2.0
"""The plan: folding and engine of every layer, for the smallest interval or for a goal, under a budget.

For a given interval every layer gets options (folding x engine); a shortest path over the chain of layers takes
the cheapest sequence at a given price of a DSP in LUTs, and the price is bisected: the highest one whose plan
fits the LUT budget has the fewest DSPs (Lagrangian relaxation, Everett 1963). The smallest interval is bisected
over the reuse values that exist.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from hwcompress.cost.estimate import Estimate, estimate
from hwcompress.cost.schedule import Timing, first_latency, ideal_interval, roomy, schedule, size_buffers
from hwcompress.engines.assemble import assemble
from hwcompress.engines.base import Product
from hwcompress.engines.head import Buffer
from hwcompress.engines.pipeline import Interface, Pipeline
from hwcompress.engines.plan import LayerPlan, Plan, layers
from hwcompress.errors import BadInput, DoesNotFit
from hwcompress.explore import choices
from hwcompress.explore.choices import Option, Space
from hwcompress.hw.cells import Resources
from hwcompress.ir.graph import CodeOp, Graph

PRICES = (1 << 20, 512, 256, 160, 128, 96, 72, 56, 44, 32, 24, 16, 10, 6, 3, 1, 0)  # LUTs a DSP
SEGMENTS = (16, 8, 4, 2, 1)


@dataclass(frozen=True)
class LayerWish:
    """What the user fixed for one layer; None is free."""

    reuse: int | None = None  # strict
    pe: int | None = None
    simd: int | None = None
    product: Product | None = None
    segment: int | None = None
    memory: str | None = None  # logic or block


@dataclass(frozen=True)
class Goal:
    """Everything the planner is asked."""

    budget: Resources  # of the target, lowered by --max-*
    explicit: frozenset[str]  # resources whose limit the user gave
    family: int
    interface: Interface
    reuse: int | None = None  # global; None is auto
    product: Product | None = None  # None is auto
    interval: int | None = None
    latency: int | None = None
    wishes: Mapping[str, LayerWish] = field(default_factory=dict[str, LayerWish])


@dataclass(frozen=True)
class Planned:
    """A plan with its figures."""

    plan: Plan
    pipeline: Pipeline
    estimate: Estimate
    timing: Timing
    notes: tuple[str, ...] = ()

    def rank(self) -> tuple[int, int, int]:
        """Fewest DSPs, then LUTs, then latency."""
        return self.estimate.total.dsp, self.estimate.total.lut, self.timing.latency_cycles


def plan_network(graph: Graph[CodeOp], goal: Goal) -> Planned:
    """The best plan for the goal.

    Raises:
        DoesNotFit: no plan meets the goal and the budget; says what binds.
        BadInput: a wish is not legal for its layer.
    """
    search = _Search(graph, goal)
    if goal.reuse is not None or search.all_fixed():
        return _accept(finished(search.fixed()), goal)
    return finished(_choose(search, goal))


def finished(found: Planned) -> Planned:
    """The plan with its buffers cut to size, and its exact figures."""
    pipeline = stored(size_buffers(found.pipeline))
    return replace(found, pipeline=pipeline, estimate=estimate(pipeline, contents=True), timing=schedule(pipeline))


def _choose(search: "_Search", goal: Goal) -> Planned:
    if goal.latency is not None:
        return search.for_latency(goal.latency)
    if goal.interval is not None:
        return search.for_interval(goal.interval)
    return search.fastest()


def _accept(found: Planned, goal: Goal) -> Planned:
    """A plan that the user fixed is built whatever the target holds; an explicit limit binds."""
    over = found.estimate.total.over(goal.budget)
    if binding := [k for k in over if k in goal.explicit]:
        raise DoesNotFit(_misfit(found, goal, binding))
    notes = list(found.notes)
    if over:
        notes.append(f"exceeds the target's budget in {', '.join(over)}; built all the same, since the reuse was given")
    for name, limit, value in (
        ("interval", goal.interval, found.timing.interval_cycles),
        ("latency", goal.latency, found.timing.latency_cycles),
    ):
        if limit is not None and value > limit:
            raise DoesNotFit(
                f"{name}: wanted at most {limit} cycles, found {value} with the reuse given; "
                "lower --reuse or drop the goal"
            )
    return replace(found, notes=tuple(notes))


def _misfit(found: Planned, goal: Goal, binding: list[str]) -> str:
    total = found.estimate.total
    parts = ", ".join(f"{k} {getattr(total, k)} of {getattr(goal.budget, k)}" for k in binding)
    return (
        f"no plan fits: {parts}; best found has an interval of {found.timing.interval_cycles} and a latency of "
        f"{found.timing.latency_cycles} cycles with dsp {total.dsp}, lut {total.lut}, ff {total.ff}, "
        f"bram18 {total.bram18}. "
        f"Try a larger budget for {' and '.join(binding)}, fewer bits, --sparsity, or a larger interval"
    )


class _Search:
    def __init__(self, graph: Graph[CodeOp], goal: Goal) -> None:
        self.graph, self.goal = graph, goal
        parts = layers(graph)
        serial = {x.name: LayerPlan(1, 1, Product.LUT) for x in parts}
        self.spaces = choices.spaces(graph, Plan(serial, goal.interface, goal.family))
        self._options: dict[tuple[str, int, int], list[Option]] = {}

    # Options of one layer

    def products(self, space: Space) -> tuple[Product, ...]:
        """Engines that the user allows."""
        wish = self.goal.wishes.get(space.name, LayerWish()).product or self.goal.product
        return (wish,) if wish else (Product.LUT, Product.DSP)

    def options(self, space: Space, interval: int, segment: int) -> list[Option]:
        """Ways to build a layer within an interval, cached."""
        key = (space.name, interval, segment)
        if key not in self._options:
            wish = self.goal.wishes.get(space.name, LayerWish())
            folded = _wished(space, wish) or choices.foldings(space, interval)
            length = wish.segment or segment
            self._options[key] = choices.options(space, folded, self.products(space), length)
        return self._options[key]

    def all_fixed(self) -> bool:
        """Whether every layer has its reuse or folding from the user."""
        return all(_wished(s, self.goal.wishes.get(s.name, LayerWish())) for s in self.spaces)

    # Whole networks

    def fixed(self) -> Planned:
        """The plan for a global reuse, each layer with the largest legal value not above it."""
        table: list[list[Option]] = []
        for space in self.spaces:
            wish = self.goal.wishes.get(space.name, LayerWish())
            folded = _wished(space, wish)
            if not folded:
                legal = choices.legal_reuse(space.rows, space.columns)
                limit = self.goal.reuse or legal[-1]
                folded = choices.exact_foldings(space, max(r for r in legal if r <= limit))
            table.append(choices.options(space, folded, self.products(space), wish.segment or SEGMENTS[0]))
        interval = max(o.reuse for row in table for o in row)
        return self.priced(table, interval)

    def within(self, interval: int, segment: int = SEGMENTS[0]) -> Planned:
        """The plan with the fewest DSPs whose steps are at most `interval`."""
        return self.priced([self.options(s, interval, segment) for s in self.spaces], interval)

    def priced(self, table: list[list[Option]], interval: int) -> Planned:
        """Highest price of a DSP whose plan fits; else the one that comes nearest."""
        links = self._links(table, interval)
        seen: dict[tuple[int, ...], Planned] = {}
        nearest: Planned | None = None
        for price in PRICES:
            path = _path(table, links, price)
            if path in seen:
                continue
            chosen = zip(self.spaces, table, path, strict=True)
            found = seen[path] = self.build({s.name: row[k].plan for s, row, k in chosen})
            if not found.estimate.total.over(self.goal.budget):
                return found
            if nearest is None or _excess(found, self.goal) < _excess(nearest, self.goal):
                nearest = found
        assert nearest is not None
        return nearest

    def _links(self, table: list[list[Option]], interval: int) -> list[list[list[Resources | None]]]:
        pairs = zip(self.spaces, self.spaces[1:], table, table[1:], strict=False)
        return [[[choices.link(s, a, t, b, interval) for b in after] for a in before] for s, t, before, after in pairs]

    def build(self, chosen: Mapping[str, LayerPlan]) -> Planned:
        """Assemble with roomy buffers: estimate, latency, and the interval that such buffers allow."""
        plan = Plan(chosen, self.goal.interface, self.goal.family)
        pipeline = stored(roomy(assemble(self.graph, plan)))
        return Planned(plan, pipeline, estimate(pipeline), Timing(first_latency(pipeline), ideal_interval(pipeline)))

    def fits(self, found: Planned) -> bool:
        """Whether the budget holds."""
        return not found.estimate.total.over(self.goal.budget)

    # Goals

    def intervals(self) -> list[int]:
        """Reuse values that some layer can have, and so every interval worth trying."""
        values: set[int] = set()
        for space in self.spaces:
            values |= set(choices.legal_reuse(space.rows, space.columns))
        return sorted(values)

    def fastest(self) -> Planned:
        """The smallest interval that fits."""
        values = self.intervals()
        last = self.within(values[-1])
        if not self.fits(last):
            raise DoesNotFit(_misfit(last, self.goal, list(last.estimate.total.over(self.goal.budget))))
        lo, hi, best = 0, len(values) - 1, last
        while lo < hi:
            middle = (lo + hi) // 2
            found = self.within(values[middle]) if self._hopeful(values[middle]) else None
            if found and self.fits(found):
                best, hi = found, middle
            else:
                lo = middle + 1
        return best

    def _hopeful(self, interval: int) -> bool:
        """Whether the cheapest options could fit: fewer cells than products say no at once."""
        budget = self.goal.budget
        needed = 0.0
        for space in self.spaces:
            if space.dense:
                nonzero = space.rows * space.columns
                needed += nonzero / interval
        return needed * 2 <= budget.dsp + budget.lut or interval <= 4

    def for_interval(self, interval: int) -> Planned:
        """Interval at most the goal, then the fewest DSPs."""
        found = self.within(interval)
        if found.timing.interval_cycles > interval:
            raise DoesNotFit(
                f"interval: wanted at most {interval} cycles, found {found.timing.interval_cycles}; "
                "the fully parallel design has 1"
            )
        if not self.fits(found):
            raise DoesNotFit(_misfit(found, self.goal, list(found.estimate.total.over(self.goal.budget))))
        return found

    def for_latency(self, latency: int) -> Planned:
        """Latency at most the goal, then the fewest DSPs, LUTs, latency."""
        limit = min(latency, self.goal.interval or latency)
        values = [v for v in self.intervals() if v <= limit]
        tried: list[Planned] = []
        for value in _spread(values):
            for segment in SEGMENTS:
                found = self.within(value, segment)
                tried.append(found)
                if found.timing.latency_cycles <= latency or Product.DSP not in _products(found):
                    break
        good = [p for p in tried if p.timing.latency_cycles <= latency and self.fits(p)]
        if good:
            return min(good, key=Planned.rank)
        quickest = min(tried, key=lambda p: (not self.fits(p), p.timing.latency_cycles))
        if self.fits(quickest):
            raise DoesNotFit(
                f"latency: wanted at most {latency} cycles, the best found is {quickest.timing.latency_cycles}; "
                "raise --latency, lower the precision, or take a smaller network"
            )
        raise DoesNotFit(_misfit(quickest, self.goal, list(quickest.estimate.total.over(self.goal.budget))))


def _products(found: Planned) -> set[Product]:
    return {p.product for p in found.plan.layers.values()}


def _spread(values: list[int]) -> list[int]:
    """At most 16 of the values, the ends among them."""
    if len(values) <= 16:
        return values
    return sorted({values[round(k * (len(values) - 1) / 15)] for k in range(16)})


def _excess(found: Planned, goal: Goal) -> float:
    """How far over the budget, as the largest ratio."""
    total, budget = found.estimate.total, goal.budget
    return max(getattr(total, k) / max(1, getattr(budget, k)) for k in ("dsp", "lut", "ff", "bram18"))


def _path(table: list[list[Option]], links: list[list[list[Resources | None]]], price: int) -> tuple[int, ...]:
    """Cheapest option of every layer, one after the other (Viterbi), at `price` LUTs a DSP."""

    def worth(r: Resources) -> int:
        return r.dsp * price + r.lut

    costs = [worth(o.cost) for o in table[0]]
    back: list[list[int]] = []
    for row, between in zip(table[1:], links, strict=True):
        step: list[int] = []
        after: list[int] = []
        for b, choice in enumerate(row):
            ways = [(costs[a] + worth(cells), a) for a in range(len(costs)) if (cells := between[a][b]) is not None]
            total, origin = min(ways) if ways else (1 << 50, 0)
            step.append(origin)
            after.append(total + worth(choice.cost))
        back.append(step)
        costs = after
    path = [costs.index(min(costs))]
    for step in reversed(back):
        path.append(step[path[-1]])
    return tuple(reversed(path))


def _wished(space: Space, wish: LayerWish) -> list[tuple[int, int]]:
    """Foldings that the user's wish leaves; [] where nothing is wished.

    Raises:
        BadInput: the reuse is not legal; names the nearest that are.
    """
    if wish.reuse is not None:
        legal = choices.legal_reuse(space.rows, space.columns)
        if wish.reuse not in legal:
            below = [r for r in legal if r < wish.reuse][-1:]
            above = [r for r in legal if r > wish.reuse][:1]
            near = " and ".join(str(r) for r in below + above)
            raise BadInput(
                f"layer {space.name}: reuse {wish.reuse} is not legal for {space.rows} x {space.columns}; "
                f"the nearest legal values are {near}"
            )
        found = choices.exact_foldings(space, wish.reuse)
        return [f for f in found if _matches(f, wish)] or found
    if wish.pe is None and wish.simd is None:
        return []
    pe, simd = wish.pe or space.rows, wish.simd or space.columns
    if not (1 <= pe <= space.rows and 1 <= simd <= space.columns):
        raise BadInput(
            f"layer {space.name}: pe {pe} and simd {simd} must lie within 1..{space.rows} and 1..{space.columns}"
        )
    return [(pe, simd)]


def _matches(folding: tuple[int, int], wish: LayerWish) -> bool:
    return wish.pe in (None, folding[0]) and wish.simd in (None, folding[1])


def stored(pipeline: Pipeline) -> Pipeline:
    """Buffers in the memory that suits their size."""
    islands = list(pipeline.islands)
    for k, island in enumerate(islands):
        if isinstance(island.head, Buffer):
            head = island.head
            islands[k] = replace(island, head=replace(head, store=choices.buffer_store(head.width, head.depth)))
    out = choices.buffer_store(pipeline.output.data_bits, pipeline.output_depth)
    return replace(pipeline, islands=tuple(islands), output_store=out)
