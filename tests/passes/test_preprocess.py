# SPDX-License-Identifier: Apache-2.0
"""What --mean, --std and the input scaling do."""

import numpy as np
import pytest

from hwcompress.errors import BadInput
from hwcompress.ir.graph import Graph, Node, Op
from hwcompress.ops import Dense
from hwcompress.passes.chain import linked
from hwcompress.passes.pipeline import simplify
from hwcompress.passes.preprocess import preprocess, scale_input
from hwcompress.sim.reference import run_float


def network(n: int) -> Graph[Op]:
    rng = np.random.default_rng(0)
    dense = Dense(rng.standard_normal((3, n)), rng.standard_normal(3))
    return linked(Graph("g", "x", n, ()), [Node("fc", dense, "", "preprocess")])


@pytest.mark.parametrize(
    ("shape", "mean", "std", "axes"),
    [
        ((12,), 3.0, 2.0, ()),
        ((12,), np.arange(12.0), np.arange(1, 13), (12,)),
        ((3, 2, 2), [1, 2, 3], 0.5, (3, 1, 1)),
        ((2, 2, 3), 0, [1, 2, 4], (1, 1, 3)),
        ((3, 2, 2), np.arange(12.0), 1, (3, 2, 2)),
        ((1, 3, 4), [5], [255], ()),
    ],
)
def test_raw_values_go_in(shape, mean, std, axes):
    graph = network(12)
    raw = np.random.default_rng(1).integers(0, 256, (4, *shape)).astype(np.float64)

    def spread(v):
        return np.reshape(v, axes if np.size(v) > 1 else ())

    wanted = run_float(graph, ((raw - spread(mean)) / spread(std)).reshape(4, 12))
    made = preprocess(graph, shape, mean, std)
    assert [n.name for n in made] == ["preprocess", "fc"]
    assert len({n.output for n in made}) == 2
    np.testing.assert_allclose(run_float(made, raw.reshape(4, 12)), wanted, rtol=1e-12, atol=1e-9)
    (node,) = simplify(made).nodes
    np.testing.assert_allclose(node.op.run_float(raw.reshape(4, 12)), wanted, rtol=1e-12, atol=1e-9)


def test_neutral_values_change_nothing():
    graph = network(4)
    assert preprocess(graph, (4,), 0.0, 1.0) is graph


@pytest.mark.parametrize(
    ("mean", "std", "message"),
    [
        ([1, 2], 1, "--mean has 2 values; an input of shape [3, 2, 5] wants 1 or one for each channel"),
        (0, 0, "--std must be greater than 0, found 0"),
        (0, [1, 2, -4], "--std must be greater than 0, found -4"),
        (float("nan"), 1, "--mean wants finite numbers, one or one for each channel"),
        (0, [[1.0]], "--std wants finite numbers, one or one for each channel"),
    ],
)
def test_wrong_values(mean, std, message):
    with pytest.raises(BadInput) as caught:
        preprocess(network(30), (3, 2, 5), mean, std)
    assert str(caught.value) == message


def test_channels_of_different_size_share_a_type():
    graph, exponents = network(4), np.array([0, 3, -2, 1])
    x = np.random.default_rng(2).standard_normal((5, 4))
    made = scale_input(graph, exponents)
    np.testing.assert_array_equal(run_float(made, x * 2.0**exponents), run_float(graph, x))
