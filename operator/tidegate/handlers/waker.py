"""Who is told that something has changed: the scheduler, seen from the watch streams."""

from __future__ import annotations

from typing import Protocol


class Waker(Protocol):
    """Wakes Rollouts. Both methods return at once; neither says what changed: the tick looks for itself."""

    def rollout_changed(self, namespace: str, name: str) -> None:
        """A Rollout was seen for the first time, has another generation, deletion or finalizers, or is gone."""
        ...

    def object_changed(self, kind: str, namespace: str, name: str) -> None:
        """A Deployment, Service, route or metric template changed in what decisions look at.

        `namespace` is empty for an object in none. For the kinds `RolloutCommand` and `Job`, `name` is that of the Rollout it
        is for.
        """
        ...
