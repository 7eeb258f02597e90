"""Names: unique where they identify, known where they refer."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator

from tidegate.api.rollout.gates import Window
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.validation.placed_limits import PlacedLimit, check_limits, limits_of, rollout_limits, step_limits
from tidegate.api.validation.problems import Problem, Where


def name_problems(spec: RolloutSpec) -> Iterator[Problem]:
    """Duplicates, references to nothing, and limits that status could not tell apart."""
    yield from _duplicates(spec)
    yield from _unknown_metrics(spec)
    yield from _unknown_steps(spec)
    yield from _step_backs(spec)
    yield from _same_identity(spec)


def repeated(noun: str, names: Iterable[Hashable], where: Where, *field: str) -> Iterator[Problem]:
    """Entries of a list that must differ and do not, with `noun` for what they are."""
    seen: dict[Hashable, int] = {}
    for index, name in enumerate(names):
        if name in seen:
            yield Problem((*where, index, *field), f"{noun} '{name}' is a duplicate of entry {seen[name]}")
        seen.setdefault(name, index)


def _duplicates(spec: RolloutSpec) -> Iterator[Problem]:
    yield from repeated("step", (step.name for step in spec.steps), ("spec", "steps"), "name")
    yield from repeated("hook", (hook.name for hook in spec.hooks), ("spec", "hooks"), "name")
    for index, hook in enumerate(spec.hooks):
        yield from repeated("step", hook.steps, ("spec", "hooks", index, "steps"))
    for index, step in enumerate(spec.steps):
        gated = (job.cron_job for job in step.gate.jobs) if step.gate is not None else ()
        yield from repeated("CronJob", gated, ("spec", "steps", index, "gate", "jobs"), "cronJob")
    yield from repeated("metric", (metric.name for metric in spec.metrics), ("spec", "metrics"), "name")
    targets = (
        f"{target.kind}/{target.name}{f' of cohort {target.cohort}' if target.cohort else ''}"
        for target in spec.traffic
    )
    yield from repeated("traffic target", targets, ("spec", "traffic"), "name")
    for index, target in enumerate(spec.traffic):
        yield from repeated("rule", target.rules or (), ("spec", "traffic", index, "rules"))
    yield from repeated("field", spec.promotion.exclude, ("spec", "promotion", "exclude"))
    for where, windows in _windows(spec):
        for index, window in enumerate(windows):
            yield from repeated("day", window.days, (*where, index, "days"))
    for index, metric in enumerate(spec.metrics):
        yield from repeated("label", metric.by, ("spec", "metrics", index, str(metric.kind), "by"))


def _windows(spec: RolloutSpec) -> Iterator[tuple[Where, tuple[Window, ...]]]:
    yield ("spec", "windows"), spec.windows
    for index, step in enumerate(spec.steps):
        if step.gate is not None:
            yield ("spec", "steps", index, "gate", "windows"), step.gate.windows


def _unknown_metrics(spec: RolloutSpec) -> Iterator[Problem]:
    known = {metric.name for metric in spec.metrics}
    there_are = f"spec.metrics has {', '.join(sorted(known))}" if known else "spec.metrics is empty"
    for limit in (*limits_of(spec), *check_limits(spec)):
        if limit.threshold.metric not in known:
            yield Problem((*limit.where, "metric"), f"there is no metric '{limit.threshold.metric}': {there_are}")


def _unknown_steps(spec: RolloutSpec) -> Iterator[Problem]:
    names = [step.name for step in spec.steps]
    for index, step in enumerate(spec.steps):
        if step.gate is None or step.gate.since_step is None:
            continue
        name = step.gate.since_step.step
        if name not in names[:index]:
            what = "not an earlier step" if name in names else "not a step of this Rollout"
            earlier = (
                f"; earlier ones are {', '.join(names[:index])}" if index else "; the first step has none before it"
            )
            yield Problem(("spec", "steps", index, "gate", "sinceStep", "step"), f"'{name}' is {what}{earlier}")


def _step_backs(spec: RolloutSpec) -> Iterator[Problem]:
    """Limits that step back to nowhere, or not down."""
    names = [step.name for step in spec.steps]
    for limit in limits_of(spec):
        goal = limit.threshold.step_back
        if goal is None:
            continue
        earlier = names if limit.step is None else names[: limit.step]
        if goal.step is not None and goal.step not in earlier:
            what = "not an earlier step" if goal.step in names else "not a step of this Rollout"
            there_are = (
                f"; write one of {', '.join(earlier)}"
                if earlier
                else "; the first step has none before it: write 'weight'"
            )
            yield Problem((*limit.where, "stepBack", "step"), f"'{goal.step}' is {what}{there_are}")
        if goal.weight is not None and limit.step is not None:
            weight = spec.steps[limit.step].weight
            if goal.weight.percent >= weight.percent:
                words = f"'{goal.weight}' is not below the weight of step '{names[limit.step]}', which is {weight}%"
                yield Problem((*limit.where, "stepBack", "weight"), words)


def _same_identity(spec: RolloutSpec) -> Iterator[Problem]:
    common = rollout_limits(spec)
    yield from _collisions([], common)
    for index in range(len(spec.steps)):
        yield from _collisions(common, step_limits(spec, index))
        yield from _collisions([], [limit for limit in check_limits(spec) if limit.step == index])


def _collisions(in_force: list[PlacedLimit], limits: list[PlacedLimit]) -> Iterator[Problem]:
    seen = {(limit.role, limit.threshold.identity): limit for limit in reversed(in_force)}
    for limit in limits:
        key = (limit.role, limit.threshold.identity)
        if key in seen:
            first = Problem(seen[key].where, "").path
            yield Problem(limit.where, f"is a duplicate of {first} ('{key[1]}'): give one of them a different 'name'")
        seen.setdefault(key, limit)
