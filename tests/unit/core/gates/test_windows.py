"""Windows of the week by a local clock, freezes, and when gates open next: daylight saving in both directions, over midnight."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tidegate.api.rollout.gates import Freeze, Gate, Window
from tidegate.api.rollout.steps import Step
from tidegate.core import gates
from tidegate.core.gates.kind import Asked, GateContext
from tidegate.core.gates.windows import in_words, is_open, next_opening
from tidegate.core.model.time_format import instant
from tidegate.core.tick.kept_spec import NO_SPEC

BERLIN = "Europe/Berlin"


def window(begin: str, end: str, zone: str = BERLIN, days: list[str] | None = None) -> Window:
    given: dict[str, Any] = {"from": begin, "to": end, "timeZone": zone}
    return Window.model_validate(given | ({"days": days} if days else {}))


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("why", "one", "now", "open_"),
    [
        ("winter: 09:00 in Berlin is 08:00 UTC", window("09:00", "16:00"), "2026-01-05T08:00:00Z", True),
        ("and before it is closed", window("09:00", "16:00"), "2026-01-05T07:59:59Z", False),
        ("summer: 09:00 in Berlin is 07:00 UTC", window("09:00", "16:00"), "2026-07-06T07:00:00Z", True),
        ("its end is not in it", window("09:00", "16:00"), "2026-07-06T14:00:00Z", False),
        ("the last second is", window("09:00", "16:00"), "2026-07-06T13:59:59Z", True),
        ("not on another day", window("09:00", "16:00", days=["Mon"]), "2026-01-06T10:00:00Z", False),
        ("the day is the local one", window("00:00", "24:00", "Asia/Tokyo", ["Tue"]), "2026-01-05T16:00:00Z", True),
        ("over midnight, before it", window("22:00", "04:00", "UTC", ["Fri"]), "2026-01-09T23:00:00Z", True),
        ("over midnight, after it: the day is that of its beginning", window("22:00", "04:00", "UTC", ["Fri"]), "2026-01-10T03:59:59Z", True),
        ("and not the morning of that day", window("22:00", "04:00", "UTC", ["Fri"]), "2026-01-09T03:00:00Z", False),
        ("clock set forward: 02:30 does not exist, 03:10 is inside", window("02:30", "05:00"), "2026-03-29T01:10:00Z", True),
        ("and the instant before the clock is set is outside", window("02:30", "05:00"), "2026-03-29T00:59:59Z", False),
        ("a window that ends in the hour left out is over", window("01:00", "02:30"), "2026-03-29T01:00:00Z", False),
        ("one wholly in the hour left out does not open", window("02:10", "02:50"), "2026-03-29T01:05:00Z", False),
        ("clock set back: 02:15 for the first time", window("02:00", "02:30"), "2026-10-25T00:15:00Z", True),
        ("02:45 for the first time is outside", window("02:00", "02:30"), "2026-10-25T00:45:00Z", False),
        ("02:15 for the second time", window("02:00", "02:30"), "2026-10-25T01:15:00Z", True),
    ],
)  # fmt: skip
def test_a_window_is_open_while_the_local_clock_shows_a_time_inside(
    why: str,
    one: Window,
    now: str,
    open_: bool,  # noqa: FBT001
) -> None:
    assert is_open(one, at(now)) is open_, why


@pytest.mark.parametrize(
    ("why", "one", "now", "opens"),
    [
        ("later today", window("09:00", "16:00"), "2026-01-05T03:00:00Z", "2026-01-05T08:00:00Z"),
        ("tomorrow", window("09:00", "16:00"), "2026-01-05T15:00:00Z", "2026-01-06T08:00:00Z"),
        ("after the weekend", window("09:00", "16:00", days=["Mon", "Thu"]), "2026-01-08T15:00:00Z", "2026-01-12T08:00:00Z"),
        ("a week later", window("09:00", "16:00", days=["Mon"]), "2026-01-05T15:00:00Z", "2026-01-12T08:00:00Z"),
        ("over the change to summer time", window("09:00", "16:00", days=["Mon"]), "2026-03-28T12:00:00Z", "2026-03-30T07:00:00Z"),
        ("over the change to winter time", window("09:00", "16:00", days=["Mon"]), "2026-10-24T12:00:00Z", "2026-10-26T08:00:00Z"),
        ("when the clock is set forward over its beginning", window("02:30", "05:00"), "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z"),
        ("a window in the hour left out opens on the next day", window("02:10", "02:50"), "2026-03-29T00:00:00Z", "2026-03-30T00:10:00Z"),
        ("again when the clock is set back", window("02:00", "02:30"), "2026-10-25T00:40:00Z", "2026-10-25T01:00:00Z"),
        ("a zone that left out a day", window("09:00", "10:00", "Pacific/Apia", ["Fri"]), "2011-12-29T00:00:00Z", "2012-01-05T19:00:00Z"),
    ],
)  # fmt: skip
def test_when_a_window_opens_next(why: str, one: Window, now: str, opens: str) -> None:
    assert next_opening(one, at(now)) == at(opens), why


@settings(max_examples=150, deadline=None)
@given(
    begin=st.integers(0, 1439),
    end=st.integers(0, 1440),
    zone=st.sampled_from(
        [BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC", "Africa/Casablanca"]
    ),
    now=st.integers(int(at("2026-01-01T00:00:00Z")), int(at("2027-12-31T00:00:00Z"))),
    days=st.sets(st.sampled_from(["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]), min_size=1),
)
def test_the_next_opening_is_open_and_nothing_before_it_is(
    begin: int, end: int, zone: str, now: int, days: set[str]
) -> None:
    if begin == end:
        return
    clock = [f"{minute // 60:02}:{minute % 60:02}" for minute in (begin, end)]
    one = window(*clock, zone, sorted(days))
    if is_open(one, now):
        return
    opens = next_opening(one, now)
    assert is_open(one, opens)
    step = max((opens - now) / 500, 30.0)
    between, closed = float(now), True
    while between < opens - 1:
        closed = closed and not is_open(one, between)
        between += step
    assert closed
    assert not is_open(one, opens - 1)


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (window("09:00", "16:00", days=["Mon", "Tue", "Wed", "Thu"]), "Mon-Thu 09:00-16:00 Europe/Berlin"),
        (window("09:00", "16:00", days=["Fri", "Mon"]), "Mon, Fri 09:00-16:00 Europe/Berlin"),
        (window("22:00", "04:00", "UTC"), "22:00-04:00 UTC"),
    ],
)
def test_a_window_in_words(one: Window, words: str) -> None:
    assert in_words(one) == words


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"from": "9:00", "to": "16:00", "timeZone": "UTC"}, "from"),
        ({"from": "09:00", "to": "25:00", "timeZone": "UTC"}, "to"),
        ({"from": "09:00", "to": "16:00", "timeZone": "Europe/Berln"}, "did you mean 'Europe/Berlin'"),
        ({"from": "09:00", "to": "16:00", "timeZone": "../../etc/passwd"}, "timeZone"),
        ({"from": "09:00", "to": "16:00"}, "timeZone"),
    ],
)
def test_a_window_that_is_none_is_refused(given: dict[str, str], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Window.model_validate(given)


STEP = Step.model_validate({"name": "half", "weight": 50})


def context(now: str) -> GateContext:
    return GateContext(at(now), {}, STEP)


def freeze(begin: str, end: str, reason: str = "books") -> Freeze:
    return Freeze.model_validate({"from": begin, "to": end, "reason": reason})


def test_windows_of_the_rollout_and_of_the_step_must_both_be_open() -> None:
    spec = NO_SPEC.model_copy(update={"windows": (window("09:00", "16:00"),)})
    step = STEP.model_copy(update={"gate": Gate(windows=(window("15:00", "20:00"),))})
    in_force = gates.in_force(spec, step)
    assert [one.part for one in gates.closed_parts(in_force, context("2026-01-05T10:00:00Z"))] == ["windows"]
    assert gates.opens([Asked(in_force, context("2026-01-05T10:00:00Z"))]) == at("2026-01-05T14:00:00Z")
    assert gates.opens([Asked(in_force, context("2026-01-05T15:00:00Z"))]) == at("2026-01-06T14:00:00Z")


def test_a_freeze_that_ends_outside_the_window_opens_with_the_next_window() -> None:
    spec = NO_SPEC.model_copy(
        update={
            "windows": (window("09:00", "16:00", days=["Mon", "Tue"]),),
            "freezes": (freeze("2026-01-05T00:00:00Z", "2026-01-06T20:00:00Z"),),
        }
    )
    in_force = gates.in_force(spec, STEP, (freeze("2026-01-10T00:00:00Z", "2026-01-12T12:00:00Z", "the other"),))
    now = context("2026-01-05T10:00:00Z")
    assert gates.opens([Asked(in_force, now)]) == at("2026-01-12T12:00:00Z")
    (closed,) = gates.closed_parts(in_force, now)
    assert (closed.part, closed.message) == ("freezes", "is frozen until 2026-01-06T20:00:00Z (books)")


def test_windows_that_never_meet_never_open() -> None:
    spec = NO_SPEC.model_copy(update={"windows": (window("09:00", "16:00", days=["Mon"]),)})
    step = STEP.model_copy(update={"gate": Gate(windows=(window("09:00", "16:00", days=["Tue"]),))})
    assert math.isinf(gates.opens([Asked(gates.in_force(spec, step), context("2026-01-05T10:00:00Z"))]))


def test_a_window_at_the_end_of_the_calendar_is_no_error() -> None:
    late = instant(math.inf).timestamp()
    assert math.isinf(next_opening(window("09:00", "16:00", "UTC"), late))
