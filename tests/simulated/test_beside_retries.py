"""What else goes on while a lower weight is refused and tried again beside open queries: nothing of it is lost, late, or done twice."""

from __future__ import annotations

import pytest

from tests.simulated.shop import Shop, spec, value
from tests.simulated.stepping_back import STEPS
from tests.simulated.test_own_evaluation import METRICS, SLOW, first_at_zero
from tests.simulated.test_promotion import settling, sick_baseline, stage
from tests.simulated.test_refused_lowering import HANGS, REFUSED, SHARED, STORIES, refuse
from tests.simulated.test_refused_lowering import SLOW as HANGING
from tests.simulated.test_urgent_writes import INTERVAL, at_half, breaches
from tidegate.api.commands import Action
from tidegate.core.model.answers import Answer, Query, Vector
from tidegate.ports.errors import Conflict, Rejected
from tidegate.simulation.runner import Runner


def told(shop: Shop, since: float = 0.0) -> list[str]:
    return [reason for time, _, reason, _ in shop.cluster.events if time >= since]


def ending(shop: Shop) -> bool:
    return shop.status.run is None or shop.status.run.ending is not None


async def next_evaluation(shop: Shop, runner: Runner) -> float:
    """Lets the run be evaluated once more; when the next evaluation is due."""
    asked = shop.world.metrics.asked  # type: ignore[attr-defined]
    before = len(asked)
    await runner.run_until(shop.clock.now() + 40, lambda: len(asked) > before)
    return runner.due


@pytest.mark.parametrize("story", ["step_back", "cohort", "way_back"])
async def test_it_is_tried_again_with_a_pause_also_while_reads_are_slow(story: str) -> None:
    shop, runner, begin = await STORIES[story]("30s")
    takes = {"metrics.sample latency": HANGS, "router.read": 0.5, "router.write": 0.05, "store.write_status": 0.02}
    shop.gate.takes = lambda call: takes.get(call, 0.0)
    shop.gate.streams_away = True
    tries = refuse(shop, Rejected("change freeze"))
    began = shop.clock.now()
    runner.at(began + 1.0, begin)
    await runner.run_until(began + 30.0 + REFUSED)
    assert REFUSED / 2 <= len(tries) <= 2 * REFUSED


@pytest.mark.parametrize("hangs", [0.0, HANGS])
async def test_a_new_version_ends_a_run_whose_step_back_is_refused(hangs: float) -> None:
    shop, runner, begin = await STORIES["step_back"]("10s")
    shop.gate.takes = lambda call: hangs if call == "metrics.sample latency" else 0.0
    tries = refuse(shop, Rejected("change freeze"))
    begin()
    await runner.run_until(shop.clock.now() + 15.0, lambda: len(tries) > 1)
    changed = shop.clock.now() + 0.5
    runner.at(changed, lambda: shop.cluster.set_image("checkout-canary", "shop:v3"))
    await runner.run_until(changed + 60.0, lambda: ending(shop))
    assert ending(shop)
    assert shop.clock.now() - changed <= 1.5


async def test_one_answer_without_data_is_counted_once_however_often_the_write_is_tried() -> None:
    third = {**METRICS[0], "name": "third", "query": 'third{deployment="$workload"}'}
    missing = {"noData": {"after": "30s", "then": "Hold"}}
    shop = Shop()
    guards = [HANGING, {"metric": "third", "max": "50%"}]
    runner = shop.rollout(
        spec(interval="30s", metrics=[*METRICS, third], steps=STEPS, guards=guards, missingData=missing)
    )
    await runner.run_until(shop.start + 300, lambda: shop.weight == 50)
    following = await next_evaluation(shop, runner)

    def answer(query: Query, _now: float) -> Answer:
        return Vector(()) if query.metric == "third" else value(0.0)

    shop.answer = answer
    runner.at(following + 0.5, lambda: shop.set_weight(10, 90))
    shop.gate.takes = lambda call: HANGS if call == "metrics.sample latency" else 0.0
    tries = refuse(shop, Rejected("change freeze"))
    await runner.run_until(following + 20.0)
    assert len(tries) > 5
    counted = {one.metric: one.answers for one in shop.status.missing_data}
    assert counted["third"] == 1
    await runner.run_until(following + 50.0)
    counted = {one.metric: one.answers for one in shop.status.missing_data}
    assert counted["third"] == 2


async def test_a_step_back_that_was_refused_is_no_correction_after_a_resume() -> None:
    shop, runner, begin = await STORIES["step_back"]("10s")
    tries = refuse(shop, Rejected("change freeze"))
    begin()
    await runner.run_until(shop.clock.now() + 15.0, lambda: len(tries) > 1)
    since = shop.clock.now()
    shop.answer = None
    runner.at(since + 0.5, lambda: shop.command(Action.RESUME))
    await runner.run_until(since + 3.0)
    shop.gate.before = lambda _call: None
    await runner.run_until(since + 30.0)
    assert 10 in shop.weights()[-2:]
    assert "Resumed" in told(shop, since)
    assert "WeightCorrected" not in told(shop, since)


async def test_an_edit_that_is_seen_with_an_excess_acts_as_soon_as_that_is_corrected() -> None:
    shop, runner, _ = await STORIES["step_back"]("30s")
    shop.gate.takes = lambda call: HANGS if call == "metrics.sample latency" else 0.0
    following = await next_evaluation(shop, runner)
    lower = [STEPS[0], {**STEPS[1], "weight": 30}, *STEPS[2:]]

    def change() -> None:
        shop.set_weight(10, 90)
        shop.cluster.edit_rollout("checkout", {**shop.cluster.rollouts["checkout"].spec, "steps": lower})

    runner.at(following + 1.0, change)
    await runner.run_until(following + 20.0, lambda: shop.weight == 30)
    assert shop.weight == 30
    assert shop.cluster.history[-1].time - following <= 1.5


async def test_a_hold_that_is_called_beside_a_correction_is_announced_once() -> None:
    shop, runner = await at_half(guards=[{"metric": "errors", "max": "5%", "onBreach": "Hold"}])
    since = shop.clock.now()
    breaches(shop, "errors", since + 0.5)
    shop.gate.takes = lambda call: 4.0 if call == "router.write" else 0.0
    runner.at(since, lambda: shop.set_weight(10, 90))
    await runner.run_until(since + 30.0)
    assert shop.status.run is not None
    assert shop.status.run.hold is not None
    assert told(shop, since).count("Holding") == 1


async def test_a_refusal_whose_record_hangs_delays_no_answer() -> None:
    shop, runner = await at_half(guards=[{"metric": "latency", "max": "50%"}])
    since = shop.clock.now()
    breaches(shop, "latency", since + 1.0)

    def refused(call: str) -> None:
        if call == "router.write" and shop.clock.now() < since + 1.0:
            raise Rejected("change freeze")

    shop.gate.before = refused
    shop.gate.takes = lambda call: SLOW if call == "store.write_status" else 0.0
    runner.at(since, lambda: shop.set_weight(10, 90))
    await runner.run_until(since + 30.0, lambda: shop.weight == 0)
    late = first_at_zero(shop, since + 1.0)
    assert late is not None
    assert late <= INTERVAL + 1.0


async def test_a_look_after_a_conflict_that_hangs_delays_no_answer() -> None:
    shop, runner = await at_half(guards=[{"metric": "latency", "max": "50%"}])
    since = shop.clock.now()
    breaches(shop, "latency", since + 1.0)

    def conflicts(call: str) -> None:
        if call == "router.write" and shop.clock.now() < since + 1.0:
            raise Conflict("changed")

    shop.gate.before = conflicts
    shop.gate.takes = lambda call: SLOW if call == "store.read" else 0.0
    runner.at(since, lambda: shop.set_weight(10, 90))
    await runner.run_until(since + 30.0, lambda: shop.weight == 0)
    late = first_at_zero(shop, since + 1.0)
    assert late is not None
    assert late <= INTERVAL + 1.0


async def test_a_change_beside_a_correction_whose_observation_hangs_delays_no_answer() -> None:
    """The second of two changes, which is left to be observed beside the write: by then the reads hang."""
    shop, runner, _ = await STORIES["step_back"]("30s")
    following = await next_evaluation(shop, runner)
    breaches(shop, "latency", following)
    shop.gate.streams_away = True

    def takes(one: str) -> float:
        after = shop.clock.now() - following
        if one == "workloads.arm":
            return 0.2 if after < 1.25 else HANGS
        return {"metrics.sample latency": 2.0, "router.write": 4.5 if after < 2.0 else 0.0}.get(one, 0.0)

    shop.gate.takes = takes
    runner.at(following + 1.0, lambda: shop.set_weight(10, 90))
    runner.at(following + 1.1, lambda: None)
    await runner.run_until(following + 20.0)
    late = first_at_zero(shop, following)
    assert late is not None
    assert late <= 0.4 + 2.0 + SHARED + 0.1


async def test_a_change_at_the_instant_of_the_last_answer_does_not_cost_that() -> None:
    shop, runner, _ = await STORIES["step_back"]("30s")
    following = await next_evaluation(shop, runner)
    breaches(shop, "latency", following)
    shop.gate.takes = lambda call: 3.0 if call == "metrics.sample latency" else 0.0
    runner.at(following + 3.0, lambda: None)
    await runner.run_until(following + 15.0)
    late = first_at_zero(shop, following)
    assert late is not None
    assert late <= 3.0 + SHARED + 0.1


async def test_a_client_that_raises_the_weight_without_end_costs_no_query_its_answer() -> None:
    shop, runner, _ = await STORIES["step_back"]("30s")
    following = await next_evaluation(shop, runner)
    breaches(shop, "latency", following)
    shop.gate.takes = lambda call: 3.0 if call == "metrics.sample latency" else 0.0
    for number in range(100):
        runner.at(following + 0.01 + 0.15 * number, lambda: shop.set_weight(10, 90))
    await runner.run_until(following + 15.0)
    late = first_at_zero(shop, following)
    assert late is not None
    assert late <= 3.0 + SHARED + 0.1


@pytest.mark.parametrize("story", ["edit", "excess"])
async def test_the_scheduler_tries_a_lower_weight_again_soon(story: str) -> None:
    """As often as a revert's, and not after a wait that doubles."""
    shop, runner, begin = await STORIES[story]("30s")
    key = ("shop", "checkout")
    assert not runner.ticker.reverting(key)
    tries = refuse(shop, Rejected("change freeze"))
    begin()
    await runner.run_until(shop.clock.now() + 40.0, lambda: bool(tries))
    assert runner.ticker.reverting(key)
    shop.gate.before = lambda _call: None
    await runner.run_until(shop.clock.now() + 10.0)
    assert not runner.ticker.reverting(key)


@pytest.mark.parametrize("after", [0.1, 0.2])
async def test_a_hold_that_ends_with_a_raise_has_ended_whatever_changes_while_that_is_recorded(after: float) -> None:
    threshold = {"metric": "errors", "max": "1%", "onBreach": "Hold"}
    steps = [{**STEPS[0], "thresholds": [threshold]}, *STEPS[1:]]
    shop = Shop()
    runner = shop.rollout(spec(interval="10s", steps=steps, guards=[]))
    shop.values["candidate"] = 0.06

    def holds() -> bool:
        run = shop.status.run if shop.cluster.rollouts["checkout"].status else None
        return run is not None and run.hold is not None

    await runner.run_until(shop.start + 300, holds)
    assert holds()
    shop.values["candidate"] = 0.0
    since = shop.clock.now()
    recorded: list[float] = []

    def takes(call: str) -> float:
        if call != "store.write_status":
            return 0.0
        if not recorded:
            runner.at(shop.clock.now() + after, lambda: None)
        recorded.append(shop.clock.now())
        return 0.3

    shop.gate.takes = takes
    await runner.run_until(since + 60.0, lambda: shop.weight == 50)
    assert shop.weight == 50
    assert shop.clock.now() - recorded[0] <= 1.0
    await runner.run_until(shop.clock.now() + 20.0)
    assert told(shop, since).count("HoldEnded") == 1


async def test_a_shared_incident_that_lasts_beside_a_slow_correction_ends_without_a_revert() -> None:
    """When it ends the baseline is within the limit first; both were beyond it a moment ago, also where only evaluations beside saw that."""
    metrics = [{**METRICS[0], "window": "5s"}]
    shop, runner = await at_half(interval="1s", metrics=metrics, guards=[{"metric": "errors", "max": "5%"}])
    shop.values.update(candidate=0.06, baseline=0.06)
    await runner.run_until(shop.clock.now() + 5.0)
    assert shop.status.run is not None
    assert shop.status.run.hold is not None
    assert shop.status.run.hold.reason == "SharedIncident"
    since = shop.clock.now()

    def change() -> None:
        shop.set_weight(10, 90)
        shop.cluster.strip_finalizers("checkout")

    takes = {"router.write": 4.9, "store.set_finalizer": 4.9}
    shop.gate.takes = lambda call: takes.get(call, 0.0)
    runner.at(since + 0.2, change)
    runner.at(since + 8.6, lambda: shop.values.update(baseline=0.04))
    runner.at(since + 12.0, lambda: shop.values.update(candidate=0.0))
    await runner.run_until(since + 40.0)
    assert "GuardBreached" not in told(shop, since)
    assert told(shop).count("Holding") == 1
    assert told(shop).count("HoldEnded") == 1


@pytest.mark.parametrize("how", ["hangs", "refused"])
async def test_a_command_that_cannot_be_recorded_delays_no_correction(how: str) -> None:
    shop, runner = await at_half(guards=[])
    since = shop.clock.now()

    def refused(call: str) -> None:
        if call == "store.write_status" and how == "refused":
            raise Rejected("forbidden")

    def change() -> None:
        shop.set_weight(10, 90)
        shop.command(Action.PAUSE)

    shop.gate.before = refused
    shop.gate.takes = lambda call: SLOW if call == "store.write_status" and how == "hangs" else 0.0
    runner.at(since + 0.5, change)
    await runner.run_until(since + 10.0, lambda: shop.clock.now() > since + 0.5 and shop.weight == 50)
    assert shop.weight == 50
    assert 0.5 <= shop.cluster.history[-1].time - since <= 1.0
    shop.gate.before, shop.gate.takes = (lambda _call: None), (lambda _call: 0.0)
    await runner.run_until(since + 30.0)
    assert shop.cluster.outcomes["command-0"][0]
    assert told(shop, since).count("WeightCorrected") == 1


async def test_a_correction_that_is_refused_does_not_keep_users_on_a_promoted_baseline_that_breaches() -> None:
    shop, runner = await settling(promotion={"strategy": "CopyTemplate", "settle": "10m"})
    refuse(shop, Rejected("change freeze"))
    shop.set_weight(80, 20)
    await runner.run_until(shop.clock.now() + 15.0)
    sick_baseline(shop)
    await runner.run_until(shop.clock.now() + 15.0)
    assert stage(shop) == "SentBack"
    assert "PromotionBreached" in told(shop)
    shop.gate.before = lambda _call: None
    await runner.run_until(shop.clock.now() + 5.0)
    assert shop.weight == 50
