"""Requests counted from raw samples."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.evidence.counting import LOOKBACK, RawSeries, counted, newest

POD_A, POD_B = (("pod", "a"),), (("pod", "b"),)


def series(labels: tuple[tuple[str, str], ...], *samples: tuple[float, float]) -> RawSeries:
    return RawSeries(labels, samples)


CASES = (
    ("differences are added up", [series(POD_A, (90, 5), (105, 7), (120, 12))], {POD_A: 7}),
    ("a sample at the start belongs to the window before", [series(POD_A, (100, 5), (115, 6))], {POD_A: 1}),
    ("a sample at the end belongs to this window", [series(POD_A, (90, 5), (130, 9))], {POD_A: 4}),
    ("a sample after the end belongs to the next", [series(POD_A, (90, 5), (131, 9))], {POD_A: 0}),
    ("a reset adds the new value", [series(POD_A, (90, 50), (105, 52), (120, 3))], {POD_A: 5}),
    (
        "a new series beside a known one counts from zero",
        [series(POD_A, (90, 5), (120, 5)), series(POD_B, (105, 1), (120, 4))],
        {POD_A: 0, POD_B: 4},
    ),
    (
        "after the source was away a series counts from its first sample",
        [series(POD_A, (105, 900), (120, 904))],
        {POD_A: 4},
    ),
    (
        "a sample older than the look-back is none",
        [series(POD_A, (100 - LOOKBACK, 5), (120, 9)), series(POD_B, (95, 1))],
        {POD_A: 9, POD_B: 0},
    ),
    ("a series that is gone counted nothing", [series(POD_A, (90, 5))], {POD_A: 0}),
)


@pytest.mark.parametrize(("case", "known", "expected"), CASES, ids=[case for case, *_ in CASES])
def test_a_window_counts(case: str, known: list[RawSeries], expected: dict[object, float]) -> None:
    assert counted(known, 100, 130) == expected, case


@given(
    st.lists(st.tuples(st.floats(0.5, 20), st.integers(0, 9), st.booleans()), min_size=2, max_size=30),
    st.lists(st.floats(1, 100), min_size=1, max_size=8),
)
def test_windows_side_by_side_count_what_one_large_window_counts(
    scrapes: list[tuple[float, int, bool]], cuts: list[float]
) -> None:
    time, value, samples = 0.0, 0, [(0.0, 0.0)]
    for wait, more, reset in scrapes:
        time += wait
        value = more if reset else value + more
        samples.append((time, float(value)))
    known = [RawSeries(POD_A, tuple(samples))]
    edges = sorted({0.0, time, *(cut for cut in cuts if cut < time)})
    pieces = sum(counted(known, a, b)[POD_A] for a, b in itertools.pairwise(edges))
    assert pieces == counted(known, 0.0, time)[POD_A]


def test_the_newest_sample_tells_how_stale_an_answer_is() -> None:
    assert newest([series(POD_A, (90, 1), (105, 1)), series(POD_B, (99, 1)), series(())]) == 105
    assert newest([]) is None
