"""Tests on counts over history, and whose fault a breach was then."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from tests.unit.backtest.past import START, Past, Series, spec
from tests.unit.backtest.scraped import (
    CALM,
    LIMIT,
    MAX,
    METRIC,
    REGRESSED,
    SHARED,
    WORSE,
    Scraped,
    Shares,
    counting,
    judged,
    rates,
)
from tidegate.core.model.answers import Query
from tidegate.core.model.world import ArmName
from tidegate.simulation.backtest.arms import Assumed, as_of_then, assumptions
from tidegate.simulation.backtest.history import History, Stretch
from tidegate.simulation.backtest.run import PastRun
from tidegate.simulation.backtest.world import Course, PastMetrics
from tidegate.simulation.clock import VirtualClock


async def test_a_regression_of_the_past_is_found_when_it_was() -> None:
    (past,) = (await judged(REGRESSED)).runs
    assert (past.outcome, past.reason) == ("Reverted", "GuardBreached")
    assert 3599.999 <= past.end - START <= 3600 + 600
    assert "worse than the baseline's by more than 20%" in past.message
    (test,) = past.tests
    assert (test.limit, test.conclusion) == ("worse", "Regressed")
    assert test.message in past.message


async def test_a_candidate_of_the_past_that_was_no_worse_is_let_through_and_what_was_counted_is_told() -> None:
    found = await judged(CALM)
    (past,) = found.runs
    assert past.outcome == "Succeeded"
    (test,) = past.tests
    assert test.conclusion == "Inconclusive"
    assert "shows no regression by more than 20% so far" in test.message
    assert 60_000 < int(test.counts.split(" of ")[1].split()[0]) < 75_000  # two hours of ten a second, less the warm-up
    (one,) = found.tests()
    assert (one.runs, one.worse, one.shown_ok, one.inconclusive) == (1, 0, 0, 1)
    assert list(found.suggestions()) == []
    assert list(found.limits()) == []


def test_a_split_that_nobody_made_then_is_left_out_and_said() -> None:
    lines = [{"metric": "errors", "split": {}, "onBreach": "Hold"}, MAX]
    of = spec(metrics=[METRIC], guards=lines, steps=[{"name": "canary", "weight": 5, "thresholds": lines}])
    made = as_of_then(of, Assumed.CANDIDATE)
    assert [line.identity for line in (*made.guards, *made.steps[0].thresholds)] == ["errors max 5%"] * 2
    assert any("limits with `split` are left out" in one for one in assumptions(of, Assumed.CANDIDATE))


@pytest.mark.parametrize("guard", [LIMIT, MAX])
async def test_a_limit_that_both_broke_then_held_and_is_not_told_as_calm(guard: dict[str, Any]) -> None:
    (past,) = (await judged(SHARED, 10_000, guards=[guard])).runs
    assert (past.outcome, past.stopped, past.held, past.shared) == ("Succeeded", False, True, True)
    (hold,) = past.holds
    assert hold.reason == "SharedIncident"
    assert 3599.999 <= hold.begin - START <= 3960
    assert hold.end - START >= 4199.999
    assert "a shared incident, not this version" in hold.message


@pytest.mark.parametrize("guard", [LIMIT, MAX])
async def test_a_limit_that_the_candidate_alone_broke_is_a_stop(guard: dict[str, Any]) -> None:
    shares: Shares = {"shop": [(0.0, "0.5%")], "shop-canary": [(0.0, "0.5%"), (3600.0, "30%")]}
    (past,) = (await judged(shares, guards=[guard])).runs
    assert (past.outcome, past.holds) == ("Reverted", ())
    assert "shared" not in past.message


@pytest.mark.parametrize("guard", [LIMIT, MAX])
async def test_with_one_history_alone_every_breach_is_a_stop_and_that_is_said(guard: dict[str, Any]) -> None:
    shares: Shares = {"shop": SHARED["shop"], "shop-canary": [(0.0, None)]}
    (past,) = (await judged(shares, assumed=Assumed.BASELINE, guards=[guard])).runs
    assert (past.outcome, past.holds) == ("Reverted", ())
    assert "shared" not in past.message
    said = " ".join(assumptions(counting(guards=[guard]), Assumed.BASELINE))
    assert "Every breach counts as a stop" in said
    assert "Every breach" not in " ".join(assumptions(counting(), Assumed.BASELINE))


@pytest.mark.parametrize(
    ("guard", "alike", "outcome"),
    [(LIMIT, True, "Succeeded"), (MAX, True, "Succeeded"), (LIMIT, False, "Reverted"), (MAX, False, "Reverted")],
)
async def test_one_half_of_the_pods_shares_an_incident_with_the_other_or_not(
    guard: dict[str, Any],
    alike: bool,  # noqa: FBT001  (a table's column)
    outcome: str,
) -> None:
    ratio = {"bad": 'bad{p=~"$pods"}', "total": 'all{p=~"$pods"}'}
    other = SHARED["shop"] if alike else CALM["shop"]
    shares: Shares = {"shop-[a-z0-9]+-[a-z0-9]{4}[j-z]": SHARED["shop"], "shop-[a-z0-9]+-[a-z0-9]{4}[0-9b-h]": other}
    past = Past({text.replace("d=", "p=~"): answer for text, answer in rates(shares).answers.items()})
    raw = Scraped(shares, label="p=~")
    found = await judged(
        shares, 10_000, assumed=Assumed.HALVES, raw=raw, past=past, metrics=[METRIC | {"ratio": ratio}], guards=[guard]
    )
    (one,) = found.runs
    assert (one.outcome, one.shared) == (outcome, alike)


async def test_a_comparison_of_a_history_with_itself_is_not_tested_and_said_to_be_so() -> None:
    found = await judged({"shop": REGRESSED["shop-canary"], "shop-canary": [(0.0, None)]}, assumed=Assumed.BASELINE)
    assert found.runs[0].outcome == "Succeeded"
    (one,) = found.tests()
    assert found.untested(one.placed)
    assert "Limits and tests against the baseline" in " ".join(assumptions(counting(), Assumed.BASELINE))


def plain(past: PastRun) -> tuple[object, ...]:
    """Without what may differ: how often it ticked."""
    holds = [(round(one.begin, 1), round(one.end, 1), one.reason) for one in past.holds]
    told = [(round(one.time, 1), one.reason) for one in past.told]
    return past.outcome, past.reason, round(past.end, 1), holds, told, past.tests


@pytest.mark.parametrize("guards", [[WORSE], [LIMIT], [MAX], [WORSE | {"for": "3m", "onBreach": "Hold"}, MAX, LIMIT]])
@pytest.mark.parametrize(
    "candidate",
    [
        [(0.0, "0.5%"), (3600.0, "4%"), (4500.0, "0.5%")],
        [(0.0, "0.5%"), (1830.0, "30%"), (2500.0, "0.5%")],
        [(0.0, "0.5%"), (3600.0, None), (4000.0, "0.5%")],
        [(0.0, None), (5900.0, "0.5%")],
        [(0.0, None), (2000.0, "0.5%"), (3000.0, None)],
    ],
)
async def test_leaving_out_quiet_ticks_changes_nothing(guards: list[dict[str, Any]], candidate: list[Any]) -> None:
    shares: Shares = {"shop": [(0.0, "0.5%"), (1800.0, "30%"), (2300.0, "0.5%")], "shop-canary": candidate}
    missing_data = {"noData": {"after": "3m", "then": "Revert"}, "sourceDown": {"after": "1h", "then": "Hold"}}
    leaping, ticking = [
        await judged(shares, 6000, leap=leap, interval="30s", guards=guards, missingData=missing_data)
        for leap in (True, False)
    ]
    assert [plain(one) for one in leaping.runs] == [plain(one) for one in ticking.runs]
    assert leaping.gaps == ticking.gaps


async def test_an_incident_that_the_baseline_is_first_to_get_over_becomes_the_candidates_own() -> None:
    shares: Shares = {
        "shop": [(0.0, "0.5%"), (1800.0, "30%"), (2400.0, "0.5%")],
        "shop-canary": [(0.0, "0.5%"), (1800.0, "30%")],
    }
    for leap in (True, False):
        (past,) = (await judged(shares, guards=[MAX], leap=leap)).runs
        assert (past.outcome, past.shared) == ("Reverted", True)
        assert 2399.999 <= past.end - START <= 2460


async def test_a_counter_that_never_was_is_not_asked_for_again_and_again() -> None:
    shares: Shares = {"shop": [(0.0, "0.5%")], "shop-canary": [(0.0, None), (7700.0, "0.5%")]}
    past = rates(shares)
    await judged(shares, past=past, guards=[MAX])
    assert not [promql for promql, _, _ in past.asked if "last_over_time" in promql]


async def test_a_counter_that_went_away_is_no_data() -> None:
    shares: Shares = {"shop": [(0.0, "0.5%")], "shop-canary": [(0.0, "0.5%"), (3600.0, None)]}
    missing_data = {"noData": {"after": "5m", "then": "Revert"}, "sourceDown": {"after": "1h", "then": "Hold"}}
    (past,) = (await judged(shares, guards=[MAX], missingData=missing_data)).runs
    assert past.reason == "NoData"
    assert 3899.999 <= past.end - START <= 4100


@pytest.mark.parametrize("leap", [True, False])
async def test_a_last_scrape_is_noticed_in_the_midst_of_a_silence(*, leap: bool) -> None:
    shares: Shares = {"shop": [(0.0, "0.5%")], "shop-canary": [(0.0, "0.5%"), (3600.0, None)]}
    late = {'last_over_time(all{d="shop-canary"}': lambda t: 1.0 if t > 4200 else None}
    past = Past(dict(rates(shares).answers) | late)
    missing_data = {"noData": {"after": "5m", "then": "Revert"}, "sourceDown": {"after": "1h", "then": "Hold"}}
    (one,) = (await judged(shares, past=past, guards=[MAX], missingData=missing_data, leap=leap)).runs
    assert one.reason == "NoData"
    assert 4500 <= one.end - START <= 4600


async def test_what_is_asked_together_is_answered_together() -> None:
    gate = asyncio.Event()

    async def slowly(promql: str, start: float, _end: float, _step: float) -> Sequence[Series]:
        if promql == "slow":
            await gate.wait()
        return [((), [(start, 1.0)])]

    history = History(slowly, Stretch(START, 10.0, 2))
    course = Course("shop", "default", "uid", spec(), {}, lambda *_: (None, ()), history, lambda *_: 0)
    source = PastMetrics(course, VirtualClock(START))
    quick, slow = [
        asyncio.create_task(
            source.sample(Query("default", text, arm=ArmName.BASELINE), timeout=0.01, rollout="shop/web")
        )
        for text in ("quick", "slow")
    ]
    done, _ = await asyncio.wait({quick}, timeout=0.05)
    assert not done
    gate.set()
    assert await quick == await slow


async def test_a_test_goes_on_after_hours_without_a_weight() -> None:
    steps = [
        {"name": "canary", "weight": 10, "duration": "30m"},
        {"name": "night", "weight": 0, "duration": "3h"},
        {"name": "again", "weight": 10, "duration": "1h"},
    ]
    leaping, ticking = [await judged(CALM, 20_000, leap=leap, steps=steps) for leap in (True, False)]
    assert leaping.runs[0].outcome == "Succeeded"
    assert plain(leaping.runs[0]) == plain(ticking.runs[0])
