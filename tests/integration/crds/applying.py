"""What `kubectl apply` and `kubectl diff` do, over the API alone: kubectl itself is not among the lab's binaries.

Client-side apply of a custom resource is a JSON merge patch of three (k8s.io/apimachinery, `jsonmergepatch`): what was
applied last and is no longer written is deleted, what is written and differs from what is stored is set.
"""

from __future__ import annotations

import copy
import json
from typing import Any

from lab.api import Api

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

Object = dict[str, Any]


async def apply_client_side(api: Api, manifest: Object) -> str:
    """`kubectl apply -f`: `created`, `configured` or `unchanged`."""
    written = _annotated(manifest)
    stored = await _stored(api, manifest)
    if stored is None:
        await _create(api, written)
        return "created"
    patch = three_way(json.loads(stored["metadata"]["annotations"][LAST_APPLIED]), written, stored)
    if not patch:
        return "unchanged"
    await _request(api, "PATCH", manifest, patch, "application/merge-patch+json", {"fieldValidation": "Strict"})
    return "configured"


async def apply_server_side(api: Api, manifest: Object) -> Object:
    """`kubectl apply --server-side`, without `--force-conflicts`: ApiError 409 names the fields in conflict."""
    query = {"fieldManager": "kubectl", "fieldValidation": "Strict"}
    return await _request(api, "PATCH", manifest, manifest, "application/apply-patch+yaml", query)


async def diff(api: Api, manifest: Object, *, server_side: bool) -> Object:
    """What `kubectl diff` shows, before and after by field of the object's own: empty when nothing would change."""
    stored = await _stored(api, manifest)
    assert stored is not None
    if server_side:
        query = {"fieldManager": "kubectl", "dryRun": "All"}
        merged = await _request(api, "PATCH", manifest, manifest, "application/apply-patch+yaml", query)
    else:
        patch = three_way(json.loads(stored["metadata"]["annotations"][LAST_APPLIED]), _annotated(manifest), stored)
        query = {"dryRun": "All"}
        merged = await _request(api, "PATCH", manifest, patch, "application/merge-patch+json", query)
    before, after = _shown(stored), _shown(merged)
    return {key: (before.get(key), after.get(key)) for key in before | after if before.get(key) != after.get(key)}


def three_way(original: Any, modified: Any, current: Any) -> Object:  # noqa: ANN401  (JSON)
    """The merge patch that kubectl sends; empty says `unchanged`."""
    deleted = _only_nulls(_merge_patch(original, modified), nulls=True)
    changed = _only_nulls(_merge_patch(current, modified), nulls=False)
    return _merged(deleted, changed)


def _merge_patch(before: Object, after: Object) -> Object:
    patch: Object = {key: None for key in before if key not in after}
    for key, value in after.items():
        old = before.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            if inner := _merge_patch(old, value):
                patch[key] = inner
        elif key not in before or old != value:
            patch[key] = value
    return patch


def _only_nulls(patch: Object, *, nulls: bool) -> Object:
    found: Object = {}
    for key, value in patch.items():
        if isinstance(value, dict):
            if inner := _only_nulls(value, nulls=nulls):
                found[key] = inner
        elif (value is None) == nulls:
            found[key] = value
    return found


def _merged(one: Object, other: Object) -> Object:
    found = dict(one)
    for key, value in other.items():
        before = found.get(key)
        found[key] = _merged(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return found


def _annotated(manifest: Object) -> Object:
    written = copy.deepcopy(manifest)
    text = json.dumps(manifest, sort_keys=True)
    written["metadata"].setdefault("annotations", {})[LAST_APPLIED] = text
    return written


def _shown(item: Object) -> Object:
    """Without what kubectl leaves out of a diff."""
    metadata = {key: value for key, value in item["metadata"].items() if key not in {"managedFields", "generation"}}
    metadata.get("annotations", {}).pop(LAST_APPLIED, None)
    metadata.pop("resourceVersion", None)
    return {**item, "metadata": metadata}


async def _stored(api: Api, manifest: Object) -> Object | None:
    metadata = manifest["metadata"]
    return await api.find(manifest["apiVersion"], manifest["kind"], metadata["name"], metadata.get("namespace"))


async def _create(api: Api, manifest: Object) -> None:
    path, _, _ = _path(manifest).rpartition("/")
    await api.request("POST", path, manifest, query={"fieldValidation": "Strict", "fieldManager": "kubectl-client-side-apply"})


async def _request(
    api: Api, method: str, manifest: Object, body: Object, content_type: str, query: dict[str, str]
) -> Object:
    query = {"fieldManager": "kubectl-client-side-apply", **query}
    return await api.request(method, _path(manifest), body, content_type, query)


def _path(manifest: Object) -> str:
    namespace = manifest["metadata"].get("namespace")
    place = f"/namespaces/{namespace}" if namespace else ""
    return f"/apis/{manifest['apiVersion']}{place}/{manifest['kind'].lower()}s/{manifest['metadata']['name']}"


