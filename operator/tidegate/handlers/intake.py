"""What becomes of an event: the cache is brought up to date, then whom it concerns is woken. No Kopf, no calls."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import structlog

from tidegate.adapters.kubernetes.cache import Cache, Key
from tidegate.adapters.kubernetes.claims import RolloutCache
from tidegate.adapters.kubernetes.commands import CommandCache
from tidegate.adapters.kubernetes.deployments import deployment_view
from tidegate.adapters.kubernetes.jobs import JobCache
from tidegate.adapters.kubernetes.metric_templates import TEMPLATE_KINDS, metric_template
from tidegate.adapters.kubernetes.resources import Resource
from tidegate.adapters.kubernetes.rollouts import rollout_object
from tidegate.adapters.kubernetes.workloads import WorkloadCaches, service_selector
from tidegate.adapters.routers import RouteCaches
from tidegate.adapters.routers.row import Router
from tidegate.api.metric_template.ref import TemplateKind
from tidegate.core.model.world import MetricTemplateObject, RolloutObject
from tidegate.handlers.waker import Waker

DELETED: Final = "DELETED"
REMEMBERED_BROKEN: Final = 1024
"""Broken objects of which it is remembered that they were logged."""

Take: TypeAlias = Callable[[str | None, Mapping[str, Any]], None]
"""Takes in one event: its type (`None` in a listing) and the object."""


_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def waking(rollout: RolloutObject) -> object:
    """What wakes a Rollout. Its status is our own echo, but a run that began or ended moves what others may claim."""
    return rollout.uid, rollout.generation, rollout.deleting, rollout.finalizers, bool(rollout.status.get("run"))


@dataclass(frozen=True)
class Caches:
    """All that is kept of the watch streams."""

    rollouts: RolloutCache = field(default_factory=lambda: RolloutCache(waking))
    commands: CommandCache = field(default_factory=CommandCache)
    workloads: WorkloadCaches = field(default_factory=WorkloadCaches)
    routes: RouteCaches = field(default_factory=RouteCaches)
    jobs: JobCache = field(default_factory=JobCache)
    metric_templates: Mapping[TemplateKind, Cache[MetricTemplateObject]] = field(
        default_factory=lambda: {kind: Cache() for kind in TEMPLATE_KINDS}
    )

    def unwatch(self) -> None:
        """The watch streams have ended: everything is read live until they are back."""
        self.rollouts.unwatch()
        self.commands.filled = self.commands.watched = False
        self.workloads.unwatch()
        for routes in self.routes.values():
            routes.unwatch()
        for templates in self.metric_templates.values():
            templates.unwatch()


class Intake:
    """Takes in the events of every kind that is watched."""

    def __init__(
        self,
        caches: Caches,
        waker: Waker,
        ignored_annotations: Collection[str] = (),
        broken: Callable[[str], None] = lambda kind: None,  # noqa: ARG005
    ) -> None:
        """`broken` is told the kind of each object that cannot be read."""
        self.caches: Final = caches
        self._waker = waker
        self._ignored = tuple(ignored_annotations)
        self._broken = broken
        self._skipped: OrderedDict[tuple[str, str], str] = OrderedDict()
        """By uid and version: what was said already."""
        self.rollout: Final = self._skipping("Rollout", self._rollout)
        self.command: Final = self._skipping("RolloutCommand", self._command)
        self.deployment: Final = self._skipping("Deployment", self._deployment)
        self.service: Final = self._skipping("Service", self._service)

    def _skipping(self, kind: str, take: Take) -> Take:
        """`take`, but an object it cannot read is skipped, counted, and logged once: it must hold up no other."""

        def taken(event: str | None, raw: Mapping[str, Any]) -> None:
            try:
                take(event, raw)
            except Exception as error:  # noqa: BLE001  (whatever an object is that the API server should not have taken)
                self._say_broken(kind, raw, error)

        return taken

    def _say_broken(self, kind: str, raw: Mapping[str, Any], error: Exception) -> None:
        metadata = raw.get("metadata") or {}
        said = str(metadata.get("uid")), str(metadata.get("resourceVersion"))
        if said in self._skipped:
            return
        self._skipped[said] = kind
        while len(self._skipped) > REMEMBERED_BROKEN:
            self._skipped.popitem(last=False)
        self._broken(kind)
        _log.error(
            "object skipped: it cannot be read",
            kind=kind,
            namespace=metadata.get("namespace"),
            name=metadata.get("name"),
            error=f"{type(error).__name__}: {error}",
        )

    def _rollout(self, event: str | None, raw: Mapping[str, Any]) -> None:
        """A Rollout came, changed or went."""
        key, version = _identity(raw)
        cache = self.caches.rollouts
        if event == DELETED:
            news = cache.drop(key, version)
        else:
            news = cache.put(key, version, rollout_object(raw, cache.last(key)), watched=True)
        if news:
            self._waker.rollout_changed(*key)

    def _command(self, event: str | None, raw: Mapping[str, Any]) -> None:
        """A RolloutCommand came, got its outcome or went."""
        (namespace, name), version = _identity(raw)
        if event == DELETED:
            self.caches.commands.drop(namespace, name, version)
            return
        rollout = self.caches.commands.put(raw, watched=True)
        if rollout is not None:
            self._waker.object_changed("RolloutCommand", namespace, rollout)

    def _deployment(self, event: str | None, raw: Mapping[str, Any]) -> None:
        """A Deployment came, changed or went."""
        key, version = _identity(raw)
        cache = self.caches.workloads.deployments
        if event == DELETED:
            self.caches.workloads.replica_sets.forget(raw["metadata"]["uid"])
            news = cache.drop(key, version)
        else:
            view = deployment_view(raw, self._ignored, cache.last(key))
            news = cache.put(key, version, view, watched=True)
        if news:
            self._waker.object_changed("Deployment", *key)

    def _service(self, event: str | None, raw: Mapping[str, Any]) -> None:
        """A Service came, changed or went."""
        key, version = _identity(raw)
        cache = self.caches.workloads.services
        if event == DELETED:
            news = cache.drop(key, version)
        else:
            news = cache.put(key, version, service_selector(raw), watched=True)
        if news:
            self._waker.object_changed("Service", *key)

    def routes(self, resource: Resource) -> Take:
        """What takes in the objects of one kind, for every router whose weights are in them."""
        takes = [self.route(row) for row in self.caches.routes.of(resource)]

        def taken(event: str | None, raw: Mapping[str, Any]) -> None:
            for take in takes:
                take(event, raw)

        return taken

    def route(self, row: Router) -> Take:
        """What takes in the routes of one router."""
        kind = row.kind

        def take(event: str | None, raw: Mapping[str, Any]) -> None:
            key, version = _identity(raw)
            cache = self.caches.routes[kind]
            if event == DELETED:
                news = cache.drop(key, version)
            else:
                news = cache.put(key, version, row.view(raw), watched=True)
            if news:
                self._waker.object_changed(kind, *key)

        return self._skipping(kind, take)

    def metric_template(self, kind: TemplateKind) -> Take:
        """What takes in the metric templates of one kind."""

        def take(event: str | None, raw: Mapping[str, Any]) -> None:
            key, version = _identity(raw)
            cache = self.caches.metric_templates[kind]
            if event == DELETED:
                news = cache.drop(key, version)
            else:
                news = cache.put(key, version, metric_template(raw), watched=True)
            if news:
                self._waker.object_changed(str(kind), *key)

        return self._skipping(str(kind), take)


def _identity(raw: Mapping[str, Any]) -> tuple[Key, str]:
    metadata = raw["metadata"]
    return (metadata.get("namespace", ""), metadata["name"]), metadata["resourceVersion"]
