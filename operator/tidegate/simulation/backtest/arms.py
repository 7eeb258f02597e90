"""Whose history stands for which arm, and the queries that follow: the operator's own, word for word where that is possible.

What cannot be known of the past is assumed, and `assumptions` says so for people: which pods there were, that gates with
a date were open, and, when only the baseline has a history, that the candidate behaves exactly as it did.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final, TypeVar

from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.steps import Step
from tidegate.api.rollout.thresholds import Guard, LimitKind, SharedIncident, Threshold
from tidegate.api.values.promql import ARM_VARIABLES, variables
from tidegate.core import gates
from tidegate.core.metrics import queries
from tidegate.core.metrics.asking import Asking
from tidegate.core.metrics.variables import fill
from tidegate.core.model.answers import Query
from tidegate.core.model.world import ArmName

LimitT = TypeVar("LimitT", bound=Threshold)
PartT = TypeVar("PartT", RolloutSpec, Step)

NOBODY: Final[Mapping[ArmName, str]] = {}
"""No arm's pods are given."""
LONGEST: Final = 100 * 365 * 86400.0
"""Seconds of traffic after which no window is shortened any more."""
FIRST_HALF: Final = "[0-9b-h]"
SECOND_HALF: Final = "[j-z]"
"""Last characters of pods' names: Kubernetes draws from bcdfghjklmnpqrstvwxz2456789, so each half has about as many."""


class Assumed(StrEnum):
    """Whose history the candidate's queries are answered from."""

    CANDIDATE = "candidate"
    """Its own: a canary of the past, with both Deployments running."""
    BASELINE = "baseline"
    """The baseline's: a candidate that behaves exactly as the baseline did."""
    HALVES = "halves"
    """One half of the baseline's pods is compared with the other."""


def pods_of(deployment: str, last: str = "[a-z0-9]") -> str:
    """The names that a Deployment's pods had, whatever its ReplicaSets were called."""
    end = "[a-z0-9]{5}" if last == "[a-z0-9]" else f"[a-z0-9]{{4}}{last}"
    return f"{deployment}-[a-z0-9]+-{end}"


def pods(spec: RolloutSpec, assumed: Assumed, given: Mapping[ArmName, str] = NOBODY) -> dict[ArmName, str]:
    """What `$pods` stands for; `given` says so of the arms that it names."""
    if given:
        return {**pods(spec, assumed), **given}
    if assumed is Assumed.HALVES:
        name = spec.baseline.deployment
        return {ArmName.BASELINE: pods_of(name, FIRST_HALF), ArmName.CANDIDATE: pods_of(name, SECOND_HALF)}
    return {ArmName.BASELINE: pods_of(spec.baseline.deployment), ArmName.CANDIDATE: pods_of(spec.candidate.deployment)}


def as_of_then(spec: RolloutSpec, assumed: Assumed, given: Mapping[ArmName, str] = NOBODY) -> RolloutSpec:
    """The spec that is run: gates with a date open, no hooks, and both arms' queries about the baseline where that is assumed.

    Args:
        spec: as written.
        assumed: whose history the candidate gets.
        given: as for `pods`.
    """
    metrics = _metrics_of_then(spec, assumed, given)
    steps = tuple(step.model_copy(update={"gate": gates.without_calendar(step.gate)}) for step in spec.steps)
    alike = {metric.name for metric in metrics if not _variables(metric) & ARM_VARIABLES}
    alike = set() if assumed is Assumed.CANDIDATE else alike
    changed = spec.model_copy(
        update={
            "steps": tuple(_with_lines_of_then(step, alike) for step in steps),
            "paused": False,
            "windows": (),
            "freezes": (),
            "hooks": (),
        }
    )
    return _with_lines_of_then(changed, alike).model_copy(update={"metrics": metrics})


def _with_lines_of_then(part: PartT, alike: set[str]) -> PartT:
    """A part of the spec without the limits that say how the traffic should be split: nobody split it so then.

    Args:
        part: with guards and thresholds.
        alike: metrics that are of the same requests for both arms, so that no breach of a limit can be told from the baseline's:
            it is a stop.
    """
    stop = {"on_shared_incident": SharedIncident.REVERT}

    def of_then(limits: tuple[LimitT, ...]) -> tuple[LimitT, ...]:
        return tuple(
            limit.model_copy(update=stop) if limit.regression is not None and limit.metric in alike else limit
            for limit in limits
            if limit.split is None
        )

    return part.model_copy(update={"guards": of_then(part.guards), "thresholds": of_then(part.thresholds)})


def _metrics_of_then(spec: RolloutSpec, assumed: Assumed, given: Mapping[ArmName, str]) -> tuple[Metric, ...]:
    if assumed is Assumed.CANDIDATE:
        return spec.metrics
    values = {"workload": spec.baseline.deployment, "service": spec.baseline.service}
    if assumed is Assumed.BASELINE:
        values["pods"] = pods(spec, assumed, given)[ArmName.BASELINE]
    return tuple(_about(metric, values) for metric in spec.metrics)


def _about(metric: Metric, values: dict[str, str]) -> Metric:
    """The metric with some variables filled in for good."""
    return metric.measuring(metric, lambda text: _partly(text, values))


def _partly(text: str, values: dict[str, str]) -> str:
    open_ = {name: f"${name}" for name in variables(text) if name not in values}
    return fill(text.replace("$$", "$$$$"), open_ | values)


def asking(
    spec: RolloutSpec, assumed: Assumed, place: tuple[str, str, str], given: Mapping[ArmName, str] = NOBODY
) -> Asking:
    """What the variables stand for once the candidate has had traffic for as long as any window.

    Args:
        spec: the Rollout's.
        assumed: whose history the candidate gets.
        place: name and namespace of the Rollout, and the step.
        given: as for `pods`.
    """
    rollout, namespace, step = place
    return Asking(
        source=spec.prometheus.source,
        namespace=namespace,
        rollout=rollout,
        step=step,
        elapsed=0.0,
        traffic=LONGEST,
        workloads={ArmName.BASELINE: spec.baseline.deployment, ArmName.CANDIDATE: spec.candidate.deployment},
        services={ArmName.BASELINE: spec.baseline.service, ArmName.CANDIDATE: spec.candidate.service},
        pods=pods(spec, assumed, given),
    )


def steady(metric: Metric, arm: ArmName, asks: Asking) -> tuple[Query, ...]:
    """The queries about an arm that stay the same from judgement to judgement; none where `$elapsed` changes them."""
    return () if "elapsed" in _variables(metric) else queries(metric, arm, asks)


def by_step(metric: Metric) -> bool:
    """Whether a metric asks something else in every step."""
    return "step" in _variables(metric)


def changing(spec: RolloutSpec) -> list[str]:
    """Metrics in use whose query is another one at every judgement."""
    used = {limit.metric for limit in limits_in(spec)}
    return [metric.name for metric in spec.metrics if metric.name in used and "elapsed" in _variables(metric)]


def limits_in(spec: RolloutSpec) -> Iterator[Threshold]:
    """Every guard and threshold, the Rollout's before the steps'."""
    yield from spec.guards
    yield from spec.thresholds
    for step in spec.steps:
        yield from step.guards
        yield from step.thresholds


def comparing(spec: RolloutSpec) -> list[Threshold]:
    """The limits that compare with the baseline."""
    return [limit for limit in limits_in(spec) if limit.relative]


def assumptions(spec: RolloutSpec, assumed: Assumed) -> Iterator[str]:
    """What is taken for granted, in sentences."""
    match assumed:
        case Assumed.CANDIDATE:
            yield f"The candidate is Deployment {spec.candidate.deployment} as it was then, the baseline {spec.baseline.deployment}."
        case Assumed.BASELINE:
            yield f"The candidate behaves exactly as Deployment {spec.baseline.deployment} did: every stop below is a false positive."
            if comparing(spec):
                yield (
                    "Limits and tests against the baseline then compare it with itself and never stop anything: they are not tested here "
                    "(--as halves compares its pods with each other)."
                )
            if any(may_be_shared(limit) for limit in limits_in(spec)):
                yield (
                    "Every breach counts as a stop: a rollout would hold in an incident that the baseline shares, but one history "
                    "does not show which arm caused it."
                )
        case Assumed.HALVES:
            yield f"One half of the pods of Deployment {spec.baseline.deployment} is taken for the candidate, the other for the baseline."
    if any(limit.split is not None for limit in limits_in(spec)):
        yield "The weights were different then: limits with `split` are left out."
    used = {name for metric in spec.metrics for name in _variables(metric)}
    if "pods" in used:
        names = " and ".join(dict.fromkeys(_named(spec, assumed)))
        yield f"The names of the pods at that time are not known: $pods is taken as {names}."
    if gates.dated(spec):
        yield "Gates with a date were open."
    yield "The operator, the pods and the routes are assumed healthy, and Prometheus always answered."


def may_be_shared(limit: Threshold) -> bool:
    """Whether a rollout would look whose fault a breach is."""
    limited = limit.kind in {LimitKind.MAX, LimitKind.MIN} or (limit.regression is not None and not limit.relative)
    return limited and limit.on_breach.takes_traffic and limit.on_shared_incident is SharedIncident.HOLD


def _named(spec: RolloutSpec, assumed: Assumed) -> list[str]:
    if assumed is Assumed.BASELINE:
        return [pods_of(spec.baseline.deployment)]
    found = pods(spec, assumed)
    return [found[ArmName.CANDIDATE], found[ArmName.BASELINE]]


def _variables(metric: Metric) -> set[str]:
    return {name for text in metric.texts.values() for name in variables(text)}


def lasting(limit: Threshold) -> float:
    """Seconds for which a breach must last; 0 for a threshold."""
    return limit.for_.seconds if isinstance(limit, Guard) else 0.0
