"""The ports on an in-memory `Cluster`. Each call passes a `Gate`, where a test or a world may make it fail."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tidegate.adapters.replica_ratio import RatioRouter
from tidegate.api.metric_template.ref import TemplateRef
from tidegate.api.rollout.gates import Freeze
from tidegate.api.rollout.notifications import Notification
from tidegate.api.rollout.spec import FINALIZER
from tidegate.api.rollout.status import RolloutStatus
from tidegate.api.rollout.traffic import RouteKind
from tidegate.core.model.answers import Answer, Failed, FailedReason, Query
from tidegate.core.model.claims import Claim, claim_of_raw, run_id
from tidegate.core.model.jobs import Job, StartJob
from tidegate.core.model.message import Message, Place
from tidegate.core.model.plan import Decision
from tidegate.core.model.template_change import TemplateChange
from tidegate.core.model.world import (
    ABSENT,
    Arm,
    Command,
    Lookup,
    MetricTemplateObject,
    RolloutObject,
    Route,
    TargetRef,
    Template,
    Unknown,
    Unseen,
)
from tidegate.core.report.names import config_map_name, number_of
from tidegate.ports.errors import Conflict, Missing, PortError, Unavailable
from tidegate.ports.protocols import NONE, Manager
from tidegate.ports.world import World
from tidegate.simulation.cluster import Cluster
from tidegate.simulation.faults import Gate, LateError

CALL_TIMEOUT = 5.0
"""Seconds of virtual time after which a call is answered with a time-out: as the real adapter's."""


@dataclass
class _Port:
    cluster: Cluster
    gate: Gate

    async def failed_read(self, call: str) -> str | None:
        """Why a read failed; `None` when it did not."""
        try:
            self.gate.reading(call)
            await self.answered(call)
        except Unavailable as error:
            return str(error)
        return None

    async def effect(self, call: str, effect: Callable[[], None]) -> None:
        """A write through the gate.

        Raises: what the gate or the effect raises; Unavailable for one whose effect was put off, or whose answer took too long.
        """
        await self.answered(call)
        try:
            self.gate.writing(call, effect)
        except LateError as error:
            raise Unavailable(str(error)) from error

    async def answered(self, call: str) -> None:
        """Waits for as long as the call takes.

        Raises: Unavailable after the time-out.
        """
        seconds = self.gate.takes(call)
        if seconds > 0:
            await self.cluster.clock.sleep(min(seconds, CALL_TIMEOUT))
        if seconds > CALL_TIMEOUT:
            raise Unavailable(f"{call}: no answer within {CALL_TIMEOUT:g}s")


class MemoryStore(_Port):
    """`RolloutStore` in memory."""

    async def read(self, namespace: str, name: str, *, fresh: bool) -> Lookup[RolloutObject]:
        """The object."""
        del namespace
        failed = await self.failed_read("store.read") if fresh else None
        return Unknown(failed) if failed else self.cluster.rollouts.get(name, ABSENT)

    async def claimants(self, namespace: str, uid: str, things: frozenset[str]) -> Sequence[Claim]:
        """The claims of the other Rollouts."""
        del namespace
        others = (rollout for rollout in self.cluster.rollouts.values() if rollout.uid != uid)
        return [claim for other in others if (claim := claim_of_raw(other).claim).things & things]

    async def write_status(self, rollout: RolloutObject, status: Mapping[str, Any], *, run_only: bool) -> RolloutObject:
        """Replaces the status, tested."""

        def effect() -> None:
            stored = self._tested(rollout, run_only=run_only, run=run_id(status))
            self.cluster.put_status(stored, status)

        await self.effect("store.write_status", effect)
        return self.cluster.rollouts[rollout.name]

    async def set_finalizer(self, rollout: RolloutObject, *, present: bool) -> RolloutObject:
        """Adds or removes our finalizer, tested."""

        def effect() -> None:
            stored = self._tested(rollout, run_only=False, run=None)
            others = tuple(one for one in stored.finalizers if one != FINALIZER)
            self.cluster.put_rollout(replace(stored, finalizers=(*others, FINALIZER) if present else others))

        await self.effect("store.set_finalizer", effect)
        kept = tuple(one for one in rollout.finalizers if one != FINALIZER)
        return self.cluster.rollouts.get(rollout.name, replace(rollout, finalizers=kept))

    def _tested(self, rollout: RolloutObject, *, run_only: bool, run: str | None) -> RolloutObject:
        stored = self.cluster.rollouts.get(rollout.name)
        if stored is None or stored.uid != rollout.uid:
            raise Missing(f"Rollout {rollout.name}")
        if run_only:
            if run_id(stored.status) != run:
                raise Conflict(f"Rollout {rollout.name}: another run")
        elif stored.resource_version != rollout.resource_version:
            raise Conflict(f"Rollout {rollout.name}: it changed")
        return stored


class MemoryWorkloads(_Port):
    """`Workloads` in memory."""

    async def arm(self, namespace: str, deployment: str, service: str, *, fresh: bool) -> Lookup[Arm]:
        """The arm."""
        del namespace
        failed = await self.failed_read("workloads.arm") if fresh else None
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


class MemoryMetricTemplates(_Port):
    """`MetricTemplates` in memory."""

    async def read(self, ref: TemplateRef, namespace: str, *, fresh: bool) -> Lookup[MetricTemplateObject]:
        """The template."""
        del namespace
        failed = await self.failed_read("metric_templates.read") if fresh else None
        return Unknown(failed) if failed else self.cluster.metric_templates.get(ref, ABSENT)


class MemoryRouter(_Port):
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
        failed = await self.failed_read("router.read") if fresh else None
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


class MemoryCommands(_Port):
    """`Commands` in memory."""

    async def pending(self, namespace: str, rollout: str) -> Sequence[Command]:
        """Those without an outcome."""
        del namespace, rollout
        found = (command for command in self.cluster.commands if command.uid not in self.cluster.outcomes)
        return sorted(found, key=lambda command: (command.created, command.name))

    async def conclude(self, namespace: str, command: Command, *, done: bool, message: str) -> None:
        """Writes the outcome, unless there is one, or no such command in the namespace."""

        def write() -> None:
            if namespace == self.cluster.namespace:
                self.cluster.outcomes.setdefault(command.uid, (done, message))

        await self.effect("commands.conclude", write)


class MemoryJobs(_Port):
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


class MemoryFreezes(_Port):
    """`Freezes` in memory."""

    def of(self, namespace: str) -> tuple[Freeze, ...]:
        """The freezes."""
        del namespace
        return tuple(one for one in self.cluster.freezes if one.to.timestamp() > self.cluster.clock.now())


class MemoryAnnouncer(_Port):
    """`Announcer` in memory."""

    async def announce(self, rollout: RolloutObject, decision: Decision) -> None:
        """Keeps the announcement."""
        told = (self.cluster.clock.now(), rollout.name, decision.reason, decision.message)
        await self.effect("announcer.announce", lambda: self.cluster.events.append(told))


@dataclass
class MemoryNotifier(_Port):
    """`Notifier` in memory."""

    off: str = ""
    place: Place = field(default_factory=Place)

    async def send(self, namespace: str, receiver: Notification, message: Message) -> None:
        """Keeps the message."""
        del namespace
        sent = (self.cluster.clock.now(), receiver.label, message)
        await self.effect("notifier.send", lambda: self.cluster.messages.append(sent))


@dataclass
class ScriptedMetrics:
    """`MetricSource` that answers from a function of time; it passes the gate like every port."""

    cluster: Cluster
    gate: Gate
    answers: Callable[[Query, float], Answer]
    asked: list[Query] = field(default_factory=list)

    async def sample(self, query: Query, *, timeout: float, rollout: str) -> Answer:
        """The answer at this instant."""
        del rollout
        try:
            self.gate.reading("metrics.sample")
        except PortError as error:
            return Failed(FailedReason.REFUSED, str(error))
        self.asked.append(query)
        seconds = self.gate.takes(f"metrics.sample {query.metric}")
        if seconds > 0:
            await self.cluster.clock.sleep(min(seconds, timeout))
        if seconds > timeout:
            return Failed(FailedReason.TIMEOUT, f"no answer within {timeout:g}s")
        return self.answers(query, self.cluster.clock.now())


@dataclass
class MemoryReports(_Port):
    """`Reports` in memory."""

    async def keep(self, rollout: RolloutObject, run: str, text: str) -> None:
        """Keeps it."""
        name = config_map_name(rollout.name, number_of(run))

        def keep() -> None:
            self.cluster.reports.setdefault(name, text)

        await self.effect("reports.keep", keep)

    def keeps(self, namespace: str) -> bool:
        """As the cluster says."""
        return namespace in self.cluster.reported

    async def drop(self, rollout: RolloutObject, number: int) -> None:
        """Drops it."""
        name = config_map_name(rollout.name, number)

        def drop() -> None:
            self.cluster.reports.pop(name, None)

        await self.effect("reports.drop", drop)


class Silence:
    """`Telemetry` that tells nobody."""

    def decided(self, rollout: RolloutObject, decision: Decision) -> None:
        """Nothing."""

    def reverted(self, rollout: RolloutObject, *, seconds: float | None) -> None:
        """Nothing."""

    def concluded(self, rollout: RolloutObject, status: RolloutStatus) -> None:
        """Nothing."""

    def notified(self, kind: str, outcome: str) -> None:
        """Nothing."""

    def forgotten(self, namespace: str, name: str) -> None:
        """Nothing."""

    def ticked(self, *, late: float, seconds: float) -> None:
        """Nothing."""

    def failed(self, namespace: str, name: str, error: Exception, *, retry: float) -> None:
        """Nothing."""


def memory_world(cluster: Cluster, answers: Callable[[Query, float], Answer], gate: Gate | None = None) -> World:
    """All the ports on one cluster, through one gate."""
    passed = gate if gate is not None else Gate()
    return World(
        store=MemoryStore(cluster, passed),
        workloads=MemoryWorkloads(cluster, passed),
        router=MemoryRouter(cluster, passed),
        metric_templates=MemoryMetricTemplates(cluster, passed),
        metrics=ScriptedMetrics(cluster, passed, answers),
        commands=MemoryCommands(cluster, passed),
        jobs=MemoryJobs(cluster, passed),
        freezes=MemoryFreezes(cluster, passed),
        announcer=MemoryAnnouncer(cluster, passed),
        notifier=MemoryNotifier(cluster, passed),
        reports=MemoryReports(cluster, passed),
        clock=cluster.clock,
        telemetry=Silence(),
    )
