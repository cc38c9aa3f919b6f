# SPDX-License-Identifier: Apache-2.0
"""Functions of one number, in float64 what onnxruntime computes in float32."""

from typing import Any

import numpy as np
import pytest
from onnx import defs

from hwcompress.frontend.onnx_import import load
from hwcompress.ir.fixed import FixedPoint, parse_format
from hwcompress.ops import Lookup
from hwcompress.ops.lookup import FUNCTIONS
from tests.frontend.build import RUNTIME_OPSET, hardware, model, node, reference, refused, save

CASES: list[tuple[str, dict[str, Any]]] = [
    ("Sigmoid", {}), ("Tanh", {}), ("LeakyRelu", {"alpha": -0.3}), ("Elu", {}), ("Elu", {"alpha": 2.5}), ("Selu", {}),
    ("Selu", {"alpha": 0.5, "gamma": 3.0}), ("Celu", {}), ("Celu", {"alpha": 0.4}), ("Softplus", {}), ("Softsign", {}),
    ("ThresholdedRelu", {}), ("ThresholdedRelu", {"alpha": -1.25}), ("HardSwish", {}), ("Gelu", {}),
    ("Gelu", {"approximate": "tanh"}), ("Mish", {}), ("Swish", {}), ("Swish", {"alpha": 0.7}),
]  # fmt: skip
POINTS = np.concatenate([np.linspace(-12, 12, 4001), [-1e4, -100.0, -88.8, 88.8, 100.0, 1e4, 0.0, 1e-6, -1e-6]])


@pytest.mark.filterwarnings("ignore:overflow")  # of the formula that stands in for Swish, which onnxruntime 1.32 lacks
@pytest.mark.parametrize(("op", "attributes"), CASES)
def test_equal_within_float32(op, attributes, tmp_path):
    x = POINTS.astype(np.float32)[None]
    first = next(v for v in range(7, RUNTIME_OPSET + 1) if defs.has(op, v))
    for opset in {first, 11, 13, 18, 22, RUNTIME_OPSET}:
        if opset < first or defs.get_schema(op, opset).deprecated:
            continue
        made = model([node(op, "x", "y", **attributes)], shape=("N", x.size), opset=opset)
        imported = load(save(tmp_path, made))
        (found,) = imported.graph
        assert isinstance(found.op, Lookup)
        want = reference(made, x)["y"] if op != "Swish" else x / (1 + np.exp(-attributes.get("alpha", 1.0) * x))
        # a few units in the last place of the terms that onnxruntime adds up
        np.testing.assert_allclose(hardware(imported, x), want, rtol=3e-6, atol=2e-6)


def test_every_function_has_a_spelling():
    spelled = {"sigmoid", "tanh", "leaky_relu", *(op.lower() for op, _ in CASES)}
    assert set(FUNCTIONS) == (spelled - {"leakyrelu", "thresholdedrelu", "hardswish"}) | {
        "gelu_tanh", "thresholded_relu", "hard_swish",
    }  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_tables(name):
    """Finite everywhere, on any shape, without a warning."""
    count = {"selu": 2, "leaky_relu": 1, "elu": 1, "celu": 1, "thresholded_relu": 1, "swish": 1}.get(name, 0)
    found = Lookup(name, (0.5,) * count)
    x = np.linspace(-2000, 2000, 24).reshape(2, 3, 4)
    with np.errstate(all="raise", under="ignore"):
        y = found.run_float(x)
    assert y.shape == x.shape
    assert np.isfinite(y).all()
    assert found.table(FixedPoint(8, 4), parse_format("s8f4")).entries.shape == (256,)


@pytest.mark.parametrize(
    ("op", "attributes", "reason"),
    [
        ("Celu", {"alpha": -0.5}, "attribute alpha is -0.5; it must be above 0"),
        ("Elu", {"alpha": float("inf")}, "attribute alpha is inf; it must be finite"),
        ("Gelu", {"approximate": "sigmoid"}, "attribute approximate must be none or tanh"),
        ("Gelu", {"approximate": 1}, "attribute approximate must be a text"),
        ("Selu", {"gamma": 1}, "attribute gamma must be a number"),
    ],
)
def test_refused(op, attributes, reason, tmp_path):
    made = model([node(op, "x", "y", **attributes)], opset=22)
    assert refused(tmp_path, made) == f"{op} 'y': {reason}"
