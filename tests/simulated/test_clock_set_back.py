"""The operator's clock is set back by an hour in the middle: nothing waits for an hour, and nothing is written again and again."""

from __future__ import annotations

from typing import Final

import pytest

from tests.simulated.receiving import HOLDS, telling, told
from tests.simulated.scaled import BUSY, Scaled
from tests.simulated.shop import Shop, spec
from tests.simulated.test_promotion import settling, sick_baseline, stage
from tests.simulated.test_scale_to_zero import LONG, Sticky, started
from tidegate.core.model.answers import Query
from tidegate.core.model.world import Acceptance
from tidegate.ports.errors import Unavailable
from tidegate.simulation.runner import Runner

BACK: Final = -3600.0


async def at_ten_percent(**changes: object) -> tuple[Shop, Runner]:
    shop = Shop()
    runner = shop.rollout(spec(**{"steps": LONG, **changes}))
    await runner.run_until(shop.clock.now() + 20)
    assert shop.weight == 10
    return shop, runner


async def deleted(shop: Shop, runner: Runner, before: float) -> None:
    """Deletes the Rollout, and sets the clock back once so many seconds have passed."""
    runner.at(shop.clock.now(), lambda: shop.cluster.delete_rollout("checkout"))
    await runner.run_until(shop.clock.now() + before)
    assert "checkout" in shop.cluster.rollouts
    runner.leap(BACK)


@pytest.mark.parametrize("before", [0.5, 6.0])
async def test_a_deletion_does_not_wait_an_hour_for_a_scaling_that_is_refused(before: float) -> None:
    sticky = await started()
    sticky.fails("workloads.scale")
    await deleted(sticky.shop, sticky.runner, before)
    await sticky.passes(45)
    assert (sticky.cluster.rollouts, sticky.shop.weight) == ({}, 0)


async def refused(sticky: Sticky) -> int:
    """Times the scaling was tried in half a minute after the clock was set back."""
    sticky.fails("workloads.scale")
    await sticky.breaches()
    sticky.runner.leap(BACK)
    tried = sticky.shop.gate.calls.count("workloads.scale")
    await sticky.runner.run_until(sticky.shop.clock.now() + 30, lambda: sticky.runner.ticks > 500)
    return sticky.shop.gate.calls.count("workloads.scale") - tried


async def test_a_scaling_that_is_refused_is_tried_every_five_seconds() -> None:
    sticky = await started()
    assert 4 <= await refused(sticky) <= 8
    assert sticky.condition("Stalled") == "ScaleRefused"
    sticky.works_again()
    await sticky.passes(20)
    assert (sticky.shop.outcome, sticky.pods) == ("Reverted", 0)


async def test_a_gateway_that_does_not_take_the_revert_is_said() -> None:
    shop, runner = await at_ten_percent()
    shop.cluster.routes["HTTPRoute/checkout"].acceptance = Acceptance.PENDING
    shop.values["candidate"] = 0.2
    await runner.run_until(shop.clock.now() + 60, lambda: shop.weight == 0)
    runner.leap(BACK)
    await runner.run_until(shop.clock.now() + 15)
    assert [one.reason for one in shop.status.conditions if one.type == "Stalled"] == ["RevertNotAccepted"]


async def test_a_deletion_does_not_wait_an_hour_for_a_gateway() -> None:
    shop, runner = await at_ten_percent()
    shop.cluster.routes["HTTPRoute/checkout"].acceptance = Acceptance.PENDING
    await deleted(shop, runner, 1)
    await runner.run_until(shop.clock.now() + 45)
    assert (shop.cluster.rollouts, shop.weight) == ({}, 0)


async def test_a_deletion_does_not_wait_an_hour_for_the_job_of_a_hook() -> None:
    undo = {"name": "undo", "when": "Revert", "job": {"cronJob": "undo"}}
    shop, runner = await at_ten_percent(hooks=[undo])

    def before(call: str) -> None:
        if call == "jobs.start":
            raise Unavailable("jobs.start fails")

    shop.gate.before = before
    await deleted(shop, runner, 15)
    await runner.run_until(shop.clock.now() + 45)
    assert shop.cluster.rollouts == {}


async def test_no_window_shrinks_for_an_hour() -> None:
    asked: set[str] = set()
    metric = {"name": "errors", "query": "errors[$window]", "unit": "ratio", "window": "1m"}
    shop, runner = await at_ten_percent(metrics=[metric])
    await runner.run_until(shop.clock.now() + 600)

    def answer(query: Query, _now: float) -> None:
        if query.part == "value":
            asked.add(query.promql)

    shop.answer = answer  # type: ignore[assignment]
    runner.leap(BACK)
    await runner.run_until(shop.clock.now() + 60)
    assert asked == {"errors[60s]"}


async def test_a_limit_that_scales_does_so_after_its_cooldown() -> None:
    scaled = Scaled(guards=[BUSY], steps=LONG)
    await scaled.passes(20)
    scaled.shop.values["candidate"] = 0.02
    await scaled.passes(50)
    assert scaled.numbers == [3]
    scaled.runner.leap(BACK)
    await scaled.passes(90)
    assert scaled.numbers == [3, 5]


async def test_a_limit_that_runs_a_job_does_so_after_its_cooldown() -> None:
    job = {"cronJob": "undo", "cooldown": "2m"}
    shop, runner = await at_ten_percent(guards=[{"metric": "errors", "max": "1%", "onBreach": "RunJob", "job": job}])
    shop.values["candidate"] = 0.02
    await runner.run_until(shop.clock.now() + 80)
    assert [one.outcome for one in shop.status.jobs] == ["Succeeded"]
    runner.leap(BACK)
    await runner.run_until(shop.clock.now() + 110)
    assert shop.gate.calls.count("jobs.start") == 2


async def test_what_is_waited_for_too_long_is_said() -> None:
    shop = Shop()
    shop.cluster.deployments["checkout-canary"].available = 0
    runner = shop.rollout(spec(progressDeadline="2m"))
    await runner.run_until(shop.clock.now() + 30)
    runner.leap(BACK)
    await runner.run_until(shop.clock.now() + 140)
    assert any(one.type == "Stalled" for one in shop.status.conditions)


async def test_the_candidate_rests_after_its_delay() -> None:
    scaled = Scaled({"afterEnd": {"replicas": 0, "delay": "10m"}}, steps=LONG)
    await scaled.passes(20)
    scaled.shop.values["candidate"] = 0.2
    await scaled.until_the_end()
    scaled.runner.leap(BACK)
    await scaled.passes(700)
    assert scaled.numbers == [0]


async def test_a_hook_after_the_run_waits_no_hour_for_one_during_it_that_was_never_created() -> None:
    during = {"name": "smoke", "when": "StepStart", "job": {"cronJob": "smoke"}}
    undo = {"name": "undo", "when": "Revert", "job": {"cronJob": "undo"}}
    shop = Shop()
    runner = shop.rollout(spec(steps=LONG, hooks=[during, undo]))

    def before(call: str) -> None:
        if call == "jobs.start":
            raise Unavailable("jobs.start fails")

    shop.gate.before = before
    await runner.run_until(shop.clock.now() + 20)
    runner.leap(BACK)
    shop.values["candidate"] = 0.2
    await runner.run_until(shop.clock.now() + 60, lambda: shop.outcome != "")
    shop.gate.before = lambda _call: None
    await runner.run_until(shop.clock.now() + 120)
    undone = next(one for one in shop.status.jobs if one.key == "undo")
    assert undone.uid, undone


async def test_who_lowers_the_candidate_after_a_promotion_that_breached_is_not_overruled() -> None:
    shop, runner = await settling(interval="2s")
    sick_baseline(shop)
    await runner.run_until(shop.clock.now() + 10, lambda: shop.weight == 50)
    runner.leap(BACK)
    await runner.run_until(shop.clock.now() + 30)
    assert (stage(shop), shop.weight) == ("SentBack", 50)
    runner.at(shop.clock.now(), lambda: shop.set_weight(80, 20))
    await runner.run_until(shop.clock.now() + 60)
    assert shop.weight == 20


async def test_a_shared_incident_excuses_a_candidate_that_is_still_ill_for_no_hour() -> None:
    shop, runner = await at_ten_percent()
    shop.values = {"candidate": 0.3, "baseline": 0.29}
    await runner.run_until(shop.clock.now() + 60)
    assert shop.status.run is not None
    assert shop.status.run.hold is not None
    assert shop.status.run.hold.reason == "SharedIncident"
    shop.values["baseline"] = 0.0
    runner.leap(BACK)
    await runner.run_until(shop.clock.now() + 60)
    assert shop.weight == 0


async def test_what_is_so_again_is_told_again_after_a_minute() -> None:
    shop = Shop()
    runner = shop.rollout(telling("Held", steps=LONG, guards=HOLDS))
    for ill in (0.2, 0.0, 0.2):
        shop.values["candidate"] = ill
        await runner.run_until(shop.clock.now() + 40)
        if ill == 0.0:
            runner.leap(BACK)
    await runner.run_until(shop.clock.now() + 90)
    assert told(shop) == ["Held", "-Held", "Held"]
