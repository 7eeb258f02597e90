"""However often the operator dies, is away or finds the source silent: what was gathered is the same."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import pytest

from tests.simulated.counted import ABSOLUTE, SPLIT, WORSE, counted
from tests.simulated.scraped import Stage
from tidegate.core.model.answers import Answer, Failed, FailedReason, Matrix, Query
from tidegate.core.model.raw_samples import RawSeries
from tidegate.core.model.world import ArmName
from tidegate.core.tick.open import HEARTBEAT

NAMES = ("worse", "absolute", "split")


async def gathered(until: float, *, trouble: object = None) -> Stage:
    """A run of all three kinds of line, with pods that are replaced and one that starts anew."""
    stage = Stage(counted(WORSE, ABSOLUTE, SPLIT))
    stage.source.shares(stage.start - 600, baseline=0.01, candidate=0.011)
    for at in (700, 1555, 4000):
        stage.source.replaced(stage.start + at, ArmName.CANDIDATE)
    stage.source.replaced(stage.start + 2222, ArmName.BASELINE)
    stage.source.pods[ArmName.BASELINE][0].resets.append(stage.start + 1301)
    if callable(trouble):
        trouble(stage)
    await stage.until(until)
    return stage


_UNDISTURBED: dict[float, Stage] = {}


async def undisturbed(until: float) -> Stage:
    if until not in _UNDISTURBED:
        _UNDISTURBED[until] = await gathered(until)
    return _UNDISTURBED[until]


def same(stage: Stage, other: Stage) -> None:
    for name in NAMES:
        one, two = stage.witness.evidence(name), other.witness.evidence(name)
        assert replace(one, state=None) == replace(two, state=None), name
        assert one.state is not None
        assert two.state is not None
        assert one.state.segments.keys() == two.state.segments.keys()
        for labels, segment in one.state.segments.items():  # how often logarithms were rounded depends on the ticks
            assert segment.numbers == pytest.approx(two.state.segments[labels].numbers, rel=1e-5, abs=0.01), name
            assert segment.logs == pytest.approx(two.state.segments[labels].logs, rel=1e-5, abs=0.01), name


@pytest.mark.parametrize("away", [0.0, 45.0, 400.0])
@pytest.mark.parametrize("at", [25, 130, 299, 303, 702, 1304, 2225])
async def test_a_restarted_operator_counts_exactly_what_an_undisturbed_one_counts(at: float, away: float) -> None:
    def restart(stage: Stage) -> None:
        stage.runner.stand_still(stage.start + at, stage.start + at + away)

    same(await gathered(2700, trouble=restart), await undisturbed(2700))


async def test_restarted_again_and_again_it_still_counts_the_same() -> None:
    def restart(stage: Stage) -> None:
        for at in range(20, 2300, 37):
            stage.runner.at(stage.start + at, stage.runner.restart)

    same(await gathered(2700, trouble=restart), await undisturbed(2700))


@pytest.mark.parametrize("away", [3700, 2.6 * 3600])
async def test_after_hours_away_what_was_missed_is_counted_hour_by_hour(away: float) -> None:
    def restart(stage: Stage) -> None:
        stage.runner.stand_still(stage.start + 1000, stage.start + 1000 + away)

    until = 1000 + away + 300
    disturbed = await gathered(until, trouble=restart)
    same(disturbed, await undisturbed(until))
    assert any(" offset " in one.promql for one in disturbed.source.asked if one.part == "raw-total")


async def test_where_an_hour_is_more_than_the_source_can_answer_minutes_are_caught_up_on() -> None:
    def small(query: Query, _now: float) -> Answer | None:
        reach = re.search(r"\[(\d+)s\]", query.promql)
        large = query.part.startswith("raw") and reach is not None and int(reach[1]) > 1000
        return Failed(FailedReason.BAD_ANSWER, "too large") if large else None

    def away(stage: Stage) -> None:
        stage.source.override = small
        stage.runner.stand_still(stage.start + 1000, stage.start + 5000)

    disturbed = await gathered(6500, trouble=away)
    same(disturbed, await undisturbed(6500))


async def test_what_was_gathered_is_written_with_the_heartbeat_and_not_in_quiet_ticks() -> None:
    stage = Stage(counted(WORSE))
    stage.source.shares(stage.start, baseline=0.01, candidate=0.01)
    await stage.until(400)
    writes = []
    stage.shop.gate.after = lambda call: writes.append(stage.shop.clock.now()) if call == "store.write_status" else None
    await stage.until(400 + 3600)
    assert 11 <= len(writes) <= 13, "one for each heartbeat"
    assert all(after - before >= HEARTBEAT for before, after in pairwise(writes))
    behind = stage.witness.evidence("worse").windows - stage.stored("worse").windows
    assert 0 <= behind <= 5


async def test_what_was_gathered_is_written_at_a_checkpoint() -> None:
    steps = [{"name": "canary", "weight": 10, "duration": "6h", "checkpoints": [{"at": "490s"}]}]
    stage = Stage(counted(WORSE, steps=steps))
    await stage.until(515)
    assert stage.shop.status.checkpoints
    assert stage.stored("worse").windows >= 7


async def test_the_source_is_down_for_twenty_minutes_and_nothing_is_lost() -> None:
    def down(stage: Stage) -> None:
        stage.source.outages.append((stage.start + 900, stage.start + 2100))

    disturbed = await gathered(2700, trouble=down)
    same(disturbed, await undisturbed(2700))
    assert disturbed.shop.outcome == ""


@pytest.mark.parametrize("for_", [200, 550])
async def test_scrapes_that_failed_are_made_good_by_the_next(for_: float) -> None:
    """Also after longer than the look-back: what a series had before is asked for, once, and only then."""

    def unscraped(stage: Stage) -> None:
        stage.source.unscraped.append((stage.start + 2300, stage.start + 2300 + for_))

    disturbed = await gathered(3900, trouble=unscraped)
    whole = await undisturbed(3900)
    for name in ("worse", "absolute"):
        assert disturbed.witness.evidence(name).counts == whole.witness.evidence(name).counts
    known = [one for one in disturbed.source.asked if one.part.startswith("known")]
    assert known


@pytest.mark.parametrize("impossible", [False, True])
async def test_a_baseline_without_a_counter_of_all_requests_hides_no_outage(*, impossible: bool) -> None:
    """A test against a limit can do without it."""
    stage = Stage(counted(ABSOLUTE))
    stage.source.shares(stage.start - 600, baseline=0.01, candidate=0.5)

    def answer(query: Query, now: float) -> Answer | None:
        found = stage.source.answer(query, now)
        if query.arm is not ArmName.BASELINE or query.part != "raw-total" or not isinstance(found, Matrix):
            return found
        few = (RawSeries(one.labels, tuple((at, value / 1000) for at, value in one.samples)) for one in found.series)
        return Matrix(tuple(few) if impossible else ())

    stage.shop.answer = answer
    await stage.until(300)
    assert stage.shop.outcome == "Reverted"
