# SPDX-License-Identifier: Apache-2.0
"""Groups go whole, and those that stay are the best that the budget buys: against every subset."""

from itertools import product

import numpy as np
import pytest

from hwcompress.compress import groups
from hwcompress.compress.groups import Cost, Folding, Grouped, knapsack, prune_groups
from hwcompress.compress.select import weighted
from hwcompress.errors import BadInput
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Op
from hwcompress.ops import Conv, Dense, Window
from tests.compress.maps import network
from tests.compress.networks import RELU, chain, random_dense, weights


def level(*rows: list[float]) -> Graph[Op]:
    return chain(len(rows[0]), Dense(np.array(rows, dtype=np.float64), np.zeros(len(rows))))


def two(seed: int = 0) -> Graph[Op]:
    """6 x 4 and 3 x 6."""
    rng = np.random.default_rng(seed)
    return chain(4, random_dense(rng, 6, 4), RELU, random_dense(rng, 3, 6))


def best_subset(items: list[tuple[Cost, float]], budget: Cost) -> float:
    most = 0.0
    for chosen in product((False, True), repeat=len(items)):
        used = [sum(c[r] for (c, _), taken in zip(items, chosen, strict=True) if taken) for r in range(len(budget))]
        if all(u <= b for u, b in zip(used, budget, strict=True)):
            most = max(most, sum(v for (_, v), taken in zip(items, chosen, strict=True) if taken))
    return most


@pytest.mark.parametrize("seed", range(40))
def test_the_knapsack_is_the_best_of_all_subsets(seed: int) -> None:
    rng = np.random.default_rng(seed)
    resources = int(rng.integers(1, 3))
    classes: list[tuple[Cost, Reals]] = []
    for _ in range(int(rng.integers(1, 4))):
        cost = tuple(rng.integers(0, 5, resources).tolist())
        classes.append((cost, np.sort(rng.random(int(rng.integers(0, 5))))[::-1]))
    budget = tuple(rng.integers(0, 12, resources).tolist())
    counts = knapsack(classes, budget)
    used = [sum(k * c[r] for k, (c, _) in zip(counts, classes, strict=True)) for r in range(resources)]
    assert all(u <= b for u, b in zip(used, budget, strict=True))
    value = sum(v[:k].sum() for k, (_, v) in zip(counts, classes, strict=True))
    assert value == pytest.approx(best_subset([(c, float(v)) for c, vs in classes for v in vs], budget))


def test_the_greedy_choice_would_be_worse() -> None:
    """By value for its cost the first goes in first, and leaves room for nothing."""
    assert knapsack([((4,), np.array([5.0])), ((3,), np.array([3.0, 3.0]))], (6,)) == [0, 2]


def loops(weight: Reals, folding: Folding) -> dict[int, list[tuple[int, int]]]:
    """The weights of each group, as the brief of the engine says it: W[i * PE + p, j * SIMD + s]."""
    rows, columns = weight.shape
    found: dict[int, list[tuple[int, int]]] = {}
    for p, s in product(range(folding.pe), range(folding.simd)):
        group = (p * folding.simd + s) // folding.together
        for i, j in product(range(-(-rows // folding.pe)), range(-(-columns // folding.simd))):
            if i * folding.pe + p < rows and j * folding.simd + s < columns:
                found.setdefault(group, []).append((i * folding.pe + p, j * folding.simd + s))
    return found


def brute(graph: Graph[Op], foldings: dict[str, Folding], share: float) -> float:
    """Greatest value over every choice of whole groups."""
    items: list[tuple[Cost, float]] = []
    for name, folding in foldings.items():
        weight = weighted(graph)[name].weight
        norms = [np.sqrt(sum(weight[at] ** 2 for at in each)) for each in loops(weight, folding).values()]
        items += [(folding.cost, float(n / max(norms))) for n in norms]
    total = [sum(f.groups * f.cost[r] for f in foldings.values()) for r in range(len(items[0][0]))]
    return best_subset(items, tuple(int(t * (1 - share) + 1e-9) for t in total))


def kept_value(graph: Graph[Op], found: Grouped, foldings: dict[str, Folding]) -> float:
    value = 0.0
    for name, folding in foldings.items():
        old, new = weighted(graph)[name].weight, weighted(found.graph)[name].weight
        norms = {g: np.sqrt(sum(old[at] ** 2 for at in each)) for g, each in loops(old, folding).items()}
        whole = 0
        for g, each in loops(old, folding).items():
            alive = [new[at] != 0 for at in each]
            assert all(alive) or not any(alive)
            assert not all(alive) or all(new[at] == old[at] for at in each)
            value += norms[g] / max(norms.values()) if all(alive) else 0.0
            whole += all(alive)
        assert whole == found.kept[name]
    return float(value)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.8, 1.0])
@pytest.mark.parametrize("seed", range(6))
def test_groups_are_the_best_that_the_budget_buys(seed: int, share: float) -> None:
    graph = two(seed)
    foldings = [
        {"fc0": Folding(2, 2), "fc1": Folding(3, 2, (2,))},
        {"fc0": Folding(3, 2, (2, 1), 2), "fc1": Folding(1, 4, (1, 0))},
        {"fc0": Folding(4, 3, (1,), 4)},
    ][seed % 3]
    found = prune_groups(graph, foldings, share)
    assert kept_value(graph, found, foldings) == pytest.approx(brute(graph, foldings, share))
    assert all(u <= b for u, b in zip(found.used, found.budget, strict=True))
    assert prune_groups(found.graph, foldings, share).kept == found.kept


def test_multipliers_of_a_small_layer() -> None:
    graph = level([1, 9, 1, 9], [2, 3, 2, 3], [1, 9, 1, 9], [2, 3, 2, 3])
    found = prune_groups(graph, {"fc0": Folding(2, 2)}, 0.5)
    assert weights(found.graph)[0].tolist() == [[0, 9, 0, 9], [0, 3, 0, 3]] * 2
    assert (found.kept, found.used, found.budget) == ({"fc0": 2}, (2,), (2,))


def test_ties_go_in_order() -> None:
    assert weights(prune_groups(level([1, 1, 1, 1]), {"fc0": Folding(1, 4)}, 0.5).graph)[0].tolist() == [[0, 0, 1, 1]]


def test_empty_groups_are_free() -> None:
    graph = level([0, 1, 2, 3])
    found = prune_groups(graph, {"fc0": Folding(1, 4)}, 0.25)
    assert weights(found.graph)[0].tolist() == [[0, 1, 2, 3]]
    assert found.kept == {"fc0": 3}
    empty = prune_groups(level([0, 0]), {"fc0": Folding(1, 2)}, 0.0)
    assert empty.kept == {"fc0": 0}


def test_scores_may_be_given() -> None:
    scores = {"fc0": np.array([[9.0, 1, 2, 3]])}
    found = prune_groups(level([1, 2, 3, 4]), {"fc0": Folding(1, 4)}, 0.5, scores)
    assert weights(found.graph)[0].tolist() == [[1, 0, 0, 4]]


def test_shares_of_each_resource() -> None:
    """Block RAMs are scarce: groups that take one go, the others stay."""
    foldings = {"fc0": Folding(2, 2, (1, 0)), "fc1": Folding(3, 2, (1, 1))}
    found = prune_groups(two(), foldings, (0.0, 0.5))
    assert found.kept == {"fc0": 4, "fc1": 3}
    assert found.budget == (10, 3)


def test_convolutions_are_folded_along_taps_and_channels() -> None:
    conv = Conv(np.arange(1.0, 9.0).reshape(2, 4), np.zeros(2), Window((2, 2)))
    found = prune_groups(network((3, 3, 1), conv), {"conv0": Folding(1, 2)}, 0.5)
    assert weighted(found.graph)["conv0"].weight.tolist() == [[0, 2, 0, 4], [0, 6, 0, 8]]


def test_large_layers_of_one_cost_take_no_time() -> None:
    rng = np.random.default_rng(0)
    graph = chain(784, Dense(rng.normal(size=(300, 784)), np.zeros(300)))
    found = prune_groups(graph, {"fc0": Folding(300, 784)}, 0.9)
    weight = weights(graph)[0]
    cut = np.sort(np.abs(weight).ravel())[-23520]
    assert (weights(found.graph)[0] != 0).tolist() == (np.abs(weight) >= cut).tolist()


def test_nothing_to_do() -> None:
    graph = two()
    assert prune_groups(graph, {}, 0.5).graph is graph


def test_wrong_arguments_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = two()
    fine = {"fc0": Folding(2, 2)}
    monkeypatch.setattr(groups, "MOST", 10)
    for call in (
        lambda: prune_groups(graph, {"fc9": Folding(1, 1)}, 0.5),
        lambda: prune_groups(graph, {"fc0": Folding(0, 1)}, 0.5),
        lambda: prune_groups(graph, {"fc0": Folding(1, 1, (-1,))}, 0.5),
        lambda: prune_groups(graph, {"fc0": Folding(1, 1, ())}, 0.5),
        lambda: prune_groups(graph, fine | {"fc1": Folding(1, 1, (1, 1))}, 0.5),
        lambda: prune_groups(graph, fine, 1.5),
        lambda: prune_groups(graph, fine, (0.5, 0.5)),
        lambda: prune_groups(graph, fine, 0.5, {}),
        lambda: prune_groups(graph, fine, 0.5, {"fc0": -np.ones((6, 4))}),
        lambda: prune_groups(graph, fine | {"fc1": Folding(3, 3, (2,))}, 0.5),
    ):
        with pytest.raises(BadInput, match="Try: "):
            call()
