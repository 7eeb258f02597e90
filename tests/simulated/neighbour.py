"""Another Rollout of the same process in the shop's namespace: it shares source and route, is ticked, and misbehaves."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tests.simulated.shop import Shop, spec, value
from tidegate.core.model.answers import Answer, Failed, FailedReason, Query
from tidegate.core.model.world import ArmName
from tidegate.ports.errors import PortError
from tidegate.ports.protocols import MetricSource
from tidegate.simulation.cluster.objects import SimulatedRoute
from tidegate.simulation.runner import RETRY, Runner

NAME: Final = "neighbour"
SOONEST: Final = 0.1
"""Seconds until its next tick, at least."""
LOOK: Final = 2.0
"""Seconds between two looks at a tick that has not ended."""
LONGEST: Final = 10.0
"""Seconds until its next tick, at most: somebody wakes it that often."""
TURNS: Final = 60
"""Turns of the event loop that its tick has before the others go on."""
METRICS: Final = tuple(f"theirs-{number}" for number in range(4))
HOWS: Final = ("well", "hangs", "fails", "breaches")


@dataclass
class SharedSource:
    """The source of both Rollouts; what the neighbour asks comes to what `how` says."""

    shop: Shop
    source: MetricSource
    how: str = "well"
    askers: set[str] = field(default_factory=set)
    """In whose name something was asked."""

    async def sample(self, query: Query, *, timeout: float, rollout: str) -> Answer:
        self.askers.add(rollout)
        if query.metric not in METRICS:
            return await self.source.sample(query, timeout=timeout, rollout=rollout)
        if self.how == "hangs":
            await self.shop.clock.sleep(timeout)
            return Failed(FailedReason.TIMEOUT, f"no answer within {timeout:g}s")
        if self.how == "fails":
            return Failed(FailedReason.REFUSED, "query: parse error")
        return value(0.9 if self.how == "breaches" and query.arm is ArmName.CANDIDATE else 0.0)


class Neighbour:
    """See the module. Its ticks begin in their time, and go on beside what follows."""

    def __init__(self, shop: Shop) -> None:
        """Released now: its run begins with the first tick."""
        self.shop = shop
        self._task: asyncio.Task[float] | None = None
        self._due = shop.clock.monotonic()
        self.ticks = 0
        for name, image in ((NAME, "shop:v1"), (f"{NAME}-canary", "shop:v2")):
            shop.cluster.add_deployment(name, image, {"app": name})
            shop.cluster.services[name] = {"app": name}
        route = shop.cluster.routes.get("HTTPRoute/checkout")
        rule = {NAME: 1, f"{NAME}-canary": 0}
        shared = route is not None and not route.names
        if route is not None and shared:
            route.rules.append(rule)
            route.generation += 1
        else:
            shop.cluster.add_route(SimulatedRoute("HTTPRoute", NAME, [rule]))
        shop.cluster.add_rollout(NAME, _spec("checkout" if shared else NAME))

    @property
    def due(self) -> float:
        """When its next tick begins, epoch seconds."""
        return self.shop.clock.now() + self._due - self.shop.clock.monotonic()

    def status_becomes(self, status: Mapping[str, Any]) -> None:
        """Somebody writes its whole status."""
        stored = self.shop.cluster.rollouts[NAME]
        self.shop.cluster.put_rollout(replace(stored, status=json.loads(json.dumps(status))))

    async def passes(self, runner: Runner, end: float) -> None:
        """Time passes for both Rollouts until `end`, epoch seconds."""
        while self.due <= end:
            await runner.run_until(self.due)
            await self._look(runner)
        await runner.run_until(end)
        await self._left(runner)

    async def _look(self, runner: Runner) -> None:
        """Begins the tick that is due, unless the one before has not ended. Raises: what a tick ended with, but for errors of ports."""
        if self._task is None and not runner.down:
            self.ticks += 1
            self._task = asyncio.ensure_future(_tick(runner))
        for _ in range(TURNS):
            if self._task is None or self._task.done():
                break
            await asyncio.sleep(0)
        self._due = self.shop.clock.monotonic() + LOOK
        self._look_back()

    async def _left(self, runner: Runner) -> None:
        """Lets what left its ticks be delivered, as far as that takes no time. Raises: what a delivery or a tick ended with."""
        outbox, desk = runner.ticker.outbox, runner.ticker.desk
        for _ in range(TURNS):
            if runner.down or not (outbox.busy or desk.busy):
                break
            await asyncio.sleep(0)
        self._look_back()
        ended = outbox.failure or desk.failure
        if ended is not None and not runner.down:
            raise ended

    def _look_back(self) -> None:
        if self._task is not None and self._task.done():
            ended, self._task = self._task, None
            wait = ended.result() - self.shop.clock.now()
            self._due = self.shop.clock.monotonic() + min(max(wait, SOONEST), LONGEST)

    async def process_ended(self) -> None:
        """Its tick ends with the process."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _tick(runner: Runner) -> float:
    """When the next one is due, epoch seconds."""
    try:
        following = await runner.ticker.tick(runner.namespace, NAME)
    except PortError:
        return runner.clock.now() + RETRY
    return math.inf if following is None else following


def _spec(route: str) -> dict[str, Any]:
    canary = f"{NAME}-canary"
    return spec(
        baseline={"deployment": NAME, "service": NAME},
        candidate={"deployment": canary, "service": canary},
        traffic=[{"kind": "HTTPRoute", "name": route}],
        metrics=[
            {"name": name, "query": f'{name}{{deployment="$workload"}}', "unit": "ratio", "window": "20s"}
            for name in METRICS
        ],
        guards=[{"metric": name, "max": "5%"} for name in METRICS],
        steps=[{"name": "canary", "weight": 20, "duration": "40s"}, {"name": "half", "weight": 50, "duration": "1h"}],
    )
