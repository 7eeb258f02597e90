"""What must be true before a step may raise the weight."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, ClassVar

from pydantic import Field

from tidegate.api.crd.lists import unique, unique_by
from tidegate.api.model import ApiModel, Rule
from tidegate.api.rollout.jobs import MAX_GATE_JOBS, JobSource
from tidegate.api.rollout.metrics import MetricName
from tidegate.api.rollout.responses import Response
from tidegate.api.rollout.thresholds import Threshold
from tidegate.api.values.names import ApprovalName, Instant, StepName
from tidegate.api.values.scalars import Duration, Quantity
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


class Approval(ApiModel):
    """One approval: of a role, or an item of a checklist."""

    name: ApprovalName
    """Its name, such as `finance`; who may give it has the verb `approve-NAME` on the Rollout."""
    early: bool = False
    """Whether it may be given before the step before has passed. By default it may not."""


class Check(ApiModel):
    """A limit that must be met when the weight is raised, on a metric that needs no candidate."""

    name: Annotated[str, Field(min_length=1, max_length=63, pattern=ONE_LINE)] | None = None
    """Its identity; by default made of the metric and the limit, such as `open-incidents max 0`."""
    metric: MetricName
    """Name of a metric that uses none of `$workload`, `$service` and `$pods`."""
    max: Quantity | None = None
    """With a value above this the gate is closed."""
    min: Quantity | None = None
    """With a value below this the gate is closed."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.max) != has(self.min)",
            "give either 'max' or 'min': write an entry for each limit",
            holds=lambda self: (self.max is None) != (self.min is None),
        ),
    )

    @cached_property
    def limit(self) -> Threshold:
        """The same as a limit: no breach of it does more than keep the gate closed."""
        return Threshold(name=self.name, metric=self.metric, max=self.max, min=self.min, on_breach=Response.WARN)


@dataclass(frozen=True)
class Quorum:
    """The approvals of a gate, and how many are needed."""

    approvals: tuple[Approval, ...]
    needed: int
    distinct: bool
    """One person may give one of them."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the approvals, as listed."""
        return tuple(one.name for one in self.approvals)


class Gate(ApiModel):
    """What must be true before a step may raise the weight. All that is given must be true."""

    after: Instant | None = None
    """Not before this time (RFC 3339, for example `2026-11-21T14:00:00Z`)."""
    since_step: SinceStep | None = None
    """Not before this much time has passed since an earlier step began."""
    windows: Windows = ()
    """Only within one of these windows, and within one of the Rollout's own."""
    freezes: Freezes = ()
    """Not during these freezes, nor the Rollout's own, nor the administrator's."""
    approvals: Annotated[tuple[Approval, ...], Field(max_length=16, json_schema_extra=unique_by("name"))] = ()
    """Not before people have given these approvals (`tidegate approve`). An edit of the step makes them void."""
    required: Annotated[int, Field(ge=1, le=16)] | None = None
    """How many of the approvals are enough; by default all of them."""
    distinct_people: bool = True
    """Whether one person may give only one of the approvals, by default true. `false` for a checklist that one person may tick."""
    checks: Annotated[tuple[Check, ...], Field(max_length=16)] = ()
    """Not while one of these limits is not met, or cannot be evaluated. They are evaluated every interval once all else in the gate is open."""
    jobs: Annotated[tuple[JobSource, ...], Field(max_length=MAX_GATE_JOBS, json_schema_extra=unique_by("cronJob"))] = ()
    """Not before these Jobs have succeeded. They run once all else allows the raise, once for this run and this step; an edit of the step makes their results void."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.required) || (has(self.approvals) && self.required <= self.approvals.size())",
            "'required' must not be more than there are 'approvals'",
            ".required",
            lambda self: self.required is None or self.required <= len(self.approvals),
        ),
    )

    @property
    def quorum(self) -> Quorum | None:
        """The approvals with how many are needed; `None` without any."""
        if not self.approvals:
            return None
        return Quorum(self.approvals, self.required or len(self.approvals), self.distinct_people)
