# SPDX-License-Identifier: Apache-2.0
"""What every weight is worth, by the criterion of a prune step."""

from collections.abc import Callable

from hwcompress.compress import saliency
from hwcompress.compress.prune import importance, lamp
from hwcompress.compress.recipe import spread
from hwcompress.compress.select import Scores, weighted
from hwcompress.compress.stages import stages
from hwcompress.ir.graph import Graph, Op
from hwcompress.recipe.objective import objective
from hwcompress.recipe.state import Context


def weight_scores(method: str, graph: Graph[Op], context: Context) -> Scores:
    """By node, one for each weight [m, n]; obs and sparsegpt share their sparsity out by |w| x input deviation.

    Raises:
        BadInput: the labels do not fit the network.
    """
    return CRITERIA[method](graph, context)


def _magnitude(graph: Graph[Op], _context: Context) -> Scores:
    return saliency.magnitude(graph)


def _spread(graph: Graph[Op], context: Context) -> Scores:
    """|w| times the deviation of its input."""
    each = spread(stages(graph), context.calibration)
    return {n: importance(n, op, each) for n, op in weighted(graph).items()}


def _lamp(graph: Graph[Op], context: Context) -> Scores:
    return {n: lamp(s) for n, s in _spread(graph, context).items()}


def _random(graph: Graph[Op], context: Context) -> Scores:
    return saliency.random(graph, (context.seed, 2))


def _obd(graph: Graph[Op], context: Context) -> Scores:
    return saliency.obd(graph, *objective(context))


def _fisher(graph: Graph[Op], context: Context) -> Scores:
    return saliency.fisher(graph, *objective(context))


def _taylor(graph: Graph[Op], context: Context) -> Scores:
    return saliency.taylor(graph, *objective(context))


CRITERIA: dict[str, Callable[[Graph[Op], Context], Scores]] = {
    "magnitude": _magnitude,
    "lamp": _lamp,
    "random": _random,
    "obd": _obd,
    "fisher": _fisher,
    "taylor": _taylor,
    "obs": _spread,
    "sparsegpt": _spread,
}
