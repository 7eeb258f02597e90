"""`onBreach: StepBack` while calls fail, hang or are refused, processes are killed, and other clients write the route."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulated.shop import Shop, spec, trouble
from tests.simulated.stepping_back import SICK, STEPS, at_half, does, fails, limit, passes, paused_of
from tidegate.api.commands import Action
from tidegate.ports.errors import PortError, Rejected, Unavailable

KEY = ("shop", "checkout")


@pytest.mark.parametrize("written", ["guard", "threshold"])
@pytest.mark.parametrize("call", ["store.write_status", "announcer.announce", "router.read", "workloads.arm"])
@pytest.mark.parametrize("how", ["fails", "hangs"])
async def test_nothing_delays_it(call: str, how: str, written: str) -> None:
    goal = {"step": "canary"}
    canary, ramp, most = STEPS
    if written == "guard":
        shop, runner = await at_half(goal)
    else:
        ramp = {**ramp, "checkpoints": [{"every": "5s"}], "thresholds": [limit(goal)]}
        shop, runner = await at_half(goal, guards=[], steps=[canary, ramp, most])
    shop.values["candidate"], since = SICK, shop.clock.now()

    trouble(shop.gate, call, how)
    await runner.run_until(since + 12)
    assert shop.weight == 10
    assert shop.cluster.history[-1].time - since < 11


@pytest.mark.parametrize("error", [Unavailable, Rejected])
@pytest.mark.parametrize("goal", [{"step": "canary"}, {"weight": 5}, {"weight": 0}])
async def test_a_route_that_is_not_written_is_tried_again_within_seconds_and_nobody_is_blamed(
    error: type[PortError], goal: dict[str, Any]
) -> None:
    shop, runner = await at_half(goal)

    def refuse(name: str) -> None:
        if name == "router.write":
            raise error("denied by policy")

    shop.gate.before = refuse
    shop.values["candidate"] = SICK
    await passes(shop, runner, 60)
    assert runner.ticker.reverting(KEY)
    stalled = next(one for one in shop.status.conditions if one.type == "Stalled")
    assert (stalled.reason, stalled.message) == (
        "RevertRefused",
        "the weights could not be restored: denied by policy",
    )
    shop.gate.before = lambda _name: None
    await passes(shop, runner, 2)
    assert shop.weight == {"canary": 10}.get(goal.get("step", ""), goal.get("weight"))
    await passes(shop, runner, 60)
    assert not [one for one in shop.status.conditions if one.type == "Stalled"]
    told = [reason for _, _, reason, _ in shop.cluster.events]
    assert not {"WeightCorrected", "RouteContested"} & set(told)
    assert told.count("SteppedBack") == 1


async def test_after_a_crash_before_the_route_is_written_it_is_written_first() -> None:
    shop, runner = await at_half({"weight": 5})

    def crash(name: str) -> None:
        if name == "router.write":
            raise Unavailable(name)

    shop.gate.before = crash
    shop.values["candidate"] = SICK
    await passes(shop, runner, 11)
    assert shop.weight == 50
    runner.restart()
    shop.gate.before = lambda _name: None
    await passes(shop, runner, 1)
    assert shop.weight == 5
    assert "WeightCorrected" not in [reason for _, _, reason, _ in shop.cluster.events]


async def test_what_somebody_lowered_further_stays_there_until_a_person_resumes() -> None:
    gate = {"approvals": [{"name": "finance"}]}
    steps = [STEPS[0], {**STEPS[1], "gate": gate}]
    shop = Shop()
    runner = shop.rollout(spec(steps=steps, guards=[limit({"weight": 5})]))

    await passes(shop, runner, 60)
    await does(shop, runner, Action.APPROVE, 30, step="ramp", approval="finance")
    assert shop.weight == 50
    await fails(shop, runner)
    shop.values["candidate"] = 0.0
    await passes(shop, runner, 60)
    await does(shop, runner, Action.RESUME, 30)
    runner.at(shop.clock.now(), lambda: shop.set_weight(99, 1))
    await passes(shop, runner, 30)
    assert paused_of(shop).reason == "LoweredByOther"
    await does(shop, runner, Action.APPROVE, 30, step="ramp", approval="finance")
    assert shop.weight == 1, "the gate is open, and a person has lowered it"
    await does(shop, runner, Action.RESUME, 30)
    assert shop.weight == 50


async def test_what_somebody_raises_while_it_is_paused_is_put_back_and_told() -> None:
    shop, runner = await at_half({"weight": 5})
    await fails(shop, runner)
    await passes(shop, runner, 60)
    runner.at(shop.clock.now(), lambda: shop.set_weight(70, 30))
    await passes(shop, runner, 2)
    assert shop.weight == 5
    assert "WeightCorrected" in [reason for _, _, reason, _ in shop.cluster.events]


class Killed(BaseException):
    """Ends the process where it is raised."""


@pytest.mark.parametrize("place", range(1, 14))
@pytest.mark.parametrize("mode", ["before", "after"])
async def test_killed_at_any_write_the_weights_the_pods_and_the_jobs_come_to_the_same(mode: str, place: int) -> None:
    gate = {"jobs": [{"cronJob": "smoke"}]}
    canary, ramp, most = STEPS
    steps = [canary, {**ramp, "duration": "30s", "gate": gate}, {**most, "duration": "30s"}]
    candidate = {"deployment": "checkout-canary", "service": "checkout-canary", "scaling": {"mode": "MatchWeight"}}
    shop = Shop()
    shop.cluster.deployments["checkout"].replicas = 10
    runner = shop.rollout(spec(steps=steps, guards=[limit({"weight": 5})], candidate=candidate))
    await runner.run_until(shop.start + 600, lambda: shop.weight == 50)
    await passes(shop, runner, 5)
    left = place

    def kill(name: str) -> None:
        nonlocal left
        left -= name.startswith(("store.write", "router.write", "workloads.scale", "jobs.start"))
        if left == 0:
            left = -1
            raise Killed

    setattr(shop.gate, mode, kill)
    begin = shop.clock.now()
    shop.values["candidate"] = SICK
    runner.at(begin + 30, lambda: shop.values.update(candidate=0.0))
    runner.at(begin + 60, lambda: shop.command(Action.RESUME))
    while not shop.outcome and shop.clock.now() < begin + 3600:
        try:
            await runner.run_until(begin + 3600, lambda: bool(shop.outcome))
        except Killed:
            runner.restart()
    assert left < 0
    assert (shop.outcome, shop.weights()) == ("Succeeded", [0, 10, 50, 5, 50, 80, 0])
    assert [one.cron_job for one in shop.cluster.created_jobs] == ["smoke", "smoke"]
    assert shop.cluster.deployments["checkout-canary"].replicas == 8
