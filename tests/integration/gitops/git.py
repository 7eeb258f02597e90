"""A repository whose manifests are applied every second, in the ways that kubectl, Argo CD and Flux apply."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
from collections.abc import AsyncIterator, Callable
from typing import Any, Final, Protocol

from lab.api import UNAVAILABLE, Api, ApiError
from tests.integration.crds.applying import LAST_APPLIED, three_way

EVERY_SECONDS: Final = 1.0
CHANGED_MEANWHILE: Final = "the object has been modified"
"""What the API server says where an object is another than the one that was read."""
MANAGER: Final = "git"

Object = dict[str, Any]


class Way(Protocol):
    """One way of applying a manifest on what is stored (`None`: nothing)."""

    async def __call__(self, api: Api, manifest: Object, stored: Object | None) -> None:
        """Applies. Raises: ApiError."""
        ...


async def client_side(api: Api, manifest: Object, stored: Object | None, *, version: str = "") -> None:
    """`kubectl apply`, and Argo CD without `ServerSideApply`: the patch of three; only on that version of the object, if one is given."""
    written = copy.deepcopy(manifest)
    written["metadata"].setdefault("annotations", {})[LAST_APPLIED] = json.dumps(manifest, sort_keys=True)
    if stored is None:
        await api.create(written)
        return
    before = (stored["metadata"].get("annotations") or {}).get(LAST_APPLIED)
    patch = three_way(json.loads(before) if before else {}, written, stored)
    if patch:
        if version:
            patch["metadata"] = {**patch.get("metadata", {}), "resourceVersion": version}
        merge = "strategic-merge" if manifest["apiVersion"] == "apps/v1" else "merge"
        await api.request("PATCH", path(manifest), patch, f"application/{merge}-patch+json", {"fieldManager": MANAGER})


async def server_side(api: Api, manifest: Object, stored: Object | None, *, force: bool = True) -> None:
    """Flux, `kubectl apply --server-side --force-conflicts`, and Argo CD with `ServerSideApply`."""
    del stored
    query = {"fieldManager": MANAGER, "force": str(force).lower()}
    await api.request("PATCH", path(manifest), manifest, "application/apply-patch+yaml", query)


async def without_force(api: Api, manifest: Object, stored: Object | None) -> None:
    """`kubectl apply --server-side`."""
    await server_side(api, manifest, stored, force=False)


async def flux_with_ignored_weights(api: Api, manifest: Object, stored: Object | None) -> None:
    """Flux with `spec.ignore` of the weights: the value in the cluster takes the place of each ignored one.

    Not on a route that was written since it was read: the weights of then would be put back, by chance.
    """
    written = copy.deepcopy(manifest)
    if stored is not None and manifest["kind"] == "HTTPRoute":
        for rule, live in zip(written["spec"]["rules"], stored["spec"]["rules"], strict=True):
            for ref, other in zip(rule["backendRefs"], live["backendRefs"], strict=True):
                ref["weight"] = other["weight"]
        written["metadata"]["resourceVersion"] = stored["metadata"]["resourceVersion"]
    await server_side(api, written, stored)


async def argo_cd_with_ignored_weights(api: Api, manifest: Object, stored: Object | None) -> None:
    """Argo CD with `RespectIgnoreDifferences`: a merge patch, so the whole list around an ignored field is the cluster's.

    Not on a route that was written since it was read, as above.
    """
    written, version = copy.deepcopy(manifest), ""
    if stored is not None and manifest["kind"] == "HTTPRoute":
        written["spec"]["rules"] = stored["spec"]["rules"]
        version = stored["metadata"]["resourceVersion"]
    await client_side(api, written, stored, version=version)


async def flux_if_not_present(api: Api, manifest: Object, stored: Object | None) -> None:
    """Flux with the annotation `kustomize.toolkit.fluxcd.io/ssa: IfNotPresent` on the route."""
    if stored is None or manifest["kind"] != "HTTPRoute":
        await server_side(api, manifest, stored)


class Git:
    """Manifests, changed by `commit`, and applied over and over while `syncing`."""

    def __init__(self, api: Api, way: Way, *manifests: Object) -> None:
        self._api = api
        self._way = way
        self.manifests = [copy.deepcopy(one) for one in manifests]
        self.refusals: list[str] = []
        """What the API server said, where it refused."""
        self.interrupted: list[str] = []
        """What was not applied for another reason, a broken connection or a change meanwhile: the next round applies it."""
        self.rounds = 0

    def commit(self, kind: str, name: str, change: Callable[[Object], None]) -> None:
        """Edits one manifest."""
        (found,) = (one for one in self.manifests if (one["kind"], one["metadata"]["name"]) == (kind, name))
        change(found)

    async def sync(self) -> None:
        """Applies all of it once."""
        for manifest in self.manifests:
            try:
                await self._way(self._api, manifest, await _stored(self._api, manifest))
            except ApiError as error:
                later = error.status == UNAVAILABLE or CHANGED_MEANWHILE in str(error)
                (self.interrupted if later else self.refusals).append(str(error))
        self.rounds += 1

    @contextlib.asynccontextmanager
    async def syncing(self) -> AsyncIterator[None]:
        """Applies it now, and every second until the end."""
        await self.sync()
        loop = asyncio.create_task(self._loop())
        try:
            yield
        finally:
            loop.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await loop
            if self.interrupted:
                print(f"what Git applied a round later: {self.interrupted}")  # noqa: T201  (shown when a test fails)

    async def _loop(self) -> None:
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            await self.sync()


def path(manifest: Object) -> str:
    """The URL path of an object in a namespace."""
    version = manifest["apiVersion"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    metadata = manifest["metadata"]
    return f"{root}/namespaces/{metadata['namespace']}/{manifest['kind'].lower()}s/{metadata['name']}"


async def _stored(api: Api, manifest: Object) -> Object | None:
    metadata = manifest["metadata"]
    return await api.find(manifest["apiVersion"], manifest["kind"], metadata["name"], metadata["namespace"])
