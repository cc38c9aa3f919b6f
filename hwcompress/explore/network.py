# SPDX-License-Identifier: Apache-2.0
"""The plan of a network: on maps as they are or, where they are small, with all positions at once; the better one."""

from dataclasses import replace

from hwcompress.engines.flat import flat_size
from hwcompress.engines.plan import layers
from hwcompress.errors import DoesNotFit
from hwcompress.explore.folding import UNROLL_LIMIT
from hwcompress.explore.goal import Goal
from hwcompress.explore.planner import TIGHTER, Planned, Search, finished, misfit
from hwcompress.ir.graph import CodeOp, Graph


def plan_network(graph: Graph[CodeOp], goal: Goal) -> Planned:
    """The best plan for the goal.

    Raises:
        DoesNotFit: no plan meets the goal and the budget; says what binds.
        BadInput: a wish is not legal for its layer.
    """
    search = Search(graph, goal)
    small = _small_maps(graph, goal)
    if goal.reuse is not None or search.all_fixed():
        if small and goal.reuse == 1:
            way = Search(graph, goal, flat=True)
            flat = finished(way.fixed())
            if not flat.estimate.total.over(goal.budget):
                return _accept(flat, goal, way.steps(flat))
        found = finished(search.fixed())
        return _accept(found, goal, search.steps(found))
    if not small:
        return _planned(search)
    plans: list[Planned] = []
    misfits: list[DoesNotFit] = []
    for way in (search, Search(graph, goal, flat=True)):
        try:
            plans.append(_planned(way))
        except DoesNotFit as error:
            misfits.append(error)
    if not plans:
        raise misfits[0]
    aimed = goal.interval is not None or goal.latency is not None
    return min(plans, key=lambda p: p.rank() if aimed else (p.timing.interval_cycles, *p.rank()))


def _small_maps(graph: Graph[CodeOp], goal: Goal) -> bool:
    """Whether all positions at once are worth a try."""
    parts = layers(graph)
    maps = [x for x in parts if x.x.grid]
    wishes = [goal.wishes[x.name] for x in maps if x.name in goal.wishes]
    free = all(w.reuse is None and w.pe is None and w.simd is None for w in wishes)
    return bool(maps) and free and flat_size(maps) <= UNROLL_LIMIT


def _planned(search: Search) -> Planned:
    goal = search.goal
    found = finished(_choose(search, goal))
    for _ in range(TIGHTER):
        if not (over := found.estimate.total.over(goal.budget)):
            break
        search.tighten(found.estimate.total)
        try:
            found = finished(_choose(search, goal))
        except DoesNotFit:
            raise DoesNotFit(misfit(found, goal, list(over))) from None
    return found


def _choose(search: Search, goal: Goal) -> Planned:
    if goal.latency is not None:
        return search.for_latency(goal.latency)
    if goal.interval is not None:
        return search.for_interval(goal.interval)
    return search.fastest()


def _accept(found: Planned, goal: Goal, steps: int) -> Planned:
    """A plan that the user fixed is built whatever the target holds; an explicit limit binds.

    steps: cycles that its slowest layer takes.
    """
    over = found.estimate.total.over(goal.budget)
    if binding := [k for k in over if k in goal.explicit]:
        raise DoesNotFit(misfit(found, goal, binding))
    notes = list(found.notes)
    if over:
        notes.append(f"exceeds the target's budget in {', '.join(over)}; built all the same, since the reuse was given")
    if goal.reuse is not None and found.timing.interval_cycles > steps:
        notes.append(
            f"interval {found.timing.interval_cycles}, though no layer takes more than {steps} cycles: the layers' "
            "widths do not divide each other, and what joins them takes longer. Try: a reuse that is a power of two"
        )
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
