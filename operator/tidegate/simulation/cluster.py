"""The Kubernetes API in memory, as far as the ports need it: objects with generations and tested writes.

One `Cluster` is shared by several operators, as the real one is; each of them sees it through ports of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tidegate.api.metric_template.ref import TemplateRef
from tidegate.api.rollout.gates import Freeze
from tidegate.core.model.jobs import NO_DEADLINE_GIVEN, Job, JobState, StartJob
from tidegate.core.model.message import Message
from tidegate.core.model.template_change import TemplateChange
from tidegate.core.model.template_fields import template_fields
from tidegate.core.model.version import first_fingerprint
from tidegate.core.model.world import (
    ABSENT,
    Acceptance,
    Arm,
    Command,
    Lookup,
    MetricTemplateObject,
    RolloutObject,
    Route,
    RulePair,
    TargetRef,
    Template,
)
from tidegate.ports.errors import Conflict, Missing, Rejected
from tidegate.ports.protocols import NONE
from tidegate.simulation.clock import VirtualClock


@dataclass
class Deployment:
    """A Deployment whose new template takes `rollout_seconds` to be rolled out."""

    name: str
    template: dict[str, Any]
    replicas: int = 2
    uid: str = ""
    generation: int = 1
    rolled_out_at: float = 0.0
    available: int | None = None
    """Available pods when that is not simply all of them."""
    history_limit: int = 10
    """Templates of before that are kept."""
    revisions: list[dict[str, Any]] = field(default_factory=list)
    """Those templates, oldest first."""
    paused: bool = False
    """A changed template is not rolled out."""
    failed: str = ""
    """What it says, past its own progress deadline."""
    recreates: bool = False
    rolled_out_template: dict[str, Any] | None = None
    """The template its pods have, where that is another because it is paused."""

    scalings: int = 0
    """How often it was scaled: its generation counts that as well."""
    scaled_from: int = 0
    """Pods it had before it was scaled last."""
    scaled_at: float = 0.0
    """When the pods of the last scaling are available."""
    scaled_by: str = "kubectl"
    """Who scaled it last."""

    @property
    def labels(self) -> dict[str, str]:
        """The pods' labels."""
        return dict(self.template.get("metadata", {}).get("labels", {}))


@dataclass
class SimulatedRoute:
    """A route: rules with weighted backends."""

    kind: str
    name: str
    rules: list[dict[str, int]]
    """For each rule: Service to weight."""
    names: list[str] = field(default_factory=list)
    uid: str = ""
    generation: int = 1
    manager: str = "kubectl"
    """Who last wrote the rules."""
    acceptance: Acceptance = Acceptance.UNREPORTED
    sticky: str = ""
    """As `Route.sticky`."""
    mirrors: dict[tuple[str, str], int] = field(default_factory=dict)
    """Percent of the requests of a rule that are copied to a Service, by rule and Service."""
    cannot_mirror: str = ""
    """As `RulePair.cannot_mirror`, of every rule."""

    @property
    def frame(self) -> tuple[object, ...]:
        """All that is not a weight."""
        return self.sticky, tuple(self.names), tuple(tuple(sorted(backends)) for backends in self.rules)


REVERT = "tidegate-revert"
"""The field manager of reverts."""


@dataclass
class SimulatedCronJob:
    """A CronJob, and what becomes of the Jobs made from it."""

    lasts: float = 30.0
    """Seconds of one attempt."""
    fails: int = 0
    """Attempts that fail before one succeeds."""
    retries: int = 6
    """Failed attempts that are tried again (`backoffLimit`)."""
    missing: bool = False
    suspended: bool = True
    refused: str = ""
    """Why the API server refuses to create Jobs; empty when it does not."""


@dataclass
class SimulatedJob:
    """A Job that was created."""

    name: str
    uid: str
    rollout: str
    """Uid of the Rollout it was created for."""
    cron_job: str
    environment: Mapping[str, str]
    started: float
    ends: float
    failed: str
    """Why it fails when it ends; empty when it succeeds."""
    deadline: float = 0.0
    owned: bool = True
    """The Rollout owns it."""


@dataclass(frozen=True)
class RouteWrite:
    """One write to a route, for those who check promises over the whole history."""

    time: float
    route: str
    manager: str
    rules: tuple[Mapping[str, int], ...]
    mirrors: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """As `SimulatedRoute.mirrors`."""


@dataclass
class Cluster:
    """See the module."""

    clock: VirtualClock
    namespace: str = "shop"
    rollouts: dict[str, RolloutObject] = field(default_factory=dict)
    deployments: dict[str, Deployment] = field(default_factory=dict)
    services: dict[str, dict[str, str]] = field(default_factory=dict)
    """Service name to its selector."""
    routes: dict[str, SimulatedRoute] = field(default_factory=dict)
    """By `Kind/name`."""
    ratios: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Services whose traffic two Deployments share by their pods."""
    not_served: set[str] = field(default_factory=set)
    """Kinds of route whose definition was deleted."""
    freezes: tuple[Freeze, ...] = ()
    """The administrator's, for the namespace."""
    cron_jobs: dict[str, SimulatedCronJob] = field(default_factory=dict)
    """By name; of one that is not here, Jobs succeed after half a minute."""
    jobs: dict[str, SimulatedJob] = field(default_factory=dict)
    """By name."""
    created_jobs: list[SimulatedJob] = field(default_factory=list)
    """Every Job that was ever created, in order."""
    jobs_watched: bool = False
    """A watch stream tells of Jobs; otherwise they must be looked at."""
    metric_templates: dict[TemplateRef, MetricTemplateObject] = field(default_factory=dict)
    commands: list[Command] = field(default_factory=list)
    outcomes: dict[str, tuple[bool, str]] = field(default_factory=dict)
    """Command uid to (done, message)."""
    events: list[tuple[float, str, str, str]] = field(default_factory=list)
    messages: list[tuple[float, str, Message]] = field(default_factory=list)
    """What was sent: when, to whom, what."""
    """Time, Rollout, reason, message."""
    reported: frozenset[str] = frozenset()
    """Namespaces in which reports of ended runs are kept."""
    reports: dict[str, str] = field(default_factory=dict)
    """Those reports, by the name of their ConfigMap."""
    history: list[RouteWrite] = field(default_factory=list)
    rollout_seconds: float = 0.0
    """How long a changed template takes to be rolled out."""
    scale_seconds: float = 0.0
    """How long more pods take to be available."""
    autoscalers: dict[str, str] = field(default_factory=dict)
    """What scales a Deployment by itself: Deployment to `Kind name`."""
    scalings: list[tuple[float, str, int]] = field(default_factory=list)
    """Every scaling by the operator: when, which Deployment, to how many pods."""
    scale_refused: str = ""
    """Why the API server refuses to scale; empty when it does not."""
    _versions: int = 0

    def next_version(self) -> str:
        """A resourceVersion never given before."""
        self._versions += 1
        return str(self._versions)

    # Rollouts

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

    # Metric templates

    def put_metric_template(self, ref: TemplateRef, spec: Mapping[str, Any]) -> None:
        """Creates a template, or gives one another spec."""
        before = self.metric_templates.get(ref)
        uid = before.uid if before is not None else f"uid-{ref.name}-{self.next_version()}"
        self.metric_templates[ref] = MetricTemplateObject(uid, before.generation + 1 if before is not None else 1, spec)

    def delete_metric_template(self, ref: TemplateRef) -> None:
        """Deletes a template."""
        self.metric_templates.pop(ref, None)

    # Jobs

    def start_job(self, rollout: RolloutObject, wanted: StartJob) -> None:
        """Creates a Job, or finds the one that was created for this Rollout.

        Raises: Conflict, Missing, Rejected.
        """
        source = self.cron_jobs.get(wanted.cron_job, SimulatedCronJob())
        if source.missing:
            raise Missing(f"there is no CronJob {wanted.cron_job!r}")
        if not source.suspended:
            raise Rejected(f"CronJob {wanted.cron_job!r} is not suspended")
        if source.refused:
            raise Rejected(source.refused)
        known = self.jobs.get(wanted.name)
        if known is not None and known.rollout != rollout.uid:
            raise Conflict(f"Job {wanted.name} is another's")
        if known is None:
            made = self._made(rollout, wanted, source)
            self.jobs[wanted.name] = made
            self.created_jobs.append(made)

    def _made(self, rollout: RolloutObject, wanted: StartJob, source: SimulatedCronJob) -> SimulatedJob:
        now, deadline = self.clock.now(), wanted.deadline or NO_DEADLINE_GIVEN
        tired = source.fails > source.retries
        lasts = source.lasts * (min(source.fails, source.retries) + 1)
        failed = f"BackoffLimitExceeded: {source.retries + 1} attempts failed" if tired else ""
        if lasts > deadline:
            failed = "DeadlineExceeded: Job was active longer than specified deadline"
        uid = f"uid-{wanted.name}-{self.next_version()}"
        ends = now + min(lasts, deadline)
        return SimulatedJob(
            wanted.name,
            uid,
            rollout.uid,
            wanted.cron_job,
            wanted.environment,
            now,
            ends,
            failed,
            deadline,
            wanted.owned,
        )

    def job(self, name: str) -> Lookup[Job]:
        """A Job as the `Jobs` port reports it."""
        found = self.jobs.get(name)
        if found is None:
            return ABSENT
        ended = self.clock.now() >= found.ends
        state = JobState.FAILED if found.failed else JobState.SUCCEEDED
        return Job(
            name=name,
            uid=found.uid,
            state=state if ended else JobState.RUNNING,
            message=found.failed if ended else "",
            started=found.started,
            finished=found.ends if ended else None,
            deadline=found.deadline,
            watched=self.jobs_watched,
        )

    # Deployments

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
            present=found.replicas,
            paused=found.paused,
            failed=found.failed,
            recreates=found.recreates,
            scaled_by_revert=found.scaled_by == REVERT,
        )

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
        return Template(found.uid, template_fields(found.template), found.template)

    def revision(self, deployment: str, fingerprint: str, exclude: Collection[str]) -> Lookup[Template]:
        """A template of before as the `Workloads` port reports it."""
        found = self.deployments.get(deployment)
        kept = [found.template, *reversed(found.revisions)] if found is not None else []
        templates = (Template(f"uid-of-{index}", template_fields(raw), raw) for index, raw in enumerate(kept))
        return next((one for one in templates if one.fields.fingerprint(exclude) == fingerprint), ABSENT)

    def change_template(self, deployment: str, read: Template, change: TemplateChange) -> None:
        """Changes fields of a template, tested on uid and template.

        Raises: Conflict, Missing.
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
        self.write_template(deployment, template)

    # Routes

    def add_route(self, route: SimulatedRoute) -> SimulatedRoute:
        """Creates a route."""
        route.uid = f"uid-{route.name}-{self.next_version()}"
        self.routes[f"{route.kind}/{route.name}"] = route
        self._note(route)
        return route

    def route(self, ref: TargetRef) -> Lookup[Route]:
        """A route as the `TrafficRouter` port reports it."""
        found = self.routes.get(ref.key)
        if found is None:
            return ABSENT
        pairs, missing = [], set(ref.rules)
        strays: dict[str, int] = {}
        for index, backends in enumerate(found.rules):
            name = found.names[index] if index < len(found.names) else f"#{index}"
            if ref.rules and name not in ref.rules:
                continue
            if ref.baseline in backends and ref.candidate in backends:
                alone = len(backends) == 2
                mirror = found.mirrors.get((name, ref.candidate), 0)
                weights = backends[ref.baseline], backends[ref.candidate]
                pairs.append(RulePair(name, *weights, alone, mirror=mirror, cannot_mirror=found.cannot_mirror))
                missing.discard(name)
            elif mirror := found.mirrors.get((name, ref.candidate), 0):
                strays[name] = mirror
        return Route(
            ref,
            found.uid,
            found.generation,
            tuple(pairs),
            acceptance=found.acceptance,
            missing_rules=tuple(sorted(missing)),
            strays=strays,
            sticky=found.sticky,
            reverted_by_us=found.manager == REVERT,
            handle=found.frame,
        )

    def write_route(
        self, route: Route, pairs: Mapping[str, tuple[int, int]], manager: str, mirrors: Mapping[str, int] = NONE
    ) -> Route:
        """Sets weights, if nothing but others' weights (for a revert: but its own pairs) changed since `route` was read.

        Raises: Conflict, Missing.
        """
        found = self.routes.get(route.ref.key)
        if found is None:
            raise Missing(route.ref.key)
        if found.generation != route.generation and not self._as_decided(route, found, revert=manager == REVERT):
            raise Conflict(f"{route.ref.key}: it changed")
        self._write(found, route.ref, pairs, mirrors, manager)
        again = self.route(route.ref)
        if not isinstance(again, Route):
            raise Missing(route.ref.key)
        return again

    def _as_decided(self, route: Route, found: SimulatedRoute, *, revert: bool) -> bool:
        now = self.route(route.ref)
        same = isinstance(now, Route) and (now.uid, now.pairs, now.missing_rules) == (
            route.uid,
            route.pairs,
            route.missing_rules,
        )
        if revert or not isinstance(now, Route):
            return same
        alike = [pair.mirror for pair in now.pairs] == [pair.mirror for pair in route.pairs]
        return same and alike and route.handle == found.frame

    def set_weights(self, ref: TargetRef, pairs: Mapping[str, tuple[int, int]], manager: str = "kubectl") -> None:
        """Sets weights without a test, as a person or Git does."""
        self._write(self.routes[ref.key], ref, pairs, NONE, manager)

    def set_mirrors(self, ref: TargetRef, mirrors: Mapping[str, int], manager: str = "kubectl") -> None:
        """Sets mirrors to the candidate without a test, as a person or Git does; 0 removes one."""
        self._write(self.routes[ref.key], ref, {}, mirrors, manager)

    def _write(
        self,
        found: SimulatedRoute,
        ref: TargetRef,
        pairs: Mapping[str, tuple[int, int]],
        mirrors: Mapping[str, int],
        manager: str,
    ) -> None:
        before = [dict(backends) for backends in found.rules], dict(found.mirrors)
        for index, backends in enumerate(found.rules):
            name = found.names[index] if index < len(found.names) else f"#{index}"
            if name in pairs:
                backends[ref.baseline], backends[ref.candidate] = pairs[name]
        for rule, percent in mirrors.items():
            found.mirrors.pop((rule, ref.candidate), None)
            if percent:
                found.mirrors[rule, ref.candidate] = percent
        if (found.rules, found.mirrors) != before:
            found.generation += 1
            found.manager = manager
            self._note(found)

    def _note(self, route: SimulatedRoute) -> None:
        rules = tuple(dict(backends) for backends in route.rules)
        self._keep(
            RouteWrite(self.clock.now(), f"{route.kind}/{route.name}", route.manager, rules, dict(route.mirrors))
        )

    def _keep(self, write: RouteWrite) -> None:
        self.history.append(write)


def _changed(before: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in before.items() if key not in change}
    return kept | {key: value for key, value in change.items() if value is not None}
