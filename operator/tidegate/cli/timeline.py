"""When a clean run does what, as plain data: every step with its offsets from the start of the run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tidegate.api.rollout import Gate, RolloutSpec, Step
from tidegate.core.run.checkpoints import offsets


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


def timeline(spec: RolloutSpec, start: datetime | None = None) -> list[Planned]:
    """The steps of a run in which all is well at once and nobody intervenes.

    Args:
        spec: the Rollout's.
        start: when the run begins. Without it gates with an instant are taken as open: nobody can know.
    """
    found: list[Planned] = []
    now = 0.0
    for step in spec.steps:
        opened = max(now, _opens(step.gate, found, start))
        found.append(Planned(step, opened, opened + step.duration.seconds, opened - now))
        now = found[-1].end
    return found


def _opens(gate: Gate | None, before: list[Planned], start: datetime | None) -> float:
    if gate is None:
        return 0.0
    after = (gate.after - start).total_seconds() if gate.after is not None and start is not None else 0.0
    since = gate.since_step
    begun = next((planned.start for planned in before if since is not None and planned.step.name == since.step), 0.0)
    return max(after, begun + since.elapsed.seconds if since is not None else 0.0)
