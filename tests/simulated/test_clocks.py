"""The source's clock and the operator's are not the same: no request is counted twice for it, none is lost, and nobody is reverted."""

from __future__ import annotations

import pytest

from tests.simulated.scraped import Stage
from tests.simulated.test_counted import RATIO, WORSE, counted
from tidegate.core.counters import MOST_APART
from tidegate.core.observed import ArmName

LASTS = 500.0


def stage(ahead: float, window: str = "1m", scrape: float = 5.0, **changes: object) -> Stage:
    """A shop whose source is so many seconds ahead; every request is counted from the first on."""
    metric = {**RATIO, "window": window, "warmUp": "0s"}
    made = Stage(counted(WORSE, metrics=[metric], **changes), before=7200)
    made.source.scrape = scrape
    made.source.shares(made.source.start, baseline=0.01, candidate=0.01)
    made.shop.answer = lambda question, now: made.source.answer(question, now + ahead)
    return made


PACES = {"minutes": ("1m", "10s", 15.0), "of ten seconds": ("10s", "10s", 5.0), "of one second": ("1s", "1s", 1.0)}


@pytest.mark.parametrize("ahead", [-230, -45, 20, 150, 230])
@pytest.mark.parametrize(("window", "interval", "scrape"), PACES.values(), ids=PACES)
async def test_minutes_apart_each_request_is_counted_once(
    ahead: float, window: str, interval: str, scrape: float
) -> None:
    one = stage(ahead, window, scrape, interval=interval)
    await one.until(LASTS)
    assert (one.shop.outcome, one.witness.status.blind) == ("", ())
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
    (blind,) = one.witness.status.blind
    assert blind.kind == "SourceDown", "a clock that is wrong is no reason to revert every candidate there is"
    assert f"the source's clock is {words} ours by" in blind.message
    assert one.witness.evidence("worse").counts == (0, 0, 0, 0)


async def test_an_interval_edited_while_the_source_is_ahead_doubles_nothing() -> None:
    one = stage(200, "10s")
    await one.until(300)
    one.shop.cluster.edit_rollout(
        "checkout", counted(WORSE, interval="15s", metrics=[{**RATIO, "window": "10s", "warmUp": "0s"}])
    )
    await one.until(LASTS)
    found = one.witness.evidence("worse")
    assert found.step == 15
    assert found.counts[2] <= 10 * (LASTS + 200)


async def test_counters_that_stop_are_missed_by_the_sources_own_clock() -> None:
    one = stage(-200)
    one.source.pods[ArmName.CANDIDATE][0].end = one.start + 200
    await one.until(300)
    assert one.witness.status.blind == ()
    await one.until(700)
    (blind,) = one.witness.status.blind
    assert (blind.kind, "the candidate's counters is older than 60s" in blind.message) == ("NoData", True)
