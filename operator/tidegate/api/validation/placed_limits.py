"""The thresholds and guards of a Rollout with their places: what most checks walk over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.thresholds import Threshold
from tidegate.api.validation.problems import Where


@dataclass(frozen=True)
class PlacedLimit:
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


def limits_of(spec: RolloutSpec) -> list[PlacedLimit]:
    """Every limit: the Rollout's own, then those of each step."""
    found = rollout_limits(spec)
    for index in range(len(spec.steps)):
        found += step_limits(spec, index)
    return found


def rollout_limits(spec: RolloutSpec) -> list[PlacedLimit]:
    """The limits in force in every step."""
    own = (("guards", spec.guards), ("thresholds", spec.thresholds))
    return [limit for role, limits in own for limit in _placed(limits, ("spec", role), role)]


def step_limits(spec: RolloutSpec, index: int) -> list[PlacedLimit]:
    """The limits of one step alone."""
    step = spec.steps[index]
    own = (("guards", step.guards), ("thresholds", step.thresholds))
    return [limit for role, limits in own for limit in _placed(limits, ("spec", "steps", index, role), role)]


def check_limits(spec: RolloutSpec) -> list[PlacedLimit]:
    """The checks of the steps' gates, as limits."""
    return [
        PlacedLimit(check.limit, ("spec", "steps", index, "gate", "checks", place), "checks")
        for index, step in enumerate(spec.steps)
        if step.gate is not None
        for place, check in enumerate(step.gate.checks)
    ]


def _placed(limits: tuple[Threshold, ...], where: Where, role: str) -> Iterator[PlacedLimit]:
    return (PlacedLimit(limit, (*where, index), role) for index, limit in enumerate(limits))
