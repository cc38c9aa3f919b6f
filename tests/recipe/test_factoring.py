# SPDX-License-Identifier: Apache-2.0
from typing import Any

import numpy as np
import pytest

from hwcompress.compress.select import weighted
from hwcompress.errors import BadInput
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Op
from hwcompress.ops import Conv, Dense, Window
from hwcompress.recipe.factoring import run_low_rank
from hwcompress.recipe.state import State
from hwcompress.recipe.steps import LowRank
from hwcompress.sim.reference import run_float
from tests.compress.maps import network
from tests.compress.networks import RELU, chain
from tests.recipe.contexts import context_of


def of_rank(rng: np.random.Generator, m: int, n: int, rank: int) -> Reals:
    return rng.normal(size=(m, rank)) @ rng.normal(size=(rank, n))


def layered(rank: int = 2) -> Graph[Op]:
    """12 x 10 and 8 x 12, of that rank, and a layer of full rank that is too small to gain."""
    rng = np.random.default_rng(0)
    return chain(
        10,
        Dense(of_rank(rng, 12, 10, rank), rng.normal(size=12)),
        RELU,
        Dense(of_rank(rng, 8, 12, rank), rng.normal(size=8)),
        RELU,
        Dense(rng.normal(size=(2, 8)), rng.normal(size=2)),
    )


def run(graph: Graph[Op], state: State | None = None, **values: Any) -> tuple[State, dict[str, Any]]:
    return run_low_rank(LowRank.model_validate(values), state or State(graph), context_of(graph))


def sizes(graph: Graph[Op]) -> list[tuple[int, ...]]:
    return [op.weight.shape for op in weighted(graph).values()]


BOTH = [(2, 10), (12, 2), (2, 12), (8, 2), (2, 8)]


@pytest.mark.parametrize(
    "values",
    [{"energy": 1.0 - 1e-12}, {"rank": 2}, {"energy": 1.0 - 1e-9, "method": "data"}, {"rank": 2, "way": "channels"}],
)
def test_layers_of_low_rank_lose_products_and_nothing_else(values: dict[str, Any]) -> None:
    graph = layered()
    made, told = run(graph, **values)
    assert sizes(made.graph) == BOTH
    x = context_of(graph).calibration
    np.testing.assert_allclose(run_float(made.graph, x), run_float(graph, x), atol=1e-4)
    assert told["products"] == [120 + 96 + 16, 44 + 40 + 16]
    assert told["ranks"] == {n: {"way": "channels", "rank": 2} for n in ("dense_0", "dense_1")}


def test_the_least_energy_keeps_the_largest_singular_values() -> None:
    graph = layered(rank=8)
    for share in (0.3, 0.6, 0.8):
        _, told = run(graph, energy=share)
        for k, name in enumerate(("fc0", "fc1")):
            weight = weighted(graph)[name].weight
            squares = np.linalg.svd(weight, compute_uv=False) ** 2
            rank = next(r for r in range(1, 9) if squares[:r].sum() >= share * squares.sum())
            gains = rank * sum(weight.shape) < weight.size
            assert told["ranks"].get(f"dense_{k}") == ({"way": "channels", "rank": rank} if gains else None)


def test_a_share_of_the_products() -> None:
    graph = layered(rank=8)
    made, told = run(graph, cost=0.4)
    ranks = {"dense_0": int(0.4 * 120 / 22), "dense_1": int(0.4 * 96 / 20)}
    assert {n: row["rank"] for n, row in told["ranks"].items()} == ranks
    assert sizes(made.graph)[-1] == (2, 8)
    assert run(graph, cost=0.0)[1]["ranks"] == {}


def test_nothing_changes_where_no_product_falls() -> None:
    graph = layered(rank=8)
    made, told = run(graph, rank=100)
    assert made.graph == graph
    assert told["ranks"] == {}
    assert told["products"][0] == told["products"][1]


def test_of_a_pruned_layer_weights_that_are_not_zero_count() -> None:
    rng = np.random.default_rng(0)
    sparse = rng.normal(size=(12, 10)) * (rng.random((12, 10)) < 0.25)
    graph = chain(10, Dense(sparse, np.zeros(12)), RELU, Dense(np.ones((1, 12)), np.zeros(1)))
    assert run(graph, rank=3)[1]["ranks"] == {}
    dense = chain(10, Dense(rng.normal(size=(12, 10)), np.zeros(12)), RELU, Dense(np.ones((1, 12)), np.zeros(1)))
    assert run(dense, rank=3)[1]["ranks"] == {"dense_0": {"way": "channels", "rank": 3}}


def test_by_layer_and_skipped() -> None:
    graph = layered()
    made, _ = run(graph, rank=2, layers={"dense_0": {"skip": True}})
    assert sizes(made.graph) == [(12, 10), (2, 12), (8, 2), (2, 8)]
    made, told = run(graph, layers={"dense_1": {"rank": 1}})
    assert sizes(made.graph) == [(12, 10), (1, 12), (8, 1), (2, 8)]
    assert told["ranks"] == {"dense_1": {"way": "channels", "rank": 1}}
    made, told = run(graph, energy=1.0 - 1e-12, layers={"dense_1": {"rank": 1}})
    assert {n: row["rank"] for n, row in told["ranks"].items()} == {"dense_0": 2, "dense_1": 1}


def test_kernels_either_way() -> None:
    rng = np.random.default_rng(3)
    outer = np.einsum("m,r,c->mrc", rng.normal(size=6), rng.normal(size=3), rng.normal(size=3)).reshape(6, 9)
    graph = network((7, 7, 1), Conv(outer, rng.normal(size=6), Window((3, 3))), RELU)
    x = context_of(graph).calibration.reshape(-1, 49)
    for way, left in (("channels", 25 * (9 + 6)), ("spatial", 35 * 3 + 25 * 18), ("auto", 25 * (9 + 6))):
        for values in ({"rank": 1}, {"energy": 1 - 1e-12}):
            made, told = run(graph, None, way=way, **values)
            assert told["products"] == [25 * 54, left]
            np.testing.assert_allclose(run_float(made.graph, x), run_float(graph, x), atol=1e-9)


def test_shared_values_are_no_longer_those_of_the_parts() -> None:
    graph = layered()
    made, _ = run(graph, State(graph, frozenset({"fc0", "fc2"})), rank=2)
    assert made.shared == {"fc2"}


def test_types_that_are_settled_stay() -> None:
    graph = layered()
    with pytest.raises(BadInput, match="low-rank: a place before quantize"):
        run(graph, State(graph, settings={"per_channel": True}), rank=2)


@pytest.mark.parametrize("values", [{}, {"rank": 1, "energy": 0.5}, {"rank": 1, "cost": 0.5}])
def test_one_of_rank_energy_and_cost(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="one of energy, rank, cost wanted"):
        LowRank.model_validate(values)
