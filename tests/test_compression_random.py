# SPDX-License-Identifier: Apache-2.0
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportMissingTypeStubs=false
# pyright: reportCallIssue=false, reportPossiblyUnboundVariable=false
"""Random recipes on random networks: one clear error, or a result that is what all its files say."""

import re
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

import hwcompress
from hwcompress.codegen.float_onnx import float_model
from hwcompress.compression import Compression, compress_model
from hwcompress.errors import HwcError
from hwcompress.ir.graph import Graph, Op
from hwcompress.recipe.exact import answers
from hwcompress.recipe.recipe import Recipe, load, make
from hwcompress.sim.reference import run_float
from hwcompress.storage.container import Ends, Stored, rounded
from hwcompress.stored import load as load_model
from tests.compress import maps, networks
from tests.random_recipes import random_steps

FEW, MANY = 10, 300
REFUSED = re.compile(r"^(recipe|test|layers|data|model|\w+_\d+)\b.{10,}", re.DOTALL)


def random_case(seed: int) -> tuple[Graph[Op], dict[str, np.ndarray]]:
    """A network, and data with classes, values or no labels."""
    graph = rounded(maps.random_network(seed) if seed % 3 else networks.random_chain(seed))
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(90, *graph.shape)).astype(np.float32)
    y = run_float(graph, x.reshape(90, -1).astype(np.float64))
    data = {"x_train": x[:60], "x_test": x[60:]}
    if seed % 4 == 1:
        data |= {"y_train": y[:60].astype(np.float32), "y_test": y[60:].astype(np.float32)}
    elif seed % 4 and y.shape[1] > 1:
        labels = y.argmax(axis=1)
        data |= {"y_train": labels[:60], "y_test": labels[60:]}
    return graph, data


def file_of(graph: Graph[Op], folder: Path) -> Path:
    """As an ONNX model, channels last turned into channels first by its own writer."""
    shape = graph.shape
    for node in graph:
        shape = node.op.shape(shape)
    ends = Ends("x", ("N", *graph.shape), "float32", True, ("y",), shape)
    path = folder / "m.onnx"
    path.write_bytes(float_model(Stored("m", graph, ends)))
    return path


def check(seed: int, folder: Path, *, train: bool) -> str:
    graph, data = random_case(seed)
    model = file_of(graph, folder)
    try:
        recipe = make({"step": random_steps(seed, train=train)}, "test", "test")
        made = compress_model(model, recipe=recipe, data=data)
    except HwcError as error:
        said = str(error)
    else:
        said = ""
    if said:
        assert REFUSED.match(said), said
        return "refused"
    _same_network(made, folder, data)
    _same_again(made, folder, model, data)
    design = hwcompress.compile(folder / "out" / "model.hwc", data=data)
    if "input_type" in made.ran.state.settings:
        assert made.report.accuracy.compressed == design.report.accuracy.fixed
        flat = data["x_test"].reshape(len(data["x_test"]), -1).astype(np.float64)
        calibration = data["x_train"].reshape(len(data["x_train"]), -1).astype(np.float64)
        state = made.ran.state
        assert np.array_equal(
            design.network.hardware(data["x_test"]), answers(state.graph, state.settings, calibration, flat)
        )
    return "made"


def _same_network(made: Compression, folder: Path, data: dict[str, np.ndarray]) -> None:
    """model.hwc and model.onnx are the network."""
    made.write(folder / "out")
    back = load_model(folder / "out" / "model.hwc").graph
    networks.check_same_constants(made.ran.state.graph, back)
    session = ort.InferenceSession(str(folder / "out" / "model.onnx"), providers=["CPUExecutionProvider"])
    (answers,) = session.run(None, {"x": data["x_test"]})
    want = made.predict(data["x_test"])
    scale = np.abs(want).max() + 1
    assert answers.shape == want.shape
    np.testing.assert_allclose(answers, want, atol=1e-4 * scale)


def _same_again(made: Compression, folder: Path, model: Path, data: dict[str, np.ndarray]) -> None:
    """What recipe.toml says gives the same bytes."""
    recipe = load(folder / "out" / "recipe.toml")
    assert recipe == Recipe(made.ran.recipe.name, made.ran.recipe.steps, recipe.validation, recipe.storage)
    assert compress_model(model, recipe=recipe, data=data).packed.data == made.packed.data


@pytest.mark.parametrize("seed", range(FEW))
def test_without_training(seed, tmp_path):
    check(seed, tmp_path, train=False)


@pytest.mark.torch
@pytest.mark.parametrize("seed", range(1000, 1000 + FEW))
def test_with_training(seed, tmp_path):
    pytest.importorskip("torch")
    check(seed, tmp_path, train=True)


@pytest.mark.long
@pytest.mark.torch
def test_many(tmp_path):
    """And most of them get through."""
    pytest.importorskip("torch")
    found = []
    for seed in range(FEW, MANY):
        folder = tmp_path / str(seed)
        folder.mkdir()
        found.append(check(seed, folder, train=seed % 2 == 0))
    assert found.count("made") > 0.6 * len(found)
