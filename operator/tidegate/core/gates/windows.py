"""Gates of the week: windows by a local clock, in which alone a weight is raised.

A window is open while the local clock shows a time inside it. So an hour that daylight saving leaves out is in no window, a
window that begins in it begins when the clock is set, and one that contains the hour that is repeated is open twice.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from tidegate.api.rollout.gates import Window
from tidegate.api.values.times import Weekday, zone
from tidegate.core.gates.kind import Closed, GateContext
from tidegate.core.model.time_format import instant

DAYS_AHEAD = 16
"""Days in which every window opens at least once: two weeks, because a change of the zone may leave it out in one, and a margin."""

_DAYS = tuple(Weekday)
_A_DAY = timedelta(days=1)


@dataclass(frozen=True)
class InWindow:
    """`windows`: only within one of them."""

    field: str = "windows"
    calendar: bool = True

    def evaluate(self, part: Sequence[Window], context: GateContext) -> Closed | None:
        """Closed outside all of them, until the first one opens."""
        if any(is_open(window, context.now) for window in part):
            return None
        opens = min(next_opening(window, context.now) for window in part)
        if math.isinf(opens):
            return Closed(f"is outside its windows ({self.describe(part)})")
        return Closed(f"opens with its window at {instant(opens):%Y-%m-%dT%H:%M:%SZ}", opens)

    def describe(self, part: Sequence[Window]) -> str:
        """`Mon-Thu 09:00-16:00 Europe/Berlin`."""
        return " or ".join(in_words(window) for window in part)


def is_open(window: Window, now: float) -> bool:
    """Whether the local clock shows a time inside the window. `now` is in epoch seconds."""
    local = instant(now).astimezone(zone(window.time_zone))
    minute = local.hour * 60 + local.minute
    begin, end = _minutes(window.from_), _minutes(window.to)
    if begin < end:
        return begin <= minute < end and _opens_on(window, local.date())
    return (minute >= begin and _opens_on(window, local.date())) or (
        minute < end and _opens_on(window, _before(local.date()))
    )


def next_opening(window: Window, now: float) -> float:
    """Epoch seconds of the first instant after `now` at which the window is open, having been closed; infinite for none."""
    found = sorted(at for at in _candidates(window, now) if at > now)
    return next((at for at in found if is_open(window, at)), math.inf)


def in_words(window: Window) -> str:
    """`Mon-Thu 09:00-16:00 Europe/Berlin`."""
    return f"{_days_in_words(window)}{window.from_}-{window.to} {window.time_zone}"


def _candidates(window: Window, now: float) -> Iterator[float]:
    """Instants at which the window may open: its beginning on each day, and those at which the clock is set."""
    place, begin = zone(window.time_zone), _minutes(window.from_)
    try:
        first = instant(now).astimezone(place).date() - _A_DAY
        for days in range(DAYS_AHEAD + 1):
            midnight = datetime.combine(first + days * _A_DAY, datetime.min.time())
            local = midnight + timedelta(minutes=begin)
            for fold in (0, 1):  # an hour that is repeated has the time of the day twice
                yield local.replace(tzinfo=place, fold=fold).timestamp()
            yield from _clock_set(midnight, place)
    except OverflowError:  # after the year 9999
        return


def _clock_set(midnight: datetime, place: ZoneInfo) -> Iterator[float]:
    """The instant of the day at which the zone's clock is set, to the second; none on most days."""
    low = round(midnight.replace(tzinfo=place).timestamp())
    high = low + 86_400
    if _offset(low, place) == _offset(high, place):
        return
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(middle, place) == _offset(low, place) else (low, middle)
    yield float(high)


def _offset(epoch: float, place: ZoneInfo) -> timedelta | None:
    return instant(epoch).astimezone(place).utcoffset()


def _opens_on(window: Window, day: date) -> bool:
    return _DAYS[day.weekday()] in window.days


def _before(day: date) -> date:
    return day - _A_DAY if day > date.min else day


def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


def _days_in_words(window: Window) -> str:
    """`Mon-Thu `, `Mon, Wed `; empty for every day."""
    places = sorted(_DAYS.index(day) for day in window.days)
    if len(places) == len(_DAYS):
        return ""
    row = len(places) > 2 and places[-1] - places[0] == len(places) - 1
    if row:
        return f"{_DAYS[places[0]]}-{_DAYS[places[-1]]} "
    return ", ".join(_DAYS[place] for place in places) + " "
