from __future__ import annotations

from tidegate.api.status import RolloutStatus
from tidegate.cli.status import report
from tidegate.cli.tables import Table, plain

AT = "2026-11-21T14:00:00Z"
RUN = {"id": "3", "version": {"images": ["web:2"]}, "startTime": AT}


def told(status: dict[str, object]) -> list[str]:
    parts = report(RolloutStatus.model_validate(status))
    return [f"{part.title}\n{plain(part)}" if isinstance(part, Table) else part for part in parts]


def test_a_new_rollout_has_nothing_to_tell() -> None:
    assert told({"observedGeneration": -1}) == []


def test_a_run_tells_where_it_is_and_what_it_waits_for() -> None:
    status = {
        "message": "watching 5% for 50m more",
        "conditions": [
            {
                "type": "Ready",
                "status": "Unknown",
                "reason": "Progressing",
                "message": "on its way",
                "lastTransitionTime": AT,
            }
        ],
        "weight": {"desired": 5, "observed": 4.5},
        "run": RUN | {"waiting": {"reason": "GateClosed", "message": "opens tomorrow", "since": AT}},
        "step": {
            "name": "canary",
            "index": 1,
            "of": 2,
            "summary": "1/2 canary",
            "weight": 5,
            "reached": True,
            "watched": 600,
        },
        "nextCheckTime": AT,
    }
    assert told(status) == [
        "watching 5% for 50m more",
        "Ready is Unknown (Progressing): on its way",
        "Weight: 5% wanted, the route has 4.5%",
        "Run 3 of web:2, since 2026-11-21 14:00:00 UTC",
        "It waits (GateClosed) since 2026-11-21 14:00:00 UTC: opens tomorrow",
        "Step 1/2 canary at 5%: watched for 10m",
        "Next checkpoint or gate: 2026-11-21 14:00:00 UTC",
    ]


def test_an_ending_a_pause_and_a_hold_say_why() -> None:
    run = RUN | {
        "ending": {"kind": "Reverted", "reason": "GuardBreached", "evidence": "errors 6% > 5%", "since": AT},
        "paused": {"reason": "ByCommand", "message": "admin: lunch", "since": AT},
        "hold": {"reason": "Breached", "message": "errors", "since": AT},
    }
    assert told({"run": run, "weight": {"desired": 0}})[2:] == [
        "It is being ended (GuardBreached): errors 6% > 5%",
        "It is paused (ByCommand): admin: lunch",
        "It holds (Breached): errors",
    ]
    assert told({"weight": {"desired": 0}}) == ["Weight: 0% wanted, the route could not be read"]


def test_findings_come_as_a_table_of_limit_and_value() -> None:
    finding = {"threshold": "errors max 1%", "state": "Ok", "value": "0.3%", "limit": "1%"}
    status = {
        "guards": [{"name": "errors max 5%", "state": "Pending", "since": AT, "message": "6% for 2m of 15m"}],
        "blind": [{"metric": "stars", "kind": "NoData", "since": AT, "message": "empty"}],
        "checkpoints": [{"step": "canary", "at": "15m", "time": AT, "verdict": "Pass", "findings": [finding]}],
        "history": [
            {"id": "2", "version": {}, "outcome": "Reverted", "reason": "GuardBreached", "startTime": AT, "endTime": AT}
        ],
    }
    assert told(status) == [
        (
            "Guards that are not ok\n"
            "GUARD           STATE     SINCE                     WHAT WAS SEEN\n"
            "errors max 5%   Pending   2026-11-21 14:00:00 UTC   6% for 2m of 15m\n"
        ),
        (
            "Metrics without an answer\n"
            "METRIC   WHY      SINCE                     WHAT WAS ANSWERED\n"
            "stars    NoData   2026-11-21 14:00:00 UTC   empty\n"
        ),
        (
            "Last checkpoint, 15m into canary: Pass\n"
            "THRESHOLD       LIMIT   CANDIDATE   STATE\n"
            "errors max 1%   1%      0.3%        Ok\n"
        ),
        (
            "Earlier runs\n"
            "RUN   OUTCOME    ENDED                     WHY\n"
            "2     Reverted   2026-11-21 14:00:00 UTC   GuardBreached\n"
        ),
    ]


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
            "STEP     AT    JUDGED                    VERDICT   NOT OK\n"
            "canary   15m   2026-11-21 14:00:00 UTC   Pass      p99 max 200ms: Pending\n"
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
    message = "errors of the candidate is 30%, above max 10%"
    ready = {"type": "Ready", "status": "Unknown", "reason": "Holding", "message": message, "lastTransitionTime": AT}
    hold = {"reason": "SharedIncident", "message": message, "since": AT}
    assert told({"message": message, "conditions": [ready], "run": RUN | {"hold": hold}}) == [
        message,
        "Ready is Unknown (Holding)",
        "Run 3 of web:2, since 2026-11-21 14:00:00 UTC",
        "It holds (SharedIncident)",
    ]


def test_counts_say_of_what_they_are() -> None:
    tested = {
        "threshold": "worse",
        "limit": "regression margin 20%",
        "state": "Ok",
        "counts": "7 of 90 against 8 of 900",
    }
    split = {"threshold": "split", "limit": "split 99.9%", "state": "Ok", "counts": "90 of 990"}
    checkpoint = {"step": "canary", "at": "15m", "time": AT, "verdict": "Pass", "findings": [tested, split]}
    evidence = {"asked": "x", "start": AT, "step": 60, "counts": [900, 8, 90, 7]}
    run = RUN | {"evidence": [evidence | {"name": "worse"}, evidence | {"name": "split", "split": [10, 0, 0]}]}
    _, tests, last = told({"run": run, "checkpoints": [checkpoint]})
    assert "7 of 90 bad   8 of 900 bad" in tests
    assert "90 requests   900 requests" in tests
    assert "7 of 90 against 8 of 900 bad" in last
    assert "90 of 990 to it" in last
