"""CronJobs, and the Jobs made from them."""

from __future__ import annotations

from dataclasses import dataclass, field

from tidegate.core.model.jobs import NO_DEADLINE_GIVEN, Job, JobState, StartJob
from tidegate.core.model.world import ABSENT, Lookup, RolloutObject
from tidegate.ports.errors import Conflict, Missing, Rejected
from tidegate.simulation.cluster.history import History
from tidegate.simulation.cluster.objects import SimulatedCronJob, SimulatedJob


@dataclass
class SimulatedJobs(History):
    """CronJobs, and the Jobs made from them."""

    cron_jobs: dict[str, SimulatedCronJob] = field(default_factory=dict)
    """By name; of one that is not here, Jobs succeed after half a minute."""
    jobs: dict[str, SimulatedJob] = field(default_factory=dict)
    """By name."""
    created_jobs: list[SimulatedJob] = field(default_factory=list)
    """Every Job that was ever created, in order."""
    jobs_watched: bool = False
    """A watch stream tells of Jobs; otherwise they must be looked at."""

    def start_job(self, rollout: RolloutObject, wanted: StartJob) -> None:
        """Creates a Job, or finds the one that was created for this Rollout.

        Raises: Conflict, Missing, Rejected.
        """
        source = self.cron_jobs.get(wanted.cron_job, SimulatedCronJob())
        if source.missing:
            raise Missing(f"there is no CronJob {wanted.cron_job!r}")
        if not source.suspended:
            raise Rejected(f"CronJob {wanted.cron_job!r} is not suspended")
        if source.refused:
            raise Rejected(source.refused)
        known = self.jobs.get(wanted.name)
        if known is not None and known.rollout != rollout.uid:
            raise Conflict(f"Job {wanted.name} belongs to another Rollout")
        if known is None:
            made = self._made(rollout, wanted, source)
            self.jobs[wanted.name] = made
            self.created_jobs.append(made)

    def _made(self, rollout: RolloutObject, wanted: StartJob, source: SimulatedCronJob) -> SimulatedJob:
        now, deadline = self.clock.now(), wanted.deadline or NO_DEADLINE_GIVEN
        tired = source.fails > source.retries
        lasts = source.lasts * (min(source.fails, source.retries) + 1)
        failed = f"BackoffLimitExceeded: {source.retries + 1} attempts failed" if tired else ""
        if lasts > deadline:
            failed = "DeadlineExceeded: Job was active longer than specified deadline"
        uid = f"uid-{wanted.name}-{self.next_version()}"
        ends = now + min(lasts, deadline)
        return SimulatedJob(
            wanted.name,
            uid,
            rollout.uid,
            wanted.cron_job,
            wanted.environment,
            now,
            ends,
            failed,
            deadline,
            wanted.owned,
        )

    def job(self, name: str) -> Lookup[Job]:
        """A Job as the `Jobs` port reports it."""
        found = self.jobs.get(name)
        if found is None:
            return ABSENT
        ended = self.clock.now() >= found.ends
        state = JobState.FAILED if found.failed else JobState.SUCCEEDED
        return Job(
            name=name,
            uid=found.uid,
            state=state if ended else JobState.RUNNING,
            message=found.failed if ended else "",
            started=found.started,
            finished=found.ends if ended else None,
            deadline=found.deadline,
            watched=self.jobs_watched,
        )
