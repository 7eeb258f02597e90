"""For how much time an evaluation speaks."""

from __future__ import annotations

import math

import pytest

from tidegate.core.model.pace import EVERY_POINT
from tidegate.simulation.pace import FROM_CHANGE_TO_CHANGE


@pytest.mark.parametrize("elapsed", [0.0, 5.0, 9.9, 10.0])
def test_the_operator_counts_each_evaluation_once_and_at_most_two_intervals_of_time(elapsed: float) -> None:
    assert EVERY_POINT.evaluations(elapsed, 5.0) == 1
    assert EVERY_POINT.watched(5.0) == 10.0


@pytest.mark.parametrize(("elapsed", "counted"), [(0.0, 1), (5.0, 1), (9.9, 1), (10.0, 2), (3600.0, 720)])
def test_where_points_are_left_out_the_next_evaluation_speaks_for_them(elapsed: float, counted: int) -> None:
    assert FROM_CHANGE_TO_CHANGE.evaluations(elapsed, 5.0) == counted
    assert math.isinf(FROM_CHANGE_TO_CHANGE.watched(5.0))
