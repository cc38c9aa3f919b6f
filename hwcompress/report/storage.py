# SPDX-License-Identifier: Apache-2.0
"""Where the bytes of a .hwc file went, layer by layer."""

import numpy as np

from hwcompress.compress.stages import stages
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Node, Op
from hwcompress.ops import Affine, Conv, Dense
from hwcompress.report.compression import StorageLayer, StoragePart
from hwcompress.storage.container import Packed

FLOAT_BYTES = 4


def storage_part(
    original: Graph[Op], last: Graph[Op], graph: Graph[Op], packed: Packed, parameters: int
) -> StoragePart:
    """The file beside the network that was compressed.

    last: the network of the file before dead channels were left out and the others put in order.
    """
    before, after = ({node.name: node for node in each} for each in (original, last))
    names = {s.node: s.layer for s in stages(graph)}
    rows = [
        _layer(node, names.get(node.name, node.name), before.get(node.name), after.get(node.name), packed)
        for node in graph
        if _weights(node) is not None
    ]
    size = len(packed.data)
    total = sum(w.size for node in original if (w := _weights(node)) is not None)
    kept = sum(row.nonzero for row in rows)
    return StoragePart(
        float_bytes=FLOAT_BYTES * parameters,
        compressed_bytes=size,
        ratio=round(FLOAT_BYTES * parameters / size, 4),
        sparsity=round(max(0.0, 1 - kept / max(1, total)), 6),
        header_bytes=packed.header_bytes,
        tail_bytes=packed.tail_bytes,
        layers=rows,
    )


def _weights(node: Node[Op]) -> Reals | None:
    op = node.op
    if isinstance(op, Dense | Conv):
        return op.weight
    return op.scale if isinstance(op, Affine) else None


def _layer(node: Node[Op], name: str, before: Node[Op] | None, last: Node[Op] | None, packed: Packed) -> StorageLayer:
    weight = _weights(node)
    assert weight is not None
    assert isinstance(node.op, Dense | Conv | Affine)
    coded, bias = packed.weights[node.name], packed.biases[node.name]
    old = _weights(before) if before else None
    kept = int(np.count_nonzero(weight))
    was = old.size if old is not None else weight.size
    size = len(coded.data) + len(bias.data)
    plain = FLOAT_BYTES * (was + node.op.bias.size)
    parts = coded.parts
    return StorageLayer(
        name=name,
        source=node.name,
        weights=weight.size,
        nonzero=kept,
        sparsity=round(1 - kept / weight.size, 6),
        kept=round(100 * kept / was, 4),
        values=parts.kind,
        codebook=parts.codebook,
        bits=parts.value_bits,
        coded_bits=parts.coded_value_bits,
        index_bits=parts.index_bits,
        coded_index_bits=parts.coded_index_bits,
        value_entropy=parts.value_entropy,
        error=_error(before, last),
        method=parts.method,
        float_bytes=plain,
        weight_bytes=len(coded.data),
        bias_bytes=len(bias.data),
        compressed_bytes=size,
        ratio=round(plain / max(1, size), 4),
    )


def _error(before: Node[Op] | None, after: Node[Op] | None) -> float | None:
    """|W - W'|^2 / |W|^2; None where the shape is another."""
    old, new = (_weights(node) if node else None for node in (before, after))
    if old is None or new is None or old.shape != new.shape:
        return None
    return float(((old - new) ** 2).sum() / max(float((old**2).sum()), 1e-300))
