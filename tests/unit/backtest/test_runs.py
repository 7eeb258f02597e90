from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from tests.unit.backtest.past import START, Given, Past, Series, order, run, spec
from tidegate.simulation.backtest.arms import Assumed
from tidegate.simulation.backtest.backtest import NoHistoryError, backtest
from tidegate.simulation.backtest.history import Recording, Stretch
from tidegate.simulation.backtest.order import Task, tasks
from tidegate.simulation.backtest.part import part
from tidegate.simulation.backtest.tracks import BREATH, Samples, judged

CANARY, BASELINE = "shop-canary", '"shop"'
CALM: dict[str, Callable[[float], Given]] = {BASELINE: lambda _: 0.01}


async def test_it_reverts_when_and_because_it_would_have() -> None:
    found = await run({CANARY: lambda t: 0.01 if t < 400 else 0.2})
    (past,) = found.runs
    assert found.assumed is Assumed.CANDIDATE
    assert (past.outcome, past.reason) == ("Reverted", "GuardBreached")
    assert past.message == "errors of the candidate is 20%, above max 5% (window 30s)"
    assert past.end - START == pytest.approx(400, abs=0.001)
    assert [(span.step, span.weight) for span in past.spans if span.weight] == [("canary", 10), ("half", 50)]
    assert past.stopped


async def test_a_breach_must_last() -> None:
    guards = [{"metric": "errors", "max": "5%", "for": "1m"}]
    short = await run(CALM | {CANARY: lambda t: 0.2 if 400 <= t < 450 else 0.0}, spec(guards=guards))
    long = await run({CANARY: lambda t: 0.2 if 400 <= t < 500 else 0.0}, spec(guards=guards))
    assert [short.runs[0].outcome, long.runs[0].outcome] == ["Succeeded", "Reverted"]
    assert long.runs[0].end - START == pytest.approx(460, abs=0.001)
    (line,) = short.limits()
    assert (line.beyond, line.longest, line.worst) == (5, 40.0, 0.2)
    assert line.room == 1.0  # no five minutes of it were above 0


async def test_a_clean_run_succeeds_in_its_time() -> None:
    (past,) = (await run(CALM | {CANARY: lambda _: 0.01})).runs
    assert past.outcome == "Succeeded"
    assert 600 <= past.end - past.start < 650
    assert past.ticks < 40


async def test_a_history_that_ends_first_leaves_the_run_open() -> None:
    (past,) = (await run({CANARY: lambda _: 0.01}, seconds=300)).runs
    assert past.outcome == "Running"
    assert not past.stopped


async def test_no_data_reverts_as_the_operator_would_and_is_told() -> None:
    missing_data = {"noData": {"after": "1m", "then": "Revert"}, "sourceDown": {"after": "1h", "then": "Hold"}}
    found = await run({CANARY: lambda t: None if t >= 200 else 0.01}, spec(missingData=missing_data))
    assert found.runs[0].reason == "NoData"
    assert 250 <= found.runs[0].end - START < 280
    gap = next(one for one in found.gaps if one.arm == "candidate")
    assert gap.first[0] - START == pytest.approx(200, abs=0.001)


async def test_without_a_canary_in_the_past_the_baseline_stands_for_it() -> None:
    guards = [{"metric": "errors", "max": "5%"}, {"metric": "errors", "maxIncrease": "1%", "floor": "0%"}]
    found = await run({BASELINE: lambda t: 0.01 if t < 400 else 0.2}, spec(guards=guards))
    assert found.assumed is Assumed.BASELINE
    assert found.runs[0].outcome == "Reverted"
    absolute, relative = found.limits()
    assert (absolute.beyond, relative.beyond) == (1, 0)
    assert [found.untested(one.placed) for one in (absolute, relative)] == [False, True]
    assert len(list(found.suggestions())) == 1


async def test_one_half_of_the_pods_is_compared_with_the_other() -> None:
    metrics = [{"name": "errors", "query": 'errors{pod=~"$pods"}[$window]', "unit": "ratio", "window": "30s"}]
    guards = [{"metric": "errors", "maxIncrease": "20%", "floor": "0%", "for": "30s"}]
    of = spec(metrics=metrics, guards=guards)
    found = await run(
        {"[j-z]": lambda t: 0.013 if t > 300 else 0.011, "[0-9b-h]": lambda _: 0.01}, of, assumed=Assumed.HALVES
    )
    assert found.runs[0].message.startswith("errors of the candidate is 1.3%, higher than the baseline by more than")


async def test_nothing_at_all_says_what_was_asked() -> None:
    with pytest.raises(NoHistoryError) as raised:
        await run({})
    assert "no metric of Rollout shop has any data from 2023-11-14 22:13:20" in str(raised.value)
    assert 'errors: rate(errors{d="shop"}[30s])' in str(raised.value)


async def test_no_window_reaches_back_to_before_the_candidate_had_traffic() -> None:
    past = Past({CANARY: lambda _: 0.01})
    await backtest(past, order(spec(), 1200))
    early = [promql for promql, start, end in past.asked if start == end and CANARY in promql]
    assert [text[text.index("[") : -1] for text in early][:2] == ["[10s]", "[20s]"]


async def test_git_that_updates_the_baseline_is_not_waited_for() -> None:
    promotion = {"strategy": "AwaitBaseline", "settle": "20s"}
    (past,) = (await run({CANARY: lambda _: 0.01, BASELINE: lambda _: 0.01}, spec(promotion=promotion))).runs
    assert past.outcome == "Succeeded"


async def test_a_breach_after_the_promotion_is_a_stop() -> None:
    (past,) = (await run({CANARY: lambda _: 0.01, BASELINE: lambda _: 0.5})).runs
    assert (past.outcome, past.reason, past.stopped) == ("SentBack", "PromotionBreached", True)


async def test_runs_start_so_often_as_long_as_a_clean_one_fits_in() -> None:
    made = order(spec(), 3600, every=600)
    assert [one - START for one in made.starts()] == [0, 600, 1200, 1800, 2400]
    found = await run(CALM | {CANARY: lambda t: 0.2 if 1300 < t < 1320 else 0.01}, seconds=3600, every=600)
    assert [past.outcome for past in found.runs] == ["Succeeded", "Succeeded", "Reverted", "Succeeded", "Succeeded"]
    assert (found.rate.stopped, found.rate.runs) == (1, 5)
    low, high = found.rate.interval
    assert 0 < low < 0.2 < high < 1


async def test_a_query_about_the_elapsed_time_is_asked_at_every_judgement() -> None:
    metrics = [{"name": "errors", "query": 'errors{d="$workload"}[$elapsed]', "unit": "ratio", "window": "30s"}]
    past = Past(CALM | {CANARY: lambda _: 0.01})
    found = await backtest(past, order(spec(metrics=metrics), 1200))
    assert found.runs[0].outcome == "Succeeded"
    assert len({promql for promql, _, _ in past.asked}) > 20
    assert list(found.limits()) == []


async def test_a_stop_is_told_for_when_it_was_decided_not_for_when_it_was_recorded() -> None:
    of = spec(interval="2s")
    raised = (await run(CALM | {CANARY: lambda _: 0.01}, of)).runs[0].spans[-1].begin - START
    (past,) = (await run(CALM | {CANARY: lambda t: 0.2 if t > raised else 0.01}, of)).runs
    decided, recorded = past.told[-2:]
    assert (decided.reason, recorded.reason) == ("GuardBreached", "Reverted")
    assert recorded.time == decided.time
    assert past.end == past.spans[-1].end == decided.time


class Counting(Samples):
    taken = 0

    def take(self, index: int) -> None:
        del index
        self.taken += 1


async def test_who_ends_it_waits_for_no_judgement_of_months() -> None:
    samples = Counting(spec().metrics[0], {})
    running = asyncio.ensure_future(judged(Stretch(START, 10.0, 100 * BREATH), [samples], []))
    asyncio.get_running_loop().call_soon(running.cancel)
    with pytest.raises(asyncio.CancelledError):
        await running
    assert samples.taken <= BREATH


@pytest.mark.parametrize("at", [0.0, 3.217, 9.999])
async def test_a_run_starts_at_the_very_instant_that_is_asked_for(at: float) -> None:
    made = order(spec(), 1200)
    moved = replace(made, start=made.start + at)
    (past,) = (await backtest(Past(CALM), moved)).runs
    assert past.start == made.start + at
    assert past.spans[0].begin == past.start
    assert 0 <= past.start - moved.stretch.start <= 0.001  # of ten seconds


async def test_runs_in_parts_are_the_same_as_runs_over_the_whole_history() -> None:
    """A week of short runs in many parts, and the same in one."""
    past = {CANARY: lambda t: 0.2 if t % 5000 > 4900 else 0.01, BASELINE: lambda _: 0.01}
    guards = [{"metric": "errors", "max": "5%", "for": "20s"}, {"metric": "errors", "max": "10%", "onBreach": "Hold"}]
    made = order(spec(guards=guards), 15_000, every=1900)
    parts = list(tasks(made, Assumed.CANDIDATE))
    assert len(parts) > 2
    assert [task.first for task in parts[1:]] == [task.last + 1 for task in parts[:-1]]
    assert (parts[0].first, parts[-1].last) == (0, made.stretch.points - 1)
    found = await backtest(Past(past), made)
    last = made.stretch.points - 1
    whole = await part(Past(past), Task(made, Assumed.CANDIDATE, 0, last, last, tuple(made.starts())))
    assert [run.run for run in whole.runs] == found.runs
    assert {run.outcome for run in found.runs} == {"Succeeded", "Reverted"}


async def test_a_run_that_takes_longer_than_a_clean_one_gets_more_history() -> None:
    """It holds for hours, and ends only then."""
    guards = [{"metric": "errors", "max": "5%", "onBreach": "Hold"}]
    past = Past(CALM | {CANARY: lambda t: 0.2 if 200 < t < 3_000 else 0.01})
    (one,) = (await backtest(past, order(spec(guards=guards), 6_000))).runs
    assert one.outcome == "Succeeded"
    assert 3_000 < one.end - START < 4_000


class Watching(Past):
    """Counts the recordings in memory whenever it is asked."""

    most = 0

    async def __call__(self, promql: str, start: float, end: float, step: float) -> Sequence[Series]:
        self.most = max(self.most, sum(isinstance(one, Recording) for one in gc.get_objects()))
        return await super().__call__(promql, start, end, step)


async def test_the_history_of_one_part_is_in_memory_at_a_time() -> None:
    made = order(spec(), 40_000, every=5000)
    assert len(list(tasks(made, Assumed.CANDIDATE))) > 6
    past = Watching({CANARY: lambda _: 0.01, BASELINE: lambda _: 0.01})
    gc.collect()  # of what other tests have left
    gc.disable()  # nobody looks for rings of objects that nobody knows any more
    try:
        await backtest(past, made)
    finally:
        gc.enable()
    assert past.most == 2  # one query about each arm
