"""The operator's own metrics, in a registry of its own."""

from __future__ import annotations

from itertools import product
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, GCCollector, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from tidegate.api.rollout.notifications import NotifierKind

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

_QUICK: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds: from a pure decision to a call's time-out."""
_SLOW: Final = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds: from a revert by one write to one that had to fight for it."""

_ROLLOUT: Final = ("namespace", "rollout")


class Metrics:
    """Everything the operator says about itself. Called from the event loop; each call is a few dictionary look-ups."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        made = self.registry
        self._phase = Gauge(
            "tidegate_rollout_phase", "1 for the phase a Rollout is in.", (*_ROLLOUT, "phase"), registry=made
        )
        self._step = Gauge(
            "tidegate_rollout_step",
            "Position of the current step, the first being 1; 0 without a run.",
            _ROLLOUT,
            registry=made,
        )
        self._weight = Gauge(
            "tidegate_rollout_weight_percent", "The candidate's share of traffic.", (*_ROLLOUT, "kind"), registry=made
        )
        self._tick = Histogram("tidegate_tick_seconds", "Time of a whole tick.", registry=made, buckets=_SLOW)
        self._late = Histogram(
            "tidegate_tick_late_seconds", "How long after it was due a tick began.", registry=made, buckets=_SLOW
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
        self._stalled = Gauge(
            "tidegate_rollout_stalled",
            "1 for each Rollout that waits for a person to fix something, by reason.",
            ("namespace", "rollout", "reason"),
            registry=made,
        )
        for kind, outcome in product(NotifierKind, ("sent", "retried", "failed", "dropped")):
            self._notifications.labels(str(kind), outcome)  # from 0: the first failure is an increase
        self._phases: dict[tuple[str, str], str] = {}
        self._reasons: dict[tuple[str, str], str] = {}

    def rollout(
        self, namespace: str, name: str, *, phase: str, step: int, desired: float | None, observed: float | None
    ) -> None:
        """What a Rollout's status says: `step` from 1 (0: no run), weights in percent (`None`: not known)."""
        key = (namespace, name)
        before = self._phases.get(key)
        if before not in {None, phase}:
            self._phase.remove(*key, before)
        self._phases[key] = phase
        self._phase.labels(*key, phase).set(1)
        self._step.labels(*key).set(step)
        for kind, weight in (("desired", desired), ("observed", observed)):
            if weight is None:
                self._weight.remove(*key, kind)
            else:
                self._weight.labels(*key, kind).set(weight)

    def stalled(self, namespace: str, name: str, reason: str) -> None:
        """Why a Rollout is stalled; an empty reason when it is not."""
        key = (namespace, name)
        before = self._reasons.pop(key, "")
        if before and before != reason:
            self._stalled.remove(*key, before)
        if reason:
            self._reasons[key] = reason
            self._stalled.labels(*key, reason).set(1)

    def forget(self, namespace: str, name: str) -> None:
        """The Rollout is gone: so are its series."""
        key = (namespace, name)
        self.stalled(namespace, name, "")
        phase = self._phases.pop(key, None)
        if phase is None:
            return
        self._phase.remove(*key, phase)
        self._step.remove(*key)
        self._weight.remove(*key, "desired")
        self._weight.remove(*key, "observed")

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
