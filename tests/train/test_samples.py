# SPDX-License-Identifier: Apache-2.0
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportMissingTypeStubs=false
# pyright: reportOptionalCall=false, reportOptionalMemberAccess=false
"""Batches hold every sample once; images move as they should."""

import numpy as np
import pytest

from hwcompress.ir.order import Order

torch = pytest.importorskip("torch")

from hwcompress.train.samples import Samples, image_axes, shifted  # noqa: E402


def test_the_order_of_the_graph():
    """Channels first outside, innermost inside."""
    x = np.arange(24.0).reshape(2, 2, 2, 3)
    samples = Samples.of(x, None, Order((2, 2, 3), (1, 2, 0)), (2, 3, 2))
    assert np.array_equal(samples.inputs(samples.x).numpy(), x.transpose(0, 2, 3, 1))


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_every_sample_once(size):
    x = np.arange(7.0)[:, None]
    samples = Samples.of(x, np.arange(7), Order(), (1,))
    for seed in ((0, 0), (0, 1)):
        batches = list(samples.batches(size, seed))
        assert sorted(float(v) for b, _ in batches for v in b) == x[:, 0].tolist()
        assert all((b[:, 0].long() == y).all() for b, y in batches)
    a, b = ([y.tolist() for _, y in samples.batches(7, seed)] for seed in ((0, 0), (0, 1)))
    assert a != b
    assert a == [y.tolist() for _, y in samples.batches(7, (0, 0))]


@pytest.mark.parametrize(("shape", "axes"), [
    ((1, 28, 28), (1, 2)), ((28, 28, 3), (0, 1)), ((8, 8), (0, 1)), ((16,), None), ((3, 1, 40), None),
    ((1, 1, 9), None),
])  # fmt: skip
def test_which_axes_are_an_image(shape, axes):
    assert image_axes(shape) == axes


@pytest.mark.parametrize("layout", ["first", "last", "none"])
def test_shift(layout):
    rng = np.random.default_rng(0)
    image = rng.normal(size=(4, 5, 6))
    by = np.array([[1, -2], [0, 0], [-3, 2], [2, 1]])
    x = {"first": image[:, None], "last": image[..., None], "none": image}[layout]
    got = shifted(torch.tensor(x), torch.tensor(by)).numpy().reshape(4, 5, 6)
    for k in range(4):
        rows = (np.arange(5) - by[k, 0]).clip(0, 4)
        columns = (np.arange(6) - by[k, 1]).clip(0, 5)
        assert np.array_equal(got[k], image[k][np.ix_(rows, columns)])
