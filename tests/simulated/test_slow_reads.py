"""The watch streams are away, and reads of the Rollout are slow: they go on beside the evaluations, and their answers count."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from tests.simulated.shop import Shop, spec
from tidegate.api.commands import Action
from tidegate.core.model.world import Lookup, RolloutObject
from tidegate.ports.errors import Unavailable
from tidegate.ports.protocols import RolloutStore
from tidegate.simulation.clock import VirtualClock
from tidegate.simulation.runner import Runner

STEPS = [{"name": "canary", "weight": 10, "duration": "20s"}, {"name": "half", "weight": 50, "duration": "1h"}]


async def slow(seconds: float, interval: str = "2s") -> tuple[Shop, Runner]:
    """A run at half of the traffic, whose Rollout is read in so many seconds and by no watch stream."""
    shop = Shop()
    runner = shop.rollout(spec(interval=interval, steps=STEPS))
    await runner.run_until(shop.start + 300, lambda: shop.weight == 50)
    await runner.run_until(shop.clock.now() + 20)
    shop.gate.streams_away = True
    shop.gate.takes = lambda call: seconds if call == "store.read" else 0.0
    await runner.run_until(shop.clock.now() + 20)
    return shop, runner


@pytest.mark.parametrize("seconds", [0.5, 2.5, 4.9])
@pytest.mark.parametrize("interval", ["2s", "30s"])
async def test_a_deletion_is_noticed_by_a_read_that_is_slow(seconds: float, interval: str) -> None:
    shop, runner = await slow(seconds, interval)
    begun = shop.clock.now()
    runner.at(begun, lambda: shop.cluster.delete_rollout("checkout"))
    await runner.run_until(begun + 300, lambda: shop.weight == 0)
    assert shop.weight == 0
    assert shop.cluster.history[-1].time - begun <= float(interval[:-1]) + 2 * seconds + 0.5


async def test_an_edit_is_noticed_and_no_older_status_counts_for_newer() -> None:
    shop, runner = await slow(2.5)
    begun = shop.clock.now()
    lower = {**shop.cluster.rollouts["checkout"].spec, "steps": [STEPS[0], {**STEPS[1], "weight": 30}]}
    runner.at(begun, lambda: shop.cluster.edit_rollout("checkout", lower))
    await runner.run_until(begun + 10)
    assert shop.weight == 30
    await runner.run_until(begun + 60)
    assert (shop.weight, shop.status.step is not None and shop.status.step.seen) == (30, True)


@pytest.mark.parametrize("seconds", [2.5, 60.0])
async def test_one_read_of_a_rollout_is_under_way_at_a_time(seconds: float) -> None:
    shop, runner = await slow(seconds)
    before, begun = shop.gate.calls.count("store.read"), shop.clock.now()
    await runner.run_until(begun + 60)
    made = shop.gate.calls.count("store.read") - before
    assert 0 < made <= 60 / min(seconds, 5.0) + 1


async def test_a_breach_is_answered_in_time_while_reads_are_slow() -> None:
    shop, runner = await slow(4.5)
    begun = shop.clock.now()
    shop.values["candidate"] = 0.5
    await runner.run_until(begun + 60, lambda: shop.weight == 0)
    assert shop.cluster.history[-1].time - begun <= 3.0


@dataclass
class SlowAnswers:
    """A store whose answers come late, and say what was so when they were asked for."""

    store: RolloutStore
    clock: VirtualClock

    async def read(self, namespace: str, name: str, *, fresh: bool) -> Lookup[RolloutObject]:
        found = await self.store.read(namespace, name, fresh=True)
        if not fresh:
            await self.clock.sleep(2.2)
        return found

    def __getattr__(self, name: str) -> object:
        return getattr(self.store, name)


async def test_an_answer_from_before_a_write_of_the_status_takes_nothing_of_it_back() -> None:
    shop = Shop()
    answers = SlowAnswers(shop.world.store, shop.clock)
    shop.world = replace(shop.world, store=answers)  # type: ignore[arg-type]
    runner = shop.rollout(spec(interval="2s", steps=[STEPS[0], {**STEPS[1], "duration": "5m"}]))
    await runner.run_until(shop.start + 300, lambda: shop.weight == 50)
    await runner.run_until(shop.clock.now() + 11)
    for second in range(20):
        runner.at(shop.clock.now() + 3.3 * second, lambda: shop.command(Action.PAUSE))
        runner.at(shop.clock.now() + 3.3 * second + 1.7, lambda: shop.command(Action.RESUME))
    await runner.run_until(shop.clock.now() + 90)
    told = {len(shop.cluster.outcomes), sum(done for done, _ in shop.cluster.outcomes.values())}
    assert told == {40}
    assert sum(one[2] in {"PausedByCommand", "Resumed"} for one in shop.cluster.events) == 40


async def test_a_new_version_that_only_the_watch_shows_stops_the_clock_of_the_step() -> None:
    shop = Shop()
    runner = shop.rollout(spec(interval="2s", steps=[STEPS[0], {**STEPS[1], "duration": "60s"}]))
    await runner.run_until(shop.start + 300, lambda: shop.weight == 50)
    await runner.run_until(shop.clock.now() + 20)

    def before(call: str) -> None:
        if call == "workloads.arm":
            raise Unavailable("time-out")

    shop.gate.before = before
    runner.at(shop.clock.now(), lambda: shop.cluster.set_image("checkout-canary", "shop:v3"))
    await runner.run_until(shop.clock.now() + 4)
    step = shop.status.step
    assert step is not None
    await runner.run_until(shop.clock.now() + 300)
    assert (shop.weight, shop.outcome) == (50, "")
    assert shop.status.step is not None
    assert (shop.status.step.watched, shop.status.step.passed) == (step.watched, False)
    assert shop.status.run is not None
    assert shop.status.run.waiting is not None
    assert shop.status.run.waiting.reason == "AnotherVersion"
    shop.gate.before = lambda _call: None
    await runner.run_until(shop.clock.now() + 10, lambda: shop.outcome != "")
    assert shop.outcome == "Superseded"
