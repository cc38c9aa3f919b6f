# SPDX-License-Identifier: Apache-2.0
"""The passes on networks with maps: the meaning stays, scalings find their product, dead channels go."""

from dataclasses import replace

import numpy as np
import pytest

from hwcompress.ir.graph import Graph, Node, Op, check_chain
from hwcompress.ir.types import TensorType
from hwcompress.ops import Affine, Clip, Conv, Dense, Lookup, MaxPool, SumPool, Window
from hwcompress.ops.conv import ConvCodes
from hwcompress.passes.chain import linked
from hwcompress.passes.dead import drop_dead
from hwcompress.passes.pipeline import simplify
from hwcompress.sim.integer import Simulator
from hwcompress.sim.reference import run_float
from tests.random_maps import random_map_network
from tests.random_networks import random_frames, reference

SAME = Window((3, 3), before=(1, 1), after=(1, 1))
VALID = Window((2, 3))
HALF = Window((2, 2), (2, 2))


def quarters(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-8, 9, shape) / 4


def chain(*ops: Op, channels: int = 2, grid: tuple[int, int] = (6, 5)) -> Graph[Op]:
    nodes = [Node(f"n{i}", op, "", f"v{i}") for i, op in enumerate(ops)]
    return linked(Graph("g", "x", channels, (), grid=grid), nodes)


def kinds(graph: Graph[Op]) -> list[str]:
    return [type(node.op).__name__ for node in graph]


def conv(window: Window, n: int = 2, m: int = 4, groups: int = 1) -> Conv:
    return Conv(quarters(1, m, window.taps * n // groups), quarters(2, m), window, groups)


def affine(n: int, seed: int = 3, *, up: bool = False, shift: bool = True) -> Affine:
    scale = quarters(seed, n)
    return Affine(np.abs(scale) + 0.25 if up else scale, quarters(seed + 1, n) * shift)


RELU = Clip(0.0, np.inf)
CHAINS = {
    "scaling behind a convolution": ((conv(SAME), affine(4)), ["Conv"]),
    "scaling before one that does not pad": ((affine(2), conv(VALID)), ["Conv"]),
    "scaling before groups": ((affine(2), conv(VALID, groups=2)), ["Conv"]),
    "scaling before one that pads": ((affine(2), conv(SAME)), ["Affine", "Conv"]),
    "scaling without offset before one that pads": ((affine(2, shift=False), conv(SAME)), ["Conv"]),
    "clip behind a maximum": ((conv(VALID), MaxPool(HALF), RELU), ["Conv", "Clip", "MaxPool"]),
    "scaling behind a maximum": ((conv(VALID), MaxPool(HALF), affine(4, up=True)), ["Conv", "MaxPool"]),
    "falling scaling behind a maximum": (
        (conv(VALID), MaxPool(HALF), Affine(np.full(4, -0.5), np.zeros(4))),
        ["Conv", "MaxPool", "Affine"],
    ),
    "scaling behind a maximum with zeros around": (
        (conv(VALID), MaxPool(SAME, 0.0), affine(4, up=True)),
        ["Conv", "MaxPool", "Affine"],
    ),
    "batch norm behind relu and maximum": (
        (conv(VALID), RELU, MaxPool(HALF), affine(4, up=True, shift=False)),
        ["Conv", "Clip", "MaxPool"],
    ),
    "average before a dense layer": (
        (SumPool(HALF), Affine(np.full(2, 0.25), np.zeros(2)), Dense(quarters(5, 3, 12), quarters(6, 3))),
        ["SumPool", "Dense"],
    ),
    "scaling of a map before a dense layer": ((affine(2), Dense(quarters(5, 3, 60), quarters(6, 3))), ["Dense"]),
    "scaling of every element before a dense layer": (
        (Affine(quarters(7, 6, 5, 2), quarters(8, 6, 5, 2)), Dense(quarters(5, 3, 60), quarters(6, 3))),
        ["Dense"],
    ),
    "scaling of every element behind a convolution": (
        (conv(VALID), Affine(quarters(7, 5, 3, 4), quarters(8, 5, 3, 4))),
        ["Conv", "Affine"],
    ),
    "a function in between": (
        (conv(VALID), Lookup("tanh"), MaxPool(HALF), RELU),
        ["Conv", "Lookup", "Clip", "MaxPool"],
    ),
}


@pytest.mark.parametrize(("ops", "left"), CHAINS.values(), ids=CHAINS)
def test_what_is_folded_keeps_its_meaning(ops: tuple[Op, ...], left: list[str]) -> None:
    graph = chain(*ops)
    small = simplify(graph)
    assert kinds(small) == left
    assert check_chain(small) == check_chain(graph)
    x = quarters(9, 20, graph.elements)
    np.testing.assert_allclose(run_float(small, x), run_float(graph, x), rtol=1e-12, atol=1e-12)
    assert simplify(small).nodes == small.nodes


@pytest.mark.parametrize("seed", range(60))
def test_dropping_dead_channels_changes_no_code(seed: int) -> None:
    graph, _ = random_map_network(seed)
    rng = np.random.default_rng(seed)
    nodes = list(graph.nodes)
    for k, node in enumerate(nodes):  # rows and columns without weights
        if isinstance(node.op, ConvCodes):
            keep = rng.random((len(node.op.weight), 1)) < 0.6
            channels = rng.random(node.op.channels // node.op.groups) < 0.7
            weight = node.op.weight * keep * np.tile(channels, node.op.window.taps)
            nodes[k] = replace(node, op=replace(node.op, weight=weight))
    types: dict[str, TensorType] = {"v0": graph.types["v0"]}
    for node in nodes:
        types[node.output] = replace(graph.types[node.output])
    hollow = replace(graph, nodes=tuple(nodes))
    x = random_frames(graph, 8, seed)
    y = reference(hollow, x)
    small = drop_dead(hollow)
    assert (reference(small, x) == y).all()
    assert (Simulator.of(small).run(x) == y).all()
    assert small.types[small.output].shape == graph.types[graph.output].shape


def test_a_channel_that_nobody_reads_goes_with_its_rows() -> None:
    rng = np.random.default_rng(1)
    for seed in range(200):
        graph, _ = random_map_network(seed)
        convs = [(n, n.op) for n in graph if isinstance(n.op, ConvCodes)]
        if len(convs) < 2 or any(op.groups > 1 for _, op in convs) or len(convs[0][1].weight) < 2:
            continue
        node, op = convs[1]
        weight = op.weight.reshape(len(op.weight), op.window.taps, -1).copy()
        weight[:, :, 0] = 0
        weight[:, :, 1:] = rng.integers(1, 3, weight[:, :, 1:].shape)
        changed = replace(node, op=replace(op, weight=weight.reshape(op.weight.shape)))
        small = drop_dead(replace(graph, nodes=tuple(changed if n is node else n for n in graph)))
        first = next(n.op for n in small if isinstance(n.op, ConvCodes))
        assert len(first.weight) < len(convs[0][1].weight)
        return
    pytest.fail("no network with two convolutions")
