# SPDX-License-Identifier: Apache-2.0
"""Models built by hand, and the one comparison that all of them must pass."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from hwcompress.errors import UnsupportedModel
from hwcompress.frontend.host import HostTail
from hwcompress.frontend.model import Model
from hwcompress.frontend.onnx_import import inspect, load
from hwcompress.frontend.runtime import OnnxRunner, ort
from hwcompress.ir.graph import Graph, Op, check_chain
from hwcompress.passes.pipeline import simplify
from hwcompress.sim.reference import run_float

Array = NDArray[Any]
RUNTIME_OPSET = 26  # the newest that onnxruntime 1.31 takes


def node(op: str, inputs: str, outputs: str, **attributes: Any) -> NodeProto:
    """A node; `-` stands for an input left out."""
    names = ["" if n == "-" else n for n in inputs.split()]
    return helper.make_node(op, names, outputs.split(), **attributes)


def model(
    nodes: Sequence[NodeProto],
    weights: Mapping[str, Any] | None = None,
    shape: Sequence[int | str | None] = ("N", 4),
    opset: int = 17,
    *,
    outputs: Mapping[str, int] | None = None,
    kind: int = TensorProto.FLOAT,
    name: str = "x",
    ir: int = 8,
    listed: bool = False,
) -> ModelProto:
    """A model with one input; `listed`: initializers stand among the inputs, as before IR 4."""
    stored = [numpy_helper.from_array(np.asarray(w), n) for n, w in (weights or {}).items()]
    inputs = [helper.make_tensor_value_info(name, kind, list(shape))]
    if listed:
        inputs += [helper.make_tensor_value_info(t.name, t.data_type, list(t.dims)) for t in stored]
    made = outputs or {nodes[-1].output[0]: TensorProto.FLOAT}
    results = [helper.make_tensor_value_info(n, k, None) for n, k in made.items()]
    graph = helper.make_graph(list(nodes), "g", inputs, results, stored)
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=ir)


def save(folder: Path, made: ModelProto, name: str = "m.onnx") -> Path:
    path = folder / name
    path.write_bytes(made.SerializeToString())
    return path


def f32(values: Any) -> Array:
    return np.array(values, dtype=np.float32)


def weights(*shape: int, seed: int = 0, low: int = -4, high: int = 5) -> Array:
    """Small integers as float32: sums of them are exact in float32 and float64 alike."""
    return np.random.default_rng(seed).integers(low, high, shape).astype(np.float32)


def samples(imported: Model, count: int = 5) -> Array:
    """Integers in the model's own input type."""
    rng = np.random.default_rng(1)
    return rng.integers(0, 7, (count, *imported.input.sample_shape)).astype(imported.input.dtype) - 3 * (
        imported.input.dtype[0] != "u"
    )


def reference(made: ModelProto, x: Array, batched: bool = True) -> dict[str, Array]:
    """The file as it is, in onnxruntime, sample by sample."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    session = ort.InferenceSession(made.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [o.name for o in session.get_outputs()]
    feed = session.get_inputs()[0].name
    rows = [session.run(names, {feed: x[i : i + 1] if batched else x[i]}) for i in range(len(x))]
    out: dict[str, Array] = {}
    for k, n in enumerate(names):
        parts = [np.asarray(row[k]) for row in rows]
        stacked = not batched or any(p.ndim == 0 or p.shape[0] != 1 for p in parts)
        out[n] = np.stack(parts) if stacked else np.concatenate(parts)
    return out


def hardware(imported: Model, x: Array, graph: Graph[Op] | None = None) -> Array:
    """The float graph on samples of the file, its output in the order of the file."""
    flat = x.reshape(len(x), -1).astype(np.float64)
    y = run_float(graph or imported.graph, imported.input_order.apply(flat))
    return imported.output_order.apply(y.reshape(len(x), -1))


def agrees(folder: Path, made: ModelProto, *, exact: bool = True, tolerance: float = 0.0) -> Model:
    """Import, simplify, run graph and tail, run the freed model: all equal to the file in onnxruntime."""
    imported = load(save(folder, made))
    x = samples(imported)
    opset = max(o.version for o in made.opset_import if o.domain in ("", "ai.onnx"))
    ours = OnnxRunner(imported).run(x)
    want = reference(made, x, imported.input.batched) if opset <= RUNTIME_OPSET else ours
    plain = hardware(imported, x)
    small = simplify(imported.graph)
    folded = hardware(imported, x, small)
    assert plain.shape == folded.shape == (len(x), math.prod(check_chain(small)))
    assert plain.shape[1] == math.prod(imported.tail_shape)
    for got in (ours, HostTail(imported).run(plain), HostTail(imported).run(folded)):
        assert list(got) == list(imported.outputs)
        for name, y in want.items():
            assert got[name].shape == y.shape
            if y.dtype.kind != "f":
                assert (got[name] == y).all()
            elif exact:
                np.testing.assert_array_equal(got[name].astype(np.float64), y.astype(np.float64))
            else:
                np.testing.assert_allclose(got[name], y, rtol=tolerance, atol=tolerance)
    return imported


def refused(folder: Path, made: ModelProto) -> str:
    """The one reason why a file cannot be built."""
    with pytest.raises(UnsupportedModel) as caught:
        load(save(folder, made))
    first, *reasons, _ = str(caught.value).splitlines()
    assert first == "model 'm.onnx' cannot be built, 1 problem:", reasons
    found = inspect(folder / "m.onnx")
    assert found.problems == (reasons[0].strip(),)
    unsupported = [n for n in found.nodes if n.place == "unsupported"]
    assert [n.reason for n in found.nodes if n.reason] == [n.reason for n in unsupported]
    return found.problems[0]
