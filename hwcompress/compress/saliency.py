# SPDX-License-Identifier: Apache-2.0
"""What every weight, and every channel, is worth: scores for compress/select.py and compress/structured.py.

The oracle measures what the others estimate: the exact change of the loss when one weight or one channel is removed.
"""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hwcompress.compress.backward import Trace, absolute_gradients, curvatures, gradients, squared_gradients, traces
from hwcompress.compress.losses import Loss
from hwcompress.compress.select import uses, weighted, with_weights
from hwcompress.compress.structured import Link, links
from hwcompress.errors import BadInput, quote
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Op
from hwcompress.sim.reference import run_nodes

ByNode = dict[str, Reals]  # by node name


def magnitude(graph: Graph[Op]) -> ByNode:
    """|w| [m, n]."""
    return {name: np.abs(op.weight) for name, op in weighted(graph).items()}


def random(graph: Graph[Op], seed: int | tuple[int, ...]) -> ByNode:
    """Uniform numbers [m, n]: the baseline."""
    rng = np.random.default_rng(seed)
    return {name: rng.random(op.weight.shape) for name, op in weighted(graph).items()}


def obd(graph: Graph[Op], x: Reals, loss: Loss) -> ByNode:
    """Optimal Brain Damage: h w^2 / 2 [m, n], h the diagonal second derivative (LeCun, Denker, Solla, NIPS 1989).

    Raises:
        BadInput: x [samples, *shape] or the loss's targets do not fit the network.
    """
    return {k: h * weighted(graph)[k].weight ** 2 / 2 for k, (h, _) in curvatures(graph, x, loss).items()}


def fisher(graph: Graph[Op], x: Reals, loss: Loss) -> ByNode:
    """E[g^2] w^2 / 2 [m, n], g the gradient of a sample: OBD by the empirical Fisher (arXiv:1801.05787).

    With labels drawn from the network (losses.sampled_labels) it is the Fisher information itself.

    Raises:
        BadInput: as obd.
    """
    return {k: h * weighted(graph)[k].weight ** 2 / 2 for k, (h, _) in squared_gradients(graph, x, loss).items()}


def taylor(graph: Graph[Op], x: Reals, loss: Loss, *, by_sample: bool = True) -> ByNode:
    """First order: E[|g w|] [m, n] over the samples, or |E[g] w| of the mean gradient (which vanishes at a minimum).

    Raises:
        BadInput: as obd.
    """
    slopes = absolute_gradients(graph, x, loss) if by_sample else gradients(graph, x, loss)
    return {k: np.abs(g * weighted(graph)[k].weight) for k, (g, _) in slopes.items()}


def channel_norms(graph: Graph[Op], order: int = 2) -> ByNode:
    """L1 (Li et al., arXiv:1608.08710) or L2 norm of the weights that make each channel [m].

    Raises:
        BadInput: another order than 1 or 2.
    """
    if order not in (1, 2):
        raise BadInput(f"norm: 1 or 2 wanted, got {order}. Try: 2")
    rows = {graph.nodes[k.first].name: np.abs(k.producer.weight) ** order for k in links(graph)}
    return {name: row.sum(axis=1) ** (1 / order) for name, row in rows.items()}


def channel_taylor(graph: Graph[Op], x: Reals, loss: Loss, *, normalised: bool = True, price: float = 0.0) -> ByNode:
    """First-order change of the loss if nobody read a channel any more [m] (Molchanov et al., arXiv:1611.06440).

    |mean over positions of slope * value|, where the next product reads it, averaged over the samples; divided by the
    L2 norm over the layer, then less price * the share of the network's products that go with the channel.

    Args:
        graph: the network.
        x: data [samples, *shape].
        loss: of the outputs.
        normalised: whether to divide by the norm of the layer.
        price: of products; 0 for none.

    Raises:
        BadInput: as obd.
    """
    found = {graph.nodes[k.first].name: np.zeros(len(k.producer.weight)) for k in links(graph)}
    for trace in traces(graph, x, loss):
        for link in links(graph):
            change = (
                _by_channel(link, trace.inputs[link.second] * trace.slopes[link.second - 1]).sum(axis=3).mean(axis=1)
            )
            found[graph.nodes[link.first].name] += np.abs(change).sum(axis=0) / len(x)
    if normalised:
        found = {name: each / (np.linalg.norm(each) or 1.0) for name, each in found.items()}
    costs, total = channel_products(graph), products(graph)
    return {name: each - price * costs[name] / total for name, each in found.items()}


def nonzero_share(graph: Graph[Op], x: Reals, loss: Loss) -> ByNode:
    """Share of samples and positions where a channel is not zero [m]: 1 - APoZ (Hu et al., arXiv:1607.03250).

    Raises:
        BadInput: as obd.
    """
    found = {graph.nodes[k.first].name: np.zeros(len(k.producer.weight)) for k in links(graph)}
    for trace in traces(graph, x, loss):
        for link in links(graph):
            alive = _by_channel(link, trace.inputs[link.second]) != 0
            found[graph.nodes[link.first].name] += alive.mean(axis=(1, 3)).sum(axis=0) / len(x)
    return found


def products(graph: Graph[Op]) -> int:
    """Of one sample: every weight as often as it is used, zeros included."""
    return sum(node_products(graph).values())


def channel_products(graph: Graph[Op]) -> dict[str, int]:
    """Products of a sample that go with one channel of each node: in what makes it, reads it and lies between."""
    used = node_products(graph)
    return {
        graph.nodes[link.first].name: sum(used.get(n.name, 0) for n in graph.nodes[link.first : link.second + 1])
        // len(link.producer.weight)
        for link in links(graph)
    }


def oracle_weights(graph: Graph[Op], x: Reals, loss: Loss, name: str, at: NDArray[np.int64]) -> Reals:
    """Exact change of the mean loss when the weight at flat index at[k] of a node alone becomes zero [len(at)].

    The rest of the network is run for each weight: for some hundred of them.

    Raises:
        BadInput: no node with weights has this name, or as obd.
    """
    if name not in weighted(graph):
        raise BadInput(f"no node {quote(name)} with weights. Try: {', '.join(map(quote, weighted(graph)))}")
    place = [n.name for n in graph].index(name)
    weight, found = weighted(graph)[name].weight, np.zeros(len(at))
    for trace in traces(graph, x, loss):
        before = loss.values(trace.outputs, trace.at).sum()
        for k, index in enumerate(at.tolist()):
            less = weight.copy()
            less.flat[index] = 0.0
            after = _rest(with_weights(graph, {name: less}), place, trace.inputs[place], loss, trace.at)
            found[k] += (after - before) / len(x)
    return found


def oracle_channels(graph: Graph[Op], x: Reals, loss: Loss) -> ByNode:
    """Exact change of the mean loss when nobody reads one channel any more, for every channel of every node [m].

    Raises:
        BadInput: as obd.
    """
    found = {graph.nodes[k.first].name: np.zeros(len(k.producer.weight)) for k in links(graph)}
    for trace in traces(graph, x, loss):
        before = loss.values(trace.outputs, trace.at).sum()
        for link in links(graph):
            for channel, value in enumerate(_without(link, trace)):
                after = _rest(graph, link.second, value, loss, trace.at)
                found[graph.nodes[link.first].name][channel] += (after - before) / len(x)
    return found


def spearman(a: Reals, b: Reals) -> float:
    """Rank correlation of two flat arrays of one length, equal values at their mean rank; 0 if either is constant.

    Raises:
        BadInput: lengths differ.
    """
    if a.shape != b.shape or a.ndim != 1:
        raise BadInput(
            f"ranks: two flat arrays of one length wanted, got {list(a.shape)}, {list(b.shape)}. Try: ravel()"
        )
    x, y = (_ranks(v) - (len(v) - 1) / 2 for v in (a, b))
    spread = math.sqrt(float(x @ x) * float(y @ y))
    return float(x @ y) / spread if spread else 0.0


def node_products(graph: Graph[Op]) -> dict[str, int]:
    """Of one sample, by node with weights: every weight as often as it is used, zeros included."""
    used = uses(graph)
    return {name: op.weight.size * used[name] for name, op in weighted(graph).items()}


def _ranks(values: Reals) -> Reals:
    """From 0, equal values at their mean."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts, dtype=np.float64)
    return (ends - (counts + 1) / 2)[inverse.ravel()]


def _by_channel(link: Link, values: Reals) -> Reals:
    """What the second product reads as [b, positions, channels made, channels read for each]."""
    return values.reshape(len(values), -1, len(link.producer.weight), link.each)


def _without(link: Link, trace: Trace) -> Iterator[Reals]:
    """What the second product reads without each of the channels in turn."""
    for channel in range(len(link.producer.weight)):
        value = trace.inputs[link.second].copy()
        _by_channel(link, value)[:, :, channel] = 0.0
        yield value


def _rest(graph: Graph[Op], place: int, value: Reals, loss: Loss, at: slice) -> float:
    """Sum of the losses where the node at `place` reads the value."""
    return float(loss.values(run_nodes(graph.nodes[place:], value), at).sum())
