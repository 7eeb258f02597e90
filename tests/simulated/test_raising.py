"""The raise rule: what is judged anew before the candidate gets more, and what an edit may do."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.simulated.shop import Shop, spec, value
from tidegate.api.commands import Action
from tidegate.core.model.answers import Answer, Failed, FailedReason, Query, Vector
from tidegate.core.model.world import Acceptance
from tidegate.ports.world import World
from tidegate.simulation.cluster.objects import SimulatedRoute
from tidegate.simulation.ports.metrics import ScriptedMetrics
from tidegate.simulation.runner import Runner

GATED = [
    {"name": "canary", "weight": 10, "duration": "30s", "thresholds": [{"metric": "errors", "max": "1%"}]},
    {"name": "half", "weight": 50, "gate": {"sinceStep": {"step": "canary", "elapsed": "3d"}}, "duration": "1h"},
]
LONG = [{"name": "canary", "weight": 10, "duration": "1h"}, {"name": "half", "weight": 50, "duration": "1h"}]
BOTH = [{"kind": "HTTPRoute", "name": "checkout"}, {"kind": "GRPCRoute", "name": "checkout"}]


async def begun(**changes: object) -> tuple[Shop, Runner]:
    shop = Shop()
    runner = shop.rollout(spec(**{"steps": LONG, **changes}))
    await runner.run_until(shop.start + 25)
    assert shop.weight == 10
    return shop, runner


def edit(shop: Shop, **changes: object) -> None:
    shop.cluster.edit_rollout("checkout", spec(**{"steps": LONG, **changes}))


def grpc(shop: Shop) -> dict[str, int]:
    return shop.cluster.routes["GRPCRoute/checkout"].rules[0]


async def test_after_three_days_at_a_gate_the_thresholds_are_judged_anew() -> None:
    shop, runner = await begun(steps=GATED, interval="30m")
    await runner.run_until(shop.start + 3600)
    assert shop.status.step is not None
    assert shop.status.step.passed
    shop.values["candidate"] = 0.02
    await runner.run_until(shop.start + 4 * 86400)
    assert shop.weight == 10
    assert shop.status.run is not None
    assert shop.status.run.waiting is not None
    assert shop.status.run.waiting.reason == "LimitNotMet"
    shop.values["candidate"] = 0.0
    await runner.run_until(shop.clock.now() + 3600)
    assert shop.weight == 50


async def test_guards_stay_in_force_at_a_gate() -> None:
    shop, runner = await begun(steps=GATED)
    await runner.run_until(shop.start + 3600)
    shop.values["candidate"] = 0.06
    await runner.run_until(shop.clock.now() + 10)
    assert shop.weight == 0


async def test_nothing_starts_without_data() -> None:
    shop = Shop()
    shop.answer = lambda _query, _now: Failed(FailedReason.REFUSED, "connection refused")
    runner = shop.rollout()
    await runner.run_until(shop.start + 120)
    assert shop.weights() == [0]
    assert shop.status.run is not None
    assert shop.status.run.waiting is not None
    assert shop.status.run.waiting.reason == "SourceUnavailable"


async def test_a_removed_step_holds_and_the_route_is_watched_all_the_same() -> None:
    shop, runner = await begun()
    runner.at(shop.start + 30, lambda: edit(shop, steps=[LONG[1]]))
    await runner.run_until(shop.start + 60)
    assert shop.status.run is not None
    assert shop.status.run.hold is not None
    assert (shop.status.run.hold.reason, shop.weight) == ("StepGone", 10)
    runner.at(shop.start + 70, lambda: shop.set_weight(1, 99))
    await runner.run_until(shop.start + 70)
    assert shop.weight == 10
    runner.at(shop.start + 80, lambda: edit(shop))
    await runner.run_until(shop.start + 110)
    assert shop.status.run is not None
    assert shop.status.run.hold is None


async def test_a_fraction_of_a_percent_stays_when_its_step_is_removed() -> None:
    tiny = [{"name": "tiny", "weight": "0.5", "duration": "1h"}, LONG[1]]
    shop = Shop()
    runner = shop.rollout(spec(steps=tiny))
    await runner.run_until(shop.start + 25)
    runner.at(shop.start + 30, lambda: edit(shop, steps=[LONG[1]]))
    await runner.run_until(shop.start + 60)
    assert shop.weight == 0.5


async def test_a_target_added_mid_run_is_set_under_the_raise_rule_and_remembered() -> None:
    shop = Shop()
    shop.cluster.add_route(SimulatedRoute("GRPCRoute", "checkout", [{"checkout": 3, "checkout-canary": 0}]))
    runner = shop.rollout(spec(steps=LONG))
    await runner.run_until(shop.start + 25)
    shop.cluster.deployments["checkout"].available = 0
    runner.at(shop.start + 30, lambda: edit(shop, traffic=BOTH))
    await runner.run_until(shop.start + 60)
    assert grpc(shop) == {"checkout": 3, "checkout-canary": 0}, "the baseline could not take a revert"
    shop.cluster.deployments["checkout"].available = None
    await runner.run_until(shop.start + 90)
    assert grpc(shop) == {"checkout": 90, "checkout-canary": 10}
    assert shop.status.run is not None
    assert shop.status.run.paused is None
    runner.at(shop.start + 100, lambda: shop.command(Action.ABORT))
    await runner.run_until(shop.start + 130)
    assert grpc(shop) == {"checkout": 3, "checkout-canary": 0}


async def test_a_revert_writes_every_target_whatever_one_of_them_answers() -> None:
    shop = Shop()
    shop.cluster.add_route(SimulatedRoute("GRPCRoute", "checkout", [{"checkout": 3, "checkout-canary": 0}]))
    runner = shop.rollout(spec(steps=LONG, traffic=BOTH))
    await runner.run_until(shop.start + 25)
    assert [write.route for write in shop.cluster.history[-2:]] == ["HTTPRoute/checkout", "GRPCRoute/checkout"]

    def abort() -> None:
        shop.cluster.routes.pop("HTTPRoute/checkout")
        shop.command(Action.ABORT)

    runner.at(shop.start + 30, abort)
    await runner.run_until(shop.start + 60)
    assert grpc(shop) == {"checkout": 3, "checkout-canary": 0}
    assert shop.outcome == "Aborted"


async def test_a_first_step_of_weight_zero_warms_up_without_traffic() -> None:
    warm = [{"name": "warm", "weight": 0, "duration": "60s", "thresholds": [{"metric": "errors", "max": "1%"}]}, *LONG]
    shop = Shop()
    shop.answer = lambda _query, _now: value(0.0) if shop.weight else Vector(())
    runner = shop.rollout(spec(steps=warm))
    await runner.run_until(shop.start + 59)
    assert shop.weights() == [0]
    await runner.run_until(shop.start + 90)
    assert shop.weight == 10


async def test_a_pause_by_the_spec_stops_progress_and_no_revert() -> None:
    shop, runner = await begun(steps=[{**LONG[0], "duration": "60s"}, LONG[1]])
    runner.at(shop.start + 30, lambda: edit(shop, steps=[{**LONG[0], "duration": "60s"}, LONG[1]], paused=True))
    await runner.run_until(shop.start + 3600)
    assert (shop.weight, shop.status.phase) == (10, "Paused")
    shop.values["candidate"] = 0.06
    await runner.run_until(shop.clock.now() + 10)
    assert shop.weight == 0


async def test_a_rollout_that_is_paused_before_its_first_run_starts_none() -> None:
    shop = Shop()
    runner = shop.rollout(spec(paused=True))
    await runner.run_until(shop.start + 600)
    assert (shop.status.run, shop.weights(), shop.cluster.rollouts["checkout"].finalizers) == (None, [0], ())


async def test_less_on_the_route_before_its_gateway_took_it_is_somebody_elses_wish_too() -> None:
    shop = Shop()
    shop.cluster.routes["HTTPRoute/checkout"].acceptance = Acceptance.PENDING
    runner = shop.rollout(spec(steps=LONG))
    await runner.run_until(shop.start + 25)
    assert shop.weight == 10
    runner.at(shop.start + 30, lambda: shop.set_weight(98, 2))
    await runner.run_until(shop.start + 300)
    assert shop.weight == 2
    assert shop.status.run is not None
    assert shop.status.run.paused is not None


async def test_a_higher_weight_that_waits_is_no_reason_to_raise_what_somebody_lowered() -> None:
    shop, runner = await begun()
    shop.cluster.deployments["checkout"].available = 0
    runner.at(shop.start + 30, lambda: edit(shop, steps=[{**LONG[0], "weight": 30}, LONG[1]]))
    runner.at(shop.start + 60, lambda: shop.set_weight(98, 2))
    await runner.run_until(shop.start + 90)
    shop.cluster.deployments["checkout"].available = None
    await runner.run_until(shop.start + 300)
    assert shop.weight == 2


@pytest.mark.parametrize("then", ["Hold", "Revert", "Warn"])
async def test_a_metric_has_its_own_answer_to_missing_data(then: str) -> None:
    metric = {
        "name": "errors",
        "query": "errors",
        "unit": "ratio",
        "window": "20s",
        "missingData": {"noData": {"after": "60s", "then": then}},
    }
    shop, runner = await begun(metrics=[metric])
    await runner.run_until(shop.start + 60)
    shop.answer = lambda _query, _now: Vector(())
    await runner.run_until(shop.start + 180)
    run = shop.status.run
    told = [event for event in shop.cluster.events if event[2] == "NoData"]
    assert (shop.weight == 0) == (then == "Revert")
    assert bool(run and run.hold) == (then == "Hold")
    assert len(told) == (0 if then == "Hold" else 1)


async def test_a_revert_goes_ahead_while_another_query_is_still_open() -> None:
    shop, runner = await slow(["slow"])
    shop.values["candidate"] = 0.06
    await asyncio.wait_for(runner.run_until(shop.clock.now() + 10, lambda: shop.weight == 0), 5)
    assert shop.weight == 0


async def test_a_command_interrupts_a_tick_whose_queries_hang() -> None:
    shop, runner = await slow(["errors", "slow"])
    interrupt = asyncio.Event()
    shop.clock.advance_to(shop.clock.now() + 10)
    tick = asyncio.ensure_future(runner.ticker.tick("shop", "checkout", interrupt))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not tick.done()
    shop.command(Action.ABORT)
    interrupt.set()
    await asyncio.wait_for(tick, 5)
    assert shop.weight == 0


class Hanging(ScriptedMetrics):
    """Some queries never come back."""

    hang: tuple[str, ...] = ()

    async def sample(self, query: Query, *, timeout: float, rollout: str) -> Answer:
        if query.metric in self.hang:
            await asyncio.Event().wait()
        return await super().sample(query, timeout=timeout, rollout=rollout)


async def slow(names: list[str]) -> tuple[Shop, Runner]:
    """A run at 10 % in which the metrics `names` hang from now on."""
    shop = Shop()
    metrics = Hanging(shop.cluster, shop.gate, shop.answers)
    shop.world = World(**{**vars(shop.world), "metrics": metrics})
    two = [{"name": name, "query": f"{name}", "unit": "ratio", "window": "20s"} for name in ("errors", "slow")]
    guards = [{"metric": name, "max": "5%"} for name in ("errors", "slow")]
    runner = shop.rollout(spec(metrics=two, guards=guards, steps=LONG))
    await runner.run_until(shop.start + 25)
    metrics.hang = tuple(names)
    return shop, runner


async def test_a_target_that_only_this_rollout_remembers_is_let_go_when_the_spec_names_another() -> None:
    shop, runner = await begun()
    runner.at(shop.start + 30, lambda: shop.command(Action.ABORT))
    await runner.run_until(shop.start + 60)
    shop.cluster.add_route(SimulatedRoute("HTTPRoute", "other", [{"checkout": 1, "checkout-canary": 0}]))
    runner.at(shop.start + 61, lambda: edit(shop, traffic=[{"kind": "HTTPRoute", "name": "other"}]))
    runner.at(shop.start + 70, lambda: shop.set_weight(50, 50))
    await runner.run_until(shop.start + 90)
    assert shop.weight == 50, "it is somebody else's now"


async def test_a_run_that_waits_for_its_first_raise_is_paused_by_the_spec_as_well() -> None:
    shop = Shop()
    shop.cluster.deployments["checkout-canary"].available = 0
    runner = shop.rollout(spec(steps=LONG))
    runner.at(shop.start + 30, lambda: edit(shop, paused=True))
    await runner.run_until(shop.start + 60)
    shop.cluster.deployments["checkout-canary"].available = None
    await runner.run_until(shop.start + 300)
    assert shop.weights() == [0]
    runner.at(shop.clock.now(), lambda: edit(shop))
    await runner.run_until(shop.clock.now() + 20)
    assert shop.weight == 10


async def test_of_two_active_runs_the_younger_raises_nothing() -> None:
    shop = Shop()
    shop.cluster.deployments["checkout-canary"].available = 0
    runner = shop.rollout(spec(steps=LONG))
    await runner.run_until(shop.start + 30)
    older = shop.cluster.add_rollout("older", spec(steps=LONG))
    shop.cluster.put_rollout(replace(older, created=0.0, status={"run": {"id": "1-abc"}}))
    shop.cluster.deployments["checkout-canary"].available = None
    await runner.run_until(shop.start + 300)
    assert shop.weights() == [0]
    assert shop.status.run is not None
    assert shop.status.run.waiting is not None
    assert shop.status.run.waiting.reason == "Claimed"
