"""`RunJob`: a Job is started, and the run goes on."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.api.reasons import Reason
from tidegate.api.rollout.jobs import JobPurpose
from tidegate.api.rollout.thresholds import Threshold
from tidegate.core.jobs import record
from tidegate.core.responses.kind import Breach
from tidegate.core.tick.draft import Draft


@dataclass(frozen=True)
class RunJob:
    """See the module."""

    def apply(self, draft: Draft, breach: Breach) -> None:
        """Starts one, unless the last one runs or was started within the cooldown."""
        limit = breach.limit
        if limit is None or limit.job is None:
            return
        if breach.new:
            draft.say(
                Reason.LIMIT_BREACHED,
                f"{breach.message}: a Job of CronJob {limit.job.cron_job} is started",
                warning=True,
            )
        own = [one for one in draft.status.jobs if (one.purpose, one.key) == (JobPurpose.RESPONSE, limit.identity)]
        last = record.newest(own)
        if last is not None and not last.outcome:
            return
        if last is not None and abs(draft.now - last.requested.timestamp()) < limit.job.cooldown.seconds:
            draft.wakes.append(last.requested.timestamp() + limit.job.cooldown.seconds)
            return
        step = draft.status.step.name if draft.status.step is not None else ""
        why = (breach.reason, breach.message)
        record.start(
            draft, record.Wanted(limit.job, JobPurpose.RESPONSE, limit.identity, draft.run.id, *why, step=step)
        )

    def describe(self, limit: Threshold) -> str:
        """What it does, for a person."""
        if limit.job is None:
            return "start a Job, and continue"
        return f"start a Job of CronJob {limit.job.cron_job} once per {limit.job.cooldown}, and continue"
