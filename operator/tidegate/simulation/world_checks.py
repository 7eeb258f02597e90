"""What is wrong with a world: by itself, and for the Rollout it is meant for. In the words of `tidegate lint`."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import Final

from tidegate.api.reasons import REASONS
from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.notifications import STANDING, NotificationEvent
from tidegate.api.rollout.run_status import RunEnd
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.target_weights import cohorts_of
from tidegate.api.validation.job_sources import jobs_of
from tidegate.api.validation.problems import Problem, Where
from tidegate.simulation.script import RESOLVED, ArmScript, CommandEdit, Expectation, Level, MetricScript, World

OUTCOMES: Final = (*RunEnd, "Running", "None")
"""What can come of a world: a run's outcome, `Running` for one that has not ended, `None` when none began."""

NOTHING: Final = Expectation()


def world_problems(world: World, spec: RolloutSpec) -> list[Problem]:
    """What is wrong with a world for a Rollout, in the order in which it is written."""
    return [
        *_of_metrics(world, spec),
        *_of_jobs(world, spec),
        *_of_events(world, spec),
        *_of_expectation(world.expect, spec),
        *_of_expected_events(world.expect or NOTHING),
        *_of_expected_messages(world.expect or NOTHING, spec),
    ]


def unsaid(world: World, spec: RolloutSpec) -> list[str]:
    """The metrics of the Rollout of which the world says nothing, by name."""
    return [metric.name for metric in spec.metrics if metric.name not in world.metrics]


def _of_metrics(world: World, spec: RolloutSpec) -> Iterator[Problem]:
    known = {metric.name: metric for metric in spec.metrics}
    for name, script in world.metrics.items():
        where: Where = ("metrics", name)
        metric = known.get(name)
        if metric is None:
            yield Problem(where, _unknown("metric", name, known, "the Rollout has"))
            continue
        yield from _of_arms(script, metric, where)
        for cohort, of_cohort in script.cohorts.items():
            place = (*where, "cohorts", cohort)
            if cohort not in cohorts_of(spec):
                yield Problem(place, _unknown("cohort", cohort, cohorts_of(spec), "the Rollout has"))
            yield from _of_arms(of_cohort, metric, place)
        yield from _of_counts(script, metric, where)


def _of_arms(script: ArmScript, metric: Metric, where: Where) -> Iterator[Problem]:
    for arm, levels in (("candidate", script.candidate), ("baseline", script.baseline)):
        yield from _of_levels(levels, metric, (*where, arm))


def _of_levels(levels: tuple[Level, ...], metric: Metric, where: Where) -> Iterator[Problem]:
    for index, level in enumerate(levels):
        place = (*where, index)
        if index and level.at.seconds <= levels[index - 1].at.seconds:
            yield Problem((*place, "at"), f"must be later than the entry before it, which is at {levels[index - 1].at}")
        yield from _of_values(level, metric, place)


def _of_values(level: Level, metric: Metric, where: Where) -> Iterator[Problem]:
    given = [((*where, "value"), level.value)] if level.value is not None else []
    for labels, value in (level.series or {}).items():
        given.append(((*where, "series", labels), value))
        if labels and "=" not in labels:
            yield Problem((*where, "series", labels), 'are not labels; write them like segment="eu",zone="1"')
    for place, value in given:
        try:
            number = value.in_unit(metric.effective_unit)
        except ValueError as error:
            yield Problem(place, str(error))
            continue
        if metric.share and not 0 <= number <= 1:
            yield Problem(place, f"'{value}' is not a share of requests: write 0% to 100%")


def _of_counts(script: MetricScript, metric: Metric, where: Where) -> Iterator[Problem]:
    for field in ("requests", "traffic"):
        if not metric.counts and field in script.model_fields_set:
            yield Problem((*where, field), f"is for a metric that counts requests, and '{metric.name}' is a query")
    if {"requests", "traffic"} <= script.model_fields_set:
        yield Problem((*where, "requests"), "is not used together with 'traffic': give one of them")


def _of_jobs(world: World, spec: RolloutSpec) -> Iterator[Problem]:
    known = {placed.source.cron_job for placed in jobs_of(spec)}
    for name in world.jobs:
        if name not in known:
            yield Problem(("jobs", name), _unknown("CronJob", name, known, "the Rollout names"))
    expected = world.expect.jobs if world.expect is not None else None
    for name in expected or {}:
        if name not in known:
            yield Problem(("expect", "jobs", name), _unknown("CronJob", name, known, "the Rollout names"))


def _of_events(world: World, spec: RolloutSpec) -> Iterator[Problem]:
    routes = [f"{target.router}/{target.name}" for target in spec.traffic]
    for index, event in enumerate(world.events):
        edit = event.set_weight
        if edit is not None and edit.target is not None and edit.target not in routes:
            where: Where = ("events", index, "setWeight", "target")
            yield Problem(where, _unknown("route", edit.target, routes, "the Rollout has"))
        if event.command is not None:
            yield from _of_command(event.command, spec, ("events", index, "command"))


def _of_command(command: CommandEdit, spec: RolloutSpec, where: Where) -> Iterator[Problem]:
    """An approval of a step that there is not is told: it is misspelt."""
    if not command.action.of_approval:
        for field in ("step", "name"):
            if getattr(command, field):
                yield Problem((*where, field), "is for 'Approve' and 'Reject'")
        return
    for field in ("step", "name"):
        if not getattr(command, field):
            yield Problem((*where, field), f"is needed for '{command.action}'")
    steps = [step.name for step in spec.steps]
    if command.step and command.step not in steps:
        yield Problem((*where, "step"), _unknown("step", command.step, steps, "the Rollout has"))


def _of_expectation(expected: Expectation | None, spec: RolloutSpec) -> Iterator[Problem]:
    if expected is None:
        return
    steps = [step.name for step in spec.steps]
    if expected.outcome is not None and expected.outcome not in OUTCOMES:
        yield Problem(("expect", "outcome"), _unknown("outcome", expected.outcome, OUTCOMES, "there are"))
    if expected.reason is not None and expected.reason not in REASONS:
        yield Problem(
            ("expect", "reason"), _unknown("reason", expected.reason, REASONS, "docs/reasons.md has them all")
        )
    if expected.step is not None and expected.step not in steps:
        yield Problem(("expect", "step"), _unknown("step", expected.step, steps, "the Rollout has"))
    first, last = expected.not_before, expected.not_after
    if first is not None and last is not None and first.seconds > last.seconds:
        yield Problem(("expect", "notAfter"), f"is before 'notBefore', {first}")


def _of_expected_events(expected: Expectation) -> Iterator[Problem]:
    for index, event in enumerate(expected.events):
        if event.reason not in REASONS:
            where: Where = ("expect", "events", index, "reason")
            yield Problem(where, _unknown("reason", event.reason, REASONS, "docs/reasons.md has them all"))


def _of_expected_messages(expected: Expectation, spec: RolloutSpec) -> Iterator[Problem]:
    receivers = [one.label for one in spec.notifications]
    known = [*NotificationEvent, *(event + RESOLVED for event in sorted(STANDING))]
    for name, events in (expected.messages or {}).items():
        where: Where = ("expect", "messages", name)
        if name not in receivers:
            yield Problem(where, _unknown("receiver", name, receivers, "the Rollout has"))
        for index, event in enumerate(events):
            if event not in known:
                yield Problem((*where, index), _unknown("event", event, known, "docs/notifications.md has them all"))


def _unknown(noun: str, name: str, known: Iterable[str], there_are: str) -> str:
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"there is no {noun} '{name}'; did you mean '{close[0]}'?"
    listed = "" if len(names) > 12 else f" {', '.join(names)}" if names else " none"
    return f"there is no {noun} '{name}': {there_are}{listed}"
