# SPDX-License-Identifier: Apache-2.0
"""Small float networks for tests of the compression."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from hwcompress.compress.recipe import Compressed, compress
from hwcompress.config import make
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Node, Op
from hwcompress.ops import Affine, Clip, Dense, Lookup
from hwcompress.passes.chain import linked

RELU = Clip(0.0, np.inf)


def chain(channels: int, *ops: Op) -> Graph[Op]:
    """Nodes named fc0, fc1 ... for products, by kind and place for the others."""
    products = 0
    nodes: list[Node[Op]] = []
    for k, op in enumerate(ops):
        name = f"fc{products}" if isinstance(op, Dense) else f"{type(op).__name__.lower()}{k}"
        products += isinstance(op, Dense)
        nodes.append(Node(name, op, "", f"v{k}"))
    return linked(Graph("g", "x", channels, ()), nodes)


def random_dense(rng: np.random.Generator, m: int, n: int) -> Dense:
    spread = 2.0 ** rng.integers(-2, 3, (m, 1))
    return Dense(rng.normal(size=(m, n)) * spread / np.sqrt(n), rng.normal(size=m))


def random_chain(seed: int, functions: bool = True) -> Graph[Op]:
    """Two or three layers with Relu, Clip or a function behind them, some with a scaling in between."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 9, int(rng.integers(3, 5))).tolist()
    tails: list[tuple[Op, ...]] = [(RELU,), (Clip(-1.0, 2.0),), ()]
    if functions:
        tails += [(Lookup("tanh"),), (Lookup("sigmoid"),), (Lookup("leaky_relu", (0.125,)),)]
    ops: list[Op] = []
    for n, m in pairwise(sizes):
        ops += [random_dense(rng, m, n), *tails[int(rng.integers(len(tails)))]]
        if rng.random() < 0.25:
            ops += [Affine(rng.normal(size=m), rng.normal(size=m)), RELU]
    return chain(sizes[0], *ops)


def compressed(graph: Graph[Op], options: Mapping[str, object], x: Reals | None = None) -> Compressed:
    """Under a configuration of these options."""
    return compress(graph, x, make(options))


def weights(graph: Graph[Op]) -> list[Reals]:
    return [n.op.weight for n in graph if isinstance(n.op, Dense)]


def check_same_constants(a: Graph[Op], b: Graph[Op]) -> None:
    """Every weight, bias and scale of one network is that of the other."""
    for one, other in zip(a, b, strict=True):
        for name in ("weight", "bias", "scale"):
            assert hasattr(one.op, name) == hasattr(other.op, name)
            if hasattr(one.op, name):
                assert np.array_equal(getattr(one.op, name), getattr(other.op, name))
