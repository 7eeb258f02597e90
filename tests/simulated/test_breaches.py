"""What breaches do, and what is no breach."""

from __future__ import annotations

import math

from tests.simulated.breaching import LONG, started
from tests.simulated.cohorts import Cohorts
from tests.simulated.shop import Shop, spec, value
from tidegate.api.status_budget import MOST_CLOCKS
from tidegate.core.model.answers import Answer, Query, SeriesValue, Vector
from tidegate.core.model.world import ArmName
from tidegate.ports.errors import Unavailable


async def test_a_breach_that_lasts_less_than_its_for_does_not_revert() -> None:
    shop = Shop()
    runner = await started(shop, guards=[{"metric": "errors", "max": "5%", "for": "15m"}], steps=LONG)
    shop.values["candidate"] = 0.06
    await runner.run_until(shop.clock.now() + 14 * 60)
    assert shop.status.guards[0].state == "Pending"
    shop.values["candidate"] = 0.0
    await runner.run_until(shop.start + 2 * 3600, lambda: shop.outcome != "")
    assert shop.outcome == "Succeeded"


async def test_a_breach_that_lasts_its_for_reverts() -> None:
    shop = Shop()
    runner = await started(shop, guards=[{"metric": "errors", "max": "5%", "for": "15m"}], steps=LONG)
    shop.values["candidate"] = 0.06
    bad = shop.clock.now()
    await runner.run_until(bad + 3600, lambda: shop.outcome != "")
    assert shop.outcome == "Reverted"
    assert 15 * 60 <= shop.cluster.history[-1].time - bad <= 15 * 60 + 10
    assert "above max 5%" in shop.status.history[0].message
    assert "since" in shop.status.history[0].message


async def test_a_revert_is_recorded_with_its_decision_and_with_its_conclusion_and_not_between() -> None:
    shop = Shop()
    runner = await started(shop, steps=LONG)
    await runner.run_until(shop.clock.now() + 60)
    before = shop.gate.calls.count("store.write_status")
    shop.values["candidate"] = 0.5
    await runner.run_until(shop.clock.now() + 60, lambda: shop.outcome != "")
    assert shop.outcome == "Reverted"
    assert shop.gate.calls.count("store.write_status") - before == 2, "each costs the API server of a crowd 20 ms"
    assert shop.status.weight is not None
    assert shop.status.weight.observed == 0


async def test_a_revert_of_cohorts_is_recorded_as_often() -> None:
    shop = Cohorts()
    runner = shop.start_run(guards=[{"metric": "errors", "max": "5%"}])
    await runner.run_until(shop.start + 60, lambda: shop.shares[1] == 100)
    await runner.run_until(shop.clock.now() + 10)
    before = shop.gate.calls.count("store.write_status")
    shop.sick.add("errors")
    await runner.run_until(shop.clock.now() + 60, lambda: shop.outcome != "")
    assert shop.outcome == "Reverted"
    assert shop.gate.calls.count("store.write_status") - before == 2
    assert {one.observed for one in shop.status.cohorts or ()} == {0}


async def test_a_weight_that_somebody_changes_while_a_revert_waits_for_pods_is_recorded() -> None:
    shop = Shop()
    runner = await started(shop, steps=LONG)
    shop.cluster.deployments["checkout"].available = 0
    shop.values["candidate"] = 0.5
    await runner.run_until(shop.clock.now() + 30)
    assert [one.status for one in shop.status.conditions if one.type == "Stalled"] == ["True"]
    shop.set_weight(95, 5)
    await runner.run_until(shop.clock.now() + 30)
    assert shop.status.weight is not None
    assert (shop.weight, shop.status.weight.observed) == (5, 5)


async def test_the_weight_of_an_end_that_cannot_be_read_back_is_not_shown_as_it_was_before() -> None:
    shop = Shop()
    runner = await started(shop, steps=LONG)
    await runner.run_until(shop.clock.now() + 30)

    def unread(call: str) -> None:
        if call == "router.read" and shop.weight == 0:
            raise Unavailable("no answer in time")

    shop.gate.before = unread
    shop.values["candidate"] = 0.5
    await runner.run_until(shop.clock.now() + 90)
    assert (shop.weight, str(shop.status.phase)) == (0, "Reverting")
    assert shop.status.weight is not None
    assert shop.status.weight.observed is None


async def test_another_limit_under_the_same_name_starts_its_clock_anew() -> None:
    shop = Shop()

    def guards(limit: str) -> list[dict[str, str]]:
        return [{"name": "errors", "metric": "errors", "max": limit, "for": "15m"}]

    runner = await started(shop, guards=guards("5%"), steps=LONG)
    shop.values["candidate"] = 0.06
    await runner.run_until(shop.clock.now() + 10 * 60)
    shop.cluster.edit_rollout("checkout", spec(guards=guards("5.5%"), steps=LONG))
    edited = shop.clock.now()
    await runner.run_until(edited + 1200, lambda: shop.weight == 0)
    assert 890 <= shop.clock.now() - edited <= 930


async def test_a_series_that_is_gone_for_a_while_keeps_its_clock_though_the_others_are_good() -> None:
    shop = Shop()
    runner = await started(shop, guards=[{"metric": "errors", "max": "5%", "for": "2m"}], steps=LONG)
    values = {"eu": 0.06, "us": 0.0}
    shop.answer = lambda query, _now: Vector(
        tuple(
            SeriesValue((("segment", name),), number if query.arm is ArmName.CANDIDATE else 0.0)
            for name, number in values.items()
        )
    )
    bad = shop.clock.now()
    await runner.run_until(bad + 90)
    del values["eu"]
    await runner.run_until(bad + 120)
    values["eu"] = 0.06
    await runner.run_until(bad + 600, lambda: shop.weight == 0)
    assert 130 <= shop.clock.now() - bad <= 170


async def test_at_weight_100_a_relative_limit_asks_nothing_of_the_baseline() -> None:
    shop = Shop()
    asked = set()

    def answer(query: Query, _now: float) -> None:
        if query.part != "probe":
            asked.add(query.arm)

    shop.answer = answer
    steps = [{"name": "all", "weight": 100, "duration": "1h"}]
    runner = shop.rollout(
        spec(
            guards=[{"metric": "errors", "max": "5%"}, {"metric": "errors", "maxIncrease": "1%", "floor": "0%"}],
            steps=steps,
        )
    )
    await runner.run_until(shop.start + 60)
    assert asked == {ArmName.CANDIDATE}


async def test_slower_together_with_the_baseline_is_no_breach() -> None:
    shop = Shop()
    runner = await started(shop, guards=[{"metric": "errors", "maxIncrease": "20%", "floor": "0%"}], steps=LONG)
    shop.values.update(candidate=0.25, baseline=0.24)
    await runner.run_until(shop.clock.now() + 600)
    assert shop.outcome == ""
    shop.values.update(candidate=0.30)
    await runner.run_until(shop.clock.now() + 60, lambda: shop.outcome != "")
    assert shop.outcome == "Reverted"
    assert "baseline 24%" in shop.status.history[0].message


async def test_the_second_of_two_series_reverts() -> None:
    shop = Shop()
    runner = await started(shop, steps=LONG)
    bad = Vector((SeriesValue((("segment", "a"),), 0.0), SeriesValue((("segment", "b"),), 0.5)))
    shop.answer = lambda query, _now: bad if query.arm is ArmName.CANDIDATE else value(0.0)
    await runner.run_until(shop.clock.now() + 11)
    assert shop.weight == 0
    assert shop.outcome == "Reverted"
    assert 'segment="b"' in shop.status.history[0].message


async def test_infinity_breaches_and_nan_does_not() -> None:
    shop = Shop()
    runner = await started(shop, steps=LONG)
    shop.answer = lambda _query, _now: value(math.nan)
    await runner.run_until(shop.clock.now() + 60)
    assert shop.weight == 10
    assert shop.status.guards[0].state == "TooFewRequests"
    assert shop.status.guards[0].message.startswith("errors of the candidate was not observed")
    assert shop.status.missing_data == ()
    shop.answer = lambda query, _now: value(math.inf if query.arm is ArmName.CANDIDATE else 0.0)
    await runner.run_until(shop.clock.now() + 10)
    assert shop.weight == 0


async def test_a_hold_waits_until_all_is_well_and_restarts_the_duration() -> None:
    shop = Shop()
    hold = {"metric": "errors", "max": "2%", "onBreach": "Hold", "afterHold": "Restart"}
    runner = await started(shop, guards=[hold], steps=[{"name": "canary", "weight": 10, "duration": "60s"}])
    await runner.run_until(shop.start + 45)
    shop.values["candidate"] = 0.03
    await runner.run_until(shop.start + 600)
    assert shop.status.run is not None
    assert shop.status.run.hold is not None
    shop.values["candidate"] = 0.0
    good = shop.clock.now()
    await runner.run_until(good + 50)
    assert shop.outcome == ""
    assert not shop.status.step.passed
    await runner.run_until(good + 300, lambda: shop.outcome != "")
    assert shop.outcome == "Succeeded"


async def test_a_warning_is_told_once_and_changes_nothing() -> None:
    shop = Shop()
    runner = await started(shop, guards=[{"metric": "errors", "max": "2%", "onBreach": "Warn"}])
    shop.values["candidate"] = 0.009
    await runner.run_until(shop.start + 16)
    shop.values["candidate"] = 0.03
    await runner.run_until(shop.start + 600, lambda: shop.outcome != "")
    told = [event for event in shop.cluster.events if event[2] == "LimitBreached"]
    assert len(told) == 1


async def test_a_failed_checkpoint_reverts_though_no_guard_is_breached() -> None:
    shop = Shop()
    runner = await started(shop)
    shop.values["candidate"] = 0.02
    await runner.run_until(shop.start + 600, lambda: shop.outcome != "")
    assert shop.outcome == "Reverted"
    assert shop.status.checkpoints[0].verdict == "Breach"
    assert shop.status.checkpoints[0].findings[0].value == "2%"


async def test_relative_limits_ask_both_arms() -> None:
    shop = Shop()
    runner = await started(shop, guards=[{"metric": "errors", "maxIncrease": "20%", "floor": "0%"}])
    await runner.run_until(shop.start + 25)
    arms = {query.arm for query in shop.world.metrics.asked if query.metric == "errors"}
    assert arms == {ArmName.BASELINE, ArmName.CANDIDATE}


async def test_a_checkpoint_says_what_its_counts_can_and_cannot_show() -> None:
    """No error in 380 requests does not show that there are fewer than one in a hundred."""
    shop = Shop()
    shop.answer = lambda query, _now: value({"total": 380.0, "bad": 0.0}.get(query.part, 0.0))
    ratio = {"name": "errors", "ratio": {"bad": "bad_total", "total": "all_total"}, "window": "20s"}
    runner = await started(shop, metrics=[ratio])
    await runner.run_until(shop.start + 60)
    finding = shop.status.checkpoints[0].findings[0]
    assert finding.counts == "0 of 380"
    assert finding.possible.startswith("0% to 1.")


async def test_what_prometheus_warns_of_is_told_with_the_finding() -> None:
    shop = Shop()
    runner = await started(shop, steps=LONG)
    warned = Vector((SeriesValue((), 0.5),), ("PromQL warning: bucket counts are not monotonic",))
    shop.answer = lambda query, _now: warned if query.arm is ArmName.CANDIDATE else value(0.0)
    await runner.run_until(shop.clock.now() + 11)
    assert "(Prometheus: PromQL warning: bucket counts are not monotonic)" in shop.status.history[0].message


async def test_a_hold_at_weight_0_ends_once_its_cause_is_gone() -> None:
    """Nothing is asked there, so no line will ever say that it is well."""
    shop, steps = Shop(), [{"name": "canary", "weight": 10, "duration": "30s"}]
    first, other = (spec(steps=[{"name": name, "weight": 0, "duration": "5m"}, *steps]) for name in ("warm", "another"))
    runner = shop.rollout(first)
    await runner.run_until(shop.start + 60)
    shop.cluster.edit_rollout("checkout", other)
    await runner.run_until(shop.start + 120)
    assert shop.status.run is not None
    assert shop.status.run.hold is not None
    shop.cluster.edit_rollout("checkout", first)
    await runner.run_until(shop.start + 1200, lambda: shop.outcome != "")
    assert shop.outcome == "Succeeded"


async def test_many_guards_share_the_room_for_clocks_and_miss_no_breach_that_lasts() -> None:
    shop = Shop()

    def answer(query: Query, now: float) -> Answer | None:
        if query.part == "probe":
            return None
        flapping = [f"a{number}" for number in range(40) if (int(now / 10) * 7 + number) % 3 == 0]
        names = [*((name, 0.1) for name in flapping), ("steady", 0.2)]
        return Vector(tuple(SeriesValue((("pod", name),), number) for name, number in names))

    shop.answer = answer
    guards = [
        {"name": f"g{number}", "metric": "errors", "max": "5%", "for": "15m", "onBreach": "Warn"}
        for number in range(15)
    ]
    revert = {"name": "z", "metric": "errors", "max": "5%", "for": "15m", "onSharedIncident": "Revert"}
    runner = shop.rollout(spec(guards=[*guards, revert], steps=[{"name": "canary", "weight": 10, "duration": "6h"}]))
    await runner.run_until(shop.start + 600)
    assert sum(len(one.clocks) for one in shop.status.guards) <= MOST_CLOCKS
    await runner.run_until(shop.start + 1000, lambda: shop.weight == 0 and bool(shop.outcome))
    assert shop.outcome == "Reverted"
