# SPDX-License-Identifier: Apache-2.0
"""What the steps of a recipe may look at, made from a model and data: the task, and inputs of like range."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcompress import api
from hwcompress.compress.recipe import check_constants, compress, uneven_exponents
from hwcompress.compress.stages import stages
from hwcompress.config import MAX_EXPONENT, Config
from hwcompress.data import Data
from hwcompress.errors import BadInput, quote
from hwcompress.frontend.arrange import arrange
from hwcompress.frontend.model import Model
from hwcompress.ir.fixed import Codes
from hwcompress.ir.graph import Graph, Op
from hwcompress.ops import Conv, Dense, Lookup
from hwcompress.passes.preprocess import evened, scaled
from hwcompress.recipe.recipe import Recipe, usual_share
from hwcompress.recipe.run import Ran
from hwcompress.recipe.state import Context, Task
from hwcompress.sim import labels
from hwcompress.stored import EXPONENTS

HUGE = 1e30  # of any value
USUAL = 16.0  # values of inputs that are used as they are
Array = NDArray[Any]


def make_context(
    model: Model, graph: Graph[Op], data: Data, config: Config, recipe: Recipe, say: Callable[[str, float], None]
) -> Context:
    """What the steps may look at.

    Raises:
        BadInput: data or labels do not fit the model.
    """
    calibration = api.entering(model, config, data.x_calibrate)
    x = arrange(data.x_train, api.raw_input(model, config))
    task, y = _task(model, graph, data, config, x)
    return Context(
        graph,
        task,
        calibration.reshape(len(calibration), *graph.shape),
        x,
        y,
        model.input_order,
        recipe.validation if recipe.validation is not None else usual_share(len(x)),
        config.seed,
        say,
    )


def check_numbers(context: Context) -> None:
    """Nothing, if sums of what the network computes on the calibration data, and their squares, stay finite.

    Raises:
        BadInput: they do not.
    """
    parts = stages(context.original)
    check_constants(parts)
    with np.errstate(over="ignore", invalid="ignore"):
        x = context.calibration
        for stage in parts:
            x = stage.run(x)
            if not (np.abs(x) <= HUGE).all():
                top = float(np.abs(x).max())
                raise BadInput(
                    f"{stage.layer} ({quote(stage.node)}): its values over the data reach {top:.3g}; "
                    f"up to {HUGE:g} are supported"
                )


def with_even_inputs(context: Context) -> tuple[Context, Codes]:
    """The context of a network that reads x * 2**exponents, and those [channels].

    Zeros, unless channels of different range cost accuracy in one type, or values are so large or so small that the
    learning rates that are usual would not fit their weights.
    """
    graph, x = context.original, context.calibration
    exponents = np.zeros(graph.channels, dtype=np.int64)
    if not isinstance(graph.nodes[0].op, Dense | Conv):
        return context, exponents
    if uneven_exponents(x).any():
        exponents = compress(graph, x.reshape(len(x), -1), Config()).exponents
    top = float(np.abs(scaled(x, exponents)).max(initial=0.0))
    if top > 0 and not 1 / USUAL <= top < USUAL:
        exponents = (exponents - int(np.floor(np.log2(top)))).clip(-MAX_EXPONENT, MAX_EXPONENT)
    if not exponents.any():
        return context, exponents
    factors = context.input_order.inverse().apply(scaled(np.ones((1, *graph.shape)), exponents).reshape(1, -1))
    even = replace(
        context,
        original=evened(graph, exponents),
        calibration=scaled(x, exponents),
        x_train=context.x_train * factors.reshape(context.x_train.shape[1:]),
    )
    return even, exponents


def reading(ran: Ran, exponents: Codes) -> Ran:
    """A network that reads x * 2**exponents as one that reads x, for which its settings name the exponents."""
    if not exponents.any():
        return ran
    settings = {**ran.state.settings, EXPONENTS: exponents.tolist()}
    return replace(ran, state=replace(ran.state, graph=evened(ran.state.graph, -exponents), settings=settings))


def _task(model: Model, graph: Graph[Op], data: Data, config: Config, x: Array) -> tuple[Task, Array | None]:
    """What the outputs are, and the training labels as training wants them."""
    shape = graph.shape
    for node in graph:
        shape = node.op.shape(shape)
    outputs = math.prod(shape)
    known = data.y_train if data.y_train is not None else data.y_test
    metric = config.metric or labels.default_metric(known, outputs, data.group is not None)
    if metric in ("auc", "mse", "r2"):
        y = data.y_train
        if y is None and metric != "r2" and x[0].size == outputs:
            y = x.reshape(len(x), -1)  # an autoencoder
        return Task("values"), None if y is None else _values(model, y, outputs)
    end = graph.nodes[-1].op if graph.nodes else None
    logits = not (isinstance(end, Lookup) and end.function == "sigmoid")
    several = outputs > 1 and metric == "binary"
    if outputs == 1 or several:
        known_end = not logits or "Sigmoid" in model.tail_ops
        task = Task("binary", logits) if known_end else Task("values")
        y = labels.prepared("binary", data.y_train, (len(x), outputs), outputs, None)
        return task, None if y is None else y.astype(np.float64).reshape(len(x), -1)
    y = labels.prepared("top1", data.y_train, (len(x), outputs), outputs, None)
    return Task("classes", logits), None if y is None else y.astype(np.int64)


def _values(model: Model, y: Array, outputs: int) -> Array:
    """Labels [n, ...] in the order of the graph's outputs."""
    flat = y.reshape(len(y), -1).astype(np.float64)
    if flat.shape[1] != outputs:
        raise BadInput(f"data: y_train with {outputs} values a sample wanted, {flat.shape[1]} found")
    return model.output_order.inverse().apply(flat)
