"""What `tidegate status` says of a Rollout with a given status."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tidegate.api.rollout.status import RolloutStatus
from tidegate.cli.status.command import report
from tidegate.cli.status.told import Told
from tidegate.cli.tables import Table, plain

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
