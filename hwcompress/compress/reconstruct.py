# SPDX-License-Identifier: Apache-2.0
"""Layer by layer: new weights from calibration data alone, so that every layer's output stays close to the float one.

The objective is ||W x_float - W^ x||^2 with the inputs x that the compressed network really gives (or the float ones).
Its minimum without constraints is a goal G; what is left is (W^ - G) H (W^ - G)^T / 2 for every row, which the methods
(obs, gptq, adaround, digits) keep small under their constraints.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from hwcompress.compress.grids import Kind, Kinds
from hwcompress.compress.hessian import Hessian, Weighted, advance, checked, layer_hessian
from hwcompress.errors import BadInput, quote
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Node, Op

Mask = NDArray[np.bool_]
Pattern: TypeAlias = tuple[int, int]  # (n, m): of every m weights along a row at most n stay
Shares: TypeAlias = float | Mapping[str, float]  # of all layers, or by node name; a layer not named stays as it is
Patterns: TypeAlias = Pattern | Mapping[str, Pattern]  # likewise
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Settings:
    """Which inputs a layer is fitted to, and how."""

    sequential: bool = True  # inputs from the network compressed up to the layer; otherwise from the float network
    float_target: bool = True  # aim at W x_float; otherwise at W x
    refit_bias: bool = True  # the mean error of each channel into its bias, and H without the means
    damping: float = 0.01  # share of the mean diagonal of H that is added to the diagonal
    reference: Graph[Op] | None = None  # the float network; None: the graph as it is given

    def __post_init__(self) -> None:
        if not 0.0 <= self.damping < np.inf:
            raise BadInput(f"damping: a share of 0 or more wanted, got {self.damping}. Try: 0.01")


STANDARD = Settings()


@dataclass(frozen=True, eq=False)
class Layer:
    """What a method sees of a layer."""

    name: str
    weight: Reals  # [m, c]; its zeros are pruned
    goal: Reals  # [m, c]: best weights without constraints
    h: Reals  # [groups, c, c]: damped
    dead: Mask  # [groups, c]

    @property
    def kept(self) -> Mask:
        """Weights that are not pruned [m, c]."""
        return self.weight != 0

    def groups(self) -> Iterator[tuple[slice, Reals, Mask]]:
        """Rows, H [c, c] and dead inputs [c] of each group."""
        size = len(self.weight) // len(self.h)
        for g, (h, dead) in enumerate(zip(self.h, self.dead, strict=True)):
            yield slice(g * size, (g + 1) * size), h, dead

    def refitted(self) -> Reals:
        """Best weights with zeros where it is pruned [m, c]."""
        return np.concatenate([refit(self.goal[rows], self.kept[rows], h) for rows, h, _ in self.groups()])

    def left(self, weight: Reals) -> "Layer":
        """The layer after pruning: these weights are what is aimed at, their zeros stay."""
        return replace(self, weight=weight, goal=weight)

    def losses(self, weight: Reals) -> Reals:
        """Squared output error of each row [m] per sample, summed over positions."""
        out = np.zeros(len(weight))
        for rows, h, _ in self.groups():
            out[rows] = row_losses(weight[rows] - self.goal[rows], h)
        return out


Solve: TypeAlias = Callable[[Layer], Reals | None]  # new weights [m, c]; None: as it is


def row_losses(change: Reals, h: Reals) -> Reals:
    """change H change^T / 2 of each row: [m, c], [c, c] to [m]."""
    return 0.5 * np.einsum("mc,mc->m", change @ h, change)


def layerwise(graph: Graph[Op], x: Reals, solve: Solve, settings: Settings = STANDARD) -> Graph[Op]:
    """The graph with what `solve` gives for every layer with weights, first to last.

    x: calibration data [samples, *graph.shape].

    Raises:
        BadInput: x does not fit the network, or H of a layer has no inverse.
    """
    reference = alike(graph, settings.reference or graph)
    exact = seen = checked(graph, x)  # what the float network and the compressed one give so far
    nodes: list[Node[Op]] = []
    for node, model in zip(graph, reference, strict=True):
        new = node
        if isinstance(node.op, Weighted) and isinstance(model.op, Weighted):
            task = _Task(node.name, node.op, model.op, seen if settings.sequential else exact, exact)
            new = replace(node, op=task.solved(solve, settings))
        nodes.append(new)
        shared = exact is seen and new.op is model.op
        exact = advance(model.op, exact)
        seen = exact if shared else advance(new.op, seen)
    return replace(graph, nodes=tuple(nodes))


def alike(graph: Graph[Op], reference: Graph[Op]) -> Graph[Op]:
    """The reference, if only its numbers differ.

    Raises:
        BadInput: it has other layers.
    """
    kinds = [
        [(type(n.op), n.op.weight.shape if isinstance(n.op, Weighted) else ()) for n in g] for g in (graph, reference)
    ]
    if kinds[0] != kinds[1] or graph.shape != reference.shape:
        raise BadInput(
            "reference: a network of the same layers wanted, got others. Try: the network before compression"
        )
    return reference


@dataclass(frozen=True, eq=False)
class _Task:
    """One layer of the graph and of the reference, with what both read."""

    name: str
    op: Weighted
    model: Weighted
    x: Reals
    x_float: Reals

    def solved(self, solve: Solve, settings: Settings) -> Weighted:
        """The operator with new weights, and the bias that goes with them."""
        same = self.x is self.x_float
        found = layer_hessian(self.op, self.x, None if same else self.x_float, centred=settings.refit_bias)
        h = found.damped(settings.damping)
        goal = self.model.weight if settings.float_target else self.op.weight
        if settings.float_target and not same:
            goal = _goal(self.name, goal, found, h)
        weight = solve(Layer(self.name, self.op.weight, goal, h, found.dead))
        if weight is None:
            return self.op
        bias = _bias(self.model, weight, found) if settings.refit_bias else self.op.bias
        return replace(self.op, weight=weight, bias=bias)


def _goal(name: str, weight: Reals, found: Hessian, h: Reals) -> Reals:
    """The least squares solution of W x_float = G x, drawn to W by the damping."""
    blocks = np.split(weight, len(h))
    moved = [w + w @ drift @ inverse(name, each) for w, drift, each in zip(blocks, found.drift, h, strict=True)]
    return np.concatenate(moved)


def _bias(model: Weighted, weight: Reals, found: Hessian) -> Reals:
    """With which the mean of the output is that of the model."""
    old, new = (np.split(w, len(found.mean)) for w in (model.weight, weight))
    parts = zip(old, new, found.mean_float, found.mean, strict=True)
    return model.bias + np.concatenate([a @ mean_float - b @ mean for a, b, mean_float, mean in parts])


def best_rows(layer: Layer, found: Sequence[Reals]) -> Reals:
    """Of several weights [m, c] for a layer, every row from the one with its least loss; of equal ones the first."""
    losses = np.stack([layer.losses(weight) for weight in found])
    return np.stack(found)[np.argmin(losses, axis=0), np.arange(losses.shape[1])]


def refit(goal: Reals, kept: Mask, h: Reals) -> Reals:
    """Each row's best weights with zeros outside `kept`: what OBS updates add up to, in closed form. [m, c]."""
    out = np.where(kept, goal, 0.0)
    for row, old, keep in zip(out, goal, kept, strict=True):
        gone = np.flatnonzero(~keep & (old != 0))
        if gone.size and keep.any():
            row[keep] += np.linalg.solve(h[np.ix_(keep, keep)], h[np.ix_(keep, gone)] @ old[gone])
    return out


def refit_weights(graph: Graph[Op], x: Reals, settings: Settings = STANDARD) -> Graph[Op]:
    """The weights that are not pruned by least squares, so that they make up for those that are.

    x: calibration data [samples, *graph.shape]. Give the network before pruning as settings.reference.

    Raises:
        BadInput: x or the reference does not fit.
    """
    return layerwise(graph, x, Layer.refitted, settings)


def factored(name: str, h: Reals) -> Reals:
    """L, lower, of a symmetric positive definite matrix L L^T.

    Raises:
        BadInput: it is singular.
    """
    try:
        return np.linalg.cholesky(h).astype(np.float64, copy=False)
    except np.linalg.LinAlgError:
        raise BadInput(
            f"{quote(name)}: the Hessian of its inputs has no inverse, samples are too few or alike. "
            "Try: damping=0.01, or more samples"
        ) from None


def inverse(name: str, h: Reals) -> Reals:
    """Of a symmetric positive definite matrix.

    Raises:
        BadInput: it is singular.
    """
    root = np.linalg.inv(factored(name, h))
    return root.T @ root


def by_layer(graph: Graph[Op], wanted: T | Mapping[str, T]) -> dict[str, T]:
    """One wish for every layer with weights, or those that are named.

    Raises:
        BadInput: no layer has such a name.
    """
    names = [n.name for n in graph if isinstance(n.op, Weighted)]
    if not isinstance(wanted, Mapping):
        return dict.fromkeys(names, wanted)
    chosen = cast("Mapping[str, T]", wanted)
    for name in chosen:
        if name not in names:
            known = ", ".join(quote(n) for n in names)
            raise BadInput(f"layer {quote(name)}: a layer with weights wanted, got none of this name. Try: {known}")
    return dict(chosen)


def targets(graph: Graph[Op], sparsity: Shares | None, pattern: Patterns | None) -> dict[str, float | Pattern]:
    """Share to prune, or (n, m): n kept of every m along a row, for every layer or those that are named.

    Raises:
        BadInput: not one of both is given, a share is not within 0..1, or n not within 0..m.
    """
    if (sparsity is None) == (pattern is None):
        raise BadInput("pruning: either a sparsity or a pattern wanted, got both or neither. Try: sparsity=0.5")
    found: dict[str, float | Pattern] = {}
    for name, share in by_layer(graph, sparsity).items() if sparsity is not None else ():
        if not 0.0 <= share <= 1.0:
            raise BadInput(f"sparsity of {quote(name)}: 0..1 wanted, got {share}. Try: 0.5")
        found[name] = share
    for name, (n, m) in by_layer(graph, pattern).items() if pattern is not None else ():
        if not 0 <= n <= m or m < 1:
            raise BadInput(f"pattern of {quote(name)}: n of m with 0 <= n <= m wanted, got {n} of {m}. Try: (2, 4)")
        found[name] = (n, m)
    return found


def round_nearest(graph: Graph[Op], kinds: Kinds) -> Graph[Op]:
    """Every weight to the nearest value of its grid, zeros kept: the baseline of all methods that see data."""
    wanted = by_layer(graph, kinds)
    nodes = [_nearest(n, n.op, wanted[n.name]) if isinstance(n.op, Weighted) and n.name in wanted else n for n in graph]
    return replace(graph, nodes=tuple(nodes))


def _nearest(node: Node[Op], op: Weighted, kind: Kind) -> Node[Op]:
    weight = np.where(op.weight != 0, kind.fit(op.weight).nearest(op.weight, slice(None)), 0.0)
    return replace(node, op=replace(op, weight=weight))
