# SPDX-License-Identifier: Apache-2.0
"""How a network is built: one choice a layer. A plan changes cycles and resources, never a result."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from hwcompress.engines.base import Product, Store, ceil_div
from hwcompress.engines.pipeline import Interface
from hwcompress.ir.graph import CodeOp, Graph, Node
from hwcompress.ir.types import TensorType
from hwcompress.ops import (
    AffineCodes,
    Chosen,
    ConvCodes,
    DenseCodes,
    MaxPoolCodes,
    Requant,
    SumPoolCodes,
    Table,
    Window,
)

Pool: TypeAlias = MaxPoolCodes | SumPoolCodes | Chosen | DenseCodes  # the latter two of all positions at once


@dataclass(frozen=True)
class Layer:
    """A pool or product with the requantization and tables behind it, or those alone at the input of a network."""

    name: str  # a legal identifier of ours: dense_0, conv_1, pool_2, affine_3 ...
    source: str  # the model's own name: untrusted text
    product: DenseCodes | ConvCodes | AffineCodes | None
    pool: Pool | None
    after: tuple[Node[CodeOp], ...]  # Requant and Table nodes
    value: str  # value read
    x: TensorType  # of it
    y: TensorType  # of what leaves
    flat: bool = False  # made of a layer on maps: all positions at once

    @property
    def matrix(self) -> DenseCodes | ConvCodes | None:
        """The product, where PE x SIMD applies; else lanes."""
        return self.product if isinstance(self.product, DenseCodes | ConvCodes) else None

    @property
    def depthwise(self) -> bool:
        """Each output channel depends on one input channel, each on another."""
        op = self.product
        return isinstance(op, ConvCodes) and op.groups > 1 and op.groups == len(op.weight) == self.x.channels

    @property
    def inputs(self) -> int:
        """Elements that one output channel depends on at one position: of a dense layer all."""
        return self.matrix.weight.shape[1] if self.matrix else self.x.channels

    @property
    def outputs(self) -> int:
        """Channels."""
        return self.y.channels

    @property
    def positions(self) -> int:
        """Output positions."""
        return self.y.positions

    @property
    def whole_map(self) -> bool:
        """A pool over everything there is."""
        window = self._pool_window
        return window is not None and window.kernel == self.x.grid and not window.padded

    @property
    def at_once(self) -> bool:
        """A pool over all positions of a map that comes as a vector."""
        return isinstance(self.pool, Chosen | DenseCodes)

    @property
    def _pool_window(self) -> Window | None:
        return self.pool.window if isinstance(self.pool, MaxPoolCodes | SumPoolCodes) else None

    @property
    def columns(self) -> int:
        """Elements that one output channel depends on at one position, where some are read at once: else 1."""
        if self.pool is not None:
            return self.window.taps if self.window else 1
        return self.inputs if self.matrix else 1

    def scanned(self, choice: "LayerPlan") -> bool:
        """Whether a step sees a whole window of more than one tap."""
        window = self.window
        return window is not None and window.taps > 1 and choice.simd == self.columns

    @property
    def window(self) -> Window | None:
        """Of a convolution or pool that walks its map."""
        if isinstance(self.product, ConvCodes):
            return self.product.window
        return None if self.whole_map else self._pool_window

    @property
    def by_pixel(self) -> bool:
        """Each output position reads the input position of the same number alone."""
        if isinstance(self.product, ConvCodes):
            w = self.product.window
            return w.taps == 1 and w.stride == (1, 1) and not w.padded and self.product.groups == 1
        return self.pool is None and not isinstance(self.product, DenseCodes)


def layers(graph: Graph[CodeOp]) -> tuple[Layer, ...]:
    """The integer form, cut before every pool and every product, but for the scaling of an average."""
    groups: list[list[Node[CodeOp]]] = []
    for node in graph:
        begins = isinstance(node.op, DenseCodes | ConvCodes | AffineCodes | MaxPoolCodes | SumPoolCodes)
        if isinstance(node.op, AffineCodes) and groups and isinstance(groups[-1][-1].op, SumPoolCodes):
            begins = False
        if begins or not groups:
            groups.append([])
        groups[-1].append(node)
    return tuple(_layer(graph, k, nodes) for k, nodes in enumerate(groups))


def _layer(graph: Graph[CodeOp], index: int, nodes: list[Node[CodeOp]]) -> Layer:
    ops = [node.op for node in nodes]
    pool = ops[0] if isinstance(ops[0], MaxPoolCodes | SumPoolCodes) else None
    first = ops[1] if pool and len(ops) > 1 else ops[0]
    product = first if isinstance(first, DenseCodes | ConvCodes | AffineCodes) else None
    after = tuple(nodes[(pool is not None) + (product is not None) :])
    assert all(isinstance(n.op, Requant | Table) for n in after)
    return Layer(
        f"{kind(ops[0])}_{index}",
        nodes[0].name,
        product,
        pool,
        after,
        nodes[0].source,
        graph.types[nodes[0].source],
        graph.types[nodes[-1].output],
    )


def kind(op: CodeOp) -> str:
    """What a layer that begins with this operator is called."""
    match op:
        case DenseCodes():
            return "dense"
        case ConvCodes():
            return "conv"
        case AffineCodes():
            return "affine"
        case MaxPoolCodes() | SumPoolCodes():
            return "pool"
        case _:
            return "pointwise"


@dataclass(frozen=True, slots=True)
class LayerPlan:
    """Folding and engine of one layer. Where no matrix is multiplied pe = lanes and simd is 1."""

    pe: int  # rows (or lanes) at once
    simd: int  # columns at once
    product: Product = Product.DSP
    segment: int = 16  # slots of a DSP cascade
    weights: Store = Store.LOGIC  # memory of folded weights
    tables: Store = Store.LOGIC

    def reuse(self, rows: int, columns: int) -> int:
        """Products that share a multiplier: ceil(rows / PE) * ceil(columns / SIMD)."""
        return ceil_div(rows, self.pe) * ceil_div(columns, self.simd)


@dataclass(frozen=True)
class Plan:
    """One LayerPlan a layer, by layer name."""

    layers: Mapping[str, LayerPlan]
    interface: Interface
    family: int  # of the target, key of hw.families.FAMILIES
    flat: bool = False  # maps are vectors: all positions at once (engines/flat.py)
