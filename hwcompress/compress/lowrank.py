# SPDX-License-Identifier: Apache-2.0
"""Low rank: a layer becomes two, with fewer channels between them and no function (Denton et al., arXiv:1404.0736).

Channels: W ~ second @ first, a dense layer into two, a convolution into one with fewer filters and a 1 x 1 behind it.
Spatial: a kernel of rows x columns into one of rows x 1 and one of 1 x columns (Jaderberg et al., arXiv:1405.3866).
Zeros of a pruned layer do not survive; `low_rank` therefore counts products with weights that are not zero.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from hwcompress.compress.hessian import Hessian, hessians
from hwcompress.compress.select import Weighted, uses, weighted
from hwcompress.errors import BadInput, quote
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Node, Op
from hwcompress.ops import Conv, Dense, Window
from hwcompress.passes.chain import fresh, linked

Way: TypeAlias = Literal["channels", "spatial"]
DOWN, UP = "/v", "/u"  # behind the names of the two parts


@dataclass(frozen=True, eq=False)
class Decomposed:
    """A network with layers of low rank."""

    graph: Graph[Op]
    ranks: Mapping[str, tuple[Way, int]]  # by the name before; layers that would not get cheaper are not there
    products: tuple[int, int]  # of a sample, with weights that are not zero: before and after


def low_rank(graph: Graph[Op], energy: float | Mapping[str, float], x: Reals | None = None) -> Decomposed:
    """Every layer into two of the least rank that keeps a share of the energy, where products really fall.

    Of a convolution the cheaper way is taken. Grouped convolutions stay.

    Args:
        graph: the network.
        energy: share 0..1 of the sum of squared singular values, for all layers or by node name.
        x: calibration data [samples, *shape]; with it energy is that of the layer's output around its mean, so that
            1 - energy is the relative squared output error, and the bias takes up the mean of the error. The spatial
            way always goes by the weights.

    Raises:
        BadInput: a share is not within 0..1, no layer has the name, or x does not fit.
    """
    wanted = energy if isinstance(energy, Mapping) else dict.fromkeys(weighted(graph), energy)
    seen = hessians(graph, x, centred=True) if x is not None else {}
    small, ranks = graph, dict[str, tuple[Way, int]]()
    for name, share in wanted.items():
        op, whole = _layer(graph, name), small
        for way in _ways(op):
            values = _factors(op, way, seen.get(name))[1]
            rank = rank_of(values, share)
            tried = _replaced(whole, name, _parts(op, way, rank, seen.get(name)))
            if _work(tried) < _work(small):
                small = tried
                ranks[name] = (way, rank)
    return Decomposed(small, ranks, (_work(graph), _work(small)))


def decompose(graph: Graph[Op], name: str, rank: int, way: Way = "channels", x: Reals | None = None) -> Graph[Op]:
    """One layer into two, named name/v and name/u, of the least squared error of all of this rank.

    That of the weights; with calibration data x [samples, *shape], and not in the spatial way, that of the layer's
    output around its mean, the mean of the error going into the bias: W becomes U U^T W, U the leading left singular
    vectors of W C^(1/2), C the covariance of the inputs. The singular values are shared evenly between the parts.

    Raises:
        BadInput: no such layer, a way that it does not have, a rank out of range, or x does not fit.
    """
    op = _layer(graph, name)
    _check_way(op, name, way)
    most = len(_factors(op, way, None)[1])
    if not 1 <= rank <= most:
        raise BadInput(f"rank of {quote(name)}: 1..{most} wanted, got {rank}. Try: {max(1, most // 2)}")
    seen = hessians(graph, x, centred=True)[name] if x is not None else None
    return _replaced(graph, name, _parts(op, way, rank, seen))


def singular_values(graph: Graph[Op], name: str, way: Way = "channels", x: Reals | None = None) -> Reals:
    """What the ranks of a layer are worth, falling: the squared error of rank r is the sum of the squares from r on.

    With calibration data (and not in the spatial way) that is the squared output error of a sample, over all positions.

    Raises:
        BadInput: as decompose.
    """
    op = _layer(graph, name)
    _check_way(op, name, way)
    return _factors(op, way, hessians(graph, x, centred=True)[name] if x is not None else None)[1]


def rank_of(values: Reals, energy: float) -> int:
    """The least rank, 1 or more, that keeps this share of the sum of squares of falling singular values.

    Raises:
        BadInput: the share is not within 0..1.
    """
    if not 0.0 <= energy <= 1.0:
        raise BadInput(f"energy: a share of 0..1 wanted, got {energy}. Try: 0.95")
    left = np.append(np.cumsum(values[::-1] ** 2)[::-1], 0.0)
    return max(1, int((left > (1.0 - energy) * left[0]).sum()))


def rank_within(graph: Graph[Op], name: str, share: float, way: Way = "channels") -> int:
    """The largest rank whose products are at most this share of the layer's, zeros included; 0 if there is none.

    Raises:
        BadInput: as decompose, or the share is negative.
    """
    op = _layer(graph, name)
    _check_way(op, name, way)
    if not share >= 0.0:
        raise BadInput(f"share of the products of {quote(name)}: 0 or more wanted, got {share}. Try: 0.5")
    one = _replaced(graph, name, _parts(op, way, 1, None))
    each = sum(op.weight.size * uses(one)[part] for part, op in weighted(one).items() if part not in weighted(graph))
    most = len(_factors(op, way, None)[1])
    return min(most, int(share * op.weight.size * uses(graph)[name] / each))


def _layer(graph: Graph[Op], name: str) -> Weighted:
    known = weighted(graph)
    if name not in known:
        raise BadInput(f"no node {quote(name)} with weights. Try: {', '.join(map(quote, known)) or 'none'}")
    return known[name]


def _ways(op: Weighted) -> tuple[Way, ...]:
    if isinstance(op, Dense):
        return ("channels",)
    if op.groups > 1:
        return ()
    return ("channels", "spatial") if min(op.window.kernel) > 1 else ("channels",)


def _check_way(op: Weighted, name: str, way: Way) -> None:
    if way not in _ways(op):
        raise BadInput(
            f"decomposition of {quote(name)}: one of {', '.join(_ways(op)) or 'none'} wanted, got {quote(way)}. "
            "Try: channels, or leave out grouped convolutions"
        )


def _factors(op: Weighted, way: Way, seen: Hessian | None) -> tuple[Reals, Reals, Reals]:
    """Left singular vectors [rows, k], singular values [k], and what the transposed vectors times the matrix are."""
    matrix = _spatial(op) if isinstance(op, Conv) and way == "spatial" else op.weight
    scaled = matrix if seen is None or way == "spatial" else matrix @ _root(seen.matrix[0] / 2)
    left, values, _ = np.linalg.svd(scaled, full_matrices=False)
    return left, values, left.T @ matrix


def _root(moments: Reals) -> Reals:
    """R [c, c] with R R^T = moments."""
    squares, vectors = np.linalg.eigh(moments)
    return vectors * np.sqrt(np.maximum(squares, 0.0))


def _spatial(op: Conv) -> Reals:
    """The kernel as [m * columns, rows * channels]."""
    rows, columns = op.window.kernel
    kernel = op.weight.reshape(len(op.weight), rows, columns, -1)
    return kernel.transpose(0, 2, 1, 3).reshape(len(op.weight) * columns, -1)


def _parts(op: Weighted, way: Way, rank: int, seen: Hessian | None) -> tuple[Op, Op]:
    left, _, right = _factors(op, way, seen)
    up, down = left[:, :rank], right[:rank]
    size = np.sqrt(np.linalg.norm(down, axis=1))
    size = np.where(size > 0, size, 1.0)
    up, down, none = up * size, down / size[:, None], np.zeros(rank)
    if isinstance(op, Conv) and way == "spatial":
        first, second = _split(op.window)
        m, columns = len(op.weight), op.window.kernel[1]
        return Conv(down, none, first), Conv(up.reshape(m, columns * rank), op.bias, second)
    bias = op.bias if seen is None else op.bias + (op.weight - up @ down) @ seen.mean[0]
    if isinstance(op, Conv):
        return Conv(down, none, op.window), Conv(up, bias, Window((1, 1)))
    return Dense(down, none), Dense(up, bias)


def _split(window: Window) -> tuple[Window, Window]:
    """Down the rows, then along the columns."""
    (rows, columns), (down, along), (reach, spread) = window.kernel, window.stride, window.dilation
    (top, left), (bottom, right) = window.before, window.after
    first = Window((rows, 1), (down, 1), (reach, 1), (top, 0), (bottom, 0))
    return first, Window((1, columns), (1, along), (1, spread), (0, left), (0, right))


def _replaced(graph: Graph[Op], name: str, parts: tuple[Op, Op]) -> Graph[Op]:
    at = [n.name for n in graph].index(name)
    node, taken = graph.nodes[at], {n.name for n in graph}
    down, up = (_unused(name + part, taken) for part in (DOWN, UP))
    first = Node(down, parts[0], node.source, fresh(graph, node.output + DOWN))
    second = Node(up, parts[1], first.output, node.output)
    return linked(graph, [*graph.nodes[:at], first, second, *graph.nodes[at + 1 :]])


def _unused(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _work(graph: Graph[Op]) -> int:
    """Products of a sample with weights that are not zero."""
    used = uses(graph)
    return sum(int(np.count_nonzero(op.weight)) * used[name] for name, op in weighted(graph).items())
