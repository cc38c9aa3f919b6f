# SPDX-License-Identifier: Apache-2.0
"""The float form as stages: each a pool, a product, a function or a clip, with the clips behind it merged in.

At the end of every stage a type is chosen: that of a requant (product, sum, clip) or of a table (function). A maximum
keeps the type of its input. A sum and the scaling behind it are one stage: an average.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np

from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Op
from hwcompress.ops import Affine, Clip, Conv, Dense, Lookup, MaxPool, SumPool

Product: TypeAlias = Dense | Conv | Affine
KINDS: dict[type[Op], str] = {  # names of layers
    Dense: "dense", Conv: "conv", Affine: "affine", MaxPool: "pool", SumPool: "pool",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Stage:
    """pool, then product or function or neither, then min(max(y, lo), hi)."""

    key: str  # names its type: the layer's name, with the function's position behind a dot
    layer: str  # as engines.plan.layers names it
    node: str  # the model's name: untrusted text
    product: Product | None = None
    function: Lookup | None = None
    pool: MaxPool | SumPool | None = None
    lo: float = -np.inf
    hi: float = np.inf
    positive: bool = False  # a maximum of what is never negative

    @property
    def signed(self) -> bool:
        """Whether a negative value can leave."""
        positive = self.positive and (self.product is None or self.factor is not None)
        never = self.lo >= 0 or positive or (self.function is not None and self.function.function == "sigmoid")
        return not never

    @property
    def typed(self) -> bool:
        """Whether a type is chosen here."""
        return not isinstance(self.pool, MaxPool)

    @cached_property
    def factor(self) -> float | None:
        """Of an average: what multiplies the sum of every window, where it is one number and nothing is added."""
        if not isinstance(self.pool, SumPool):
            return None
        if not isinstance(self.product, Affine):
            return 1.0
        scale = float(self.product.scale.flat[0])
        alike = (self.product.scale == scale).all() and not self.product.bias.any() and scale > 0
        return scale if alike else None

    def run(self, x: Reals) -> Reals:
        """x [batch, *shape] to y [batch, *shape] in float64."""
        return self.finish(self.run_product(x))

    def finish(self, y: Reals) -> Reals:
        """The function and the clip."""
        if self.function:
            y = self.function.run_float(y)
        return y.clip(self.lo, self.hi) if np.isfinite(self.lo) or np.isfinite(self.hi) else y

    def run_product(self, x: Reals) -> Reals:
        """The part before the function and the clip."""
        y = self.pool.run_float(x) if self.pool else x
        return self.product.run_float(y) if self.product else y

    def interval(self, ends: Reals) -> Reals:
        """Ends [2, *shape] of the input to ends [2, *shape] of the output; a function turns at 0 if anywhere."""
        if isinstance(self.product, Dense | Conv):
            up, down = (replace(self.product, weight=f(self.product.weight, 0.0)) for f in (np.maximum, np.minimum))
            bias = np.zeros_like(self.product.bias)
            parts = up.run_float(ends) + replace(down, bias=bias).run_float(ends[::-1])
            return parts.clip(self.lo, self.hi)
        lo, hi = ends
        y = self.run(np.stack([lo, hi, np.zeros_like(lo).clip(lo, hi)]))
        return np.stack([y.min(axis=0), y.max(axis=0)])


def stages(graph: Graph[Op]) -> tuple[Stage, ...]:
    """The chain of the float form, cut into stages."""
    out: list[Stage] = []
    layer, count = "", -1
    for node in graph:
        op, last = node.op, out[-1] if out else None
        if isinstance(op, Clip) and last is not None and last.typed:
            out[-1] = replace(last, lo=max(last.lo, op.lo), hi=min(max(last.hi, op.lo), op.hi))
            continue
        if isinstance(op, Affine) and last is not None and _averages(last):
            out[-1] = replace(last, product=op)
            continue
        if not isinstance(op, Clip | Lookup) or not out:
            count += 1
            layer = f"{KINDS.get(type(op), 'pointwise')}_{count}"
        key = f"{layer}.{len(out)}" if isinstance(op, Lookup) else layer
        if isinstance(op, Clip) and out:  # behind a maximum with another value beside its map
            key = f"{layer}.{len(out)}"
        out.append(_stage(key, layer, node.name, op, last))
    return tuple(out)


def _averages(last: Stage) -> bool:
    """Whether a scaling may still join the stage."""
    return isinstance(last.pool, SumPool) and last.product is None and last.lo == -np.inf and last.hi == np.inf


def products_each(graph: Graph[Op]) -> dict[str, int]:
    """Times that every weight of a layer is used for one sample."""
    out: dict[str, int] = {}
    shape = graph.shape
    for stage in stages(graph):
        for op in (stage.pool, stage.product):
            shape = op.shape(shape) if op else shape
        out.setdefault(stage.layer, math.prod(shape[:-1]))
    return out


def run_stages(parts: Iterable[Stage], x: Reals) -> Reals:
    """The float form's answers: x [batch, *shape] to [batch, *shape]."""
    for stage in parts:
        x = stage.run(x)
    return x


def _stage(key: str, layer: str, name: str, op: Op, before: Stage | None) -> Stage:
    if isinstance(op, Dense | Conv | Affine):
        return Stage(key, layer, name, product=op)
    if isinstance(op, MaxPool):
        positive = before is not None and not before.signed and op.fill <= 0
        return Stage(key, layer, name, pool=op, positive=positive)
    if isinstance(op, SumPool):
        return Stage(key, layer, name, pool=op, positive=before is not None and not before.signed)
    if isinstance(op, Lookup):
        return Stage(key, layer, name, function=op)
    assert isinstance(op, Clip)
    return Stage(key, layer, name, lo=op.lo, hi=op.hi)
