# SPDX-License-Identifier: Apache-2.0
"""Weight sharing: the weights of a layer take few values (Han et al., arXiv:1510.00149, section 3).

The codebook of a layer is read off its weights: the distinct values that are not zero. Zeros are pruned and stay.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from hwcompress.compress.kmeans import INITS, Indices, Init, Points, entropic, lloyd, start
from hwcompress.compress.select import Scores, Weighted, weighted, with_weights
from hwcompress.errors import BadInput, quote
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Op
from hwcompress.storage.hashing import Placement

T = TypeVar("T")
NOTHING: Scores = {}


@dataclass(frozen=True, eq=False)
class Clustered:
    """A network with shared weights."""

    graph: Graph[Op]
    errors: Mapping[str, float]  # by node: sum of importance * (old - new)^2; importance 1 where none was given


def cluster(
    graph: Graph[Op],
    counts: int | Mapping[str, int],
    *,
    init: Init = "linear",
    importance: Scores = NOTHING,
    seed: int = 0,
    keep_zeros: bool = True,
) -> Clustered:
    """k-means over the weights of each layer: every weight becomes the centroid nearest to it.

    Args:
        graph: the network.
        counts: centroids for all layers with weights, or by node name; a layer with fewer distinct weights keeps them.
        init: linear, density, random or optimal (see kmeans.start); Lloyd's iteration follows.
        importance: by node name, [m, n], not negative: of the squared error of each weight, such as the diagonal of
            the Hessian (Choi et al., arXiv:1612.01543). Without it every weight counts the same.
        seed: of the random initialization.
        keep_zeros: zeros stay zero and are not clustered; otherwise they are weights like others.

    Raises:
        BadInput: a count below 1, an unknown init, or names and shapes that do not fit the graph.
    """

    def assign(points: Points, k: int) -> tuple[Reals, Indices]:
        return lloyd(points, start(points, k, init, seed))

    return _clustered(graph, counts, assign, init, importance, keep_zeros)


def cluster_entropy(
    graph: Graph[Op],
    counts: int | Mapping[str, int],
    price: float,
    *,
    init: Init = "linear",
    importance: Scores = NOTHING,
    seed: int = 0,
    keep_zeros: bool = True,
) -> Clustered:
    """Entropy-constrained sharing: least error + price * bits of the entropy-coded indices (arXiv:1612.01543).

    Bits are the sum of -log2 of each clustered weight's share of its layer; where zeros are is not counted. With a
    higher price fewer and less even centroids are left; price 0 is `cluster`. Arguments as there, and:

    Args:
        graph: the network.
        counts: centroids to start with.
        price: of one bit, 0 or more, in units of the weighted squared error.
        init: as in cluster.
        importance: as in cluster.
        seed: as in cluster.
        keep_zeros: as in cluster.

    Raises:
        BadInput: as cluster, or the price is negative or not finite.
    """
    if not 0.0 <= price < np.inf:
        raise BadInput(f"price of a bit: a finite number of 0 or more wanted, got {price}. Try: 1e-4")

    def assign(points: Points, k: int) -> tuple[Reals, Indices]:
        return entropic(points, lloyd(points, start(points, k, init, seed))[0], price)

    return _clustered(graph, counts, assign, init, importance, keep_zeros)


def index_bits(weight: Reals) -> float:
    """Entropy in bits of the codebook indices of all non-zero weights: their least size in an ideal code."""
    _, counts = np.unique(weight[weight != 0], return_counts=True)
    return float(-(counts * np.log2(counts / max(1, counts.sum()))).sum())


def hash_weights(
    graph: Graph[Op], counts: int | Mapping[str, int], *, seed: int = 0, keep_zeros: bool = True
) -> Clustered:
    """HashedNets: weight i of a layer is sign(i) * value[bucket(i)] by two hashes (arXiv:1504.04788).

    No index is stored, only the values and the seed. The values are the least squares fit to the weights given: the
    mean of sign * weight of each bucket. Weights of a bucket have nothing in common, so most of a trained layer is
    lost: a start for training with shared values, not a compression by itself.

    Args:
        graph: the network.
        counts: buckets of all layers with weights, or by node name.
        seed: of the hashes.
        keep_zeros: zeros stay zero and have no part in the means.

    Raises:
        BadInput: a count below 1, or an unknown name.
    """
    weights: dict[str, Reals] = {}
    errors: dict[str, float] = {}
    for name, (op, count) in _chosen(graph, counts).items():
        place = Placement(count, seed)
        new = place.weights(place.fit(op.weight, keep_zeros), op.weight.shape)
        weights[name] = np.where(op.weight != 0, new, 0.0) if keep_zeros else new
        errors[name] = float(((op.weight - weights[name]) ** 2).sum())
    return Clustered(with_weights(graph, weights), errors)


def _clustered(
    graph: Graph[Op],
    counts: int | Mapping[str, int],
    assign: Callable[[Points, int], tuple[Reals, Indices]],
    init: str,
    importance: Scores,
    keep_zeros: bool,
) -> Clustered:
    if init not in INITS:
        raise BadInput(f"init: one of {', '.join(INITS)} wanted, got {quote(init)}. Try: linear")
    wanted = _chosen(graph, counts)
    _check_importance(graph, importance)
    weights: dict[str, Reals] = {}
    errors: dict[str, float] = {}
    for name, (op, count) in wanted.items():
        kept = (op.weight != 0) if keep_zeros else np.ones(op.weight.shape, dtype=bool)
        values = op.weight[kept]
        errors[name] = 0.0
        if not values.size:
            continue
        points = Points.of(values, importance[name][kept] if name in importance else None)
        centroids, index = assign(points, count)
        weights[name] = np.zeros_like(op.weight)
        weights[name][kept] = centroids[index[np.searchsorted(points.values, values)]]
        errors[name] = points.error(centroids, index)
    return Clustered(with_weights(graph, weights), errors)


def _chosen(graph: Graph[Op], counts: int | Mapping[str, int]) -> dict[str, tuple[Weighted, int]]:
    known = weighted(graph)
    wanted = counts if isinstance(counts, Mapping) else dict.fromkeys(known, counts)
    for name, count in wanted.items():
        if name not in known:
            raise BadInput(f"no node {quote(name)} with weights. Try: {', '.join(map(quote, known)) or 'none'}")
        if count < 1:
            raise BadInput(f"shared values of {quote(name)}: 1 or more wanted, got {count}. Try: 16")
    return {name: (known[name], count) for name, count in wanted.items()}


def _check_importance(graph: Graph[Op], importance: Scores) -> None:
    known = weighted(graph)
    for name, each in importance.items():
        shape = known[name].weight.shape if name in known else None
        if each.shape != shape or not np.isfinite(each).all() or (each < 0).any():
            raise BadInput(
                f"importance of {quote(name)}: finite numbers of 0 or more for the weights of a layer wanted, "
                f"{list(shape) if shape else 'none of this name'}, got {list(each.shape)}. Try: a diagonal Hessian"
            )
