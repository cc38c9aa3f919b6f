# SPDX-License-Identifier: Apache-2.0
"""What the steps of a recipe work on, and what they may look at. Test data are not among it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hwcompress.compress.stages import stages
from hwcompress.config import names_layer
from hwcompress.config_errors import nearest
from hwcompress.errors import BadInput, quote
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Op
from hwcompress.ir.order import Order
from hwcompress.ops import Conv, Dense
from hwcompress.recipe.exact import answers
from hwcompress.recipe.steps import LayerStep, Step
from hwcompress.sim.metrics import share
from hwcompress.sim.reference import run_float
from hwcompress.storage.hashing import Placement

Kind: TypeAlias = Literal["classes", "binary", "values"]
NO_SETTINGS: Mapping[str, Any] = {}
Say: TypeAlias = Callable[[str, float], None]


@dataclass(frozen=True)
class State:
    """A network between two steps."""

    graph: Graph[Op]
    shared: frozenset[str] = frozenset()  # nodes whose equal weights are one value
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])  # fields of a Config that quantizing fixed
    hashes: Mapping[str, Placement] = field(default_factory=dict[str, Placement])  # of nodes that share by hashes


@dataclass(frozen=True)
class Task:
    """What the graph's outputs are."""

    kind: Kind
    logits: bool = True  # softmax or sigmoid comes after the graph

    def score(self, y: Reals, target: NDArray[Any]) -> float:
        """Share of right decisions of answers y [n, m]; of values minus the mean squared error: more is better."""
        if self.kind == "classes":
            return share(y.argmax(axis=1), target)
        if self.kind == "binary":
            return share(y > (0.0 if self.logits else 0.5), target.reshape(y.shape) > 0.5)
        return -float(np.mean((y - target.reshape(y.shape)) ** 2))


@dataclass(frozen=True, eq=False)
class Context:
    """What a run knows beside the network."""

    original: Graph[Op]  # simplified, before any step: the teacher
    task: Task
    calibration: Reals  # [samples, *graph.shape]
    x_train: NDArray[Any]  # [samples, *sample shape of the model]
    y_train: NDArray[Any] | None  # classes [samples], or values [samples, m]; None: nothing but the teacher
    input_order: Order  # from the flat sample to the graph's
    validation: float  # share of the training samples that choices are made on
    seed: int
    say: Say = field(default=lambda _text, _share: None)
    renewed: Graph[Op] | None = None  # what the last training (or scaling) left, if there was one

    @property
    def reference(self) -> Graph[Op]:
        """The network whose outputs methods without training keep to: what was trained last, or the original."""
        return self.original if self.renewed is None else self.renewed

    @cached_property
    def split(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Indices of the training samples that are learned from, and of those that choices are made on."""
        n = len(self.x_train)
        count = min(n - 1, max(1, round(self.validation * n))) if self.validation > 0 and n > 1 else 0
        order = np.random.default_rng([self.seed, 1]).permutation(n)
        return np.sort(order[count:]), np.sort(order[:count] if count else order)

    def inputs(self, which: NDArray[np.int64]) -> Reals:
        """Training samples as the graph reads them [n, *graph.shape]."""
        x = self.x_train[which]
        flat = self.input_order.apply(x.reshape(len(x), -1)).astype(np.float64)
        return flat.reshape(len(x), *self.original.shape)

    @cached_property
    def validated(self) -> tuple[Reals, NDArray[Any]]:
        """Inputs [n, *graph.shape] and labels that choices are made on; without labels the float network's answers."""
        _, which = self.split
        x = self.inputs(which)
        if self.y_train is not None:
            return x, self.y_train[which]
        y = run_float(self.original, x.reshape(len(x), -1))
        if self.task.kind == "classes":
            return x, y.argmax(axis=1)
        return x, (y > (0.0 if self.task.logits else 0.5)).astype(np.float64) if self.task.kind == "binary" else y

    def points(self, tolerance: float) -> float:
        """Points of score as a difference of scores: percent of the decisions, of values percent of their variance.

        One decision at least, if any: of few samples each is more than a point.
        """
        y = self.validated[1]
        if self.task.kind == "values":
            return tolerance / 100 * float(np.var(y, axis=0).mean())
        return max(tolerance / 100, (1 + 1e-9) / y.size) if tolerance > 0 else 0.0

    def score(self, graph: Graph[Op], settings: Mapping[str, Any] = NO_SETTINGS) -> float:
        """Of a network on the validation samples, under the types that the settings have, if any."""
        x, y = self.validated
        return self.task.score(answers(graph, settings, self.calibration, x.reshape(len(x), -1)), y)


def layer_names(graph: Graph[Op]) -> dict[str, str]:
    """Our name of every layer with weights, by node."""
    return {s.node: s.layer for s in stages(graph) if isinstance(s.product, Dense | Conv)}


def each_layer(step: Step, graph: Graph[Op]) -> dict[str, LayerStep]:
    """What every layer with weights gets, by node; a later pattern wins.

    Raises:
        BadInput: a pattern names no layer.
    """
    names = layer_names(graph)
    for pattern in step.layers:
        if not any(names_layer(pattern, ours, node) for node, ours in names.items()):
            known = [*names.values(), *names]
            close = nearest(pattern, known)
            hint = f"nearest: {quote(close)}" if close else f"layers: {', '.join(list(names.values())[:12])}"
            raise BadInput(f"layers.{quote(pattern)}: the name or pattern of a layer wanted, none matches; {hint}")
    out: dict[str, LayerStep] = {}
    for node, ours in names.items():
        given: dict[str, Any] = {}
        for pattern, layer in step.layers.items():
            if names_layer(pattern, ours, node):
                given |= {key: getattr(layer, key) for key in layer.model_fields_set}
        out[node] = LayerStep.model_construct(**given)
    return out
