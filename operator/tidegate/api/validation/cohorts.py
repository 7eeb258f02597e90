"""Cohorts: the entries of one route beside each other, and names that steps, limits and queries use."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.target_weights import cohorts_of
from tidegate.api.rollout.thresholds import Scope
from tidegate.api.rollout.traffic import TargetRevert, TrafficTarget
from tidegate.api.validation.placed_limits import limits_of
from tidegate.api.validation.problems import Problem, Where
from tidegate.api.values import promql


def cohort_problems(spec: RolloutSpec) -> Iterator[Problem]:
    """Rules that belong to two targets, cohorts that there are not, and queries that would not know which is meant."""
    yield from _entries(spec)
    yield from _weights(spec)
    yield from _shares(spec)
    yield from _lines(spec)


def _entries(spec: RolloutSpec) -> Iterator[Problem]:
    routes: dict[str, list[tuple[int, TrafficTarget]]] = {}
    for index, target in enumerate(spec.traffic):
        routes.setdefault(target.key, []).append((index, target))
    for key, entries in routes.items():
        if len(entries) > 1:
            yield from _beside(key, entries)


def _beside(key: str, entries: list[tuple[int, TrafficTarget]]) -> Iterator[Problem]:
    """What is wrong with several entries of one route."""
    owners: dict[str, int] = {}
    for index, target in entries:
        where: Where = ("spec", "traffic", index)
        if target.rules is None:
            words = f"{key} has {len(entries)} entries, so each must name its 'rules': a rule belongs to one of them"
            yield Problem((*where, "rules"), words)
        if target.backends != entries[0][1].backends:
            words = f"the entries of {key} must name the same backends as spec.traffic[{entries[0][0]}]"
            yield Problem((*where, "backends"), words)
        for place, rule in enumerate(target.rules or ()):
            owner = owners.setdefault(rule, index)
            if owner != index:
                words = f"rule '{rule}' of {key} belongs to spec.traffic[{owner}]: a rule has one weight"
                yield Problem((*where, "rules", place), words)


def _weights(spec: RolloutSpec) -> Iterator[Problem]:
    for index, step in enumerate(spec.steps):
        for name in step.cohorts:
            if name not in cohorts_of(spec):
                yield Problem(("spec", "steps", index, "cohorts", name), _unknown(spec, name))
        if step.weight.percent > 0 and all(target.cohort is not None for target in spec.traffic):
            words = "every entry of spec.traffic is a cohort, so nothing would get this weight: add one without 'cohort', or write 0"
            yield Problem(("spec", "steps", index, "weight"), words)


def _shares(spec: RolloutSpec) -> Iterator[Problem]:
    shares = spec.candidate.scaling.cohort_shares if spec.candidate.scaling is not None else {}
    where: Where = ("spec", "candidate", "scaling", "cohortShares")
    for name in shares:
        if name not in cohorts_of(spec):
            yield Problem((*where, name), _unknown(spec, name))
    if sum(share.percent for share in shares.values()) > 100:
        yield Problem(where, "are more than 100% together: each is the percent of all requests")


def _lines(spec: RolloutSpec) -> Iterator[Problem]:
    using = {
        metric.name for metric in spec.metrics if any("cohort" in promql.variables(t) for t in metric.texts.values())
    }
    to_zero = {target.cohort for target in spec.traffic if target.revert is TargetRevert.SCALE_TO_ZERO}
    for limit in limits_of(spec):
        name = limit.threshold.cohort
        if name is not None and name not in cohorts_of(spec):
            yield Problem((*limit.where, "cohort"), _unknown(spec, name))
        if limit.threshold.scope is Scope.COHORT and name in to_zero:
            words = (
                f"a target of cohort '{name}' has 'revert: ScaleToZero', which removes the candidate's pods for all users: a cohort cannot be reverted "
                "alone; leave 'scope' out"
            )
            yield Problem((*limit.where, "scope"), words)
        if name is None and limit.threshold.metric in using:
            words = f"metric '{limit.threshold.metric}' uses $cohort: say which with 'cohort'"
            yield Problem((*limit.where, "cohort"), words)


def _unknown(spec: RolloutSpec, name: str) -> str:
    names = ", ".join(cohorts_of(spec))
    there_are = f"spec.traffic has {names}" if names else "no entry of spec.traffic has a 'cohort'"
    return f"there is no cohort '{name}': {there_are}"
