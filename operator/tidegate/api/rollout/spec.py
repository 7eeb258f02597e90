"""The `Rollout` spec: which arms, which route, which metrics, which steps.

Left out: everything decided from it (core/), and the checks that need more than one field (api/checks.py).
"""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import AwareDatetime, BeforeValidator, Field

from tidegate.api.crd.cel import at_least_a_second, earlier_steps, known_metrics, known_metrics_in_steps, positive
from tidegate.api.crd.lists import unique, unique_by
from tidegate.api.model import ApiModel, Rule
from tidegate.api.rollout.metrics import Metric, MissingData
from tidegate.api.rollout.thresholds import Guard, Threshold
from tidegate.api.values.scalars import SUBDOMAIN, Count, Duration, Weight
from tidegate.api.values.text import ONE_LINE

GROUP = "tidegate.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
FINALIZER = f"{GROUP}/restore-weights"
MAX_STEPS = 32

ObjectName = Annotated[str, Field(min_length=1, max_length=253, pattern=SUBDOMAIN)]
"""A Deployment or route: what Kubernetes calls a DNS subdomain."""
ServiceName = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
"""A Service: a DNS label."""
LONGEST_ROLLOUT_NAME = 63
RolloutName = Annotated[str, Field(min_length=1, max_length=LONGEST_ROLLOUT_NAME, pattern=SUBDOMAIN)]
"""A Rollout: short enough to be the value of a label, and the begin of other names."""
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)?")


def _instant(value: object) -> object:
    """RFC 3339 and nothing else: pydantic would take epoch seconds and shorter forms, which the API server refuses."""
    if not isinstance(value, str):
        return value
    wrong = f"{value!r} is not a valid timestamp; write it like 2026-11-21T14:00:00Z"
    if not _RFC_3339.fullmatch(value):
        raise ValueError(wrong)
    try:
        return datetime.fromisoformat(value.upper())
    except ValueError as error:
        raise ValueError(wrong) from error


Instant = Annotated[AwareDatetime, BeforeValidator(_instant)]
StepName = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]


class Baseline(ApiModel):
    """The version in service."""

    deployment: ObjectName
    """Name of the Deployment that serves today."""
    service: ServiceName
    """Name of the Service in the route's backends that reaches only the baseline's pods."""
    min_available: Annotated[Count, Field(json_schema_extra={"default": 1})] = Count("1")
    """Pods of the baseline that must be available before the candidate may be given more traffic: what a revert would land on. An integer, or a share such as `50%` of the larger arm's replicas, rounded up, so that it follows the candidate's size."""


class Candidate(ApiModel):
    """The version under test."""

    deployment: ObjectName
    """Name of the Deployment under test."""
    service: ServiceName
    """Name of the Service in the route's backends that reaches only the candidate's pods."""
    unavailable_after: Duration = Duration("2m")
    """A candidate with traffic and no available pod for this long is a breach: the run is reverted."""


class RouteKind(StrEnum):
    """The kinds of route whose weights can be set."""

    HTTP_ROUTE = "HTTPRoute"
    GRPC_ROUTE = "GRPCRoute"
    TCP_ROUTE = "TCPRoute"
    TLS_ROUTE = "TLSRoute"


RuleNames = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=253, pattern=ONE_LINE)], ...],
    Field(min_length=1, max_length=16, json_schema_extra=unique()),
]


class TrafficTarget(ApiModel):
    """One place where the split between the two Services is written."""

    kind: RouteKind
    """Kind of the route (Gateway API v1)."""
    name: ObjectName
    """Name of the route, in the Rollout's namespace."""
    rules: RuleNames | None = None
    """Names of the route's rules to set; by default every rule that has both Services as backends."""


class PrometheusRef(ApiModel):
    """Where the metrics are queried."""

    source: Annotated[str, Field(min_length=1, max_length=63, pattern=ONE_LINE)] = "default"
    """A source the administrator named in the operator's configuration. A Rollout cannot reach any other."""


class SinceStep(ApiModel):
    """A calendar distance from an earlier step."""

    step: StepName
    """Name of an earlier step of this Rollout."""
    elapsed: Duration
    """Time by the clock since that step's weight was first set."""


class Gate(ApiModel):
    """What must be true before a step may raise the weight. All that is given must be true."""

    after: Instant | None = None
    """Not before this instant (RFC 3339, for example `2026-11-21T14:00:00Z`)."""
    since_step: SinceStep | None = None
    """Not before so much time has passed since an earlier step began."""


class Checkpoint(ApiModel):
    """An instant in the step at which its thresholds are evaluated, or a series of such instants. The end is always one."""

    at: Duration | None = None
    """One checkpoint, so long after the step's weight was seen on the route."""
    every: Duration | None = None
    """A series of checkpoints with this distance, counted on from the entry before."""
    until: Duration | None = None
    """Where the series ends; by default at the end of the step."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule("has(self.at) != has(self.every)", "give either 'at' or 'every'"),
        Rule("!has(self.until) || has(self.every)", "'until' goes with 'every'", ".until"),
        positive("at"),
        positive("every"),
    )


class Step(ApiModel):
    """A target weight with its gate, duration, checkpoints, thresholds and guards."""

    name: StepName
    """The step's identity: rename it and it is another step."""
    weight: Weight
    """The candidate's share of traffic in percent: an integer from 0 to 100, or a quoted decimal such as '0.5'."""
    duration: Duration = Duration("0s")
    """How long the step keeps its weight and watches. Only time with the weight seen on the route counts. By default 0s: evaluated once."""
    gate: Gate | None = None
    """What must be true before this step may raise the weight."""
    checkpoints: Annotated[tuple[Checkpoint, ...], Field(max_length=64)] = ()
    """When the thresholds are evaluated, besides the end of the duration."""
    thresholds: Annotated[tuple[Threshold, ...], Field(max_length=16)] = ()
    """Limits evaluated at this step's checkpoints, beside the Rollout's own."""
    guards: Annotated[tuple[Guard, ...], Field(max_length=16)] = ()
    """Limits evaluated every interval during this step, beside the Rollout's own."""


_ITEM = r"\[[a-zA-Z0-9]([-a-zA-Z0-9_.]*[a-zA-Z0-9])?\]"
_KEY = r"[a-z][a-zA-Z]*"
FIELD_PATH_PATTERN = (
    rf"^(annotations\.[a-zA-Z0-9]([-a-zA-Z0-9_./]*[a-zA-Z0-9])?|volumes{_ITEM}"
    rf"|(containers|initContainers){_ITEM}(\.{_KEY}|\.env\[[^\[\]]+\])?|{_KEY})$"
)
FieldPath = Annotated[str, Field(min_length=1, max_length=256, pattern=FIELD_PATH_PATTERN)]
"""A field of a pod template, as core/template_fields.py names it."""


class PromotionStrategy(StrEnum):
    """How the candidate's version becomes the baseline."""

    COPY_TEMPLATE = "CopyTemplate"
    AWAIT_BASELINE = "AwaitBaseline"


class BaselineMatch(StrEnum):
    """What of the candidate the baseline must run, for `AwaitBaseline`."""

    VERSION = "Version"
    IMAGES = "Images"


class Promotion(ApiModel):
    """How the run ends when all went well."""

    strategy: PromotionStrategy
    """`CopyTemplate`: the operator copies the candidate's version to the baseline's Deployment: its pod template without labels and scheduling. `AwaitBaseline`: somebody else (Git, a pipeline) updates the baseline, the operator waits for it."""
    match: BaselineMatch = BaselineMatch.VERSION
    """For `AwaitBaseline`: wait until the baseline runs the candidate's `Version`, or for teams whose arms differ on purpose only its `Images`."""
    exclude: Annotated[tuple[FieldPath, ...], Field(max_length=16, json_schema_extra=unique())] = ()
    """Fields of the pod template that belong to an arm: they make no version and are not promoted. Such as `serviceAccountName`, `annotations.checksum/config`, `containers[app].resources`, `containers[app].env[TRACK]`, `volumes[cache]`. A change takes effect with the next version."""
    settle: Duration = Duration("2m")
    """How long the promoted baseline is watched with all the traffic before the run counts as succeeded."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.strategy == 'AwaitBaseline' || self.match == 'Version'",
            "'match: Images' goes with 'strategy: AwaitBaseline'",
            ".match",
        ),
    )


class LossResponse(StrEnum):
    """What the loss of a precondition does."""

    REVERT = "Revert"
    HOLD = "Hold"


class RolloutSpec(ApiModel):
    """The two versions, the route, the steps and their limits."""

    revision: Annotated[str, Field(min_length=1, max_length=128, pattern=ONE_LINE)] | None = None
    """Names the release. Changing it alone starts a run, such as for a release of configuration."""
    paused: bool = False
    """Stops all progress. Guards stay active and may still revert."""
    baseline: Baseline
    """The version in service."""
    candidate: Candidate
    """The version under test."""
    traffic: Annotated[
        tuple[TrafficTarget, ...], Field(min_length=1, max_length=8, json_schema_extra=unique_by("kind", "name"))
    ]
    """The places where the split is written."""
    prometheus: PrometheusRef = PrometheusRef()
    """Where the metrics are queried."""
    interval: Duration = Duration("30s")
    """How often guards are evaluated; at least one second."""
    progress_deadline: Duration = Duration("15m")
    """How long anything but a gate or a person is waited for before the Rollout is `Stalled`. Work continues."""
    metrics: Annotated[tuple[Metric, ...], Field(max_length=32, json_schema_extra=unique_by("name"))] = ()
    """Named PromQL metrics."""
    thresholds: Annotated[tuple[Threshold, ...], Field(max_length=16)] = ()
    """Limits evaluated at the checkpoints of every step."""
    guards: Annotated[tuple[Guard, ...], Field(max_length=16)] = ()
    """Limits evaluated every interval while the candidate may receive traffic."""
    missing_data: MissingData = MissingData()
    """When missing data becomes a reason to act."""
    on_precondition_lost: LossResponse = LossResponse.REVERT
    """When the candidate has traffic and its Service is deleted, or a Service begins to select the other arm's pods: `Revert` at once, or `Hold`: no progress until it is fixed. (A missing candidate Deployment or route always reverts.)"""
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=MAX_STEPS, json_schema_extra=unique_by("name"))]
    """The way from weight 0 to the end."""
    promotion: Promotion
    """What happens when every step has passed. Required, because it may write to a Deployment."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.baseline.deployment != self.candidate.deployment",
            "baseline and candidate must be two Deployments",
            ".candidate",
        ),
        Rule(
            "self.baseline.service != self.candidate.service",
            "baseline and candidate must be two Services",
            ".candidate",
        ),
        at_least_a_second("interval"),
        at_least_a_second("progressDeadline"),
        known_metrics("guards"),
        known_metrics("thresholds"),
        known_metrics_in_steps("guards"),
        known_metrics_in_steps("thresholds"),
        earlier_steps(MAX_STEPS),
    )
