# SPDX-License-Identifier: Apache-2.0
"""The fast simulator and model.fixed.onnx give the codes that the operators give one by one."""

import numpy as np
import pytest

from hwcompress.codegen.fixed_onnx import Boundary, fixed_model
from hwcompress.errors import ShapeError
from hwcompress.frontend.runtime import Session
from hwcompress.ops.exact import FLOAT32_EXACT, product_sum
from hwcompress.sim.integer import Simulator
from tests.random_networks import random_frames, random_network, reference


@pytest.mark.parametrize("seed", range(60))
def test_simulator_equals_operators(seed: int) -> None:
    graph, _ = random_network(seed)
    x = random_frames(graph, 40, seed)
    simulator = Simulator.of(graph)
    assert (simulator.run(x) == reference(graph, x)).all()
    assert simulator.run(x[:0]).shape == (0, graph.types[graph.output].channels)
    assert (simulator.run(x[:1]) == reference(graph, x[:1])).all()


@pytest.mark.parametrize("seed", range(500, 512))
def test_fixed_onnx_equals_simulator(seed: int) -> None:
    graph, _ = random_network(seed)
    if graph.types[graph.input].shifts:
        pytest.skip("its input has an exponent for each channel")
    x = random_frames(graph, 24, seed)
    kind = graph.types[graph.input].element
    scale = np.full(graph.channels, kind.step)
    model = fixed_model(
        graph, Boundary("in", (graph.channels,), 11, scale, "out", (graph.types[graph.output].channels,))
    )
    codes = Session(model, "fixed").run(x * kind.step)["codes"]
    assert (codes == Simulator.of(graph).run(x)).all()


@pytest.mark.parametrize("top", [FLOAT32_EXACT - 1, FLOAT32_EXACT, FLOAT32_EXACT + 1, (1 << 53) - 1])
def test_product_sum_at_the_borders(top: int) -> None:
    weight = np.array([[top - 1, 1], [1 - top, -1]], dtype=np.int64)
    x = np.array([[1, 1], [1, 0], [-1, -1]], dtype=np.int64)
    assert (product_sum(x, weight, np.zeros(2, dtype=np.int64)) == x @ weight.T).all()


@pytest.mark.parametrize("extra", [1, 2, 3])
def test_product_sum_refuses_what_would_not_be_exact(extra: int) -> None:
    weight = np.array([[(1 << 53) - 1, extra]], dtype=np.int64)
    with pytest.raises(ShapeError, match=r"2\*\*53 or more"):
        product_sum(np.ones((1, 2), dtype=np.int64), weight, np.zeros(1, dtype=np.int64))
