"""The thresholds and guards of a Rollout with their places: what most checks walk over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.thresholds import Threshold
from tidegate.api.validation.problems import Where


@dataclass(frozen=True)
class Line:
    """One threshold or guard, and where it is written."""

    threshold: Threshold
    where: Where
    role: str
    """`guards`, `thresholds` or `checks`."""

    @property
    def step(self) -> int | None:
        """The index of the step it is written in; `None` where it is the Rollout's own."""
        index = self.where[2]
        return index if self.where[1] == "steps" and isinstance(index, int) else None


def lines_of(spec: RolloutSpec) -> list[Line]:
    """Every line: the Rollout's own, then those of each step."""
    found = rollout_lines(spec)
    for index in range(len(spec.steps)):
        found += step_lines(spec, index)
    return found


def rollout_lines(spec: RolloutSpec) -> list[Line]:
    """The lines in force in every step."""
    own = (("guards", spec.guards), ("thresholds", spec.thresholds))
    return [line for role, lines in own for line in _placed(lines, ("spec", role), role)]


def step_lines(spec: RolloutSpec, index: int) -> list[Line]:
    """The lines of one step alone."""
    step = spec.steps[index]
    own = (("guards", step.guards), ("thresholds", step.thresholds))
    return [line for role, lines in own for line in _placed(lines, ("spec", "steps", index, role), role)]


def check_lines(spec: RolloutSpec) -> list[Line]:
    """The checks of the steps' gates, as limits."""
    return [
        Line(check.limit, ("spec", "steps", index, "gate", "checks", place), "checks")
        for index, step in enumerate(spec.steps)
        if step.gate is not None
        for place, check in enumerate(step.gate.checks)
    ]


def _placed(lines: tuple[Threshold, ...], where: Where, role: str) -> Iterator[Line]:
    return (Line(line, (*where, index), role) for index, line in enumerate(lines))
