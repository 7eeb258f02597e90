"""What is remembered of messages: bounded, in order, and read by any version."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tidegate.api.reading_back import read_back
from tidegate.api.rollout.status import CheckpointStatus, FindingStatus, MessagesStatus, MessageStatus, RolloutStatus
from tidegate.core.status.happenings import LONGEST
from tidegate.core.status.messages import KEPT, LOOK_AGAIN, QUIET, _kept, due_again, under_way
from tidegate.core.status.passed import evidence
from tidegate.core.status.size import on_the_wire

AT = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


def one(event: str, number: int = 0, **fields: object) -> MessageStatus:
    return MessageStatus(event=event, subject=str(number), since=AT + timedelta(seconds=number), **fields)  # type: ignore[arg-type]


def test_an_end_that_is_under_way_is_dropped_last() -> None:
    told = [
        one("Reverted", 1),
        *(one("StepReached", number, outcome="Sent") for number in range(2, 6)),
        one("Held", 6, outcome="Sent"),
        *(one("StepReached", number) for number in range(7, 7 + KEPT)),
    ]
    kept = _kept(told)
    assert len(kept) == KEPT
    assert kept[0].event == "Reverted"
    assert [message.subject for message in kept] == sorted((message.subject for message in kept), key=int)
    assert all(message.event != "Held" and not message.outcome for message in kept)


def test_what_lasts_is_kept_before_what_is_over() -> None:
    told = [
        one("Held", 1, outcome="Sent"),
        *(one("StepReached", number, outcome="Sent") for number in range(2, 2 + KEPT)),
    ]
    assert _kept(told)[0].event == "Held"


def test_messages_under_way_are_those_without_an_outcome() -> None:
    status = read_back(
        RolloutStatus,
        {
            "notifications": {
                "messages": [
                    {"event": "Held", "since": "2026-11-26T12:00:00Z", "outcome": "Sent"},
                    {"event": "Reverted", "since": "2026-11-26T12:01:00Z", "later": 1},
                ]
            }
        },
    ).value
    assert status is not None
    assert [message.event for message in under_way(status)] == ["Reverted"]
    wire = on_the_wire(status)
    assert wire["notifications"]["messages"][1]["later"] == 1, "what a newer version knows is written back"


def test_the_most_that_is_remembered_is_small() -> None:
    most = [one("Stalled", number, message="x" * 400, failure="y" * 120, run="1-12345678") for number in range(KEPT)]
    status = read_back(RolloutStatus, {"notifications": {"messages": [m.model_dump(mode="json") for m in most]}}).value
    assert status is not None
    assert len(str(on_the_wire(status)["notifications"])) < 14_000


def checked(number: int, state: str = "Ok") -> FindingStatus:
    return FindingStatus(threshold=f"m{number}", metric=f"metric-{number}", state=state, value="1%", limit="max 5%")


def test_a_checkpoint_is_told_with_what_is_not_met_first_and_the_number_of_what_has_no_room() -> None:
    findings = (*(checked(number) for number in range(40)), checked(40, "Breached"))
    told = evidence(CheckpointStatus(step="canary", at="1h", time=AT, verdict="Breach", findings=findings))
    assert told.startswith("Breach: metric-40 1% Breached (max 5%), metric-0 1% (max 5%), metric-1 1% (max 5%), ")
    assert len(told) <= LONGEST
    shown = told.count("max 5%")
    assert told.endswith(f", metric-{shown - 2} 1% (max 5%), and {41 - shown} more")


def test_a_checkpoint_without_findings_says_that_nothing_was_evaluated() -> None:
    assert (
        evidence(CheckpointStatus(step="deployed", at="1d", time=AT, verdict="Pass")) == "Pass: nothing was evaluated"
    )


def test_nothing_is_due_again_where_nothing_was_told() -> None:
    assert due_again(RolloutStatus(), 0.0) == float("inf")


def test_what_came_too_soon_is_due_ten_minutes_after_it_was_told_and_else_never_at_once() -> None:
    status = RolloutStatus(notifications=MessagesStatus(messages=(one("Stalled"), one("Held", again=AT))))
    at = AT.timestamp()
    times = [due_again(status, now) - at for now in (at + 30, at + 700, at - 3600)]
    assert times == [QUIET, 700 + LOOK_AGAIN, LOOK_AGAIN - 3600]
