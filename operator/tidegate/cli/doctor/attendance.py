"""Whether an operator is at work, seen from what it writes, because nobody else can see its pod everywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from tidegate.cli.doctor.result import Level, Result
from tidegate.cli.status.sentences import AWAY_AFTER, LATE

CHECK: Final = "operator"
ADVICE: Final = "check its pod and its log; /readyz says what is wrong"


def attended(rollouts: Sequence[Mapping[str, Any]], now: datetime) -> list[Result]:
    """What the Rollouts show of the operator."""
    if not rollouts:
        return [Result(CHECK, Level.SKIPPED, "there is no Rollout that would show whether an operator is running")]
    silent = [words for rollout in rollouts if (words := _silence(rollout, now))]
    results = [Result(CHECK, Level.FAILED, words, ADVICE) for words in silent]
    return results or [Result(CHECK, Level.OK, f"it has reconciled every Rollout ({len(rollouts)})")]


def _silence(rollout: Mapping[str, Any], now: datetime) -> str:
    metadata, status = rollout["metadata"], rollout.get("status") or {}
    name = f"Rollout {metadata.get('namespace', '')}/{metadata['name']}"
    heartbeat = (status.get("run") or {}).get("heartbeat")
    if heartbeat is not None and (silent := _seconds(heartbeat, now)) > AWAY_AFTER:
        return f"{name}: a run is in progress, and its status has not been updated for {silent:.0f} s"
    never = status.get("observedGeneration", -1) < 0
    if never and (age := _seconds(metadata.get("creationTimestamp"), now)) > LATE:
        return f"{name} was created {age:.0f} s ago, and no operator has reconciled it"
    return ""


def _seconds(instant: object, now: datetime) -> float:
    try:
        return (now - datetime.fromisoformat(str(instant))).total_seconds()
    except (ValueError, TypeError):
        return 0.0
