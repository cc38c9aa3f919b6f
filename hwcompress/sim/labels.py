# SPDX-License-Identifier: Apache-2.0
"""Labels as a metric wants them: one class a sample, a 0 or 1 for every output, or a real value for every output."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcompress.errors import BadInput

Labels = NDArray[Any]


def default_metric(y: Labels | None, classes: int, grouped: bool) -> str:
    """By the labels: integers top1 or binary, real values mse, none agreement."""
    if y is None:
        return "agreement"
    if grouped:
        return "auc"
    if y.dtype.kind not in "iu":
        return "mse"
    several = _columns(y) > 1 and not one_hot(y)
    return "binary" if classes == 1 or several else "top1"


def prepared(
    metric: str, y: Labels | None, answers: tuple[int, int], classes: int, group: Labels | None, where: str = "data"
) -> Labels | None:
    """The labels y [n, ...] for `metric` of answers of shape [n, outputs]: classes [n], or values [n, outputs].

    `classes`: number of classes behind the answers. One-hot labels become classes.

    Raises:
        BadInput: they have another shape, or number classes that the model does not have.
    """
    if metric == "auc" and (y is None or group is None):
        raise BadInput(
            f"{where}: for auc y_test, a label for each group, and group, the group of each sample of x_test, wanted, "
            "not found. Try: --metric mse"
        )
    if y is None or metric in ("auc", "agreement"):
        return y
    samples, outputs = answers
    if len(y) != samples or not y.size:
        raise BadInput(
            f"{where}: for {metric} a label for each of {samples} samples wanted, "
            f"{len(y) if y.size else 0} found. Try: --metric agreement"
        )
    if metric in ("mse", "r2"):
        return _values(metric, y, outputs, where)
    if metric == "binary" and _columns(y) == outputs > 1 and not one_hot(y):
        return _in_range(_values(metric, y, outputs, where), 2, where)
    if _columns(y) > 1:
        if not (one_hot(y) and _columns(y) == classes):
            raise BadInput(
                f"{where}: one class a sample, or one-hot labels of {classes} classes wanted, "
                f"labels of {_columns(y)} values a sample found. Try: --metric binary or mse"
            )
        return y.reshape(len(y), -1).argmax(axis=1)
    return _in_range(y.reshape(-1), classes, where)


def one_hot(y: Labels) -> bool:
    """Whether every row is zeros and one 1."""
    if not y.size:
        return False
    flat = y.reshape(len(y), -1)
    return flat.shape[1] > 1 and bool(np.isin(flat, (0, 1)).all() and (flat.sum(axis=1) == 1).all())


def _columns(y: Labels) -> int:
    return y.size // len(y) if len(y) else 1


def _values(metric: str, y: Labels, outputs: int, where: str) -> Labels:
    if _columns(y) != outputs:
        raise BadInput(
            f"{where}: for {metric} a label for each of the model's {outputs} outputs wanted, "
            f"{_columns(y)} a sample found. Try: --metric top1 or agreement"
        )
    return y.reshape(len(y), -1)


def _in_range(y: Labels, classes: int, where: str) -> Labels:
    """Whole numbers in 0..classes-1 (0 and 1 for a single output)."""
    top = max(classes, 2) - 1
    if not (y == np.floor(y)).all():
        raise BadInput(f"{where}: whole numbers as labels wanted, fractions found. Try: --metric mse")
    low, high = (int(y.min()), int(y.max())) if y.size else (0, 0)
    if low < 0 or high > top:
        raise BadInput(
            f"{where}: labels in 0..{top} wanted (the model has {classes} output{'s' * (classes != 1)}), "
            f"{low}..{high} found. Try: number the classes from 0, or --metric mse for real values"
        )
    return y
