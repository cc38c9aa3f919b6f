# SPDX-License-Identifier: Apache-2.0
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false
"""Hidden channels in another order: equal answers, and never more bytes."""

import numpy as np
import pytest

from hwcompress.compress.permute import permuted, shortest
from hwcompress.compress.structured import links
from hwcompress.ir.graph import Graph
from hwcompress.ops import Clip, Conv, Dense, Window
from hwcompress.storage import matrix
from hwcompress.storage.container import Ends, Stored, pack, rounded
from tests.compress.maps import network, random_network, samples

ENDS = Ends("x", (1,), "float32", True, ("y",), (1,))


def whole(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Whole numbers: sums in any order are exact."""
    return rng.integers(-9, 10, size=shape).astype(np.float64)


def answers(graph: Graph, x: np.ndarray) -> np.ndarray:
    for node in graph:
        x = node.op.run_float(x)
    return x


def test_the_answers_stay():
    moved = 0
    for seed in range(40):
        graph, rng = random_network(seed, whole=True, grouped=True), np.random.default_rng(seed)
        x = samples(graph, 3, whole=True)
        want = answers(graph, x)
        for link in links(graph):
            if link.whole:
                order = rng.permutation(len(link.producer.weight))
                made = permuted(graph, link, order)
                assert np.array_equal(answers(made, x), want), seed
                moved += not np.array_equal(made.nodes[link.first].op.weight, link.producer.weight)
    assert moved > 20


def test_a_grouped_product_keeps_its_order():
    rng = np.random.default_rng(2)
    window = Window((1, 1), (1, 1), (1, 1), (0, 0), (0, 0))
    first, second = Conv(whole(rng, 4, 2), whole(rng, 4), window), Conv(whole(rng, 6, 2), whole(rng, 6), window, 2)
    graph = network((4, 4, 2), first, second)
    link = links(graph)[0]
    with pytest.raises(ValueError, match="not grouped"):
        permuted(graph, link, np.arange(4))
    stored = Stored("m", graph, ENDS)
    assert shortest(stored) is graph
    plain = network((5,), Dense(whole(rng, 7, 5), whole(rng, 7)), Dense(whole(rng, 3, 7), whole(rng, 3)))
    with pytest.raises(ValueError, match="an order"):
        permuted(plain, links(plain)[0], np.zeros(7, dtype=np.int64))


def test_fewer_bytes_and_the_same_network():
    """Two kinds of units in turn: brought together, they take fewer bytes; never more than before."""
    rng = np.random.default_rng(3)
    kinds = rng.uniform(size=(2, 40)) < 0.3
    mask = kinds[np.arange(60) % 2] & (rng.uniform(size=(60, 40)) < 0.9)
    graph = rounded(network((40,), Dense(whole(rng, 60, 40) * mask, whole(rng, 60)), Clip(0.0, np.inf),
                            Dense(whole(rng, 5, 60), whole(rng, 5))))  # fmt: skip
    stored = Stored("m", graph, ENDS)
    made = shortest(stored)
    sizes = [sum(len(matrix.encode(n.op.weight).data) for n in g if isinstance(n.op, Dense)) for g in (graph, made)]
    assert sizes[1] < sizes[0]
    assert len(pack(Stored("m", made, ENDS)).data) < len(pack(stored).data)
    x = whole(rng, 6, 40)
    assert np.array_equal(answers(made, x), answers(graph, x))
    again = shortest(Stored("m", made, ENDS))
    assert sum(len(matrix.encode(n.op.weight).data) for n in again if isinstance(n.op, Dense)) <= sizes[1]
