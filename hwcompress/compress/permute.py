# SPDX-License-Identifier: Apache-2.0
"""Channels between two products in another order: the same answers, and fewer bytes where like rows come together."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from hwcompress.compress.select import Weighted
from hwcompress.compress.structured import Link, links
from hwcompress.ir.fixed import Codes
from hwcompress.ir.graph import Graph, Node, Op
from hwcompress.ops import Affine, Conv
from hwcompress.storage import matrix
from hwcompress.storage.container import Stored, constants
from hwcompress.storage.mask import Layout
from hwcompress.storage.order import alike, features, walk

READER = 2.0  # weight of the reader's mask against that of the maker's, where both say what is alike
MOST = 1 << 20  # weights of two products up to which orders are tried


def permuted(graph: Graph[Op], link: Link, order: Codes) -> Graph[Op]:
    """The channels that a link's producer makes in the order [m]; what stands behind, and its reader, follow.

    Raises:
        ValueError: a product of the link is grouped, or it is no order of its channels.
    """
    if not link.whole or sorted(order.tolist()) != list(range(len(link.producer.weight))):
        raise ValueError("an order of the channels between two products wanted that are not grouped")
    nodes = list(graph.nodes)
    producer = replace(link.producer, weight=link.producer.weight[order], bias=link.producer.bias[order])
    nodes[link.first] = replace(nodes[link.first], op=producer)
    for k in range(link.first + 1, link.second):
        nodes[k], order = _following(nodes[k], order)
    weight = link.by_channel()[:, :, order].reshape(link.consumer.weight.shape)
    nodes[link.second] = replace(nodes[link.second], op=replace(link.consumer, weight=weight))
    return replace(graph, nodes=tuple(nodes))


def _following(node: Node[Op], order: Codes) -> tuple[Node[Op], Codes]:
    """The operator on channels in the order, and the order of those that leave it."""
    op = node.op
    if isinstance(op, Affine):
        return replace(node, op=replace(op, scale=op.scale[..., order], bias=op.bias[..., order])), order
    if isinstance(op, Conv):
        each = len(op.weight) // op.groups
        order = (order[:, None] * each + np.arange(each)).ravel()
        return replace(node, op=replace(op, weight=op.weight[order], bias=op.bias[order])), order
    return node, order


def shortest(stored: Stored, method: str = "best") -> Graph[Op]:
    """The network with the channels of its hidden layers in an order of few bytes: the same answers.

    Link after link the shortest of four: as it is, like rows of the maker together, like columns of the reader, both.
    method: of `storage.matrix.encode`.
    """
    graph = stored.graph
    for k in range(len(links(graph))):
        link = links(graph)[k]  # again: the link before has put its rows in another order
        placed = {graph.nodes[link.first].name, graph.nodes[link.second].name} & stored.hashes.keys()
        if link.whole and not placed and link.producer.weight.size + link.consumer.weight.size <= MOST:
            grid = _grids(replace(stored, graph=graph))[graph.nodes[link.first].output]
            tried = [graph, *(permuted(graph, link, order) for order in _orders(link, grid))]
            sizes = [_bytes(replace(stored, graph=each), link, method) for each in tried]
            graph = tried[sizes.index(min(sizes))]
    return graph


def _orders(link: Link, grid: Layout | None) -> Iterator[Codes]:
    """grid: of the map that the producer reads."""
    maker = link.producer.weight
    reader = link.by_channel()
    columns = reader.reshape(*reader.shape[:2], -1, link.each).transpose(2, 0, 1, 3).reshape(len(maker), -1)
    yield alike(maker, grid)
    yield alike(columns)
    both = np.hstack([features(maker, grid), READER * features(columns)])
    yield walk(both, np.count_nonzero(maker, axis=1))


def _grids(stored: Stored) -> dict[str, Layout | None]:
    return {found.node.output: found.grid for found in constants(stored)}


def _bytes(stored: Stored, link: Link, method: str) -> int:
    """Of the weights of the products of a link, and of those between."""
    nodes = {node.output for node in stored.graph.nodes[link.first : link.second + 1]}
    found = [c for c in constants(stored) if c.node.output in nodes and isinstance(c.node.op, Weighted)]
    return sum(len(matrix.encode(c.weight, c.grid, method).data) for c in found)
