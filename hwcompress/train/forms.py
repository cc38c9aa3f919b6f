# SPDX-License-Identifier: Apache-2.0
"""What stands for a weight matrix [m, n] while it is trained. Every form keeps pruned weights at zero."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from hwcompress.ir.fixed import Reals


class Form(nn.Module):
    """`forward()` gives the matrix as the network uses it."""

    def values(self) -> Reals:
        """The matrix in float64."""
        with torch.no_grad():
            return self().detach().cpu().numpy().astype(np.float64)


MakeForm: TypeAlias = Callable[[Reals], Form]


class Masked(Form):
    """Free weights under a mask. The zeros of `weight` stay zero (Han 2015, arXiv:1506.02626, section 3)."""

    mask: Tensor

    def __init__(self, weight: Reals, keep: "np.ndarray[tuple[int, ...], np.dtype[np.bool_]] | None" = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight, dtype=torch.get_default_dtype()))
        mask = weight != 0 if keep is None else keep
        self.register_buffer("mask", torch.tensor(mask, dtype=self.weight.dtype))

    def forward(self) -> Tensor:
        return self.weight * self.mask


class Shared(Form):
    """Equal weights move together: dL/dC_k = sum of dL/dW_ij over I_ij = k (arXiv:1510.00149, section 3.3)."""

    index: Tensor

    def __init__(self, weight: Reals) -> None:
        super().__init__()
        book, index = codebook(weight)
        self.centroids = nn.Parameter(torch.tensor(book, dtype=torch.get_default_dtype()))
        self.register_buffer("index", torch.tensor(index, dtype=torch.int64))

    def forward(self) -> Tensor:
        table = torch.cat([self.centroids.new_zeros(1), self.centroids])
        return table[self.index]


def codebook(weight: Reals) -> "tuple[Reals, np.ndarray[tuple[int, ...], np.dtype[np.int64]]]":
    """The distinct values that are not zero, rising [k], and which of them each weight is, from 1; 0 for zero."""
    book = np.unique(weight[weight != 0])
    index = np.where(weight == 0, 0, np.searchsorted(book, weight) + 1).astype(np.int64)
    return book, index
