"""`RolloutCommand`: a one-time command of a person. RBAC says who may, the audit log who did."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Final

from pydantic import Field

from tidegate.api.model import ApiModel, Rule, StatusModel, Words
from tidegate.api.values.names import ApprovalName, RolloutName, StepName
from tidegate.api.values.text import ONE_LINE

LONGEST_REASON: Final = 1024
"""Characters of a command's reason."""
LONGEST_REQUESTER: Final = 512
"""Characters of a requester's user name: that of a service account has up to 339 (`system:serviceaccount:NAMESPACE:NAME`)."""


class Action(StrEnum):
    """The action of a command."""

    ABORT = "Abort"
    PAUSE = "Pause"
    RESUME = "Resume"
    RETRY = "Retry"
    APPROVE = "Approve"
    REJECT = "Reject"
    ADVANCE = "Advance"
    PROMOTE = "Promote"

    @property
    def of_approval(self) -> bool:
        """Whether it gives or refuses an approval."""
        return self in {Action.APPROVE, Action.REJECT}


class RolloutCommandSpec(ApiModel):
    """The action, its Rollout, who requested it and why. Immutable."""

    rollout: RolloutName
    """Name of the Rollout, in the same namespace."""
    action: Action
    """`Abort`: revert now. `Pause`: stop progress; guards stay active. `Resume`: continue. `Retry`: try a reverted version again. `Approve`, `Reject`: give or refuse an approval of a step; a refusal pauses the run. `Advance`: end the current step now. `Promote`: skip the remaining steps."""
    step: StepName | None = None
    """For `Approve` and `Reject`: the step."""
    name: ApprovalName | None = None
    """For `Approve` and `Reject`: the approval, as the gate of the step names it."""
    step_hash: Annotated[str, Field(max_length=64, pattern=r"^[0-9a-f]*$")] = ""
    """For `Approve` and `Reject`: `.status.gate.stepHash` as it was seen; of a step that was edited since it is refused."""
    run: Annotated[str, Field(max_length=63, pattern=ONE_LINE)] = ""
    """The run it applies to; empty for the current run. A command for a run that has ended is refused."""
    reason: Annotated[str, Field(max_length=LONGEST_REASON, pattern=ONE_LINE)] = ""
    """The reason, for the record: one line."""
    requester: Annotated[str, Field(max_length=LONGEST_REQUESTER, pattern=ONE_LINE)] = ""
    """The requester's user name; `tidegate abort` and the other commands fill it in."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule("self == oldSelf", "a command cannot be changed; create another"),
        Rule(
            "self.action in ['Approve', 'Reject'] ? has(self.step) && has(self.name) : !has(self.step) && !has(self.name)",
            "'step' and 'name' are required with 'Approve' and 'Reject', and not allowed otherwise",
            ".action",
            lambda self: (self.step is not None, self.name is not None) == (self.action.of_approval,) * 2,
        ),
        Rule(
            "self.action != 'Reject' || (has(self.reason) && self.reason != '')",
            "'Reject' needs a 'reason'",
            ".reason",
            lambda self: self.action is not Action.REJECT or self.reason != "",
        ),
    )


class RolloutCommandStatus(StatusModel):
    """The outcome."""

    phase: str = ""
    """`Done` or `Refused`."""
    message: Words = ""
    """What was done, or why not."""
    completion_time: datetime | None = None
    """When."""
