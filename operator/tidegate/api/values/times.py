"""Times of the day, days of the week and time zones, as a window of the week is written with them."""

from __future__ import annotations

import difflib
import zoneinfo
from enum import StrEnum
from functools import cache, lru_cache
from typing import Annotated

from pydantic import AfterValidator, Field

CLOCK_TIME_PATTERN = r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"

ClockTime = Annotated[str, Field(min_length=5, max_length=5, pattern=CLOCK_TIME_PATTERN)]
"""A time of the day by a local clock, such as `09:00`; `24:00` is the end of the day."""


class Weekday(StrEnum):
    """A day of the week, as Python counts them: Monday first."""

    MON = "Mon"
    TUE = "Tue"
    WED = "Wed"
    THU = "Thu"
    FRI = "Fri"
    SAT = "Sat"
    SUN = "Sun"


@lru_cache(maxsize=256)
def zone(name: str) -> zoneinfo.ZoneInfo:
    """The time zone of this name.

    Raises: ValueError: the IANA time zone database has none; the message says which name is close.
    """
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        close = difflib.get_close_matches(name, _names(), n=1)
        instead = f"did you mean '{close[0]}'?" if close else "write it like Europe/Berlin or UTC"
        raise ValueError(f"'{name}' is not in the IANA time zone database; {instead}") from error


@cache
def _names() -> tuple[str, ...]:
    return tuple(sorted(zoneinfo.available_timezones()))


def _known(name: str) -> str:
    zone(name)
    return name


TimeZone = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_+/-]+$"), AfterValidator(_known)]
"""The name of a zone of the IANA time zone database."""
