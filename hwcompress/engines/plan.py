# SPDX-License-Identifier: Apache-2.0
"""How a network is built: one choice a layer. A plan changes cycles and resources, never a result."""

from collections.abc import Mapping
from dataclasses import dataclass

from hwcompress.engines.base import Product, Store, ceil_div
from hwcompress.engines.pipeline import Interface
from hwcompress.ir.graph import CodeOp, Graph, Node
from hwcompress.ops import AffineCodes, DenseCodes, Requant, Table


@dataclass(frozen=True)
class Layer:
    """A product with the requantization and tables behind it, or those alone at the input of a network."""

    name: str  # a legal identifier of ours: dense_0, affine_1 ...
    source: str  # the model's own name: untrusted text
    product: DenseCodes | AffineCodes | None
    after: tuple[Node[CodeOp], ...]  # Requant and Table nodes
    value: str  # value read
    inputs: int  # channels
    outputs: int


def layers(graph: Graph[CodeOp]) -> tuple[Layer, ...]:
    """The integer form, cut before every product."""
    groups: list[list[Node[CodeOp]]] = []
    for node in graph:
        if isinstance(node.op, DenseCodes | AffineCodes) or not groups:
            groups.append([])
        groups[-1].append(node)
    return tuple(_layer(graph, k, nodes) for k, nodes in enumerate(groups))


def _layer(graph: Graph[CodeOp], index: int, nodes: list[Node[CodeOp]]) -> Layer:
    head = nodes[0].op
    product = head if isinstance(head, DenseCodes | AffineCodes) else None
    kind = "dense" if isinstance(head, DenseCodes) else "affine" if product else "pointwise"
    after = tuple(nodes[1:] if product else nodes)
    assert all(isinstance(n.op, Requant | Table) for n in after)
    return Layer(
        f"{kind}_{index}",
        nodes[0].name,
        product,
        after,
        nodes[0].source,
        graph.types[nodes[0].source].channels,
        graph.types[nodes[-1].output].channels,
    )


@dataclass(frozen=True, slots=True)
class LayerPlan:
    """Folding and engine of one layer. For affine and pointwise layers pe = lanes and simd is 1."""

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
    family: int  # DSP leaf of the target: 1 DSP48E1, 2 DSP48E2
