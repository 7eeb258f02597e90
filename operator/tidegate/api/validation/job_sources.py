"""The Jobs that a Rollout may start, with their places, and what is wrong with where they are written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tidegate.api.rollout.jobs import HookTime, JobSource
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.validation.placed_limits import limits_of
from tidegate.api.validation.problems import Problem, Where


@dataclass(frozen=True)
class Placed:
    """One Job, and where it is written."""

    source: JobSource
    where: Where


def jobs_of(spec: RolloutSpec) -> Iterator[Placed]:
    """Those of hooks, then of gates, then of limits."""
    for index, hook in enumerate(spec.hooks):
        yield Placed(hook.job, ("spec", "hooks", index, "job"))
    for index, step in enumerate(spec.steps):
        for place, source in enumerate(step.gate.jobs if step.gate is not None else ()):
            yield Placed(source, ("spec", "steps", index, "gate", "jobs", place))
    for limit in limits_of(spec):
        if limit.threshold.job is not None:
            yield Placed(limit.threshold.job, (*limit.where, "job"))


def hook_problems(spec: RolloutSpec) -> Iterator[Problem]:
    """Hooks in steps that there are not."""
    names = [step.name for step in spec.steps]
    for index, hook in enumerate(spec.hooks):
        for place, name in enumerate(hook.steps):
            if name not in names:
                where = ("spec", "hooks", index, "steps", place)
                yield Problem(where, f"'{name}' is not a step of this Rollout; there are {', '.join(names)}")


def hook_advice(spec: RolloutSpec) -> Iterator[tuple[Where, str]]:
    """Hooks that are carried out as written, and probably do not do what was meant."""
    for index, hook in enumerate(spec.hooks):
        if hook.when is HookTime.REVERT and hook.job.deadline is None:
            yield (
                ("spec", "hooks", index, "job"),
                "has no 'deadline': the next run waits until the Job has ended, at most an hour where its CronJob sets no deadline",
            )
