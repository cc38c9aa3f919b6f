# SPDX-License-Identifier: Apache-2.0
"""Running a sweep: order, sharing, processes that die, the front, CSV."""

import csv
import io

import pytest

from hwcompress.explore.space import Axes, Point, parse_grid
from hwcompress.explore.sweep import Row, SweepResult, groups, sweep
from tests.explore.workers import dies_at_four_bits, figures, good

POINTS = parse_grid(Axes(bits="4,8", sparsity="0", strategy="auto", reuse="1,2,4"), {}).points()


@pytest.mark.parametrize("jobs", [1, 2])
def test_rows_keep_the_order_of_the_points(jobs):
    said: list[float] = []
    result = sweep(POINTS, good, jobs, lambda _text, share: said.append(share))
    assert [row.point for row in result.rows] == list(POINTS)
    assert said[-1] == 1.0
    assert said == sorted(said)


def test_a_process_that_dies_costs_only_its_own_points():
    result = sweep(POINTS, dies_at_four_bits, 2)
    lost = [row for row in result.rows if row.measured is None]
    assert [row.point.weight_bits for row in lost] == [4, 4, 4]
    assert {row.error for row in lost} == {"the process ended without a result (out of memory?)"}
    assert all(row.measured for row in result.rows if row.point.weight_bits == 8)


def test_points_that_share_their_numbers_go_together():
    assert [len(g) for g in groups(POINTS, 2)] == [3, 3]
    assert {p.numbers for p in groups(POINTS, 2)[0]} == {(4, 4, 0.0)}


def test_they_are_cut_only_where_processes_would_stand_idle():
    assert [len(g) for g in groups(POINTS, 4)] == [2, 1, 2, 1]
    assert sorted(p for g in groups(POINTS, 99) for p in [repr(x) for x in g]) == sorted(map(repr, POINTS))


def test_the_front_leaves_out_what_is_beaten_and_what_does_not_fit():
    table = {
        1: figures(64, 1),
        2: figures(64, 2),  # beaten by reuse 1
        4: figures(8, 4),
        8: figures(1, 8, fits=False),
    }
    points = parse_grid(Axes(bits="8", sparsity="0", strategy="auto", reuse="1,2,4,8"), {}).points()
    result = sweep(points, lambda ps: [Row(p, table[int(p.reuse)]) for p in ps], 1)
    assert [row.point.reuse for row in result.front] == [1, 4]


def test_accuracy_counts_for_the_front_in_the_right_direction():
    points = parse_grid(Axes(bits="4,8", sparsity="0", strategy="auto", reuse="1"), {}).points()
    same_size = sweep(points, lambda ps: [Row(p, figures(1, 1, float(p.weight_bits))) for p in ps], 1)
    assert [row.point.weight_bits for row in same_size.front] == [8]


def test_csv_holds_every_row_and_survives_any_error_text():
    hostile = 'a,"b"\n=1+1\x1b[31m'
    rows = (
        Row(Point(8, 8, 0.5, "dsp", 1), figures(3, 1), on_front=True),
        Row(Point(4, 4, 0.0, "lut", 2), None, hostile),
    )
    lines = list(csv.DictReader(io.StringIO(SweepResult(rows).csv())))
    assert (lines[0]["dsp"], lines[0]["on_front"], lines[0]["sparsity"]) == ("3", "True", "0.5")
    assert (lines[1]["dsp"], lines[1]["error"]) == ("", hostile)
    assert SweepResult(()).csv() == "\n"
