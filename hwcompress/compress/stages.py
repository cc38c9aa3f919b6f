# SPDX-License-Identifier: Apache-2.0
"""The float form as stages: each a product, a function or a clip, with the clips behind it merged in.

At the end of every stage a type is chosen: that of a requant (product, clip) or of a table (function).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Op
from hwcompress.ops import Affine, Clip, Dense, Lookup


@dataclass(frozen=True, eq=False)
class Stage:
    """product or function or neither, then min(max(y, lo), hi)."""

    key: str  # names its type: the layer's name, with the function's position behind a dot
    layer: str  # as engines.plan.layers names it
    node: str  # the model's name: untrusted text
    product: Dense | Affine | None = None
    function: Lookup | None = None
    lo: float = -np.inf
    hi: float = np.inf

    @property
    def signed(self) -> bool:
        """Whether a negative value can leave."""
        never = self.lo >= 0 or (self.function is not None and self.function.function == "sigmoid")
        return not never

    def run(self, x: Reals) -> Reals:
        """x [batch, n] to y [batch, m] in float64."""
        op = self.product or self.function
        y = op.run_float(x) if op else x
        return y.clip(self.lo, self.hi) if np.isfinite(self.lo) or np.isfinite(self.hi) else y

    def interval(self, ends: Reals) -> Reals:
        """Ends [2, n] of the input to ends [2, m] of the output; a function turns at 0 if anywhere."""
        lo, hi = ends
        if isinstance(self.product, Dense):
            w, b = self.product.weight, self.product.bias
            up, down = np.maximum(w, 0), np.minimum(w, 0)
            wide = np.stack([up @ lo + down @ hi + b, up @ hi + down @ lo + b])
            return wide.clip(self.lo, self.hi)
        y = self.run(np.stack([lo, hi, np.zeros_like(lo).clip(lo, hi)]))
        return np.stack([y.min(axis=0), y.max(axis=0)])


def stages(graph: Graph[Op]) -> tuple[Stage, ...]:
    """The chain of the float form, cut into stages."""
    out: list[Stage] = []
    layer, count = "", -1
    for node in graph:
        op = node.op
        if isinstance(op, Clip) and out:
            out[-1] = replace(out[-1], lo=max(out[-1].lo, op.lo), hi=min(max(out[-1].hi, op.lo), op.hi))
            continue
        if isinstance(op, Dense | Affine) or not out:
            count += 1
            kind = "dense" if isinstance(op, Dense) else "affine" if isinstance(op, Affine) else "pointwise"
            layer = f"{kind}_{count}"
        key = layer if isinstance(op, Dense | Affine | Clip) else f"{layer}.{len(out)}"
        out.append(_stage(key, layer, node.name, op))
    return tuple(out)


def run_stages(parts: Iterable[Stage], x: Reals) -> Reals:
    """The float form's answers: x [batch, n] to [batch, m]."""
    for stage in parts:
        x = stage.run(x)
    return x


def _stage(key: str, layer: str, name: str, op: Op) -> Stage:
    if isinstance(op, Dense | Affine):
        return Stage(key, layer, name, product=op)
    if isinstance(op, Lookup):
        return Stage(key, layer, name, function=op)
    assert isinstance(op, Clip)
    return Stage(key, layer, name, lo=op.lo, hi=op.hi)
