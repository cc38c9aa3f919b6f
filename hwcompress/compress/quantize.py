# SPDX-License-Identifier: Apache-2.0
"""Float form to integer form under given types: weights, biases, requants and tables in codes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from hwcompress.compress.average import reciprocal
from hwcompress.compress.formats import exact_fracs, row_fracs, thinned
from hwcompress.compress.stages import Stage, stages
from hwcompress.errors import BadInput, ShapeError
from hwcompress.ir.fixed import MAX_WIDTH, Codes, FixedPoint, Format, Reals, quantize
from hwcompress.ir.graph import CodeOp, Graph, Node, Op
from hwcompress.ir.types import Range, TensorType
from hwcompress.ops import Affine, AffineCodes, Conv, ConvCodes, Dense, DenseCodes, MaxPool, Requant, SumPool, Table
from hwcompress.ops.pool import MaxPoolCodes, SumPoolCodes
from hwcompress.sim.integer import Floats, floats_for, step_of

Product: TypeAlias = DenseCodes | ConvCodes | AffineCodes


@dataclass(frozen=True)
class Types:
    """Everything that the quantizer does not decide by itself."""

    values: Mapping[str, Format]  # by Stage.key, and "input"
    weights: Mapping[str, Format | int]  # by layer: a fixed format, or bits with the best exponents
    per_channel: bool = True
    bias_correction: bool = True


@dataclass
class Quantized:
    """The integer form, and what it makes of the calibration inputs."""

    graph: Graph[CodeOp]
    output: Reals  # [samples, m] real values; empty without calibration data

    def error(self, target: Reals) -> float:
        """Mean squared error of the output."""
        return float(np.mean((self.output - target) ** 2))


class Quantizer:
    """Repeats the conversion under changing types; weight exponents are found once a layer."""

    def __init__(self, graph: Graph[Op], x: Reals | None) -> None:
        """x: calibration data [samples, n]."""
        self.graph = graph
        self.stages = stages(graph)
        self.x = None if x is None else x.reshape(len(x), *graph.shape)
        self.means: list[Reals] = []  # of every channel behind each product, before its function and clip
        self.seen: list[Reals] = []  # values behind each stage, some of them
        self.target = np.zeros(0)  # the float network's answers [samples, *shape]
        if self.x is not None:
            self._measure(self.x)
        self._fracs: dict[tuple[str, int, bool], tuple[Codes, bool]] = {}
        self._walks: dict[object, _Walk] = {}

    def _measure(self, x: Reals) -> None:
        """Run the float network once over the calibration data."""
        for stage in self.stages:
            with np.errstate(over="ignore", invalid="ignore"):
                y = stage.run_product(x)
            if not np.isfinite(y).all():
                raise BadInput(f"{stage.layer}: its values over the data are beyond any number; use other data")
            self.means.append(y.reshape(-1, y.shape[-1]).mean(axis=0))
            x = stage.finish(y)
            self.seen.append(thinned(x))
        self.target = x

    def run(self, types: Types) -> Quantized:
        """Convert under `types`; what has the same types as before, from the input on, is not done again.

        Raises:
            BadInput: a layer's numbers do not fit any type of 32 bits.
        """
        key: tuple[object, ...] = (types.values["input"], types.per_channel, types.bias_correction)
        walk = self._walks.get(key)
        kept: dict[object, _Walk] = {}
        if walk is None:
            walk = _Walk.begin(self, types)
        kept[key] = walk
        for k, stage in enumerate(self.stages):
            key = (*key, types.values.get(stage.key), types.weights.get(stage.layer))
            walk = self._walks.get(key) or walk.then(types, k, stage)
            kept[key] = walk
        self._walks = kept
        return walk.done()

    def fracs(self, stage: Stage, weight: Reals, bits: int, per_channel: bool) -> tuple[Codes, bool]:
        """Fraction bits of each row, and whether all weights lie on that grid; cached."""
        key = (stage.layer, bits, per_channel)
        if key not in self._fracs:
            found = exact_fracs(weight, bits) if isinstance(stage.product, Dense | Conv) else None
            exact = found is not None and (per_channel or len(set(found.tolist())) == 1)
            self._fracs[key] = (
                (found, True) if found is not None and exact else (row_fracs(weight, bits, per_channel), False)
            )
        return self._fracs[key]


@dataclass(frozen=True)
class _Walk:
    """A conversion up to some stage."""

    q: Quantizer
    kind: TensorType  # of the last value
    value: str  # its name
    codes: Floats | None  # it, over the calibration data
    span: Range
    nodes: tuple[Node[CodeOp], ...]
    kinds: Mapping[str, TensorType]

    @staticmethod
    def begin(q: Quantizer, types: Types) -> "_Walk":
        """Nothing but the input."""
        graph, entry = q.graph, types.values["input"]
        kind = TensorType(graph.channels, entry.type, grid=graph.grid)
        codes = quantize(q.x, Format(entry.type)).astype(floats_for(1 << entry.type.width)) if q.x is not None else None
        return _Walk(q, kind, graph.input, codes, Range.of(entry.type, graph.channels), (), {graph.input: kind})

    def then(self, types: Types, index: int, stage: Stage) -> "_Walk":
        """With the operators of one more stage."""
        if isinstance(stage.pool, MaxPool):
            kind, fill = self.kind.element, stage.pool.fill
            code = kind.min_code if np.isinf(fill) else int(quantize(np.array(fill), Format(kind)))
            return self._with(stage, "max", MaxPoolCodes(stage.pool.window, code))
        fmt = types.values[stage.key]
        if stage.function is not None:
            table = stage.function.table(self.kind.element, fmt)
            lo, hi = bounds(stage, fmt)
            return self._with(stage, "out", Table(table.x_type, table.y_type, table.entries.clip(lo, hi)))
        walk = self
        if isinstance(stage.pool, SumPool):
            walk = walk._summed(types, index, stage, fmt)
        elif stage.product is not None:
            walk = walk._multiplied(types, index, stage)
        return walk._with(stage, "out", Requant(fmt, walk.kind.fracs() - fmt.type.frac, *bounds(stage, fmt)))

    def _with(self, stage: Stage, part: str, op: CodeOp) -> "_Walk":
        codes = self.codes
        try:
            kind = op.infer(self.kind)
        except (ShapeError, BadInput) as error:
            raise _refused(stage, error) from None
        if codes is not None:
            codes = step_of(op, self.span)(codes)
        return self._on(stage, part, op, kind, codes)

    def _on(self, stage: Stage, part: str, op: CodeOp, kind: TensorType, codes: Floats | None) -> "_Walk":
        name = f"{stage.key}.{part}"
        nodes = (*self.nodes, Node(stage.node, op, self.value, name))
        return _Walk(self.q, kind, name, codes, op.span(self.span), nodes, {**self.kinds, name: kind})

    def _summed(self, types: Types, index: int, stage: Stage, fmt: Format) -> "_Walk":
        """Sum and scaling of an average: exact where the scaling is one number."""
        assert isinstance(stage.pool, SumPool)
        factor = stage.factor
        if factor is None:
            return self._with(stage, "sum", SumPoolCodes(stage.pool.window))._multiplied(types, index, stage)
        exponent = -np.frexp(factor)[1] + 1
        walk = self._with(stage, "sum", SumPoolCodes(stage.pool.window, int(exponent)))
        rest = float(factor * 2.0**exponent)  # 1 .. 2
        if rest == 1.0:
            return walk
        scale, kind = reciprocal(rest, walk.span, walk.kind.element.frac - fmt.type.frac, fmt)
        n = walk.kind.channels
        zeros = np.zeros(n, dtype=np.int64)
        return walk._with(stage, "acc", AffineCodes(np.full(n, scale, dtype=np.int64), kind, (), zeros))

    def _multiplied(self, types: Types, index: int, stage: Stage) -> "_Walk":
        """The product of a stage."""
        product = stage.product
        assert product is not None
        weight = product.scale.reshape(-1, product.scale.shape[-1]).T if isinstance(product, Affine) else product.weight
        wanted = types.weights[stage.layer]
        if isinstance(wanted, Format):
            fracs, kind = np.full(len(weight), wanted.type.frac), wanted
        else:
            fracs, exact = self.q.fracs(stage, weight, wanted, types.per_channel)
            kind = Format(FixedPoint(wanted, int(fracs.min()), wanted > 1))
            fracs = fracs if exact else self._coarser(product, weight, fracs)
        base = int(fracs.min())
        kind = Format(FixedPoint(kind.type.width, base, kind.type.signed), kind.rounding, kind.overflow)
        shifts = fracs - base
        codes = quantize(weight, kind, shifts[:, None])
        grid = np.exp2((self.kind.element.frac + fracs).astype(np.float64))
        bias = _bias_codes(stage, product.bias * grid)
        spread = tuple(shifts.tolist()) if shifts.any() else ()
        if isinstance(product, Affine):
            shape = product.scale.shape
            op: Product = AffineCodes(codes.T.reshape(shape), kind.type, spread, bias)
        elif isinstance(product, Conv):
            op = ConvCodes(codes, kind.type, spread, bias, product.window, product.groups)
        else:
            op = DenseCodes(codes, kind.type, spread, bias)
        corrects = types.bias_correction and self.q.x is not None
        return self._product(stage, op, self.q.means[index] * grid if corrects else None)

    def _product(self, stage: Stage, op: Product, wanted: Reals | None) -> "_Walk":
        """The product; its bias moved by the mean error over the calibration data (Nagel 2019, arXiv:1906.04721, 4.2).

        wanted: mean of every channel of the float network, on the grid of the products.
        """
        try:
            kind = op.infer(self.kind)
            sums = None if self.codes is None else step_of(op, self.span)(self.codes)
            if wanted is not None and sums is not None:
                change = _bias_codes(stage, wanted - sums.reshape(-1, sums.shape[-1]).mean(axis=0, dtype=np.float64))
                op = replace(op, bias=_bias_codes(stage, (op.bias + change).astype(np.float64)))
                sums = sums.astype(floats_for(op.span(self.span).largest()), copy=False)
                sums += change
                kind = op.infer(self.kind)
        except _Refused:
            raise
        except (ShapeError, BadInput) as error:
            raise _refused(stage, error) from None
        return self._on(stage, "acc", op, kind, sums)

    def _coarser(self, product: Dense | Conv | Affine, weight: Reals, fracs: Codes) -> Codes:
        """Fraction bits lowered where the bias would otherwise rule the accumulator."""
        reach = np.abs(weight).sum(axis=1) * max(abs(self.kind.element.min_code), self.kind.element.max_code)
        bias = np.abs(product.bias).reshape(-1, len(weight)).max(axis=0) * 2.0**self.kind.element.frac
        excess = np.log2(np.maximum(bias, 1e-300)) - np.log2(np.maximum(reach, 1e-300))
        drop = np.where(bias > 4 * reach, np.ceil(excess - 2), 0).clip(0, None)
        return np.maximum(fracs - np.minimum(drop, fracs - fracs.min()).astype(np.int64), fracs.min())

    def done(self) -> Quantized:
        """The graph and its answers."""
        g = self.q.graph
        graph = Graph(g.name, g.input, g.channels, self.nodes, self.kinds, g.grid)
        output = self.kind.reals(self.codes) if self.codes is not None else np.zeros((0, *self.kind.shape))
        return Quantized(graph, output)


class _Refused(BadInput):
    """A layer whose numbers do not fit; names it already."""


def _refused(stage: Stage, reason: object) -> _Refused:
    return _Refused(f"{stage.layer}: {reason}; give the layer other types or fewer bits")


def _bias_codes(stage: Stage, bias: Reals) -> Codes:
    """Rounded half up, where they can be accumulator codes at all."""
    if not np.abs(bias).max(initial=0.0) < 2.0 ** (MAX_WIDTH - 1):
        raise _refused(stage, f"its bias is too large beside its products for {MAX_WIDTH} bits")
    return np.floor(bias + 0.5).astype(np.int64)


def bounds(stage: Stage, fmt: Format) -> tuple[int, int]:
    """Codes of a stage's clip: its bounds rounded like the values, inside the type."""
    ends = np.array([stage.lo, stage.hi]).clip(-(2.0**MAX_WIDTH), 2.0**MAX_WIDTH)
    lo, hi = quantize(ends, Format(fmt.type, fmt.rounding)).tolist()
    return lo, max(lo, hi)
