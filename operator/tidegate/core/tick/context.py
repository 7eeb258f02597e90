"""What may be read of a tick: by every room that evaluates; the plan itself is made by `core/run` and `core/responses`."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.status import RolloutStatus, RunStatus, StepStatus
from tidegate.api.rollout.steps import Step
from tidegate.api.rollout.target_weights import TargetWeights
from tidegate.core.model.memory import Memory
from tidegate.core.model.observation import Observation
from tidegate.core.model.plan import Why
from tidegate.core.model.world import Arm, ArmName
from tidegate.core.tick.judgement import Judgement


class TickContext(Protocol):
    """The tick as it stands: what was observed, what is remembered, and what has been decided so far. Read only."""

    @property
    def seen(self) -> Observation:
        """What was observed."""
        ...

    @property
    def memory(self) -> Memory:
        """What the tick before remembered."""
        ...

    @property
    def spec(self) -> RolloutSpec:
        """The spec in force: the current one when valid, else the last valid one."""
        ...

    @property
    def status(self) -> RolloutStatus:
        """The status as it will be written."""
        ...

    @property
    def elapsed(self) -> float:
        """Watched seconds since the tick before."""
        ...

    @property
    def judgement(self) -> Judgement:
        """What the evaluation has found."""
        ...

    @property
    def lost(self) -> Why | None:
        """What must be true before a raise and no longer is."""
        ...

    @property
    def now(self) -> float:
        """Epoch seconds."""
        ...

    @property
    def interval(self) -> float:
        """Seconds between two evaluations."""
        ...

    @property
    def run(self) -> RunStatus:
        """The run in progress. Raises: LookupError: there is none; asking is a mistake in the caller."""
        ...

    @property
    def step(self) -> StepStatus:
        """The step the run is in. Raises: LookupError: there is none."""
        ...

    @property
    def step_spec(self) -> Step | None:
        """The current step as the spec has it now; `None` when an edit removed it."""
        ...

    @property
    def weight(self) -> Decimal:
        """The weight decided last, percent: of the targets without a cohort."""
        ...

    @property
    def weights(self) -> TargetWeights:
        """The weights decided last, on every target; a cohort that was never decided is at 0."""
        ...

    def ending(self) -> bool:
        """Whether the run's end is decided."""
        ...

    def arm(self, name: ArmName) -> Arm | None:
        """The arm when it was observed, else `None` (absent or unknown: look into `seen` where that matters)."""
        ...
