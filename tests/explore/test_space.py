# SPDX-License-Identifier: Apache-2.0
"""The grid of a sweep."""

import pytest

from hwcompress.errors import BadInput
from hwcompress.explore.space import Grid, Point, parse_grid


def test_every_combination_in_a_fixed_order():
    grid = parse_grid("4,6x8", "0,0.5", "dsp", "1,auto")
    points = grid.points()
    assert len(points) == len(set(points)) == 8
    assert points[0] == Point(4, 4, 0.0, "dsp", 1)
    assert points[1] == Point(4, 4, 0.0, "dsp", "auto")
    assert points[-1] == Point(6, 8, 0.5, "dsp", "auto")
    assert points[0].options() == {
        "weight_bits": 4,
        "activation_bits": 4,
        "sparsity": 0.0,
        "strategy": "dsp",
        "reuse": 1,
    }


def test_a_value_given_twice_counts_once():
    assert parse_grid("8,8", "0", "auto", "1, 1").points() == (Point(8, 8, 0.0, "auto", 1),)


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        (("", "0", "auto", "1"), "--bits: a list like 4,6,8 wanted, '' found"),
        (("4,,8", "0", "auto", "1"), "--bits: a list like 4,6,8 wanted, '4,,8' found"),
        (("4x", "0", "auto", "1"), "--bits: whole numbers with commas between wanted, '' found"),
        (("8", "half", "auto", "1"), "--sparsity: numbers with commas between wanted, 'half' found"),
        (("8", "0", "auto", "1.5"), "--reuse: whole numbers with commas between wanted, '1.5' found"),
        (("8", "0", "auto", "\u0664"), r"--reuse: whole numbers with commas between wanted, '\u0664' found"),
        (("8", "0", "auto", "9" * 5000), "--reuse: whole numbers"),
    ],
)
def test_a_wrong_list_gets_one_message(lists, message):
    with pytest.raises(BadInput) as error:
        parse_grid(*lists)
    assert str(error.value).startswith(message)
    assert len(str(error.value)) < 200


def test_a_grid_has_an_end():
    with pytest.raises(BadInput, match="at most 20000 points wanted, 20001 found"):
        Grid(reuse=tuple(range(1, 20_002))).points()
