# SPDX-License-Identifier: Apache-2.0
"""Training data as torch tensors: split, shuffled, shifted, brought into the order of the graph."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hwcompress.ir.order import Order
from hwcompress.ir.types import Shape, image_axes


@dataclass(frozen=True, eq=False)
class Samples:
    """Inputs in the model's own layout, and what is wanted of them."""

    x: Tensor  # [N, *sample shape of the model]
    y: Tensor | None  # classes [N], or values [N, m] in the order of the graph
    index: Tensor  # of each element of the graph's input in the flat sample [n]
    shape: Shape  # of the graph's input

    def __len__(self) -> int:
        return len(self.x)

    @staticmethod
    def of(x: NDArray[np.float64], y: "NDArray[np.generic] | None", order: Order, shape: Shape) -> "Samples":
        """x [N, *sample shape]; order: from the flat sample to the graph's."""
        flat = int(np.prod(x.shape[1:], dtype=np.int64))
        index = order.apply(np.arange(flat, dtype=np.float64)[None])[0].astype(np.int64)
        labels = None
        if y is not None:
            labels = torch.tensor(y, dtype=torch.int64 if y.dtype.kind in "iu" and y.ndim == 1 else torch.float32)
        return Samples(torch.tensor(x, dtype=torch.float32), labels, torch.tensor(index), shape)

    def take(self, which: Tensor) -> "Samples":
        """Some of them."""
        return replace(self, x=self.x[which], y=None if self.y is None else self.y[which])

    def inputs(self, x: Tensor) -> Tensor:
        """x [N, *sample shape] as the graph reads it [N, *shape]."""
        return x.reshape(len(x), -1)[:, self.index].reshape(len(x), *self.shape)

    def batches(self, size: int, seed: tuple[int, ...], shift: int = 0) -> "Iterator[tuple[Tensor, Tensor | None]]":
        """All samples once, in an order that the seed decides; images moved by up to `shift` pixels either way."""
        rng = np.random.default_rng(seed)
        order = torch.tensor(rng.permutation(len(self)))
        for which in order.split(size):
            x = self.x[which]
            if shift:
                x = shifted(x, torch.tensor(rng.integers(-shift, shift + 1, (len(x), 2))))
            yield self.inputs(x), None if self.y is None else self.y[which]


def shifted(x: Tensor, by: Tensor) -> Tensor:
    """Images x [N, ...] moved by rows and columns `by` [N, 2]; what comes in is the edge."""
    axes = image_axes(tuple(x.shape[1:]))
    if axes is None:
        return x
    rows, columns = (a + 1 for a in axes)
    each = torch.arange(len(x))
    moved = x.movedim((rows, columns), (1, 2))
    at = [(torch.arange(moved.shape[k]) - by[:, k - 1 : k]).clamp(0, moved.shape[k] - 1) for k in (1, 2)]
    return moved[each[:, None, None], at[0][:, :, None], at[1][:, None, :]].movedim((1, 2), (rows, columns))
