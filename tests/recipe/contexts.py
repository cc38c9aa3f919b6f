# SPDX-License-Identifier: Apache-2.0
"""Contexts of small networks for tests of recipe steps."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcompress.ir.graph import Graph, Op
from hwcompress.ir.order import Order
from hwcompress.recipe.state import Context, Task


def context_of(
    graph: Graph[Op], y: NDArray[Any] | None = None, task: Task | None = None, *, samples: int = 40, seed: int = 0
) -> Context:
    """Normal inputs; the network's own answers are not among the labels."""
    x = np.random.default_rng(seed).normal(size=(samples, *graph.shape))
    return Context(graph, task or Task("values"), x[: samples // 2], x, y, Order(), 0.25, seed)


def interrupted(context: Context) -> Context:
    """The context of a run that is killed half way through a training."""

    def stop(_text: str, share: float) -> None:
        if share >= 0.5:
            raise KeyboardInterrupt

    return replace(context, say=stop)
