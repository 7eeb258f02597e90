"""The source's clock and the operator's are not the same: no request is counted twice for it, none is lost, and nobody is reverted."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.simulated.counted import RATIO, WORSE, counted
from tests.simulated.scraped import Stage
from tidegate.core.count_tests.source_clock import MOST_APART
from tidegate.core.model.answers import Answer, Query
from tidegate.core.model.time_format import instant
from tidegate.core.model.world import ArmName

LASTS = 500.0


def stage(ahead: float, window: str = "1m", scrape: float = 5.0, **changes: object) -> Stage:
    """A shop whose source is so many seconds ahead; every request is counted from the first on."""
    metric = {**RATIO, "window": window, "warmUp": "0s"}
    made = Stage(counted(WORSE, metrics=[metric], **changes), before=7200)
    made.source.scrape = scrape
    made.source.shares(made.source.start, baseline=0.01, candidate=0.01)
    made.shop.answer = lambda query, now: made.source.answer(query, now + ahead)
    return made


PACES = {"minutes": ("1m", "10s", 15.0), "of ten seconds": ("10s", "10s", 5.0), "of one second": ("1s", "1s", 1.0)}


@pytest.mark.parametrize("ahead", [-230, -45, 20, 150, 230])
@pytest.mark.parametrize(("window", "interval", "scrape"), PACES.values(), ids=PACES)
async def test_minutes_apart_each_request_is_counted_once(
    ahead: float, window: str, interval: str, scrape: float
) -> None:
    one = stage(ahead, window, scrape, interval=interval)
    await one.until(LASTS)
    assert (one.shop.outcome, one.witness.status.missing_data) == ("", ())
    found = one.witness.evidence("worse")
    begin = found.start.timestamp()
    end = begin + found.windows * found.step
    for arm, total, bad in zip(ArmName, found.counts[::2], found.counts[1::2], strict=True):
        for part, counts in (("total", total), ("bad", bad)):
            samples = one.source.series(one.source.pods[arm][0], arm, part, begin - 600, end).samples
            before = [value for at, value in samples if at <= begin]
            assert counts == samples[-1][1] - before[-1], (arm, part)
    assert -150 < end - (one.shop.clock.now() + ahead) < 0, "up to now by the source's clock"


@pytest.mark.parametrize(("ahead", "words"), [(400.0, "ahead of"), (-400.0, "behind"), (3600.0, "ahead of")])
async def test_further_apart_nothing_is_counted_and_the_clocks_are_blamed(ahead: float, words: str) -> None:
    one = stage(ahead)
    assert abs(ahead) > MOST_APART
    await one.until(LASTS)
    (missing,) = one.witness.status.missing_data
    assert missing.kind == "SourceDown", "a clock that is wrong is no reason to revert every candidate there is"
    assert f"the source's clock is {words} ours by" in missing.message
    assert one.witness.evidence("worse").counts == (0, 0, 0, 0)


async def test_a_source_minutes_behind_is_blamed_while_nothing_can_be_counted_yet() -> None:
    one = stage(-120.0)
    await one.until(90)
    (guard,) = one.witness.status.guards
    assert guard.state == "TooFewRequests"
    assert "the source's clock is behind ours by 2m" in guard.message
    assert one.witness.status.missing_data == ()
    await one.until(LASTS)
    assert one.witness.evidence("worse").windows > 0


async def test_a_source_whose_clock_is_right_is_not_asked_for_it() -> None:
    one = stage(0.0)
    await one.until(LASTS)
    assert [query for query in one.source.asked if query.part == "clock"] == []


async def test_an_interval_edited_while_the_source_is_ahead_doubles_nothing() -> None:
    one = stage(200, "10s")
    await one.until(300)
    one.shop.cluster.edit_rollout(
        "checkout", counted(WORSE, interval="40s", metrics=[{**RATIO, "window": "10s", "warmUp": "0s"}])
    )
    await one.until(LASTS)
    found = one.witness.evidence("worse")
    assert found.step == 40
    assert found.counts[2] <= 10 * (LASTS + 200)


@pytest.mark.parametrize("ahead", [-200, 200])
async def test_what_was_missed_is_caught_up_on_by_the_earlier_clock(ahead: float) -> None:
    one = stage(ahead)
    one.runner.stand_still(one.start + 300, one.start + 300 + 7600)
    await one.until(8200)
    found = one.witness.evidence("worse")
    assert any(" offset " in query.promql for query in one.source.asked if query.part == "raw-total")
    assert found.windows >= (8200 + ahead - 150) // 60
    assert found.counts == (5400 * found.windows, 54 * found.windows, 600 * found.windows, 6 * found.windows)


async def test_a_grid_that_began_by_a_clock_which_was_ahead_is_laid_anew() -> None:
    one = stage(0)
    await one.until(20)
    stored = one.shop.cluster.rollouts["checkout"]
    status = copy.deepcopy(dict(stored.status))
    (evidence,) = status["run"]["evidence"]
    evidence["start"] = instant(one.start + 86400).isoformat()
    one.shop.cluster.put_rollout(replace(stored, status=status))
    one.runner.restart()
    await one.until(LASTS)
    assert one.witness.evidence("worse").windows >= 6


async def test_counters_that_stop_are_missed_by_the_sources_own_clock() -> None:
    one = stage(-200)
    one.source.pods[ArmName.CANDIDATE][0].end = one.start + 200
    await one.until(300)
    assert one.witness.status.missing_data == ()
    await one.until(700)
    (missing,) = one.witness.status.missing_data
    assert (missing.kind, "the candidate's counters is older than 60s" in missing.message) == ("NoData", True)


async def test_our_own_clock_set_back_by_an_hour_blames_the_clocks_and_reverts_nobody() -> None:
    one = stage(0.0)
    await one.until(400)
    stored = one.shop.cluster.rollouts["checkout"]
    status = copy.deepcopy(dict(stored.status))
    (evidence,) = status["run"]["evidence"]
    evidence["start"] = (datetime.fromisoformat(evidence["start"]) + timedelta(hours=1)).isoformat()
    one.shop.cluster.put_rollout(replace(stored, status=status))

    def answer(query: Query, now: float) -> Answer | None:
        assert "[-" not in query.promql
        return one.source.answer(query, now + 3600)

    one.shop.answer = answer
    one.runner.restart()
    await one.until(1500)
    assert one.shop.outcome == ""
    (missing,) = one.witness.status.missing_data
    assert missing.kind == "SourceDown"
