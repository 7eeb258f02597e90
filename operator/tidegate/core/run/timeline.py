"""When a clean run does what, as plain data: every step with its offsets from the start of the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.steps import Step
from tidegate.core import gates
from tidegate.core.gates.kind import Asked, GateContext
from tidegate.core.run.checkpoints import offsets

NONE_BEGUN: Final[Mapping[str, float]] = MappingProxyType({})


@dataclass(frozen=True)
class Planned:
    """One step of a clean run."""

    step: Step
    start: float
    """Seconds from the start of the run until the weight is set."""
    end: float
    """Seconds from the start of the run until the final verdict."""
    waited: float
    """Seconds of the start that were spent at the step's gate."""

    @property
    def checkpoints(self) -> tuple[float, ...]:
        """Seconds from the start of the run, ascending; the last is the end."""
        return tuple(self.start + offset for offset in offsets(self.step))


def timeline(
    spec: RolloutSpec, start: datetime | None = None, before: Mapping[str, float] = NONE_BEGUN
) -> list[Planned]:
    """The steps of a run in which all is well at once and nobody intervenes.

    Args:
        spec: the Rollout's.
        start: when the run begins. Without it gates that depend on the date are taken as open: nobody can know. What people have
            to give is taken as given.
        before: epoch seconds at which steps that are no longer in `spec` began, for gates that count from them.
    """
    found: list[Planned] = []
    begun = dict(before)
    origin, now = start.timestamp() if start is not None else 0.0, 0.0
    for step in spec.steps:
        given = gates.in_force(spec, step)
        undated = (gates.without_calendar(gate) for gate in given)
        kept = given if start is not None else tuple(gate for gate in undated if gate is not None)
        opened = gates.opens([Asked(kept, GateContext(origin + now, begun, step))], people=False) - origin
        found.append(Planned(step, opened, opened + step.duration.seconds, opened - now))
        begun[step.name] = origin + opened
        now = found[-1].end
    return found
