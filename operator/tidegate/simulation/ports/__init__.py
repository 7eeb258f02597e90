"""The ports on an in-memory `Cluster`. Each call passes a `Gate`, where a test or a world may make it fail."""

from __future__ import annotations

from collections.abc import Callable

from tidegate.core.model.answers import Answer, Query
from tidegate.ports.world import World
from tidegate.simulation.cluster import Cluster
from tidegate.simulation.faults import Gate
from tidegate.simulation.ports.metrics import ScriptedMetrics
from tidegate.simulation.ports.objects import MemoryCommands, MemoryFreezes, MemoryMetricTemplates, MemoryStore
from tidegate.simulation.ports.telling import MemoryAnnouncer, MemoryNotifier, MemoryReports, Silence
from tidegate.simulation.ports.workloads import MemoryJobs, MemoryRouter, MemoryWorkloads


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
