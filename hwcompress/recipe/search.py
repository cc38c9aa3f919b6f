# SPDX-License-Identifier: Apache-2.0
"""What each layer bears, measured on the validation samples."""

from collections.abc import Callable, Mapping, Sequence

from hwcompress.compress.prune import prune_threshold
from hwcompress.compress.select import Scores, weighted, zero_least, zero_share
from hwcompress.ir.graph import Graph, Op

Score = Callable[[Graph[Op]], float]
QUALITIES = tuple(round(0.1 * k, 1) for k in range(1, 31))  # of the scan, in standard deviations
PART = 0.2  # of the weights left in a layer that a greedy step takes
STEPS = 400


def qualities(
    graph: Graph[Op], names: Sequence[str], score: Score, tolerance: float
) -> tuple[dict[str, float], dict[str, list[tuple[float, float, float]]]]:
    """Sensitivity scan (Han 2015, arXiv:1506.02626, section 4): each layer alone, the others whole.

    The largest quality before the score first falls by more than `tolerance` below that of the whole network, and the
    curve: quality, share of zeros, score.
    """
    whole = score(graph)
    found: dict[str, float] = {}
    curves: dict[str, list[tuple[float, float, float]]] = {}
    for name in names:
        found[name], curves[name] = 0.0, []
        for quality in QUALITIES:
            pruned = prune_threshold(graph, {name: quality})
            got = score(pruned)
            curves[name].append((quality, zero_share(weighted(pruned)[name].weight), got))
            if got < whole - tolerance:
                break
            found[name] = quality
    return found, curves


def greedy(
    graph: Graph[Op], names: Sequence[str], scores: Scores, score: Score, tolerance: float
) -> tuple[dict[str, float], list[tuple[str, float, float]]]:
    """Sparsity of each layer: again and again a part more of that layer whose pruning costs least for what it saves.

    It ends when every further step costs more than `tolerance` of the whole network's score. Also the trail: layer,
    its new share of zeros, score.
    """
    ops = weighted(graph)
    floor = score(graph) - tolerance
    shares = {name: zero_share(ops[name].weight) for name in names}
    trail: list[tuple[str, float, float]] = []
    while len(trail) < STEPS:
        best = _best_step(graph, ops, scores, score, shares, floor)
        if best is None:
            break
        name, share, _ = best
        shares[name] = share
        trail.append(best)
    return shares, trail


def _best_step(
    graph: Graph[Op], ops: Mapping[str, object], scores: Scores, score: Score, shares: Mapping[str, float], floor: float
) -> tuple[str, float, float] | None:
    """The layer, its new share and the score; None if no step stays above the floor."""
    best: tuple[float, int, tuple[str, float, float]] | None = None
    for k, (name, share) in enumerate(shares.items()):
        size = scores[name].size
        more = max(1, round(PART * (1 - share) * size))
        if share * size + more > size - 1:
            continue
        new = share + more / size
        got = score(zero_least(graph, {n: scores[n] for n in shares}, {**shares, name: new}))
        gain = max(got - floor, 0.0) * more
        if got >= floor and (best is None or gain > best[0]):
            best = (gain, -k, (name, new, got))
    return best[2] if best else None
