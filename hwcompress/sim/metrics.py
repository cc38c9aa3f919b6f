# SPDX-License-Identifier: Apache-2.0
"""How good a network's answers are, and how near two answers lie."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcompress.ir.fixed import Reals

Labels = NDArray[Any]  # integers or reals


def decisions(y: Reals) -> NDArray[Any]:
    """Class of each sample: argmax, or y > 0.5 for a single output; answers that are classes or labels already stay."""
    flat = y.reshape(len(y), -1)
    if y.dtype.kind != "f":
        return flat[:, 0]
    return flat.argmax(axis=1) if flat.shape[1] > 1 else (flat[:, 0] > 0.5).astype(np.int64)


def share(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Share of equal entries."""
    return int(np.count_nonzero(np.equal(a, b))) / max(1, a.size)


def agreement(a: Reals, b: Reals) -> float:
    """Share of samples with the same decision, percent."""
    return 100.0 * share(decisions(a), decisions(b))


def sqnr_db(reference: Reals, y: Reals) -> float | None:
    """10 log10(sum ref^2 / sum (ref - y)^2); None where the two are equal or the reference is zero."""
    noise = float(np.sum((reference - y) ** 2))
    power = float(np.sum(reference**2))
    return 10.0 * float(np.log10(power / noise)) if noise > 0 and power > 0 else None


def auc(scores: Reals, labels: Labels) -> float:
    """Area under the ROC curve by rank sums (Mann and Whitney 1947), ties at half."""
    positive, negative = scores[labels == 1], scores[labels != 1]
    pairs = len(positive) * len(negative)
    wins = int(np.count_nonzero(np.greater(positive[:, None], negative[None])))
    ties = int(np.count_nonzero(np.equal(positive[:, None], negative[None])))
    return (wins + 0.5 * ties) / pairs if pairs else 0.0


def reconstruction_auc(y: Reals, x: Reals, labels: Labels, group: NDArray[Any]) -> float:
    """auc of the mean squared reconstruction error of each group of samples (anomaly detection)."""
    errors = np.mean((y.reshape(len(y), -1) - x) ** 2, axis=1)
    return auc(np.array([errors[group == g].mean() for g in np.unique(group)]), labels)


def score(
    metric: str, y: Reals, labels: Labels | None, x: Reals | None = None, group: NDArray[Any] | None = None
) -> float | None:
    """The metric of answers y [n, m]: top1 and binary in percent, mse, r2, auc; None without labels.

    labels as sim.labels prepares them.

    mse without labels compares with x, the input (autoencoders); auc wants the group of each sample.
    """
    if metric == "auc":
        return None if labels is None or group is None or x is None else reconstruction_auc(y, x, labels, group)
    if metric == "mse" and labels is None and x is not None and x.size == y.size:
        return float(np.mean((y.reshape(len(y), -1) - x.reshape(len(x), -1)) ** 2))
    if labels is None or metric == "agreement":
        return None
    if metric in ("top1", "binary"):
        several = labels.ndim > 1
        return 100.0 * share((y > 0.5).astype(np.int64) if several else decisions(y), labels)
    return _regression(metric, y, labels)


def _regression(metric: str, y: Reals, labels: Labels) -> float | None:
    """mse or r2."""
    target: Reals = labels.reshape(len(labels), -1).astype(np.float64)
    error = float(np.sum((y.reshape(len(y), -1) - target) ** 2))
    if metric == "mse":
        return error / target.size
    spread = float(np.sum((target - target.mean(axis=0)) ** 2))
    return 1.0 - error / spread if spread > 0 else None
