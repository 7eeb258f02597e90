"""The operator's own metrics, in a registry of its own."""

from __future__ import annotations

from itertools import product
from typing import Final

from prometheus_client import CollectorRegistry, Counter, GCCollector, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from tidegate.api.rollout.notifications import NotifierKind
from tidegate.runtime.rollout_metrics import RolloutMetrics

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

_QUICK: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds: from a pure decision to a call's time-out."""
_SLOW: Final = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds: from a revert by one write to one that had to fight for it."""


class Metrics:
    """Everything the operator says about itself. Called from the event loop; each call is a few dictionary look-ups."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.rollouts = RolloutMetrics(self.registry)
        made = self.registry
        self._tick = Histogram("tidegate_tick_seconds", "Duration of a reconciliation.", registry=made, buckets=_SLOW)
        self._late = Histogram(
            "tidegate_tick_late_seconds", "Delay of a reconciliation after it was due.", registry=made, buckets=_SLOW
        )
        self._revert = Histogram(
            "tidegate_revert_seconds",
            "From the answer that decided a revert until every target has the candidate at weight 0; one a revert.",
            registry=made,
            buckets=_SLOW,
        )
        self._decisions = Counter(
            "tidegate_decisions_total", "Decisions that changed something.", ("reason",), registry=made
        )
        self._query = Histogram(
            "tidegate_query_seconds", "Queries to Prometheus.", ("source", "outcome"), registry=made, buckets=_SLOW
        )
        self._call = Histogram(
            "tidegate_api_call_seconds",
            "Calls to the Kubernetes API.",
            ("verb", "resource", "outcome"),
            registry=made,
            buckets=_QUICK,
        )
        self._broken = Counter(
            "tidegate_broken_objects_total",
            "Objects that could not be read, or a part of them.",
            ("kind",),
            registry=made,
        )
        self._notifications = Counter(
            "tidegate_notifications_total",
            "Messages of spec.notifications, by the kind of receiver: sent, retried, failed (given up), dropped.",
            ("kind", "outcome"),
            registry=made,
        )
        for kind, outcome in product(NotifierKind, ("sent", "retried", "failed", "dropped")):
            self._notifications.labels(str(kind), outcome)  # from 0: the first failure is an increase

    def decided(self, reason: str) -> None:
        """Something was decided that changes something."""
        self._decisions.labels(reason).inc()

    def broken(self, kind: str) -> None:
        """An object of this kind, or a part of it, could not be read and was skipped."""
        self._broken.labels(kind).inc()

    def notified(self, kind: str, outcome: str) -> None:
        """A message was sent, is tried again, was given up or dropped."""
        self._notifications.labels(kind, outcome).inc()

    def ticked(self, seconds: float, *, late: float) -> None:
        """A tick took `seconds` and began `late` seconds after it was due."""
        self._tick.observe(seconds)
        self._late.observe(late)

    def reverted(self, seconds: float) -> None:
        """A revert is done."""
        self._revert.observe(seconds)

    def queried(self, source: str, outcome: str, seconds: float) -> None:
        """A query is over; `outcome` is `ok` or the failure's reason."""
        self._query.labels(source, outcome).observe(seconds)

    def called(self, verb: str, resource: str, outcome: str, seconds: float) -> None:
        """A call is over; `outcome` is `ok` or the port error's name."""
        self._call.labels(verb, resource, outcome).observe(seconds)

    def exposition(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry)
