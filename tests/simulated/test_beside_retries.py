"""What else goes on while a lower weight is refused and tried again beside open queries: nothing of it is lost, late, or done twice."""

from __future__ import annotations

from tests.simulated.shop import Shop, spec, value
from tests.simulated.stepping_back import STEPS
from tests.simulated.test_own_evaluation import METRICS
from tests.simulated.test_promotion import settling, sick_baseline, stage
from tests.simulated.test_refused_lowering import HANGS, STORIES, refuse
from tests.simulated.test_refused_lowering import SLOW as HANGING
from tests.simulated.test_urgent_writes import at_half
from tidegate.api.commands import Action
from tidegate.core.model.answers import Answer, Query, Vector
from tidegate.ports.errors import Rejected
from tidegate.simulation.runner import Runner


def told(shop: Shop, since: float = 0.0) -> list[str]:
    return [reason for time, _, reason, _ in shop.cluster.events if time >= since]


async def next_evaluation(shop: Shop, runner: Runner) -> float:
    """Lets the run be evaluated once more; when the next evaluation is due."""
    asked = shop.world.metrics.asked  # type: ignore[attr-defined]
    before = len(asked)
    await runner.run_until(shop.clock.now() + 40, lambda: len(asked) > before)
    return runner.due


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
