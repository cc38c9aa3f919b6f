# SPDX-License-Identifier: Apache-2.0
"""Hessians equal sums over samples and positions, written as loops."""

import numpy as np
import pytest

from hwcompress.compress import hessian
from hwcompress.compress.hessian import hessians, layer_hessian
from hwcompress.errors import BadInput
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Node, Op
from hwcompress.ops import Clip, Conv, Dense, MaxPool, Window
from hwcompress.passes.chain import linked
from tests.compress.networks import RELU, chain, random_dense


def maps(grid: tuple[int, int], channels: int, *ops: Op) -> Graph[Op]:
    """A chain on maps, nodes named n0, n1 ..."""
    nodes = [Node(f"n{k}", op, "", f"v{k}") for k, op in enumerate(ops)]
    return linked(Graph("g", "x", channels, (), grid=grid), nodes)


def loop_rows(op: Dense | Conv, sample: Reals, group: int) -> list[Reals]:
    """What a row of a group's weight is multiplied with at every position of one sample."""
    if isinstance(op, Dense):
        return [sample.reshape(-1)]
    w = op.window
    rows, columns, channels = sample.shape
    own = range(group * channels // op.groups, (group + 1) * channels // op.groups)
    found: list[Reals] = []
    out_rows, out_columns = w.grid(sample.shape)
    for i in range(out_rows):
        for j in range(out_columns):
            taps: list[float] = []
            for k in range(w.kernel[0]):
                for l in range(w.kernel[1]):
                    r = i * w.stride[0] + k * w.dilation[0] - w.before[0]
                    s = j * w.stride[1] + l * w.dilation[1] - w.before[1]
                    inside = 0 <= r < rows and 0 <= s < columns
                    taps += [float(sample[r, s, c]) if inside else 0.0 for c in own]
            found.append(np.array(taps))
    return found


CONVS = [
    (Window((2, 2)), 1),
    (Window((3, 2), stride=(2, 1), before=(1, 0), after=(1, 1)), 2),
    (Window((2, 2), dilation=(2, 1)), 4),
]


@pytest.mark.parametrize(("window", "groups"), CONVS, ids=str)
@pytest.mark.parametrize("centred", [False, True])
def test_of_a_convolution_every_position_counts(window: Window, groups: int, centred: bool) -> None:
    rng = np.random.default_rng(0)
    op = Conv(rng.normal(size=(4, window.taps * 4 // groups)), rng.normal(size=4), window, groups)
    x = rng.normal(size=(3, 5, 4, 4)) + 1.0
    check(op, x, x + rng.normal(size=x.shape), groups, centred)


@pytest.mark.parametrize("samples", [1, 2, 7])
@pytest.mark.parametrize("centred", [False, True])
def test_of_a_dense_layer(samples: int, centred: bool) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(samples, 6)) + 1.0
    check(random_dense(rng, 3, 6), x, x * 1.25, 1, centred)


def check(op: Dense | Conv, x: Reals, x_float: Reals, groups: int, centred: bool) -> None:
    found = layer_hessian(op, x, x_float, centred=centred)
    for g in range(groups):
        rows, floats = (np.array([r for sample in v for r in loop_rows(op, sample, g)]) for v in (x, x_float))
        np.testing.assert_allclose(found.mean[g], rows.mean(axis=0))
        np.testing.assert_allclose(found.mean_float[g], floats.mean(axis=0))
        if centred:
            rows, floats = rows - rows.mean(axis=0), floats - floats.mean(axis=0)
        np.testing.assert_allclose(found.matrix[g], 2 / len(x) * rows.T @ rows, atol=1e-12)
        np.testing.assert_allclose(found.drift[g], 2 / len(x) * (floats - rows).T @ rows, atol=1e-12)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    op = Conv(rng.normal(size=(2, 8)), np.zeros(2), Window((2, 2)))
    x = rng.integers(-8, 9, (9, 4, 4, 2)).astype(np.float64)
    whole = layer_hessian(op, x, x + 1)
    monkeypatch.setattr(hessian, "CHUNK", 150)  # two samples
    parts = layer_hessian(op, x, x + 1)
    assert whole.matrix.tobytes() == parts.matrix.tobytes()
    assert whole.drift.tobytes() == parts.drift.tobytes()


def test_every_layer_reads_what_the_float_network_gives_it() -> None:
    rng = np.random.default_rng(3)
    first = Conv(rng.normal(size=(3, 4)), rng.normal(size=3), Window((2, 2)))
    graph = maps((5, 5), 1, first, RELU, MaxPool(Window((2, 2), (2, 2))), random_dense(rng, 2, 12))
    x = rng.normal(size=(6, 5, 5, 1))
    found = hessians(graph, x.reshape(6, 25))
    assert list(found) == ["n0", "n3"]
    read = graph.nodes[2].op.run_float(np.maximum(first.run_float(x), 0)).reshape(6, 12)
    np.testing.assert_allclose(found["n3"].matrix[0], 2 / 6 * read.T @ read)
    assert found["n3"].drift.any() == np.False_


def test_dead_inputs_get_a_one_and_nothing_beside_it() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(8, 4))
    x[:, 1], x[:, 3] = 0.0, 0.7
    op = random_dense(rng, 2, 4)
    plain, centred = layer_hessian(op, x), layer_hessian(op, x, centred=True)
    assert plain.dead.tolist() == [[False, True, False, False]]
    assert centred.dead.tolist() == [[False, True, False, True]]
    got = centred.damped(0.5)[0]
    live = centred.matrix[0][np.ix_([0, 2], [0, 2])]
    np.testing.assert_allclose(got[np.ix_([0, 2], [0, 2])], live + 0.5 * np.trace(live) / 2 * np.eye(2))
    np.testing.assert_array_equal(got[[1, 3]], np.eye(4)[[1, 3]])
    np.testing.assert_array_equal(got[:, [1, 3]], np.eye(4)[:, [1, 3]])


def test_with_one_sample_all_is_dead_once_the_mean_is_gone() -> None:
    found = layer_hessian(Dense(np.ones((1, 3)), np.zeros(1)), np.array([[1.0, -2.0, 0.5]]), centred=True)
    assert found.dead.all()
    np.testing.assert_array_equal(found.damped(0.01)[0], np.eye(3))


@pytest.mark.parametrize(
    ("x", "want"),
    [
        (np.zeros((0, 3)), "samples of [3] wanted, got [0, 3]"),
        (np.zeros((2, 4)), "samples of [3] wanted, got [2, 4]"),
        (np.zeros(3), "samples of [3] wanted, got [3]"),
        (np.array([[0.0, np.nan, 1.0]]), "finite numbers wanted"),
        (np.array([[0.0, np.inf, 1.0]]), "finite numbers wanted"),
    ],
    ids=str,
)
def test_data_that_does_not_fit_is_refused(x: Reals, want: str) -> None:
    graph = chain(3, random_dense(np.random.default_rng(0), 2, 3), Clip(0.0, 1.0))
    with pytest.raises(BadInput) as caught:
        hessians(graph, x)
    assert want in str(caught.value)
    assert "Try:" in str(caught.value)
