# SPDX-License-Identifier: Apache-2.0
"""Rules on neighbours of the float form. Each keeps the meaning: equal in reals, within rounding in float64.

Dense(W, c), Affine(s, b)   ->  Dense(s W, s c + b)           Conv too, if s and b are those of channels
Affine(s, b), Dense(W, c)   ->  Dense(W s, W b + c)           Conv too, and if b is 0 where it pads
Affine(s, b), Affine(t, d)  ->  Affine(s t, t b + d)
Clip(l, h), Clip(m, k)      ->  Clip(l and h clipped to m..k)
Clip(l, h), Affine(s, b)    ->  Affine(s, b), Clip(s l + b, s h + b)   one s and b for all channels;
                                or s > 0 in each channel, b = 0, and bounds that are 0 or infinite
MaxPool, Clip               ->  Clip, MaxPool
MaxPool, Affine(s, b)       ->  Affine(s, b), MaxPool         s > 0 for each channel, nothing but -inf beside the map
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Op
from hwcompress.ops import Affine, Clip, Conv, Dense, Lookup, MaxPool
from hwcompress.ops.conv import columns

Ops: TypeAlias = tuple[Op, ...]


def _sound(*values: Reals) -> bool:
    """No overflow happened on the way."""
    return all(bool(np.isfinite(v).all()) for v in values)


def dense_affine(dense: Op, affine: Op) -> Ops | None:
    """Scale and bias after a product."""
    if not (isinstance(dense, Dense | Conv) and isinstance(affine, Affine)) or affine.scale.ndim > 1:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        weight, bias = affine.scale[:, None] * dense.weight, affine.scale * dense.bias + affine.bias
    return (replace(dense, weight=weight, bias=bias),) if _sound(weight, bias) else None


def affine_dense(affine: Op, dense: Op) -> Ops | None:
    """Scale and bias before a product."""
    if not (isinstance(affine, Affine) and isinstance(dense, Dense | Conv)):
        return None
    if isinstance(dense, Conv):
        if affine.scale.ndim > 1 or (dense.window.padded and affine.bias.any()):
            return None
        scale, shift = (
            columns(v, len(dense.weight), dense.groups, dense.window.taps) for v in (affine.scale, affine.bias)
        )
    else:
        scale, shift = (np.resize(v.reshape(-1), dense.weight.shape[1])[None] for v in (affine.scale, affine.bias))
    with np.errstate(over="ignore", invalid="ignore"):
        weight, bias = dense.weight * scale, (dense.weight * shift).sum(axis=1) + dense.bias
    return (replace(dense, weight=weight, bias=bias),) if _sound(weight, bias) else None


def affine_affine(first: Op, second: Op) -> Ops | None:
    """Two in a row."""
    if not (isinstance(first, Affine) and isinstance(second, Affine)):
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        scale, bias = first.scale * second.scale, first.bias * second.scale + second.bias
    return (Affine(scale, bias),) if _sound(scale, bias) else None


def clip_clip(first: Op, second: Op) -> Ops | None:
    """Two in a row, exact."""
    if not (isinstance(first, Clip) and isinstance(second, Clip)):
        return None
    lo, hi = (min(max(bound, second.lo), second.hi) for bound in (first.lo, first.hi))
    return (Clip(lo, hi),)


_RANGES = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}


def lookup_clip(lookup: Op, clip: Op) -> Ops | None:
    """A Clip that contains every value of the function does nothing."""
    if not (isinstance(lookup, Lookup) and isinstance(clip, Clip)) or lookup.function not in _RANGES:
        return None
    lo, hi = _RANGES[lookup.function]
    return (lookup,) if clip.lo <= lo and hi <= clip.hi else None


def clip_affine(clip: Op, affine: Op) -> Ops | None:
    """The scale first, the bounds scaled with it."""
    if not (isinstance(clip, Clip) and isinstance(affine, Affine)):
        return None
    if clip.lo in (0.0, -math.inf) and clip.hi in (0.0, math.inf) and _keeps_sign(affine):
        return (affine, clip)
    s, b = float(affine.scale.flat[0]), float(affine.bias.flat[0])
    if s == 0.0 or (affine.scale != s).any() or (affine.bias != b).any():
        return None
    lo, hi = sorted((s * clip.lo + b, s * clip.hi + b))
    finite = [math.isfinite(v) for v in (clip.lo, clip.hi)]
    if sum(finite) != sum(math.isfinite(v) for v in (lo, hi)):
        return None
    return (affine, Clip(lo, hi))


def pool_clip(pool: Op, clip: Op) -> Ops | None:
    """A maximum does not care whether its inputs or its output are clipped."""
    if not (isinstance(pool, MaxPool) and isinstance(clip, Clip)):
        return None
    fill = pool.fill if math.isinf(pool.fill) else min(max(pool.fill, clip.lo), clip.hi)
    return (clip, replace(pool, fill=fill))


def pool_affine(pool: Op, affine: Op) -> Ops | None:
    """Nor about rising scalings of its channels."""
    if not (isinstance(pool, MaxPool) and isinstance(affine, Affine)) or affine.scale.ndim > 1:
        return None
    return (affine, pool) if math.isinf(pool.fill) and (affine.scale > 0).all() else None


def _keeps_sign(affine: Affine) -> bool:
    return bool((affine.scale > 0).all() and (affine.bias == 0).all())


def nothing(op: Op) -> Ops | None:
    """Operators that do nothing."""
    if isinstance(op, Affine) and (op.scale == 1).all() and (op.bias == 0).all():
        return ()
    return () if op == Clip(-math.inf, math.inf) else None


Pair: TypeAlias = Callable[[Op, Op], Ops | None]

PAIRS: Sequence[tuple[Pair, str]] = (
    (affine_affine, "two scalings merged"),
    (dense_affine, "scaling folded into the product before it"),
    (affine_dense, "scaling folded into the product after it"),
    (clip_clip, "two clips merged"),
    (lookup_clip, "a clip that never acts removed"),
)
