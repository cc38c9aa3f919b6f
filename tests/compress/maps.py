# SPDX-License-Identifier: Apache-2.0
"""Random float networks on maps: all operators, windows of all kinds, then perhaps dense layers."""

import math

import numpy as np

from hwcompress.errors import ShapeError
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Node, Op
from hwcompress.ir.types import Shape
from hwcompress.ops import Affine, Clip, Conv, Dense, Lookup, MaxPool, SumPool, Window
from hwcompress.passes.chain import linked


def network(shape: Shape, *ops: Op) -> Graph[Op]:
    """Nodes named by kind and place: conv0, clip1, dense2 ..."""
    nodes = [Node(f"{type(op).__name__.lower()}{k}", op, "", f"v{k}") for k, op in enumerate(ops)]
    grid = (shape[0], shape[1]) if len(shape) == 3 else ()
    return linked(Graph("g", "x", shape[-1], (), grid=grid), nodes)


def numbers(rng: np.random.Generator, shape: Shape, *, whole: bool) -> Reals:
    """Small integers, so that all sums are exact, or any."""
    return rng.integers(-3, 4, shape).astype(np.float64) if whole else rng.normal(size=shape)


def random_window(rng: np.random.Generator, shape: Shape, padded: bool = True) -> Window:
    """Any that fits the map."""
    while True:
        kernel, stride, dilation = (tuple(rng.integers(1, top, 2).tolist()) for top in (4, 3, 3))
        pads = rng.integers(0, 2, 4).tolist() if padded and rng.random() < 0.5 else [0] * 4
        window = Window(kernel, stride, dilation, (pads[0], pads[1]), (pads[2], pads[3]))
        try:
            window.grid(shape)
        except ShapeError:
            continue
        return window


def random_conv(rng: np.random.Generator, shape: Shape, *, whole: bool, grouped: bool = False) -> Conv:
    """Dense, depthwise with a multiplier of 1 or 2, or in two groups."""
    window, n, style = random_window(rng, shape), shape[-1], rng.random()
    groups = n if style < 0.4 else 2 if grouped and n % 2 == 0 and style < 0.6 else 1
    m = groups * int(rng.integers(1, 3)) if groups > 1 else int(rng.integers(1, 6))
    return Conv(
        numbers(rng, (m, window.taps * n // groups), whole=whole), numbers(rng, (m,), whole=whole), window, groups
    )


def random_between(rng: np.random.Generator, shape: Shape, *, whole: bool) -> list[Op]:
    """Up to two operators that work channel by channel."""
    out: list[Op] = []
    for _ in range(int(rng.integers(0, 3))):
        style = int(rng.integers(0, 5 if len(shape) == 3 else 3))
        if style == 0:
            out.append(Clip(0.0, np.inf) if rng.random() < 0.5 else Clip(-2.0, 5.0))
        elif style == 1:
            own = shape if rng.random() < 0.3 else shape[-1:]
            out.append(Affine(numbers(rng, own, whole=whole), numbers(rng, own, whole=whole)))
        elif style == 2:
            out.append(Lookup("leaky_relu", (0.5,)) if whole else Lookup(("sigmoid", "tanh")[int(rng.integers(2))]))
        elif style == 3:
            out.append(MaxPool(random_window(rng, shape)))
        else:
            out.append(SumPool(random_window(rng, shape)))
        shape = out[-1].shape(shape)
    return out


def random_network(seed: int, *, whole: bool = False, grouped: bool = False, side: int = 6) -> Graph[Op]:
    """One to three convolutions, one or two dense layers, and what may stand between."""
    rng = np.random.default_rng(seed)
    start = shape = (*(int(n) for n in rng.integers(2, side + 1, 2)), int(rng.integers(1, 5)))
    ops: list[Op] = []

    def add(*more: Op) -> None:
        nonlocal shape
        for op in more:
            ops.append(op)
            shape = op.shape(shape)

    for _ in range(int(rng.integers(1, 4))):
        add(random_conv(rng, shape, whole=whole, grouped=grouped))
        add(*random_between(rng, shape, whole=whole))
    for _ in range(int(rng.integers(0, 3))):
        m, n = int(rng.integers(1, 6)), math.prod(shape)
        add(Dense(numbers(rng, (m, n), whole=whole) / (1.0 if whole else np.sqrt(n)), numbers(rng, (m,), whole=whole)))
        add(*random_between(rng, shape, whole=whole))
    return network(start, *ops)


def samples(graph: Graph[Op], count: int, seed: int = 0, *, whole: bool = False) -> Reals:
    return numbers(np.random.default_rng(seed), (count, *graph.shape), whole=whole)
