"""What `tidegate status` tells, as a pure function of the object and the moment."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tidegate.api.rollout.spec import FINALIZER
from tidegate.api.rollout.status import RolloutStatus, Version
from tidegate.cli.status.command import report
from tidegate.cli.status.told import Told, version_in_words
from tidegate.cli.tables import Table, plain
from tidegate.core.count_tests.state import Kind, SegmentState, State, packed

AT = "2026-11-21T14:00:00Z"
NOW = datetime(2026, 11, 21, 14, 10, tzinfo=UTC)
LATER = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
RUN: dict[str, Any] = {"id": "3", "version": {"images": ["web:2"]}, "startTime": AT}
SPEC: dict[str, Any] = {
    "baseline": {"deployment": "web", "service": "web"},
    "candidate": {"deployment": "web-canary", "service": "web-canary"},
    "steps": [{"name": "canary", "weight": 5, "duration": "1h"}, {"name": "everyone", "weight": 100}],
}
STEP = {"name": "canary", "index": 1, "of": 2, "summary": "1/2 canary", "weight": 5, "reached": True, "watched": 600}


def told(status: dict[str, Any], now: datetime = NOW, **metadata: Any) -> list[str]:  # noqa: ANN401
    raw = {"metadata": {"name": "web", "namespace": "shop", **metadata}, "spec": metadata.pop("spec", SPEC)}
    parts = report(Told.of(raw, RolloutStatus.model_validate(status), now))
    return [f"{part.title}\n{plain(part)}" if isinstance(part, Table) else part for part in parts]


def condition(kind: str, state: str, reason: str, message: str = "") -> dict[str, Any]:
    return {"type": kind, "status": state, "reason": reason, "message": message, "lastTransitionTime": AT}


def test_a_new_rollout_has_nothing_to_tell() -> None:
    assert told({"observedGeneration": -1}) == []


def test_a_run_tells_of_each_cohort() -> None:
    cohorts = [
        {"name": "staff", "desired": 100, "observed": 100},
        {"name": "beta", "desired": 50, "observed": 20},
        {"name": "chosen", "desired": 0, "observed": 0, "message": "reverted for the rest of the run: too slow"},
        {"name": "unread", "desired": 5},
    ]
    status = {"weight": {"desired": 0, "observed": 0}, "run": RUN, "step": STEP, "cohorts": cohorts}
    assert [line for line in told(status) if line.startswith("Cohort")] == [
        "Cohort staff: 100%",
        "Cohort beta: 50% desired, 20% on the route",
        "Cohort chosen: 0%; reverted for the rest of the run: too slow",
        "Cohort unread: 5% desired, the route could not be read",
    ]


@pytest.mark.parametrize(
    ("mirror", "words"),
    [
        ({"desired": 20, "observed": 20}, "20%"),
        ({"desired": 20, "observed": 0}, "20% desired, 0% on the route"),
        ({"desired": 20}, "20% desired, the route could not be read"),
        ({"desired": 0, "observed": 0}, ""),
    ],
)
def test_a_run_tells_what_is_mirrored(mirror: dict[str, int], words: str) -> None:
    status = {"weight": {"desired": 0, "observed": 0}, "run": RUN, "step": STEP, "mirror": mirror}
    found = [line for line in told(status) if line.startswith("Requests mirrored")]
    assert found == (
        [f"Requests mirrored to the candidate: {words}; users get only the baseline's answers"] if words else []
    )


def test_a_run_tells_what_is_in_service_and_on_trial_and_where_it_is() -> None:
    status = {
        "message": "watching 5% for 50m more",
        "released": {"revision": "v1", "images": ["web:1"]},
        "conditions": [condition("Ready", "Unknown", "Watching", "watching 5% for 50m more")],
        "weight": {"desired": 5, "observed": 4.5},
        "run": RUN | {"version": {"revision": "v2", "images": ["web:2"]}},
        "step": STEP | {"expectedEnd": "2026-11-21T15:00:00Z"},
        "nextCheckTime": "2026-11-21T14:15:00Z",
    }
    assert told(status) == [
        "watching 5% for 50m more",
        "In service: web with v1 (web:1), 95.5%",
        "Under test: web-canary with v2 (web:2), 4.5% on the route, 5% desired",
        "Run 3, since 14:00:00 UTC",
        "Step 1/2 canary at 5%: watched for 10m of 1h, ends about 15:00:00 UTC",
        "Conditions: Ready Unknown (Watching)",
        "Next checkpoint or gate: 14:15:00 UTC",
    ]


def test_watched_time_is_that_of_now_and_not_of_the_last_record() -> None:
    status = {"run": RUN, "step": STEP | {"watched": 0, "expectedEnd": "2026-11-21T14:30:00Z"}}
    assert "Step 1/2 canary at 5%: watched for 40m of 1h, ends about 14:30:00 UTC" in told(status)
    over = {"run": RUN, "step": STEP | {"watched": 3500, "expectedEnd": "2026-11-21T14:09:00Z"}}
    assert "Step 1/2 canary at 5%: watched for 1h of 1h" in told(over)


@pytest.mark.parametrize(
    "still",
    [
        {"paused": {"reason": "PausedByCommand", "since": AT}},
        {"hold": {"reason": "Breached", "since": AT}},
        {"waiting": {"reason": "CheckpointUndecided", "since": AT}},
        {"ending": {"kind": "Reverted", "reason": "GuardBreached", "since": AT}},
    ],
    ids=lambda one: next(iter(one)),
)
def test_a_step_that_stands_still_has_no_end(still: dict[str, Any]) -> None:
    status = {"run": RUN | still, "step": STEP | {"expectedEnd": "2026-11-21T15:00:00Z"}, "nextCheckTime": AT}
    assert "Step 1/2 canary at 5%: watched for 10m of 1h" in told(status)
    assert not any("ends about" in line or "Next checkpoint" in line or "may be down" in line for line in told(status))


def test_a_version_that_was_put_back_is_named_with_when_and_why_and_how_to_try_again() -> None:
    last = {"id": "4", "version": {"images": ["registry/ledger:v3"]}, "outcome": "Reverted", "reason": "GuardBreached"}
    why = "errors of the candidate is 40%, above max 5%"
    message = f"this version was reverted and is not tried again until it changes (or Retry): {why}"
    status = {
        "phase": "Reverted",
        "message": message,
        "released": {"images": ["registry/ledger:v2"]},
        "rejected": {"images": ["registry/ledger:v3"]},
        "conditions": [
            condition("Ready", "False", "Reverted", message),
            condition("Stalled", "True", "Reverted", message),
        ],
        "weight": {"desired": 0, "observed": 0},
        "history": [last | {"message": why, "startTime": AT, "endTime": AT}],
    }
    assert told(status)[:-1] == [
        f"registry/ledger:v3 was reverted at 14:00:00 UTC (run 4): {why}",
        "It is not tried again until web-canary changes, or: tidegate retry web -n shop",
        "In service: web with registry/ledger:v2, 100%",
        "Candidate: web-canary, 0%",
        "Conditions: Ready False (Reverted), Stalled True (Reverted)",
    ]
    assert "4     registry/ledger:v3   Reverted   14:00:00 UTC" in told(status)[-1]
    assert told(status, LATER)[0].startswith("registry/ledger:v3 was reverted at 2026-11-21 14:00:00 UTC")


def test_what_succeeded_is_in_service() -> None:
    history = {"id": "4", "version": {"images": ["web:2"]}, "outcome": "Succeeded", "reason": "Promoted"}
    status = {
        "message": "promoted after 20m",
        "released": {"images": ["web:2"]},
        "weight": {"desired": 0, "observed": 0},
        "conditions": [condition("Ready", "True", "Succeeded", "run 4 was promoted")],
        "history": [history | {"message": "promoted after 20m", "startTime": AT, "endTime": AT}],
    }
    assert told(status)[:4] == [
        "promoted after 20m",
        "In service: web with web:2, 100%",
        "Candidate: web-canary, 0%",
        "Conditions: Ready True (Succeeded)",
    ]


def test_an_operator_that_records_nothing_is_said_to_be_away() -> None:
    run = RUN | {"heartbeat": AT}
    away = "The operator may be down: the status has not been updated for 19h. While it is down, no weight changes and nothing is reverted."
    assert told({"message": "x", "run": run}, LATER)[0] == away
    assert told({"message": "x", "run": run}, NOW)[0] == "x"


def test_a_checkpoint_long_past_says_that_the_operator_is_away() -> None:
    status = {
        "message": "x",
        "run": RUN | {"heartbeat": "2026-11-21T14:05:00Z"},
        "nextCheckTime": "2026-11-21T14:07:00Z",
    }
    assert told(status)[0].startswith("The operator may be down: a checkpoint or gate was due at 14:07:00 UTC.")


def test_an_edit_that_nobody_looked_at_is_told() -> None:
    assert told({"observedGeneration": 2, "message": "x"}, generation=3)[0].startswith("The newest edit of the spec")
    assert told({"observedGeneration": 3, "message": "x"}, generation=3) == ["x"]


@pytest.mark.parametrize(
    ("finalizers", "said"),
    [
        ([FINALIZER], ["It is being deleted since 14:00:00 UTC, and waits for the weights to be restored", "That has not been done for 10m: is the operator running?"]),
        ([FINALIZER, "a/b"], ["It is being deleted since 14:00:00 UTC, and waits for the weights to be restored and finalizer a/b", "That has not been done for 10m: is the operator running?"]),
        (["a/b"], ["It is being deleted since 14:00:00 UTC, and waits for finalizer a/b"]),
        ([], ["It is being deleted since 14:00:00 UTC, and waits for the API server"]),
    ],
)  # fmt: skip
def test_a_deletion_says_what_it_waits_for(finalizers: list[str], said: list[str]) -> None:
    assert told({}, deletionTimestamp=AT, finalizers=finalizers) == said


def test_an_ending_a_pause_and_a_hold_say_why() -> None:
    run = RUN | {
        "ending": {"kind": "Reverted", "reason": "GuardBreached", "evidence": "errors 6% > 5%", "since": AT},
        "paused": {"reason": "PausedByCommand", "message": "admin: lunch", "since": AT},
        "hold": {"reason": "Breached", "message": "errors", "since": AT},
    }
    assert told({"run": run, "weight": {"desired": 0}}) == [
        "Under test: web-canary with web:2, 0% desired, the route could not be read",
        "Run 3, since 14:00:00 UTC",
        "It is being ended (GuardBreached): errors 6% > 5%",
        "It is paused (PausedByCommand) since 14:00:00 UTC: admin: lunch",
        "It is on hold (Breached) since 14:00:00 UTC: errors",
    ]


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


def test_what_is_said_already_is_not_said_again() -> None:
    message = "errors: the answer is empty"
    missing = {"metric": "errors", "kind": "NoData", "since": AT, "message": message}
    status = {
        "message": message,
        "conditions": [
            condition("Ready", "Unknown", "Holding", message),
            condition("Reconciling", "True", "Holding", message),
            condition("RevertReady", "True", "BaselineReady", "enough baseline pods are available for a revert"),
            condition("MissingData", "True", "NoData", message),
        ],
        "run": RUN | {"hold": {"reason": "NoData", "message": message, "since": AT}},
        "guards": [{"name": "errors max 5%", "state": "NoData", "since": AT, "message": message}],
        "missingData": [missing],
    }
    lines = told(status)
    assert "\n".join(lines).count(message) == 2, "once in words, and once where it is asked which metric"
    assert "It is on hold (NoData) since 14:00:00 UTC" in lines
    assert "no answer: see below" in lines[-2]


def test_what_a_condition_says_that_nothing_else_does_is_told() -> None:
    conditions = [condition("RevertReady", "False", "BaselineNotReady", "1 of 2 pods are available")]
    assert told({"message": "x", "run": RUN, "conditions": conditions})[-1] == "RevertReady: 1 of 2 pods are available"


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


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ({}, ""),
        ({"images": ["a:1", "b:2"]}, "a:1, b:2"),
        ({"revision": "v9"}, "v9"),
        ({"revision": "v9", "images": ["a:1"]}, "v9 (a:1)"),
        ({"fingerprint": "00ff"}, "template 00ff"),
    ],
)
def test_a_version_is_named_by_what_there_is(version: dict[str, Any], words: str) -> None:
    assert version_in_words(Version.model_validate(version)) == words
    assert version_in_words(None) == ""


@pytest.mark.parametrize(
    "spec",
    [{}, {"baseline": None, "steps": {}}, {"baseline": "x", "steps": [1, {"name": "canary", "duration": "soon"}]}],
)
def test_a_spec_that_is_none_is_borne(spec: dict[str, Any]) -> None:
    assert (
        told({"run": RUN, "step": STEP, "released": {"images": ["web:1"]}}, spec=spec)[0]
        == "In service: baseline with web:1"
    )


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
