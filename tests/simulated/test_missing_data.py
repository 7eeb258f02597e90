"""Missing data: how long it is tolerated, and what it neither advances nor breaches."""

from __future__ import annotations

from tests.simulated.breaching import LONG, started
from tests.simulated.shop import Shop, spec, value
from tidegate.core.model.answers import Answer, Failed, FailedReason, Query, SeriesValue, Vector


async def test_no_data_reverts_after_its_deadline_and_a_silent_source_holds_after_its_own() -> None:
    shop = Shop()
    runner = await started(shop, steps=LONG)
    shop.answer = lambda _query, _now: Vector(())
    bad = shop.clock.now()
    await runner.run_until(bad + 3600, lambda: shop.weight == 0)
    assert 600 <= shop.clock.now() - bad <= 640
    assert shop.status.history or shop.status.run.ending.reason == "NoData"


async def test_a_source_that_is_down_for_a_minute_neither_advances_nor_aborts() -> None:
    shop = Shop()
    runner = await started(shop)
    shop.answer = lambda _query, _now: Failed(FailedReason.REFUSED, "connection refused")
    await runner.run_until(shop.clock.now() + 60)
    assert shop.weight == 10
    assert shop.outcome == ""
    shop.answer = None
    await runner.run_until(shop.clock.now() + 600, lambda: shop.outcome != "")
    assert shop.outcome == "Succeeded"


async def test_a_source_that_is_down_for_long_holds_and_goes_on_when_it_is_back() -> None:
    shop = Shop()
    runner = await started(shop, steps=[{"name": "canary", "weight": 10, "duration": "3h"}])
    shop.answer = lambda _query, _now: Failed(FailedReason.REFUSED, "no answer")
    await runner.run_until(shop.clock.now() + 3700)
    assert shop.status.run is not None
    assert shop.status.run.hold is not None
    assert shop.status.run.hold.reason == "SourceDown"
    assert any(condition.type == "MissingData" for condition in shop.status.conditions)
    shop.answer = None
    await runner.run_until(shop.clock.now() + 4 * 3600, lambda: shop.outcome != "")
    assert shop.outcome == "Succeeded"


async def test_a_source_that_comes_and_goes_with_nothing_to_say_does_not_begin_missing_data_anew_each_time() -> None:
    """A Prometheus that crashes and starts again and again: down, then there without data, then down."""
    shop = Shop()
    runner = await started(shop, steps=[{"name": "canary", "weight": 10, "duration": "6h"}])
    bad = shop.clock.now()

    def answer(_query: Query, now: float) -> Answer:
        down = int((now - bad) // 30) % 2 == 0
        return Failed(FailedReason.REFUSED, "connection refused") if down else Vector(())

    shop.answer = answer
    await runner.run_until(bad + 600)
    assert (shop.weight, shop.outcome) == (10, ""), "half of the time it could not be asked"
    assert {one.kind: round(one.watched, -2) for one in shop.status.missing_data} == {"NoData": 300, "SourceDown": 300}
    await runner.run_until(bad + 3600, lambda: shop.weight == 0)
    assert 1190 <= shop.clock.now() - bad <= 1260


async def test_time_without_data_does_not_count_towards_a_source_that_is_down() -> None:
    shop = Shop()
    policy = {"noData": {"after": "10h", "then": "Hold"}, "sourceDown": {"after": "10m", "then": "Hold"}}
    runner = await started(shop, steps=[{"name": "canary", "weight": 10, "duration": "6h"}], missingData=policy)
    shop.answer = lambda _query, _now: Vector(())
    await runner.run_until(shop.clock.now() + 3000)
    shop.answer = lambda _query, _now: Failed(FailedReason.REFUSED, "connection refused")
    await runner.run_until(shop.clock.now() + 570)
    assert shop.status.run is not None
    assert shop.status.run.hold is None
    await runner.run_until(shop.clock.now() + 60)
    assert shop.status.run.hold is not None
    assert shop.status.run.hold.reason == "SourceDown"


async def test_too_few_requests_extend_the_step_and_never_breach() -> None:
    shop = Shop()
    counts = {"total": 10.0, "bad": 9.0}
    shop.answer = lambda query, _now: value(counts.get(query.part, 1.0))
    ratio = {
        "name": "errors",
        "ratio": {"bad": "bad_total", "total": "all_total"},
        "minimumRequests": 50,
        "window": "20s",
    }
    runner = await started(shop, metrics=[ratio])
    await runner.run_until(shop.start + 600)
    assert shop.weight == 10
    assert shop.outcome == ""
    assert shop.status.run.waiting.reason == "CheckpointUndecided"
    counts.update(total=1000.0, bad=2.0)
    await runner.run_until(shop.start + 900, lambda: shop.outcome != "")
    assert shop.outcome == "Succeeded"


async def test_a_missing_bad_series_beside_a_present_total_is_zero() -> None:
    shop = Shop()

    def answer(query: Query, _now: float) -> Answer:
        return value(500.0) if query.part == "total" else Vector(())

    shop.answer = answer
    ratio = {"name": "errors", "ratio": {"bad": "bad_total", "total": "all_total"}, "window": "20s"}
    runner = await started(shop, metrics=[ratio])
    await runner.run_until(shop.start + 600, lambda: shop.outcome != "")
    assert shop.outcome == "Succeeded"


async def test_a_guard_that_never_had_a_request_to_judge_lets_nothing_advance() -> None:
    """A selector that matches nothing must not promote a release that nobody ever looked at."""
    shop = Shop()
    shop.answer = lambda _query, _now: Vector(())
    ratio = {"name": "errors", "ratio": {"bad": "bad_total", "total": "all_total"}, "window": "20s"}
    steps = [{"name": "canary", "weight": 10, "duration": "30s"}, {"name": "half", "weight": 50, "duration": "30s"}]
    runner = await started(shop, metrics=[ratio], steps=steps)
    await runner.run_until(shop.start + 3600)
    assert shop.weight == 10
    stalled = next(one for one in shop.status.conditions if one.type == "Stalled")
    assert "0 requests in the window" in stalled.message
    shop.answer = lambda query, _now: value(500.0 if query.part == "total" else 0.0)
    await runner.run_until(shop.start + 4000, lambda: shop.outcome != "")
    assert shop.outcome == "Succeeded"


async def test_a_segment_that_disappears_leaves_the_verdict_undecided() -> None:
    """A segment that stops answering has no errors either."""
    shop = Shop()
    segments = ["eu", "us"]

    def answer(query: Query, _now: float) -> Answer:
        number = 500.0 if query.part == "total" else 0.0
        return Vector(tuple(SeriesValue((("segment", name),), number) for name in segments))

    shop.answer = answer
    ratio = {"name": "errors", "ratio": {"bad": "bad_total", "total": "all_total", "by": ["segment"]}, "window": "20s"}
    runner = await started(shop, metrics=[ratio])
    await runner.run_until(shop.start + 25)
    segments.remove("us")
    await runner.run_until(shop.start + 600)
    assert shop.weight == 10
    assert shop.status.run is not None
    assert shop.status.run.waiting is not None
    assert "1 of 2 groups by segment" in shop.status.run.waiting.message
    segments.append("us")
    await runner.run_until(shop.start + 900, lambda: shop.outcome != "")
    assert shop.outcome == "Succeeded"


async def test_a_metric_that_is_edited_to_group_by_another_label_misses_none_of_the_groups_before() -> None:
    shop = Shop()

    def answer(query: Query, _now: float) -> Answer:
        label = "region" if "by (region)" in query.promql else "segment"
        number = 500.0 if query.part == "total" else 0.0
        return Vector(tuple(SeriesValue(((label, name),), number) for name in ("eu", "us")))

    def metric(label: str) -> dict[str, object]:
        return {"name": "errors", "ratio": {"bad": "bad", "total": "all", "by": [label]}, "window": "20s"}

    shop.answer = answer
    steps = [{"name": "canary", "weight": 10, "duration": "5m"}]
    runner = await started(shop, metrics=[metric("segment")], steps=steps)
    await runner.run_until(shop.start + 60)
    shop.cluster.edit_rollout("checkout", spec(metrics=[metric("region")], steps=steps))
    await runner.run_until(shop.start + 120)
    assert shop.status.run is not None
    assert [len(one.seen) for one in shop.status.run.groups] == [2]
    await runner.run_until(shop.start + 900, lambda: shop.outcome != "")
    assert shop.outcome == "Succeeded"


async def test_a_comparison_that_cannot_be_made_does_not_end_missing_data() -> None:
    """A relative line is not comparable without any query: that is no answer of the source."""
    shop = Shop()
    lines = [{"metric": "errors", "max": "5%"}, {"metric": "errors", "maxIncrease": "20%", "floor": "0%"}]
    runner = shop.rollout(spec(guards=lines, steps=[{"name": "all", "weight": 100, "duration": "2h"}]))
    await runner.run_until(shop.start + 15)
    shop.answer = lambda _query, _now: Vector(())
    bad = shop.clock.now()
    for number in range(1, 120):
        runner.at(bad + number * 7, lambda: None)
    await runner.run_until(bad + 3600, lambda: shop.weight == 0)
    assert 600 <= shop.clock.now() - bad <= 660
