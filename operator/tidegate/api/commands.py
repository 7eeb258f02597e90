"""`RolloutCommand`: a one-time command of a person. RBAC says who may, the audit log who did."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from tidegate.api.model import ApiModel, Rule, StatusModel, Words
from tidegate.api.values.names import RolloutName
from tidegate.api.values.text import ONE_LINE


class Action(StrEnum):
    """What can be asked for."""

    ABORT = "Abort"
    PAUSE = "Pause"
    RESUME = "Resume"
    RETRY = "Retry"


class RolloutCommandSpec(ApiModel):
    """The action, its Rollout, who requested it and why. Immutable."""

    rollout: RolloutName
    """Name of the Rollout, in the same namespace."""
    action: Action
    """`Abort`: revert now. `Pause`: stop progress; guards stay active. `Resume`: continue. `Retry`: try a reverted version again."""
    run: Annotated[str, Field(max_length=63, pattern=ONE_LINE)] = ""
    """The run it applies to; empty for the current run. A command for a run that has ended is refused."""
    reason: Annotated[str, Field(max_length=1024, pattern=ONE_LINE)] = ""
    """The reason, for the record: one line."""
    requester: Annotated[str, Field(max_length=253, pattern=ONE_LINE)] = ""
    """The requester's user name; `tidegate abort` and the other commands fill it in."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (Rule("self == oldSelf", "a command cannot be changed; create another"),)


class RolloutCommandStatus(StatusModel):
    """The outcome."""

    phase: str = ""
    """`Done` or `Refused`."""
    message: Words = ""
    """What was done, or why not."""
    completion_time: datetime | None = None
    """When."""
