"""From the parts that wiring made to the scheduler that works on them."""

from __future__ import annotations

from tidegate.ports.world import World
from tidegate.reconcile.index import Index
from tidegate.reconcile.scheduler import Scheduler
from tidegate.reconcile.specs import Check, checked, checker
from tidegate.reconcile.tick import Ticker
from tidegate.telemetry import LoggedTelemetry
from tidegate.wiring import Parts


def scheduler_of(parts: Parts) -> Scheduler:
    """A scheduler over the real ports."""
    world = World(
        store=parts.rollouts,
        workloads=parts.workloads,
        router=parts.router,
        metric_templates=parts.metric_templates,
        metrics=parts.metric_source,
        commands=parts.commands,
        announcer=parts.announcer,
        clock=parts.clock,
        telemetry=LoggedTelemetry(parts.metrics),
    )
    return scheduler_on(world, checker({name: source.dialect for name, source in parts.settings.sources.items()}))


def scheduler_on(world: World, check: Check = checked) -> Scheduler:
    """A scheduler over any ports."""
    index = Index()
    return Scheduler(world, Ticker(world, check, index), index)
