# SPDX-License-Identifier: Apache-2.0
"""Neurons, filters and channels removed for real: rows of the layer that makes them, columns of what reads them.

A link joins two neighbouring products; what stands between them works channel by channel: clips, functions, affines,
pools and depthwise convolutions, which follow their channels. A depthwise convolution before all other products stays
whole, and so do the channels that go into a grouped convolution or come out of one; they are only masked. The
network's inputs and outputs are never removed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hwcompress.compress.select import Mask, Scores, Shares, Weighted, chosen, weighted, with_weights
from hwcompress.errors import BadInput, quote
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Node, Op
from hwcompress.ir.types import Shape
from hwcompress.ops import Affine, Conv
from hwcompress.ops.conv import columns


@dataclass(frozen=True, eq=False)
class Link:
    """Two products and the channels between them."""

    first: int  # the node that makes the channels
    second: int  # the node that reads them
    producer: Weighted
    consumer: Weighted
    each: int  # channels read for each channel made; more than 1 behind depthwise convolutions with multipliers
    shape: Shape  # of a sample of what is made

    @property
    def whole(self) -> bool:
        """Whether neither product is grouped, so that any channel can be removed."""
        return not any(isinstance(op, Conv) and op.groups > 1 for op in (self.producer, self.consumer))

    def by_channel(self) -> Reals:
        """Weights of the consumer [rows, taps or positions, channels read]."""
        made = len(self.producer.weight)
        return self.consumer.weight.reshape(len(self.consumer.weight), -1, made * self.each)


def links(graph: Graph[Op]) -> list[Link]:
    """All links of the network, first to last."""
    return list(_links(graph.nodes, graph.shape))


def channels(graph: Graph[Op]) -> dict[str, int]:
    """How many channels each node makes that can be pruned: products with another product behind them, by name."""
    return {graph.nodes[link.first].name: len(link.producer.weight) for link in links(graph)}


def mask_channels(graph: Graph[Op], masks: Mapping[str, Mask]) -> Graph[Op]:
    """Nobody reads a channel any more where the mask [m] of the node that makes it is true: columns become zero.

    Raises:
        BadInput: a mask is of no node that `channels` lists, or of another length.
    """
    _check(graph, masks, "mask")
    weights: dict[str, Reals] = {}
    for link in links(graph):
        name = graph.nodes[link.first].name
        if name in masks:
            consumer = graph.nodes[link.second].name
            weights[consumer] = np.where(_columns(link, masks[name]), 0.0, link.consumer.weight)
    return with_weights(graph, weights)


def prune_channels(graph: Graph[Op], share: Shares, scores: Scores | None = None) -> Graph[Op]:
    """Remove a share of the channels, worth least first, and all that is dead then.

    A channel that goes counts as 0 for its readers (Molchanov et al., arXiv:1611.06440). One channel of
    each node always stays; channels that are dead already go first.

    Args:
        graph: the network.
        share: 0..1 of the channels of all nodes with scores together, or by node name of its own.
        scores: by node name, one for each channel [m]; without them the L2 norm of its weights over that of its layer.

    Raises:
        BadInput: a share is not within 0..1, or names or lengths do not fit `channels`.
    """
    known = weighted(graph)
    found = {name: _norms(known[name].weight) for name in channels(graph)} if scores is None else scores
    _check(graph, found, "scores")
    dead = _dead(graph)
    ranks = {name: np.where(dead[name], -np.inf, each) for name, each in found.items()}
    for each in ranks.values():
        each[len(each) - 1 - each[::-1].argmax()] = np.inf  # ties go in order: the last of the best stays
    masks = chosen(ranks, share, "channels")
    return remove_dead(mask_channels(graph, {name: mask & (ranks[name] < np.inf) for name, mask in masks.items()}))


def remove_dead(graph: Graph[Op], log: list[str] | None = None) -> Graph[Op]:
    """The network without channels that nobody reads or that are constant: the same outputs, smaller.

    A constant (a row without weights, a scale of zero, all functions behind it included) goes into the reader's bias;
    a convolution takes it up only if it is the same everywhere and, beside padding, zero. `log` receives a line for
    each node that shrank. The passes on the integer form do the same to codes (passes/dead.py).
    """
    nodes = list(graph.nodes)
    removed: dict[str, int] = {}
    while _sweep(nodes, graph.shape, removed):
        pass
    if log is not None:
        log.extend(f"{quote(name)}: {count} channels removed, constant or unused" for name, count in removed.items())
    return replace(graph, nodes=tuple(nodes))


def _dead(graph: Graph[Op]) -> dict[str, Mask]:
    """Channels made by each node that the graph would be the same without; of grouped ones nothing is known."""
    by_name = {graph.nodes[link.first].name: link for link in links(graph)}
    none = {name: np.zeros(len(link.producer.weight), dtype=bool) for name, link in by_name.items()}
    return none | {name: _removable(graph.nodes, link)[0] for name, link in by_name.items() if link.whole}


def _norms(weight: Reals) -> Reals:
    """L2 norm of each row [m] over that of all."""
    norms = np.linalg.norm(weight, axis=1)
    return norms / (np.linalg.norm(norms) or 1.0)


def _sweep(nodes: list[Node[Op]], shape: Shape, removed: dict[str, int]) -> bool:
    """Shrink at every link, last first; whether anything changed."""
    changed = False
    for at in reversed(range(len(list(_links(nodes, shape))))):
        link = list(_links(nodes, shape))[at]  # again: the link behind may have shrunk
        if link.whole:
            changed |= _shrink(nodes, link, removed)
    return changed


def _shrink(nodes: list[Node[Op]], link: Link, removed: dict[str, int]) -> bool:
    dead, constant, values = _removable(nodes, link)
    if dead.all():
        dead[0] = False  # one channel must stay
    if not dead.any():
        return False
    keep, gone = ~dead, dead.repeat(link.each)
    gone_values = np.where(gone & constant, values, 0.0)
    by_channel = link.by_channel()
    spread = np.broadcast_to(gone_values.reshape(-1, gone.size), (gone_values.size // gone.size, gone.size))
    if isinstance(link.consumer, Conv):
        spread = spread[:1]  # the same everywhere
    bias = link.consumer.bias + np.einsum("rpc,pc->r", by_channel, np.broadcast_to(spread, by_channel.shape[1:]))
    weight = by_channel[:, :, ~gone].reshape(len(by_channel), -1)
    nodes[link.second] = replace(nodes[link.second], op=replace(link.consumer, weight=weight, bias=bias))
    op: Op = replace(link.producer, weight=link.producer.weight[keep], bias=link.producer.bias[keep])
    nodes[link.first] = replace(nodes[link.first], op=op)
    for i in range(link.first + 1, link.second):
        op, keep = _kept(nodes[i].op, keep)
        nodes[i] = replace(nodes[i], op=op)
    name = nodes[link.first].name
    removed[name] = removed.get(name, 0) + int(dead.sum())
    return True


def _kept(op: Op, keep: Mask) -> tuple[Op, Mask]:
    """The operator on the channels that stay, and those that then leave it."""
    if isinstance(op, Affine):
        return replace(op, scale=op.scale[..., keep], bias=op.bias[..., keep]), keep
    if isinstance(op, Conv):
        rows = keep.repeat(len(op.weight) // op.groups)
        return replace(op, weight=op.weight[rows], bias=op.bias[rows], groups=int(keep.sum())), rows
    return op, keep


def _removable(nodes: Sequence[Node[Op]], link: Link) -> tuple[Mask, Mask, Reals]:
    """Dead channels made [m]; which of those read are constant [m * each], and their values [*shape read]."""
    constant, values = _constants(nodes, link)
    by_channel = link.by_channel()
    unread = (by_channel == 0).all(axis=(0, 1))
    taken = constant.copy()
    if isinstance(link.consumer, Conv):
        flat = values.reshape(-1, values.shape[-1])
        taken &= (flat == flat[0]).all(axis=0)
        if link.consumer.window.padded:
            taken &= flat[0] == 0
    taken &= np.isfinite(values.reshape(-1, values.shape[-1])).all(axis=0)
    dead = (unread | taken).reshape(-1, link.each).all(axis=1)
    return dead, taken, values


def _constants(nodes: Sequence[Node[Op]], link: Link) -> tuple[Mask, Reals]:
    """Which channels never change on their way to the reader, and what a sample without inputs gives there."""
    constant = (link.producer.weight == 0).all(axis=1)
    y = np.broadcast_to(link.producer.bias, (1, *link.shape))
    for node in nodes[link.first + 1 : link.second]:
        op = node.op
        if isinstance(op, Affine):
            constant = constant | (op.scale == 0).reshape(-1, constant.size).all(axis=0)
        elif isinstance(op, Conv):
            constant = constant.repeat(len(op.weight) // op.groups) | (op.weight == 0).all(axis=1)
        y = op.run_float(y)
    return constant, y[0]


def _links(nodes: Sequence[Node[Op]], shape: Shape) -> Iterator[Link]:
    """Every product but a depthwise one behind another, with the next such, in order."""
    first, made, each = -1, shape, 1
    for i, node in enumerate(nodes):
        op = node.op
        behind = op.shape(shape)
        if isinstance(op, Weighted):
            depthwise = isinstance(op, Conv) and op.groups == shape[-1] > 1
            last = nodes[first].op if first >= 0 else None
            if depthwise and isinstance(last, Weighted) and i < _last(nodes):
                each *= behind[-1] // shape[-1]
            else:
                if isinstance(last, Weighted):
                    yield Link(first, i, last, op, each, made)
                first, made, each = i, behind, 1
        shape = behind


def _last(nodes: Sequence[Node[Op]]) -> int:
    return max(i for i, node in enumerate(nodes) if isinstance(node.op, Weighted))


def _columns(link: Link, mask: Mask) -> Mask:
    """The mask of channels made [m] as one of the consumer's weights [rows, columns]."""
    gone = mask.repeat(link.each)
    op = link.consumer
    if isinstance(op, Conv):
        return columns(gone.astype(np.float64), len(op.weight), op.groups, op.window.taps) != 0
    return np.broadcast_to(np.tile(gone, op.weight.shape[1] // gone.size), op.weight.shape)


def _check(graph: Graph[Op], found: Mapping[str, Mask] | Scores, what: str) -> None:
    known = channels(graph)
    for name, each in found.items():
        if name not in known:
            raise BadInput(
                f"{what} of {quote(name)}: its channels cannot be removed, no product reads them. "
                f"Try: {', '.join(map(quote, known)) or 'a network of two products or more'}"
            )
        if each.shape != (known[name],) or not np.isfinite(each).all():
            raise BadInput(
                f"{what} of {quote(name)}: {known[name]} finite values wanted, got {list(each.shape)}. "
                "Try: one for each channel"
            )
