# SPDX-License-Identifier: Apache-2.0
"""k-means of numbers on a line: the clusters of sorted values are runs of neighbours."""

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from hwcompress.errors import BadInput
from hwcompress.ir.fixed import Reals

Init: TypeAlias = Literal["linear", "density", "random", "optimal"]
INITS: tuple[Init, ...] = get_args(Init)
Indices: TypeAlias = NDArray[np.int64]
MOST = 1 << 17  # distinct values that the optimum is sought for: k tables of as many indices
ROUNDS = 1000  # of Lloyd; on a line it settles long before
CHUNK = 1 << 21  # distances at a time


@dataclass(frozen=True, eq=False)
class Points:
    """Distinct values with what each weighs: importance times count."""

    values: Reals  # [n], rising
    weights: Reals  # [n], not negative
    counts: Reals  # [n]: how often each occurs

    @staticmethod
    def of(values: Reals, importance: Reals | None = None) -> "Points":
        """values and importance: flat, as long as each other; without importance each value counts once."""
        found, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
        weights = counts if importance is None else np.bincount(inverse.ravel(), importance, len(found))
        return Points(found, weights.astype(np.float64), counts.astype(np.float64))

    def error(self, centroids: Reals, index: Indices) -> float:
        """Weighted sum of squares around each point's centroid."""
        return float((self.weights * (self.values - centroids[index]) ** 2).sum())


def start(points: Points, k: int, init: Init, seed: int) -> Reals:
    """First centroids [k or fewer], rising (Han et al., arXiv:1510.00149, section 3.2).

    linear: even between the ends; density: at even steps of the cumulative distribution; random (Forgy): k of the
    values as they occur; optimal: those of least error (Wang, Song, R Journal 3/2, 2011, here by divide and conquer).
    """
    if k >= len(points.values):
        return points.values
    if init == "linear":
        return np.linspace(float(points.values[0]), float(points.values[-1]), k)
    if init == "density":
        below: Reals = np.cumsum(points.counts)
        at = np.searchsorted(below, (np.arange(k) + 0.5) / k * float(below[-1]))
        return np.unique(points.values[at])
    if init == "random":
        rng = np.random.default_rng(seed)
        chosen = rng.choice(len(points.values), k, replace=False, p=points.counts / points.counts.sum())
        return np.sort(points.values[chosen])
    return optimal(points, k)


def lloyd(points: Points, centroids: Reals) -> tuple[Reals, Indices]:
    """Centroids [k], rising, none without points, and the index of each point's [n]; the error never rises.

    A centroid without points stays where it is until points come to it.
    """
    sums = _Sums(points)
    edges = _edges(points.values, centroids)
    for _ in range(ROUNDS):
        centroids = sums.means(edges, centroids)
        moved = _edges(points.values, centroids)
        if np.array_equal(moved, edges):
            break
        edges = moved
    centroids = sums.means(edges, centroids)
    sizes = np.diff(edges)
    return centroids[sizes > 0], np.arange(np.count_nonzero(sizes)).repeat(sizes[sizes > 0])


def optimal(points: Points, k: int) -> Reals:
    """Centroids [k] of least weighted error, by dynamic programming over the sorted values in O(k n log n).

    Raises:
        BadInput: more than MOST distinct values.
    """
    n = len(points.values)
    if n > MOST:
        raise BadInput(f"optimal centroids: at most {MOST} distinct weights, got {n}. Try: init='linear'")
    sums = _Sums(points)
    best = np.concatenate([[0.0], sums.error(np.zeros(n, dtype=np.int64), np.arange(1, n + 1))])
    cuts: list[NDArray[np.int32]] = []
    for used in range(1, k):
        best, cut = _one_more(sums, best, used)
        cuts.append(cut.astype(np.int32))
    edges = [n]
    for cut in reversed(cuts):
        edges.append(int(cut[edges[-1]]))
    bounds = np.array([0, *reversed(edges)])
    return sums.means(bounds, points.values[bounds[:-1]])


def entropic(points: Points, centroids: Reals, price: float) -> tuple[Reals, Indices]:
    """Least weighted error + price * bits, bits = -log2 of the share of a centroid's points.

    Entropy-constrained scalar quantization (Chou, Lookabaugh, Gray, IEEE Trans. ASSP 37, 1989; for networks Choi et
    al., arXiv:1612.01543): assign each point, move the centroids, count the shares, again. Centroids that lose all
    their points go.

    Args:
        points: what is clustered.
        centroids: where to start [k], rising.
        price: of one bit, in units of the weighted squared error.

    Returns:
        Centroids [k or fewer], rising, and the index of each point's [n].
    """
    index = np.searchsorted((centroids[1:] + centroids[:-1]) / 2, points.values)
    for _ in range(ROUNDS):
        centroids, index = _moved(points, centroids, index)
        shares = np.bincount(index, points.counts, len(centroids)) / points.counts.sum()
        chosen = _cheapest(points, centroids, -price * np.log2(shares))
        if np.array_equal(chosen, index):
            break
        index = chosen
    return _moved(points, centroids, index)


def _moved(points: Points, centroids: Reals, index: Indices) -> tuple[Reals, Indices]:
    """Every centroid to the mean of its points; those without points gone, in rising order."""
    weights = np.bincount(index, points.weights, len(centroids))
    sums = np.bincount(index, points.weights * points.values, len(centroids))
    centroids = np.divide(sums, weights, out=centroids.copy(), where=weights > 0)
    used = np.flatnonzero(np.bincount(index, minlength=len(centroids)))
    used = used[np.argsort(centroids[used], kind="stable")]
    place = np.zeros(len(centroids), dtype=np.int64)
    place[used] = np.arange(len(used))
    return centroids[used], place[index]


def _cheapest(points: Points, centroids: Reals, costs: Reals) -> Indices:
    """Of each point the centroid of least weighted error + count * cost."""
    step = max(1, CHUNK // len(centroids))
    parts: list[Indices] = []
    for at in range(0, len(points.values), step):
        values, weights, counts = (v[at : at + step, None] for v in (points.values, points.weights, points.counts))
        parts.append((weights * (values - centroids) ** 2 + counts * costs).argmin(axis=1))
    return np.concatenate(parts)


class _Sums:
    """Means and errors of runs of sorted points in constant time each."""

    def __init__(self, points: Points) -> None:
        self._values = points.values
        self._middle = float(points.values[len(points.values) // 2])  # sums around it cancel least
        away = points.values - self._middle
        parts = (points.weights, points.weights * away, points.weights * away**2)
        self._zeroth, self._first, self._second = (np.concatenate([[0.0], np.cumsum(p)]) for p in parts)

    def means(self, edges: Indices, otherwise: Reals) -> Reals:
        """Of each run edges[i]..edges[i + 1] [k]; `otherwise` [k] where it is empty or weighs nothing."""
        a, b = edges[:-1], edges[1:]
        weight = self._zeroth[b] - self._zeroth[a]
        full = (b > a) & (weight > 0)
        mean = self._middle + (self._first[b] - self._first[a]) / np.where(full, weight, 1.0)
        last = len(self._values) - 1
        within = mean.clip(self._values[np.minimum(a, last)], self._values[np.maximum(b - 1, 0)])
        return np.where(full, within, otherwise)

    def error(self, a: Indices, b: Indices) -> Reals:
        """Squares around the mean of each run a..b."""
        weight, first, second = (s[b] - s[a] for s in (self._zeroth, self._first, self._second))
        square = np.divide(first**2, weight, out=np.zeros_like(first), where=weight > 0)
        return np.maximum(second - square, 0.0)


def _edges(values: Reals, centroids: Reals) -> Indices:
    """Where the run of each centroid begins, and n behind the last [k + 1]; halfway goes to the lower."""
    inner = np.searchsorted(values, (centroids[1:] + centroids[:-1]) / 2, side="right")
    return np.concatenate([[0], inner, [len(values)]])


def _one_more(sums: _Sums, best: Reals, used: int) -> tuple[Reals, Indices]:
    """Least error of the first i points [n + 1] with one run more than the `used` of `best`, and where it begins.

    The best beginning rises with i: from the middle outwards, all i of a level at once, each between its neighbours'.
    """
    n = len(best) - 1
    found, cut = np.full(n + 1, np.inf), np.full(n + 1, n, dtype=np.int64)
    found[: used + 1], cut[: used + 1] = 0.0, np.arange(used + 1)
    step = 1 << n.bit_length()
    while step := step // 2:
        ends = np.arange(step, n + 1, 2 * step)
        low = cut[ends - step]
        above = ends + step
        high = np.where(above > n, n, cut[np.minimum(above, n)])
        fresh = ends > used
        ends, low, high = ends[fresh], np.maximum(low[fresh], used), high[fresh]
        if ends.size:
            found[ends], cut[ends] = _least(sums, best, ends, low, np.minimum(high, ends - 1))
    return found, cut


def _least(sums: _Sums, best: Reals, ends: Indices, low: Indices, high: Indices) -> tuple[Reals, Indices]:
    """The least best[t] + error of t..end over low <= t <= high, and the first such t, for each end."""
    sizes = high - low + 1
    starts = np.cumsum(sizes) - sizes
    at = np.arange(int(sizes.sum())) - (starts - low).repeat(sizes)
    total = best[at] + sums.error(at, ends.repeat(sizes))
    least: Reals = np.minimum.reduceat(total, starts)
    hits = np.flatnonzero(total == least.repeat(sizes))
    return least, at[hits[np.searchsorted(hits, starts)]]
