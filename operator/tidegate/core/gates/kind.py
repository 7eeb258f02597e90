"""What a kind of gate is: a field of `gate` in a step, how it is evaluated, and how it is described."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, Self

from tidegate.api.rollout.gates import Gate
from tidegate.api.rollout.status import ApprovalStatus, JobStatus
from tidegate.api.rollout.steps import Step
from tidegate.core.model.finding import Finding


@dataclass(frozen=True)
class GateContext:
    """What a gate is evaluated on."""

    now: float
    """Epoch seconds."""
    begun: Mapping[str, float]
    """Epoch seconds at which each step of the run began, by its name."""
    step: Step
    """The step whose weight is to be set."""
    approvals: tuple[ApprovalStatus, ...] = ()
    """The approvals given in this run."""
    checked: Mapping[str, Finding] = field(default_factory=dict)
    """The checks of the gates, evaluated in this tick, by identity; empty where nothing can be asked."""
    unmet: Mapping[str, str] = field(default_factory=dict)
    """What was said of the checks that were not met when they were last evaluated, by identity."""
    jobs: tuple[JobStatus, ...] = ()
    """The Jobs of this run."""

    def at(self, now: float) -> Self:
        """The same at another instant (epoch seconds)."""
        return replace(self, now=now)


@dataclass(frozen=True)
class Asked:
    """Gates that must be open, with what they are evaluated on."""

    gates: tuple[Gate, ...]
    context: GateContext


@dataclass(frozen=True)
class Closed:
    """Why a part of a gate is closed."""

    message: str
    """What it waits for, to follow the name of the step: `opens at 2026-11-21T14:00:00Z`."""
    opens: float = math.inf
    """Epoch seconds at which time alone opens it; infinite when something else must happen first."""
    people: str = ""
    """Who can open it, in words; empty where no person can."""
    given: bool = False
    """A Job gives it: what comes of it is taken as given where only time is of account."""
    part: str = ""
    """The field of the gate, as on the wire; by default that of the kind."""


class GateKind(Protocol):
    """One kind of gate. `part` is the value of its field in the spec."""

    @property
    def field(self) -> str:
        """The name of its field in `api.rollout.gates.Gate`."""
        ...

    @property
    def calendar(self) -> bool:
        """Whether it depends on the date, on people or on Jobs, so that the run alone cannot tell when it opens."""
        ...

    def evaluate(self, part: Any, context: GateContext) -> Closed | None:  # noqa: ANN401  (each kind has its own model)
        """Why it is closed; `None` when it is open."""
        ...

    def describe(self, part: Any) -> str:  # noqa: ANN401  (as above)
        """What it waits for, in a few words for a person: `2d after canary began`."""
        ...
