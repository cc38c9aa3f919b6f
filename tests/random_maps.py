# SPDX-License-Identifier: Apache-2.0
"""Random integer networks on maps: convolutions, pools and what stands between them, then perhaps dense layers."""

from collections.abc import Sequence

import numpy as np

from hwcompress.engines.base import Product, Store
from hwcompress.engines.flat import flat_size, planned_layers
from hwcompress.engines.pipeline import Interface
from hwcompress.engines.plan import LayerPlan, Plan, layers
from hwcompress.errors import ShapeError
from hwcompress.explore.folding import Sizes
from hwcompress.ir.fixed import FixedPoint, bits_for
from hwcompress.ir.graph import CodeOp, Graph
from hwcompress.ir.types import Range, TensorType
from hwcompress.ops import AffineCodes, ConvCodes, MaxPoolCodes, SumPoolCodes, Window
from tests.random_networks import MAX_ACC, Chain, after, biases, constants, exponents_of, fold, product

FLAT = 20_000  # entries of a matrix of all positions


def random_map_network(seed: int, side: int = 9, channels: int = 6, most: int = 4) -> tuple[Graph[CodeOp], Plan]:
    """1..most layers on a map of up to side x side x channels, in one case of three with dense layers behind."""
    rng = np.random.default_rng(seed)
    kind = FixedPoint(int(rng.integers(1, 11)), int(rng.integers(-2, 9)), bool(rng.random() < 0.5))
    rows = 1 if rng.random() < 0.2 else int(rng.integers(1, side + 1))
    grid, n = (rows, int(rng.integers(1, side + 1))), int(rng.integers(1, channels + 1))
    chain = Chain(rng, TensorType(n, kind, grid=grid))
    for _ in range(chain.int(1, most)):
        spatial(chain, channels)
    if chain.chance(0.33):
        if chain.type.shifts:
            after(chain)
        for _ in range(chain.int(1, 2)):
            product(chain, 12)
            after(chain)
    elif chain.type.shifts:
        after(chain)
    graph: Graph[CodeOp] = Graph(f"maps {seed}", "v0", n, tuple(chain.nodes), chain.types, grid)
    return graph, random_map_plan(graph, rng)


def random_map_plan(graph: Graph[CodeOp], rng: np.random.Generator) -> Plan:
    """Any legal folding and any engine for every layer."""
    plans: dict[str, LayerPlan] = {}
    flat = bool(rng.random() < 0.15) and flat_size(layers(graph)) < FLAT
    for layer in planned_layers(graph, flat):
        sizes = Sizes(layer)
        simd = _size(rng, sizes.simd, sizes.columns)
        plans[layer.name] = LayerPlan(
            _size(rng, sizes.pe(simd), sizes.rows),
            simd,
            Product.DSP if rng.random() < 0.6 else Product.LUT,
            int(rng.integers(1, 17)),
            Store.BLOCK if rng.random() < 0.4 else Store.LOGIC,
            Store.BLOCK if rng.random() < 0.4 else Store.LOGIC,
        )
    return Plan(plans, Interface.AXIS, int(rng.integers(1, 3)), flat)


def _size(rng: np.random.Generator, allowed: Sequence[int], count: int) -> int:
    return int(rng.choice(np.asarray(allowed))) if Sizes.strict(allowed, count) else fold(rng, count)


def spatial(chain: Chain, channels: int) -> None:
    """A convolution, pool, average or affine."""
    style = chain.rng.choice(["conv", "max", "sum", "whole", "affine"], p=(0.5, 0.18, 0.12, 0.1, 0.1))
    if style == "affine":
        return affine(chain)
    window = _window(chain, whole=style == "whole")
    if style == "conv":
        conv(chain, window, channels)
    elif style == "max" or (style == "whole" and chain.chance(0.5)):
        kind = chain.type.element
        fill = kind.min_code if chain.chance(0.7) else chain.int(kind.min_code, kind.max_code)
        chain.add(MaxPoolCodes(window, fill))
        if chain.chance(0.2):
            after(chain)
    else:
        chain.add(SumPoolCodes(window, chain.int(0, 2)))
        if chain.chance(0.4) and not chain.type.shifts:
            affine(chain)
        else:
            after(chain)
    return None


def _window(chain: Chain, *, whole: bool) -> Window:
    """Any that fits the map."""
    rows, columns = chain.type.shape[:2]
    if whole:
        return Window((rows, columns))
    while True:
        kernel = chain.int(1, min(4, rows)), chain.int(1, min(4, columns))
        stride = chain.int(1, 3), chain.int(1, 3)
        dilation = (chain.int(1, 2), chain.int(1, 2)) if chain.chance(0.25) else (1, 1)
        pads = [chain.int(0, 2) for _ in range(4)] if chain.chance(0.5) else [0] * 4
        window = Window(kernel, stride, dilation, (pads[0], pads[1]), (pads[2], pads[3]))
        try:
            window.grid(chain.type.shape)
        except ShapeError:
            continue
        return window


def conv(chain: Chain, window: Window, channels: int) -> None:
    """Dense, or in groups; then a requant."""
    rng, n = chain.rng, chain.type.channels
    width = chain.int(2, 10)
    kind = FixedPoint(width, chain.int(0, 8), signed=chain.chance(0.9))
    divisors = [g for g in range(1, n + 1) if n % g == 0]
    groups = int(rng.choice(divisors)) if chain.chance(0.4) else 1
    m = groups * chain.int(1, max(1, channels // groups)) if chain.chance(0.6) else groups
    if groups == 1:
        m = chain.int(1, channels)
    if chain.type.shifts:
        after(chain)
    shifts = exponents_of(rng, m) if chain.chance(0.4) else ()
    bias, codes = biases(chain, m, kind), constants(rng, (m, window.taps * n // groups), kind)
    while True:
        op = ConvCodes(codes, kind, shifts, bias, window, groups)
        span = op.span(Range.of(chain.type.element, n))
        if bits_for(int(span.lo.min()), int(span.hi.max())) <= MAX_ACC:
            break
        codes, bias = codes >> 1, bias >> 1
    chain.add(op)
    after(chain)


def affine(chain: Chain) -> None:
    """By channel, or by element."""
    if chain.type.shifts:
        after(chain)
    n = chain.type.channels
    shape = chain.type.shape if chain.chance(0.3) else (n,)
    kind = FixedPoint(chain.int(2, 10), chain.int(0, 8))
    shifts = exponents_of(chain.rng, n) if chain.chance(0.3) else ()
    scale, bias = constants(chain.rng, shape, kind), np.resize(biases(chain, n, kind), shape)
    while True:
        op = AffineCodes(scale, kind, shifts, bias)
        span = op.span(Range.of(chain.type.element, n))
        if bits_for(int(span.lo.min()), int(span.hi.max())) <= MAX_ACC:
            break
        scale, bias = scale >> 1, bias >> 1
    chain.add(op)
    after(chain)
