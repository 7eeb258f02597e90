"""Things that must not be mixed up: two tests of one name, both arms a little beyond, then and now, silence and health."""

from __future__ import annotations

import re

from tests.simulated.counted import ABSOLUTE, RATIO, WORSE, counted
from tests.simulated.scraped import Stage
from tests.simulated.shop import Shop, spec, value
from tidegate.core.model.answers import Answer, Failed, FailedReason, Query, SeriesValue, Vector
from tidegate.core.model.world import ArmName
from tidegate.simulation.runner import Runner

LONG = [{"name": "canary", "weight": 10, "duration": "20h"}]


async def test_a_guard_and_a_threshold_of_one_name_do_not_erase_each_other() -> None:
    guard = {"metric": "errors", "regression": {"confidence": "99%"}}
    step = {"name": "c", "weight": 10, "duration": "2h", "thresholds": [{"metric": "errors", "regression": {}}]}
    stage = Stage(counted(guard, steps=[step]))
    stage.source.shares(stage.start + 600, baseline=0.001, candidate=1.0)
    await stage.until(1200)
    assert stage.shop.outcome == "Reverted"


async def test_both_arms_a_little_beyond_a_limit_are_held_and_not_reverted() -> None:
    stage = Stage(counted({"name": "promise", "metric": "errors", "regression": {"limit": "1%"}}))
    for arm, rate in ((ArmName.BASELINE, 900.0), (ArmName.CANDIDATE, 100.0)):
        stage.source.send(stage.start - 1, arm, rate, 0.012)
    await stage.until(1800)
    run = stage.shop.status.run
    assert run is not None
    assert run.hold is not None
    assert run.hold.reason == "SharedIncident"
    assert " 0 of 0 " not in run.hold.message


async def test_what_was_hours_ago_raises_nothing_today() -> None:
    steps = [{"name": "a", "weight": 10, "duration": "1h"}, {"name": "b", "weight": 50, "duration": "2h"}]
    stage = Stage(counted(WORSE, interval="30s", steps=steps))
    stage.source.scrape = 15
    stage.source.shares(stage.start - 600, baseline=0.005, candidate=0.005)
    await stage.until(3580)
    back = 3580 + 14 * 3600
    stage.source.shares(stage.start + back - 1800, candidate=1.0)
    stage.clock.advance_to(stage.start + back)
    await stage.until(back + 90)
    assert stage.shop.weights()[:2] == [0, 10] or 50 not in stage.shop.weights()
    assert 50 not in stage.shop.weights()
    assert stage.shop.outcome == "Reverted"


async def test_counters_that_are_dead_stay_no_data_however_long() -> None:
    ratio = {**RATIO, "missingData": {"noData": {"after": "10m", "then": "Hold"}}}
    steps = [{"name": "a", "weight": 10, "duration": "1h"}, {"name": "b", "weight": 50, "duration": "1h"}]
    stage = Stage(counted(WORSE, metrics=[ratio], steps=steps))
    stage.source.scrape = 15
    stage.source.shares(stage.start - 600, baseline=0.005, candidate=0.005)
    stage.source.pods[ArmName.CANDIDATE][0].end = stage.start + 1800
    await stage.until(2.5 * 3600)
    assert stage.shop.outcome == ""
    assert 50 not in stage.shop.weights()


async def test_a_limit_needs_no_answer_about_the_baseline() -> None:
    stage = Stage(counted(ABSOLUTE))
    down = Failed(FailedReason.BAD_ANSWER, "too large")
    stage.source.override = lambda query, _now: down if query.arm is ArmName.BASELINE else None
    stage.source.shares(stage.start + 600, candidate=1.0)
    await stage.until(1200)
    assert stage.shop.outcome == "Reverted"


async def test_another_series_for_a_moment_makes_no_shared_breach_this_versions() -> None:
    shop = Shop()
    raw = spec(guards=[{"metric": "errors", "max": "5%", "for": "2m"}], steps=LONG)
    runner: Runner = shop.rollout(raw)
    begin = shop.clock.now()

    def answer(query: Query, now: float) -> Answer:
        if query.part != "value":
            return value(1.0)
        other = 0.3 if query.arm is ArmName.CANDIDATE and 200 <= now - begin < 215 else 0.0
        return Vector((SeriesValue((("s", "a"),), 0.3), SeriesValue((("s", "b"),), other)))

    shop.answer = answer
    await runner.run_until(begin + 400)
    assert shop.outcome == ""
    assert shop.status.run is not None
    assert shop.status.run.hold is not None


async def test_a_breach_that_is_held_says_since_when_it_lasts() -> None:
    shop = Shop()
    raw = spec(guards=[{"metric": "errors", "max": "5%", "for": "1m", "onBreach": "Hold"}], steps=LONG)
    runner: Runner = shop.rollout(raw)
    await runner.run_until(shop.clock.now() + 60)
    shop.values.update(candidate=0.3)
    begin = shop.clock.now()
    await runner.run_until(begin + 75)
    first = shop.status.guards[0].message.partition("since ")[2]
    await runner.run_until(begin + 900)
    assert shop.status.guards[0].state == "Breached"
    assert shop.status.guards[0].message.partition("since ")[2] == first


async def test_what_is_too_much_at_once_is_caught_up_on_in_smaller_pieces() -> None:
    stage = Stage(counted(WORSE, interval="30s"))
    stage.source.scrape = 15
    stage.source.outages.append((stage.start + 1800, stage.start + 4500))

    def limited(query: Query, _now: float) -> Answer | None:
        reach = re.search(r"\[(\d+)s\]", query.promql)
        too_much = query.part.startswith("raw") and reach is not None and int(reach[1]) > 2600
        return Failed(FailedReason.BAD_ANSWER, "larger than 8 MiB") if too_much else None

    stage.source.override = limited
    stage.source.shares(stage.start + 5400, candidate=1.0)
    await stage.until(6000)
    assert stage.shop.outcome == "Reverted"
