# SPDX-License-Identifier: Apache-2.0
"""The front against its definition."""

from hypothesis import given
from hypothesis import strategies as st

from hwcompress.explore.pareto import dominates, front

COSTS = st.lists(st.tuples(*[st.integers(0, 3)] * 3), max_size=30)


@given(COSTS)
def test_the_front_is_what_nothing_dominates(costs):
    expected = tuple(k for k, a in enumerate(costs) if not any(dominates(b, a) for b in costs))
    assert front(costs) == expected


def test_equal_points_are_all_kept():
    assert front([(1, 2), (1, 2), (2, 2)]) == (0, 1)
    assert front([]) == ()
