# SPDX-License-Identifier: Apache-2.0
"""Random convolutional chains equal onnxruntime, whatever their layout; absurd attributes end in one line."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwcompress.frontend.onnx_import import inspect
from tests.frontend.build import agrees, model, node, save, weights
from tests.frontend.chains import random_chain

AGREE = 1e-4  # float32 sums of a few layers


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 1 << 32))
def test_random_chains(tmp_path, seed):
    agrees(tmp_path, random_chain(seed, tmp_path), exact=False, tolerance=AGREE)


@pytest.mark.long
@pytest.mark.parametrize("start", range(0, 4000, 200))
def test_many_random_chains(start, tmp_path):
    for seed in range(start, start + 200):
        agrees(tmp_path, random_chain(seed, tmp_path), exact=False, tolerance=AGREE)


NUMBERS = st.one_of(
    st.integers(0, 4), st.sampled_from([-1, 1 << 15, 1 << 23, 1 << 24, 1 << 31, 1 << 40, -(1 << 63), (1 << 63) - 1])
)
LISTS = st.lists(NUMBERS, min_size=1, max_size=5)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["Conv", "MaxPool", "AveragePool", "Pad", "ReduceMean"]),
    st.dictionaries(st.sampled_from(["strides", "dilations", "pads", "kernel_shape", "axes"]), LISTS),
    st.integers(-1, 3),
    LISTS,
)
def test_absurd_attributes(tmp_path, op, attributes, group, ends):
    allowed = {"Pad": (), "ReduceMean": ("axes",)}.get(op, ("strides", "dilations", "pads", "kernel_shape"))
    given_: dict[str, Any] = {k: v for k, v in attributes.items() if k in allowed}
    given_ |= {"group": group} if op == "Conv" else {}
    operands = {"Conv": "x w", "Pad": "x e"}.get(op, "x")
    nodes = [node(op, operands, "h", **given_), node("MaxPool", "h", "y", kernel_shape=[1, 1])]
    stored = {"Conv": ("w", weights(2, 2, 2, 2)), "Pad": ("e", np.array(ends * 2, np.int64))}
    made = model(nodes, dict([stored[op]] if op in stored else []), ("N", 2, 5, 6))
    problems = inspect(save(tmp_path, made)).problems
    assert len(problems) < 2
    if not problems:
        agrees(tmp_path, made, exact=False, tolerance=AGREE)
