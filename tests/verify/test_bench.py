# SPDX-License-Identifier: Apache-2.0
"""Beats and the files of a bench."""

import filecmp
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwcompress.errors import BadInput, ShapeError
from hwcompress.verify import bench
from hwcompress.verify.bench import PortSpec, pack, read_spec, unpack, write_bench
from hwcompress.verify.simulate import usual_frames
from tests.verify.dut import AXIS, PORT, codes, make_build, plus_one


@st.composite
def ports(draw: st.DrawFn) -> PortSpec:
    width, per_beat = draw(st.integers(1, 32)), draw(st.integers(1, 9))
    elements = draw(st.integers(1, 40))
    octets = -(-width * per_beat // 8) * 8
    return PortSpec(elements, per_beat, -(-elements // per_beat), width, draw(st.booleans()), octets)


@given(port=ports(), seed=st.integers(0, 100))
def test_unpack_reverses_pack(port, seed):
    low = -(1 << (port.width - 1)) if port.signed else 0
    x = np.random.default_rng(seed).integers(low, low + (1 << port.width), (3, port.elements), dtype=np.int64)
    words = pack(x, port)
    assert len(words) == 3 * port.beats
    assert all(len(word) * 4 == port.tdata_bits for word in words)
    np.testing.assert_array_equal(unpack(words, port), x)


@pytest.mark.parametrize("chunk", [1, 50, 16 * 7, 1 << 24])
def test_words_do_not_depend_on_how_many_are_made_at_a_time(chunk, monkeypatch):
    x = np.arange(5 * PORT.elements).reshape(5, -1) % 32 - 16
    whole = pack(x, PORT)
    monkeypatch.setattr(bench, "CHUNK", chunk)
    assert pack(x, PORT) == whole


def test_large_frames_are_few():
    """As many codes in all as fit into memory several times over; what the user asks for is made all the same."""
    assert [usual_frames(elements) for elements in (2, 16_777, 150_528, 1 << 24)] == [1000, 1000, 111, 8]


def test_element_0_lies_in_the_low_bits_and_padding_is_zero():
    words = pack(np.array([[1, 2, -1, 3, 0, 0, -16]]), PORT)
    assert words == [f"{(31 << 10) | (2 << 5) | 1:04x}", "0003", "0010"]


def test_the_same_arguments_give_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        make_build(tmp_path / name)
    found = filecmp.dircmp(tmp_path / "a" / "bench", tmp_path / "b" / "bench")
    assert not found.diff_files
    assert sorted(found.same_files) == [
        "bench.json",
        "expected.mem",
        "hwc_bench.vh",
        "hwc_harness.v",
        "hwc_harness.vlt",
        "network_bench.py",
        "stimulus.mem",
    ]


def test_the_spec_can_be_read_back(tmp_path):
    spec = replace(AXIS, input=replace(PORT, frac=3, shifts=(0, 1, 0, 2, 0, 0, -1)))
    write_bench(spec, codes(4), plus_one(codes(4)), tmp_path / "bench")
    assert read_spec(tmp_path / "bench") == (spec, 4)


def test_codes_out_of_range_are_refused(tmp_path):
    x = codes(2)
    x[1, 3] = 16
    with pytest.raises(ShapeError, match=r"^bench input: codes in -16\.\.15 wanted, -?\d+\.\.16 found$"):
        write_bench(AXIS, x, plus_one(x), tmp_path)


def test_beats_that_do_not_hold_the_frame_are_refused():
    with pytest.raises(ShapeError, match="want 3 beats of at least 15 bits, found 2 of 16"):
        PortSpec(7, 3, 2, 5, signed=True, tdata_bits=16)


@pytest.mark.parametrize("text", [None, "{", "{}", '{"input": {"shifts": [], "size": 3}, "output": {}}'])
def test_a_folder_without_a_bench_is_one_clear_error(tmp_path, text):
    if text is not None:
        (tmp_path / "bench.json").write_text(text)
    with pytest.raises(BadInput, match="Try: "):
        read_spec(tmp_path)
