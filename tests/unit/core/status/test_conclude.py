"""The size of the status, and what is a change."""

from __future__ import annotations

import json

import pytest

from tidegate.api.rollout.status import (
    CheckpointStatus,
    FindingStatus,
    GuardStatus,
    HistoryEntry,
    Hold,
    RolloutStatus,
    RunStatus,
    StepStatus,
    Version,
    Waiting,
)
from tidegate.core.model.time_format import instant
from tidegate.core.status.changes import quieted
from tidegate.core.status.size import on_the_wire

NOW = instant(1_700_000_000)


def run(**changes: object) -> RunStatus:
    return RunStatus(id="1-abc", version=Version(), start_time=NOW, **changes)  # type: ignore[arg-type]


def full(findings: int, history: int, spec: int, letter: str = "x") -> RolloutStatus:
    finding = FindingStatus(threshold="errors max 5%", state="Ok", message=letter * 500)
    return RolloutStatus(
        run=run(spec="s" * spec),
        checkpoints=tuple(
            CheckpointStatus(step="canary", at=f"{n}m", time=NOW, verdict="Pass", findings=(finding,) * findings)
            for n in range(20)
        ),
        history=tuple(
            HistoryEntry(
                id=f"{n}",
                version=Version(),
                outcome="Reverted",
                reason="x",
                message=letter * history,
                start_time=NOW,
                end_time=NOW,
            )
            for n in range(10)
        ),
    )


def test_a_small_status_is_written_whole() -> None:
    wire = on_the_wire(full(1, 10, 10))
    assert len(wire["checkpoints"]) == 20
    assert wire["checkpoints"][0]["findings"]
    assert len(wire["history"]) == 10


def test_evidence_goes_first() -> None:
    wire = on_the_wire(full(16, 1000, 10))
    assert len(wire["checkpoints"]) == 20
    assert not wire["checkpoints"][-1].get("findings")
    assert len(wire["history"]) == 10
    assert len(json.dumps(wire)) < 64 * 1024


def test_then_checkpoints_then_history_and_memory_never() -> None:
    wire = on_the_wire(full(16, 5000, 20_000))
    assert not wire["checkpoints"]
    assert len(wire["history"]) == 1
    assert len(wire["run"]["spec"]) == 20_000
    assert len(json.dumps(wire)) < 64 * 1024


@pytest.mark.parametrize(("letter", "findings"), [("é", 3), ("決", 2), ("🌊", 2)])
def test_the_size_is_counted_in_bytes_not_in_characters(letter: str, findings: int) -> None:
    """Each case is within the limit by its characters, and above it by its bytes."""
    status = full(findings, 1000, 10, letter)
    characters = status.model_dump_json(by_alias=True, exclude_none=True)
    assert len(characters) < 60 * 1024
    assert len(characters.encode()) > 64 * 1024
    assert len(json.dumps(on_the_wire(status), ensure_ascii=False).encode()) < 64 * 1024


def test_the_newest_evidence_is_the_last_to_go() -> None:
    wire = on_the_wire(full(6, 10, 10))
    kept = [bool(one.get("findings")) for one in wire["checkpoints"]]
    assert kept[0]
    assert not kept[-1]
    assert kept == sorted(kept, reverse=True)


def test_time_going_by_and_numbers_in_sentences_are_no_change() -> None:
    before = RolloutStatus(
        run=run(
            watched=10,
            waiting=Waiting(reason="CheckpointUndecided", message="3 requests", since=NOW),
            hold=Hold(reason="Holding", message="5.1%", since=NOW),
        ),
        step=StepStatus(name="canary", index=1, of=2, watched=10),
        guards=(GuardStatus(name="errors max 5%", state="Pending", since=NOW, value="5.1%", message="5.1%"),),
    )
    after = RolloutStatus(
        run=run(
            watched=20,
            waiting=Waiting(reason="CheckpointUndecided", message="7 requests", since=NOW),
            hold=Hold(reason="Holding", message="5.2%", since=NOW),
        ),
        step=StepStatus(name="canary", index=1, of=2, watched=20),
        guards=(GuardStatus(name="errors max 5%", state="Pending", since=NOW, value="5.2%", message="5.2%"),),
    )
    assert quieted(before) == quieted(after)


def test_another_reason_is_a_change() -> None:
    before = RolloutStatus(run=run(waiting=Waiting(reason="GateClosed", since=NOW)))
    after = RolloutStatus(run=run(waiting=Waiting(reason="LimitNotMet", since=NOW)))
    assert quieted(before) != quieted(after)
