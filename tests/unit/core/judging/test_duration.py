"""`for`: tables of samples, one a line, each with the run's watched seconds at the time."""

from __future__ import annotations

import pytest

from tidegate.api.rollout.status import Clock
from tidegate.api.rollout.thresholds import Threshold
from tidegate.core.judging.duration import KEPT, clocks_after, sustained_state
from tidegate.core.model.finding import Finding, SeriesFinding, State

LINE = Threshold.model_validate({"metric": "errors", "max": "5%"})
BAD, GOOD, NONE, FEW, OPEN = State.BREACHED, State.OK, State.NO_DATA, State.TOO_FEW_REQUESTS, State.OPEN


def finding(**states: State) -> Finding:
    series = tuple(SeriesFinding(name, state, 1.0) for name, state in states.items())
    order = [BAD, NONE, FEW, OPEN, GOOD]
    return Finding(
        LINE, min(states.values(), key=order.index), "", series=series if OPEN not in states.values() else ()
    )


@pytest.mark.parametrize(
    ("why", "samples", "state"),
    [
        ("one breached sample lasts no time", [(0, BAD)], State.PENDING),
        ("two lie ten seconds apart", [(0, BAD), (10, BAD)], State.PENDING),
        ("thirty seconds of breach are enough", [(0, BAD), (10, BAD), (20, BAD), (30, BAD)], State.BREACHED),
        ("a good sample starts it anew", [(0, BAD), (20, BAD), (25, GOOD), (30, BAD), (40, BAD)], State.PENDING),
        ("missing data does not complete it", [(0, BAD), (10, BAD), (20, NONE), (30, NONE)], State.NO_DATA),
        ("missing data does not reset it", [(0, BAD), (10, BAD), (20, NONE), (30, BAD), (40, BAD)], State.BREACHED),
        ("too few does not reset it", [(0, BAD), (10, BAD), (20, FEW), (30, BAD), (40, BAD)], State.BREACHED),
        ("an unanswered query changes nothing", [(0, BAD), (10, OPEN), (20, BAD), (30, BAD)], State.BREACHED),
        ("a long gap counts two intervals", [(0, BAD), (3600, BAD)], State.PENDING),
        ("and the next sample completes it", [(0, BAD), (3600, BAD), (3610, BAD)], State.BREACHED),
        ("watched time that went back counts nothing", [(100, BAD), (50, BAD), (60, BAD)], State.PENDING),
    ],
)
def test_thirty_seconds_at_an_interval_of_ten(why: str, samples: list[tuple[float, State]], state: State) -> None:
    clocks: tuple[Clock, ...] = ()
    for watched, one in samples:
        judged = finding(a=one)
        clocks = clocks_after(clocks, judged, watched, most=20.0)
    assert sustained_state(judged, clocks, 30.0) is state, why


def test_each_series_has_a_clock_of_its_own() -> None:
    clocks: tuple[Clock, ...] = ()
    for watched, judged in ((0, finding(a=BAD, b=GOOD)), (20, finding(a=GOOD, b=BAD)), (40, finding(a=BAD, b=BAD))):
        clocks = clocks_after(clocks, judged, watched, most=20.0)
        assert sustained_state(judged, clocks, 30.0) is State.PENDING
    assert {clock.series: clock.watched for clock in clocks} == {"a": 0.0, "b": 20.0}


def test_a_series_that_is_gone_keeps_its_clock_and_completes_nothing() -> None:
    clocks = (Clock(series="a", watched=100, mark=100),)
    judged = finding(b=BAD)
    clocks = clocks_after(clocks, judged, 110, most=20.0)
    assert sustained_state(judged, clocks, 30.0) is State.PENDING
    assert {clock.series for clock in clocks} == {"a", "b"}


def test_without_a_duration_a_breach_counts_at_once() -> None:
    judged = finding(a=BAD)
    assert sustained_state(judged, clocks_after((), judged, 0, most=20.0), 0.0) is State.BREACHED


def test_the_worst_eight_are_kept() -> None:
    clocks = tuple(Clock(series=f"s{number:02}", watched=number, mark=0) for number in range(20))
    kept = clocks_after(clocks, finding(x=GOOD), 0, most=20.0)
    assert [clock.watched for clock in kept] == list(range(19, 19 - KEPT, -1))


def test_series_that_are_gone_keep_no_place_from_one_that_is_beyond_the_limit() -> None:
    """Pods that were replaced while beyond the limit: their successor's breach must still last its time."""
    clocks = tuple(Clock(series=f"old{number}", watched=800, mark=800) for number in range(KEPT))
    for watched in range(800, 840, 10):
        judged = finding(new=BAD)
        clocks = clocks_after(clocks, judged, float(watched), most=20.0)
        assert len(clocks) == KEPT
    assert sustained_state(judged, clocks, 30.0) is State.BREACHED


@pytest.mark.parametrize(("limit", "sign"), [({"max": "5%"}, 1), ({"min": "5%"}, -1)])
def test_of_two_that_have_just_begun_the_worse_keeps_the_clock(limit: dict[str, str], sign: int) -> None:
    """By its name a series that flaps would take it each time, and the one that stays beyond would never complete."""
    line = Threshold.model_validate({"metric": "errors", **limit})
    clocks: tuple[Clock, ...] = ()
    for tick in range(10):
        series = [SeriesFinding("z", State.BREACHED, sign * 0.9)]
        series += [SeriesFinding(f"a{tick}{place}", State.BREACHED, sign * 0.1) for place in range(5)]
        judged = Finding(line, State.BREACHED, "", series[0], tuple(series))
        clocks = clocks_after(clocks, judged, 10.0 * tick, most=20.0, kept=2)
    assert (clocks[0].series, clocks[0].watched) == ("z", 90.0)
