"""The tick while its limits are evaluated: what may be read of it, what must be queried besides, and what is remembered."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.status import RolloutStatus, RunStatus, StepStatus
from tidegate.api.rollout.steps import Step
from tidegate.api.rollout.target_weights import TargetWeights, cohorts_of
from tidegate.core.model.answers import Answer, Query
from tidegate.core.model.memory import Memory
from tidegate.core.model.observation import Observation
from tidegate.core.model.plan import Why
from tidegate.core.model.samples import NotAsked, Open
from tidegate.core.model.world import Arm, ArmName
from tidegate.core.tick.judgement import Judgement


@dataclass
class Evaluating:
    """See the module. A `TickContext`."""

    seen: Observation
    memory: Memory
    spec: RolloutSpec
    """The spec in force: the current one when valid, else the last valid one."""
    status: RolloutStatus
    elapsed: float = 0.0
    """Watched seconds since the tick before."""
    wakes: list[float] = field(default_factory=list)
    """Instants (epoch seconds) at which the same observation would give another plan."""
    wanted: list[Query] = field(default_factory=list)
    """Queries that the answers so far have raised."""
    judgement: Judgement = Judgement()  # noqa: RUF009  (frozen)
    """What the evaluation has found."""
    lost: Why | None = None
    """What must be true before a raise and no longer is: the step stands still meanwhile."""

    @property
    def now(self) -> float:
        """Epoch seconds."""
        return self.seen.now

    @property
    def interval(self) -> float:
        """Seconds between two judgements."""
        return max(self.spec.interval.seconds, 1.0)

    @property
    def run(self) -> RunStatus:
        """The run in progress.

        Raises:
            LookupError: there is none; asking is a mistake in the caller.
        """
        if self.status.run is None:
            raise LookupError("no run is in progress")
        return self.status.run

    @property
    def step(self) -> StepStatus:
        """The step the run is in.

        Raises:
            LookupError: there is none.
        """
        if self.status.step is None:
            raise LookupError("the run has no step")
        return self.status.step

    @property
    def step_spec(self) -> Step | None:
        """The current step as the spec has it now; `None` when an edit removed it."""
        return next((step for step in self.spec.steps if step.name == self.step.name), None)

    @property
    def weight(self) -> Decimal:
        """The weight decided last, percent: of the targets without a cohort."""
        return Decimal(str(self.run.weight))

    @property
    def weights(self) -> TargetWeights:
        """The weights decided last, on every target; a cohort that was never decided is at 0."""
        decided = {one.name: Decimal(str(one.weight)) for one in self.run.cohorts or () if one.weight > 0}
        cohorts = dict.fromkeys(cohorts_of(self.spec), Decimal(0)) | decided
        return TargetWeights(self.weight, cohorts, self.run.mirror or 0)

    def ending(self) -> bool:
        """Whether the run's end is decided."""
        return self.status.run is not None and self.status.run.ending is not None

    def arm(self, name: ArmName) -> Arm | None:
        """The arm when it was seen, else `None` (absent or unknown: ask `seen` where that matters)."""
        found = self.seen.arm(name)
        return found if isinstance(found, Arm) else None

    def update(self, **changes: object) -> None:
        """Changes the status."""
        self.status = self.status.model_copy(update=changes)

    def update_run(self, **changes: object) -> None:
        """Changes the run."""
        self.update(run=self.run.model_copy(update=changes))

    def want(self, query: Query) -> Answer | Open | NotAsked:
        """The answer to a query that other answers have raised; it is asked in this tick when it was not yet.

        One that is asked already and still open is waited for no longer than the query's own life, from now.
        """
        answer = self.seen.asked.answer(query)
        if isinstance(answer, NotAsked) or (isinstance(answer, Open) and query.life is not None):
            self.wanted.append(query)
        return answer
