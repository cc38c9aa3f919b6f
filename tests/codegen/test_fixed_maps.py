# SPDX-License-Identifier: Apache-2.0
"""model.fixed.onnx of networks on maps: onnxruntime and the simulator give the codes of the operators."""

import importlib
from typing import Any

import numpy as np
import pytest

from hwcompress.codegen.fixed_onnx import Boundary, fixed_model
from hwcompress.sim.integer import Simulator
from tests.random_maps import random_map_network
from tests.random_networks import random_frames, reference

ort: Any = importlib.import_module("onnxruntime")


@pytest.mark.parametrize("seed", range(120))
def test_onnxruntime_gives_the_same_codes(seed: int) -> None:
    graph, _ = random_map_network(seed)
    x = random_frames(graph, 6, seed)
    y = reference(graph, x)
    np.testing.assert_array_equal(Simulator.of(graph).run(x), y)
    step = graph.types[graph.input].element.step
    ends = Boundary("x", [graph.elements], 1, np.full(graph.elements, step), "y", [y.shape[1]])
    session = ort.InferenceSession(fixed_model(graph, ends), providers=["CPUExecutionProvider"])
    codes = session.run(["codes"], {"x": (x * step).astype(np.float32)})[0]
    np.testing.assert_array_equal(codes, y)
