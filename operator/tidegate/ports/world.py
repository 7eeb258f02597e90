"""All the ports of one world, together."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.ports.protocols import (
    Announcer,
    Clock,
    Commands,
    Freezes,
    Jobs,
    MetricSource,
    MetricTemplates,
    Notifier,
    Reports,
    RolloutStore,
    Telemetry,
    TrafficRouter,
    Workloads,
)


@dataclass(frozen=True)
class World:
    """What the loop works on: live, simulated, or in a test."""

    store: RolloutStore
    workloads: Workloads
    router: TrafficRouter
    metric_templates: MetricTemplates
    metrics: MetricSource
    commands: Commands
    jobs: Jobs
    freezes: Freezes
    announcer: Announcer
    notifier: Notifier
    reports: Reports
    clock: Clock
    telemetry: Telemetry
