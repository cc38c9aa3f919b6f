# SPDX-License-Identifier: Apache-2.0
"""Inverse Hessians of many rows at once, each losing one block of columns after another.

Eliminating block B: w -= Hinv[:, B] Hinv_BB^-1 e_B, Hinv -= Hinv[:, B] Hinv_BB^-1 Hinv[B, :] (arXiv:2208.11580,
section 4). The downdates of Hinv are gathered and done LAZY blocks at a time, as one matrix product.
"""

import numpy as np

from hwcompress.errors import BadInput
from hwcompress.ir.fixed import Codes, Reals

LAZY = 48


class Inverses:
    """All rows start from the same inverse [c, c]; c is a multiple of the block."""

    def __init__(self, inverse: Reals, rows: int, block: int = 1) -> None:
        """block: columns that go together."""
        c = len(inverse)
        self.block = block
        self._base = np.broadcast_to(inverse, (rows, c, c))
        self._waiting = np.zeros((rows, LAZY * block, c))  # Hinv = base - waiting^T waiting
        self._filled = 0
        self._alive = np.ones((rows, c))
        self._at = np.arange(rows)
        own = inverse.reshape(c // block, block, c // block, block)
        own = own.transpose(0, 2, 1, 3)[np.arange(c // block), np.arange(c // block)]
        self._own = np.tile(own, (rows, 1, 1, 1))  # Hinv_BB of every block [rows, c / block, block, block]

    @property
    def diagonal(self) -> Reals:
        """Of blocks of one column [rows, c]; 1 of those that are gone."""
        return self._own[:, :, 0, 0]

    def scores(self, weight: Reals) -> Reals:
        """e_B^T Hinv_BB^-1 e_B of every block, twice the loss that it would cost: [rows, c] to [rows, c / block]."""
        if self.block == 1:
            return weight**2 / self.diagonal
        e = weight.reshape(len(weight), -1, self.block)
        solved = np.linalg.solve(self._own, e[..., None])[..., 0]
        return np.einsum("rnb,rnb->rn", e, solved)

    def eliminate(self, weight: Reals, chosen: Codes, error: Reals) -> Reals:
        """Take one block of each row out; in place, the weights left make up for its change by -error.

        weight [rows, c], chosen [rows] blocks, error [rows, block]. The loss of each row [rows].

        Raises:
            BadInput: rounding has eaten up what was left of an inverse.
        """
        index = chosen[:, None] * self.block + np.arange(self.block)
        columns = self._base[self._at[:, None], index]
        if self._filled:
            done = self._waiting[:, : self._filled]
            columns -= np.take_along_axis(done, index[:, None], axis=2).transpose(0, 2, 1) @ done
        own = np.take_along_axis(columns, index[:, None], axis=2)
        root = np.linalg.inv(_root(own))
        step = root @ columns * self._alive[:, None]
        scaled = root @ error[:, :, None]
        weight -= (step.transpose(0, 2, 1) @ scaled)[:, :, 0]
        self._downdate(step, chosen, index)
        return 0.5 * (scaled[:, :, 0] ** 2).sum(axis=1)

    def _downdate(self, step: Reals, chosen: Codes, index: Codes) -> None:
        parts = step.reshape(len(step), self.block, -1, self.block)
        if self.block == 1:
            self._own[:, :, 0, 0] -= parts[:, 0, :, 0] ** 2
        else:
            self._own -= np.einsum("rknu,rknv->rnuv", parts, parts)
        self._own[self._at, chosen] = np.eye(self.block)
        self._alive[self._at[:, None], index] = 0.0
        self._waiting[:, self._filled : self._filled + self.block] = step
        self._filled += self.block
        if self._filled == self._waiting.shape[1]:
            self._flush()

    def _flush(self) -> None:
        if not self._base.flags.writeable:
            self._base = self._base.copy()
        for row, waiting in enumerate(self._waiting):
            self._base[row] -= waiting.T @ waiting
        self._filled = 0


def _root(own: Reals) -> Reals:
    try:
        return np.linalg.cholesky(own).astype(np.float64, copy=False)
    except np.linalg.LinAlgError:
        raise BadInput("inverse Hessian: more damping wanted, rounding errors are larger. Try: damping=0.01") from None
