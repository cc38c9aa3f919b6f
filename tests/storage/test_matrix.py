# SPDX-License-Identifier: Apache-2.0
import math
import time

import numpy as np
import pytest

from hwcompress.errors import BadInput
from hwcompress.storage.matrix import METHODS, decode, encode
from hwcompress.storage.order import alike
from tests.storage.weights import bits_of, corners, entropy_bits, float32, sparse

ALL = [*METHODS, "best"]
CASES = list(corners())


@pytest.mark.parametrize("method", ALL)
@pytest.mark.parametrize(("name", "values", "grid"), CASES, ids=[c[0] for c in CASES])
def test_every_bit_comes_back(name, values, grid, method):
    made = encode(values, grid, method)
    assert bits_of(decode(made.data, values.shape, grid)) == bits_of(values), name
    assert made.parts.total == len(made.data)
    assert method in ("best", made.parts.method)


@pytest.mark.parametrize("method", ALL)
def test_random_matrices_come_back(method):
    rng = np.random.default_rng(7)
    for _ in range(20):
        rows, columns, channels = rng.integers(1, 6, size=3).tolist()
        values = sparse(
            rng, int(rng.integers(1, 20)), rows * columns * channels, rng.random() ** 2, int(rng.integers(1, 40))
        )
        grid = (rows, columns, channels) if rng.random() < 0.7 else None
        assert bits_of(decode(encode(values, grid, method).data, values.shape, grid)) == bits_of(values)


@pytest.mark.parametrize("method", METHODS)
def test_65536_different_values(method):
    codes = np.arange(-(1 << 15), 1 << 15) + (np.arange(-(1 << 15), 1 << 15) >= 0)
    values = np.random.default_rng(1).permutation(codes).reshape(256, 256) / 1024.0
    made = encode(values, (16, 16, 1), method)
    assert bits_of(decode(made.data, values.shape, (16, 16, 1))) == bits_of(values)
    assert len(made.data) < 1.07 * 17 / 8 * values.size  # 16 bits, one more for the lost symmetry, positions


def test_the_best_is_the_smallest():
    for _, values, grid in CASES[::2]:
        sizes = [len(encode(values, grid, method).data) for method in METHODS]
        assert len(encode(values, grid).data) == min(sizes)


def test_input_is_not_changed():
    values = np.array([[-0.0, 1.0]])
    encode(values)
    assert np.signbit(values[0, 0])


def test_same_bytes_again():
    values = sparse(np.random.default_rng(3), 30, 48, 0.2, 12)
    assert encode(values, (4, 4, 3)).data == encode(values.copy(order="F"), (4, 4, 3)).data


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.1, 1e39, 2.0**-150])
def test_only_finite_float32_numbers(bad):
    with pytest.raises(ValueError, match="float32"):
        encode(np.array([[1.0, bad]]))


def test_wrong_arguments():
    with pytest.raises(ValueError, match="grid"):
        encode(np.zeros((2, 6)), (2, 2, 1))
    with pytest.raises(ValueError, match="grid"):
        encode(np.zeros(6))
    with pytest.raises(ValueError, match="'zip'"):
        encode(np.zeros((2, 6)), None, "zip")


# Sizes against the entropy of the matrix, which no method without context can beat on average.


@pytest.mark.parametrize(
    ("kinds", "density"), [(2, 1.0), (2, 2 / 3), (16, 1.0), (31, 0.05), (31, 0.3), (256, 1.0), (1, 0.01)]
)
def test_independent_weights_take_their_entropy(kinds, density):
    rng = np.random.default_rng(kinds)
    codes = rng.integers(-(kinds // 2), kinds - kinds // 2, size=(60, 150))
    values = np.where(rng.random(codes.shape) < density, codes + (codes >= 0), 0) / 64.0
    ideal = entropy_bits(np.unique(values, return_counts=True)[1].astype(float)) / 8
    assert len(encode(values, None, "arithmetic").data) < 1.02 * ideal + 4 * kinds + 30


def test_16_bit_weights_take_their_entropy():
    values = np.random.default_rng(5).normal(scale=3000.0, size=(40, 200)).round() / 4096.0
    ideal = values.size * np.log2(3000 * np.sqrt(2 * np.pi * np.e)) / 8
    assert len(encode(values, None, "arithmetic").data) < 1.02 * ideal + 100


def test_floats_take_no_more_than_their_bits():
    values = float32(np.random.default_rng(6).normal(size=(100, 100)))
    assert len(encode(values).data) < 0.9 * 4 * values.size


def test_neighbours_in_the_map_are_used():
    """A blob in each row: its outline is much less than its points."""
    rng = np.random.default_rng(8)
    y, x = np.mgrid[:20, :20]
    middle = rng.integers(4, 16, size=(60, 2))
    near = (y[None] - middle[:, 0, None, None]) ** 2 + (x[None] - middle[:, 1, None, None]) ** 2 < 9
    values = near.reshape(60, 400) * 0.5
    ideal = entropy_bits(np.array([near.sum(), (~near).sum()], dtype=float)) / 8
    plain, mapped = (len(encode(values, grid, "arithmetic").data) for grid in (None, (20, 20, 1)))
    assert mapped < 0.7 * plain
    assert mapped < 0.4 * ideal


@pytest.mark.parametrize("shift", [None, 0, 1, -1], ids=["left", "above", "above left", "above right"])
def test_each_neighbour_is_used(shift):
    """Maps whose lines follow from the first (or columns, for the left): only what is new costs a bit."""
    rng = np.random.default_rng(13)
    maps = rng.random((40, 20, 20)) < 0.5
    for y in range(1, 20):
        if shift in (1, -1):
            inner, outer = (np.s_[:, 1:], np.s_[:, :-1])[::shift]
            maps[:, y][inner] = maps[:, y - 1][outer]
        else:
            maps[:, y] = maps[:, y - 1]
    if shift is None:
        maps = maps.transpose(0, 2, 1)
    new = 40 * (20 + (19 if shift else 0))
    parts = encode(np.where(maps.reshape(40, 400), 0.5, 0.0), (20, 20, 1), "arithmetic").parts
    assert (
        parts.index_bytes < 2.6 * new / 8
    )  # learning is dear in so few maps; without the neighbour it is near 4 or more


def test_order_of_the_methods_on_a_pruned_layer():
    rng = np.random.default_rng(9)
    column, row = rng.gamma(0.3, size=400), rng.gamma(0.5, size=(200, 1))
    kept = rng.random((200, 400)) < 0.4 * column * row
    codes = np.clip(np.round(rng.laplace(scale=4, size=kept.shape)), -15, 15)
    values = np.where(kept, np.where(codes == 0, 1, codes), 0) / 32.0
    raw, relative, huffman, arithmetic = (len(encode(values, None, m).data) for m in METHODS)
    assert arithmetic < 0.9 * huffman < 0.81 * relative < raw


def test_parts_of_a_layer_by_hand():
    """Two rows of eight; gaps 1, 3, 8 (filler), 3 and 1 as in the paper's figure 2."""
    values = np.zeros((2, 8))
    values.ravel()[[0, 3, 14, 15]] = [0.5, 0.25, 0.5, -0.25]
    parts = encode(values, None, "relative").parts
    assert (parts.weights, parts.nonzero) == (16, 4)
    assert parts.kind == "fixed"
    assert parts.value_bits == 2  # codes -1, 0, 1, 2
    assert parts.value_entropy == 1.5
    assert parts.codebook is None
    width = parts.index_bits
    steps = np.array([1, 3, 11, 1])
    assert parts.fillers == ((steps - 1) // 2**width).sum()
    assert parts.value_bytes * 8 == 1 + 2 * (4 + parts.fillers)  # with the bit that says there is no table
    spent = parts.head_bytes + parts.index_bytes + parts.value_bytes
    assert spent <= parts.total < spent + 1.25


def test_parts_add_up():
    values = sparse(np.random.default_rng(2), 60, 90, 0.1, 20)
    for method in METHODS:
        parts = encode(values, None, method).parts
        assert abs(parts.head_bytes + parts.index_bytes + parts.value_bytes - parts.total) < 1.3
        assert parts.kind == "codebook"
        assert parts.codebook == len(np.unique(values[values != 0]))
        entries = parts.nonzero + parts.fillers
        assert parts.coded_value_bits * entries == pytest.approx(8 * parts.value_bytes)
        assert parts.coded_index_bits * entries == pytest.approx(8 * parts.index_bytes)


# Damaged bytes: an error, or some matrix of the right shape.

SMALL = [c for c in CASES if c[1].size <= 48 or c[0] in ("map", "ternary")]


def survives(data: bytes, shape: tuple[int, int], grid) -> bool:
    """Whether it gave a matrix."""
    try:
        out = decode(data, shape, grid)
    except BadInput as error:
        assert "damaged" in str(error)  # noqa: PT017
        return False
    assert out.shape == shape
    assert np.array_equal(out, out.astype(np.float32))
    return True


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("name", "values", "grid"), SMALL, ids=[c[0] for c in SMALL])
def test_truncated_bytes(name, values, grid, method):
    data = encode(values, grid, method).data
    for length in range(0, len(data), 1 + len(data) // 25):
        survives(data[:length], values.shape, grid)
    assert not survives(data + bytes(9), values.shape, grid)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("name", "values", "grid"), SMALL, ids=[c[0] for c in SMALL])
def test_flipped_bits(name, values, grid, method):
    data = encode(values, grid, method).data
    for bit in range(0, 8 * len(data), 1 + len(data) // 10):
        broken = bytearray(data)
        broken[bit // 8] ^= 1 << bit % 8
        survives(bytes(broken), values.shape, grid)


def test_random_bytes():
    rng = np.random.default_rng(11)
    for k in range(400):
        size = int(rng.integers(0, 60))
        data = bytes([(k % 4) << 6 | int(rng.integers(64))]) + rng.bytes(size)
        shape, grid = [((5, 12), (2, 2, 3)), ((1, 40), None), ((9, 9), (9, 1, 1)), ((1, 1), None)][k // 4 % 4]
        survives(data, shape, grid)


@pytest.mark.parametrize("fill", [b"", b"\x00", b"\xff", b"\x55"])
@pytest.mark.parametrize("head", range(1, 256, 11))
def test_no_bytes_take_long(head, fill):
    start = time.perf_counter()
    survives(bytes([head]) + 300 * fill, (40, 50), (5, 5, 2))
    assert time.perf_counter() - start < 3


def test_damage_to_fixed_width_is_found():
    values = sparse(np.random.default_rng(1), 10, 20, 0.2, 5)
    for method in ("raw", "relative", "huffman"):
        data = encode(values, None, method).data
        assert not any(survives(data[:k], values.shape, None) for k in range(len(data)))


@pytest.mark.parametrize(("kept", "of"), [(2, 4), (1, 4), (4, 8), (2, 16)])
def test_a_constant_number_kept_takes_what_its_choices_do(kept, of):
    """N:M masks: log2 of (of over kept) bits for each group."""
    rng = np.random.default_rng(kept)
    mask = rng.permuted(np.tile(np.arange(of) < kept, (16000 // of, 1)), axis=1).reshape(40, 400)
    ideal = 16000 / of * np.log2(math.comb(of, kept)) / 8
    parts = encode(np.where(mask, 0.5, 0.0), None, "arithmetic").parts
    assert ideal < parts.index_bytes < 1.02 * ideal + 25


@pytest.mark.parametrize("levels", [1, 7])
def test_a_scale_for_each_row_is_found(levels):
    """Any steps: a row pays for its own, and its weights take their entropy."""
    rng = np.random.default_rng(levels)
    codes = rng.choice([k for k in range(-levels, levels + 1) if k], size=(40, 150))
    made = encode(float32(codes * rng.uniform(0.01, 0.2, size=(40, 1))), None, "arithmetic")
    assert made.parts.kind == "scaled"
    assert len(made.data) < 1.02 * codes.size * np.log2(2 * levels) / 8 + 40 * 4.5 + 60


def test_rows_in_an_order_that_helps():
    """Blobs again; each row is more like its neighbour than like any other, and the file is smaller."""
    rng = np.random.default_rng(12)
    y, x = np.mgrid[:20, :20]
    middle = rng.integers(3, 17, size=(80, 2))
    near = (y[None] - middle[:, 0, None, None]) ** 2 + (x[None] - middle[:, 1, None, None]) ** 2 < 12
    values = (near & (rng.random(near.shape) < 0.5)).reshape(80, 400) * 0.5
    order = alike(values, (20, 20, 1))
    assert sorted(order.tolist()) == list(range(80))
    ordered = encode(values[order], (20, 20, 1), "arithmetic").data
    assert len(ordered) < 0.97 * len(encode(values, (20, 20, 1), "arithmetic").data)
