"""Answers without a value: what was not observed, what is infinite, what has nothing beside it, what is of the wrong kind."""

from __future__ import annotations

import math

import pytest

from tests.simulated.shop import Shop, spec, value
from tidegate.core.model.answers import Answer, Failed, FailedReason, Query, SeriesValue, Vector
from tidegate.core.model.world import ArmName
from tidegate.simulation.ports.metrics import ScriptedMetrics
from tidegate.simulation.runner import Runner

LONG = [{"name": "canary", "weight": 10, "duration": "2h"}]
UP = [{"metric": "errors", "maxIncrease": "20%", "floor": "1%"}]


async def started(shop: Shop, **changes: object) -> Runner:
    runner = shop.rollout(spec(**{"steps": LONG, **changes}))
    await runner.run_until(shop.start + 15)
    assert shop.weight == 10
    return runner


async def later(shop: Shop, runner: Runner, seconds: float) -> None:
    await runner.run_until(shop.clock.now() + seconds, lambda: shop.outcome != "")


def by_path(**values: float) -> Vector:
    return Vector(tuple(SeriesValue((("path", path),), number) for path, number in sorted(values.items())))


async def test_a_quiet_service_whose_quantile_is_no_number_is_never_reverted_for_it() -> None:
    shop = Shop(answer=lambda query, _now: None if query.part == "probe" else value(math.nan))
    runner = await started(shop)
    await later(shop, runner, 3600)
    assert (shop.outcome, shop.weight, shop.status.missing_data) == ("", 10, ())


async def test_one_series_in_which_nothing_was_observed_does_not_hide_a_breach_of_another() -> None:
    shop = Shop()
    runner = await started(shop)
    shop.answer = lambda query, _now: (
        by_path(a=math.nan, b=0.5) if query.arm is ArmName.CANDIDATE and query.part == "value" else value(0.0)
    )
    await later(shop, runner, 11)
    assert shop.outcome == "Reverted"


@pytest.mark.parametrize(
    ("why", "candidate", "reverts"),
    [("errors where the baseline has none", 0.8, True), ("fewer than the floor", 0.009, False), ("none", 0.0, False)],
)
async def test_a_baseline_at_zero_hides_nothing(why: str, candidate: float, reverts: bool) -> None:  # noqa: FBT001
    shop = Shop()
    runner = await started(shop, guards=UP)
    shop.values.update(candidate=candidate, baseline=0.0)
    await later(shop, runner, 60)
    assert (shop.outcome == "Reverted") is reverts, why


async def test_one_new_path_does_not_block_a_healthy_run() -> None:
    def answer(query: Query, _now: float) -> Answer | None:
        if query.part == "probe":
            return None
        return by_path(a=0.02, new=0.02) if query.arm is ArmName.CANDIDATE else by_path(a=0.02)

    shop = Shop(answer=answer)
    runner = shop.rollout(
        spec(steps=[{"name": "canary", "weight": 10, "duration": "30s", "thresholds": UP}], guards=UP)
    )
    await runner.run_until(shop.start + 300, lambda: shop.outcome != "")
    assert shop.outcome == "Succeeded"
    found = [finding.message for one in shop.status.checkpoints for finding in one.findings]
    assert found
    assert all('not compared, the baseline has no such series: {path="new"}' in message for message in found)


async def test_where_nothing_can_be_compared_the_run_waits_and_names_the_labels() -> None:
    def answer(query: Query, _now: float) -> Answer | None:
        if query.part == "probe":
            return None
        pods = (SeriesValue((("pod", f"{query.arm}-{number}"),), 0.02) for number in range(2))
        return Vector(tuple(pods))

    shop = Shop(answer=answer)
    runner = shop.rollout(
        spec(steps=[{"name": "canary", "weight": 10, "duration": "30s", "thresholds": UP}], guards=[])
    )
    await runner.run_until(shop.start + 300)
    assert (shop.outcome, shop.weight) == ("", 10)
    assert shop.status.run is not None
    assert shop.status.run.waiting is not None
    assert "they differ in pod; aggregate that away in the query" in shop.status.run.waiting.message


WRONG = Failed(FailedReason.BAD_ANSWER, "the query must return an instant vector or a scalar, not string")


async def test_an_answer_of_the_wrong_kind_is_no_data_with_its_reason() -> None:
    shop = Shop()
    runner = await started(shop)
    shop.answer = lambda query, _now: None if query.part == "probe" else WRONG
    await later(shop, runner, 60)
    (missing,) = shop.status.missing_data
    assert (missing.kind, "not string" in missing.message) == ("NoData", True)


async def test_thousands_of_series_are_said_at_once() -> None:
    many = Vector(tuple(SeriesValue((("user", str(number)),), 0.0) for number in range(5000)))
    shop = Shop(answer=lambda query, _now: None if query.part == "probe" else many)
    runner = shop.rollout(
        spec(steps=LONG, metrics=[{"name": "errors", "query": 'e{w="$workload"}', "unit": "ratio", "window": "10m"}])
    )
    await runner.run_until(shop.start + 25)
    (guard,) = shop.status.guards
    assert (guard.state, guard.message) == ("NoData", "errors: 5,000 series, more than 64: aggregate in the query")


@pytest.mark.parametrize(("why", "requests", "reverts"), [("too few to judge", 9.0, False), ("enough", 10.0, True)])
async def test_a_query_is_judged_only_with_enough_requests_behind_it(why: str, requests: float, reverts: bool) -> None:  # noqa: FBT001
    metric = {
        "name": "errors",
        "query": 'errors{deployment="$workload"}',
        "requests": 'requests{deployment="$workload"}',
        "minimumRequests": 10,
        "unit": "ratio",
        "window": "20s",
    }
    shop = Shop(answer=lambda query, _now: value(requests) if query.part == "requests" else None)
    runner = await started(shop, metrics=[metric])
    shop.values.update(candidate=0.5)
    await later(shop, runner, 60)
    assert (shop.outcome == "Reverted") is reverts, why
    if not reverts:
        assert shop.status.guards[0].message == "errors: 9 requests in the window, at least 10 are needed"


async def test_a_metric_of_neither_arm_is_asked_once_and_blames_nobody_else() -> None:
    metric = {"name": "errors", "query": "sum(open_incidents)", "unit": "none", "window": "20s"}
    shop = Shop()
    runner = await started(shop, metrics=[metric], guards=[{"metric": "errors", "max": 0}])
    metrics = shop.world.metrics
    assert isinstance(metrics, ScriptedMetrics)
    asked = len(metrics.asked)
    await runner.run_until(shop.clock.now() + 40)
    assert len(metrics.asked) - asked == 4
    shop.values.update(candidate=1.0, baseline=1.0)
    await later(shop, runner, 11)
    assert shop.outcome == "Reverted", "there is no other arm that could have done it"


@pytest.mark.parametrize(
    ("why", "change", "anew"),
    [
        ("another query", {"query": 'errors{deployment="$workload",code="500"}'}, True),
        ("another window", {"window": "30s"}, True),
        ("another unit", {"unit": "percent"}, True),
        ("nothing but when it is empty", {"whenEmpty": "Zero"}, False),
    ],
)
async def test_a_changed_query_starts_its_clock_anew(why: str, change: dict[str, object], anew: bool) -> None:  # noqa: FBT001
    shop = Shop(values={"candidate": 50.0, "baseline": 0.0})
    metric = {"name": "errors", "query": 'errors{deployment="$workload"}', "unit": "percent", "window": "20s"}
    before = {**metric, "unit": "none"} if "unit" in change else metric
    limit = {"metric": "errors", "max": 5 if "unit" in change else "5%", "for": "5m"}
    runner = await started(shop, metrics=[before], guards=[limit])
    await later(shop, runner, 240)
    assert shop.outcome == ""
    edited = {**metric, **change}
    limits = [{**limit, "max": "5%"}]
    runner.at(
        shop.clock.now(),
        lambda: shop.cluster.edit_rollout("checkout", spec(steps=LONG, metrics=[edited], guards=limits)),
    )
    await later(shop, runner, 120)
    assert (shop.outcome == "") is anew, why
    await later(shop, runner, 240)
    assert shop.outcome == "Reverted"
