# SPDX-License-Identifier: Apache-2.0
"""Mixed precision: bits of every layer so that the output is as good as with 8 bits everywhere, at less cost.

Cost is EBOPs (Sun et al., arXiv:2405.00645, equation 5): over all products, bits of the weight times bits of the
input. From START bits down, one bit at a time where it saves most for the output error it adds.
"""

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from hwcompress.compress.calibrate import Request, calibrate
from hwcompress.compress.stages import products_each, run_stages, stages
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Op
from hwcompress.ops import Conv, Dense

ANCHOR = 8  # bits everywhere whose output error is the limit
START = 10
LEAST = 2
SAMPLES = 256

Knob = tuple[str, str]  # (weight or activation, layer)


@dataclass(frozen=True)
class Mixed:
    """The request with its widths, and what they cost beside ANCHOR bits everywhere."""

    request: Request
    note: str


def mix(graph: Graph[Op], x: Reals, request: Request, weights: set[str], activations: set[str]) -> Mixed:
    """Choose the bits of the named layers' weights and outputs ("input" is one of those); the others keep theirs."""
    few = x[:: max(1, len(x) // SAMPLES)]
    target = run_stages(stages(graph), few.reshape(len(few), *graph.shape))
    fast = replace(request, method="mse")  # exponents are not refined in between

    def error(bits: Mapping[Knob, int], wish: Request = fast) -> float:
        return calibrate(graph, few, _with(wish, bits)).quantized.error(target)

    def price(bits: Mapping[Knob, int]) -> int:
        return cost(graph, _with(request, bits))

    knobs: list[Knob] = [("weight", layer) for layer in sorted(weights)]
    knobs += [("activation", layer) for layer in sorted(activations)]
    even = dict.fromkeys(knobs, ANCHOR)
    limit = error(even)
    bits = dict.fromkeys(knobs, START)
    least, trail = error(bits), [bits]
    # Lazily: a gain is measured anew only when it comes out on top (Minoux 1978).
    heap = [(-np.inf, k, -1, 0.0) for k in range(len(knobs))]  # less gain, knob, steps when measured, error then
    while heap:
        _, k, measured, found = heapq.heappop(heap)
        lower = bits | {knobs[k]: bits[knobs[k]] - 1}
        if measured == len(trail):
            bits, least = lower, found
            trail.append(bits)
            if bits[knobs[k]] > LEAST:
                heapq.heappush(heap, (-np.inf, k, -1, 0.0))
        elif (found := error(lower)) <= limit:
            gain = (price(bits) - price(lower)) / max(found - least, 1e-300)
            heapq.heappush(heap, (-gain, k, len(trail), found))
    return _best(trail, even, price, lambda b: error(b, request), lambda b: _with(request, b))


def _best(
    trail: list[dict[Knob, int]],
    even: dict[Knob, int],
    price: Callable[[Mapping[Knob, int]], int],
    error: Callable[[Mapping[Knob, int]], float],
    made: Callable[[Mapping[Knob, int]], Request],
) -> Mixed:
    """The last step of the way down whose output is as good as that of even bits, all choices made; else even bits."""
    limit, wide = error(even), price(even)
    lo, hi = 0, len(trail)  # the first is good as far as is known, the last is not
    while lo + 1 < hi:
        middle = (lo + hi) // 2
        lo, hi = (middle, hi) if error(trail[middle]) <= limit else (lo, middle)
    bits = trail[lo]
    least, narrow = error(bits), price(bits)
    if least > limit or narrow >= wide:
        return Mixed(made(even), f"mixed precision: nothing found that beats {ANCHOR} bits everywhere")
    return Mixed(
        made(bits),
        f"mixed precision: {narrow:,} bit products, {wide:,} with {ANCHOR} bits everywhere, "
        f"at output mean squared error {least:.3g}, {limit:.3g} there",
    )


def cost(graph: Graph[Op], request: Request) -> int:
    """EBOPs: non-zero weights of each layer times their bits times those of its input."""
    total, before = 0, request.activation_bits["input"]
    positions = products_each(graph)
    for stage in stages(graph):
        if isinstance(stage.product, Dense | Conv):
            products = int(np.count_nonzero(stage.product.weight)) * positions[stage.layer]
            total += products * request.weight_bits[stage.layer] * before
        before = request.activation_bits[stage.layer]
    return total


def _with(request: Request, bits: Mapping[Knob, int]) -> Request:
    def of(kind: str) -> dict[str, int]:
        return {layer: n for (k, layer), n in bits.items() if k == kind}

    return replace(
        request,
        weight_bits={**request.weight_bits, **of("weight")},
        activation_bits={**request.activation_bits, **of("activation")},
    )
