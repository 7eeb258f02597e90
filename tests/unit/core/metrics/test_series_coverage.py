"""Series that are missing leave a verdict undecided; what is breached or without data stays so."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.simulated.shop import spec
from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.run_status import RunStatus, Version
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.status import RolloutStatus
from tidegate.api.rollout.thresholds import Threshold
from tidegate.api.status_budget import MAX_SERIES
from tidegate.core.metrics.series_coverage import note_groups, unless_incomplete, without_gone
from tidegate.core.model.finding import Finding, State
from tidegate.core.model.memory import Memory
from tidegate.core.model.observation import Observation
from tidegate.core.model.samples import NoData, Sample, SeriesSample, TooFew, Value
from tidegate.core.model.world import RolloutObject
from tidegate.core.tick.draft import Draft

LINE = Threshold.model_validate({"metric": "errors", "max": "5%"})
PLAIN = Metric.model_validate({"name": "errors", "query": "q", "unit": "ratio", "minSeries": 3})
RATIO = Metric.model_validate({"name": "errors", "ratio": {"bad": "b", "total": "t", "by": ["segment"]}})
ROLLOUT = RolloutObject("shop", "checkout", "uid", 1, "1", 0.0, False, (), {}, {})


def draft() -> Draft:
    run = RunStatus(id="1-a", version=Version(), start_time=datetime.fromtimestamp(0, UTC))
    made = RolloutSpec.model_validate(spec())
    return Draft(Observation(0.0, ROLLOUT, made), Memory(), made, RolloutStatus(run=run))


def value(*names: str, few: tuple[str, ...] = ()) -> Value:
    return Value(tuple(SeriesSample(name, None if name in few else 0.01, 100) for name in names))


def judged(state: State) -> Finding:
    return Finding(LINE, state, "as judged")


STATES = [
    (State.OK, State.TOO_FEW_REQUESTS),
    (State.NOT_COMPARABLE, State.TOO_FEW_REQUESTS),
    (State.TOO_FEW_REQUESTS, State.TOO_FEW_REQUESTS),
    (State.BREACHED, State.BREACHED),
    (State.NO_DATA, State.NO_DATA),
]


@pytest.mark.parametrize(("before", "after"), STATES)
def test_fewer_series_than_are_needed_decide_nothing_good(before: State, after: State) -> None:
    found = unless_incomplete(PLAIN, value("eu", "us"), judged(before))
    assert found.state is after
    incomplete = "errors: 2 series, at least 3 are needed (minSeries): eu, us"
    assert found.message == (incomplete if after is State.TOO_FEW_REQUESTS else "as judged")


def test_as_many_series_as_are_needed_are_enough() -> None:
    assert unless_incomplete(PLAIN, value("eu", "us", "ap"), judged(State.OK)).state is State.OK
    assert unless_incomplete(RATIO, value("eu"), judged(State.OK)).state is State.OK


@pytest.mark.parametrize("sample", [NoData(""), TooFew("")])
def test_an_answer_without_a_value_is_what_it_is(sample: Sample) -> None:
    assert unless_incomplete(PLAIN, sample, judged(State.OK)).state is State.OK
    known = draft()
    note_groups(known, RATIO, value("eu"))
    assert without_gone(known, RATIO, sample, judged(State.OK)).state is State.OK


@pytest.mark.parametrize(("before", "after"), STATES)
def test_a_group_that_is_gone_decides_nothing_good(before: State, after: State) -> None:
    known = draft()
    note_groups(known, RATIO, value("eu", "us"))
    found = without_gone(known, RATIO, value("us"), judged(before))
    assert found.state is after
    assert without_gone(known, RATIO, value("eu", "us", "ap"), judged(before)).state is before


def test_a_group_with_too_few_requests_is_there() -> None:
    known = draft()
    note_groups(known, RATIO, value("eu", "us"))
    assert without_gone(known, RATIO, value("eu", "us", few=("us",)), judged(State.OK)).state is State.OK


def test_a_group_that_never_had_enough_requests_is_not_missed() -> None:
    known = draft()
    note_groups(known, RATIO, value("eu", "us", few=("us",)))
    assert without_gone(known, RATIO, value("eu"), judged(State.OK)).state is State.OK


def test_no_more_groups_are_remembered_than_a_metric_may_have() -> None:
    known = draft()
    for number in range(3):
        note_groups(known, RATIO, value(*(f"{number}-{place}" for place in range(40))))
    (groups,) = known.run.groups
    assert len(groups.seen) == MAX_SERIES


def test_what_was_seen_of_a_metric_that_is_no_more_is_forgotten() -> None:
    known = draft()
    other = RATIO.model_copy(update={"name": "gone"})
    note_groups(known, other, value("eu"))
    note_groups(known, RATIO, value("eu"))
    assert [one.metric for one in known.run.groups] == ["errors"]
