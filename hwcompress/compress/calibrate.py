# SPDX-License-Identifier: Apache-2.0
"""Choice of the types: from data by measured output error, or by interval arithmetic without data."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from hwcompress.compress.formats import FRAC_LIMIT, minmax_frac, mse_frac, percentile_frac, thinned
from hwcompress.compress.quantize import Quantized, Quantizer, Types
from hwcompress.compress.stages import Stage
from hwcompress.errors import BadInput
from hwcompress.ir.fixed import FixedPoint, Format, Reals
from hwcompress.ir.graph import Graph, Op
from hwcompress.ops.lookup import MAX_TABLE_BITS, Lookup

METHODS = ("minmax", "percentile", "mse")
OUTPUT_BITS = 16
BLIND_BITS = 4  # before the point, of an input without data and without a type: -8 .. 8
BEYOND = 2.0 ** (FRAC_LIMIT + 32)  # where intervals end: what follows reads a type, and none reaches so far
FEW = 256  # calibration samples below which their extremes say too little
MARGIN = 4 / 3  # by which ranges are then widened; the input's own are the sensor's
WIDE = 12  # bits from which that costs nothing that matters


@dataclass(frozen=True)
class Request:
    """What the user asked for, resolved to layers."""

    weight_bits: Mapping[str, int]  # by layer
    activation_bits: Mapping[str, int]  # by layer; "input" too
    weight_formats: Mapping[str, Format] = field(default_factory=dict[str, Format])
    value_formats: Mapping[str, Format] = field(default_factory=dict[str, Format])  # by Stage.key; "input" too
    method: str = "auto"
    bias_correction: bool = True
    per_channel: bool = True


@dataclass(frozen=True)
class Choice:
    """The result, and how it came about."""

    quantized: Quantized
    types: Types
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Site:
    """A value that needs a type: the numbers seen there and what reads it."""

    key: str
    bits: int
    signed: bool
    values: Reals  # flat; or the ends of intervals
    feeds: Lookup | None
    fixed: Format | None
    roomy: bool = False

    @cached_property
    def finest(self) -> int:
        """Most fraction bits that may be chosen."""
        return minmax_frac(self.values * MARGIN, self.bits, self.signed) if self.roomy else FRAC_LIMIT


def calibrate(graph: Graph[Op], x: Reals | None, request: Request) -> Choice:
    """Types for every value. x: calibration data [samples, n], or None.

    Raises:
        BadInput: the types asked for do not fit the network.
    """
    quantizer = Quantizer(graph, x)
    sites = survey(quantizer, request)
    weights = {k: request.weight_formats.get(k, bits) for k, bits in request.weight_bits.items()}

    def types(values: Mapping[str, Format]) -> Types:
        return Types(values, weights, request.per_channel, request.bias_correction)

    if x is None:
        values = {s.key: initial(s, "minmax") for s in sites}
        return Choice(quantizer.run(types(values)), types(values), ("ranges by interval arithmetic: no data",))

    def error(values: Mapping[str, Format]) -> float:
        return quantizer.run(types(values)).error(quantizer.target)

    methods = METHODS if request.method == "auto" else (request.method,)
    starts = {m: {s.key: initial(s, m) for s in sites} for m in methods}
    errors = {m: error(v) for m, v in starts.items()}
    best = min(methods, key=lambda m: errors[m])
    values, notes = starts[best], [f"formats: {best} (output mean squared error {errors[best]:.3g})"]
    if request.method == "auto":
        values, final = descend(sites, values, errors[best], error)
        notes.append(f"formats refined by measured output error to {final:.3g}")
    if len(x) < FEW:
        notes.append(f"ranges widened by {MARGIN - 1:.0%}: only {len(x)} calibration samples, {FEW} wanted")
    return Choice(quantizer.run(types(values)), types(values), tuple(notes))


def survey(quantizer: Quantizer, request: Request) -> list[Site]:
    """The sites in order, the input first."""
    graph, parts, x = quantizer.graph, quantizer.stages, quantizer.x
    entry = request.value_formats.get("input")
    first = _reader(parts)
    bits = _table_bits(request.activation_bits["input"], first)
    value: Reals = np.zeros(0)
    if x is None:
        kind = entry.type if entry is not None else FixedPoint(bits, bits - BLIND_BITS)
        ends = np.array([kind.min_code, kind.max_code]) * kind.step
        value = np.broadcast_to(ends.reshape(2, *(1,) * len(graph.shape)), (2, *graph.shape))
    values = thinned(value if x is None else x)
    sites = [Site("input", bits, bool((values < 0).any()), values, first, entry)]
    for k, stage in enumerate(parts):
        if x is None:
            value = stage.interval(value).clip(-BEYOND, BEYOND)
        if not stage.typed:
            continue
        site = _site(stage, parts[k + 1 :], thinned(value) if x is None else quantizer.seen[k], request)
        roomy = x is not None and site.feeds is None and (len(x) < FEW or site.bits >= WIDE)
        sites.append(replace(site, roomy=roomy))
    for site in sites if x is not None else ():
        _check_reach(site)
    return sites


def _check_reach(site: Site) -> None:
    """Nothing, if a type can hold the values that were seen.

    Raises:
        BadInput: they are so large that all would saturate.
    """
    top = float(np.abs(site.values).max(initial=0.0))
    if site.fixed is None and top >= 2.0 ** (site.bits + FRAC_LIMIT):
        raise BadInput(f"{site.key}: its values over the data reach {top:.3g}; no type of {site.bits} bits holds them")


def _reader(after: Sequence[Stage]) -> Lookup | None:
    """The function that reads a value, maxima in between left out."""
    return next((s.function for s in after if s.typed), None)


def _site(stage: Stage, after: Sequence[Stage], value: Reals, request: Request) -> Site:
    bits = request.activation_bits[stage.layer]
    feeds = _reader(after)
    if not any(s.typed for s in after):
        bits = min(OUTPUT_BITS, 2 * bits)
    fixed = request.value_formats.get(stage.key)
    return Site(stage.key, _table_bits(bits, feeds), stage.signed, value, feeds, fixed)


def _table_bits(bits: int, feeds: Lookup | None) -> int:
    return min(bits, MAX_TABLE_BITS) if feeds else bits


def initial(site: Site, method: str) -> Format:
    """The type that one method gives a site."""
    if site.fixed is not None:
        return site.fixed
    if method == "minmax" and site.feeds is None:
        frac = minmax_frac(site.values, site.bits, site.signed)
    elif method == "percentile":
        frac = percentile_frac(site.values, site.bits, site.signed)
    else:
        f = site.feeds.run_float if site.feeds else None
        frac = mse_frac(site.values, site.bits, site.signed, f)
    if site.key == "input" and _integers(site):
        frac = 0
    return Format(FixedPoint(site.bits, min(frac, site.finest), site.signed))


def _integers(site: Site) -> bool:
    """Whether the input is whole numbers that its type holds as they are."""
    kind = FixedPoint(site.bits, 0, site.signed)
    whole = bool((site.values == np.floor(site.values)).all())
    return whole and kind.min_code <= site.values.min() and site.values.max() <= kind.max_code


def descend(
    sites: list[Site],
    values: Mapping[str, Format],
    start: float,
    error: Callable[[Mapping[str, Format]], float],
) -> tuple[dict[str, Format], float]:
    """Move one site's exponent by one bit while that lowers the output error, site after site."""
    best, least = dict(values), start
    for site in sites:
        if site.fixed is not None or (site.key == "input" and _integers(site)):
            continue
        for step in (1, -1):
            moved, err = _moved(site, step, best, least, error)
            if err < least:
                best, least = moved, err
                break
    return best, least


def _moved(
    site: Site,
    step: int,
    values: dict[str, Format],
    least: float,
    error: Callable[[Mapping[str, Format]], float],
) -> tuple[dict[str, Format], float]:
    """As far as one direction helps."""
    best = values
    while True:
        fmt = best[site.key]
        frac = fmt.type.frac + step
        if frac > site.finest:
            return best, least
        trial = {**best, site.key: replace(fmt, type=replace(fmt.type, frac=frac))}
        err = error(trial)
        if err >= least:
            return best, least
        best, least = trial, err
