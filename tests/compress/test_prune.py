# SPDX-License-Identifier: Apache-2.0
"""Pruning takes exactly as many weights as it says, the smallest first."""

from fractions import Fraction

import numpy as np
import pytest

from hwcompress.compress.prune import prune_global, prune_layers, prune_magnitude, prune_threshold, sparsity
from hwcompress.config import make
from hwcompress.errors import BadInput
from hwcompress.ir.graph import Graph, Op
from hwcompress.ops import Clip, Dense
from tests.compress.networks import RELU, chain, compressed, random_dense, weights

SHARES = [0.0, 0.001, 0.25, 0.5, 0.625, 0.9, 0.999, 1 - 1e-12, 1.0]


def network(seed: int = 0) -> Graph[Op]:
    """60 and 77 weights."""
    rng = np.random.default_rng(seed)
    return chain(6, random_dense(rng, 10, 6), RELU, random_dense(rng, 7, 10), RELU, random_dense(rng, 1, 7))


def level(*rows: list[float]) -> Graph[Op]:
    return chain(len(rows[0]), Dense(np.array(rows), np.zeros(len(rows))))


def zeros(graph: Graph[Op]) -> list[int]:
    return [int((w == 0).sum()) for w in weights(graph)]


def whole(share: float, size: int) -> int:
    """The nearest number of weights; of two the even one."""
    return round(Fraction(share) * size)


@pytest.mark.parametrize("share", SHARES)
def test_global_pruning_counts_over_all_layers(share: float) -> None:
    graph = network()
    pruned = prune_magnitude(graph, share)
    before = np.concatenate([w.ravel() for w in weights(graph)])
    after = np.concatenate([w.ravel() for w in weights(pruned)])
    gone = after != before
    assert gone.sum() == whole(share, 137)
    assert (after[gone] == 0).all()
    assert np.abs(before[gone]).max(initial=0.0) <= np.abs(before[~gone]).min(initial=np.inf)


@pytest.mark.parametrize("share", SHARES)
def test_layer_pruning_counts_in_each_layer(share: float) -> None:
    assert zeros(prune_layers(network(), dict.fromkeys(("fc0", "fc1", "fc2"), share))) == [
        whole(share, 60), whole(share, 70), whole(share, 7),
    ]  # fmt: skip


def test_layers_that_are_not_named_stay() -> None:
    graph = network()
    pruned = prune_layers(graph, {"fc1": 0.5})
    assert zeros(pruned) == [0, 35, 0]
    assert pruned.nodes[0] is graph.nodes[0]
    assert [type(n.op) for n in pruned] == [type(n.op) for n in graph]


@pytest.mark.parametrize(("share", "want"), [(0.25, [0, 1, -1, 1]), (0.5, [0, 0, -1, 1]), (0.75, [0, 0, 0, 1])])
def test_ties_go_in_order(share: float, want: list[float]) -> None:
    assert weights(prune_magnitude(level([1, 1, -1, 1]), share))[0].tolist() == [want]
    assert weights(prune_layers(level([1, 1, -1, 1]), {"fc0": share}))[0].tolist() == [want]


def test_ties_between_layers_go_to_the_first() -> None:
    graph = chain(2, Dense(np.ones((2, 2)), np.zeros(2)), Dense(-np.ones((1, 2)), np.zeros(1)))
    assert zeros(prune_magnitude(graph, 5 / 6)) == [4, 1]


def test_zeros_count_as_pruned() -> None:
    graph = level([0, 3, 0, -2], [5, 0, 1, 0])
    assert weights(prune_magnitude(graph, 0.5))[0].tolist() == weights(graph)[0].tolist()
    assert weights(prune_magnitude(graph, 0.625))[0].tolist() == [[0, 3, 0, -2], [5, 0, 0, 0]]


def test_a_threshold_is_quality_times_deviation() -> None:
    """The deviation of -3, -1, 1, 3 is sqrt 5; what lies on the threshold stays."""
    graph = level([-3, -1, 1, 3])
    unit = 1 / 5**0.5
    assert zeros(prune_threshold(graph, {"fc0": 0.0})) == [0]
    assert zeros(prune_threshold(graph, {"fc0": 0.99 * unit})) == [0]
    assert zeros(prune_threshold(graph, {"fc0": 1.01 * unit})) == [2]
    assert zeros(prune_threshold(graph, {"fc0": 3.01 * unit})) == [4]
    assert zeros(prune_threshold(level([-1, 1]), {"fc0": 1.0})) == [0]


def test_each_layer_has_a_deviation_of_its_own() -> None:
    graph = chain(4, Dense(np.array([[-3.0, -1, 1, 3]]), np.zeros(1)), Dense(np.array([[100.0]]), np.zeros(1)))
    assert zeros(prune_threshold(graph, {"fc0": 1.0, "fc1": 1.0})) == [2, 0]


def test_sparsity_is_the_share_of_zeros() -> None:
    assert sparsity(level([0, 3, 0, -2])) == 0.5
    assert sparsity(chain(2, RELU)) == 0.0
    assert sparsity(prune_magnitude(network(), 0.5)) == 68 / 137


def test_no_layer_is_emptied_before_the_others() -> None:
    """A layer of small weights: by magnitude all of it would go first."""
    small, large = np.linspace(0.001, 0.008, 8).reshape(2, 4), np.linspace(1.0, 8.0, 8).reshape(4, 2)
    graph = chain(4, Dense(small, np.zeros(2)), Dense(large, np.zeros(4)))
    assert zeros(prune_magnitude(graph, 0.5)) == [8, 0]
    assert zeros(prune_global(graph, 0.5)) == [4, 4]
    assert zeros(prune_global(graph, 0.875)) == [7, 7]


def test_the_deviation_of_the_input_counts() -> None:
    graph = chain(4, Dense(np.array([[1.0, 2.0, 3.0, 4.0]]), np.zeros(1)))
    spread = {"fc0": np.array([1.0, 1.0, 0.0, 0.1])}
    assert weights(prune_global(graph, 0.5, spread))[0].tolist() == [[1, 2, 0, 0]]
    assert weights(prune_layers(graph, {"fc0": 0.25}, spread))[0].tolist() == [[1, 2, 0, 4]]


def test_scores_are_those_of_lamp() -> None:
    """Lee et al., equation 4, by hand: w^2 over the sum of the squares of those not smaller."""
    graph = chain(2, Dense(np.array([[1.0, 2.0]]), np.zeros(1)), Dense(np.array([[3.0], [5.0]]), np.zeros(2)))
    # 1/5, 1 and 9/34, 1: the first goes, then the third, then ties in order
    for count, want in ((1, [1, 0]), (2, [1, 1]), (3, [2, 1])):
        assert zeros(prune_global(graph, count / 4)) == want


def test_the_input_is_pruned_by_what_it_brings_not_by_its_unit() -> None:
    """One input in thousandths, its weights in thousands: magnitude alone would keep the other, which is as good."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 2)) * np.array([1e-3, 1.0])
    graph = chain(2, Dense(np.array([[500.0, 1.0], [1000.0, 0.5]]), np.zeros(2)))
    kept = compressed(graph, {"sparsity": 0.5}, x).float_graph
    assert zeros(kept) == [2]
    assert (weights(kept)[0] != 0).tolist() == [[False, True], [True, False]]


def test_a_layer_without_weights_is_named() -> None:
    graph = chain(2, Dense(np.eye(2) / 9, np.zeros(2)), Dense(np.eye(2) * 9, np.zeros(2)))
    notes = compressed(graph, {"layers": {"dense_1": {"sparsity": 1.0}}}).notes
    assert notes[0] == "no weight is left in dense_1: its output is constant. Try: a lower --sparsity"


def test_a_network_without_products_has_nothing_to_prune() -> None:
    graph = chain(3, Clip(0.0, 1.0))
    assert prune_magnitude(graph, 0.9) is graph


@pytest.mark.parametrize(
    ("options", "want"),
    [
        ({"sparsity": 0.5, "prune": "layer"}, [30, 35, 4]),
        ({"sparsity": 0.5, "prune": "layer", "layers": {"dense_1": {"sparsity": 0.9}}}, [30, 63, 4]),
        ({"layers": {"fc[01]": {"sparsity": 0.1}, "fc1": {"sparsity": 0.2}}}, [6, 14, 0]),
        ({"layers": {"*": {"sparsity": 0.5}, "dense_0": {"sparsity": 0.0}}}, [0, 35, 4]),
        ({"sparsity": 0.5, "prune": "layer", "layers": {"dense_0": {"sparsity": 0.1}}}, [30, 35, 4]),
    ],
)
def test_a_configuration_prunes_the_layers_that_its_patterns_name(options: dict[str, object], want: list[int]) -> None:
    assert zeros(compressed(network(), options).float_graph) == want


def test_a_configuration_prunes_globally_and_by_threshold() -> None:
    graph = network()
    own = {"fc0": 0.5, "fc1": 0.5, "fc2": 0.5}
    assert sum(zeros(compressed(graph, {"sparsity": 0.75}).float_graph)) == whole(0.75, 137)
    by_quality = compressed(graph, {"prune": "threshold", "quality": 0.5}).float_graph
    assert zeros(by_quality) == zeros(prune_threshold(graph, own))
    assert zeros(compressed(graph, {"layers": {"*": {"quality": 0.5}}}).float_graph) == zeros(by_quality)


@pytest.mark.parametrize(
    "options",
    [
        {"sparsity": -0.01},
        {"sparsity": 1.01},
        {"sparsity": float("nan")},
        {"sparsity": True},
        {"prune": "smallest", "sparsity": 0.5},
        {"prune": "threshold"},
        {"quality": 0.5},
        {"prune": "threshold", "quality": -0.1},
        {"prune": "threshold", "quality": float("inf")},
        {"prune": "threshold", "quality": 0.5, "sparsity": 0.5},
        {"layers": {"fc0": {"sparsity": 1.5}}},
        {"layers": {"fc0": {"quality": -1}}},
    ],
    ids=str,
)
def test_values_that_mean_nothing_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        make(options)
