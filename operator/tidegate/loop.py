"""From the parts that wiring made to the scheduler that works on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.api.checks import check_rollout
from tidegate.api.rollout import RolloutSpec
from tidegate.core.seen import Problem
from tidegate.ports.world import World
from tidegate.reconcile.index import Index
from tidegate.reconcile.scheduler import Scheduler
from tidegate.reconcile.tick import Ticker
from tidegate.telemetry import LoggedTelemetry
from tidegate.wiring import Parts


def checked(spec: Mapping[str, Any]) -> tuple[RolloutSpec | None, tuple[Problem, ...]]:
    """A spec as the loop takes it: the model when it can be carried out, else what is wrong with it."""
    parsed, problems = check_rollout({"spec": spec})
    if problems:
        return None, tuple(Problem(problem.path, problem.message) for problem in problems)
    return parsed, ()


def scheduler_of(parts: Parts) -> Scheduler:
    """A scheduler over the real ports."""
    world = World(
        store=parts.rollouts,
        workloads=parts.workloads,
        router=parts.router,
        metrics=parts.metric_source,
        commands=parts.commands,
        events=parts.events,
        clock=parts.clock,
        telemetry=LoggedTelemetry(parts.metrics),
    )
    return scheduler_on(world)


def scheduler_on(world: World) -> Scheduler:
    """A scheduler over any ports."""
    index = Index()
    return Scheduler(world, Ticker(world, checked, index), index)
