"""A world as people write it in YAML: what the metrics say over time, and what happens beside the Rollout.

All instants count from the start of the simulation.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, field_validator, model_validator
from pydantic.config import JsonDict

from tidegate.api.commands import Action
from tidegate.api.model import ApiModel
from tidegate.api.rollout.gates import Freezes
from tidegate.api.values.names import CronJobName, Instant
from tidegate.api.values.scalars import Duration, Quantity, Weight
from tidegate.core.model.world import ArmName

EARLIEST_START = 1970
LATEST_START = 9000
"""Years in which a world may begin: a run of a few centuries must end before the year 10,000."""

RESOLVED = " resolved"
"""After the event of a message: that it is over."""


def _exactly_one(names: Iterable[str]) -> JsonDict:
    """For editors: one of these fields, and no other of them."""
    return {"oneOf": [{"required": [name]} for name in names]}


class Level(ApiModel):
    """What a metric says from an instant on, until the next entry of its list."""

    model_config = ConfigDict(json_schema_extra=_exactly_one(("value", "series", "empty", "nan")))

    at: Duration = Duration("0s")
    """From when on."""
    value: Quantity | None = None
    """One series with this value, in the metric's unit."""
    series: dict[str, Quantity] | None = None
    """Several series: labels such as `segment="eu"` to value."""
    empty: bool = False
    """The answer is empty."""
    nan: bool = False
    """The answer is not a number."""
    for_: Annotated[Duration | None, Field(alias="for")] = None
    """So long; then it is again as it was before. By default until the next entry."""

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        given = [self.value is not None, self.series is not None, self.empty, self.nan]
        if sum(given) != 1:
            raise ValueError("give exactly one of value, series, empty, nan")
        return self


class ArmScript(ApiModel):
    """What one metric says about each arm."""

    candidate: Annotated[tuple[Level, ...], Field(min_length=1)]
    """About the candidate."""
    baseline: tuple[Level, ...] = ()
    """About the baseline. By default it is well all the time: what the candidate says at first, where that is inside the limits, else something inside them."""


class MetricScript(ArmScript):
    """What one metric says about each arm, and of single cohorts where that is something else."""

    cohorts: dict[str, ArmScript] = {}  # noqa: RUF012  (frozen)
    """What it says to limits with `cohort: NAME`. By default what it says of all."""
    requests: Annotated[float, Field(ge=0)] = 1000
    """For a `ratio`: requests of each arm in each window."""
    traffic: Annotated[float, Field(ge=0)] | None = None
    """For a `ratio`: requests of both arms in each window, which the first route's weights share out. Then `requests` is not used."""


class Outage(ApiModel):
    """Prometheus cannot be queried."""

    at: Duration
    """From when on."""
    for_: Annotated[Duration, Field(alias="for")]
    """For how long."""


class JobScript(ApiModel):
    """What becomes of the Jobs made from one CronJob."""

    lasts: Duration = Duration("30s")
    """How long one attempt takes."""
    fails: Annotated[int, Field(ge=0)] = 0
    """Attempts of each Job that fail before one succeeds."""
    retries: Annotated[int, Field(ge=0)] = 6
    """Failed attempts that are tried again (`backoffLimit`): with more the Job fails."""
    missing: bool = False
    """There is no such CronJob."""
    suspended: bool = True
    """It is suspended, as it must be."""
    refused: str = ""
    """The API server refuses to create its Jobs, in these words."""


class WeightEdit(ApiModel):
    """Another client writes the route."""

    target: str | None = None
    """Such as `HTTPRoute/checkout`; by default the first."""
    weight: Weight
    """The candidate's share, percent."""


class PodsEdit(ApiModel):
    """Pods of an arm come or go."""

    arm: ArmName
    """Which."""
    available: Annotated[int, Field(ge=0)]
    """Pods available from now on."""


class ReplicasEdit(ApiModel):
    """Another client scales an arm."""

    arm: ArmName
    """Which."""
    replicas: Annotated[int, Field(ge=0)]
    """Pods asked for from now on."""


class CommandEdit(ApiModel):
    """A person creates a RolloutCommand."""

    action: Action
    """What is asked for."""
    reason: str = ""
    """Why."""
    requester: str = "user"
    """Who."""
    step: str = ""
    """For `Approve` and `Reject`: the step."""
    name: str = ""
    """For `Approve` and `Reject`: the approval."""
    verified: bool = True
    """Whether the API server checked the requester."""


THINGS = ("restart", "setWeight", "pods", "replicas", "command", "release", "updateBaseline", "edit", "delete")
"""What an event can be."""


class Event(ApiModel):
    """Something that happens; one thing for each entry."""

    model_config = ConfigDict(json_schema_extra=_exactly_one(THINGS))

    at: Duration
    """When."""
    restart: Duration | None = None
    """The operator is down for so long, and comes back with an empty memory."""
    set_weight: WeightEdit | None = None
    """Another client writes the route."""
    pods: PodsEdit | None = None
    """Pods come or go."""
    replicas: ReplicasEdit | None = None
    """Another client scales an arm."""
    command: CommandEdit | None = None
    """A person creates a RolloutCommand."""
    release: str | None = None
    """The candidate gets this image."""
    update_baseline: str | None = None
    """The baseline gets this image (Git, a pipeline)."""
    edit: dict[str, Any] | None = None
    """A merge patch of the Rollout's spec."""
    delete: bool = False
    """The Rollout is deleted."""

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        given = self.model_fields_set - {"at"}
        if len(given) != 1:
            raise ValueError("give exactly one thing that happens: " + ", ".join(THINGS))
        return self


class ExpectedEvent(ApiModel):
    """An Event that must be in the timeline."""

    reason: str
    """Its reason, such as `Holding`."""
    message: str = ""
    """Text that its message must contain."""
    not_before: Duration | None = None
    """It must not occur before."""
    not_after: Duration | None = None
    """It must occur by then."""


class Expectation(ApiModel):
    """What must come of it; `tidegate simulate` fails when it does not."""

    outcome: str | None = None
    """The run's outcome, such as `Succeeded` or `Reverted`; `Running` for one that has not ended."""
    reason: str | None = None
    """Its reason, such as `GuardBreached`."""
    message: str | None = None
    """Words that its message must have."""
    not_before: Duration | None = None
    """The run must not end before."""
    not_after: Duration | None = None
    """The run must end by then."""
    weights: tuple[Weight, ...] | None = None
    """The candidate's share after each change of the first route, in its first rule that is no cohort."""
    cohorts: dict[str, tuple[Weight, ...]] = {}  # noqa: RUF012  (frozen)
    """The candidate's share of each cohort named, each time it was another on the first route. By default not looked at."""
    step: str | None = None
    """The step a run that has not ended is in."""
    pods: tuple[int, ...] | None = None
    """The numbers of pods to which the operator scaled the candidate, in order."""
    events: tuple[ExpectedEvent, ...] = ()
    """Events that must be in the timeline, in this order; there may be others between them."""
    messages: dict[str, tuple[str, ...]] | None = None
    """By receiver, the events of the messages that `spec.notifications` sent it, in order; `Held resolved` for the end of one that lasts."""
    jobs: dict[str, tuple[str, ...]] | None = None
    """By CronJob, what became of the Jobs made from it, in order: `Succeeded`, `Failed` or `Running`; of one that is not named, none was made."""


class World(ApiModel):
    """A scripted world."""

    start: Instant = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
    """The instant at which it begins, RFC 3339 with a time zone. By default a Monday morning."""
    lasts: Duration = Duration("60d")
    """How long it is looked at, at most; it ends earlier when the run has ended and nothing more happens."""
    roll_out: Duration = Duration("30s")
    """How long a Deployment takes to roll out a new template, or to start more pods."""
    replicas: dict[ArmName, int] = Field(default_factory=dict)
    """Pods of each arm, 3 by default; with `kind: ReplicaRatio` its `total`, and none of the candidate."""
    autoscaler: str = ""
    """What scales the candidate by itself, such as `HorizontalPodAutoscaler checkout`. By default nothing does."""
    other_backends: dict[str, int] = Field(default_factory=dict)
    """Further backends in every rule, in addition to the two: Service to weight."""
    found: dict[ArmName, int] = Field(default_factory=dict)
    """The weights on the routes at the start; by default 100 and 0."""
    baseline_follows: Duration | None = None
    """With `AwaitBaseline`: so long after the run begins to wait for the baseline, Git brings the version to it. By default it does not happen."""
    approved_after: Duration | None = None
    """So long after an approval begins to be awaited, a person gives it, another one for each approval. By default it does not happen."""
    freezes: Freezes = ()
    """The administrator's freezes for the namespace."""
    jobs: dict[CronJobName, JobScript] = Field(default_factory=dict)
    """What becomes of Jobs, by the name of their CronJob. Of one that is not named they succeed after half a minute."""
    metrics: dict[str, MetricScript] = Field(default_factory=dict)
    """What each metric of the Rollout says, by its name. One that is not named has no data."""
    outages: tuple[Outage, ...] = ()
    """When Prometheus cannot be queried."""
    events: tuple[Event, ...] = ()
    """What happens."""
    expect: Expectation | None = None
    """What must come of it."""

    @field_validator("start")
    @classmethod
    def _in_range(cls, start: datetime) -> datetime:
        if not EARLIEST_START <= start.year < LATEST_START:
            raise ValueError(f"must be from the year {EARLIEST_START} to {LATEST_START}")
        return start
