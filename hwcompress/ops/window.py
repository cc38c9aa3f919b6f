# SPDX-License-Identifier: Apache-2.0
"""The windows of convolution and pooling over a map [rows, columns, channels]."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from hwcompress.errors import ShapeError
from hwcompress.ir.types import Shape

Pair = tuple[int, int]  # of rows, of columns


@dataclass(frozen=True, slots=True)
class Window:
    """Where the taps of each output position lie. Output (i, j), tap (k, l) reads i*stride + k*dilation - before."""

    kernel: Pair
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    before: Pair = (0, 0)  # padding at the top and at the left
    after: Pair = (0, 0)  # at the bottom and at the right

    @property
    def taps(self) -> int:
        """Elements of the window."""
        return self.kernel[0] * self.kernel[1]

    @property
    def reach(self) -> Pair:
        """Rows and columns from the first tap to the last."""
        return (self.kernel[0] - 1) * self.dilation[0] + 1, (self.kernel[1] - 1) * self.dilation[1] + 1

    @property
    def padded(self) -> bool:
        """Whether any tap can lie outside the map."""
        return self.before != (0, 0) or self.after != (0, 0)

    def grid(self, shape: Shape) -> Pair:
        """Rows and columns of the output for a map of this shape.

        Raises:
            ShapeError: it is no map, the window is larger than it, or some window would lie in the padding alone.
        """
        if len(shape) != 3:
            raise ShapeError(f"a map [rows, columns, channels] wanted; got {list(shape)}")
        axes = [self._along(axis, shape[axis]) for axis in (0, 1)]
        if not axes[0].size or not axes[1].size:
            raise ShapeError(
                f"a window of {self.reach[0]} x {self.reach[1]} does not fit a map of {shape[0]} x {shape[1]}"
            )
        if not all(inside.any(axis=1).all() for inside in axes):
            raise ShapeError("a window lies in the padding alone")
        return len(axes[0]), len(axes[1])

    def _along(self, axis: int, size: int) -> NDArray[np.bool_]:
        """Which taps of each output row (column) lie inside the map [out, kernel]."""
        room = size + self.before[axis] + self.after[axis] - self.reach[axis]
        at = np.arange(0, room + 1, self.stride[axis])[:, None] - self.before[axis]
        at = at + np.arange(self.kernel[axis]) * self.dilation[axis]
        return (at >= 0) & (at < size)

    def patches(self, x: NDArray[Any], fill: float = 0) -> NDArray[Any]:
        """A view of the windows of x [batch, rows, columns, c]: [batch, out rows, out columns, *kernel, c]."""
        (top, left), (bottom, right) = self.before, self.after
        if self.padded:
            x = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=fill)
        view: NDArray[Any] = sliding_window_view(x, self.reach, axis=(1, 2))  # type: ignore[call-overload]
        view = view[:, :: self.stride[0], :: self.stride[1], :, :: self.dilation[0], :: self.dilation[1]]
        windows: NDArray[Any] = view.transpose(0, 1, 2, 4, 5, 3)
        return windows

    def counts(self, grid: Pair) -> NDArray[np.int64]:
        """Taps of each output position that lie inside a map of rows x columns [out rows, out columns]."""
        rows, columns = (self._along(axis, grid[axis]).sum(axis=1) for axis in (0, 1))
        inside: NDArray[np.int64] = rows[:, None] * columns
        return inside

    def __str__(self) -> str:
        return f"{self.kernel[0]}x{self.kernel[1]}"
