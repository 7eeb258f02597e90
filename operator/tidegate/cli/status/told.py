"""A Rollout as it is told: the object, its status read, and the moment of telling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from tidegate.api.rollout.status import RolloutStatus, Version
from tidegate.api.values.scalars import Duration
from tidegate.core.model.time_format import in_words


@dataclass(frozen=True)
class Told:
    """See the module. `spec` is as on the wire: it may be invalid, or of another version."""

    name: str
    namespace: str
    status: RolloutStatus
    now: datetime
    generation: int = 0
    deleting: datetime | None = None
    """Since when it is being deleted."""
    finalizers: tuple[str, ...] = ()
    spec: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, raw: Mapping[str, Any], status: RolloutStatus, now: datetime) -> Self:
        """Of an object as the API server returns it."""
        metadata = raw.get("metadata") or {}
        deleting = metadata.get("deletionTimestamp")
        return cls(
            name=str(metadata.get("name", "")),
            namespace=str(metadata.get("namespace", "")),
            status=status,
            now=now,
            generation=int(metadata.get("generation") or 0),
            deleting=datetime.fromisoformat(deleting) if deleting else None,
            finalizers=tuple(metadata.get("finalizers") or ()),
            spec=raw.get("spec") or {},
        )

    def deployment(self, arm: str) -> str:
        """The Deployment of `baseline` or `candidate`; the arm's name where the spec does not say."""
        named = self.spec.get(arm)
        return str(named.get("deployment") or arm) if isinstance(named, Mapping) else arm

    def duration_of(self, step: str) -> float | None:
        """Seconds that a step lasts; `None` where the spec does not say."""
        steps = self.spec.get("steps")
        for one in steps if isinstance(steps, list) else ():
            if isinstance(one, Mapping) and one.get("name") == step:
                try:
                    return Duration.parse(one.get("duration") or "0s").seconds
                except ValueError:
                    return None
        return None

    def moment(self, instant: datetime) -> str:
        """An instant, with its date where that is not today's."""
        if instant.timestamp() == 0:  # what stands in for one that could not be read (`api/reading_back.py`)
            return "an unknown time"
        today = instant.date() == self.now.date()
        return f"{instant:%H:%M:%S} UTC" if today else f"{instant:%Y-%m-%d %H:%M:%S} UTC"

    def ago(self, instant: datetime) -> str:
        """How long ago an instant was."""
        return f"{in_words(max((self.now - instant).total_seconds(), 0.0) // 1)} ago"


def version_in_words(version: Version | None) -> str:
    """A version by its revision and its images; empty when nothing is known of it."""
    if version is None:
        return ""
    images = ", ".join(version.images)
    if version.revision:
        return f"{version.revision} ({images})" if images else version.revision
    return images or (f"template {version.fingerprint}" if version.fingerprint else "")
