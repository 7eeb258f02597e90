"""The interval of a difference of two shares."""

from __future__ import annotations

from random import Random

import pytest

from tidegate.core.statistics.difference import difference_interval, wilson


def test_the_published_example() -> None:
    """R. G. Newcombe, Statistics in Medicine 17 (1998), table II, method 10: 56/70 against 48/80 is 0.0524 to 0.3339."""
    assert difference_interval((56, 70), (48, 80)) == pytest.approx((0.0524, 0.3339), abs=1e-4)


def test_without_any_failure_something_is_still_possible() -> None:
    low, high = difference_interval((0, 380), (0, 38_000))
    assert low < 0 < high
    assert high == pytest.approx(wilson(0, 380)[1], rel=1e-6)


@pytest.mark.parametrize(("mine", "other"), [((0, 0), (1, 5)), ((1, 5), (0, 0))])
def test_without_requests_all_is_possible(mine: tuple[float, float], other: tuple[float, float]) -> None:
    assert difference_interval(mine, other) == (-1.0, 1.0)


def test_it_holds_the_truth_as_often_as_it_says() -> None:
    chance, held = Random(7), 0  # noqa: S311
    for _ in range(600):
        mine = sum(chance.random() < 0.05 for _ in range(200))
        other = sum(chance.random() < 0.02 for _ in range(400))
        low, high = difference_interval((mine, 200), (other, 400))
        held += low <= 0.03 <= high
    assert 0.92 <= held / 600 <= 0.985
