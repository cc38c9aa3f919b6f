# SPDX-License-Identifier: Apache-2.0
"""Mixed precision: as good as 8 bits everywhere on the calibration data, at fewer bit products."""

import numpy as np
import pytest

from hwcompress.compress.mixed import LEAST, START, cost
from hwcompress.compress.recipe import Compressed, request
from hwcompress.compress.stages import stages
from hwcompress.config import make
from hwcompress.errors import BadInput
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Op
from hwcompress.ops import Dense
from tests.compress.networks import RELU, chain, compressed, random_chain

AUTO = {"weight_bits": "auto", "activation_bits": "auto"}


def error(network: Compressed, x: Reals) -> float:
    value = x
    for stage in stages(network.float_graph):
        value = stage.run(value)
    return float(np.mean((network.choice.quantized.output - value) ** 2))


def inputs(graph: Graph[Op], seed: int = 0) -> Reals:
    return np.random.default_rng(seed).normal(size=(200, graph.channels))


def widths(network: Compressed) -> dict[str, int]:
    types = network.choice.types
    out = {key: fmt.type.width for key, fmt in types.values.items()}
    return out | {f"{k}.w": v if isinstance(v, int) else v.type.width for k, v in types.weights.items()}


def test_cost_is_bits_times_bits_over_the_products_that_are_left() -> None:
    graph = chain(
        3, Dense(np.array([[1.0, 0.0, 2.0], [0.5, 1.0, 0.0]]), np.zeros(2)), RELU, Dense(np.ones((1, 2)), np.zeros(1))
    )
    options = {"weight_bits": 4, "activation_bits": 6, "layers": {"dense_1": {"weight_bits": 3}}}
    assert cost(graph, request(graph, make(options))) == 4 * 4 * 6 + 2 * 3 * 6


@pytest.mark.parametrize("seed", range(12))
def test_as_good_as_eight_bits_and_cheaper(seed: int) -> None:
    graph = random_chain(seed, functions=False)
    x = inputs(graph)
    even, mixed = compressed(graph, {}, x), compressed(graph, AUTO, x)
    assert error(mixed, x) <= error(even, x)
    assert all(LEAST <= w <= 2 * START for w in widths(mixed).values())
    assert any(note.startswith("mixed precision: ") for note in mixed.notes)


def test_weights_that_two_bits_hold_exactly_get_no_more() -> None:
    rng = np.random.default_rng(3)
    first = Dense(np.diag([1.0, 1.0]), np.zeros(2))
    graph = chain(
        2,
        first,
        RELU,
        Dense(rng.normal(size=(8, 2)), np.zeros(8)),
        RELU,
        Dense(1e-3 * np.ones((1, 8)), np.array([5.0])),
    )
    found = compressed(graph, AUTO, inputs(graph)).choice.types.weights
    assert found["dense_0"] == LEAST  # 1 and 0 are exact in two bits


def test_what_a_layer_asks_for_itself_is_kept() -> None:
    graph = random_chain(5, functions=False)
    own = {"layers": {"dense_0": {"weight_bits": 11, "activation_bits": 9}}, "input_type": "s7f4"}
    types = compressed(graph, AUTO | own, inputs(graph)).choice.types
    assert types.weights["dense_0"] == 11
    assert str(types.values["input"].type) == "s7f4"
    assert types.values["dense_0"].type.width == 9


def test_one_kind_alone() -> None:
    graph = random_chain(7, functions=False)
    network = compressed(graph, {"weight_bits": "auto", "activation_bits": 7}, inputs(graph))
    assert {f.type.width for f in network.choice.types.values.values()} <= {7, 14}


def test_without_data_it_is_refused() -> None:
    with pytest.raises(BadInput, match=r"^bits auto: .* Try: --data FILE\.npz, or 2 to 16$"):
        compressed(random_chain(0), AUTO)
