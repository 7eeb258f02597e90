"""Jobs that a Rollout starts: what they are made of, when a hook's runs, and what its failure does."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from tidegate.api.crd.cel import at_least_a_second
from tidegate.api.crd.lists import unique
from tidegate.api.model import ApiModel, Rule
from tidegate.api.values.names import CronJobName, HookName, StepName
from tidegate.api.values.scalars import Duration

MAX_GATE_JOBS = 8
MAX_HOOKS = 16


class JobPurpose(StrEnum):
    """What a Job is run for. Those of a hook say when it runs."""

    RUN_START = "RunStart"
    STEP_START = "StepStart"
    STEP_END = "StepEnd"
    REVERT = "Revert"
    SUCCESS = "Success"
    END = "End"
    GATE = "Gate"
    RESPONSE = "Response"

    @property
    def after_the_run(self) -> bool:
        """Whether it runs once the run has ended and its weights are written."""
        return self in {JobPurpose.REVERT, JobPurpose.SUCCESS, JobPurpose.END}


class HookTime(StrEnum):
    """When a hook's Job runs."""

    RUN_START = "RunStart"
    STEP_START = "StepStart"
    STEP_END = "StepEnd"
    REVERT = "Revert"
    SUCCESS = "Success"
    END = "End"


class HookFailure(StrEnum):
    """What the failure of a hook's Job does to the run."""

    HOLD = "Hold"
    REVERT = "Revert"
    IGNORE = "Ignore"


class JobSource(ApiModel):
    """A Job made from a suspended CronJob of the Rollout's namespace."""

    cron_job: CronJobName
    """Name of the CronJob whose `jobTemplate` it is made of. It must be suspended: another one would also run by itself."""
    deadline: Duration | None = None
    """How long the Job may take, retries included (`activeDeadlineSeconds`). By default the CronJob's own, else 1h."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (at_least_a_second("deadline", optional=True),)


class ResponseJob(JobSource):
    """The Job of `onBreach: RunJob`."""

    cooldown: Duration = Duration("1h")
    """The least time between the starts of two of them; none starts while the last one runs. By default 1h."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (*JobSource.cel_rules, at_least_a_second("cooldown"))


_IN_A_STEP = "['StepStart', 'StepEnd']"
_DURING = "['RunStart', 'StepStart', 'StepEnd']"


class Hook(ApiModel):
    """A Job that runs at an instant of the run."""

    name: HookName
    """Its identity in this Rollout."""
    when: HookTime
    """`RunStart`: before the first weight. `StepStart`: once a step's weight is on the route. `StepEnd`: once a step has passed. The next raise waits for these, unless `onFailure: Ignore`. `Revert`, `Success`, `End`: once the run has ended so, after its weights are written; nothing waits for them but the next run."""
    steps: Annotated[tuple[StepName, ...], Field(max_length=32, json_schema_extra=unique())] = ()
    """For `StepStart` and `StepEnd`: only in these steps. By default in every step."""
    job: JobSource
    """The Job."""
    on_failure: HookFailure = HookFailure.HOLD
    """For `RunStart`, `StepStart` and `StepEnd`: `Hold`, the default: the run is paused until a person resumes it; `Revert`; `Ignore`: only report it, and wait for nothing."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            f"!has(self.steps) || self.steps.size() == 0 || self.when in {_IN_A_STEP}",
            "'steps' is only allowed with 'when: StepStart' and 'when: StepEnd'",
            ".steps",
            lambda self: not self.steps or self.when in {HookTime.STEP_START, HookTime.STEP_END},
        ),
        Rule(
            f"!has(self.onFailure) || self.onFailure == 'Hold' || self.when in {_DURING}",
            "'onFailure' is for hooks during the run: RunStart, StepStart, StepEnd",
            ".onFailure",
            lambda self: self.on_failure is HookFailure.HOLD or not JobPurpose(self.when).after_the_run,
        ),
    )

    @property
    def purpose(self) -> JobPurpose:
        """What its Job is run for."""
        return JobPurpose(self.when)

    def concerns(self, step: str) -> bool:
        """Whether it runs in a step."""
        return not self.steps or step in self.steps
