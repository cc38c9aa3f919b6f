# SPDX-License-Identifier: Apache-2.0
"""The grid of a sweep."""

import pytest

from hwcompress.errors import BadInput
from hwcompress.explore.space import Axes, Grid, Point, parse_grid


def grid(bits: str, sparsity: str, strategy: str, reuse: str) -> Grid:
    return parse_grid(Axes(bits=bits, sparsity=sparsity, strategy=strategy, reuse=reuse), {})


def test_every_combination_in_a_fixed_order():
    points = grid("4,6x8", "0,0.5", "dsp", "1,auto").points()
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
    assert grid("8,8", "0", "auto", "1, 1").points() == (Point(8, 8, 0.0, "auto", 1),)


def test_bits_of_weights_and_activations_apart_are_each_with_each():
    assert parse_grid(Axes(weight_bits="4,auto", activation_bits="6,8"), {}).bits == (
        (4, 6),
        (4, 8),
        ("auto", 6),
        ("auto", 8),
    )
    assert parse_grid(Axes(weight_bits="4"), {}).bits == ((4, 8),)
    assert parse_grid(Axes(activation_bits="4"), {}).bits == ((8, 4),)
    for twice in (Axes(bits="8", weight_bits="8"), Axes(bits="8", activation_bits="8")):
        with pytest.raises(BadInput, match=r"^--bits: both bits wanted there,"):
            parse_grid(twice, {})


def test_a_silent_axis_is_that_of_the_file():
    file = {
        "weight_bits": 5,
        "activation_bits": "auto",
        "sparsity": 0.25,
        "strategy": "auto",
        "reuse": 3,
        "interval": 9,
    }
    assert parse_grid(Axes(), file).points() == (Point(5, "auto", 0.25, "auto", 3),)
    assert parse_grid(Axes(bits="2", sparsity="1", strategy="dsp", reuse="auto"), file).points() == (
        Point(2, 2, 1.0, "dsp", "auto"),
    )
    assert parse_grid(Axes(weight_bits="2"), file).bits == ((2, "auto"),)


def test_the_axes_of_a_silent_user():
    assert len(parse_grid(Axes(), {}).points()) == 48
    assert parse_grid(Axes(), {"latency": 100}).reuse == ("auto",)
    assert parse_grid(Axes(), {"prune": "threshold", "quality": 1.0}).sparsity == (0.0,)


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
        grid(*lists)
    assert str(error.value).startswith(message)
    assert len(str(error.value)) < 200


def test_a_grid_has_an_end():
    with pytest.raises(BadInput, match="at most 20000 points wanted, 240012 found"):
        Grid(reuse=tuple(range(1, 20_002))).points()
