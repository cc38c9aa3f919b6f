# SPDX-License-Identifier: Apache-2.0
"""Quantization-aware training: a module whose answers are those of the integer form, code for code.

Values travel as reals that are whole multiples of powers of two. In evaluation every number is that of the integer
simulator as long as sums stay exact (below 2^24 steps in float32, 2^53 in float64). In training two things are finer
than there: a bias of a row whose codes are all even, and ties of averages.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hwcompress.compress.formats import exact_fracs, mse_frac
from hwcompress.compress.quantize import Quantizer, Types
from hwcompress.compress.stages import Stage, stages
from hwcompress.ir.fixed import FixedPoint, Format, quantize
from hwcompress.ir.graph import Graph, Op
from hwcompress.ops import Affine, AffineCodes, Conv, Dense, MaxPool, SumPool
from hwcompress.train.functions import FUNCTIONS
from hwcompress.train.module import Fixed, MakeForm, NetworkModule, Product, Scaling, convolve
from hwcompress.train.quantizers import Quantized, Site, half_up, rounded, through

SCALE_BITS = 8  # of scalings that no layer could take in
OTHER_BITS = 8  # of layers that are not quantized here


class TypedProduct(Product):
    """Dense or Conv with its bias on the grid of the products."""

    def fracs(self, entry: int) -> Tensor | None:
        """Fraction bits of the sums of each row [m]; None if the weights are not quantized.

        entry: fraction bits of the values.
        """
        if not isinstance(self.form, Quantized):
            return None
        if self.training:
            return self.form.fracs() + entry
        weight = self.form.values()
        bits = self.form.type_bits(weight)
        found = exact_fracs(weight, bits)
        fracs = np.full(len(weight), bits - 1) if found is None else found  # none: no weight is left
        return torch.tensor(fracs + entry, dtype=self.bias.dtype)

    def bias_on_grid(self, entry: int) -> Tensor:
        """The bias [m] as the integer form has it; as it is if the weights are not quantized."""
        fracs = self.fracs(entry)
        if fracs is None:
            return self.bias
        scale = torch.exp2(fracs)
        return rounded(self.bias * scale) / scale

    def sums(self, x: Tensor, entry: int) -> Tensor:
        """x [N, ...] to y [N, m] or [N, m, rows, columns]."""
        weight, bias = self.form(), self.bias_on_grid(entry)
        if isinstance(self.original, Dense):
            flat = x.permute(0, 2, 3, 1) if x.ndim == 4 else x
            return F.linear(flat.reshape(len(x), -1), weight, bias)
        return convolve(x, weight, bias, self.original.window, self.original.groups)


class TypedScaling(Scaling):
    """Affine under one type for all its scales, its bias on the grid of the products."""

    place: Tensor

    def __init__(self, op: Affine) -> None:
        super().__init__(op)
        self.register_buffer("place", torch.tensor(mse_frac(op.scale, SCALE_BITS, signed=True)))

    def format(self) -> Format:
        """Of the scales."""
        return Format(FixedPoint(SCALE_BITS, int(self.place)))

    def on_grid(self, entry: int) -> Affine:
        """With codes for numbers; entry: fraction bits of the values."""
        scale, bias = (v.detach().cpu().numpy().astype(np.float64) for v in self.numbers(entry))
        return Affine(scale, bias)

    def numbers(self, entry: int) -> tuple[Tensor, Tensor]:
        """Scale and bias on their grids."""
        fmt = self.format()
        step, kind = fmt.type.step, fmt.type
        scale = rounded((self.scale / step).clamp(kind.min_code, kind.max_code)) * step
        grid = 2.0 ** (kind.frac + entry)
        return scale, rounded(self.bias * grid) / grid

    def sums(self, x: Tensor, entry: int) -> Tensor:
        """x [N, ...] to y of the same shape."""
        scale, bias = (_beside(v, x) for v in self.numbers(entry))
        return x * scale + bias


class QuantizedModule(NetworkModule):
    """A network with quantized weights and, if there are sites, types for all values.

    Forward: x [N, *graph.shape], real values, to reals on the grid of the last type.
    """

    def __init__(
        self, graph: Graph[Op], forms: Mapping[str, MakeForm], sites: Mapping[str, Site] | None = None
    ) -> None:
        """forms: by node, of `Quantized` kind; others stay as they are. sites: by `Stage.key` and "input"; or none."""
        super().__init__(graph, forms)
        self.parts = stages(graph)
        for k, layer in enumerate(self.layers):
            if isinstance(layer, Product):
                self.layers[k] = TypedProduct(layer.original, layer.form)
            elif isinstance(layer, Scaling) and sites:
                self.layers[k] = TypedScaling(cast("Affine", graph.nodes[k].op))
        self.keys = [s.key for s in self.parts if s.typed]
        wanted = ["input", *self.keys]
        self.sites = nn.ModuleList(sites[key] for key in wanted) if sites else nn.ModuleList()
        products = [k for k, node in enumerate(graph) if isinstance(node.op, Dense | Conv | Affine)]
        self.places = dict(zip([k for k, s in enumerate(self.parts) if s.product is not None], products, strict=True))
        self.factors: dict[str, float] = {}
        for k, stage in enumerate(self.parts):
            if stage.product is not None and stage.factor is not None:
                self._layer(k).requires_grad_(requires_grad=False)

    @property
    def typed(self) -> bool:
        """Whether values have types."""
        return len(self.sites) > 0

    def quantized(self) -> list[str]:
        """Nodes whose weights are quantized."""
        return [n for n, product in self.products().items() if isinstance(product.form, Quantized)]

    def site(self, key: str) -> Site:
        """Of a stage, or of the input."""
        return cast("Site", self.sites[0 if key == "input" else self.keys.index(key) + 1])

    def _layer(self, index: int) -> "TypedProduct | TypedScaling":
        return cast("TypedProduct | TypedScaling", self.layers[self.places[index]])

    def weighted_stages(self) -> list[tuple[Stage, TypedProduct, Site]]:
        """Each stage with a matrix of weights, its layer, and the site of what it reads."""
        entry, out = "input", list[tuple[Stage, TypedProduct, Site]]()
        for k, stage in enumerate(self.parts):
            if isinstance(stage.product, Dense | Conv):
                out.append((stage, cast("TypedProduct", self._layer(k)), self.site(entry)))
            entry = stage.key if stage.typed else entry
        return out

    def types(self) -> Types:
        """What the integer form needs to know."""
        values = {key: self.site(key).format() for key in ["input", *self.keys]} if self.typed else {}
        weights: dict[str, Format | int] = {}
        for k, stage in enumerate(self.parts):
            if stage.product is None:
                continue
            layer = self.layers[self.places[k]]
            weights[stage.layer] = OTHER_BITS
            if isinstance(layer, TypedScaling):
                weights[stage.layer] = layer.format()
            elif isinstance(layer, TypedProduct) and isinstance(layer.form, Quantized):
                weights[stage.layer] = layer.form.type_bits(layer.form.values())
        return Types(values, weights, per_channel=True, bias_correction=False)

    def forward(self, x: Tensor) -> Tensor:
        if not self.typed:
            return super().forward(x)
        if not self.training:
            self._find_factors()
        x = x.permute(0, 3, 1, 2) if x.ndim == 4 else x
        site = self.site("input")
        x = site(x)
        for k, stage in enumerate(self.parts):
            kind = site.format().type
            if isinstance(stage.pool, MaxPool):
                x = Fixed(replace(stage.pool, fill=_filled(stage.pool.fill, kind)))(x)
                continue
            site = self.site(stage.key)
            x = self._stage(k, stage, x, kind, site)
        return x.permute(0, 2, 3, 1) if x.ndim == 4 else x

    def _stage(self, index: int, stage: Stage, x: Tensor, kind: FixedPoint, site: Site) -> Tensor:
        if stage.function is not None:
            return _looked_up(stage, x, kind, site)
        if isinstance(stage.pool, SumPool):
            x = Fixed(stage.pool)(x)
        if stage.factor is not None:
            x = x.double() * self.factors.get(stage.key, stage.factor)
        elif stage.product is not None:
            x = self._layer(index).sums(x, kind.frac)
        return site(_clipped(stage, x)).to(torch.get_default_dtype())

    def _find_factors(self) -> None:
        """Averages as the integer form has them: the reciprocals that it multiplies sums with."""
        if not any(s.factor is not None and s.factor != 2.0 ** round(np.log2(s.factor)) for s in self.parts):
            return
        made = Quantizer(self.trained(), None).run(self.types()).graph
        found = {node.output: node.op for node in made}
        for stage in self.parts:
            op = found.get(f"{stage.key}.acc")
            if stage.factor is not None and isinstance(op, AffineCodes):
                exponent = -np.frexp(stage.factor)[1] + 1
                self.factors[stage.key] = float(op.scale.flat[0] * op.scale_type.step * 2.0**-exponent)

    def trained(self) -> Graph[Op]:
        """The graph with weights and biases on their grids."""
        if not self.typed:
            return super().trained()
        training = self.training
        self.eval()
        nodes, entry = list(super().trained()), self.site("input")
        for k, stage in enumerate(self.parts):
            if stage.product is not None and stage.factor is None:
                place = self.places[k]
                nodes[place] = replace(nodes[place], op=self._on_grid(k, nodes[place].op, entry.frac()))
            entry = self.site(stage.key) if stage.typed else entry
        self.train(training)
        return replace(self.graph, nodes=tuple(nodes))

    def _on_grid(self, index: int, op: Op, entry: int) -> Op:
        layer = self._layer(index)
        if isinstance(layer, TypedScaling):
            return layer.on_grid(entry)
        bias = layer.bias_on_grid(entry).detach().cpu().numpy().astype(np.float64)
        return replace(cast("Dense | Conv", op), bias=bias)


def _clipped(stage: Stage, x: Tensor) -> Tensor:
    if np.isfinite(stage.lo) or np.isfinite(stage.hi):
        return x.clamp(stage.lo, stage.hi)
    return x


def _looked_up(stage: Stage, x: Tensor, kind: FixedPoint, site: Site) -> Tensor:
    """The entries of the very table; the gradient is that of the function, of its clip and of its type."""
    assert stage.function is not None
    soft = site(_clipped(stage, FUNCTIONS[stage.function.function](x, *stage.function.parameters)))
    fmt = site.format()
    ends = quantize(np.array([stage.lo, stage.hi]).clip(-(2.0**48), 2.0**48), fmt)
    entries = stage.function.table(kind, fmt).entries.clip(ends[0], max(ends))
    at = half_up(x.detach() * 2.0**kind.frac).long() - kind.min_code
    table = torch.tensor(entries.astype(np.float64) * fmt.type.step, dtype=x.dtype)
    return through(table[at], soft)


def _filled(fill: float, kind: FixedPoint) -> float:
    """What stands outside the map of a maximum."""
    code = kind.min_code if np.isinf(fill) else int(quantize(np.array(fill), Format(kind)))
    return code * kind.step


def _beside(values: Tensor, x: Tensor) -> Tensor:
    """Values of channels [n] or of elements [rows, columns, n] in the layout of x."""
    if values.ndim > 1:
        return values.permute(2, 0, 1)
    return values.reshape(-1, 1, 1) if x.ndim == 4 else values
