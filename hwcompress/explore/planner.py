# SPDX-License-Identifier: Apache-2.0
"""The plan: folding and engine of every layer, for the smallest interval or for a goal, under a budget.

For a given interval every layer gets options (folding x engine x memory); explore/frontier.py knows the fewest LUTs for
every number of DSPs, and the first of its plans that fits as a whole is taken. If block RAM or LUTs bind, memories
move between them. The smallest interval is bisected over the reuse values that exist.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from hwcompress.cost.depths import roomy, size_buffers
from hwcompress.cost.estimate import Estimate, estimate
from hwcompress.cost.schedule import Timing, first_latency, ideal_interval, schedule
from hwcompress.engines.assemble import assemble
from hwcompress.engines.base import Product, Store
from hwcompress.engines.head import Direct, Scan
from hwcompress.engines.pipeline import Pipeline
from hwcompress.engines.plan import LayerPlan, Plan
from hwcompress.errors import BadInput, DoesNotFit
from hwcompress.explore import choices
from hwcompress.explore.choices import Option, Space
from hwcompress.explore.frontier import Frontier
from hwcompress.explore.goal import Goal, LayerWish, wished
from hwcompress.hw.cells import Resources
from hwcompress.hw.families import FAMILIES
from hwcompress.ir.graph import CodeOp, Graph

WORTH = (2, 5, 10, 20, 40, 60, 80, 100, 130, 160, 200, 240, 280, 320, 400, 600, 1200, 1 << 20)  # LUTs of a RAMB18
HOPE = 1.25  # times the LUT budget, up to which a sum over layers may still fit as a whole
BELOW = 3  # intervals below the smallest found that are tried too: what fits is not quite monotone
TIGHTER = 4  # searches with less, where the contents of ROMs turn out to cost more than the search assumed
NEAR = 8  # intervals around the largest that keeps a latency
SEGMENTS = (16, 8, 4, 2, 1)  # slots of a DSP cascade


@dataclass(frozen=True)
class Planned:
    """A plan with its figures."""

    plan: Plan
    pipeline: Pipeline
    estimate: Estimate
    timing: Timing
    bram_luts: int  # that a RAMB18 of a buffer had to save
    notes: tuple[str, ...] = ()

    def rank(self) -> tuple[int, int, int]:
        """Fewest DSPs, then LUTs, then latency."""
        return self.estimate.total.dsp, self.estimate.total.lut, self.timing.latency_cycles


def finished(found: Planned) -> Planned:
    """The plan with its buffers cut to size, and its exact figures."""
    pipeline = stored(size_buffers(found.pipeline), found.bram_luts)
    return replace(found, pipeline=pipeline, estimate=estimate(pipeline, contents=True), timing=schedule(pipeline))


def misfit(found: Planned, goal: Goal, binding: list[str]) -> str:
    """Why nothing fits, and what would help."""
    total = found.estimate.total
    parts = ", ".join(f"{k} {getattr(total, k)} of {getattr(goal.budget, k)}" for k in binding)
    return (
        f"no plan fits: {parts}; best found has an interval of {found.timing.interval_cycles} and a latency of "
        f"{found.timing.latency_cycles} cycles with dsp {total.dsp}, lut {total.lut}, ff {total.ff}, "
        f"bram18 {total.bram18}. "
        f"Try a larger budget for {' and '.join(binding)}, fewer bits, --sparsity, or a larger interval"
    )


Foldings = list[list[tuple[int, int]]]  # [layer][choice]: PE, SIMD


class Search:
    """Plans of one network for one goal."""

    def __init__(self, graph: Graph[CodeOp], goal: Goal, *, flat: bool = False) -> None:
        """flat: all positions of maps at once."""
        self.graph, self.goal, self.flat = graph, goal, flat
        self.spaces = choices.spaces(graph, goal.family, flat)
        self.segment = FAMILIES[goal.family].segment
        wide = [s for s in self.spaces if not s.fits_dsp and self.engine(s) is not Product.LUT]
        self.notes = tuple(_too_wide(s, goal.family) for s in wide)

    # Options of one layer

    def products(self, space: Space) -> tuple[Product, ...]:
        """Engines that the user allows."""
        if space.fits_dsp:
            wish = self.engine(space)
            return (wish,) if wish else (Product.LUT, Product.DSP)
        if self.wish(space).product is Product.DSP:
            raise BadInput(f"layer {_too_wide(space, self.goal.family)}. Try: strategy auto, or fewer bits")
        return (Product.LUT,)

    def engine(self, space: Space) -> Product | None:
        """The one that the user wants, for the layer or for all."""
        own = self.wish(space)
        return own.product or (None if own.free else self.goal.product)

    def foldings(self, interval: int) -> Foldings:
        """Those of every layer within an interval."""
        return [wished(s, self.wish(s)) or s.sizes.foldings(interval) for s in self.spaces]

    def wish(self, space: Space) -> LayerWish:
        """What the user fixed for a layer."""
        return self.goal.wishes.get(space.name, LayerWish())

    def all_fixed(self) -> bool:
        """Whether every layer has its reuse or folding from the user."""
        return all(wished(s, self.wish(s)) for s in self.spaces)

    # Whole networks

    def fixed(self) -> Planned:
        """The plan for a global reuse, each layer with the largest legal value not above it."""
        foldings: Foldings = []
        interval = 1
        for space in self.spaces:
            folded = wished(space, self.wish(space))
            if not folded:
                legal = space.sizes.legal_reuse()
                limit = max(self.goal.reuse or legal[-1], legal[0])
                folded = space.sizes.exact(max(r for r in legal if r <= limit))
            interval = max([interval, *map(space.sizes.steps, folded)])
            foldings.append(folded)
        return self.fewest(foldings, interval)

    def steps(self, found: Planned) -> int:
        """Cycles that the slowest layer takes for a frame."""
        plans = found.plan.layers
        return max(s.sizes.steps((plans[s.name].pe, plans[s.name].simd)) for s in self.spaces)

    def within(self, interval: int, segment: int | None = None) -> Planned:
        """The plan with the fewest DSPs whose steps are at most `interval`."""
        return self.fewest(self.foldings(interval), interval, segment)

    def fewest(
        self, foldings: Foldings, interval: int, segment: int | None = None, *, reachable: bool = False
    ) -> Planned:
        """The plan with the fewest DSPs that fits; else the one that comes nearest. reachable: known to be so."""
        segment = segment or self.segment
        nearest = self._fewest(foldings, interval, segment, choices.Memories())
        if not {"bram18", "lut"} & {*nearest.estimate.total.over(self.goal.budget)}:
            return nearest
        lo, hi = 0, len(WORTH) if reachable or self._reachable(foldings, interval, segment) else 0
        while lo < hi and not self.fits(nearest):
            middle = (lo + hi) // 2
            found = self._fewest(foldings, interval, segment, choices.Memories(WORTH[middle], mixed=True))
            nearest = min(nearest, found, key=lambda p: _excess(p, self.goal))
            total, budget = found.estimate.total, self.goal.budget
            if total.bram18 / max(1, budget.bram18) > total.lut / max(1, budget.lut):
                lo = middle + 1
            else:
                hi = middle
        return nearest

    def _reachable(self, foldings: Foldings, interval: int, segment: int) -> bool:
        """Whether LUTs would do if block RAM cost nothing, not counting what is saved between layers."""
        frontier = self._frontier(foldings, interval, segment, choices.Memories(0, mixed=True))
        return frontier.luts(frontier.steps()[-1]) <= HOPE * self.goal.budget.lut

    def _frontier(self, foldings: Foldings, interval: int, segment: int, memories: choices.Memories) -> Frontier:
        """At one worth of a RAMB18; where memories follow a rule, block RAM that is there costs nothing."""
        table = [self._options(s, f, segment, memories) for s, f in zip(self.spaces, foldings, strict=True)]
        links = self._links(table, interval, memories.luts)
        return Frontier(table, links, self.goal.budget.dsp, memories.luts if memories.mixed else 0)

    def _fewest(self, foldings: Foldings, interval: int, segment: int, memories: choices.Memories) -> Planned:
        """The plan with the fewest DSPs on one frontier."""
        frontier = self._frontier(foldings, interval, segment, memories)
        steps = frontier.steps()

        def built(k: int) -> Planned:
            chosen = zip(self.spaces, frontier.options(steps[k]), strict=True)
            return self.build({s.name: o.plan for s, o in chosen}, memories.luts)

        first = built(0)
        if self.fits(first) or len(steps) == 1:
            return first
        lo, hi, best = 0, len(steps) - 1, built(-1)
        if not self.fits(best):
            return min(first, best, key=lambda p: _excess(p, self.goal))
        while lo + 1 < hi:
            middle = (lo + hi) // 2
            found = built(middle)
            if self.fits(found):
                best, hi = found, middle
            else:
                lo = middle
        return best

    def _options(
        self, space: Space, folded: list[tuple[int, int]], segment: int, memories: choices.Memories
    ) -> list[list[Option]]:
        wish = self.wish(space)
        if wish.memory:
            memories = replace(memories, wanted=Store(wish.memory), mixed=False)
        return choices.options(space, folded, self.products(space), wish.segment or segment, memories)

    def _links(self, table: list[list[list[Option]]], interval: int, luts: int) -> list[list[list[Resources | None]]]:
        pairs = zip(self.spaces, self.spaces[1:], table, table[1:], strict=False)
        return [
            [[choices.link(s, a[0], t, b[0], interval, luts) for b in after] for a in before]
            for s, t, before, after in pairs
        ]

    def build(self, chosen: Mapping[str, LayerPlan], luts: int) -> Planned:
        """Assemble with roomy buffers: estimate, latency, and the interval that such buffers allow."""
        plan = Plan(chosen, self.goal.interface, self.goal.family, self.flat)
        pipeline = stored(roomy(assemble(self.graph, plan)), luts)
        timing = Timing(first_latency(pipeline), ideal_interval(pipeline))
        return Planned(plan, pipeline, estimate(pipeline), timing, luts, self.notes)

    def tighten(self, total: Resources) -> None:
        """Search again for less of what turned out to be too much."""
        kept = {k: getattr(self.goal.budget, k) for k in ("dsp", "lut", "ff", "bram18")}
        for k in total.over(self.goal.budget):
            kept[k] = kept[k] * kept[k] // getattr(total, k)
        self.goal = replace(self.goal, budget=Resources(**kept))

    def fits(self, found: Planned) -> bool:
        """Whether the budget holds."""
        return not found.estimate.total.over(self.goal.budget)

    # Goals

    def intervals(self) -> list[int]:
        """Reuse values that some layer can have, and so every interval worth trying."""
        values: set[int] = set()
        for space in self.spaces:
            values |= space.sizes.intervals()
        return sorted(values)

    def fastest(self) -> Planned:
        """The smallest interval that fits: doubling until one does, then halving what lies between."""
        values = self.intervals()
        lo, best = 0, None
        for hi in _doubling(values):
            best = self._fitting(values[hi])
            if best:
                break
            lo = hi + 1
        else:
            last = self.within(values[-1])
            raise DoesNotFit(misfit(last, self.goal, list(last.estimate.total.over(self.goal.budget))))
        while lo < hi:
            middle = (lo + hi) // 2
            if found := self._fitting(values[middle]):
                best, hi = found, middle
            else:
                lo = middle + 1
        for k in range(max(0, lo - BELOW), lo):
            if found := self._fitting(values[k]):
                return self.sparing(found, values[k])
        return self.sparing(best, values[lo])

    def sparing(self, found: Planned, interval: int) -> Planned:
        """The same interval with fewer DSPs, where more block RAM makes room for more soft products."""
        lo, hi = 0, len(WORTH) if found.estimate.total.dsp and self.goal.product is None else 0
        foldings = self.foldings(interval)
        while lo < hi:
            middle = (lo + hi) // 2
            trial = self._fewest(foldings, interval, self.segment, choices.Memories(WORTH[middle], mixed=True))
            kept = self.fits(trial) and trial.timing.interval_cycles <= interval
            if kept and trial.estimate.total.dsp < found.estimate.total.dsp:
                found = trial
            if trial.estimate.total.bram18 > self.goal.budget.bram18:
                lo = middle + 1
            else:
                hi = middle
        return found

    def _fitting(self, interval: int) -> Planned | None:
        """The plan within an interval if it keeps that and the budget."""
        foldings = self.foldings(interval)
        if not self._hopeful(interval) or not self._reachable(foldings, interval, self.segment):
            return None
        found = self.fewest(foldings, interval, reachable=True)
        return found if found.timing.interval_cycles <= interval and self.fits(found) else None

    def _hopeful(self, interval: int) -> bool:
        """Whether the cheapest options could fit: fewer cells than products say no at once."""
        budget = self.goal.budget
        needed = sum(s.sizes.rows * s.sizes.columns * s.sizes.times / interval for s in self.spaces if s.layer.matrix)
        return needed * 2 <= budget.dsp + budget.lut or interval <= 4

    def for_interval(self, interval: int) -> Planned:
        """Interval at most the goal, then the fewest DSPs; where that does not fit, a smaller interval may."""
        values = [v for v in self.intervals() if v < interval]
        for value in (interval, *values[: -1 - BELOW : -1], *(values[k] for k in reversed(_doubling(values)))):
            if found := self._fitting(value):
                return self.sparing(found, value)
        found = self.within(interval)
        if found.timing.interval_cycles > interval:
            raise DoesNotFit(
                f"interval: wanted at most {interval} cycles, found {found.timing.interval_cycles}; "
                "the fully parallel design has 1"
            )
        raise DoesNotFit(misfit(found, self.goal, list(found.estimate.total.over(self.goal.budget))))

    def for_latency(self, latency: int) -> Planned:
        """Latency at most the goal, then the fewest DSPs, LUTs, latency."""
        limit = min(latency, self.goal.interval or latency)
        values = [v for v in self.intervals() if v <= limit]
        tried: dict[int, Planned] = {}

        def good(k: int) -> bool:
            if k not in tried:
                tried[k] = self._quick(values[k], latency)
            return tried[k].timing.latency_cycles <= latency and self.fits(tried[k])

        lo, hi = 0, len(values)
        while lo + 1 < hi:
            middle = (lo + hi) // 2
            lo, hi = (middle, hi) if good(middle) else (lo, middle)
        best = [tried[k] for k in range(max(0, lo - NEAR), min(len(values), lo + NEAR + 1)) if good(k)]
        if best:
            return min(best, key=Planned.rank)
        quickest = min(tried.values(), key=lambda p: (not self.fits(p), p.timing.latency_cycles))
        if self.fits(quickest):
            raise DoesNotFit(
                f"latency: wanted at most {latency} cycles, the best found is {quickest.timing.latency_cycles}; "
                "raise --latency, lower the precision, or take a smaller network"
            )
        raise DoesNotFit(misfit(quickest, self.goal, list(quickest.estimate.total.over(self.goal.budget))))

    def _quick(self, interval: int, latency: int) -> Planned:
        """The plan within an interval with the longest DSP cascades that keep the latency."""
        found = self.within(interval)
        for segment in (s for s in SEGMENTS if s < self.segment):
            if found.timing.latency_cycles <= latency or Product.DSP not in _products(found):
                break
            found = min(found, self.within(interval, segment), key=lambda p: p.timing.latency_cycles)
        return found


def _doubling(values: list[int]) -> list[int]:
    """Places in a rising list whose values about double, the ends among them."""
    out: list[int] = []
    for k, value in enumerate(values):
        if not out or value >= 2 * values[out[-1]] or k + 1 == len(values):
            out.append(k)
    return out


def _too_wide(space: Space, family: int) -> str:
    """What keeps a layer's products from DSPs."""
    (a, b), (most_a, most_b) = space.operands or (0, 0), FAMILIES[family].multiplier
    return (
        f"{space.name}: operands of {a} and {b} bits do not fit a multiplier of {most_a} x {most_b}, "
        "its products are in LUTs"
    )


def _products(found: Planned) -> set[Product]:
    return {p.product for p in found.plan.layers.values()}


def _excess(found: Planned, goal: Goal) -> float:
    """How far over the budget, as the largest ratio."""
    total, budget = found.estimate.total, goal.budget
    return max(getattr(total, k) / max(1, getattr(budget, k)) for k in ("dsp", "lut", "ff", "bram18"))


def stored(pipeline: Pipeline, luts: int) -> Pipeline:
    """Buffers in the memory that suits their size."""
    islands = list(pipeline.islands)
    for k, island in enumerate(islands):
        head = island.head
        if not isinstance(head, Direct):
            head = replace(head, store=choices.buffer_store(head.width, head.depth, luts, pipeline.family))
            if isinstance(head, Scan):
                head = replace(head, lines=choices.buffer_store(*head.line_bits, luts, pipeline.family))
            islands[k] = replace(island, head=head)
    out = choices.buffer_store(pipeline.output.data_bits, pipeline.output_depth, luts, pipeline.family)
    return replace(pipeline, islands=tuple(islands), output_store=out)
