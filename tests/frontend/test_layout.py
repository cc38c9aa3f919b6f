# SPDX-License-Identifier: Apache-2.0
"""Where the batch lies after a reshape or a transpose, and when there is no answer."""

import numpy as np
import pytest

from hwcompress.frontend.constants import per_channel
from hwcompress.frontend.layout import UNKNOWN_BATCH, Layout
from hwcompress.frontend.raw import Refusal

N = UNKNOWN_BATCH


def at(batch: int | None, *dims: int) -> Layout:
    return Layout(dims, batch, "float32")


@pytest.mark.parametrize(
    ("before", "dims", "batch"),
    [
        (at(0, N, 2, 3), (N, 6), 0),
        (at(0, N, 6), (N, 1, 2, 3), 0),
        (at(0, N, 6), (1, N, 6), 1),
        (at(1, 6, N), (2, 3, N), 2),
        (at(0, 4, 4, 4), (4, 16), 0),
        (at(1, 4, 4), (2, 2, 4), 2),
        (at(0, 1, 6), (6,), None),
        (at(0, 1, 6), (6, 1), 1),
        (at(None, 2, 3), (6,), None),
    ],
)
def test_reshape_finds_the_batch_again(before, dims, batch):
    after = before.reshaped(dims)
    assert (after.dims, after.batch) == (dims, batch)
    assert after.elements == before.elements


@pytest.mark.parametrize(
    ("before", "dims", "reason"),
    [
        (at(0, 4, 2, 4), (2, 4, 4), "from [4, 2, 4] to [2, 4, 4] the samples of a batch are mixed"),
        (at(0, N, 6), (6, N), "from [N, 6] to [6, N] the samples of a batch are mixed"),
        (at(0, N, 6), (N * 6,), "from [N, 6] to [6000018] the samples of a batch are mixed"),
        (at(0, N, 6), (N, 5), "cannot reshape [N, 6] to [N, 5]"),
    ],
)
def test_reshape_that_mixes_samples(before, dims, reason):
    with pytest.raises(Refusal) as caught:
        before.reshaped(dims)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("before", "order", "dims", "batch"),
    [
        (at(0, N, 6), (1, 0), (6, N), 1),
        (at(0, N, 1, 5), (0, 2, 1), (N, 5, 1), 0),
        (at(0, 1, 2, 3), (1, 0, 2), (2, 1, 3), 1),
    ],
)
def test_transpose_of_unit_dimensions_moves_nothing(before, order, dims, batch):
    after = before.transposed(order)
    assert (after.dims, after.batch) == (dims, batch)
    assert after.order.identity


@pytest.mark.parametrize(
    ("order", "reason"),
    [((0, 0), "perm [0, 0] does not fit [N, 2]"), ((0,), "perm [0] does not fit [N, 2]")],
)
def test_transpose_that_does_not_fit(order, reason):
    with pytest.raises(Refusal) as caught:
        at(0, N, 2).transposed(order)
    assert str(caught.value) == reason


def test_constants_spread_over_channels():
    c = np.array([1.0, 2.0])
    values, after = per_channel(c.reshape(2, 1), at(0, N, 2, 3))
    assert values.tolist() == [1, 1, 1, 2, 2, 2]
    assert (after.dims, after.batch) == ((N, 2, 3), 0)
    assert per_channel(c, at(1, 3, 1, 2))[0].tolist() == [1, 2] * 3
    same = np.array([[5.0, 6.0]] * 4)
    assert per_channel(same, at(0, 4, 2))[0].tolist() == [5, 6]
    same[3, 1] = 0
    with pytest.raises(Refusal, match="differs from sample to sample"):
        per_channel(same, at(0, 4, 2))
    with pytest.raises(Refusal, match="does not fit"):
        per_channel(c, at(0, N, 1))
