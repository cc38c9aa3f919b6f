# SPDX-License-Identifier: Apache-2.0
"""What happens to the input before the network: mean and deviation, and powers of two."""

from collections.abc import Sequence

import numpy as np

from hwcompress.errors import BadInput
from hwcompress.ir.fixed import Codes, Reals
from hwcompress.ir.graph import Graph, Node, Op
from hwcompress.ir.order import Order
from hwcompress.ops import Affine
from hwcompress.passes.chain import fresh, linked
from hwcompress.passes.pipeline import simplify

SAME = Order()


def preprocess(
    graph: Graph[Op],
    sample_shape: Sequence[int],
    mean: Sequence[float] | float,
    std: Sequence[float] | float,
    order: Order = SAME,
) -> Graph[Op]:
    """The network on raw values r, where it wanted (r - mean) / std: one value, or one for each channel.

    A vector [n] has n channels; an image [C, H, W] has C, an image [H, W, C] with another H has C too.
    `order`: from a flat sample to the order of the graph's input.

    Raises:
        BadInput: a number of values that fits neither, a deviation of 0 or less, or no number.
    """
    m, s = _spread("mean", mean, sample_shape), _spread("std", std, sample_shape)
    if not (s > 0).all():
        raise BadInput(f"--std must be greater than 0, found {float(s.min()):g}")
    if (m == 0).all() and (s == 1).all():
        return graph
    scale, bias = (order.apply(v[None])[0].reshape(graph.shape) for v in (1.0 / s, -m / s))
    return _prepend(graph, "preprocess", alike(scale, bias))


def alike(scale: Reals, bias: Reals) -> Affine:
    """An affine with one value for each channel where they are the same at every position."""
    rows = [v.reshape(-1, v.shape[-1]) for v in (scale, bias)]
    if all((r == r[:1]).all() for r in rows):
        return Affine(rows[0][0], rows[1][0])
    return Affine(scale, bias)


def _spread(option: str, given: Sequence[float] | float, shape: Sequence[int]) -> Reals:
    """The values for each element of a flattened sample."""
    values = np.atleast_1d(np.asarray(given, dtype=np.float64))
    if values.ndim != 1 or not np.isfinite(values).all():
        raise BadInput(f"--{option} wants finite numbers, one or one for each channel")
    k, rank = len(values), len(shape)
    if k == 1:
        view = values
    elif rank and k == shape[0]:
        view = values.reshape(-1, *(1,) * (rank - 1))
    elif rank and k == shape[-1]:
        view = values
    elif k == int(np.prod(shape)):
        view = values.reshape(tuple(shape))
    else:
        raise BadInput(f"--{option} has {k} values; an input of shape {list(shape)} wants 1 or one for each channel")
    return np.broadcast_to(view, tuple(shape)).reshape(-1).copy()


def scale_input(graph: Graph[Op], exponents: Codes) -> Graph[Op]:
    """The network on x' = x * 2**exponents[c]: hardware channels of different size share one type."""
    scale = np.exp2(-np.asarray(exponents, dtype=np.float64))
    return _prepend(graph, "input_scale", Affine(scale, np.zeros(graph.channels)))


def evened(graph: Graph[Op], exponents: Codes) -> Graph[Op]:
    """`scale_input`, merged into what reads the input."""
    return simplify(scale_input(graph, exponents)) if exponents.any() else graph


def scaled(x: Reals, exponents: Codes) -> Reals:
    """What a network of `evened` reads for samples x [samples, ..., channels]: x * 2**exponents[c]."""
    return x * np.exp2(exponents.astype(np.float64)) if exponents.any() else x


def _prepend(graph: Graph[Op], name: str, op: Op) -> Graph[Op]:
    """The operator between the input and the first node."""
    node = Node(name, op, graph.input, fresh(graph, name))
    return linked(graph, [node, *graph.nodes])
