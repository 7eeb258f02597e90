"""Requests counted from raw samples."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.model.raw_samples import Distribution, RawHistogram, RawSeries
from tidegate.core.statistics.counter_increase import LOOKBACK, Edges, counted, fast, newest, observations, strangers

POD_A, POD_B = (("pod", "a"),), (("pod", "b"),)


def series(labels: tuple[tuple[str, str], ...], *samples: tuple[float, float]) -> RawSeries:
    return RawSeries(labels, samples)


CASES = (
    ("differences are added up", [series(POD_A, (90, 5), (105, 7), (120, 12))], (2, 5)),
    ("a sample at the start belongs to what was before", [series(POD_A, (100, 5), (115, 6))], (1, 0)),
    ("a sample at an edge belongs to the window before it", [series(POD_A, (90, 5), (115, 9), (130, 10))], (4, 1)),
    ("a sample after the end belongs to what comes next", [series(POD_A, (90, 5), (131, 9))], (0, 0)),
    ("a reset adds the new value", [series(POD_A, (90, 50), (105, 52), (120, 3))], (2, 3)),
    ("a small drop is another replica's, not a reset", [series(POD_A, (90, 1000), (105, 990), (120, 1010))], (0, 10)),
    ("nor is a drop of one of a smaller one", [series(POD_A, (90, 56), (105, 57), (115, 56), (130, 57))], (1, 0)),
    ("a drop of a counter below ten is a reset", [series(POD_A, (90, 9), (105, 8), (120, 9))], (8, 1)),
    ("a missed scrape is made good by the next", [series(POD_A, (90, 5), (125, 9))], (0, 4)),
    ("a new series counts from zero", [series(POD_A, (90, 5), (120, 5)), series(POD_B, (105, 1), (120, 4))], (1, 3)),
    (
        "a sample older than the look-back is still the one before",
        [series(POD_A, (100 - LOOKBACK, 5), (120, 9))],
        (0, 4),
    ),
    (
        "a replica that is behind for a while doubles nothing when it catches up",
        [series(POD_A, (90, 1000), (105, 990), (112, 995), (120, 1010))],
        (0, 10),
    ),
    (
        "nor does one that was behind before",
        [series(POD_A, (60, 1000), (75, 990), (90, 995), (105, 1001))],
        (1, 0),
    ),
    (
        "after longer than the look-back the last one is the one to go by",
        [series(POD_A, (-400, 1000), (-390, 990), (105, 1005))],
        (15, 0),
    ),
    (
        "one that stays behind for longer than the look-back is the one to go by",
        [series(POD_A, (-215, 1000), (-195, 990), (90, 990), (105, 994))],
        (4, 0),
    ),
    ("a series that is gone counted nothing", [series(POD_A, (90, 5))], (0, 0)),
)


@pytest.mark.parametrize(("case", "known", "expected"), CASES, ids=[case for case, *_ in CASES])
def test_windows_count(case: str, known: list[RawSeries], expected: tuple[float, ...]) -> None:
    assert counted(known, Edges(100, 15, 2)) == expected, case


def test_after_the_source_was_away_a_series_counts_from_its_first_sample() -> None:
    both = [series(POD_A, (105, 900), (120, 904)), series(POD_B, (120, 3))]
    assert counted(both, Edges(100, 15, 2), unknown={0}) == (0, 4 + 3), "one that comes after the first data is new"


def test_a_series_that_was_away_for_long_counts_from_what_it_had_then() -> None:
    back = [series(POD_A, (105, 900), (120, 904)), series(POD_B, (110, 3))]
    assert strangers(back, Edges(100, 15, 2))
    assert counted(back, Edges(100, 15, 2), {POD_A: 890.0, POD_B: 7.0}) == (10 + 3, 4)


def test_only_series_that_turn_up_in_the_windows_are_strangers() -> None:
    edges = Edges(100, 15, 2)
    assert not strangers([series(POD_A, (90, 1), (105, 2)), series(POD_B, (131, 1)), series(POD_B, (99, 1))], edges)


def test_a_native_histogram_is_a_counter_of_all_and_one_of_the_fast() -> None:
    buckets = ((-math.inf, 0.0, 0.0), (0.0, 0.1, 4.0), (0.1, 0.2, 2.0), (0.2, 0.4, 3.0), (0.8, math.inf, 1.0))
    histogram = RawHistogram(POD_A, ((105, Distribution(10.0, buckets)),))
    assert observations(histogram) == RawSeries(POD_A, ((105, 10.0),))
    for bound, expected in ((0.2, 6.0), (0.3, 7.5), (0.4, 9.0), (0.5, 9.0), (2.0, 9.0), (0.0, 0.0), (-1.0, 0.0)):
        assert fast(histogram, bound).samples == ((105, pytest.approx(expected)),), bound


def test_the_first_bucket_of_bounds_of_ones_own_is_fast_up_to_its_bound() -> None:
    """It begins at minus infinity."""
    histogram = RawHistogram(POD_A, ((105, Distribution(7.0, ((-math.inf, 0.1, 4.0), (0.1, 0.5, 3.0)))),))
    assert fast(histogram, 0.1).samples == ((105, 4.0),)
    assert fast(histogram, 0.05).samples == ((105, 0.0),)


def latencies(low: float, high: float) -> list[RawHistogram]:
    """A histogram whose buckets are made twice, and then four times as wide in the midst; all durations lie between the two."""
    found: list[tuple[float, Distribution]] = []
    for place in range(9):
        width = (1, 1, 1, 2, 2, 8, 8, 8, 8)[place]  # buckets an octave wide and less: 2^(width/8)
        counts: dict[tuple[float, float], float] = {}
        for number in range(1000 + 100 * place):
            value = low + (high - low) * (number % 100) / 100
            index = math.ceil(math.log2(value) * 8 / width)
            bucket = (2 ** ((index - 1) * width / 8), 2 ** (index * width / 8))
            counts[bucket] = counts.get(bucket, 0.0) + 1
        buckets = tuple((*bounds, count) for bounds, count in sorted(counts.items()))
        found.append((15.0 * place, Distribution(sum(counts.values()), buckets)))
    return [RawHistogram(POD_A, tuple(found))]


@pytest.mark.parametrize(("low", "high"), [(0.13, 0.15), (0.19, 0.21), (0.21, 0.24), (0.13, 0.24)])
def test_wider_buckets_of_a_native_histogram_are_no_requests_and_no_reset(low: float, high: float) -> None:
    """Clients and scrapers halve the resolution of one that has too many."""
    edges = Edges(0.0, 15.0, 8)
    found = counted((fast(one, 0.2) for one in latencies(low, high)), edges)
    assert all(0 <= one <= 100 + 1e-9 for one in found), "no more than there were requests"
    after = found[5:]
    assert after == pytest.approx((after[0],) * 3), "as before, with the new buckets"


@given(
    st.lists(st.tuples(st.floats(0.5, 20), st.integers(0, 9), st.booleans()), min_size=2, max_size=30),
    st.integers(1, 8),
)
def test_many_windows_count_what_one_large_window_counts(scrapes: list[tuple[float, int, bool]], windows: int) -> None:
    time, value, samples = 0.0, 0, [(0.0, 0.0)]
    for wait, more, reset in scrapes:
        time += wait
        value = more if reset else value + more
        samples.append((time, float(value)))
    known = [RawSeries(POD_A, tuple(samples))]
    step = 5.0
    whole = counted(known, Edges(0.0, step * windows, 1))
    assert sum(counted(known, Edges(0.0, step, windows))) == whole[0]
    one_by_one = [counted(known, Edges(step * place, step, 1))[0] for place in range(windows)]
    assert tuple(one_by_one) == counted(known, Edges(0.0, step, windows))


def test_the_newest_sample_tells_how_stale_an_answer_is() -> None:
    assert newest([series(POD_A, (90, 1), (105, 1)), series(POD_B, (99, 1)), series(())]) == 105
    assert newest([]) is None
