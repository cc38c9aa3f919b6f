# SPDX-License-Identifier: Apache-2.0
"""Elements of a sample in another order: a transposition of its axes."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Order:
    """y = x.reshape(sizes).transpose(axes), both flat; no axes: the same order."""

    sizes: tuple[int, ...] = ()
    axes: tuple[int, ...] = ()

    def apply(self, x: NDArray[Any]) -> NDArray[Any]:
        """x [batch, n] to y [batch, n]."""
        if self.identity:
            return x
        turned = x.reshape(len(x), *self.sizes).transpose(0, *(axis + 1 for axis in self.axes))
        return turned.reshape(len(x), -1)

    @property
    def identity(self) -> bool:
        """Nothing moves."""
        moving = [axis for axis in self.axes if self.sizes[axis] != 1]
        return moving == sorted(moving)

    def inverse(self) -> "Order":
        """From y back to x."""
        back = tuple(self.axes.index(k) for k in range(len(self.axes)))
        return Order(tuple(self.sizes[axis] for axis in self.axes), back)

    def places(self) -> NDArray[np.int64]:
        """Index in x of each element of y [n]."""
        return self.apply(np.arange(math.prod(self.sizes))[None])[0]
