# SPDX-License-Identifier: Apache-2.0
"""AdaRound: for every weight the code below or above it, whichever serves the layer's output best, learned on H.

Nagel et al., "Up or Down?", arXiv:2004.10568: W^ = s clip(floor(W / s) + h(V), n, p) with the rectified sigmoid h,
minimise ||W x - W^ x^||^2 + lambda sum (1 - |2 h(V) - 1|^beta) (equations 21 to 25), beta falling.
The output error is a quadratic form in H, so that no step reads data; H of compressed inputs gives the asymmetric form.
"""

import math
from dataclasses import dataclass

import numpy as np

from hwcompress.compress.grids import Fixed, Kind, Kinds, UniformGrid, candidates
from hwcompress.compress.reconstruct import STANDARD, Layer, Mask, Settings, best_rows, by_layer, layerwise
from hwcompress.errors import BadInput
from hwcompress.ir.fixed import Codes, FixedPoint, Reals
from hwcompress.ir.graph import Graph, Op

GAMMA, ZETA = -0.1, 1.1  # ends of the rectified sigmoid
BETAS = (20.0, 2.0)
DECAYS = (0.9, 0.999)  # of Adam


@dataclass(frozen=True, slots=True)
class Schedule:
    """Of the learning."""

    steps: int = 1000
    rate: float = 0.02  # of Adam, on V
    pull: float = 0.1  # lambda, beside an error in codes where the mean of H's diagonal is 1
    free: float = 0.2  # share of the steps before the pull to 0 or 1 begins

    def __post_init__(self) -> None:
        if self.steps < 0 or not self.rate > 0 or self.pull < 0 or not 0 <= self.free <= 1:
            raise BadInput(
                f"AdaRound: steps and pull of 0 or more, a rate above 0 and a free share of 0..1 wanted, got {self}. "
                "Try: Schedule()"
            )


NORMAL = Schedule()


def adaround(
    graph: Graph[Op],
    x: Reals,
    kinds: Kinds,
    *,
    schedule: Schedule = NORMAL,
    finer: int = 0,
    settings: Settings = STANDARD,
) -> Graph[Op]:
    """The weights of every layer onto its fixed-point grid, up or down as serves its output. Zeros stay.

    x: calibration data [samples, *graph.shape]. No row is worse than rounded to nearest, in its own objective. `finer`:
    exponents of a row up to so many bits beside the one of least weight error are tried too.

    Raises:
        BadInput: a kind, schedule or name makes no sense, or x does not fit.
    """
    wanted = {name: _fixed(kind) for name, kind in by_layer(graph, kinds).items()}

    def solve(layer: Layer) -> Reals | None:
        return adaround_layer(layer, wanted[layer.name], schedule, finer) if layer.name in wanted else None

    return layerwise(graph, x, solve, settings)


def _fixed(kind: Kind) -> Fixed:
    if not isinstance(kind, Fixed):
        raise BadInput(f"AdaRound: a fixed-point grid wanted, got {kind}. Try: Fixed(4), or quantize_gptq")
    return kind


def adaround_layer(layer: Layer, kind: Fixed, schedule: Schedule = NORMAL, finer: int = 0) -> Reals:
    """New weights [m, c] of a layer."""
    goal, found = layer.refitted(), list[Reals]()
    for grid in candidates(kind, goal, finer):
        assert isinstance(grid, UniformGrid)
        nearest = np.where(layer.kept, grid.nearest(goal), 0.0)
        learned = np.zeros_like(nearest)
        for rows, h, _ in layer.groups():
            codes = _learn(goal[rows] / grid.steps[rows, None], layer.kept[rows], h, grid.bits, schedule)
            learned[rows] = codes * grid.steps[rows, None]
        found += [nearest, learned]
    return best_rows(layer, found)


def _learn(goal: Reals, kept: Mask, h: Reals, bits: int, schedule: Schedule) -> Codes:
    """Codes [k, c] for goals in codes, all with the same H [c, c]."""
    task = _Task(goal, np.floor(goal), kept, h / np.trace(h) * len(h), FixedPoint(bits, 0, bits > 1))
    share = (goal - task.below).clip(0.01, 0.99)
    v = -np.log((ZETA - GAMMA) / (share - GAMMA) - 1)  # h(v) = share
    first, second = np.zeros_like(v), np.zeros_like(v)
    for step in range(schedule.steps):
        gradient = task.gradient(v, *_pull_at(step, schedule))
        first = DECAYS[0] * first + (1 - DECAYS[0]) * gradient
        second = DECAYS[1] * second + (1 - DECAYS[1]) * gradient**2
        rate = schedule.rate * np.sqrt(1 - DECAYS[1] ** (step + 1)) / (1 - DECAYS[0] ** (step + 1))
        v -= rate * first / (np.sqrt(second) + 1e-8)
    return task.codes(v)


@dataclass(frozen=True, eq=False)
class _Task:
    """Rows with the same H, in codes."""

    goal: Reals  # [k, c]
    below: Reals  # [k, c] floor of the goal
    kept: Mask  # [k, c]
    h: Reals  # [c, c]
    kind: FixedPoint

    def gradient(self, v: Reals, pull: float, beta: float) -> Reals:
        """Of error H error^T / 2 + pull sum (1 - |2 h(V) - 1|^beta) by V [k, c]."""
        up, slope = _rectified(v)
        soft = self.below + up
        inside = self.kept & (soft > self.kind.min_code) & (soft < self.kind.max_code)
        error = np.where(self.kept, soft.clip(self.kind.min_code, self.kind.max_code), 0.0) - self.goal
        by_code = np.where(inside, error @ self.h, 0.0)
        if pull:
            off = 2 * up - 1
            by_code -= 2 * pull * beta * np.sign(off) * np.abs(off) ** (beta - 1)
        return by_code * slope

    def codes(self, v: Reals) -> Codes:
        """What h(V) has decided [k, c]."""
        codes = (self.below + (_rectified(v)[0] >= 0.5)).clip(self.kind.min_code, self.kind.max_code)
        return np.where(self.kept, codes, 0.0).astype(np.int64)


def _rectified(v: Reals) -> tuple[Reals, Reals]:
    """h(V) and its derivative."""
    sigmoid = 0.5 * (1 + np.tanh(0.5 * v))
    stretched = sigmoid * (ZETA - GAMMA) + GAMMA
    inside = (stretched > 0) & (stretched < 1)
    return stretched.clip(0, 1), np.where(inside, sigmoid * (1 - sigmoid) * (ZETA - GAMMA), 0.0)


def _pull_at(step: int, schedule: Schedule) -> tuple[float, float]:
    """lambda and beta of a step: none at first, then beta falls along half a cosine."""
    start = schedule.free * schedule.steps
    if step < start:
        return 0.0, BETAS[0]
    done = (step - start) / max(1.0, schedule.steps - start)
    return schedule.pull, BETAS[1] + 0.5 * (BETAS[0] - BETAS[1]) * (1 + math.cos(math.pi * done))
