"""Whose fault is it? What both arms do alike is a shared incident; what the candidate does alone is its own."""

from __future__ import annotations

import math

import pytest

from tests.simulated.attributed import LONG, RATIO, about_the_baseline, holding, later, series, started
from tests.simulated.scraped import Stage
from tests.simulated.shop import Shop, spec, value
from tidegate.core.model.answers import Answer, Failed, FailedReason, Query, Vector
from tidegate.core.model.world import ArmName


async def test_both_arms_beyond_a_limit_hold_until_both_are_well_again() -> None:
    shop = Shop()
    runner = await started(shop)
    await later(shop, runner, 20)
    shop.values.update(candidate=0.3, baseline=0.29)
    await later(shop, runner, 11)
    assert (shop.weight, holding(shop)) == (10, "SharedIncident")
    assert shop.status.run is not None
    assert shop.status.run.hold is not None
    assert shop.status.run.hold.message == (
        "errors of the candidate is 30%, above max 5% (window 20s); the baseline's is 29%: a shared incident, not this version"
    )
    await later(shop, runner, 1800)
    assert (shop.weight, holding(shop)) == (10, "SharedIncident")
    shop.values.update(candidate=0.0, baseline=0.0)
    await later(shop, runner, 15)
    assert holding(shop) == ""
    await later(shop, runner, 7200)
    assert shop.outcome == "Succeeded"
    told = [reason for _, _, reason, _ in shop.cluster.events if reason in {"Holding", "HoldEnded"}]
    assert told == ["Holding", "HoldEnded"]


SLOW = {"name": "slow", "query": 'slow{deployment="$workload"}', "unit": "ratio", "window": "20s"}


@pytest.mark.parametrize("held", [0.0, 60.0, 3000.0])
async def test_a_hold_for_another_limit_before_makes_no_difference_to_whose_fault_it_is(held: float) -> None:
    slow = {"metric": "slow", "max": "1%", "onBreach": "Hold"}
    is_slow, rates = held > 0, {ArmName.CANDIDATE: 0.0, ArmName.BASELINE: 0.0}

    def answer(query: Query, _now: float) -> Answer:
        arm = query.arm or ArmName.CANDIDATE
        if query.metric == "slow":
            return value(0.5 if is_slow and arm is ArmName.CANDIDATE else 0.0)
        requests = 100.0 if arm is ArmName.CANDIDATE else 1900.0
        return value(requests if query.part == "total" else requests * rates[arm])

    shop = Shop(answer=answer)
    guards = [{"metric": "errors", "max": "5%"}, slow]
    steps = [{"name": "canary", "weight": 10, "duration": "10h"}]
    runner = await started(shop, metrics=[RATIO, SLOW], guards=guards, steps=steps)
    await later(shop, runner, held)
    assert holding(shop) == ("Holding" if held else "")
    rates.update({ArmName.CANDIDATE: 0.35, ArmName.BASELINE: 0.1})
    await later(shop, runner, 30)
    assert shop.outcome == "Reverted"


async def test_a_clock_that_is_set_back_gives_the_looks_of_an_incident_no_new_chances() -> None:
    rates = {ArmName.CANDIDATE: 0.0, ArmName.BASELINE: 0.0}

    def answer(query: Query, _now: float) -> Answer:
        arm = query.arm or ArmName.CANDIDATE
        requests = 100.0 if arm is ArmName.CANDIDATE else 1900.0
        return value(requests if query.part == "total" else requests * rates[arm])

    shop = Shop(answer=answer)
    runner = await started(shop, metrics=[RATIO], steps=[{"name": "canary", "weight": 10, "duration": "10h"}])
    rates.update({ArmName.CANDIDATE: 0.1, ArmName.BASELINE: 0.1})
    await later(shop, runner, 600)
    rates[ArmName.CANDIDATE] = 0.36  # as by chance now and then: enough for the second look, not for the sixtieth
    await later(shop, runner, 10)
    assert (shop.outcome, holding(shop)) == ("", "SharedIncident")
    runner.leap(-3600.0)
    await later(shop, runner, 60)
    assert (shop.outcome, holding(shop)) == ("", "SharedIncident")


async def test_a_baseline_that_recovers_while_the_candidate_does_not_shows_whose_fault_it_is() -> None:
    shop = Shop()
    runner = await started(shop)
    shop.values.update(candidate=0.3, baseline=0.3)
    await later(shop, runner, 60)
    assert holding(shop) == "SharedIncident"
    shop.values.update(baseline=0.0)
    await later(shop, runner, 30)
    assert (shop.outcome, holding(shop)) == ("", "SharedIncident"), "a window still holds the shared moment"
    await later(shop, runner, 21)
    assert (shop.outcome, shop.weight) == ("Reverted", 0)


@pytest.mark.parametrize(
    ("why", "candidate", "baseline", "reverts"),
    [
        ("alike", 0.3, 0.3, False),
        ("twice as much is alike where nothing was counted", 0.2, 0.1, False),
        ("more than twice as much is not", 0.2001, 0.1, True),
        ("better than the baseline is alike", 0.06, 0.9, False),
        ("a baseline at the limit is not beyond it", 0.0501, 0.05, True),
        ("both infinite are alike", math.inf, math.inf, False),
        ("infinite against a number is not", math.inf, 0.9, True),
        ("a number against infinite is not alike either", 0.9, math.inf, True),
        ("a baseline that is no number excuses nothing", 0.3, math.nan, True),
    ],
)
async def test_alike_means(why: str, candidate: float, baseline: float, reverts: bool) -> None:  # noqa: FBT001
    shop = Shop()
    runner = await started(shop)
    shop.values.update(candidate=candidate, baseline=baseline)
    await later(shop, runner, 11)
    assert (shop.outcome == "Reverted") is reverts, why
    assert holding(shop) == ("" if reverts else "SharedIncident"), why


async def test_below_a_min_alike_holds_and_the_candidate_alone_reverts() -> None:
    for candidate, baseline, reverts in (
        (0.5, 0.6, False),
        (0.2, 0.6, False),
        (0.19, 0.6, True),
        (0.4, 0.89, True),
        (0.5, 0.95, True),
    ):
        shop = Shop(values={"candidate": 1.0, "baseline": 1.0})
        runner = await started(shop, guards=[{"metric": "errors", "min": "90%"}])
        shop.values.update(candidate=candidate, baseline=baseline)
        await later(shop, runner, 11)
        assert (shop.outcome == "Reverted") is reverts, (candidate, baseline)


LATENCY = {"name": "p99", "query": 'p99{deployment="$workload"}', "unit": "seconds", "window": "20s"}


@pytest.mark.parametrize(
    ("why", "candidate", "baseline", "reverts"),
    [
        ("one bucket apart", 0.335, 0.27, False),
        ("as far apart as the widest default bucket", 0.65, 0.26, False),
        ("farther than any default bucket", 0.66, 0.26, True),
    ],
)
async def test_a_quantile_is_no_finer_than_a_bucket(
    why: str,
    candidate: float,
    baseline: float,
    reverts: bool,  # noqa: FBT001
) -> None:
    shop = Shop()
    runner = await started(shop, metrics=[LATENCY], guards=[{"metric": "p99", "max": "250ms"}], steps=LONG)
    shop.values.update(candidate=candidate, baseline=baseline)
    await later(shop, runner, 11)
    assert (shop.outcome == "Reverted") is reverts, why


async def test_within_a_window_of_a_shared_moment_no_quantile_is_clearly_worse() -> None:
    shop = Shop()
    runner = await started(shop, metrics=[LATENCY], guards=[{"metric": "p99", "max": "250ms"}], steps=LONG)
    shop.values.update(candidate=0.3, baseline=0.27)
    await later(shop, runner, 11)
    shop.values.update(candidate=0.9, baseline=0.27)
    await later(shop, runner, 30)
    assert (shop.outcome, holding(shop)) == ("", "SharedIncident")
    await later(shop, runner, 21)
    assert shop.outcome == "Reverted", "the difference lasts: it is not put off again and again"


async def test_a_latency_with_requests_behind_it_is_not_taken_for_a_share_of_them() -> None:
    counted = {**LATENCY, "requests": 'requests{deployment="$workload"}', "minimumRequests": 10}

    def answer(query: Query, _now: float) -> Answer | None:
        return value(5000.0) if query.part == "requests" else None

    shop = Shop(answer=answer)
    runner = await started(shop, metrics=[counted], guards=[{"metric": "p99", "max": "250ms"}], steps=LONG)
    shop.values.update(candidate=0.6, baseline=0.27)
    await later(shop, runner, 11)
    assert (shop.outcome, holding(shop)) == ("", "SharedIncident")


async def test_who_wants_a_revert_all_the_same_gets_it() -> None:
    shop = Shop()
    runner = await started(shop, guards=[{"metric": "errors", "max": "5%", "onSharedIncident": "Revert"}])
    shop.values.update(candidate=0.3, baseline=0.3)
    await later(shop, runner, 11)
    assert shop.outcome == "Reverted"
    assert about_the_baseline(shop) == [], "nor is any time lost with asking"


async def test_a_limit_that_holds_anyway_does_not_ask_whose_fault_it_is() -> None:
    shop = Shop()
    runner = await started(shop, guards=[{"metric": "errors", "max": "5%", "onBreach": "Hold"}])
    shop.values.update(candidate=0.3, baseline=0.3)
    await later(shop, runner, 11)
    assert holding(shop) == "Holding"
    assert about_the_baseline(shop) == []


async def test_at_weight_100_there_is_no_baseline_to_ask() -> None:
    shop = Shop()
    steps = [{"name": "all", "weight": 100, "duration": "1h"}]
    runner = shop.rollout(spec(steps=steps))
    await runner.run_until(shop.start + 15)
    assert shop.weight == 100
    shop.values.update(candidate=0.3, baseline=0.3)
    await later(shop, runner, 11)
    assert shop.outcome == "Reverted"
    assert about_the_baseline(shop) == []


async def test_a_query_that_is_the_same_for_both_arms_tells_nothing_and_reverts() -> None:
    shop = Shop()
    metric = {"name": "errors", "query": "errors_of_all", "unit": "ratio", "window": "20s"}
    runner = await started(shop, metrics=[metric])
    shop.values.update(candidate=0.3, baseline=0.3)
    await later(shop, runner, 11)
    assert shop.outcome == "Reverted"


@pytest.mark.parametrize(
    ("why", "candidate", "baseline", "reverts"),
    [
        ("every series that is beyond is so in the baseline", series(a=0.3, b=0.0), series(a=0.3, b=0.0), False),
        ("one that is not so in the baseline reverts", series(a=0.3, b=0.3), series(a=0.3, b=0.0), True),
        ("one that is beyond there by far less reverts", series(a=0.3, b=0.3), series(a=0.3, b=0.1), True),
        ("one that is within the limit there, if only just", series(a=0.3, b=0.051), series(a=0.3, b=0.049), True),
        ("the baseline's other series excuse nothing", series(a=0.3, b=0.0), series(a=0.0, b=0.3), True),
        ("a series the baseline does not have reverts", series(a=0.3, b=0.3), series(a=0.3), True),
        ("one series of each arm is compared whatever its labels", series(a=0.3), series(b=0.3), False),
    ],
)
async def test_each_series_is_compared_with_its_own(
    why: str,
    candidate: Vector,
    baseline: Vector,
    reverts: bool,  # noqa: FBT001
) -> None:
    shop = Shop()
    runner = await started(shop)
    answers = {ArmName.CANDIDATE: candidate, ArmName.BASELINE: baseline}
    shop.answer = lambda query, _now: answers[query.arm]
    await later(shop, runner, 11)
    assert (shop.outcome == "Reverted") is reverts, why


@pytest.mark.parametrize(
    "baseline",
    [Failed(FailedReason.TIMEOUT, "slow"), Failed(FailedReason.REFUSED, "down"), Vector(()), value(math.nan)],
    ids=["slow", "down", "nothing", "no number"],
)
async def test_a_baseline_that_does_not_say_excuses_nothing(baseline: Answer) -> None:
    shop = Shop()
    runner = await started(shop)
    shop.answer = lambda query, _now: baseline if query.arm is ArmName.BASELINE else value(0.3)
    await later(shop, runner, 11)
    assert shop.outcome == "Reverted"


CHECKED = [
    {
        "name": "canary",
        "weight": 10,
        "duration": "10m",
        "checkpoints": [{"at": "5m"}],
        "thresholds": [{"metric": "errors", "max": "5%"}],
    }
]


async def test_a_series_whose_breach_has_not_lasted_yet_says_nothing_of_whose_fault_it_is() -> None:
    shop = Shop()
    runner = await started(shop, guards=[{"metric": "errors", "max": "5%", "for": "1m"}])
    answers = {ArmName.CANDIDATE: series(a=0.3, b=0.0), ArmName.BASELINE: series(a=0.3, b=0.0)}
    shop.answer = lambda query, _now: answers[query.arm]
    await later(shop, runner, 55)
    answers[ArmName.CANDIDATE] = series(a=0.3, b=0.3)
    await later(shop, runner, 21)
    assert (holding(shop), shop.outcome) == ("SharedIncident", "")


@pytest.mark.parametrize("at", [300, 600], ids=["between", "at the end"])
async def test_a_checkpoint_in_a_shared_incident_is_judged_again_when_it_is_over(at: float) -> None:
    shop = Shop()
    runner = shop.rollout(spec(steps=CHECKED, guards=[]))
    await runner.run_until(shop.start + at - 30)
    shop.values.update(candidate=0.3, baseline=0.3)
    await later(shop, runner, 120)
    assert (shop.weight, holding(shop)) == (10, "SharedIncident")
    assert [one.verdict for one in shop.status.checkpoints if one.at == ("5m" if at == 300 else "10m")] == ["Breach"]
    shop.values.update(candidate=0.0, baseline=0.0)
    await later(shop, runner, 60)
    name = "5m" if at == 300 else "10m"
    assert [one.verdict for one in shop.status.checkpoints if one.at == name] == ["Pass", "Breach"]
    await later(shop, runner, 1200)
    assert shop.outcome == "Succeeded"


async def test_a_checkpoint_in_a_shared_incident_reverts_when_only_the_baseline_recovers() -> None:
    shop = Shop()
    runner = shop.rollout(spec(steps=CHECKED, guards=[]))
    await runner.run_until(shop.start + 270)
    shop.values.update(candidate=0.3, baseline=0.3)
    await later(shop, runner, 120)
    assert holding(shop) == "SharedIncident"
    shop.values.update(baseline=0.0)
    await later(shop, runner, 51)
    assert shop.outcome == "Reverted"
    assert shop.status.history[0].reason == "ThresholdBreached"


@pytest.mark.parametrize("after_hold", ["Continue", "Restart"])
async def test_a_hold_at_the_final_checkpoint_ends_in_a_pass(after_hold: str) -> None:
    hold = {"metric": "errors", "max": "1%", "onBreach": "Hold", "afterHold": after_hold}
    steps = [{"name": "canary", "weight": 10, "duration": "5m", "thresholds": [hold]}]
    shop = Shop()
    runner = shop.rollout(spec(steps=steps, guards=[]))
    await runner.run_until(shop.start + 200)
    shop.values["candidate"] = 0.02
    await later(shop, runner, 400)
    assert holding(shop) == "Holding"
    shop.values["candidate"] = 0.0
    good = shop.clock.now()
    await later(shop, runner, 3600)
    assert shop.outcome == "Succeeded"
    passed = shop.status.checkpoints[0]
    assert (passed.at, passed.verdict) == ("5m", "Pass")
    needed = 300 if after_hold == "Restart" else 0
    assert needed <= passed.time.timestamp() - good <= needed + 25


async def test_counts_tell_better_than_shares_whether_two_arms_are_alike() -> None:
    """6 of 100 against 5.1 of 100 is 18 % more; 9 of 100 against 5.1 is 76 % more, and nothing that counts could show."""
    for bad, total, reverts in ((6.0, 100.0, False), (9.0, 100.0, False), (900.0, 10_000.0, True)):
        shop = Shop()
        counts = {
            (ArmName.CANDIDATE, "bad"): 0.0,
            (ArmName.CANDIDATE, "total"): total,
            (ArmName.BASELINE, "bad"): 0.051 * 9 * total,
            (ArmName.BASELINE, "total"): 9 * total,
        }
        shop.answer = lambda query, _now, counts=counts: value(counts.get((query.arm, query.part), 0.0))
        runner = await started(shop, metrics=[RATIO])
        counts[ArmName.CANDIDATE, "bad"] = bad
        await later(shop, runner, 11)
        assert (shop.outcome == "Reverted") is reverts, bad


@pytest.mark.parametrize(("held", "bad", "reverts"), [(0, 36.0, True), (1800, 36.0, False), (1800, 60.0, True)])
async def test_the_longer_both_arms_are_beyond_a_limit_the_more_must_a_single_window_show(
    held: float,
    bad: float,
    reverts: bool,  # noqa: FBT001
) -> None:
    """36 of 100 against 90 of 900 is clearly worse at the first look; among hundreds of them some window has that by chance."""
    shop = Shop()
    counts = {
        (ArmName.CANDIDATE, "bad"): 0.0,
        (ArmName.CANDIDATE, "total"): 100.0,
        (ArmName.BASELINE, "bad"): 90.0,
        (ArmName.BASELINE, "total"): 900.0,
    }
    shop.answer = lambda query, _now: value(counts.get((query.arm, query.part), 0.0))
    runner = await started(shop, metrics=[RATIO])
    if held:
        counts[ArmName.CANDIDATE, "bad"] = 10.0
        await later(shop, runner, held)
        assert holding(shop) == "SharedIncident"
    counts[ArmName.CANDIDATE, "bad"] = bad
    await later(shop, runner, 11)
    assert (shop.outcome == "Reverted") is reverts


async def test_of_several_segments_each_must_show_more() -> None:
    shop = Shop()
    bad = {ArmName.CANDIDATE: 0.0, ArmName.BASELINE: 90.0}
    total = {ArmName.CANDIDATE: 100.0, ArmName.BASELINE: 900.0}

    def answer(query: Query, _now: float) -> Answer:
        if query.part not in {"bad", "total"}:
            return value(1.0)
        one = (bad if query.part == "bad" else total).get(query.arm, 0.0)
        return series(**{f"s{number}": one for number in range(8)})

    shop.answer = answer
    by = {"name": "errors", "ratio": {**RATIO["ratio"], "by": ["segment"]}, "window": "20s"}
    runner = await started(shop, metrics=[by], guards=[{"metric": "errors", "max": "5%"}])
    bad[ArmName.CANDIDATE] = 36.0
    await later(shop, runner, 11)
    assert (shop.outcome, holding(shop)) == ("", "SharedIncident")


def few(bad: float, of_the_baseline: float) -> dict[tuple[ArmName, str], float]:
    """10 requests to the candidate, 90 to the baseline: too few to show in one window that 2 bad ones are more than none."""
    return {
        (ArmName.CANDIDATE, "bad"): bad,
        (ArmName.CANDIDATE, "total"): 10.0,
        (ArmName.BASELINE, "bad"): of_the_baseline,
        (ArmName.BASELINE, "total"): 90.0,
    }


@pytest.mark.parametrize(("lasting", "within", "after"), [("0s", 31, 70), ("1m", 45, 180)])
async def test_a_baseline_that_is_well_again_excuses_few_requests_for_a_moment_only(
    lasting: str, within: float, after: float
) -> None:
    shop = Shop()
    counts = few(0, 0)
    shop.answer = lambda query, _now: value(counts.get((query.arm, query.part), 0.0))
    runner = await started(shop, metrics=[RATIO], guards=[{"metric": "errors", "max": "5%", "for": lasting}])
    counts.update(few(2, 20))
    await later(shop, runner, 300)
    assert holding(shop) == "SharedIncident"
    counts.update(few(2, 0))
    await later(shop, runner, within)
    assert (holding(shop), shop.outcome) == ("SharedIncident", ""), (
        "by chance it may be within the limit a little earlier"
    )
    await later(shop, runner, after - within)
    assert shop.outcome == "Reverted"


async def test_an_incident_that_both_arms_share_excuses_no_other_limit() -> None:
    shop = Shop()
    counts, slow = few(0, 0), {"both": 0.1}
    shop.answer = lambda query, _now: value(
        slow["both"] if query.metric == "slow" else counts.get((query.arm, query.part), 0.0)
    )
    metrics = [RATIO, {"name": "slow", "query": 'slow{workload="$workload"}', "unit": "seconds", "window": "20s"}]
    guards = [{"metric": "slow", "max": "200ms"}, {"metric": "errors", "max": "5%"}]
    runner = await started(shop, metrics=metrics, guards=guards)
    slow["both"] = 1.0
    await later(shop, runner, 30)
    assert holding(shop) == "SharedIncident"
    counts.update(few(2, 0))
    await later(shop, runner, 11)
    assert shop.outcome == "Reverted"


async def test_a_shared_incident_is_not_written_again_with_every_judgement() -> None:
    shop = Shop()
    runner = await started(shop)
    shop.values.update(candidate=0.3, baseline=0.3)
    await later(shop, runner, 60)
    version = shop.cluster.rollouts["checkout"].resource_version
    await later(shop, runner, 120)
    assert shop.cluster.rollouts["checkout"].resource_version == version


async def test_after_a_shared_incident_the_duration_starts_anew_where_that_was_asked_for() -> None:
    line = {"name": "absolute", "metric": "errors", "regression": {"limit": "5%"}, "onBreach": "Hold"}
    stage = Stage(spec(metrics=[{**RATIO, "window": "1m"}], guards=[{**line, "afterHold": "Restart"}], steps=LONG))
    await stage.until(300)
    stage.source.shares(stage.shop.clock.now(), baseline=0.3, candidate=0.3)
    await stage.until(900)
    assert holding(stage.shop) == "SharedIncident"
    stage.source.shares(stage.shop.clock.now(), baseline=0.0, candidate=0.0)
    await stage.until(1800)
    assert holding(stage.shop) == ""
    assert stage.shop.status.step is not None
    assert stage.shop.status.step.watched < 900


async def test_a_regression_with_a_limit_that_both_arms_break_holds() -> None:
    absolute = {"name": "absolute", "metric": "errors", "regression": {"limit": "5%"}}
    metric = {**RATIO, "window": "1m"}
    for baseline, how in ((0.3, "SharedIncident"), (0.0, "")):
        stage = Stage(spec(metrics=[metric], guards=[absolute], steps=LONG))
        await stage.until(300)
        stage.source.shares(stage.shop.clock.now(), baseline=baseline, candidate=0.3)
        await stage.until(900)
        assert holding(stage.shop) == how
        assert stage.shop.outcome == ("" if how else "Reverted")
