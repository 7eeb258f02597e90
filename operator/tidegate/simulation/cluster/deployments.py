"""Deployments with the Services that select their pods: templates, rollouts and scaling."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from tidegate.core.model.template_change import TemplateChange
from tidegate.core.model.template_fields import template_fields
from tidegate.core.model.version import first_fingerprint
from tidegate.core.model.world import ABSENT, GRACE, Arm, Lookup, Template
from tidegate.ports.errors import Conflict, Missing, Rejected
from tidegate.simulation.cluster.history import History
from tidegate.simulation.cluster.objects import REVERT, Deployment, RouteWrite


@dataclass
class SimulatedDeployments(History):
    """Deployments with the Services that select their pods: templates, rollouts and scaling."""

    deployments: dict[str, Deployment] = field(default_factory=dict)
    services: dict[str, dict[str, str]] = field(default_factory=dict)
    """Service name to its selector."""
    ratios: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Services whose traffic two Deployments share by their pods."""
    rollout_seconds: float = 0.0
    """How long a changed template takes to be rolled out."""
    scale_seconds: float = 0.0
    """How long more pods take to be available."""
    termination_seconds: float = 0.0
    """How long a deleted pod takes to end; infinite: a lost node, say, keeps it."""
    tells_terminating: bool = True
    """The API server reports terminating pods (Kubernetes 1.35 and later)."""
    autoscalers: dict[str, str] = field(default_factory=dict)
    """What scales a Deployment by itself: Deployment to `Kind name`."""
    scalings: list[tuple[float, str, int]] = field(default_factory=list)
    """Every scaling by the operator: when, which Deployment, to how many pods."""
    not_scalable: str = ""
    """As `Arm.not_writable`, of every Deployment."""
    scale_refused: str = ""
    """Why the API server refuses to scale; empty when it does not."""

    def add_deployment(self, name: str, image: str, labels: Mapping[str, str], replicas: int = 2) -> Deployment:
        """Creates a Deployment that is rolled out already."""
        template = {"metadata": {"labels": dict(labels)}, "spec": {"containers": [{"name": "app", "image": image}]}}
        made = Deployment(name, template, replicas, uid=f"uid-{name}-{self.next_version()}")
        self.deployments[name] = made
        return made

    def write_template(self, name: str, template: dict[str, Any]) -> None:
        """Gives a Deployment another template, which takes its time to be rolled out."""
        deployment = self.deployments[name]
        if deployment.template != template:
            deployment.revisions = [*deployment.revisions, deployment.template][-deployment.history_limit :]
            if not deployment.history_limit:
                deployment.revisions = []
            if deployment.paused and deployment.rolled_out_template is None:
                deployment.rolled_out_template = deployment.template
            deployment.template = template
            deployment.generation += 1
            deployment.rolled_out_at = self.clock.now() + self.rollout_seconds

    def pause_deployment(self, name: str, *, paused: bool) -> None:
        """Pauses a Deployment, or resumes it: what changed meanwhile is rolled out from then on."""
        deployment = self.deployments[name]
        deployment.paused = paused
        deployment.generation += 1
        if not paused and deployment.rolled_out_template is not None:
            deployment.rolled_out_template = None
            deployment.rolled_out_at = self.clock.now() + self.rollout_seconds

    def annotate(self, name: str, annotations: Mapping[str, str]) -> None:
        """Annotates a Deployment's pod template."""
        before = self.deployments[name].template
        metadata = before.get("metadata", {})
        merged = {**metadata, "annotations": {**metadata.get("annotations", {}), **annotations}}
        self.write_template(name, {**before, "metadata": merged})

    def set_field(self, name: str, field_name: str, value: object) -> None:
        """Gives a Deployment's pod spec another field, or with `None` takes one away."""
        before = self.deployments[name].template
        spec = {key: one for key, one in before["spec"].items() if key != field_name}
        self.write_template(name, {**before, "spec": spec if value is None else {**spec, field_name: value}})

    def set_image(self, name: str, image: str) -> None:
        """Gives a Deployment another image."""
        before = self.deployments[name].template
        containers = [{**before["spec"]["containers"][0], "image": image}]
        self.write_template(name, {**before, "spec": {**before["spec"], "containers": containers}})

    def arm(self, deployment: str, service: str) -> Lookup[Arm]:
        """An arm as the `Workloads` port reports it."""
        found = self.deployments.get(deployment)
        if found is None:
            return ABSENT
        available = self._available(found)
        selector = self.services.get(service)
        done = self.clock.now() >= found.rolled_out_at and found.rolled_out_template is None and not found.failed
        rolled_out = done and available >= found.replicas
        return Arm(
            deployment=deployment,
            uid=found.uid,
            generation=found.generation + found.scalings,
            replicas=found.replicas,
            available=available,
            rolled_out=rolled_out,
            fields=template_fields(found.template),
            images=tuple(container["image"] for container in found.template["spec"]["containers"]),
            pods=f"{deployment}-{found.generation}-[a-z0-9]{{5}}",
            labels=found.labels,
            selector=selector if selector is not None else ABSENT,
            history_limit=found.history_limit,
            first_fingerprint=first_fingerprint(found.template),
            updated=found.replicas if rolled_out else 0,
            present=found.present if found.present is not None else found.replicas,
            paused=found.paused,
            failed=found.failed,
            recreates=found.recreates,
            not_writable=self.not_scalable,
            scaled_by_revert=found.scaled_by == REVERT,
            terminating=self._terminating(found) if found.replicas == 0 else 0,
            grace=float(found.template["spec"].get("terminationGracePeriodSeconds", GRACE)),
        )

    def _terminating(self, found: Deployment) -> int | None:
        return sum(self.clock.now() < end for end in found.terminating) if self.tells_terminating else None

    def _available(self, found: Deployment) -> int:
        if found.available is not None:
            return min(found.available, found.replicas)
        arrived = self.clock.now() >= found.scaled_at
        return found.replicas if arrived else min(found.scaled_from, found.replicas)

    def pods_behind(self, service: str) -> frozenset[str]:
        """Names of the pods that get a Service's traffic."""
        selector = self.services.get(service)
        found: set[str] = set()
        for one in self.deployments.values() if selector else ():
            if all(one.labels.get(key) == value for key, value in (selector or {}).items()):
                found |= {f"{one.name}-{one.generation}-{number:05d}" for number in range(self._available(one))}
        return frozenset(found)

    def ratio(self, name: str, baseline: str, candidate: str) -> None:
        """Makes the pods of two Deployments the weight: their numbers are kept in the history as those of a route."""
        self.ratios[name] = (baseline, candidate)
        self._note_pods(baseline, "kubectl")

    def _note_pods(self, name: str, manager: str) -> None:
        for service, arms in self.ratios.items():
            if name in arms:
                numbers = {one: self.deployments[one].replicas for one in arms if one in self.deployments}
                self._keep(RouteWrite(self.clock.now(), f"ReplicaRatio/{service}", manager, (numbers,)))

    def set_replicas(self, name: str, replicas: int, manager: str = "kubectl") -> None:
        """Scales a Deployment without a test, as a person or Git does: more pods take their time."""
        found = self.deployments[name]
        before = self._available(found)
        if replicas != found.replicas:
            ending = [end for end in found.terminating if self.clock.now() < end]
            fewer = [self.clock.now() + self.termination_seconds] * max(found.replicas - replicas, 0)
            found.terminating = [*ending, *fewer]
            found.scaled_from, found.scaled_at = before, self.clock.now() + self.scale_seconds
            found.replicas = replicas
            found.scalings += 1
            found.scaled_by = manager
            self._note_pods(name, manager)

    def scale(self, read: Arm, replicas: int, manager: str = "tidegate") -> None:
        """Scales a Deployment, tested on uid, generation and replicas.

        Raises: Conflict, Missing, Rejected.
        """
        found = self.deployments.get(read.deployment)
        if found is None:
            raise Missing(f"Deployment {read.deployment}")
        if self.scale_refused:
            raise Rejected(self.scale_refused)
        if (found.uid, found.generation + found.scalings, found.replicas) != (read.uid, read.generation, read.replicas):
            raise Conflict(f"Deployment {read.deployment}: it changed")
        self.scalings.append((self.clock.now(), read.deployment, replicas))
        self.set_replicas(read.deployment, replicas, manager)

    def template(self, deployment: str) -> Lookup[Template]:
        """A template as the `Workloads` port reports it."""
        found = self.deployments.get(deployment)
        if found is None:
            return ABSENT
        return Template(found.uid, template_fields(found.template), found.template, found.generation)

    def revision(self, deployment: str, fingerprint: str, exclude: Collection[str]) -> Lookup[Template]:
        """A template of before as the `Workloads` port reports it."""
        found = self.deployments.get(deployment)
        kept = [found.template, *reversed(found.revisions)] if found is not None else []
        templates = (Template(f"uid-of-{index}", template_fields(raw), raw) for index, raw in enumerate(kept))
        return next((one for one in templates if one.fields.fingerprint(exclude) == fingerprint), ABSENT)

    def change_template(self, deployment: str, read: Template, change: TemplateChange) -> None:
        """Changes fields of a template, tested on uid and template.

        Raises: Conflict, Missing, Rejected.
        """
        found = self.deployments.get(deployment)
        if found is None:
            raise Missing(f"Deployment {deployment}")
        if found.uid != read.uid or found.template != read.raw:
            raise Conflict(f"Deployment {deployment}: its template changed")
        metadata = found.template.get("metadata", {})
        annotations = _changed(metadata.get("annotations", {}), change.annotations)
        kept = {key: value for key, value in metadata.items() if key != "annotations"}
        template = {
            **found.template,
            "metadata": {**kept, **({"annotations": annotations} if annotations else {})},
            "spec": _changed(found.template["spec"], change.spec),
        }
        before = found.generation
        self.write_template(deployment, template)
        if found.generation == before and template != read.raw:
            raise Rejected(f"Deployment {deployment}: a changed template was written and stored unchanged")


def _changed(before: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in before.items() if key not in change}
    return kept | {key: value for key, value in change.items() if value is not None}
