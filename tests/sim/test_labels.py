# SPDX-License-Identifier: Apache-2.0
"""What labels mean for each metric, and what is said of those that mean nothing."""

import numpy as np
import pytest

from hwcompress.errors import BadInput
from hwcompress.sim.labels import Labels, default_metric, prepared
from hwcompress.sim.metrics import agreement, score

CLASSES = np.array([0, 3, 1, 2])
ONE_HOT = np.eye(4, dtype=np.int64)[CLASSES]
SEVERAL = np.array([[1, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 1], [0, 1, 0, 0]])


@pytest.mark.parametrize(
    ("y", "classes", "grouped", "metric"),
    [
        (None, 4, False, "agreement"),
        (CLASSES, 4, False, "top1"),
        (CLASSES[:, None], 4, False, "top1"),
        (ONE_HOT, 4, False, "top1"),
        (SEVERAL, 4, False, "binary"),
        (np.array([0, 1]), 1, False, "binary"),
        (np.array([0.5, 1.0]), 1, False, "mse"),
        (ONE_HOT.astype(float), 4, False, "mse"),
        (np.array([0, 1]), 640, True, "auc"),
    ],
)
def test_the_metric_follows_from_the_labels(y: Labels | None, classes: int, grouped: bool, metric: str) -> None:
    assert default_metric(y, classes, grouped) == metric


def test_one_hot_labels_are_classes() -> None:
    for y in (CLASSES, CLASSES[:, None], CLASSES.astype(float), ONE_HOT, ONE_HOT.astype(float), ONE_HOT[:, :, None]):
        found = prepared("top1", y, (len(y), 4), 4, None)
        assert found is not None
        assert found.tolist() == CLASSES.tolist()
    right = (2 * ONE_HOT - 1).astype(np.float64)
    right[0] = [0, 1, 0, 0]
    assert score("top1", right, prepared("top1", ONE_HOT, (len(ONE_HOT), 4), 4, None)) == 75.0


def test_several_labels_a_sample_count_output_by_output() -> None:
    answers = np.array(SEVERAL * 0.9, dtype=np.float64)
    answers[0, 0] = 0.4
    assert score("binary", answers, prepared("binary", SEVERAL, (len(SEVERAL), 4), 4, None)) == 100 * 15 / 16


def test_answers_that_are_classes_already_are_compared_as_they_are() -> None:
    """A model that ends in an ArgMax."""
    answers, other = np.array([[0], [3], [1], [2]]), np.array([[0], [2], [1], [1]])
    assert score("top1", answers, prepared("top1", CLASSES, (len(CLASSES), 1), 4, None)) == 100.0
    assert score("top1", other, prepared("top1", ONE_HOT, (len(ONE_HOT), 1), 4, None)) == 50.0
    assert agreement(answers, other) == 50.0


@pytest.mark.parametrize(
    ("metric", "y", "outputs", "message"),
    [
        ("top1", CLASSES, 3, "labels in 0..2 wanted (the model has 3 outputs), 0..3 found. Try: number the classes"),
        ("binary", np.array([-1, 1]), 1, "labels in 0..1 wanted (the model has 1 output), -1..1 found."),
        ("top1", np.array([0.5]), 3, "whole numbers as labels wanted, fractions found."),
        ("top1", SEVERAL, 4, "one class a sample, or one-hot labels of 4 classes wanted, labels of 4 values"),
        ("top1", ONE_HOT, 5, "one class a sample, or one-hot labels of 5 classes wanted, labels of 4 values"),
        ("binary", SEVERAL, 3, "one class a sample, or one-hot labels of 3 classes wanted, labels of 4 values"),
        ("mse", np.zeros(4), 5, "for mse a label for each of the model's 5 outputs wanted, 1 a sample found."),
        ("r2", np.zeros((4, 2)), 1, "for r2 a label for each of the model's 1 outputs wanted, 2 a sample found."),
        ("auc", CLASSES, 4, "for auc y_test, a label for each group, and group"),
        ("mse", np.zeros((0, 4)), 4, "for mse a label for each of 0 samples wanted, 0 found."),
        ("top1", np.zeros((4, 0)), 4, "for top1 a label for each of 4 samples wanted, 0 found."),
        ("auc", None, 4, "for auc y_test, a label for each group, and group"),
    ],
)
def test_labels_that_do_not_fit_get_one_message(metric: str, y: Labels | None, outputs: int, message: str) -> None:
    with pytest.raises(BadInput) as error:
        prepared(metric, y, (0 if y is None else len(y), outputs), outputs, None)
    assert str(error.value).startswith(f"data: {message}")
