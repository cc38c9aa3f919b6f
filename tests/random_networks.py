# SPDX-License-Identifier: Apache-2.0
"""Random integer networks with plans: any legal shape, type, folding and extreme, from one seed.

`random_network(seed)` gives the graph and the plan, `random_frames` its stimulus, `reference` the codes that every
back end must give.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from hwcompress.engines.base import Product, Store
from hwcompress.engines.pipeline import Interface
from hwcompress.engines.plan import LayerPlan, Plan, layers
from hwcompress.ir.fixed import MAX_WIDTH, Codes, FixedPoint, Format, Overflow, Rounding, bits_for
from hwcompress.ir.graph import CodeOp, Graph, Node
from hwcompress.ir.types import Range, TensorType
from hwcompress.ops import AffineCodes, DenseCodes, Requant, Table

MAX_ACC = min(44, MAX_WIDTH)  # bits; with a rounding constant of up to 2**44 an accumulator stays within 48
MAX_SHIFT = 45  # of a requant
MAX_TABLE = 8  # bits of a table's input


@dataclass
class Chain:
    """The network so far, while it grows."""

    rng: np.random.Generator
    type: TensorType
    nodes: list[Node[CodeOp]] = field(default_factory=list)
    types: dict[str, TensorType] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.types["v0"] = self.type

    def add(self, op: CodeOp) -> None:
        """Append an operator; its type follows."""
        k = len(self.nodes)
        self.nodes.append(Node(f"node '{k}'", op, f"v{k}", f"v{k + 1}"))
        self.type = op.infer(self.type)
        self.types[f"v{k + 1}"] = self.type

    def chance(self, probability: float) -> bool:
        """True that often."""
        return bool(self.rng.random() < probability)

    def int(self, low: int, high: int) -> int:
        """From low to high, both included."""
        return int(self.rng.integers(low, high, endpoint=True))


def random_network(seed: int, max_channels: int = 40, max_layers: int = 5) -> tuple[Graph[CodeOp], Plan]:
    """A chain of 1..max_layers layers with 1..max_channels channels, and how to build it."""
    rng = np.random.default_rng(seed)
    kind = FixedPoint(int(rng.integers(1, 17)), int(rng.integers(-2, 9)), bool(rng.random() < 0.5))
    channels = int(rng.integers(1, max_channels + 1))
    pointwise = bool(rng.random() < 0.15)
    exponents = exponents_of(rng, channels) if pointwise and rng.random() < 0.3 else ()
    chain = Chain(rng, TensorType(channels, kind, exponents))
    if pointwise:
        after(chain)
    for _ in range(chain.int(0 if pointwise else 1, max_layers)):
        product(chain, max_channels)
        after(chain)
    graph = Graph(f"random {seed}", "v0", channels, tuple(chain.nodes), chain.types)
    return graph, random_plan(graph, rng)


def random_plan(graph: Graph[CodeOp], rng: np.random.Generator) -> Plan:
    """Any folding and any engine for every layer; one network in six at reuse 1 throughout."""
    plans: dict[str, LayerPlan] = {}
    parallel = bool(rng.random() < 0.17)
    for layer in layers(graph):
        dense = isinstance(layer.product, DenseCodes)
        plans[layer.name] = LayerPlan(
            layer.outputs if parallel else fold(rng, layer.outputs),
            (layer.inputs if parallel else fold(rng, layer.inputs)) if dense else 1,
            Product.DSP if rng.random() < 0.6 else Product.LUT,
            int(rng.integers(1, 17)),
            Store.BLOCK if rng.random() < 0.4 else Store.LOGIC,
            Store.BLOCK if rng.random() < 0.4 else Store.LOGIC,
        )
    return Plan(plans, Interface.AXIS, int(rng.integers(1, 3)))


def random_frames(graph: Graph[CodeOp], frames: int, seed: int) -> Codes:
    """Input codes [frames, channels]: anywhere in range, or at its two ends, where sums overflow."""
    rng = np.random.default_rng(seed)
    kind = graph.types[graph.input].element
    x = rng.integers(kind.min_code, kind.max_code, (frames, graph.elements), endpoint=True)
    ends = rng.choice([kind.min_code, kind.max_code], (frames, graph.elements))
    return np.where(rng.random((frames, 1)) < 0.4, ends, x).astype(np.int64)


def reference(graph: Graph[CodeOp], x: Codes) -> Codes:
    """The codes of the output [frames, channels]: operator by operator."""
    x = x.reshape(len(x), *graph.shape)
    for node in graph:
        x = node.op.run_codes(x)
    return x.reshape(len(x), -1)


def fold(rng: np.random.Generator, size: int) -> int:
    """1, all, a divisor or anything between."""
    divisors = [d for d in range(1, size + 1) if size % d == 0]
    picks: Sequence[int] = (1, size, int(rng.choice(divisors)), int(rng.integers(1, size + 1)))
    return int(rng.choice(picks, p=(0.15, 0.25, 0.3, 0.3)))


def exponents_of(rng: np.random.Generator, channels: int) -> tuple[int, ...]:
    return tuple(int(s) for s in rng.integers(-2, 5, channels))


def constants(rng: np.random.Generator, shape: tuple[int, ...], kind: FixedPoint) -> Codes:
    """Codes anywhere, at both ends, small, or with many zeros."""
    lo, hi = kind.min_code, kind.max_code
    style = rng.choice(["any", "ends", "small", "sparse", "zero"], p=(0.4, 0.15, 0.2, 0.2, 0.05))
    x = rng.integers(lo, hi, shape, endpoint=True)
    if style == "ends":
        x = rng.choice([lo, hi], shape)
    elif style == "small":
        x = rng.integers(max(lo, -2), min(hi, 2), shape, endpoint=True)
    elif style == "sparse":
        x = np.where(rng.random(shape) < 0.75, 0, x)
    elif style == "zero":
        x = np.zeros(shape, dtype=np.int64)
    return x.astype(np.int64)


def product(chain: Chain, max_channels: int) -> None:
    """A Dense or an Affine on the present value."""
    rng, n = chain.rng, chain.type.channels
    width, frac = chain.int(2, 16), chain.int(0, 10)
    kind = FixedPoint(width, frac, signed=frac != 10)  # one in eleven has unsigned weights
    dense = bool(chain.type.grid) or chain.chance(0.75)
    m = chain.int(1, max_channels) if dense else n
    shifts = exponents_of(rng, m) if chain.chance(0.5) else ()
    bias = biases(chain, m, kind)
    codes = constants(rng, (m, chain.type.elements) if dense else (n,), kind)
    while True:
        op = DenseCodes(codes, kind, shifts, bias) if dense else AffineCodes(codes, kind, shifts, bias)
        span = op.span(Range.of(chain.type.element, n))
        if bits_for(int(span.lo.min()), int(span.hi.max())) <= MAX_ACC:
            return chain.add(op)
        codes, bias = codes >> 1, bias >> 1


def biases(chain: Chain, m: int, kind: FixedPoint) -> Codes:
    """Small, larger than the products, at both ends, or zero [m]."""
    rng, bits = chain.rng, chain.type.element.width + kind.width
    top = 1 << chain.int(0, min(MAX_ACC - 3, bits + 6))
    bias = rng.integers(-top, top, m, endpoint=True)
    if chain.chance(0.2):
        bias = rng.choice([-top, top], m)
    if chain.chance(0.15):
        bias = np.zeros(m, dtype=np.int64)
    return bias.astype(np.int64)


def after(chain: Chain) -> None:
    """A Requant, then perhaps a Table and one more Requant. Before any product: a Table alone too."""
    alone = not chain.nodes and not chain.type.shifts and chain.type.element.width <= MAX_TABLE
    if not (alone and chain.chance(0.5)):
        requant(chain)
        if chain.type.element.width > MAX_TABLE or not chain.chance(0.25):
            return
    table(chain)
    if chain.chance(0.3):
        requant(chain)


def requant(chain: Chain) -> None:
    source = chain.type
    wide = source.element.width
    width = chain.int(1, 16)
    kind = FixedPoint(width, 0, chain.chance(0.5))
    shift = chain.int(wide - width - 3, wide - width + 3)
    if chain.chance(0.2):
        shift = chain.int(-4, wide + 2)
    exponents = np.asarray(source.shifts or (0,), dtype=np.int64)
    shift = max(-8 - int(exponents.min()), min(MAX_SHIFT - int(exponents.max()), shift))
    kind = FixedPoint(width, source.element.frac - shift, kind.signed)
    overflow = Overflow.WRAP if chain.chance(0.2) else Overflow.SATURATE
    rounding = list(Rounding)[chain.int(0, 2)]
    lo, hi = bounds(chain, kind)
    chain.add(Requant(Format(kind, rounding, overflow), source.fracs() - kind.frac, lo, hi))


def bounds(chain: Chain, kind: FixedPoint) -> tuple[int, int]:
    """None, those of a Relu, or those of any Clip."""
    style = chain.int(0, 3)
    if style == 0:
        return max(0, kind.min_code), kind.max_code
    if style == 1:
        a, b = sorted(chain.int(kind.min_code, kind.max_code) for _ in range(2))
        return a, b
    return kind.min_code, kind.max_code


def table(chain: Chain) -> None:
    x_type = chain.type.element
    y_type = FixedPoint(chain.int(1, 12), chain.int(0, 8), chain.chance(0.5))
    entries = chain.rng.integers(y_type.min_code, y_type.max_code, 1 << x_type.width, endpoint=True)
    chain.add(Table(x_type, y_type, entries.astype(np.int64)))
