"""What `tidegate status` tells, as a pure function of the object and the moment."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.cli.status_told import AT, LATER, NOW, RUN, STEP, condition, told
from tidegate.api.rollout.spec import FINALIZER
from tidegate.api.rollout.status import Version
from tidegate.cli.status.told import version_in_words


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
