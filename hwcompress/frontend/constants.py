# SPDX-License-Identifier: Apache-2.0
"""Constants beside a tensor, as the hardware meets them: one value for each channel, or for each element of a map."""

import numpy as np

from hwcompress.frontend.layout import Layout, show
from hwcompress.frontend.places import Atoms, split
from hwcompress.frontend.raw import Array, Refusal
from hwcompress.ir.fixed import Reals


def per_channel(constant: Array, layout: Layout) -> tuple[Reals, Layout]:
    """The constant as broadcasting pairs it with the elements of a sample, and the layout of the result.

    [channels] in the hardware's order if it is the same at every position, else [rows, columns, channels].

    Raises:
        Refusal: the constant makes the tensor larger, or differs from sample to sample.
    """
    wide = layout.widened(constant.ndim).single()
    c = constant.reshape((1,) * (len(wide.dims) - constant.ndim) + constant.shape)
    if wide.batch is not None and c.shape[wide.batch] != 1:
        first = c.take([0], axis=wide.batch)
        if c.shape[wide.batch] != layout.dims[wide.batch - len(wide.dims)] or (c != first).any():
            raise Refusal(f"constant {show(constant.shape)} against {layout} differs from sample to sample")
        c = first
    if any(have not in (1, want) for have, want in zip(c.shape, wide.dims, strict=True)):
        raise Refusal(
            f"constant {show(constant.shape)} does not fit {layout}, one value or one for each channel is wanted"
        )
    return _laid(finite(c.astype(np.float64), "the constant"), wide), layout.widened(constant.ndim)


def _laid(c: Reals, layout: Layout) -> Reals:
    """Values that broadcast to one sample, in the hardware's order."""
    inner = _channel_parts(c, layout)
    if inner is not None:
        return _spread(c, inner)
    values = _spread(c, layout.parts).reshape(layout.shape)
    return values[0, 0].copy() if (values == values[0, 0]).all() else values


def _channel_parts(c: Reals, layout: Layout) -> tuple[Atoms, ...] | None:
    """The places of each dimension among the channels of one position; None where the values differ between these."""
    found: list[Atoms] = []
    for size, atoms in zip(c.shape, layout.parts, strict=True):
        halves = split(atoms, layout.lanes)
        if halves is None or (halves[0] and size > 1):
            return None
        found.append(halves[1])
    return tuple(found)


def _spread(c: Reals, parts: tuple[Atoms, ...]) -> Reals:
    """Values at all places that the dimensions reach, first to last; those of size 1 are repeated."""
    narrow = [size if have > 1 else 1 for have, atoms in zip(c.shape, parts, strict=True) for size, _ in atoms]
    digits = [atom for atoms in parts for atom in atoms]
    full = np.broadcast_to(c.reshape(narrow), [size for size, _ in digits])
    return full.transpose(sorted(range(len(digits)), key=lambda k: -digits[k][1])).reshape(-1)


def finite(values: Reals, what: str) -> Reals:
    """The values, if all are numbers.

    Raises:
        Refusal: NaN or infinity among them.
    """
    bad = np.count_nonzero(~np.isfinite(values))
    if bad:
        raise Refusal(f"{what} holds NaN or infinity ({bad} of {values.size} values)")
    return values


def trained(constant: Array, what: str = "the weight") -> Array:
    """A weight, if it holds real numbers at all.

    Raises:
        Refusal: another type, or no elements.
    """
    if constant.dtype.kind != "f":
        raise Refusal(f"{what} holds {constant.dtype} values; real numbers are wanted")
    if not constant.size:
        raise Refusal(f"{what} {show(constant.shape)} holds nothing; every dimension must be at least 1")
    return constant
