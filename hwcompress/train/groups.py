# SPDX-License-Identifier: Apache-2.0
"""Structured sparsity learned: group lasso by proximal steps (SSL, Wen et al., arXiv:1608.03665)."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hwcompress.compress.select import Weighted
from hwcompress.ir.graph import Graph, Op
from hwcompress.ops import Conv
from hwcompress.train.forms import Masked
from hwcompress.train.loop import Hooks
from hwcompress.train.module import NetworkModule

Groups = Literal["weights", "rows", "channels", "shapes"]
Index = NDArray[np.int64]


def group_indices(graph: Graph[Op], groups: Groups) -> dict[str, Index]:
    """By node with weights, the group of each weight [m, n], from 0.

    weights: each for itself. rows: all that make one output channel (SSL: filters). channels: all that read one input
    channel; of a dense layer behind a map, at every position. shapes: all that stand at one place of a filter, or one
    column of a dense layer; rows of a grouped convolution share them within their group.
    """
    found: dict[str, Index] = {}
    shape = graph.shape
    for node in graph:
        if isinstance(node.op, Weighted):
            found[node.name] = _index(node.op, groups, shape[-1])
        shape = node.op.shape(shape)
    return found


def _index(op: Weighted, groups: Groups, channels: int) -> Index:
    m, n = op.weight.shape
    rows, columns = np.indices((m, n), dtype=np.int64)
    if groups == "weights":
        return rows * n + columns
    if groups == "rows":
        return rows
    parts = op.groups if isinstance(op, Conv) else 1
    part = rows * parts // m
    if groups == "shapes":
        return part * n + columns
    each = channels // parts
    return part * each + columns % each


def group_norms(weight: Tensor, index: Tensor) -> Tensor:
    """L2 norm of each group [g]."""
    count = int(index.max()) + 1 if index.numel() else 0
    return weight.new_zeros(count).index_add_(0, index.ravel(), (weight * weight).ravel()).sqrt()


def shrink(weight: Tensor, index: Tensor, threshold: float) -> Tensor:
    """max(0, 1 - threshold / ||w_g||) w_g: the minimum over v of ||v - w||^2 / 2 + threshold x sum ||v_g||."""
    norms = group_norms(weight, index)
    factor = (1.0 - threshold / norms.clamp(min=torch.finfo(weight.dtype).tiny)).clamp(min=0.0)
    return weight * factor[index]


def lasso_hooks(strength: float, indices: Mapping[str, Index]) -> Hooks:
    """Loss + strength x sum of the groups' norms, by one proximal step after each of the optimizer.

    Args:
        strength: lambda_g of equation 2.
        indices: of the layers that it is for, by node; their forms are `Masked`.
    """
    tensors = {name: torch.tensor(index) for name, index in indices.items()}

    def after_step(module: NetworkModule, rate: float) -> None:
        with torch.no_grad():
            for name, product in module.products().items():
                if name in tensors and isinstance(product.form, Masked):
                    form = product.form
                    form.weight.copy_(shrink(form.weight * form.mask, tensors[name], rate * strength))

    return Hooks(after_step=after_step, counts_from=1.0)
