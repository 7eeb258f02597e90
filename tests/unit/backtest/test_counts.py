"""Tests on counts over history, whose fault a breach was then, and what becomes of both in words, JSON and picture."""

from __future__ import annotations

import asyncio
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml

from tests.unit.backtest.past import START, Past, Series, run, spec
from tests.unit.backtest.scraped import (
    CALM,
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
from tests.unit.backtest.story import prometheus
from tidegate.cli.backtest_panels import panels
from tidegate.cli.backtest_text import show_lines, show_suggestions
from tidegate.cli.main import main
from tidegate.core.observed import ArmName, Question
from tidegate.simulation.clock import VirtualClock
from tidegate.simulation.history import History, Stretch
from tidegate.simulation.history_arms import Assumed, as_of_then, assumptions
from tidegate.simulation.history_run import PastRun
from tidegate.simulation.history_world import Course, PastMetrics

SVG = "{http://www.w3.org/2000/svg}"
FROM = ("--from", "2023-11-14T22:13:20Z", "--to", "2023-11-15T00:53:20Z")
LIMIT: dict[str, Any] = {"name": "promise", "metric": "errors", "regression": {"limit": "5%"}}
MAX: dict[str, Any] = {"metric": "errors", "max": "5%"}


async def test_a_regression_of_the_past_is_found_when_it_was() -> None:
    (past,) = (await judged(REGRESSED)).runs
    assert (past.outcome, past.reason) == ("Reverted", "GuardBreached")
    assert 3600 <= past.end - START <= 3600 + 600
    assert "worse than the baseline's by more than 20%" in past.message
    (test,) = past.tests
    assert (test.line, test.conclusion) == ("worse", "Regressed")
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
    assert list(found.lines()) == []


def test_a_split_that_nobody_made_then_is_left_out_and_said() -> None:
    lines = [{"metric": "errors", "split": {}, "onBreach": "Hold"}, MAX]
    of = spec(metrics=[METRIC], guards=lines, steps=[{"name": "canary", "weight": 5, "thresholds": lines}])
    made = as_of_then(of, Assumed.CANDIDATE)
    assert [line.identity for line in (*made.guards, *made.steps[0].thresholds)] == ["errors max 5%"] * 2
    assert any("lines with `split` are left out" in one for one in assumptions(of, Assumed.CANDIDATE))


@pytest.mark.parametrize("guard", [LIMIT, MAX])
async def test_a_limit_that_both_broke_then_held_and_is_not_told_as_calm(guard: dict[str, Any]) -> None:
    (past,) = (await judged(SHARED, 10_000, guards=[guard])).runs
    assert (past.outcome, past.stopped, past.held, past.shared) == ("Succeeded", False, True, True)
    (hold,) = past.holds
    assert hold.reason == "SharedIncident"
    assert 3600 <= hold.begin - START <= 3960
    assert hold.end - START >= 4200
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
    blindness = {"noData": {"after": "3m", "then": "Revert"}, "sourceDown": {"after": "1h", "then": "Hold"}}
    leaping, ticking = [
        await judged(shares, 6000, leap=leap, interval="30s", guards=guards, blindness=blindness)
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
        assert 2400 <= past.end - START <= 2460


async def test_a_counter_that_never_was_is_not_asked_for_again_and_again() -> None:
    shares: Shares = {"shop": [(0.0, "0.5%")], "shop-canary": [(0.0, None), (7700.0, "0.5%")]}
    past = rates(shares)
    await judged(shares, past=past, guards=[MAX])
    assert not [promql for promql, _, _ in past.asked if "last_over_time" in promql]


async def test_a_counter_that_went_away_is_no_data() -> None:
    shares: Shares = {"shop": [(0.0, "0.5%")], "shop-canary": [(0.0, "0.5%"), (3600.0, None)]}
    blindness = {"noData": {"after": "5m", "then": "Revert"}, "sourceDown": {"after": "1h", "then": "Hold"}}
    (past,) = (await judged(shares, guards=[MAX], blindness=blindness)).runs
    assert past.reason == "BlindNoData"
    assert 3900 <= past.end - START <= 4100


async def test_what_is_asked_together_is_answered_together() -> None:
    gate = asyncio.Event()

    async def slowly(promql: str, start: float, _end: float, _step: float) -> Sequence[Series]:
        if promql == "slow":
            await gate.wait()
        return [((), [(start, 1.0)])]

    history = History(slowly, Stretch(START, 10.0, 2))
    course = Course("shop", "default", spec(), {}, lambda *_: (None, ()), history, lambda *_: 0)
    source = PastMetrics(course, VirtualClock(START))
    quick, slow = [
        asyncio.create_task(source.sample(Question("default", text, arm=ArmName.BASELINE), timeout=0.01))
        for text in ("quick", "slow")
    ]
    done, _ = await asyncio.wait({quick}, timeout=0.05)
    assert not done
    gate.set()
    assert await quick == await slow


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "rollout.yaml"
    given = counting(guards=[WORSE, MAX]).model_dump(mode="json", by_alias=True, exclude_unset=True)
    kind = {"apiVersion": "tidegate.dev/v1alpha1", "kind": "Rollout", "metadata": {"name": "shop"}}
    made.write_text(yaml.safe_dump(kind | {"spec": given}))
    return made


async def printed(shares: Shares, capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    async with prometheus(rates(shares), Scraped(shares)) as fake:
        given = ["backtest", *(str(one) for one in arguments), "--prometheus", fake.url, *FROM]
        assert await asyncio.to_thread(main, given) == 0
    return capsys.readouterr().out


async def test_a_hold_in_a_shared_incident_is_told_in_words(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = await printed(SHARED, capsys, file)
    assert "Succeeded, held in a shared incident" in said
    (row,) = [line for line in said.splitlines() if "shared incident: errors of the candidate" in line]
    assert "Tue 2023-11-14 23:1" in row
    assert "held for 10m of it (10m in a shared incident)" in said.splitlines()[-1]


async def test_a_hold_in_a_shared_incident_is_told_in_json(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (past,) = json.loads(await printed(SHARED, capsys, file, "--format", "json"))["runs"]
    assert (past["outcome"], past["held"], past["shared"]) == ("Succeeded", True, True)
    (hold,) = past["holds"]
    assert (hold["reason"], hold["begin"][:16], hold["end"][:16]) == (
        "SharedIncident",
        "2023-11-14T23:13",
        "2023-11-14T23:23",
    )


async def test_a_hold_is_drawn_and_the_chart_has_it(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "92")
    said = await printed(SHARED, capsys, file, "--svg", tmp_path / "x.svg", "--chart")
    tree = ET.parse(tmp_path / "x.svg").getroot()  # noqa: S314  (our own)
    legend, hold = [rect for rect in tree.iter(f"{SVG}rect") if rect.get("class") == "hold"]
    assert legend.get("width") == "24"
    assert (float(hold.get("x", "")) - 76) / 860 * 9600 == pytest.approx(3660, abs=60)
    assert float(hold.get("width", "")) / 860 * 9600 == pytest.approx(600, abs=70)
    assert any("HHHHH" in line for line in said.splitlines())


async def test_a_test_on_counts_is_told_in_words_and_suggests_nothing(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = await printed(CALM, capsys, file, "--suggest")
    lines = said.splitlines()
    row = next(line for line in lines if line.startswith("worse: errors worse than the baseline") and "  " in line)
    assert row.split()[-4:] == ["1", "0", "0", "1"]
    assert any("shows no regression by more than 20% so far" in line for line in lines)
    assert "Tests on counts have no limit to tune" in said
    assert not [
        line
        for line in lines[lines.index("Other limits, each line by itself, in clean runs from the same starts") :]
        if "worse" in line
    ]


async def test_a_test_on_counts_is_told_in_json(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = json.loads(await printed(REGRESSED, capsys, file, "--format", "json", "--suggest"))
    (test,) = said["tests"]
    assert (test["line"], test["worse"], test["runs"], test["compared"]) == ("worse", 1, 1, True)
    assert test["told"]["conclusion"] == "Regressed"
    assert said["runs"][0]["tests"][0]["message"] == test["told"]["message"]
    assert [one["line"] for one in said["suggestions"]] == ["errors max 5%"]


async def test_the_panel_of_a_test_has_both_rates_and_its_name_and_the_picture_its_words(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await printed(REGRESSED, capsys, file, "--svg", tmp_path / "x.svg")
    tree = ET.parse(tmp_path / "x.svg").getroot()  # noqa: S314  (our own)
    (panel,) = tree.findall(f"{SVG}g")
    assert [path.get("class") for path in panel.findall(f"{SVG}path")] == ["baseline", "candidate"]
    assert len([line for line in panel.findall(f"{SVG}line") if line.get("class") == "limit"]) == 1  # that of max 5%
    texts = ["".join(text.itertext()) for text in tree.iter(f"{SVG}text")]
    assert {"regression margin 20%", "max 5%"} <= set(texts)
    assert any("worse than the baseline" in text for text in texts)
    assert [line for line in tree.findall(f"{SVG}line") if line.get("class") == "stop"]


async def test_a_limit_of_a_test_is_a_line_and_a_spread_is_none() -> None:
    lines = [LIMIT, WORSE, {"metric": "errors", "maxSpread": "20%"}, {"metric": "errors", "maxIncrease": "20%"}]
    (panel,) = panels(await judged(CALM, guards=lines), 100)
    assert {limit.label: (limit.value, limit.change) for limit in panel.limits} == {
        "regression limit 5%": (0.05, None),
        "regression margin 20%": (None, None),
        "maxSpread 20%": (None, None),
        "maxIncrease 20%": (None, 0.2),
    }


def grouped(**changes: object) -> dict[str, Any]:
    return {
        "name": "errors",
        "query": 'sum by (pod) (errors{d="$workload"})',
        "unit": "ratio",
        "window": "30s",
        **changes,
    }


async def test_series_too_far_apart_are_a_stop_and_the_spread_is_told_as_a_share(
    capsys: pytest.CaptureFixture[str],
) -> None:
    past = {"shop-canary": lambda t: {"a": 0.01, "b": 0.01 if t < 300 else 0.03}, "shop": lambda _: 0.01}
    of = spec(metrics=[grouped(unit="none")], guards=[{"metric": "errors", "maxSpread": "50%"}])
    found = await run(past, of)
    assert found.runs[0].outcome == "Reverted"
    assert "is 100%, above maxSpread 50%" in found.runs[0].message
    show_lines(found, sys.stdout)
    show_suggestions(found, sys.stdout)
    said = capsys.readouterr().out
    assert " 100% " in said
    assert "25%" in said
    assert "the limit now" in said


@pytest.mark.parametrize("leap", [True, False])
async def test_with_fewer_series_than_asked_for_a_checkpoint_decides_nothing(*, leap: bool) -> None:
    past = {"shop-canary": lambda t: {"a": 0.01, "b": 0.01} if t < 100 else {"a": 0.01}, "shop": lambda _: 0.01}
    of = spec(metrics=[grouped(minSeries=2)], guards=[{"metric": "errors", "max": "5%"}])
    found = await run(past, of, leap=leap)
    assert found.runs[0].outcome == "Running"
    (line,) = found.lines()
    assert line.too_few > 20


@pytest.mark.parametrize("leap", [True, False])
async def test_a_group_that_came_and_went_is_missed_however_quiet_the_rest_is(*, leap: bool) -> None:
    ratio = {"bad": 'bad{d="$workload"}', "total": 'all{d="$workload"}', "by": ["pod"]}
    three = {"a": 1000.0, "b": 1000.0, "c": 1000.0}
    past = {"all{": lambda t: three if 200 < t < 240 else {"a": 1000.0, "b": 1000.0}, "bad{": lambda _: None}
    of = spec(
        metrics=[{"name": "errors", "ratio": ratio, "window": "30s"}], guards=[{"metric": "errors", "maxSpread": "50%"}]
    )
    found = await run(past, of, assumed=Assumed.BASELINE, leap=leap)
    assert found.runs[0].outcome == "Running"


async def test_a_test_goes_on_after_hours_without_a_weight() -> None:
    steps = [
        {"name": "canary", "weight": 10, "duration": "30m"},
        {"name": "night", "weight": 0, "duration": "3h"},
        {"name": "again", "weight": 10, "duration": "1h"},
    ]
    leaping, ticking = [await judged(CALM, 20_000, leap=leap, steps=steps) for leap in (True, False)]
    assert leaping.runs[0].outcome == "Succeeded"
    assert plain(leaping.runs[0]) == plain(ticking.runs[0])


@pytest.mark.parametrize("native", [False, True])
async def test_slow_requests_of_a_histogram_are_a_share_like_any(*, native: bool) -> None:
    ratio = {"histogram": 'd{d="$workload"}', "slowerThan": "250ms", "native": native}
    metric = {"name": "slow", "ratio": ratio, "window": "30s"}
    fast = "histogram_fraction" if native else "_bucket"
    past = {fast: lambda t: 990.0 if t < 400 else 600.0, 'd{d="': lambda _: 1000.0, "d_count": lambda _: 1000.0}
    found = await run(past, spec(metrics=[metric], guards=[{"metric": "slow", "max": "5%"}]), assumed=Assumed.BASELINE)
    assert found.runs[0].message == "slow of the candidate is 40%, above max 5% (window 30s, 1000 requests)"
    assert not math.isnan(next(found.lines()).worst or math.nan)
