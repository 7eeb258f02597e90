"""The Rollout objects: reading them, and the two tested writes (status, finalizer)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from tidegate.adapters.kubernetes.cache import Key
from tidegate.adapters.kubernetes.claims import RolloutCache
from tidegate.adapters.kubernetes.client import Api, JsonObject
from tidegate.adapters.kubernetes.lean import Parts, lean
from tidegate.adapters.kubernetes.resources import ROLLOUTS
from tidegate.api.rollout.spec import FINALIZER
from tidegate.core.model.claims import Claim, run_id
from tidegate.core.model.world import ABSENT, Lookup, RolloutObject, Unknown
from tidegate.ports.errors import Missing, PortError
from tidegate.ports.protocols import Manager

_parts: Final = Parts()


def rollout_object(raw: Mapping[str, Any], before: RolloutObject | None = None) -> RolloutObject:
    """A Rollout as the API server sends it, without what nobody here reads (managed fields above all).

    `before` is what is known of it: as long as its generation stays, so does its spec.
    """
    metadata = raw["metadata"]
    same = before is not None and (before.uid, before.generation) == (metadata["uid"], metadata.get("generation") or 0)
    return RolloutObject(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata.get("generation") or 0,
        resource_version=metadata["resourceVersion"],
        created=epoch(metadata.get("creationTimestamp") or ""),
        deleting=bool(metadata.get("deletionTimestamp")),
        finalizers=tuple(metadata.get("finalizers") or ()),
        spec=before.spec if before is not None and same else _spec(raw.get("spec")),
        status=lean(raw.get("status") or {}),
    )


def _spec(spec: Any) -> Mapping[str, Any]:  # noqa: ANN401  (JSON)
    return _parts.shared(spec) if isinstance(spec, dict) else spec or {}


def epoch(timestamp: str) -> float:
    """Epoch seconds of an RFC 3339 timestamp; 0 for an empty one."""
    return datetime.fromisoformat(timestamp).timestamp() if timestamp else 0.0


class KubernetesRollouts:
    """The `RolloutStore` port on the Kubernetes API."""

    def __init__(self, api: Api, cache: RolloutCache) -> None:
        self._api = api
        self._cache = cache

    async def read(self, namespace: str, name: str, *, fresh: bool) -> Lookup[RolloutObject]:
        """The object; from the watch stream unless `fresh`."""
        key = (namespace, name)
        known = None if fresh else self._cache.get(key)
        if known is not None:
            return known
        try:
            return self._keep(key, await self._api.get(ROLLOUTS, namespace, name))
        except Missing:
            self._cache.drop(key)
            return ABSENT
        except PortError as error:
            return Unknown(str(error))

    async def claimants(self, namespace: str, uid: str, things: frozenset[str]) -> Sequence[Claim]:
        """The claims of the namespace's other Rollouts that share one of `things`, as last seen."""
        return self._cache.claims.of(namespace, uid, things)

    async def write_status(self, rollout: RolloutObject, status: Mapping[str, Any], *, run_only: bool) -> RolloutObject:
        """Replaces the whole status, tested on the resourceVersion or, with `run_only`, on the run's id alone."""
        run = run_id(status) or run_id(rollout.status)
        tested = (
            _test("/status/run/id", run)
            if run_only and run
            else _test("/metadata/resourceVersion", rollout.resource_version)
        )
        # `add` replaces what is there and works where nothing is yet.
        operations = [
            _test("/metadata/uid", rollout.uid),
            tested,
            {"op": "add", "path": "/status", "value": dict(status)},
        ]
        return await self._write(rollout, operations, subresource="status")

    async def set_finalizer(self, rollout: RolloutObject, *, present: bool) -> RolloutObject:
        """Adds or removes our finalizer; the finalizers of others stay as they are."""
        if (FINALIZER in rollout.finalizers) == present:
            return rollout
        others = [finalizer for finalizer in rollout.finalizers if finalizer != FINALIZER]
        operations = [
            _test("/metadata/uid", rollout.uid),
            _test("/metadata/resourceVersion", rollout.resource_version),
            {"op": "add", "path": "/metadata/finalizers", "value": [*others, FINALIZER] if present else others},
        ]
        return await self._write(rollout, operations)

    async def _write(
        self, rollout: RolloutObject, operations: list[JsonObject], *, subresource: str | None = None
    ) -> RolloutObject:
        key = (rollout.namespace, rollout.name)
        try:
            raw = await self._api.patch(ROLLOUTS, *key, operations, manager=Manager.FORWARD, subresource=subresource)
        except Missing:
            self._cache.drop(key)
            raise
        return self._keep(key, raw)

    def _keep(self, key: Key, raw: JsonObject) -> RolloutObject:
        view = rollout_object(raw, self._cache.last(key))
        self._cache.put(key, view.resource_version, view, watched=False)
        return view


def _test(path: str, value: object) -> JsonObject:
    return {"op": "test", "path": path, "value": value}
