"""The ports in memory of what a decision writes: Deployments, routes and Jobs."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from tidegate.adapters.replica_ratio import RatioRouter
from tidegate.api.rollout.traffic import RouteKind
from tidegate.core.model.jobs import Job, StartJob
from tidegate.core.model.template_change import TemplateChange
from tidegate.core.model.world import (
    ABSENT,
    Arm,
    Lookup,
    RolloutObject,
    Route,
    TargetRef,
    Template,
    Unknown,
    Unseen,
)
from tidegate.ports.errors import Unavailable
from tidegate.ports.protocols import NONE, Manager
from tidegate.simulation.cluster import Cluster
from tidegate.simulation.faults import Gate
from tidegate.simulation.ports.port import MemoryPort


class MemoryWorkloads(MemoryPort):
    """`Workloads` in memory."""

    async def arm(self, namespace: str, deployment: str, service: str, *, fresh: bool) -> Lookup[Arm]:
        """The arm."""
        del namespace
        failed = await self.failed_read("workloads.arm", fresh=fresh)
        return Unknown(failed) if failed else self.cluster.arm(deployment, service)

    async def template(self, namespace: str, deployment: str) -> Lookup[Template]:
        """The template."""
        del namespace
        failed = await self.failed_read("workloads.template")
        return Unknown(failed) if failed else self.cluster.template(deployment)

    async def revision(
        self, namespace: str, deployment: str, fingerprint: str, exclude: Collection[str]
    ) -> Lookup[Template]:
        """A template of before."""
        del namespace
        failed = await self.failed_read("workloads.revision")
        return Unknown(failed) if failed else self.cluster.revision(deployment, fingerprint, exclude)

    async def write_template(
        self, namespace: str, deployment: str, read: Template, change: TemplateChange, manager: Manager
    ) -> None:
        """Changes the template, tested."""
        del namespace, manager
        await self.effect("workloads.write_template", lambda: self.cluster.change_template(deployment, read, change))

    async def scale(self, namespace: str, deployment: str, read: Arm, replicas: int, manager: Manager) -> None:
        """Scales the Deployment, tested."""
        del namespace, deployment
        await self.effect("workloads.scale", lambda: self.cluster.scale(read, replicas, str(manager)))

    async def autoscaler(self, namespace: str, deployment: str) -> Lookup[str]:
        """What scales the Deployment."""
        del namespace
        failed = await self.failed_read("workloads.autoscaler")
        return Unknown(failed) if failed else self.cluster.autoscalers.get(deployment, ABSENT)


class MemoryRouter(MemoryPort):
    """`TrafficRouter` in memory. Pods as weights are the business of the router that does it live, on ports in memory."""

    def __init__(self, cluster: Cluster, gate: Gate) -> None:
        super().__init__(cluster, gate)
        self._ratio = RatioRouter(MemoryWorkloads(cluster, gate), self._pods_of, sleep=cluster.clock.sleep)

    async def _pods_of(self, namespace: str, service: str) -> frozenset[str] | Unknown:
        del namespace
        failed = await self.failed_read("router.pods")
        return Unknown(failed) if failed else self.cluster.pods_behind(service)

    async def read(self, ref: TargetRef, *, fresh: bool) -> Lookup[Route]:
        """The route."""
        if ref.kind == RouteKind.REPLICA_RATIO:
            return await self._ratio.read(ref, fresh=fresh)
        failed = await self.failed_read("router.read", fresh=fresh)
        if not failed and ref.kind in self.cluster.not_served:
            return Unknown(f"{ref.kind} is not served", Unseen.NOT_SERVED)
        return Unknown(failed) if failed else self.cluster.route(ref)

    async def write(
        self, route: Route, pairs: Mapping[str, tuple[int, int]], manager: Manager, mirrors: Mapping[str, int] = NONE
    ) -> Route:
        """Sets the weights and the mirrors, tested."""
        if route.ref.kind == RouteKind.REPLICA_RATIO:
            return await self._ratio.write(route, pairs, manager, mirrors)
        await self.effect(
            "router.write", lambda: _ignore(self.cluster.write_route(route, pairs, str(manager), mirrors))
        )
        again = self.cluster.route(route.ref)
        return again if isinstance(again, Route) else route


def _ignore(_value: object) -> None:
    """An effect has no result."""


class MemoryJobs(MemoryPort):
    """`Jobs` in memory."""

    def known(self, namespace: str, name: str) -> Job | None:
        """The Job, while a watch stream tells of it."""
        del namespace
        found = self.cluster.job(name) if self.cluster.jobs_watched else None
        return found if isinstance(found, Job) else None

    async def start(self, rollout: RolloutObject, job: StartJob) -> Job:
        """Creates the Job, or finds it."""
        await self.effect("jobs.start", lambda: self.cluster.start_job(rollout, job))
        found = self.cluster.job(job.name)
        if not isinstance(found, Job):
            raise Unavailable(f"Job {job.name} was not seen")
        return found

    async def read(self, namespace: str, name: str) -> Lookup[Job]:
        """The Job."""
        del namespace
        failed = await self.failed_read("jobs.read")
        return Unknown(failed) if failed else self.cluster.job(name)
