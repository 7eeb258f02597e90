"""The `Rollout` spec: which arms, which route, which metrics, which steps.

Left out: everything decided from it (core/), and the checks that need more than one field (api/validation).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from tidegate.api.crd.cel import (
    at_least_a_second,
    earlier_steps,
    known_cohorts,
    known_cohorts_in_steps,
    known_metrics,
    known_metrics_in_steps,
    mirrors_before_the_end,
    mirrors_first,
    one_entry_for_each_cohort,
    routers_that_mirror,
)
from tidegate.api.crd.lists import unique_by
from tidegate.api.model import ApiModel, Rule
from tidegate.api.rollout.gates import Freezes, Windows
from tidegate.api.rollout.jobs import MAX_HOOKS, Hook
from tidegate.api.rollout.metrics import Metric, MissingData
from tidegate.api.rollout.notifications import MAX_NOTIFICATIONS, Notification
from tidegate.api.rollout.promotion import Promotion
from tidegate.api.rollout.replica_ratio import ReplicaRatio
from tidegate.api.rollout.scaling import Scaling
from tidegate.api.rollout.steps import Step
from tidegate.api.rollout.thresholds import Guard, Threshold
from tidegate.api.rollout.traffic import WITH_MIRRORS, TargetRevert, TrafficTarget
from tidegate.api.values.names import ObjectName, ServiceName
from tidegate.api.values.scalars import Count, Duration
from tidegate.api.values.text import ONE_LINE

GROUP = "tidegate.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
FINALIZER = f"{GROUP}/restore-weights"
MAX_STEPS = 32


_RATIO = "self.traffic.exists(t, t.kind == 'ReplicaRatio')"


class Baseline(ApiModel):
    """The version in service."""

    deployment: ObjectName
    """Name of the Deployment that serves today."""
    service: ServiceName
    """Name of the Service in the route's backends that reaches only the baseline's pods. With `kind: ReplicaRatio`: of the Service that selects both arms."""
    min_available: Annotated[Count, Field(json_schema_extra={"default": 1})] = Count("1")
    """Pods of the baseline that must be available before the candidate may be given more traffic: the pods that a revert would send all traffic to. An integer, or a share such as `50%` of the larger arm's replicas, rounded up, so that it follows the candidate's size."""


class Candidate(ApiModel):
    """The version under test."""

    deployment: ObjectName
    """Name of the Deployment under test."""
    service: ServiceName
    """Name of the Service in the route's backends that reaches only the candidate's pods. With `kind: ReplicaRatio`: the same as the baseline's."""
    unavailable_after: Duration = Duration("2m")
    """How long the candidate may have traffic and no available pod before the run is reverted."""
    scaling: Scaling | None = None
    """How many pods it has, during a run and after it; by default the operator scales nothing (docs/scaling.md)."""


class PrometheusRef(ApiModel):
    """Where the metrics are queried."""

    source: Annotated[str, Field(min_length=1, max_length=63, pattern=ONE_LINE)] = "default"
    """A source the administrator named in the operator's configuration. A Rollout cannot reach any other."""


class LossResponse(StrEnum):
    """What the loss of a precondition does."""

    REVERT = "Revert"
    HOLD = "Hold"


class RolloutSpec(ApiModel):
    """The two versions, the route, the steps and their limits."""

    revision: Annotated[str, Field(min_length=1, max_length=128, pattern=ONE_LINE)] | None = None
    """Names the release. A change of it alone starts a run, such as for a release of configuration."""
    paused: bool = False
    """Stops all progress. Guards stay active and may still revert."""
    baseline: Baseline
    """The version in service."""
    candidate: Candidate
    """The version under test."""
    traffic: Annotated[tuple[TrafficTarget, ...], Field(min_length=1, max_length=8)]
    """The routes whose weights are set: an entry for each route, and one more for each cohort among its rules."""
    prometheus: PrometheusRef = PrometheusRef()
    """Where the metrics are queried."""
    interval: Duration = Duration("30s")
    """How often guards are evaluated; at least one second."""
    progress_deadline: Duration = Duration("15m")
    """How long the run waits for anything other than a gate or a person before the Rollout is `Stalled`. Work continues."""
    metrics: Annotated[tuple[Metric, ...], Field(max_length=32, json_schema_extra=unique_by("name"))] = ()
    """Named PromQL metrics."""
    thresholds: Annotated[tuple[Threshold, ...], Field(max_length=16)] = ()
    """Limits evaluated at the checkpoints of every step."""
    guards: Annotated[tuple[Guard, ...], Field(max_length=16)] = ()
    """Limits evaluated every interval while the candidate may receive traffic."""
    missing_data: MissingData = MissingData()
    """When missing data becomes a reason to act."""
    on_precondition_lost: LossResponse = LossResponse.REVERT
    """When the candidate has traffic and its Service is deleted, or a Service begins to select the other arm's pods, or a rule gets `sessionPersistence` without `revert: ScaleToZero`: `Revert` at once, or `Hold`: no progress until it is fixed. (A missing candidate Deployment or route always reverts. A baseline that its Service does not reach is never reverted to by this.)"""
    windows: Windows = ()
    """Hours of the week in which any step may raise the weight: within one of them. By default at any time."""
    freezes: Freezes = ()
    """Times in which no step raises the weight."""
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=MAX_STEPS, json_schema_extra=unique_by("name"))]
    """The steps from weight 0 to the end."""
    hooks: Annotated[tuple[Hook, ...], Field(max_length=MAX_HOOKS, json_schema_extra=unique_by("name"))] = ()
    """Jobs that run at an instant of the run, such as the undo step of a database after a revert."""
    promotion: Promotion
    """What happens when every step has passed. Required, because it may write to a Deployment."""
    notifications: Annotated[tuple[Notification, ...], Field(max_length=MAX_NOTIFICATIONS)] = ()
    """The receivers of notifications, and the events that each gets; by default none. The operator's configuration must allow it (docs/notifications.md)."""

    @property
    def ratio(self) -> ReplicaRatio | None:
        """How many pods share the traffic, where there is no router; `None` where there is one."""
        return next((target.replica_ratio for target in self.traffic if target.replica_ratio is not None), None)

    @property
    def scales_to_zero(self) -> bool:
        """Whether the end of a run scales the candidate to 0 pods."""
        return any(target.revert is TargetRevert.SCALE_TO_ZERO for target in self.traffic)

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.baseline.deployment != self.candidate.deployment",
            "baseline and candidate must be two Deployments",
            ".candidate",
            lambda self: self.baseline.deployment != self.candidate.deployment,
        ),
        Rule(
            f"{_RATIO} || self.baseline.service != self.candidate.service",
            "baseline and candidate must be two Services",
            ".candidate",
            lambda self: self.ratio is not None or self.baseline.service != self.candidate.service,
        ),
        Rule(
            f"!{_RATIO} || self.traffic.size() == 1",
            "'kind: ReplicaRatio' must be the only entry of 'traffic': together with a router, a weight would count twice",
            ".traffic",
            lambda self: self.ratio is None or len(self.traffic) == 1,
        ),
        Rule(
            f"!{_RATIO} || self.traffic.all(t, t.name == self.baseline.service && t.name == self.candidate.service)",
            "with 'kind: ReplicaRatio' one Service selects both arms: 'baseline.service', 'candidate.service' and the 'name' in 'traffic' are the same",
            ".traffic",
            lambda self: (
                self.ratio is None or {self.baseline.service, self.candidate.service} == {self.traffic[0].name}
            ),
        ),
        Rule(
            f"!{_RATIO} || !has(self.candidate.scaling)",
            "with 'kind: ReplicaRatio' the number of the candidate's pods is its weight: leave 'scaling' out",
            ".candidate.scaling",
            lambda self: self.ratio is None or self.candidate.scaling is None,
        ),
        Rule(
            "self.traffic.all(t, !has(t.replicaRatio) || self.steps.all(s, double(s.weight) == 0.0 || double(s.weight) * double(t.replicaRatio.total) >= 99.999999))",
            "every weight above 0 must be at least one of 'replicaRatio.total' pods: 100 / total percent or more",
            ".steps",
        ),
        at_least_a_second("interval"),
        at_least_a_second("progressDeadline"),
        known_metrics("guards"),
        known_metrics("thresholds"),
        known_metrics_in_steps("guards"),
        known_metrics_in_steps("thresholds"),
        earlier_steps(MAX_STEPS),
        one_entry_for_each_cohort(),
        known_cohorts_in_steps(),
        known_cohorts("guards"),
        known_cohorts("thresholds"),
        mirrors_first(MAX_STEPS),
        mirrors_before_the_end(),
        routers_that_mirror(WITH_MIRRORS),
    )
