"""Counters that have stopped coming are no data; a service that nobody asks anything has too few requests."""

from __future__ import annotations

import re

import pytest

from tests.simulated.scraped import Stage
from tests.simulated.shop import spec
from tidegate.core.model.answers import Failed, FailedReason, Query, Vector
from tidegate.core.model.world import ArmName

RATIO = {
    "name": "errors",
    "ratio": {"bad": 'bad{workload="$workload"}', "total": 'all{workload="$workload"}'},
    "window": "1m",
    "minimumRequests": 10,
}


def stage(**changes: object) -> Stage:
    made = {
        "metrics": [RATIO],
        "guards": [{"name": "limit", "metric": "errors", "max": "5%"}],
        "steps": [{"name": "canary", "weight": 10, "duration": "6h"}],
        **changes,
    }
    return Stage(spec(**made))


def state(one: Stage) -> str:
    """The guard's."""
    return next((guard.state for guard in one.witness.status.guards), "Ok")


def missing(one: Stage) -> list[str]:
    return [found.kind for found in one.witness.status.missing_data]


def asked(one: Stage) -> list[Query]:
    return [query for query in one.source.asked if query.part == "known-total"]


async def test_counters_that_vanish_in_the_run_are_no_data_and_revert_when_that_has_lasted() -> None:
    one = stage()
    one.source.pods[ArmName.CANDIDATE][0].end = one.start + 600
    await one.until(640)
    assert (state(one), missing(one)) == ("Ok", []), "the window still holds some"
    await one.until(700)
    assert (state(one), missing(one)) == ("NoData", ["NoData"])
    assert one.witness.status.missing_data[0].message == "errors: the newest sample of its counters is older than 60s"
    await one.until(3600)
    assert one.shop.outcome == "Reverted"
    assert 600 <= one.shop.clock.now() - one.start - 660 <= 660
    assert one.shop.status.history[0].reason == "NoData"


async def test_counters_that_come_back_are_seen_again() -> None:
    one = stage()
    one.source.pods[ArmName.CANDIDATE][0].away.append((one.start + 600, one.start + 900))
    await one.until(850)
    assert missing(one) == ["NoData"]
    await one.until(1000)
    assert (state(one), missing(one)) == ("Ok", [])


NOBODY = {
    "counters that do not move": lambda one: one.source.send(one.start - 600, ArmName.CANDIDATE, 0.0, 0.0),
    "no counters yet": lambda one: setattr(one.source.pods[ArmName.CANDIDATE][0], "begin", one.start + 86400),
    "only those of a run before": lambda one: setattr(one.source.pods[ArmName.CANDIDATE][0], "end", one.start - 90),
}


@pytest.mark.parametrize("why", NOBODY)
async def test_a_service_without_any_request_has_too_few_and_no_missing_data(why: str) -> None:
    one = stage()
    NOBODY[why](one)
    await one.until(3 * 3600)
    assert (state(one), missing(one), one.shop.outcome) == ("TooFewRequests", [], "")


async def test_the_source_is_asked_for_older_samples_only_when_the_window_holds_no_counter_at_all() -> None:
    one = stage()
    await one.until(1200)
    assert asked(one) == []
    one.source.send(one.start + 1200, ArmName.CANDIDATE, 0.0, 0.0)
    await one.until(1800)
    assert (state(one), asked(one)) == ("TooFewRequests", [])


async def test_what_lies_before_the_candidates_traffic_is_never_asked_for() -> None:
    one = stage()
    one.source.pods[ArmName.CANDIDATE][0].begin = one.start + 86400
    await one.until(600)
    run = one.witness.status.run
    assert run is not None
    assert run.traffic_since is not None
    last = asked(one)[-1].promql
    found = re.fullmatch(r".*\[(\d+)(m?s)\] offset 60s\)", last)
    assert found is not None, last
    reach = int(found[1]) / (1000 if found[2] == "ms" else 1)
    assert reach + 60 <= one.shop.clock.now() - run.traffic_since.timestamp()


async def test_a_source_that_cannot_say_is_down_and_nothing_else() -> None:
    one = stage()
    one.source.pods[ArmName.CANDIDATE][0].end = one.start + 600
    failed = Failed(FailedReason.REFUSED, "away")
    one.source.override = lambda query, _now: failed if query.part == "known-total" else None
    await one.until(900)
    assert missing(one) == ["SourceDown"]


WORSE = {"name": "worse", "metric": "errors", "regression": {}}
ABSOLUTE = {"name": "absolute", "metric": "errors", "regression": {"limit": "5%"}}
SPLIT = {"name": "split", "metric": "errors", "split": {}, "onBreach": "Hold"}


@pytest.mark.parametrize("gone", [("candidate",), ("baseline",), ("baseline", "candidate")], ids=" and ".join)
@pytest.mark.parametrize("line", [WORSE, ABSOLUTE, SPLIT], ids=lambda line: line["name"])
async def test_tests_on_counts_have_no_data_without_the_counters_they_need(
    line: dict[str, object], gone: tuple[str, ...]
) -> None:
    """Else nothing would be counted any more, and nothing would ever speak against the candidate."""
    one = stage(guards=[line])
    one.source.shares(one.start - 600, baseline=0.01, candidate=0.01)
    for arm in gone:
        one.source.pods[ArmName(arm)][0].end = one.start + 600
    await one.until(680)
    assert missing(one) == []
    await one.until(900)
    needed = line is not ABSOLUTE or "candidate" in gone
    assert missing(one) == (["NoData"] if needed else [])
    await one.until(2400)
    assert one.shop.outcome == ("Reverted" if needed else "")


async def test_a_limit_that_is_broken_stays_so_when_the_counters_are_gone() -> None:
    one = stage(guards=[{**ABSOLUTE, "onBreach": "Hold"}])
    one.source.shares(one.start, candidate=0.5)
    one.source.pods[ArmName.CANDIDATE][0].end = one.start + 600
    await one.until(1200)
    assert state(one) == "Breached"


async def test_a_native_histogram_is_looked_for_by_its_count() -> None:
    """The source's answers hold no histograms."""
    native = {"name": "slow", "ratio": {"histogram": "seconds", "slowerThan": "1s", "native": True}, "window": "1m"}
    one = stage(metrics=[native], guards=[{"name": "limit", "metric": "slow", "max": "5%"}])
    one.source.override = lambda _query, _now: Vector(())
    await one.until(300)
    assert {query.promql.partition("[")[0] for query in asked(one)} == {"histogram_count(last_over_time(seconds"}


async def test_when_the_counters_come_back_nothing_was_lost() -> None:
    one, whole = stage(guards=[WORSE]), stage(guards=[WORSE])
    one.source.pods[ArmName.CANDIDATE][0].away.append((one.start + 600, one.start + 1000))
    for each in (one, whole):
        each.source.shares(each.start - 600, baseline=0.01, candidate=0.01)
        await each.until(1500)
    assert missing(one) == []
    assert one.witness.evidence("worse").counts == whole.witness.evidence("worse").counts


async def test_a_candidate_without_any_counter_is_no_missing_data_to_a_test_on_counts_either() -> None:
    one = stage(guards=[WORSE])
    one.source.pods[ArmName.CANDIDATE][0].begin = one.start + 86400
    await one.until(3600)
    assert (state(one), missing(one), one.shop.outcome) == ("TooFewRequests", [], "")
