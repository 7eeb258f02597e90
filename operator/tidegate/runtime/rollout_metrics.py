"""The series of each Rollout among the operator's own metrics."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Gauge

_ROLLOUT: Final = ("namespace", "rollout")


class RolloutMetrics:
    """Phase, step, weights and what stalls it, of each Rollout that exists."""

    def __init__(self, registry: CollectorRegistry) -> None:
        made = registry
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
        self._stalled = Gauge(
            "tidegate_rollout_stalled",
            "1 for each Rollout that waits for a person to fix something, by reason.",
            ("namespace", "rollout", "reason"),
            registry=made,
        )
        self._phases: dict[tuple[str, str], str] = {}
        self._reasons: dict[tuple[str, str], str] = {}

    def show(
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
        """Removes the series of a Rollout that is gone."""
        key = (namespace, name)
        self.stalled(namespace, name, "")
        phase = self._phases.pop(key, None)
        if phase is None:
            return
        self._phase.remove(*key, phase)
        self._step.remove(*key)
        self._weight.remove(*key, "desired")
        self._weight.remove(*key, "observed")
