"""What stands on the API server: the ports of a tick, and what keeps their caches and permissions current."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

from tidegate.adapters.clock import SystemClock
from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.command_policy import EVERY as POLICY_EVERY
from tidegate.adapters.kubernetes.command_policy import CommandPolicy
from tidegate.adapters.kubernetes.commands import KubernetesCommands
from tidegate.adapters.kubernetes.events import KubernetesEvents
from tidegate.adapters.kubernetes.freezes import EVERY as LABELS_EVERY
from tidegate.adapters.kubernetes.freezes import NamespaceFreezes
from tidegate.adapters.kubernetes.job_watch import JobWatch
from tidegate.adapters.kubernetes.jobs import KubernetesJobs
from tidegate.adapters.kubernetes.metric_templates import KubernetesMetricTemplates
from tidegate.adapters.kubernetes.permissions import WriteAccess
from tidegate.adapters.kubernetes.reports import KubernetesReports
from tidegate.adapters.kubernetes.rollouts import KubernetesRollouts
from tidegate.adapters.kubernetes.workloads import KubernetesWorkloads
from tidegate.adapters.notifiers.by_kind import NotifiersByKind
from tidegate.adapters.prometheus import PrometheusSources
from tidegate.adapters.routers import routers
from tidegate.handlers import Caches, CommandUpkeep, Intake, Resync, Waker, Watches, WriteAccessWatch, takes_of
from tidegate.handlers.command_upkeep import EVERY as UPKEEP
from tidegate.ports.world import World
from tidegate.runtime.self_metrics import Metrics
from tidegate.runtime.settings import Settings
from tidegate.runtime.telemetry import LoggedTelemetry

Background: TypeAlias = Callable[[], Coroutine[Any, Any, None]]
"""What runs beside the ticks until the operator stops."""


@dataclass(frozen=True)
class ClusterAdapters:
    """What stands on the API server: the ports of a tick, and what keeps their caches and permissions current."""

    api: Api
    caches: Caches
    clock: SystemClock
    settings: Settings
    policy: CommandPolicy
    commands: KubernetesCommands
    freezes: NamespaceFreezes
    access: WriteAccess

    @classmethod
    async def on(cls, api: Api, caches: Caches, clock: SystemClock, settings: Settings) -> Self:
        """The adapters, once the policy and the namespaces' labels were read."""
        policy = CommandPolicy(api, settings.command_policy)
        await policy.look()
        commands = KubernetesCommands(api, caches.commands, clock.now, policy.checked)
        freezes = NamespaceFreezes(api, settings.freezes, clock.now)
        await freezes.look()
        return cls(api, caches, clock, settings, policy, commands, freezes, WriteAccess())

    def world(self, sources: PrometheusSources, notifiers: NotifiersByKind, telemetry: LoggedTelemetry) -> World:
        """The ports of a tick."""
        api, caches, settings = self.api, self.caches, self.settings
        workloads = KubernetesWorkloads(api, caches.workloads, settings.ignored_annotations, self.access)
        return World(
            store=KubernetesRollouts(api, caches.rollouts),
            workloads=workloads,
            router=routers(api, caches.routes, self.access, workloads),
            metric_templates=KubernetesMetricTemplates(api, caches.metric_templates),
            metrics=sources,
            commands=self.commands,
            jobs=KubernetesJobs(api, caches.jobs),
            freezes=self.freezes,
            announcer=KubernetesEvents(api, self.clock.now, os.environ.get("POD_NAME") or socket.gethostname()),
            notifier=notifiers,
            reports=KubernetesReports(api, settings.reports),
            clock=self.clock,
            telemetry=telemetry,
        )

    def watched_by(self, waker: Waker, metrics: Metrics) -> tuple[Watches, tuple[Background, ...]]:
        """The watch streams, which wake Rollouts, and what runs beside them."""
        api, caches, namespaces = self.api, self.caches, self.settings.namespaces
        intake = Intake(caches, waker, self.settings.ignored_annotations, metrics.broken)
        watches = Watches(api, caches, takes_of(intake), namespaces)
        resync = Resync(api, caches, intake, namespaces, now=self.clock.now)
        watches.begun = resync.streams_began
        writing = WriteAccessWatch(api, caches, self.access, waker)
        jobs = JobWatch(
            api, caches.jobs, lambda namespace, name: waker.object_changed("Job", namespace, name), namespaces
        )
        return watches, (resync.run, writing.run, jobs.run)

    def looks(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """What is read again now and then, because nothing is watched of it."""
        upkeep = CommandUpkeep(self.api, self.commands, self.caches.commands, self.caches.rollouts, self.clock)
        return (
            _every(LABELS_EVERY, self.freezes.look),
            _every(POLICY_EVERY, self.policy.look),
            _every(UPKEEP, upkeep.once),
        )


async def _every(seconds: float, look: Callable[[], Coroutine[Any, Any, None]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        await look()
