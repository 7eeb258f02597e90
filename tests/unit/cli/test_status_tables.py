"""The tables of `tidegate status`: findings, counts, gates, Jobs, earlier runs."""

from __future__ import annotations

from tests.unit.cli.status_told import AT, RUN, STEP, told
from tidegate.core.count_tests.state import Kind, SegmentState, State, packed


def test_findings_come_as_a_table_of_limit_and_value() -> None:
    finding = {"threshold": "errors max 1%", "state": "Ok", "value": "0.3%", "limit": "1%"}
    status = {
        "run": RUN,
        "guards": [{"name": "errors max 5%", "state": "Pending", "since": AT, "message": "6% for 2m of 15m"}],
        "missingData": [{"metric": "stars", "kind": "NoData", "since": AT, "message": "empty"}],
        "checkpoints": [{"step": "canary", "at": "15m", "time": AT, "verdict": "Pass", "findings": [finding]}],
        "history": [
            {"id": "2", "version": {}, "outcome": "Reverted", "reason": "GuardBreached", "startTime": AT, "endTime": AT}
        ],
    }
    assert told(status)[2:] == [
        (
            "Guards that are not ok\n"
            "GUARD           STATE     SINCE          OBSERVED\n"
            "errors max 5%   Pending   14:00:00 UTC   6% for 2m of 15m\n"
        ),
        (
            "Metrics without data\n"
            "METRIC   WHY      SINCE          ERROR\n"
            "stars    NoData   14:00:00 UTC   empty\n"
        ),
        (
            "Last checkpoint, 15m into canary: Pass\n"
            "THRESHOLD       LIMIT   CANDIDATE   STATE\n"
            "errors max 1%   1%      0.3%        Ok\n"
        ),
        (
            "Earlier runs\n"
            "RUN   OUTCOME    ENDED          WHY\n"
            "2     Reverted   14:00:00 UTC   GuardBreached\n"
        ),
    ]  # fmt: skip


def test_what_is_shown_of_a_run_that_ended_says_of_which() -> None:
    status = {
        "checkpoints": [
            {"step": "canary", "at": "30m", "time": AT, "verdict": "Breach"},
            {"step": "canary", "at": "15m", "time": AT, "verdict": "Pass"},
        ],
        "history": [{"id": "2", "version": {}, "outcome": "Reverted", "reason": "X", "startTime": AT, "endTime": AT}],
    }
    titles = [line.splitlines()[0] for line in told(status)]
    assert titles[:2] == ["Last checkpoint of run 2, 30m into canary: Breach", "Earlier checkpoints of run 2"]


def test_a_checkpoint_shows_the_guards_beside_the_thresholds_and_the_checkpoints_before_it() -> None:
    finding = {"threshold": "errors max 1%", "state": "Ok", "value": "0.3%", "limit": "1%"}
    guard = {"threshold": "p99 max 200ms", "guard": True, "state": "Pending", "value": "240ms", "limit": "200ms"}
    last = {"step": "canary", "at": "30m", "time": AT, "verdict": "Pass", "findings": [finding, guard]}
    first = {"step": "canary", "at": "15m", "time": AT, "verdict": "Pass", "findings": [guard]}
    assert told({"checkpoints": [last, first]}) == [
        (
            "Last checkpoint, 30m into canary: Pass\n"
            "THRESHOLD       LIMIT   CANDIDATE   STATE\n"
            "errors max 1%   1%      0.3%        Ok\n"
        ),
        (
            "The guards at that time\n"
            "GUARD           LIMIT   CANDIDATE   STATE\n"
            "p99 max 200ms   200ms   240ms       Pending\n"
        ),
        (
            "Earlier checkpoints\n"
            "STEP     AT    EVALUATED      VERDICT   NOT OK\n"
            "canary   15m   14:00:00 UTC   Pass      p99 max 200ms: Pending\n"
        ),
    ]
    (only,) = told({"checkpoints": [first]})
    assert only.splitlines()[:2] == [
        "Last checkpoint, 15m into canary: Pass",
        "GUARD           LIMIT   CANDIDATE   STATE",
    ]


def test_a_name_that_says_metric_and_limit_stands_alone() -> None:
    derived = {"threshold": "errors max 5%", "metric": "errors", "limit": "max 5%", "state": "Ok", "value": "0.3%"}
    (alone,) = told(
        {"checkpoints": [{"step": "canary", "at": "15m", "time": AT, "verdict": "Pass", "findings": [derived]}]}
    )
    assert alone.splitlines()[1:] == ["THRESHOLD       CANDIDATE   STATE", "errors max 5%   0.3%        Ok"]
    named = derived | {"threshold": "outage"}
    (whole,) = told(
        {"checkpoints": [{"step": "canary", "at": "15m", "time": AT, "verdict": "Pass", "findings": [named]}]}
    )
    assert whole.splitlines()[2].split() == ["outage", "errors", "max", "5%", "0.3%", "Ok"]


def test_counts_say_of_what_they_are() -> None:
    tested = {
        "threshold": "worse",
        "limit": "regression margin 20%",
        "state": "Ok",
        "counts": "7 of 90 against 8 of 900",
    }
    split = {"threshold": "split", "limit": "split 99.9%", "state": "Ok", "counts": "90 of 990"}
    checkpoint = {"step": "canary", "at": "15m", "time": AT, "verdict": "Pass", "findings": [tested, split]}
    segments = {"": SegmentState((900, 8, 90, 7))}
    worse, split_ = (packed(State(kind, (), segments)) for kind in (Kind.REGRESSION, Kind.SPLIT))
    evidence = {"asked": "x", "start": AT, "step": 60}
    run = RUN | {
        "evidence": [evidence | {"name": "worse", "state": worse}, evidence | {"name": "split", "state": split_}]
    }
    tests, last = told({"run": run, "checkpoints": [checkpoint]})[-2:]
    assert "7 of 90 bad   8 of 900 bad" in tests
    assert "90 requests   900 requests" in tests
    assert "7 of 90 against 8 of 900 bad" in last
    assert "90 of 990 to it" in last


def test_a_closed_gate_says_what_is_awaited_since_when_and_from_whom() -> None:
    window = {"part": "windows", "message": "opens with its window at 2026-11-23T08:00:00Z", "since": AT}
    status = {
        "run": RUN,
        "step": STEP,
        "gate": {
            "step": "everyone",
            "closed": [
                window | {"opens": "2026-11-23T08:00:00Z"},
                {"part": "approvals", "message": "awaits approval 'finance'", "since": AT, "people": "whoever may"},
            ],
            "opens": "2026-11-23T08:00:00Z",
        },
    }
    table = next(part for part in told(status) if part.startswith("Closed"))
    assert table.splitlines()[0] == "Closed in the gate of step everyone, which can open at 2026-11-23 08:00:00 UTC"
    assert [line.split() for line in table.splitlines()[-2:]] == [
        [
            *[
                "windows",
                "opens",
                "with",
                "its",
                "window",
                "at",
                "2026-11-23T08:00:00Z",
                "14:00:00",
                "UTC",
                "no",
                "person",
                "2026-11-23",
                "08:00:00",
                "UTC",
            ]
        ],
        [*["approvals", "awaits", "approval", "'finance'", "14:00:00", "UTC", "whoever", "may"]],
    ]


def test_jobs_are_told_with_what_became_of_them() -> None:
    jobs = [
        {
            "name": "web-undo-1",
            "run": "3",
            "purpose": "Revert",
            "key": "undo",
            "cronJob": "undo",
            "step": "canary",
            "requested": AT,
            "uid": "u",
            "started": AT,
            "finished": "2026-11-21T14:02:00Z",
            "outcome": "Failed",
            "message": "BackoffLimitExceeded",
        },
        {
            "name": "web-smoke-2",
            "run": "3",
            "purpose": "Gate",
            "key": "smoke",
            "cronJob": "smoke",
            "step": "everyone",
            "requested": AT,
            "uid": "u",
        },
        {
            "name": "web-tell-3",
            "run": "3",
            "purpose": "End",
            "key": "tell",
            "cronJob": "tell",
            "requested": AT,
            "message": "cannot be created: forbidden",
        },
    ]
    (table,) = [part for part in told({"observedGeneration": 1, "jobs": jobs}) if part.startswith("Jobs")]
    lines = [" ".join(line.split()) for line in table.splitlines()]
    assert lines[2:] == [
        "web-undo-1 Revert undo canary 14:00:00 UTC Failed 2m BackoffLimitExceeded",
        "web-smoke-2 Gate smoke everyone 14:00:00 UTC Running 10m",
        "web-tell-3 End tell 14:00:00 UTC Not created 10m cannot be created: forbidden",
    ]


def test_the_pods_of_the_candidate_are_told_as_last_set() -> None:
    scaling = {"replicas": 5, "time": AT, "cause": "weight 50% needs them"}
    parts = told({"observedGeneration": 1, "scaling": scaling})
    (table,) = [part for part in parts if part.startswith("Pods of the candidate")]
    assert " ".join(table.splitlines()[2].split()) == "5 14:00:00 UTC weight 50% needs them"
    assert not any(
        part.startswith("Pods") for part in told({"observedGeneration": 1, "scaling": {"refused": "an HPA"}})
    )
