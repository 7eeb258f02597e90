"""Checkpoints: inside their step, one after the other, not too many."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.steps import Checkpoint, Step
from tidegate.api.validation.problems import Problem, Where

MOST_CHECKPOINTS = 20_000
"""Of one step: a checkpoint a minute for two weeks. The loop looks through them in every tick."""


def checkpoint_problems(spec: RolloutSpec) -> Iterator[Problem]:
    """Checkpoints that would never be reached, or come too late, or are too many."""
    for index, step in enumerate(spec.steps):
        where = ("spec", "steps", index, "checkpoints")
        if step.checkpoints and not step.duration.seconds:
            yield Problem(
                where, "a step without a 'duration' is evaluated once; give it one, or remove the checkpoints"
            )
        else:
            yield from _of_step(step, where)


def _of_step(step: Step, where: Where) -> Iterator[Problem]:
    before, count = 0.0, 0
    for index, entry in enumerate(step.checkpoints):
        field, end = _end(entry, step)
        if end > step.duration.seconds:
            yield Problem((*where, index, field), f"is after the end of the step, whose duration is {step.duration}")
        elif end <= before:
            yield Problem((*where, index, field), "must come after the entry before it")
        elif entry.every is not None and entry.every.seconds > 0:
            number = int((end - before) // entry.every.seconds)
            count += number
            end = before + number * entry.every.seconds if entry.until is not None else end
        before = max(before, end)
    if count > MOST_CHECKPOINTS:
        yield Problem(where, f"are {count} in total; at most {MOST_CHECKPOINTS} are allowed in one step")


def _end(entry: Checkpoint, step: Step) -> tuple[str, float]:
    """The field that says how far an entry reaches, and that offset in seconds."""
    if entry.at is not None:
        return "at", entry.at.seconds
    if entry.until is not None:
        return "until", entry.until.seconds
    return "every", step.duration.seconds
