"""A run with Jobs: hooks, gates, and what is seen of them."""

from __future__ import annotations

from typing import Any

from tests.simulated.shop import Shop, spec
from tidegate.api.commands import Action
from tidegate.api.rollout.status import JobStatus, RolloutStatus
from tidegate.simulation.cluster.objects import SimulatedCronJob
from tidegate.simulation.runner import Runner

BREACH = 0.06


class Told:
    """A shop with hooks, and a person's hands."""

    def __init__(
        self, *, watched: bool = False, cron_jobs: dict[str, SimulatedCronJob] | None = None, **changes: object
    ) -> None:
        self.shop = Shop()
        self.shop.cluster.jobs_watched = watched
        self.shop.cluster.cron_jobs.update(cron_jobs or {})
        self.runner: Runner = self.shop.rollout(spec(**changes))

    async def passes(self, seconds: float) -> None:
        await self.runner.run_until(self.shop.clock.now() + seconds)

    async def does(self, action: Action, **fields: Any) -> tuple[bool, str]:  # noqa: ANN401
        uid = ""

        def create() -> None:
            nonlocal uid
            uid = self.shop.command(action, **fields)

        self.runner.at(self.shop.clock.now(), create)
        await self.passes(3)
        return self.shop.cluster.outcomes[uid]

    @property
    def status(self) -> RolloutStatus:
        return self.shop.status

    @property
    def created(self) -> list[str]:
        """The CronJobs of which Jobs were created, in order."""
        return [one.cron_job for one in self.shop.cluster.created_jobs]

    def job(self, cron_job: str) -> JobStatus:
        """What status has of the newest Job of a CronJob."""
        return [one for one in self.status.jobs if one.cron_job == cron_job][-1]

    def condition(self, kind: str) -> tuple[str, str] | None:
        found = [one for one in self.status.conditions if one.type == kind]
        return (found[0].status, found[0].reason) if found else None

    def reasons(self) -> list[str]:
        return [reason for _, _, reason, _ in self.shop.cluster.events]


def hook(when: str, name: str | None = None, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"name": name or when.lower(), "when": when, "job": {"cronJob": (name or when).lower()}, **fields}


def gated(*jobs: dict[str, Any], **gate: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    canary, half = spec()["steps"]
    return [canary, {**half, "gate": {"jobs": list(jobs or ({"cronJob": "smoke"},)), **gate}}]
