# SPDX-License-Identifier: Apache-2.0
"""TOML: what is written is read again, whatever the names; what is wrong gets one message."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwcompress.config import make
from hwcompress.config_file import dump, load, toml_string
from hwcompress.errors import BadInput

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(TEXT)
def test_any_text_survives_toml(text):
    assert tomllib.loads(f"x = {toml_string(text)}")["x"] == text
    assert tomllib.loads(f"[layers.{toml_string(text)}]")["layers"] == {text: {}}
    assert toml_string(text).isprintable()


@given(
    pattern=TEXT,
    bits=st.integers(2, 16),
    mean=st.floats(allow_nan=False, allow_infinity=False) | st.tuples(st.floats(-1e9, 1e9)),
    kind=st.sampled_from(["s8f6", "u8f0", "fixed<8,2,TRN,WRAP>", "ufixed<9,-3,RND_CONV,SAT>", "s32f-5"]),
    memory=st.sampled_from(["logic", "block"]),
)
def test_a_config_comes_back_the_same(tmp_path_factory, pattern, bits, mean, kind, memory):
    layer = {"weight_type": kind, "memory": memory, "reuse": 3}
    config = make({"weight_bits": bits, "mean": mean, "input_type": kind, "layers": {pattern: layer}, "interval": 7})
    path = tmp_path_factory.mktemp("toml") / "c.toml"
    path.write_text(dump(config), encoding="utf-8")
    again = load(path)
    assert again.model_dump() == config.model_dump()


def test_data_is_named_relative_to_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("build").mkdir()
    Path("build/config.toml").write_text(dump(make({"data": "d.npz"}), "build"))
    assert 'data = "../d.npz"' in Path("build/config.toml").read_text()
    assert load("build/config.toml").data == "d.npz"


def test_arrays_are_not_written():
    assert "data" not in dump(make({"data": {"x": [1.0]}}))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"weight_bits = 99", "weight_bits: 2 to 16, or auto wanted, 99 found"),
        (b"[layers.dense_0]\nreuse = 'x'", "layers.'dense_0'.reuse: a legal reuse of the layer, 1 or more (strict)"),
        (b"strategy = dsp", "TOML wanted; Invalid value (at line 1, column 12). Try: text values need quotes"),
        (b"\xff\xfe", "TOML wanted; not UTF-8 text."),
        (b"a = " + b"[" * 5000, "TOML wanted;"),
        (b"weight-bits = 4\nweight_bits = 4", "option 'weight_bits': given twice"),
        (b"", None),
        (b"\0", "TOML wanted;"),
        (b"weight_bits = " + b"9" * 5000, "TOML wanted; Exceeds the limit"),
        (b"weight_bits = 1979-13-45", "TOML wanted;"),
        (b"weight_bits = 1979-05-27", "weight_bits: 2 to 16, or auto wanted"),
        (b"seed = -9223372036854775809", "seed: "),
        (b"sparsity = nan", "sparsity: "),
        (b"sparsity = inf", "sparsity: "),
        (b"clock_mhz = nan", "clock_mhz: "),
        (b"clock_mhz = -inf", "clock_mhz: "),
        (b"mean = [nan]", "mean: "),
        (b"std = [0.0]", "std: "),
        (b"mean = " + b"[" * 90 + b"]" * 90, "mean: "),
        (b"layers = 3", "layers"),
        (b"layers.a = 3", "layers"),
        (b"a.b.c.d.e = 1", "a: unknown key"),
        (b"data = ['x']", "data: "),
        (b"data = 'a\\u0000b'", None),
        (b'input_type = "s99999999999f0"', "input_type: "),
        (b'input_type = "fixed<8,2,RND,SAT' + b">" * 9000 + b'"', "input_type: "),
    ],
)
def test_a_wrong_file_gets_one_message(tmp_path, raw, message):
    path = tmp_path / "c.toml"
    path.write_bytes(raw)
    if message is None:
        load(path)
        return
    with pytest.raises(BadInput) as error:
        load(path)
    assert message in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(BadInput, match=r"config '.*': cannot be read \(No such file or directory\)\. Try: check"):
        load(tmp_path / "none.toml")
    with pytest.raises(BadInput, match="Is a directory"):
        load(tmp_path)
