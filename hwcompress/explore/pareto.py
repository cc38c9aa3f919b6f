# SPDX-License-Identifier: Apache-2.0
"""Which points are not beaten: no other is at least as good in everything and better in something."""

from collections.abc import Sequence


def front(costs: Sequence[Sequence[float]]) -> tuple[int, ...]:
    """Indices of the points that no other dominates; smaller is better in every column.

    Points with equal costs are all kept.
    """
    order = sorted(range(len(costs)), key=lambda k: tuple(costs[k]))
    kept: list[int] = []
    for k in order:  # a point can only be dominated by one that sorts before it
        if not any(dominates(costs[other], costs[k]) for other in kept):
            kept.append(k)
    return tuple(sorted(kept))


def dominates(a: Sequence[float], b: Sequence[float]) -> bool:
    """At least as good in everything, better in something."""
    return all(x <= y for x, y in zip(a, b, strict=True)) and any(x < y for x, y in zip(a, b, strict=True))
