# SPDX-License-Identifier: Apache-2.0
"""External data: from the model's own folder, of the right size, and from nowhere else."""

import os
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto, TensorProto

from hwcompress.errors import BadInput
from hwcompress.frontend.onnx_import import load
from hwcompress.frontend.runtime import OnnxRunner
from hwcompress.ops import Dense
from tests.frontend.build import model, node, save, weights

W43 = weights(4, 3)


def split(folder: Path, location: str = "w.bin", **entries: str) -> ModelProto:
    """A model whose weight lies in `location`; `w.bin` is written 16 bytes into the file."""
    made = model([node("MatMul", "x w", "y")], {"w": W43})
    tensor = made.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, "offset": "16", "length": "48", **entries}.items():
        tensor.external_data.add(key=key, value=value)
    (folder / "w.bin").write_bytes(b"\xff" * 16 + W43.tobytes() + b"\xff" * 4)
    return made


def refused(folder: Path, made: ModelProto) -> str:
    with pytest.raises(BadInput) as caught:
        load(save(folder, made))
    return str(caught.value)


@pytest.mark.parametrize("location", ["w.bin", "./w.bin", "sub/w.bin"])
def test_inside_the_folder(location, tmp_path, monkeypatch):
    made = split(tmp_path, location)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "w.bin").write_bytes((tmp_path / "w.bin").read_bytes())
    imported = load(save(tmp_path, made))
    monkeypatch.chdir("/")
    op = imported.graph.nodes[0].op
    assert isinstance(op, Dense)
    np.testing.assert_array_equal(op.weight, W43.T)
    x = np.eye(4, dtype=np.float32)
    np.testing.assert_array_equal(OnnxRunner(imported).run(x)["y"], W43)


def test_inside_the_folder_named_relatively(tmp_path, monkeypatch):
    save(tmp_path, split(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert load(Path("m.onnx")).graph.channels == 4


@pytest.mark.parametrize(
    "location",
    ["../w.bin", "a/../../w.bin", "a/../w.bin", "/etc/passwd", "C:\\w.bin", "..\\w.bin", "\\\\host\\share\\w"],
)
def test_outside_is_refused(location, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "w.bin").write_bytes(bytes(100))
    found = refused(tmp_path / "a", split(tmp_path / "a", location))
    shown = location.replace("\\", "\\\\")
    assert found == f"tensor 'w': external data '{shown}' lies outside the model's folder; move it there"


def test_symbolic_links_that_lead_outside_are_refused(tmp_path):
    inside = tmp_path / "in"
    inside.mkdir()
    made = split(inside)
    (inside / "w.bin").rename(tmp_path / "w.bin")
    (inside / "w.bin").symlink_to(tmp_path / "w.bin")
    (inside / "up").symlink_to(tmp_path)
    wanted = "lies outside the model's folder; move it there"
    assert refused(inside, made) == f"tensor 'w': external data 'w.bin' {wanted}"
    assert refused(inside, split(inside, "up/w.bin")) == f"tensor 'w': external data 'up/w.bin' {wanted}"
    (inside / "loop").symlink_to(inside / "loop")
    assert "external data" in refused(inside, split(inside, "loop"))


def test_a_model_reached_through_a_link(tmp_path):
    real = tmp_path / "real"
    real.mkdir()
    save(real, split(real))
    (tmp_path / "link").symlink_to(real)
    assert load(tmp_path / "link" / "m.onnx").graph.channels == 4


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ({"location": "no.bin"}, "tensor 'w': its external data 'no.bin' is not there; copy it beside the model"),
        ({"location": ""}, "tensor 'w': external data has no usable file name (''); the file is damaged"),
        ({"location": "a\0b"}, "tensor 'w': external data has no usable file name ('a\\x00b'); the file is damaged"),
        ({"offset": "21"}, "tensor 'w': wants bytes 21 to 69 of 'w.bin', which has 68"),
        ({"offset": "-1"}, "tensor 'w': offset '-1' of its external data is no number; the file is damaged"),
        (
            {"offset": "9" * 30},
            f"tensor 'w': offset '{'9' * 30}' of its external data is no number; the file is damaged",
        ),
        (
            {"length": "44"},
            "tensor 'w': its shape wants 48 bytes, its external data has 44; the file is damaged",
        ),
    ],
)
def test_sizes_and_names(entries, reason, tmp_path):
    location = entries.pop("location", "w.bin")
    assert refused(tmp_path, split(tmp_path, location, **entries)) == reason


def test_a_directory_or_a_pipe_is_no_data(tmp_path):
    (tmp_path / "d").mkdir()
    assert "is not there" in refused(tmp_path, split(tmp_path, "d"))
    assert "outside" in refused(tmp_path, split(tmp_path, "/dev/zero"))


def test_huge_shapes_are_not_read(tmp_path):
    made = split(tmp_path, length=str(4 * 3 << 40))
    made.graph.initializer[0].dims[0] = 1 << 40
    os.truncate(tmp_path / "w.bin", 1 << 33)
    assert refused(tmp_path, made) == "tensor 'w': the model with its external data is larger than 2 GiB"


def test_external_data_of_an_attribute(tmp_path):
    made = split(tmp_path, "../w.bin")
    tensor = TensorProto()
    tensor.CopyFrom(made.graph.initializer[0])
    del made.graph.initializer[:]
    constant = node("Constant", "", "w")
    constant.attribute.add(name="value", type=4, t=tensor)
    made.graph.node.insert(0, constant)
    assert "lies outside" in refused(tmp_path, made)
