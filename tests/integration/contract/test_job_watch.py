"""The watch stream of Jobs on a real API server: open while the end of one is awaited, and not before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio

from lab import manifests
from lab.control_plane import ControlPlane
from lab.wait import until
from tests.integration.contract.conftest import CRDS, RealStage
from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.configuration import load_configuration
from tidegate.adapters.kubernetes.job_watch import JobWatch
from tidegate.adapters.kubernetes.jobs import KubernetesJobs
from tidegate.core.model.jobs import JobState, StartJob
from tidegate.core.model.world import ABSENT, RolloutObject

SECONDS = 60.0


class Watched:
    """The stage with a watch stream of its own, whose calls are counted."""

    def __init__(self, stage: RealStage, api: Api) -> None:
        self.stage = stage
        self.jobs = KubernetesJobs(api, stage.caches.jobs)
        self.woken: list[tuple[str, str]] = []
        self.watch = JobWatch(api, stage.caches.jobs, lambda *key: self.woken.append(key), [stage.namespace])

    async def start(self, name: str, seconds: str) -> RolloutObject:
        """A Job that sleeps so long."""
        await self.stage.hands.create(manifests.cron_job(self.stage.namespace, name, ["sleep", seconds]))
        await self.stage.put_rollout(name)
        rollout = await self.stage.rollouts.read(self.stage.namespace, name, fresh=True)
        assert isinstance(rollout, RolloutObject)
        await self.jobs.start(rollout, StartJob(name, name, "1-abc", 60.0))
        return rollout

    async def until_state(self, name: str, state: JobState) -> None:
        async def there() -> bool:
            found = self.jobs.known(self.stage.namespace, name)
            return found is not None and found.watched and found.state is state

        await until(there, SECONDS, f"Job {name} is seen {state}")


@pytest_asyncio.fixture(loop_scope="session")
async def calls() -> list[str]:
    return []


@pytest_asyncio.fixture(loop_scope="session")
async def watched(ready_cluster: ControlPlane, namespace: str, calls: list[str]) -> AsyncIterator[Watched]:
    assert CRDS.exists()
    configuration = await load_configuration(str(ready_cluster.kubeconfig))
    api = Api(configuration, lambda verb, resource, _outcome, _seconds: calls.append(f"{verb} {resource}"))
    found = Watched(RealStage(namespace, api, ready_cluster.api), api)
    running = asyncio.create_task(found.watch.run())
    yield found
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await api.close()


async def test_nothing_is_listed_before_a_job_is_awaited_and_its_end_wakes_its_rollout(
    watched: Watched, calls: list[str]
) -> None:
    await asyncio.sleep(0)
    assert "list jobs" not in calls
    await watched.start("brief", "1")
    await watched.until_state("brief", JobState.SUCCEEDED)
    assert calls.count("list jobs") == 1
    assert (watched.stage.namespace, "brief") in watched.woken
    assert not watched.stage.caches.jobs.awaited, "nothing more is awaited"


async def test_one_that_is_deleted_wakes_its_rollout_and_is_looked_for(watched: Watched) -> None:
    await watched.start("long", "60")
    await watched.until_state("long", JobState.RUNNING)
    watched.woken.clear()
    await watched.stage.delete_jobs()

    async def told() -> bool:
        return (watched.stage.namespace, "long") in watched.woken and not watched.jobs.known(
            watched.stage.namespace, "long"
        )

    await until(told, SECONDS, "the deletion is told")
    assert await watched.jobs.read(watched.stage.namespace, "long") is ABSENT
