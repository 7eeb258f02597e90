"""Whether the CronJobs that a Rollout names are there and suspended."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.jobs import CRON_JOBS, unsuspended
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.validation.job_sources import jobs_of
from tidegate.cli.doctor.result import Level, Result
from tidegate.ports.errors import Missing, PortError

CHECK: Final = "Jobs"


async def cron_jobs(api: Api, namespace: str, spec: RolloutSpec) -> AsyncIterator[Result]:
    """Each CronJob of hooks, gates and limits, once."""
    for name in dict.fromkeys(one.source.cron_job for one in jobs_of(spec)):
        try:
            found = await api.get(CRON_JOBS, namespace, name)
        except Missing:
            message = f"there is no CronJob {name} in namespace {namespace}"
            yield Result(CHECK, Level.FAILED, message, "create it, with suspend: true (docs/jobs.md)")
        except PortError as error:
            yield Result(CHECK, Level.SKIPPED, str(error))
        else:
            refusal = unsuspended(namespace, name, found)
            if refusal:
                yield Result(CHECK, Level.FAILED, refusal, "set spec.suspend: true")
            else:
                yield Result(CHECK, Level.OK, f"CronJob {name} exists and is suspended")
