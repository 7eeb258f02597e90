"""Watched time: absences, leaps of the clock, windows, deadlines."""

from __future__ import annotations

import re

from tests.simulated.shop import Shop, spec, value
from tidegate.core.model.answers import Answer, Query, Vector
from tidegate.simulation.runner import Runner

LONG = [
    {"name": "canary", "weight": 10, "duration": "10m", "thresholds": [{"metric": "errors", "max": "1%"}]},
    {"name": "half", "weight": 50, "duration": "10m"},
]


async def begun(**changes: object) -> tuple[Shop, Runner]:
    shop = Shop()
    runner = shop.rollout(spec(**{"steps": LONG, **changes}))
    await runner.run_until(shop.start + 25)
    assert shop.weight == 10
    return shop, runner


def watched(shop: Shop) -> float:
    assert shop.status.step is not None
    return shop.status.step.watched


async def test_a_restart_longer_than_the_step_passes_nothing() -> None:
    shop, runner = await begun()
    runner.stop()
    await runner.run_until(shop.start + 3600)
    runner.restart()
    await runner.run_until(shop.clock.now() + 500)
    assert shop.weight == 10
    await runner.run_until(shop.clock.now() + 200)
    assert shop.weight == 50


async def test_a_machine_that_stood_still_counts_two_intervals_and_no_more() -> None:
    shop, runner = await begun()
    runner.due = shop.clock.now() + 3600
    await runner.run_until(runner.due + 500)
    assert shop.weight == 10


async def test_an_absence_completes_no_for() -> None:
    shop, runner = await begun(guards=[{"metric": "errors", "max": "5%", "for": "5m"}])
    shop.values["candidate"] = 0.06
    await runner.run_until(shop.start + 60)
    assert shop.status.guards[0].state == "Pending"
    runner.stop()
    await runner.run_until(shop.start + 3600)
    runner.restart()
    await runner.run_until(shop.clock.now() + 60)
    assert shop.weight == 10
    await runner.run_until(shop.clock.now() + 300)
    assert shop.weight == 0


async def test_a_leap_forward_passes_nothing() -> None:
    shop, runner = await begun()
    runner.leap(7200)
    await runner.run_until(shop.clock.now() + 500)
    assert shop.weight == 10


async def test_a_leap_back_neither_stops_the_judging_nor_the_watching() -> None:
    shop, runner = await begun()
    runner.leap(-7200)
    await runner.run_until(shop.clock.now() + 300)
    assert shop.weight == 10
    await runner.run_until(shop.clock.now() + 320)
    assert shop.weight == 50
    shop.values["candidate"] = 0.06
    bad = shop.clock.now()
    await runner.run_until(bad + 600, lambda: shop.weight == 0)
    assert shop.clock.now() - bad <= 10


async def test_after_an_absence_a_full_window_is_watched_before_the_final_verdict() -> None:
    metric = {"name": "errors", "query": 'errors{deployment="$workload"}', "unit": "ratio", "window": "5m"}
    shop, runner = await begun(metrics=[metric])
    await runner.run_until(shop.start + 590)
    runner.due = shop.clock.now() + 100
    back = runner.due
    await runner.run_until(back + 3600, lambda: shop.weight == 50)
    assert shop.clock.now() - back >= 300


async def test_the_window_never_reaches_back_before_the_candidate_had_traffic() -> None:
    shop = Shop()
    metric = {"name": "errors", "query": "errors[$window]", "unit": "ratio", "window": "2m"}
    seen: list[tuple[float, float]] = []

    def answer(query: Query, now: float) -> Answer:
        found = re.search(r"\[(\d+)(ms|s)\]", query.promql)
        if found and query.part == "value" and len(shop.cluster.history) > 1:
            asked = float(found[1]) / (1000 if found[2] == "ms" else 1)
            seen.append((asked, now - shop.cluster.history[1].time))
        return value(0.0)

    shop.answer = answer
    runner = shop.rollout(spec(metrics=[metric], steps=LONG))
    await runner.run_until(shop.start + 300)
    late = [(asked, since) for asked, since in seen if asked > max(since, 5.0) + 0.001]
    assert late == []
    assert max(asked for asked, _ in seen) == 120


async def test_the_first_seconds_after_a_raise_have_no_missing_data() -> None:
    shop, runner = await begun(
        missingData={"noData": {"after": "20s", "then": "Revert"}},
        metrics=[{"name": "errors", "query": "errors", "unit": "ratio", "window": "60s"}],
    )
    shop.answer = lambda _query, _now: Vector(())
    await runner.run_until(shop.clock.now() + 40)
    assert shop.status.missing_data == ()
    assert shop.weight == 10
    await runner.run_until(shop.start + 75 + 60)
    assert shop.weight == 0


async def test_what_is_waited_for_too_long_is_said_and_work_goes_on() -> None:
    shop = Shop()
    shop.cluster.deployments["checkout-canary"].available = 0
    runner = shop.rollout(spec(progressDeadline="5m"))
    await runner.run_until(shop.start + 299)
    assert all(one.type != "Stalled" for one in shop.status.conditions)
    await runner.run_until(shop.start + 310)
    assert next(one for one in shop.status.conditions if one.type == "Stalled").reason == "CandidateNotReady"
    shop.cluster.deployments["checkout-canary"].available = None
    await runner.run_until(shop.start + 900, lambda: shop.outcome != "")
    assert shop.outcome == "Succeeded"


async def test_after_a_restart_nothing_is_recorded_for_instants_that_have_moved_until_the_recorded_one_has_passed() -> (
    None
):
    shop = Shop()
    runner = shop.rollout(spec(steps=[{"name": "canary", "weight": 10, "duration": "4m"}], guards=[]))
    await runner.run_until(shop.start + 100)
    recorded, before = shop.status.next_check_time, shop.gate.calls.count("store.write_status")
    assert recorded is not None
    runner.stop()
    await runner.run_until(shop.clock.now() + 60)
    runner.restart()
    await runner.run_until(shop.clock.now() + 30)
    assert shop.gate.calls.count("store.write_status") == before, "a thousand runs would be a thousand records at once"
    while shop.weight == 10:
        await runner.run_until(shop.clock.now() + 10, lambda: shop.weight != 10)
        due = shop.status.next_check_time
        assert due is None or due.timestamp() >= shop.clock.now() - 20, "what people see does not stay in the past"
    assert shop.clock.now() >= shop.start + 390, "what was watched before the restart was recorded when the step began"
