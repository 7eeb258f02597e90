"""What must be true before a step may raise the weight."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from tidegate.api.crd.lists import unique
from tidegate.api.model import ApiModel, Rule
from tidegate.api.values.names import Instant, StepName
from tidegate.api.values.scalars import Duration
from tidegate.api.values.text import ONE_LINE
from tidegate.api.values.times import ClockTime, TimeZone, Weekday

MAX_WINDOWS = 16
MAX_FREEZES = 32


class SinceStep(ApiModel):
    """A calendar distance from an earlier step."""

    step: StepName
    """Name of an earlier step of this Rollout."""
    elapsed: Duration
    """Time by the clock since that step's weight was first set."""


class Window(ApiModel):
    """Hours of the week in which the weight may be raised, by a local clock."""

    days: Annotated[tuple[Weekday, ...], Field(min_length=1, max_length=7, json_schema_extra=unique())] = tuple(Weekday)
    """The days on which the window opens, such as `[Mon, Tue]`; by default every day."""
    from_: Annotated[ClockTime, Field(alias="from")]
    """When it opens, such as `09:00`."""
    to: ClockTime
    """When it closes, such as `16:00`; before `from` it closes on the following day. `24:00` is the end of the day."""
    time_zone: TimeZone
    """A zone of the IANA time zone database, such as `Europe/Berlin` or `UTC`. Daylight saving follows it."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.from != self.to",
            "'from' and 'to' must differ; the whole day is from 00:00 to 24:00",
            ".to",
            lambda self: self.from_ != self.to,
        ),
        Rule(
            "self.from != '24:00'",
            "'from' must be before 24:00; write 00:00 of the following day",
            ".from",
            lambda self: self.from_ != "24:00",
        ),
    )


class Freeze(ApiModel):
    """A time in which the weight is not raised."""

    from_: Annotated[Instant, Field(alias="from")]
    """When it begins (RFC 3339, for example `2026-12-18T17:00:00Z`)."""
    to: Instant
    """When it ends."""
    reason: Annotated[str, Field(min_length=1, max_length=256, pattern=ONE_LINE)]
    """Why, for people: one line."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule("self.from < self.to", "'to' must be later than 'from'", ".to", lambda self: self.from_ < self.to),
    )


Windows = Annotated[tuple[Window, ...], Field(max_length=MAX_WINDOWS)]
Freezes = Annotated[tuple[Freeze, ...], Field(max_length=MAX_FREEZES)]


class Gate(ApiModel):
    """What must be true before a step may raise the weight. All that is given must be true."""

    after: Instant | None = None
    """Not before this instant (RFC 3339, for example `2026-11-21T14:00:00Z`)."""
    since_step: SinceStep | None = None
    """Not before so much time has passed since an earlier step began."""
    windows: Windows = ()
    """Only within one of these windows, and within one of the Rollout's own."""
    freezes: Freezes = ()
    """Not during these freezes, nor the Rollout's own, nor the administrator's."""
