"""A status nobody may write, a route somebody else writes, a second process: what a revert must survive."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.simulated.shop import Shop, check, spec
from tests.simulated.witness import WitnessedCluster, broken_promises
from tidegate.api.commands import Action
from tidegate.core.model.world import Lookup, RolloutObject, Route, TargetRef, Unknown
from tidegate.core.run.ending import LATE_WRITE
from tidegate.ports.errors import Conflict, PortError, Rejected, Unavailable
from tidegate.ports.world import World
from tidegate.reconcile.carrying import RECORD_WAITS
from tidegate.simulation.faults import Gate
from tidegate.simulation.ports import memory_world
from tidegate.simulation.ports.objects import MemoryStore
from tidegate.simulation.ports.workloads import MemoryRouter, MemoryWorkloads
from tidegate.simulation.runner import Runner

LONG = [{"name": "canary", "weight": 10, "duration": "1h"}, {"name": "half", "weight": 50, "duration": "1h"}]


async def begun(**changes: object) -> tuple[Shop, Runner]:
    shop = Shop(cluster_of=WitnessedCluster)
    runner = shop.rollout(spec(**{"steps": LONG, **changes}))
    await runner.run_until(shop.start + 25)
    assert shop.weight == 10
    return shop, runner


def refuse(shop: Shop, calls: Mapping[str, type[PortError]]) -> None:
    def before(call: str) -> None:
        if call in calls:
            raise calls[call](f"{call} is refused")

    shop.gate.before = before


@pytest.mark.parametrize("refusal", [Rejected, Conflict, Unavailable])
async def test_a_status_that_cannot_be_written_does_not_stop_a_revert(refusal: type[PortError]) -> None:
    shop, runner = await begun()
    refuse(shop, {"store.write_status": refusal})
    shop.values["candidate"] = 0.06
    bad = shop.clock.now()
    await runner.run_until(bad + 10, lambda: shop.weight == 0)
    assert shop.weight == 0
    shop.values["candidate"] = 0.0
    await runner.run_until(bad + 300)
    assert shop.weight == 0, "the end is a latch in this process, although status does not have it"
    shop.gate.before = lambda _call: None
    await runner.run_until(bad + 330)
    assert shop.outcome == "Reverted"


@pytest.mark.parametrize("refusal", [Rejected, Conflict, Unavailable])
async def test_a_revert_whose_record_was_refused_until_the_end_of_the_process_is_recovered(
    refusal: type[PortError],
) -> None:
    shop, runner = await begun()
    refuse(shop, {"store.write_status": refusal})
    shop.values["candidate"] = 0.06
    await runner.run_until(shop.clock.now() + 10, lambda: shop.weight == 0)
    shop.gate.before = lambda _call: None
    shop.values["candidate"] = 0.0
    runner.restart()
    await runner.run_until(shop.clock.now() + 60)
    assert shop.weight == 0
    assert (shop.outcome, shop.status.history[0].reason) == ("Reverted", "RevertRecovered")


async def test_the_rollout_that_cannot_be_read_live_does_not_stop_a_revert() -> None:
    shop, runner = await begun()
    refuse(shop, {"store.read": Unavailable, "store.write_status": Unavailable})
    shop.values["candidate"] = 0.06
    await runner.run_until(shop.clock.now() + 12)
    assert shop.weight == 0


async def test_a_run_that_is_reverted_is_not_taken_for_a_lost_revert_when_the_route_is_edited_before_its_first_raise() -> (
    None
):
    shop, runner = await begun()
    runner.at(shop.start + 30, lambda: shop.command(Action.ABORT))
    await runner.run_until(shop.start + 60)
    shop.cluster.deployments["checkout-canary"].available = 0
    runner.at(shop.start + 61, lambda: shop.cluster.set_image("checkout-canary", "shop:v3"))
    await runner.run_until(shop.start + 70)
    shop.cluster.routes["HTTPRoute/checkout"].generation += 1
    runner.restart()
    shop.cluster.deployments["checkout-canary"].available = None
    await runner.run_until(shop.start + 100)
    assert shop.status.run is not None
    assert shop.weight == 10


async def test_git_that_resets_the_route_during_a_revert_is_answered_each_time() -> None:
    shop, runner = await begun()
    shop.values["candidate"] = 0.06
    for second in range(1, 20):
        runner.at(shop.clock.now() + second, lambda: shop.set_weight(50, 50))
    await runner.run_until(shop.clock.now() + 60)
    assert shop.weight == 0
    assert shop.outcome == "Reverted"


async def test_a_route_reset_in_the_middle_of_each_write_is_fought_until_it_holds() -> None:
    shop, runner = await begun()
    left = [30]

    def before(call: str) -> None:
        if call == "router.write" and left[0]:
            left[0] -= 1
            shop.set_weight(40 + left[0], 60 - left[0])

    shop.gate.before = before
    shop.values["candidate"] = 0.06
    await runner.run_until(shop.clock.now() + 60)
    assert shop.weight == 0
    assert shop.outcome == "Reverted"


async def test_a_guard_with_a_duration_counts_on_while_the_route_is_contested() -> None:
    shop, runner = await begun(guards=[{"metric": "errors", "max": "5%", "for": "60s"}])
    shop.values["candidate"] = 0.06
    bad = shop.clock.now()

    def before(call: str) -> None:
        run = shop.cluster.rollouts["checkout"].status.get("run")
        if call == "router.write" and run and "ending" not in run:
            raise Conflict("somebody is quicker, every time")

    shop.gate.before = before
    shop.set_weight(50, 50)
    await runner.run_until(bad + 600, lambda: shop.weight == 0)
    assert shop.clock.now() - bad <= 90


class StaleRouter(MemoryRouter):
    """Its cache stands still from `freeze` on; only live reads see the route."""

    frozen: Lookup[Route] | None = None

    async def read(self, ref: TargetRef, *, fresh: bool) -> Lookup[Route]:
        if self.frozen is not None and not fresh:
            return self.frozen
        return await super().read(ref, fresh=fresh)


@pytest.mark.parametrize("cache", ["unknown", "older", "from before the raise"])
async def test_a_revert_does_not_rest_on_what_the_cache_says_of_the_route(cache: str) -> None:
    shop = Shop(cluster_of=WitnessedCluster)
    router = StaleRouter(shop.cluster, shop.gate)
    world = World(**{**vars(shop.world), "router": router})
    shop.world = world
    runner = shop.rollout(spec(steps=LONG))
    before_the_raise = await router.read(_ref(), fresh=True)
    await runner.run_until(shop.start + 25)
    now = await router.read(_ref(), fresh=True)
    frozen: dict[str, Lookup[Route]] = {
        "unknown": Unknown("no answer"),
        "older": now,
        "from before the raise": before_the_raise,
    }
    if cache == "older":
        shop.cluster.routes["HTTPRoute/checkout"].generation += 1
    router.frozen = frozen[cache]
    runner.at(shop.clock.now(), lambda: shop.command(Action.ABORT))
    await runner.run_until(shop.clock.now() + 30)
    assert shop.weight == 0
    assert shop.outcome == "Aborted"


def _ref() -> TargetRef:
    return TargetRef("shop", "HTTPRoute", "checkout", "checkout", "checkout-canary")


# A second process


class Pause:
    """Stops one process in the middle of its `index`-th write, until it is let go."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.count = 0
        self.reached = asyncio.Event()
        self.go = asyncio.Event()
        self.late = False
        """The next write to a route was decided before it stood still."""

    async def here(self) -> None:
        self.count += 1
        if self.count - 1 == self.index:
            self.reached.set()
            await self.go.wait()
            self.late = True


def paused_world(shop: Shop, pause: Pause, *, in_calls: bool) -> World:
    """With `in_calls` it stands still even between the last look at the clock and the effect: no longer than a request lives."""

    class Router(MemoryRouter):
        async def write(self, route: Route, *args: Any, **kwargs: Any) -> Route:  # noqa: ANN401  (passed on as it is)
            if in_calls:
                await pause.here()
            _witness(shop).landing, pause.late = pause.late and in_calls, False
            try:
                return await super().write(route, *args, **kwargs)
            finally:
                _witness(shop).landing = False

    class Store(MemoryStore):
        async def write_status(
            self, rollout: RolloutObject, status: Mapping[str, Any], *, run_only: bool
        ) -> RolloutObject:
            await pause.here()
            stored = await super().write_status(rollout, status, run_only=run_only)
            await pause.here()
            return stored

    class Workloads(MemoryWorkloads):
        async def write_template(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  (passed on as it is)
            if in_calls:
                await pause.here()
            await super().write_template(*args, **kwargs)

    gate = Gate()
    world = memory_world(shop.cluster, shop.answers, gate)
    parts = {"router": Router, "store": Store, "workloads": Workloads}
    return World(**{**vars(world), **{name: kind(shop.cluster, gate) for name, kind in parts.items()}})


async def two_processes(index: int, alone: float, then: Callable[[Shop], None]) -> tuple[Shop, bool]:
    """The first process stands still before its `index`-th write; the second works `alone` seconds; then both go on.

    Returns: the shop, and whether the first made that many writes.
    """
    shop = Shop(cluster_of=WitnessedCluster)
    pause = Pause(index)
    shop.cluster.add_rollout("checkout", spec(guards=[], metrics=[], steps=STEPS))
    first = Runner(paused_world(shop, pause, in_calls=alone < LATE_WRITE), shop.clock, "checkout", check)
    running = asyncio.ensure_future(first.run_until(shop.start + 300, lambda: shop.outcome != ""))
    reached = asyncio.ensure_future(pause.reached.wait())
    await asyncio.wait({running, reached}, return_when=asyncio.FIRST_COMPLETED)
    reached.cancel()
    stopped = pause.reached.is_set()
    then(shop)
    second = Runner(memory_world(shop.cluster, shop.answers), shop.clock, "checkout", check)
    await second.run_until(shop.clock.now() + alone)
    pause.go.set()
    await running
    for _ in range(60):
        second.due = shop.clock.now()
        await second.run_until(shop.clock.now() + 10)
    return shop, stopped


STEPS = [{"name": "canary", "weight": 10, "duration": "20s"}, {"name": "half", "weight": 50, "duration": "20s"}]


@pytest.mark.parametrize("alone", [0.0, 5.0, 300.0])
async def test_a_process_that_stood_still_before_any_of_its_writes_changes_nothing_when_another_went_on(
    alone: float,
) -> None:
    index, stopped = 0, True
    while stopped:
        shop, stopped = await two_processes(index, alone, lambda _shop: None)
        assert broken_promises(_witness(shop)) == [], f"write {index}"
        assert (shop.outcome, shop.weight) == ("Succeeded", 0), f"write {index}"
        assert shop.weights()[1:] in ([10, 50, 0], [0, 10, 50, 0]), f"write {index}: {shop.weights()}"
        index += 1
    assert index > 8


@pytest.mark.parametrize("alone", [0.0, 5.0, 300.0])
async def test_a_process_that_stood_still_while_another_aborted_raises_nothing(alone: float) -> None:
    def abort(shop: Shop) -> None:
        shop.command(Action.ABORT)

    index, stopped = 0, True
    while stopped:
        shop, stopped = await two_processes(index, alone, abort)
        if not stopped:
            break
        assert shop.weight == 0, f"write {index}"
        image = shop.cluster.deployments["checkout"].template["spec"]["containers"][0]["image"]
        assert image == ("shop:v2" if shop.outcome == "Succeeded" else "shop:v1"), f"write {index}"
        assert broken_promises(_witness(shop)) == [], f"write {index}"
        index += 1
    assert index > 8


def _witness(shop: Shop) -> WitnessedCluster:
    assert isinstance(shop.cluster, WitnessedCluster)
    return shop.cluster


async def test_a_route_raised_while_the_record_of_its_revert_waits_is_lowered_again_soon() -> None:
    """The record waits in the queue of an API server that has too much to do: it has not been sent."""
    shop = Shop()

    class Queued(MemoryStore):
        async def write_status(
            self, rollout: RolloutObject, status: Mapping[str, Any], *, run_only: bool
        ) -> RolloutObject:
            if run_only:
                await shop.clock.sleep(150.0)
            return await super().write_status(rollout, status, run_only=run_only)

    shop.world = replace(shop.world, store=Queued(shop.cluster, shop.gate))
    runner = shop.rollout(spec(steps=LONG))
    await runner.run_until(shop.start + 60)
    shop.values["candidate"] = 0.5
    raised = shop.clock.now() + 20
    runner.at(raised, lambda: shop.set_weight(90, 10))
    await runner.run_until(raised + 40, lambda: shop.clock.now() > raised and shop.weight == 0)
    assert shop.weight == 0
    assert shop.clock.now() - raised <= RECORD_WAITS + 5.0
