# SPDX-License-Identifier: Apache-2.0
"""Float form to integer form under given types: weights, biases, requants and tables in codes."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hwcompress.compress.formats import row_fracs
from hwcompress.compress.stages import Stage, stages
from hwcompress.errors import BadInput, ShapeError
from hwcompress.ir.fixed import MAX_WIDTH, Codes, FixedPoint, Format, Reals, quantize
from hwcompress.ir.graph import CodeOp, Graph, Node, Op
from hwcompress.ir.types import TensorType
from hwcompress.ops import Affine, AffineCodes, Dense, DenseCodes, Requant, Table


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
        self.graph = graph
        self.stages = stages(graph)
        self.x = x
        self.references = self._references()
        self._fracs: dict[tuple[str, int, bool], Codes] = {}

    def _references(self) -> list[Reals]:
        """Float values behind each product, before its clip, over the calibration data."""
        if self.x is None:
            return []
        out: list[Reals] = []
        value = self.x
        for stage in self.stages:
            out.append(stage.product.run_float(value) if stage.product else value)
            value = stage.run(value)
        return out

    def run(self, types: Types) -> Quantized:
        """Convert under `types`.

        Raises:
            BadInput: a layer's numbers do not fit any type of 32 bits.
        """
        walk = _Walk(self, types)
        for k, stage in enumerate(self.stages):
            walk.add(k, stage)
        return walk.done()

    def fracs(self, stage: Stage, weight: Reals, bits: int, per_channel: bool) -> Codes:
        """Fraction bits of each row, cached."""
        key = (stage.layer, bits, per_channel)
        if key not in self._fracs:
            self._fracs[key] = row_fracs(weight, bits, per_channel)
        return self._fracs[key]


class _Walk:
    """One conversion under way."""

    def __init__(self, quantizer: Quantizer, types: Types) -> None:
        self.q = quantizer
        self.types = types
        graph = quantizer.graph
        entry = types.values["input"]
        self.kind = TensorType(graph.channels, entry.type)
        self.value = graph.input
        self.codes = quantize(quantizer.x, Format(entry.type)) if quantizer.x is not None else None
        self.nodes: list[Node[CodeOp]] = []
        self.kinds = {graph.input: self.kind}

    def add(self, index: int, stage: Stage) -> None:
        """Append the operators of one stage."""
        fmt = self.types.values[stage.key]
        if stage.product is not None:
            self._append(stage, "acc", self._product(index, stage, fmt))
        if stage.function is not None:
            table = stage.function.table(self.kind.element, fmt)
            lo, hi = bounds(stage, fmt)
            self._append(stage, "out", Table(table.x_type, table.y_type, table.entries.clip(lo, hi)))
            return
        shifts = self.kind.fracs() - fmt.type.frac
        self._append(stage, "out", Requant(fmt, shifts, *bounds(stage, fmt)))

    def _append(self, stage: Stage, part: str, op: CodeOp) -> None:
        try:
            kind = op.infer(self.kind)
        except (ShapeError, BadInput) as error:
            raise BadInput(f"{stage.layer}: {error}; give the layer other types or fewer bits") from None
        name = f"{stage.key}.{part}"
        self.nodes.append(Node(stage.node, op, self.value, name))
        self.value, self.kind = name, kind
        self.kinds[name] = kind
        if self.codes is not None:
            self.codes = op.run_codes(self.codes)

    def _product(self, index: int, stage: Stage, fmt: Format) -> DenseCodes | AffineCodes:
        product = stage.product
        assert product is not None
        weight = product.weight if isinstance(product, Dense) else product.scale[:, None]
        wanted = self.types.weights[stage.layer]
        if isinstance(wanted, Format):
            fracs, kind = np.full(len(weight), wanted.type.frac), wanted
        else:
            fracs = self.q.fracs(stage, weight, wanted, self.types.per_channel)
            kind = Format(FixedPoint(wanted, int(fracs.min()), wanted > 1))
            fracs = self._coarser(stage, weight, fracs)
        base = int(fracs.min())
        kind = Format(FixedPoint(kind.type.width, base, kind.type.signed), kind.rounding, kind.overflow)
        shifts = fracs - base
        codes = quantize(weight, kind, shifts[:, None])
        grid = np.exp2((self.kind.element.frac + fracs).astype(np.float64))
        bias = _bias_codes(stage, product.bias * grid)
        if self.types.bias_correction and self.codes is not None:
            bias = self._corrected(index, stage, codes, grid)
        spread = tuple(shifts.tolist()) if shifts.any() else ()
        if isinstance(product, Affine):
            return AffineCodes(codes[:, 0], kind.type, spread, bias)
        return DenseCodes(codes, kind.type, spread, bias)

    def _coarser(self, stage: Stage, weight: Reals, fracs: Codes) -> Codes:
        """Fraction bits lowered where the bias would otherwise rule the accumulator."""
        product = stage.product
        assert product is not None
        reach = np.abs(weight).sum(axis=1) * max(abs(self.kind.element.min_code), self.kind.element.max_code)
        bias = np.abs(product.bias) * 2.0**self.kind.element.frac
        excess = np.log2(np.maximum(bias, 1e-300) / np.maximum(reach, 1e-300))
        drop = np.where(bias > 4 * reach, np.ceil(excess - 2), 0).clip(0, None)
        return np.maximum(fracs - np.minimum(drop, fracs - fracs.min()).astype(np.int64), fracs.min())

    def _corrected(self, index: int, stage: Stage, codes: Codes, grid: Reals) -> Codes:
        """Bias moved by the mean error over the calibration data (Nagel 2019, arXiv:1906.04721, 4.2)."""
        assert self.codes is not None
        x = self.codes.astype(np.float64).mean(axis=0)
        mean = codes @ x if isinstance(stage.product, Dense) else codes[:, 0] * x
        wanted = self.q.references[index].mean(axis=0) * grid
        return _bias_codes(stage, wanted - mean)

    def done(self) -> Quantized:
        """The graph and its answers."""
        g = self.q.graph
        graph = Graph(g.name, g.input, g.channels, tuple(self.nodes), self.kinds)
        output = self.kind.reals(self.codes) if self.codes is not None else np.zeros((0, self.kind.channels))
        return Quantized(graph, output)


def _bias_codes(stage: Stage, bias: Reals) -> Codes:
    """Rounded half up, where they can be accumulator codes at all."""
    if not np.abs(bias).max(initial=0.0) < 2.0 ** (MAX_WIDTH - 1):
        raise BadInput(
            f"{stage.layer}: its bias is too large beside its products for {MAX_WIDTH} bits; "
            "give the layer other types or fewer bits"
        )
    return np.floor(bias + 0.5).astype(np.int64)


def bounds(stage: Stage, fmt: Format) -> tuple[int, int]:
    """Codes of a stage's clip: its bounds rounded like the values, inside the type."""
    ends = np.array([stage.lo, stage.hi]).clip(-(2.0**MAX_WIDTH), 2.0**MAX_WIDTH)
    lo, hi = quantize(ends, Format(fmt.type, fmt.rounding)).tolist()
    return lo, max(lo, hi)
