# SPDX-License-Identifier: Apache-2.0
"""Elements followed through Transpose and Reshape, against NumPy doing the same."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwcompress.frontend.layout import UNKNOWN_BATCH, Layout
from hwcompress.frontend.places import cut, fills, joined, row_major, sources, split, to_hardware
from hwcompress.frontend.raw import Refusal

SIZES = st.lists(st.sampled_from([1, 2, 3, 4, 6]), min_size=1, max_size=4)


def factored(draw, count: int) -> list[int]:
    """Dimensions whose product is `count`."""
    dims: list[int] = []
    while count > 1 and len(dims) < 4:
        part = draw(st.sampled_from([d for d in range(1, count + 1) if count % d == 0]))
        dims.append(part)
        count //= part
    return [*dims, count]


@st.composite
def moved(draw, steps: int = 5):
    """A sample [1, ...] of row-major elements, wired at random: as NumPy and as Layout have it."""
    dims = draw(SIZES)
    array = np.arange(math.prod(dims)).reshape(1, *dims)
    layout = Layout((UNKNOWN_BATCH, *dims), 0, "float32", shape=(array.size,))
    for _ in range(draw(st.integers(0, steps))):
        if draw(st.booleans()):
            order = [0, *draw(st.permutations(range(1, array.ndim)))]
            array, layout = array.transpose(order), layout.transposed(order)
            continue
        new = factored(draw, array.size)
        if layout.places is not None and cut(layout.flat, new) is None:
            continue
        array, layout = array.reshape(1, *new), layout.reshaped((UNKNOWN_BATCH, *new))
    return array[0], layout


@given(moved())
@settings(max_examples=300)
def test_every_element_is_found_where_it_lies(case):
    array, layout = case
    assert layout.sample == array.shape
    flat = array.reshape(1, -1)
    np.testing.assert_array_equal(layout.order.apply(flat)[0], np.arange(array.size))
    np.testing.assert_array_equal(layout.order.inverse().apply(np.arange(array.size)[None]), flat)
    np.testing.assert_array_equal(sources(layout.flat), np.argsort(flat[0]))
    for axis, atoms in enumerate(layout.parts[1:]):
        along = np.moveaxis(array, axis, -1).reshape(-1, array.shape[axis])[0]
        places = [sum(digits) for digits in product(*(range(0, n * step, step) for n, step in atoms))]
        assert (along - along[0]).tolist() == places
        assert fills(atoms, len(along)) == (sorted(places) == list(range(len(along))))


@given(moved(), st.integers(1, 24))
def test_split_parts_the_places_at_a_multiple(case, place):
    array, layout = case
    if array.size % place:
        return
    halves = split(layout.flat, place)
    if halves is None:
        return
    outer, inner = halves
    assert joined([*sorted(outer + inner, key=lambda a: -a[1])]) == joined(sorted(layout.flat, key=lambda a: -a[1]))
    assert all(step >= place for _, step in outer)
    assert fills(inner, place)


def test_a_cut_that_does_not_come_out_even():
    turned = Layout((UNKNOWN_BATCH, 4, 6), 0, "float32", shape=(24,)).transposed((0, 2, 1))
    assert turned.reshaped((UNKNOWN_BATCH, 3, 2, 4)).sample == (3, 2, 4)
    with pytest.raises(Refusal) as caught:
        turned.reshaped((UNKNOWN_BATCH, 3, 8)).reshaped((UNKNOWN_BATCH, 8, 3))
    assert str(caught.value) == "from [N, 3, 8] to [N, 8, 3] it cuts through dimensions that lie apart in hardware"
    assert cut(((4, 6),), (2, 2)) == (((2, 12),), ((2, 6),))
    assert cut(((4, 6), (6, 1)), (3, 8)) is None


def test_rows_of_nothing_but_ones():
    assert row_major((1, 1)) == ((), ())
    assert to_hardware(()).identity
    assert sources(()).tolist() == [0]
    assert fills((), 1)


def test_layouts_that_come_back_are_plain_again():
    layout = Layout((UNKNOWN_BATCH, 3, 4, 5), 0, "float32")
    turned = layout.transposed((0, 2, 3, 1))
    assert turned.places == ((), ((4, 5),), ((5, 1),), ((3, 20),))
    assert turned.transposed((0, 3, 1, 2)) == layout
    assert turned.reshaped((UNKNOWN_BATCH, 20, 3)).parts == ((), ((20, 1),), ((3, 20),))
