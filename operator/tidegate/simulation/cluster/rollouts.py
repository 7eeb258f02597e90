"""Rollouts, commands and metric templates, and what the operator says of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tidegate.api.metric_template.ref import TemplateRef
from tidegate.api.rollout.gates import Freeze
from tidegate.core.model.message import Message
from tidegate.core.model.world import Command, MetricTemplateObject, RolloutObject
from tidegate.simulation.cluster.history import History


@dataclass
class SimulatedRollouts(History):
    """Rollouts, commands and metric templates, and what the operator says of them."""

    rollouts: dict[str, RolloutObject] = field(default_factory=dict)
    metric_templates: dict[TemplateRef, MetricTemplateObject] = field(default_factory=dict)
    commands: list[Command] = field(default_factory=list)
    outcomes: dict[str, tuple[bool, str]] = field(default_factory=dict)
    """Command uid to (done, message)."""
    events: list[tuple[float, str, str, str]] = field(default_factory=list)
    """Time, Rollout, reason, message."""
    messages: list[tuple[float, str, Message]] = field(default_factory=list)
    """What was sent: when, to whom, what."""
    reported: frozenset[str] = frozenset()
    """Namespaces in which reports of ended runs are kept."""
    reports: dict[str, str] = field(default_factory=dict)
    """Those reports, by the name of their ConfigMap."""
    freezes: tuple[Freeze, ...] = ()
    """The administrator's, for the namespace."""

    def add_rollout(self, name: str, spec: Mapping[str, Any]) -> RolloutObject:
        """Creates a Rollout."""
        rollout = RolloutObject(
            namespace=self.namespace,
            name=name,
            uid=f"uid-{name}-{self.next_version()}",
            generation=1,
            resource_version=self.next_version(),
            created=self.clock.now(),
            deleting=False,
            finalizers=(),
            spec=spec,
            status={"observedGeneration": -1},
        )
        self.rollouts[name] = rollout
        return rollout

    def put_rollout(self, rollout: RolloutObject) -> RolloutObject:
        """Stores a changed Rollout; one that is being deleted and has no finalizer left is gone."""
        stored = replace(rollout, resource_version=self.next_version())
        self.rollouts[rollout.name] = stored
        if stored.deleting and not stored.finalizers:
            del self.rollouts[rollout.name]
        return stored

    def put_status(self, rollout: RolloutObject, status: Mapping[str, Any]) -> None:
        """Stores a status that the operator writes."""
        self.put_rollout(replace(rollout, status=dict(status)))

    def edit_rollout(self, name: str, spec: Mapping[str, Any]) -> None:
        """Replaces a Rollout's spec, as a person does."""
        before = self.rollouts[name]
        self.put_rollout(replace(before, spec=spec, generation=before.generation + 1))

    def strip_finalizers(self, name: str) -> None:
        """Takes every finalizer off a Rollout, as `kubectl replace` with a file of somebody's does."""
        self.put_rollout(replace(self.rollouts[name], finalizers=()))

    def delete_rollout(self, name: str) -> None:
        """Deletes a Rollout, as a person does."""
        if name in self.rollouts:
            self.put_rollout(replace(self.rollouts[name], deleting=True))

    def put_metric_template(self, ref: TemplateRef, spec: Mapping[str, Any]) -> None:
        """Creates a template, or gives one another spec."""
        before = self.metric_templates.get(ref)
        uid = before.uid if before is not None else f"uid-{ref.name}-{self.next_version()}"
        self.metric_templates[ref] = MetricTemplateObject(uid, before.generation + 1 if before is not None else 1, spec)

    def delete_metric_template(self, ref: TemplateRef) -> None:
        """Deletes a template."""
        self.metric_templates.pop(ref, None)
