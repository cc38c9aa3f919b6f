# SPDX-License-Identifier: Apache-2.0
"""Second moments of what a layer reads: the Hessian of its squared output error.

With inputs x (columns: samples and positions) the error ||(W^ - W) x||^2 / samples of a layer is
(W^ - W) H (W^ - W)^T / 2 summed over rows, H = 2/samples x x^T: the same for every row (Frantar, Singh, Alistarh,
arXiv:2208.11580, section 3).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hwcompress.errors import BadInput
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Op
from hwcompress.ops import Conv, Dense
from hwcompress.ops.conv import spans

Weighted: TypeAlias = Dense | Conv
CHUNK = 1 << 22  # elements of unfolded windows at a time
DEAD = 1e-9  # share of its mean square below which the variance of an input is rounding


@dataclass(frozen=True, eq=False)
class Hessian:
    """Of one layer; a Dense, and a Conv without groups, has one group. c: columns of the weight."""

    matrix: Reals  # [groups, c, c], 2/samples sum of x x^T; less the means if centred
    drift: Reals  # [groups, c, c], 2/samples sum of (x_float - x) x^T; likewise
    mean: Reals  # [groups, c] of x over samples and positions
    mean_float: Reals  # [groups, c]
    dead: NDArray[np.bool_]  # [groups, c]: 0 for every sample (if centred: always the same)

    def damped(self, share: float) -> Reals:
        """With `share` of the mean diagonal on the diagonal, and 1 for a dead input [groups, c, c]."""
        out = np.where(self.dead[:, :, None] | self.dead[:, None, :], 0.0, self.matrix)
        diagonal = np.einsum("gii->gi", out)
        live = np.maximum((~self.dead).sum(axis=1), 1)
        diagonal += share * (diagonal.sum(axis=1) / live)[:, None]
        diagonal[self.dead] = 1.0
        return out


def hessians(graph: Graph[Op], x: Reals, *, centred: bool = False) -> dict[str, Hessian]:
    """The Hessian of every layer with weights, by node name, on the inputs that the float network gives it.

    x: calibration data [samples, *graph.shape], or [samples, elements].

    Raises:
        BadInput: x is empty, does not fit the network or holds NaN or infinities.
    """
    value = checked(graph, x)
    found: dict[str, Hessian] = {}
    for node in graph:
        if isinstance(node.op, Weighted):
            found[node.name] = layer_hessian(node.op, value, centred=centred)
        value = advance(node.op, value)
    return found


def layer_hessian(op: Weighted, x: Reals, x_float: Reals | None = None, *, centred: bool = False) -> Hessian:
    """Of inputs x [samples, *shape] that really come; x_float: those of the float network where they differ.

    Centred moments are those of the error that is left once the bias has taken up its mean.
    """
    first = next(unfolded(op, x[:1]))[1]
    groups, c = len(first), first.shape[2]
    matrix, drift = np.zeros((groups, c, c)), np.zeros((groups, c, c))
    mean, mean_float = np.zeros((groups, c)), np.zeros((groups, c))
    count = 0
    for at, rows in unfolded(op, x):
        floats = rows if x_float is None else next(unfolded(op, x_float[at], whole=True))[1]
        matrix += rows.transpose(0, 2, 1) @ rows
        if x_float is not None:
            drift += (floats - rows).transpose(0, 2, 1) @ rows
        mean += rows.sum(axis=1)
        mean_float += floats.sum(axis=1)
        count += rows.shape[1]
    mean, mean_float = mean / count, mean_float / count
    square = np.einsum("gii->gi", matrix).copy()
    if centred:
        matrix -= count * mean[:, :, None] * mean[:, None, :]
        drift -= count * (mean_float - mean)[:, :, None] * mean[:, None, :]
    dead = np.einsum("gii->gi", matrix) <= DEAD * square
    scale = 2.0 / len(x)
    return Hessian(scale * matrix, scale * drift, mean, mean_float, dead)


def unfolded(op: Weighted, x: Reals, *, whole: bool = False) -> Iterator[tuple[slice, Reals]]:
    """What each row of the weight is multiplied with: slices of samples and [groups, samples * positions, c]."""
    step = len(x) if whole else max(1, CHUNK // _elements(op, x))
    for at in range(0, len(x), step):
        part = x[at : at + step]
        if isinstance(op, Dense):
            yield slice(at, at + step), part.reshape(1, len(part), -1)
            continue
        patches = op.window.patches(part)
        parts = [patches[..., a:b].reshape(-1, op.weight.shape[1]) for a, b in spans(part.shape[-1], op.groups)]
        yield slice(at, at + step), np.stack(parts)


def _elements(op: Weighted, x: Reals) -> int:
    """Of one sample unfolded."""
    if isinstance(op, Dense):
        return op.weight.shape[1]
    rows, columns = op.window.grid(x.shape[1:])
    return rows * columns * op.weight.shape[1] * op.groups


def advance(op: Op, x: Reals) -> Reals:
    """run_float of one operator over all samples [samples, *shape], in chunks."""
    most = _elements(op, x) if isinstance(op, Weighted) else max(1, x[:1].size)
    step = max(1, CHUNK // most)
    return np.concatenate([op.run_float(x[at : at + step]) for at in range(0, len(x), step)])


def checked(graph: Graph[Op], x: Reals) -> Reals:
    """Calibration data as float64 [samples, *graph.shape].

    Raises:
        BadInput: it is empty, does not fit the network or holds NaN or infinities.
    """
    if x.ndim < 2 or not len(x) or x[0].size != graph.elements:
        raise BadInput(
            f"calibration data: samples of {list(graph.shape)} wanted, got {list(x.shape)}. "
            f"Try: an array [samples, {', '.join(map(str, graph.shape))}]"
        )
    if not np.isfinite(x).all():
        raise BadInput("calibration data: finite numbers wanted, got NaN or infinity. Try: other samples")
    return x.astype(np.float64, copy=False).reshape(len(x), *graph.shape)
