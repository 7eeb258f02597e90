"""Deployments with their Services and ReplicaSets: reading an arm, and writing a template on promotion."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

from tidegate.adapters.kubernetes import scaling
from tidegate.adapters.kubernetes.cache import Cache
from tidegate.adapters.kubernetes.client import Api, JsonObject
from tidegate.adapters.kubernetes.deployments import (
    DeploymentView,
    ReplicaSets,
    deployment_view,
    kept_template,
    pods_pattern,
)
from tidegate.adapters.kubernetes.permissions import WriteAccess
from tidegate.adapters.kubernetes.replica_sets import ReplicaSetLists
from tidegate.adapters.kubernetes.resources import DEPLOYMENTS, REPLICA_SETS, SERVICES
from tidegate.core.model.template_change import TemplateChange
from tidegate.core.model.template_fields import template_fields
from tidegate.core.model.world import ABSENT, Absence, Arm, Lookup, Template, Unknown
from tidegate.ports.errors import Missing, PortError, Rejected
from tidegate.ports.protocols import Manager


class WorkloadCaches:
    """What the watch streams say of workloads; the handlers fill it, `KubernetesWorkloads` reads it."""

    def __init__(self) -> None:
        self.deployments: Cache[DeploymentView] = Cache()
        self.services: Cache[Mapping[str, str]] = Cache()
        self.replica_sets = ReplicaSets()

    def unwatch(self) -> None:
        """The watch streams have ended."""
        self.deployments.unwatch()
        self.services.unwatch()


class KubernetesWorkloads:
    """The `Workloads` port on the Kubernetes API."""

    def __init__(
        self,
        api: Api,
        caches: WorkloadCaches,
        ignored_annotations: Collection[str] = (),
        access: WriteAccess | None = None,
    ) -> None:
        self._access = access or WriteAccess()
        self._api = api
        self._caches = caches
        self._ignored = tuple(ignored_annotations)
        self._replica_sets = ReplicaSetLists(api, caches.replica_sets, caches.deployments)

    async def arm(self, namespace: str, deployment: str, service: str, *, fresh: bool) -> Lookup[Arm]:
        """The arm; from the watch streams unless `fresh`."""
        found, selector = await self._deployment_and_selector(namespace, deployment, service, fresh=fresh)
        if isinstance(found, (Absence, Unknown)):
            return found
        pods = await self._pods(namespace, found)
        if isinstance(pods, Unknown):
            return pods
        return Arm(
            deployment=deployment,
            uid=found.uid,
            generation=found.generation,
            replicas=found.replicas,
            available=found.available,
            rolled_out=found.rolled_out,
            fields=found.fields,
            images=found.images,
            pods=pods,
            labels=found.labels,
            selector=selector,
            history_limit=found.history_limit,
            first_fingerprint=found.first_fingerprint,
            updated=found.pods_state[2] if found.pods_state[0] >= found.generation else 0,
            present=found.pods_state[1],
            paused=found.paused,
            failed=found.failed,
            recreates=found.recreates,
            pods_refused=found.pods_refused,
            not_writable=self._access.refusal(DEPLOYMENTS, namespace),
            scaled_by_revert=found.scaled_by_revert,
            terminating=found.terminating,
            grace=found.grace,
        )

    async def _deployment_and_selector(
        self, namespace: str, deployment: str, service: str, *, fresh: bool
    ) -> tuple[Lookup[DeploymentView], Lookup[Mapping[str, str]]]:
        if not fresh:
            known = self._caches.deployments.get((namespace, deployment))
            selector = self._caches.services.get((namespace, service))
            if known is not None and selector is not None:  # without calls there is nothing to do at the same time
                return known, selector
        return await asyncio.gather(
            self._deployment(namespace, deployment, fresh=fresh), self._selector(namespace, service, fresh=fresh)
        )

    async def template(self, namespace: str, deployment: str) -> Lookup[Template]:
        """The Deployment's template, read live."""
        try:
            raw = await self._api.get(DEPLOYMENTS, namespace, deployment)
        except Missing:
            return ABSENT
        except PortError as error:
            return Unknown(str(error))
        self._keep(namespace, deployment, raw)
        template = raw["spec"]["template"]
        fields = template_fields(template, self._ignored)
        return Template(raw["metadata"]["uid"], fields, template, raw["metadata"]["generation"])

    async def revision(
        self, namespace: str, deployment: str, fingerprint: str, exclude: Collection[str]
    ) -> Lookup[Template]:
        """The template of this identity that one of the Deployment's ReplicaSets still has, read live."""
        try:
            view = self._keep(namespace, deployment, await self._api.get(DEPLOYMENTS, namespace, deployment))
            selected = {"labelSelector": view.selector}
            listed = [raw async for page in self._api.pages(REPLICA_SETS, namespace, selected) for raw in page]
        except Missing:
            return ABSENT
        except PortError as error:
            return Unknown(str(error))
        return kept_template(view.uid, listed, fingerprint, exclude, self._ignored) or ABSENT

    async def write_template(
        self, namespace: str, deployment: str, read: Template, change: TemplateChange, manager: Manager
    ) -> None:
        """Changes fields of the template, tested on the uid and on the whole template as read."""
        changes = [*_changes(_SPEC, read.raw.get("spec") or {}, change.spec), *_annotations(read.raw, change)]
        if not changes:
            return
        tests: list[JsonObject] = [
            {"op": "test", "path": "/metadata/uid", "value": read.uid},
            {"op": "test", "path": "/spec/template", "value": dict(read.raw)},
        ]
        raw = await self._api.patch(DEPLOYMENTS, namespace, deployment, [*tests, *changes], manager=manager)
        self._keep(namespace, deployment, raw)
        if raw["spec"]["template"] == read.raw:
            raise Rejected(
                f"Deployment {namespace}/{deployment}: a changed template was written and stored unchanged: a mutating admission "
                "webhook or policy undoes the change"
            )

    async def scale(self, namespace: str, deployment: str, read: Arm, replicas: int, manager: Manager) -> None:
        """Sets the pods asked for, tested on uid, generation and the number as read."""
        self._keep(namespace, deployment, await scaling.scale(self._api, namespace, read, replicas, manager))

    async def autoscaler(self, namespace: str, deployment: str) -> Lookup[str]:
        """What scales the Deployment by itself, read live."""
        return await scaling.autoscaler(self._api, namespace, deployment)

    async def _deployment(self, namespace: str, name: str, *, fresh: bool) -> Lookup[DeploymentView]:
        known = None if fresh else self._caches.deployments.get((namespace, name))
        if known is not None:
            return known
        try:
            return self._keep(namespace, name, await self._api.get(DEPLOYMENTS, namespace, name))
        except Missing:
            self._caches.deployments.drop((namespace, name))
            return ABSENT
        except PortError as error:
            return Unknown(str(error))

    async def _selector(self, namespace: str, name: str, *, fresh: bool) -> Lookup[Mapping[str, str]]:
        key = (namespace, name)
        known = None if fresh else self._caches.services.get(key)
        if known is not None:
            return known
        try:
            raw = await self._api.get(SERVICES, namespace, name)
        except Missing:
            self._caches.services.drop(key)
            return ABSENT
        except PortError as error:
            return Unknown(str(error))
        selector = service_selector(raw)
        self._caches.services.put(key, raw["metadata"]["resourceVersion"], selector, watched=False)
        return selector

    async def _pods(self, namespace: str, deployment: DeploymentView) -> str | Unknown:
        """The pattern of the Deployment's pods; its ReplicaSets are listed once for each of its states, live looks included."""
        try:
            return pods_pattern(await self._replica_sets.of(namespace, deployment))
        except PortError as error:
            return Unknown(str(error))

    def _keep(self, namespace: str, name: str, raw: JsonObject) -> DeploymentView:
        key = (namespace, name)
        view = deployment_view(raw, self._ignored, self._caches.deployments.last(key))
        self._caches.deployments.put(key, raw["metadata"]["resourceVersion"], view, watched=False)
        return view


def service_selector(raw: Mapping[str, Any]) -> Mapping[str, str]:
    """A Service's selector; empty when it has none."""
    return dict((raw.get("spec") or {}).get("selector") or {})


_SPEC = "/spec/template/spec"
_ANNOTATIONS = "/spec/template/metadata/annotations"


def _annotations(template: Mapping[str, Any], change: TemplateChange) -> list[JsonObject]:
    present = (template.get("metadata") or {}).get("annotations")
    wanted = {name: value for name, value in change.annotations.items() if value is not None}
    if present is None:
        return [{"op": "add", "path": _ANNOTATIONS, "value": wanted}] if wanted else []
    return _changes(_ANNOTATIONS, present, change.annotations)


def _changes(where: str, present: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[JsonObject]:
    """What makes each key that is wanted what it should be: one that should be `None` is removed."""
    made: list[JsonObject] = []
    for key, value in wanted.items():
        path = f"{where}/{key.replace('~', '~0').replace('/', '~1')}"
        if value is None:
            made += [{"op": "remove", "path": path}] if key in present else []
        elif present.get(key) != value:
            made.append({"op": "add", "path": path, "value": value})
    return made
