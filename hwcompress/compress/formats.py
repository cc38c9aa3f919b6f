# SPDX-License-Identifier: Apache-2.0
"""Which fixed-point type a set of values should have: min-max, percentile, least squared error."""

from collections.abc import Callable

import numpy as np

from hwcompress.ir.fixed import Codes, FixedPoint, Format, Reals, quantize

FRAC_LIMIT = 40  # bits either way; values beyond are zero or infinite for any hardware
MSE_REACH = 4  # bits finer than min-max that the squared error may choose
MANY = 1 << 18  # values of a site that are looked at
PERCENTILE = 99.9  # of magnitudes, non-zero ones
SPREAD = 7  # bits between the finest and the coarsest row of a layer


def thinned(values: Reals) -> Reals:
    """The values flat; of very many an even choice, their ends among them."""
    flat = values.reshape(-1)
    if flat.size <= MANY:
        return flat
    step = -(-flat.size // MANY) | 1  # odd, so that it does not keep to some of the channels
    return np.concatenate([flat[::step], [flat.min(), flat.max()]])


def fitting_frac(lo: float, hi: float, bits: int, signed: bool) -> int:
    """Most fraction bits with which both ends still round into the type."""
    return int(fitting_fracs(np.array([lo]), np.array([hi]), bits, signed)[0])


def fitting_fracs(lo: Reals, hi: Reals, bits: int, signed: bool) -> Codes:
    """The same for many pairs of ends."""
    top = FixedPoint(bits, 0, signed)
    limit = np.maximum(np.abs(lo), np.abs(hi))
    whole = np.ceil(np.log2(limit, out=np.ones_like(limit), where=limit > 0.0))
    fracs = np.clip(bits - signed - whole + 1, -FRAC_LIMIT, FRAC_LIMIT)
    while True:
        outside = (np.floor(hi * 2.0**fracs + 0.5) > top.max_code) | (np.floor(lo * 2.0**fracs + 0.5) < top.min_code)
        outside &= fracs > -FRAC_LIMIT
        if not outside.any():
            return np.where(limit == 0.0, bits - signed, fracs).astype(np.int64)
        fracs -= outside


def minmax_frac(values: Reals, bits: int, signed: bool) -> int:
    """No value saturates."""
    return fitting_frac(float(values.min(initial=0.0)), float(values.max(initial=0.0)), bits, signed)


def percentile_frac(values: Reals, bits: int, signed: bool) -> int:
    """PERCENTILE of the non-zero magnitudes fit."""
    magnitudes = np.abs(values[values != 0.0])
    if magnitudes.size == 0:
        return minmax_frac(values, bits, signed)
    limit = float(np.percentile(magnitudes, PERCENTILE))
    return fitting_frac(-limit if signed else 0.0, limit, bits, signed)


def mse_frac(values: Reals, bits: int, signed: bool, f: Callable[[Reals], Reals] | None = None) -> int:
    """Least squared error of the values, or of f of them, from min-max up to MSE_REACH bits finer."""
    start = minmax_frac(values, bits, signed)
    target = values if f is None else f(values)

    def error(frac: int) -> float:
        fmt = Format(FixedPoint(bits, frac, signed))
        rounded = quantize(values, fmt).astype(np.float64) * np.float64(fmt.type.step)
        return float(np.mean(((rounded if f is None else f(rounded)) - target) ** 2))

    return min(range(start, start + MSE_REACH + 1), key=error)


def row_fracs(weight: Reals, bits: int, per_channel: bool) -> Codes:
    """Fraction bits of each row [m] by least squared error; at most SPREAD apart, one for all if not per channel."""
    signed = bits > 1
    if not per_channel:
        return np.full(len(weight), mse_frac(thinned(weight), bits, signed), dtype=np.int64)
    coarse = minmax_frac(weight, bits, signed)
    rows = max(1, MANY // weight.shape[1])
    blocks = [weight[at : at + rows] for at in range(0, len(weight), rows)]
    fracs = [_mse_fracs(block if rows > 1 else thinned(block)[None], bits, signed) for block in blocks]
    return np.clip(np.where(weight.any(axis=1), np.concatenate(fracs), coarse), coarse, coarse + SPREAD)


def _mse_fracs(rows: Reals, bits: int, signed: bool) -> Codes:
    """mse_frac of each row."""
    starts = fitting_fracs(rows.min(axis=1, initial=0.0), rows.max(axis=1, initial=0.0), bits, signed)
    fmt = Format(FixedPoint(bits, 0, signed))
    errors: list[Reals] = []
    for fracs in (starts + k for k in range(MSE_REACH + 1)):
        rounded = quantize(rows, fmt, fracs[:, None]) * np.exp2(-fracs.astype(np.float64))[:, None]
        errors.append(((rounded - rows) ** 2).mean(axis=1))
    return starts + np.argmin(errors, axis=0)


def exact_fracs(weight: Reals, bits: int) -> Codes | None:
    """Fraction bits of each row [m] with which the codes of `bits` bits are the weights, the coarsest such.

    One for all rows if that is possible; at most SPREAD apart. None if there are none: weights that no quantizer made.
    """
    signed = bits > 1
    magnitudes, exponents = np.frexp(weight)
    whole = np.ldexp(magnitudes, 53).astype(np.int64)
    zeros = np.frexp((whole & -whole).astype(np.float64))[1] - 1  # trailing ones
    finest = np.where(weight == 0, -FRAC_LIMIT, 53 - exponents - zeros)
    lows = finest.max(axis=1, initial=-FRAC_LIMIT)
    highs = fitting_fracs(weight.min(axis=1, initial=0.0), weight.max(axis=1, initial=0.0), bits, signed)
    some = weight.any(axis=1)
    highs = np.where(some, highs, FRAC_LIMIT)
    if not some.any() or (lows > highs).any():
        return None
    if lows.max() <= highs.min():
        return np.full(len(weight), lows[some].max(), dtype=np.int64)
    fracs = np.where(some, np.maximum(lows, np.minimum(highs, lows.max() - SPREAD)), lows.max())
    return fracs.astype(np.int64) if fracs.max() - fracs.min() <= SPREAD else None
