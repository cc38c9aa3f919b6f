# SPDX-License-Identifier: Apache-2.0
"""Data files: which array plays which part, and what is said of a wrong one."""

import contextlib
import struct
import zipfile

import numpy as np
import pytest

from hwcompress.data import load_data
from hwcompress.errors import BadInput

X = np.arange(3000.0).reshape(1000, 3)
Y = np.arange(1000) % 5


def refusal(source, **options):
    with pytest.raises(BadInput) as error:
        load_data(source, **options)
    text = str(error.value)
    assert len(text.splitlines()) == 1
    return text


def test_x_train_calibrates_and_x_test_evaluates():
    data = load_data({"x_train": X, "x_test": X[:10], "y_test": Y[:10]})
    assert data.x_calibrate.shape == (512, 3)
    assert data.x_test.shape == (10, 3)
    assert data.y_test is not None
    assert data.notes == ()


def test_the_choice_depends_on_the_seed_alone_and_keeps_the_order():
    first, again, other = (load_data({"x_train": X, "x_test": X}, seed=s).x_calibrate for s in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert (np.diff(first[:, 0]) > 0).all()


def test_of_x_and_y_alone_the_first_quarter_calibrates_and_the_rest_evaluates():
    data = load_data({"x": X, "y": Y})
    assert np.array_equal(data.x_calibrate, X[:250])
    assert np.array_equal(data.x_test, X[250:])
    assert data.y_test is not None
    assert np.array_equal(data.y_test, Y[250:])


def test_without_x_train_a_note_says_what_calibrates():
    data = load_data({"x_test": X})
    assert (len(data.x_calibrate), len(data.x_test)) == (250, 1000)
    assert data.notes == ("data: no x_train; the first 250 samples of x_test calibrate and are evaluated too",)


def test_one_sample_is_enough():
    data = load_data({"x": X[:1], "y": Y[:1]})
    assert (len(data.x_calibrate), len(data.x_test)) == (1, 1)
    assert len(data.notes) == 1


def test_keys_may_carry_the_name_of_the_input():
    assert len(load_data({"x_test.in": X, "x_train.in": X}, inputs=["in"]).x_test) == 1000
    assert "'x_test.in' wanted, 'x_test.other' found" in refusal({"x_test.other": X}, inputs=["in"])
    assert "several inputs are not available" in refusal({"x_test.a": X, "x_test.b": X})


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "x_train, x_test or x wanted, nothing found"),
        ({"z": X}, "x_train, x_test or x wanted, 'z' found"),
        ({"x": X[:0]}, "at least one sample wanted, shape [0, 3] found"),
        ({"x": np.float64(1)}, "at least one sample wanted, shape [] found"),
        ({"x": X * np.nan}, "finite numbers wanted, 3000 NaN or infinite found"),
        ({"x": np.array([[np.inf]], dtype=np.float16)}, "1 NaN or infinite found"),
        ({"x": X + 1j}, "a numeric dtype wanted, 'complex128' found"),
        ({"x": np.array([["a"]])}, "a numeric dtype wanted, '<U1' found"),
        ({"x": np.array([[None]])}, "a numeric dtype wanted, 'object' found"),
        ({"x": [[1, 2], [3]]}, "a plain array of numbers wanted"),
        ({"x_test": X, "y_test": Y[:3]}, "x_test and y_test of the same length wanted, 1000 and 3 found"),
        ({"x": X, "y": Y[:3]}, "x and y of the same length wanted, 1000 and 3 found"),
        ({"x_train": X, "x_test": X[:, :2]}, "samples of the same shape wanted, [3] and [2] found"),
        ({"x_test": X, "y_test": np.int64(3)}, "one row for each sample wanted, a single number found"),
    ],
)
def test_a_wrong_array_gets_one_message(arrays, message):
    assert message in refusal(arrays)


def test_files_say_the_same_as_arrays(tmp_path):
    path = tmp_path / "d.npz"
    np.savez(path, x=X, y=Y)
    assert len(load_data(path).x_test) == 750
    np.savez(path, x=np.array([[object()]]))
    assert "holds Python objects" in refusal(path)
    np.savez(path, x=X * np.nan)
    assert "NaN" in refusal(path)


def test_what_is_no_npz_file_is_named(tmp_path):
    for name, raw in (("empty", b""), ("cut", b"PK\x03\x04abc"), ("text", b"x = 1\n"), ("pickle", b"\x80\x04.")):
        path = tmp_path / name
        path.write_bytes(raw)
        assert "an .npz file wanted, cannot be read (not an .npz file)" in refusal(path)
    np.save(tmp_path / "a.npy", X)
    assert "a single array found" in refusal(tmp_path / "a.npy")
    assert "No such file" in refusal(tmp_path / "none.npz")
    assert "Is a directory" in refusal(tmp_path)


def test_a_damaged_member_is_named(tmp_path):
    path = tmp_path / "d.npz"
    np.savez(path, x=X)
    raw = bytearray(path.read_bytes())
    raw[400:500] = b"\xff" * 100
    path.write_bytes(raw)
    assert "x as a plain array of numbers wanted, found one that is damaged" in refusal(path)


def header(shape="(2, 3)", descr="'<f4'", version=b"\x01\x00") -> bytes:
    """The start of an .npy file, as numpy writes it."""
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (header(), "is damaged"),
        (header("(1 << 40, 3)"), "is damaged"),
        (header(f"({1 << 40}, 3)"), "is larger than the memory"),
        (header(f"({(1 << 63) - 1}, {(1 << 63) - 1})"), "is damaged"),
        (header("(-2, 3)"), "is damaged"),
        (header(f"({'1, ' * 70})") + bytes(4), "is damaged"),
        (header("__import__('os').abort()"), "is damaged"),
        (header(descr="'|O'"), "holds Python objects"),
        (header(descr="'<f9999999999'"), "is damaged"),
        (header(version=b"\x09\x00"), "is damaged"),
        (b"\x93NUMPY\x01\x00" + struct.pack("<H", 9000) + b"(" * 9000, "is damaged"),
        (b"\x93NUMPY\x01\x00\xff\xff", "is damaged"),
    ],
    ids=range(12),
)
def test_hostile_members(raw, why, tmp_path):
    """What the header of an array says is believed only as far as memory and the file go."""
    path = tmp_path / "d.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", raw)
    assert f"x as a plain array of numbers wanted, found one that {why}" in refusal(path)


def test_changed_bytes_never_raise_anything_else(tmp_path):
    path, rng = tmp_path / "d.npz", np.random.default_rng(0)
    ends = set[str]()
    for k in range(300):
        save = np.savez_compressed if k % 2 else np.savez
        save(path, x_train=X[:20], x_test=X[:5], y_test=Y[:5])
        raw = bytearray(path.read_bytes())
        for _ in range(rng.integers(1, 4)):
            raw[rng.integers(len(raw))] = int(rng.integers(256))
        path.write_bytes(raw if k % 5 else raw[: rng.integers(1, len(raw))])
        with contextlib.suppress(BadInput):
            ends.add("refused")
            load_data(path)
            ends.add("read")
    assert ends == {"read", "refused"}


def test_numbers_of_any_kind_come_through():
    for kind in (bool, np.uint8, np.int64, np.float16, np.float32, np.longdouble, ">f4"):
        data = load_data({"x": np.ones((4, 2), dtype=kind)})
        assert data.x_test.dtype.isnative
        assert float(data.x_test.sum()) == 6.0
