"""Jobs as plain data: what is asked for, and what was seen of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

NO_DEADLINE_GIVEN = 3600.0
"""Seconds a Job may take when neither the Rollout nor its CronJob says."""


class JobState(StrEnum):
    """How far a Job is."""

    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SKIPPED = "Skipped"
    """It was never created, and is not any more: an outcome of the record alone."""


@dataclass(frozen=True)
class Job:
    """A Job as seen."""

    name: str
    uid: str
    state: JobState
    message: str = ""
    """Why it failed, in the words of its controller."""
    started: float | None = None
    """Epoch seconds."""
    finished: float | None = None
    """Epoch seconds."""
    deadline: float = 0.0
    """Its `activeDeadlineSeconds`; 0 for none."""
    watched: bool = True
    """A watch stream tells of its changes: it need not be looked at again."""


@dataclass(frozen=True)
class StartJob:
    """This Job shall exist: created, or found where it was created before."""

    name: str
    cron_job: str
    """The CronJob of the namespace it is made from."""
    run: str
    deadline: float | None = None
    """Seconds; `None` for the CronJob's own."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables of every container."""
    owned: bool = True
    """The Rollout owns it. One that is being deleted owns nothing new: it would be deleted with it at once."""
