# SPDX-License-Identifier: Apache-2.0
"""From scores to zeros: which weights go, given what each is worth.

Scores are by node name, shaped like the weights; what is worth least goes first, ties in order. A weight that is zero
already goes before all others, so pruning twice to the same share changes nothing.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hwcompress.errors import BadInput, quote
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Node, Op
from hwcompress.ops import Conv, Dense

Weighted: TypeAlias = Dense | Conv
Mask: TypeAlias = NDArray[np.bool_]
Scores: TypeAlias = Mapping[str, Reals]  # by node: worth of each of its weights [m, n]
Shares: TypeAlias = float | Mapping[str, float]  # of all weights, or of those of each named node


def weighted(graph: Graph[Op]) -> dict[str, Weighted]:
    """The nodes with weights, in order."""
    return {n.name: n.op for n in graph if isinstance(n.op, Weighted)}


def uses(graph: Graph[Op]) -> dict[str, int]:
    """How often every weight of a node is used for one sample: once, or at each position of a convolution."""
    found: dict[str, int] = {}
    shape = graph.shape
    for node in graph:
        shape = node.op.shape(shape)
        if isinstance(node.op, Weighted):
            found[node.name] = math.prod(shape[:-1])
    return found


def smallest(weights: Reals, count: int) -> Mask:
    """Mask of the `count` entries of least magnitude; ties go to the first in order."""
    return least(np.abs(weights), count)


def least(scores: Reals, count: int) -> Mask:
    """Mask of the `count` entries of least score; ties go to the first in order."""
    mask = np.zeros(scores.size, dtype=bool)
    mask[np.argsort(scores, axis=None, kind="stable")[:count]] = True
    return mask.reshape(scores.shape)


def zero_share(weight: Reals) -> float:
    """Share of a layer's weights [m, n] that are zero."""
    return 1.0 - int(np.count_nonzero(weight)) / max(1, weight.size)


def masked(graph: Graph[Op], masks: Mapping[str, Mask]) -> Graph[Op]:
    """Zeros where the masks [m, n] by node name are true."""
    return with_weights(
        graph, {k: np.where(masks[k], 0.0, op.weight) for k, op in weighted(graph).items() if k in masks}
    )


def with_weights(graph: Graph[Op], weights: Mapping[str, Reals]) -> Graph[Op]:
    """Other weights [m, n] for the named nodes."""
    if not weights:
        return graph
    nodes: list[Node[Op]] = [
        replace(n, op=replace(n.op, weight=weights[n.name])) if isinstance(n.op, Weighted) and n.name in weights else n
        for n in graph
    ]
    return replace(graph, nodes=tuple(nodes))


def zero_least(graph: Graph[Op], scores: Scores, share: Shares) -> Graph[Op]:
    """Zero a share of the weights that have scores, worth least first.

    Args:
        graph: the network.
        scores: by node name, [m, n]; nodes without scores stay as they are.
        share: 0..1, over all nodes with scores together; or by node name, within each.

    Raises:
        BadInput: a share is not within 0..1, or scores do not fit the graph.
    """
    ranks = {k: np.where(op.weight == 0, -np.inf, scores[k]) for k, op in _scored(graph, scores).items()}
    return masked(graph, chosen(ranks, share, "scores"))


def zero_below(graph: Graph[Op], scores: Scores, threshold: float | Mapping[str, float]) -> Graph[Op]:
    """Zero every weight with a score below the threshold, one for all nodes or one for each.

    Raises:
        BadInput: scores or thresholds name no node with weights, or their shapes differ.
    """
    known = _scored(graph, scores)
    limits = threshold if isinstance(threshold, Mapping) else dict.fromkeys(known, threshold)
    _check_names(limits, known, "threshold")
    return masked(graph, {name: scores[name] < limit for name, limit in limits.items()})


def prune_nm(graph: Graph[Op], n: int, m: int, scores: Scores | None = None) -> Graph[Op]:
    """Keep the n weights worth most of every m neighbours along the input columns (Mishra et al., arXiv:2104.08378).

    Columns of a convolution are taps, then channels. What is left behind the last full m keeps up to n.

    Args:
        graph: the network.
        n: weights that may stay, 0..m.
        m: columns in a group, 1 or more.
        scores: by node name, [rows, columns]; without them the magnitude, for all nodes with weights.

    Raises:
        BadInput: n or m is out of range, or scores do not fit the graph.
    """
    if m < 1 or not 0 <= n <= m:
        raise BadInput(f"pattern {n}:{m}: 0 to m of every m >= 1 weights wanted. Try: 2:4")
    found = _or_magnitude(graph, scores)
    return masked(graph, {k: ~_best_of_runs(found[k], op.weight, n, m) for k, op in _scored(graph, found).items()})


def prune_banks(graph: Graph[Op], banks: int, share: Shares, scores: Scores | None = None) -> Graph[Op]:
    """Cut every row into equal banks and keep as many weights in each (Cao et al., FPGA 2019, bank-balanced sparsity).

    A bank holds ceil(columns / banks) columns, the last perhaps fewer; round(share * columns of a bank) of them go, so
    that banks can be read in parallel in step.

    Args:
        graph: the network.
        banks: banks of a row, 1 or more; with fewer columns than banks each column is one.
        share: of the weights of a bank, 0..1; one for all nodes or by node name.
        scores: by node name, [rows, columns]; without them the magnitude, for all nodes with weights.

    Raises:
        BadInput: banks or a share is out of range, or scores do not fit the graph.
    """
    if banks < 1:
        raise BadInput(f"banks: 1 or more wanted, got {banks}. Try: 4")
    found = _or_magnitude(graph, scores)
    known = _scored(graph, found)
    masks: dict[str, Mask] = {}
    for name, part in _by_node(share, known, "banks").items():
        size = -(-known[name].weight.shape[1] // banks)
        masks[name] = ~_best_of_runs(found[name], known[name].weight, size - round(part * size), size)
    return masked(graph, masks)


def prune_blocks(graph: Graph[Op], block: tuple[int, int], share: Shares, scores: Scores | None = None) -> Graph[Op]:
    """Zero whole blocks of rows x columns, those first whose scores sum to least (Narang et al., arXiv:1711.02782).

    Blocks at the lower and right edge may be smaller. The number of blocks is exact: round(share * blocks).

    Args:
        graph: the network.
        block: rows and columns, 1 or more each.
        share: of the blocks, 0..1; over all nodes together, or by node name.
        scores: by node name, [rows, columns]; without them w^2, so a block's worth is its squared norm.

    Raises:
        BadInput: the block or a share is out of range, or scores do not fit the graph.
    """
    if min(block) < 1:
        raise BadInput(f"block {block[0]}x{block[1]}: 1 or more rows and columns wanted. Try: 4x1")
    found = {k: op.weight**2 for k, op in weighted(graph).items()} if scores is None else scores
    known = _scored(graph, found)
    ranks: dict[str, Reals] = {}
    for name, op in known.items():
        alive = _block_sums((op.weight != 0).astype(np.float64), block) > 0
        sums = _block_sums(np.where(op.weight == 0, 0.0, found[name]), block)
        ranks[name] = np.where(alive, sums, -np.inf)
    blocks = chosen(ranks, share, "blocks")
    spread = {k: mask.repeat(block[0], axis=0).repeat(block[1], axis=1) for k, mask in blocks.items()}
    return masked(graph, {k: s[: known[k].weight.shape[0], : known[k].weight.shape[1]] for k, s in spread.items()})


def scheduled_sparsity(
    step: int, final: float, begin: int, end: int, *, initial: float = 0.0, frequency: int = 1, power: float = 3.0
) -> float:
    """Polynomial decay of gradual pruning (Zhu, Gupta, arXiv:1710.01878, equation 1; there with power 3).

    s_t = final + (initial - final) * (1 - (t - begin) / (end - begin))^power at t = begin, begin + frequency, ...; it
    holds until the next update. `initial` before `begin`, `final` from `end` on.

    Raises:
        BadInput: a share is not within 0..1, begin > end, or frequency or power is not positive.
    """
    for name, share in (("initial", initial), ("final", final)):
        _check_share(share, name)
    if begin > end or frequency < 1 or not power > 0:
        raise BadInput(
            f"schedule: begin <= end, frequency >= 1 and power > 0 wanted, got begin={begin}, end={end}, "
            f"frequency={frequency}, power={power}. Try: frequency=100, power=3"
        )
    if step >= end:
        return final
    if step < begin:
        return initial
    updated = (step - begin) // frequency * frequency
    return polynomial_decay(initial, final, updated / (end - begin), power)


def polynomial_decay(initial: float, final: float, progress: float, power: float) -> float:
    """final + (initial - final) * (1 - progress)^power, progress in 0..1."""
    return final + (initial - final) * (1.0 - progress) ** power


def chosen(ranks: Mapping[str, Reals], share: Shares, where: str) -> dict[str, Mask]:
    """Masks of the share of least rank: over all names together, or within each named.

    Raises:
        BadInput: a share is not within 0..1, or none is there of that name.
    """
    if isinstance(share, Mapping):
        return {k: least(ranks[k], round(part * ranks[k].size)) for k, part in _by_node(share, ranks, where).items()}
    _check_share(share, where)
    if not ranks:
        return {}
    flat = np.concatenate([r.ravel() for r in ranks.values()])
    parts = np.split(least(flat, round(share * flat.size)), np.cumsum([r.size for r in ranks.values()])[:-1])
    return {k: part.reshape(r.shape) for (k, r), part in zip(ranks.items(), parts, strict=True)}


def _by_node(share: Shares, known: Mapping[str, object], where: str) -> Mapping[str, float]:
    """A share for each node: the same for all, or those given."""
    shares = share if isinstance(share, Mapping) else dict.fromkeys(known, share)
    _check_names(shares, known, where)
    for name, part in shares.items():
        _check_share(part, f"{where} of {quote(name)}")
    return shares


def _check_share(share: float, where: str) -> None:
    if not 0.0 <= share <= 1.0:
        raise BadInput(f"{where}: a share of 0..1 wanted, got {share}. Try: 0.5")


def _check_names(names: Mapping[str, object], known: Mapping[str, object], where: str) -> None:
    for name in names:
        if name not in known:
            raise BadInput(f"{where}: no node {quote(name)} to prune. Try: {', '.join(map(quote, known)) or 'none'}")


def _or_magnitude(graph: Graph[Op], scores: Scores | None) -> Scores:
    return {name: np.abs(op.weight) for name, op in weighted(graph).items()} if scores is None else scores


def _scored(graph: Graph[Op], scores: Scores) -> dict[str, Weighted]:
    """The nodes that have scores, in order."""
    known = weighted(graph)
    _check_names(scores, known, "scores")
    for name, each in scores.items():
        shape = known[name].weight.shape
        if each.shape != shape or not np.isfinite(each).all():
            found = "NaN or infinity" if each.shape == shape else list(each.shape)
            raise BadInput(
                f"scores of {quote(name)}: finite numbers {list(shape)} wanted, got {found}. Try: one for each weight"
            )
    return {name: op for name, op in known.items() if name in scores}


def _best_of_runs(scores: Reals, weight: Reals, n: int, m: int) -> Mask:
    """Mask of the n entries worth most of every m along the columns."""
    rows, columns = scores.shape
    runs = -(-columns // m)
    padded = np.full((rows, runs * m), -np.inf)
    padded[:, :columns] = np.where(weight == 0, -np.inf, scores)
    order = np.argsort(padded.reshape(rows, runs, m), axis=2, kind="stable")
    kept = np.zeros((rows, runs, m), dtype=bool)
    np.put_along_axis(kept, order[:, :, m - n :], True, axis=2)
    return kept.reshape(rows, runs * m)[:, :columns]


def _block_sums(values: Reals, block: tuple[int, int]) -> Reals:
    """Sums over blocks [block rows, block columns]."""
    rows, columns = (-(-size // edge) for size, edge in zip(values.shape, block, strict=True))
    padded = np.zeros((rows * block[0], columns * block[1]))
    padded[: values.shape[0], : values.shape[1]] = values
    return padded.reshape(rows, block[0], columns, block[1]).sum(axis=(1, 3))
