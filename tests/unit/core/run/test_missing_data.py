"""How long a metric has had no answer, and when that acts: tick by tick, in watched time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from tests.simulated.shop import spec
from tidegate.api.rollout.run_status import RunStatus, Version
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.status import RolloutStatus
from tidegate.api.rollout.thresholds import Threshold
from tidegate.core.model.finding import Finding, State
from tidegate.core.model.memory import Memory
from tidegate.core.model.observation import Observation
from tidegate.core.model.world import RolloutObject
from tidegate.core.run.interrupts import notice_missing_data
from tidegate.core.tick.draft import Draft
from tidegate.core.tick.judgement import Judgement

ROLLOUT = RolloutObject("shop", "checkout", "uid", 1, "1", 0.0, False, (), {}, {})
LINE = Threshold.model_validate({"metric": "errors", "max": "5%"})
WARN = Threshold.model_validate({"metric": "errors", "max": "1%", "onBreach": "Warn"})
NO_DATA, DOWN = Finding(LINE, State.NO_DATA, "empty"), Finding(LINE, State.SOURCE_DOWN, "refused")
GOOD, FEW, OUT = (Finding(LINE, state, "") for state in (State.OK, State.TOO_FEW_REQUESTS, State.OPEN))
NOT_SAMPLED = Finding(LINE, State.NOT_COMPARABLE, "", sampled=False)
SOON = {"noData": {"after": "1s", "then": "Revert"}, "sourceDown": {"after": "1s", "then": "Hold"}}


@dataclass
class Ticks:
    """A run every ten seconds of which the source is asked."""

    policy: dict[str, object] = field(default_factory=lambda: dict(SOON))
    metric: dict[str, object] = field(default_factory=dict)
    now: float = 1000.0
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        made = spec(missingData=self.policy)
        made["metrics"] = [made["metrics"][0] | self.metric]
        self.spec = RolloutSpec.model_validate(made)
        run = RunStatus(id="1-a", version=Version(), start_time=datetime.fromtimestamp(0, UTC))
        self.status = RolloutStatus(run=run)

    def tick(self, *findings: Finding, judging: bool = True, seconds: float = 10.0) -> str:
        """What the run comes to: the reason of its end or of its hold, empty while it goes on."""
        self.now += seconds
        draft = Draft(Observation(self.now, ROLLOUT, self.spec), Memory(status=self.status), self.spec, self.status)
        draft.update_run(watched=draft.run.watched + seconds)
        draft.judgement = Judgement(guards=tuple(findings))
        notice_missing_data(draft, judging=judging)
        self.status = draft.status
        self.told += [one.reason for one in draft.decisions]
        stopped = draft.run.ending or draft.run.hold
        return stopped.reason if stopped else ""


@pytest.mark.parametrize(("finding", "reason"), [(NO_DATA, "NoData"), (DOWN, "SourceDown")])
def test_it_takes_three_answers_however_soon_it_may_act(finding: Finding, reason: str) -> None:
    run = Ticks()
    assert [run.tick(finding) for _ in range(3)] == ["", "", reason]


def test_a_second_look_at_the_same_answers_is_no_further_answer() -> None:
    run = Ticks()
    assert [run.tick(NO_DATA), run.tick(NO_DATA)] == ["", ""]
    for _ in range(3):
        assert run.tick(NO_DATA, judging=False, seconds=0.0) == ""
    assert run.tick(NO_DATA) == "NoData"


@pytest.mark.parametrize("finding", [GOOD, FEW])
def test_an_answer_begins_it_anew(finding: Finding) -> None:
    run = Ticks()
    assert [run.tick(one) for one in (NO_DATA, NO_DATA, finding, NO_DATA, NO_DATA)] == [""] * 5
    assert run.tick(NO_DATA) == "NoData"


@pytest.mark.parametrize("finding", [OUT, NOT_SAMPLED])
def test_what_is_no_answer_changes_nothing(finding: Finding) -> None:
    run = Ticks()
    assert [run.tick(one) for one in (NO_DATA, NO_DATA, finding, NO_DATA)] == ["", "", "", "NoData"]


def test_one_line_without_data_makes_that_of_the_metric_missing() -> None:
    run = Ticks()
    assert [run.tick(GOOD, NO_DATA) for _ in range(3)] == ["", "", "NoData"]


def test_a_line_that_only_warns_makes_nothing_missing() -> None:
    run = Ticks()
    missing = Finding(WARN, State.NO_DATA, "empty")
    assert [run.tick(missing) for _ in range(9)] == [""] * 9
    assert run.status.missing_data == ()


def test_each_kind_goes_by_its_own_deadline_and_a_metrics_own_stands_before_the_rollouts() -> None:
    late = {"noData": {"after": "1h", "then": "Revert"}, "sourceDown": {"after": "1h", "then": "Hold"}}
    for finding, kind, reason in ((NO_DATA, "noData", "NoData"), (DOWN, "sourceDown", "SourceDown")):
        for policy, metric, ticks in (
            (late | {kind: {"after": "1m", "then": "Revert"}}, {}, 7),
            (late, {"missingData": {kind: {"after": "2m", "then": "Revert"}}}, 13),
            (late, {}, 361),
        ):
            run = Ticks(policy, metric)
            assert [run.tick(finding) for _ in range(ticks - 1)] == [""] * (ticks - 1)
            assert run.tick(finding) == reason


def test_what_was_not_watched_counts_two_intervals_at_most() -> None:
    run = Ticks({"noData": {"after": "1m", "then": "Revert"}})
    assert [run.tick(NO_DATA, seconds=one) for one in (10, 3600, 10, 10)] == [""] * 4
    assert [one.watched for one in run.status.missing_data] == [40]


def test_a_warning_is_told_once_for_each_kind() -> None:
    warn = {"after": "15s", "then": "Warn"}
    run = Ticks({"noData": warn, "sourceDown": warn})
    for finding in (*[NO_DATA] * 6, *[DOWN] * 6):
        assert run.tick(finding) == ""
    assert run.told == ["NoData", "SourceDown"]


def test_what_ends_the_run_is_not_followed_by_a_hold() -> None:
    run = Ticks({"noData": {"after": "10m", "then": "Revert"}, "sourceDown": {"after": "1m", "then": "Hold"}})
    for _ in range(8):
        run.tick(DOWN)
    while run.status.run is not None and run.status.run.ending is None:
        run.tick(NO_DATA)
    assert run.status.run is not None
    assert run.status.run.hold is None
    assert run.told == ["Holding", "NoData"]
