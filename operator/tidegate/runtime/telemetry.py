"""The `Telemetry` port: one canonical log line for each decision, and the operator's own metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from tidegate.api.rollout.status import RolloutStatus
from tidegate.core.model.plan import Decision
from tidegate.core.model.world import RolloutObject
from tidegate.ports.errors import PortError
from tidegate.runtime.self_metrics import Metrics

_log: structlog.stdlib.BoundLogger = structlog.get_logger("tidegate")


def _part(rollout: RolloutObject, name: str) -> Mapping[str, Any]:
    """A part of the stored status, which may be anybody's writing."""
    found = rollout.status.get(name)
    return found if isinstance(found, Mapping) else {}


@dataclass(frozen=True)
class LoggedTelemetry:
    """See the module."""

    metrics: Metrics

    def decided(self, rollout: RolloutObject, decision: Decision) -> None:
        """One line, with the run and step it was decided in."""
        self.metrics.decided(decision.reason)
        run, step = (_part(rollout, name) for name in ("run", "step"))
        log = _log.warning if decision.warning else _log.info
        log(
            decision.message,
            reason=decision.reason,
            namespace=rollout.namespace,
            rollout=rollout.name,
            run=run.get("id"),
            step=step.get("name"),
            weight=run.get("weight"),
        )

    def reverted(self, rollout: RolloutObject, *, seconds: float | None) -> None:
        """How long a revert took from the answer that carried the breach until every target was at 0."""
        if seconds is not None:
            self.metrics.reverted(seconds)
        took = {"seconds": round(seconds, 4)} if seconds is not None else {}
        run = _part(rollout, "run").get("id")
        _log.info("weights restored", namespace=rollout.namespace, rollout=rollout.name, run=run, **took)

    def concluded(self, rollout: RolloutObject, status: RolloutStatus) -> None:
        """Brings the Rollout's own series up to date."""
        weight = status.weight
        self.metrics.rollouts.show(
            rollout.namespace,
            rollout.name,
            phase=status.phase,
            step=status.step.index if status.step else 0,
            desired=weight.desired if weight else None,
            observed=weight.observed if weight else None,
        )
        stalled = (one.reason for one in status.conditions if (one.type, one.status) == ("Stalled", "True"))
        self.metrics.rollouts.stalled(rollout.namespace, rollout.name, next(stalled, ""))

    def notified(self, kind: str, outcome: str) -> None:
        """Counts a message, by the kind of its receiver."""
        self.metrics.notified(kind, outcome)

    def forgotten(self, namespace: str, name: str) -> None:
        """Drops the Rollout's series."""
        self.metrics.rollouts.forget(namespace, name)

    def ticked(self, *, late: float, seconds: float) -> None:
        """How long a tick took, and how late it was."""
        self.metrics.ticked(seconds, late=late)

    def failed(self, namespace: str, name: str, error: Exception, *, retry: float) -> None:
        """A tick that could not be ended; a mistake of ours comes with its traceback."""
        known = isinstance(error, PortError)
        _log.warning(
            "tick failed",
            namespace=namespace,
            rollout=name,
            error=f"{type(error).__name__}: {error}",
            retry_seconds=round(retry, 1),
            exc_info=None if known else error,
        )
