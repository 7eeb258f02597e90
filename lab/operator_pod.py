"""Tidegate's own pod as a local process: what a kubelet makes of args, env, mounts, account and probe.

The process gets nothing but what its pod says, with the token of its service account. Only the paths of mounts differ:
they lie in a folder of the pod's own. It listens on 127.0.0.1, so an installation here sets a free port (`config.listen`).
"""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab import pods
from lab.api import ApiError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from lab.api import Api, Object
    from lab.processes import Process, Processes

ADDRESS = "127.0.0.1"
NODE = "lab"


def is_operator(pod: Object) -> bool:
    """Whether a pod is Tidegate's own."""
    return pods.image(pod).startswith(f"{pods.OPERATOR}:")


def port(pod: Object) -> int:
    """The container's first port."""
    return int(pod["spec"]["containers"][0]["ports"][0]["containerPort"])


def probe(pod: Object) -> str:
    """The URL of the readiness probe."""
    path = pod["spec"]["containers"][0]["readinessProbe"]["httpGet"]["path"]
    return f"http://{ADDRESS}:{port(pod)}{path}"


def target(pod: Object) -> Object:
    """A Prometheus file_sd entry, as a ServiceMonitor with `honorLabels` makes one."""
    return {"targets": [f"{ADDRESS}:{port(pod)}"], "labels": {"job": "tidegate"}}


@dataclass(frozen=True)
class OperatorPods:
    """Starts them, and tells the API server when they are gone."""

    api: Api
    children: Processes
    folder: Path
    kubeconfig_of: Callable[[str, str], Awaitable[Path]]
    """From the namespace and name of a service account to a kubeconfig with its token."""

    async def bind(self, pod: Object) -> None:
        """Gives it a node: a pod without one is deleted at once, whatever its process is doing."""
        metadata = pod["metadata"]
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/binding"
        body = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": metadata["name"]}}
        with contextlib.suppress(ApiError):  # bound before
            await self.api.request("POST", path, {**body, "target": {"kind": "Node", "name": NODE}})

    async def start(self, pod: Object) -> Process:
        """The container's process."""
        metadata, container = pod["metadata"], pod["spec"]["containers"][0]
        mounts = await self._mounted(pod, container)
        kubeconfig = await self.kubeconfig_of(metadata["namespace"], pod["spec"]["serviceAccountName"])
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        environment = {**kept, **_environment(pod, container), "KUBECONFIG": str(kubeconfig)}
        arguments = [_moved(argument, mounts) for argument in container["args"]]
        command = [sys.executable, "-m", "tidegate.cli", *arguments]
        return self.children.start(f"pod.{metadata['namespace']}.{metadata['name']}", command, environment)

    async def gone(self, pod: Object) -> None:
        """Its process has ended: the API server may forget it."""
        shutil.rmtree(self.folder / pod["metadata"]["uid"], ignore_errors=True)
        with contextlib.suppress(ApiError):
            await self.api.delete({"apiVersion": "v1", "kind": "Pod", **pod}, now=True)

    async def _mounted(self, pod: Object, container: Object) -> Mapping[str, str]:
        """Writes the volumes, as they are now. Returns where each mount path is."""
        root = self.folder / pod["metadata"]["uid"]
        mounts = {one["mountPath"]: str(root / one["mountPath"].strip("/")) for one in container["volumeMounts"]}
        volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
        for mount in container["volumeMounts"]:
            place = root / mount["mountPath"].strip("/")
            place.mkdir(parents=True, exist_ok=True)
            for name, content in (await self._content(pod, volumes[mount["name"]])).items():
                (place / name).write_text(_moved(content, mounts))
        return mounts

    async def _content(self, pod: Object, volume: Object) -> Mapping[str, str]:
        namespace = pod["metadata"]["namespace"]
        if "configMap" in volume:
            found = await self.api.get("v1", "ConfigMap", volume["configMap"]["name"], namespace)
            return dict(found.get("data", {}))
        found = await self.api.get("v1", "Secret", volume["secret"]["secretName"], namespace)
        return {name: base64.b64decode(value).decode() for name, value in found.get("data", {}).items()}


def _environment(pod: Object, container: Object) -> dict[str, str]:
    """Literal values, and those that are taken from the pod's metadata."""
    found = {}
    for entry in container.get("env", []):
        parts = entry.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath", "").split(".")
        found[entry["name"]] = str(pod[parts[0]][parts[1]]) if len(parts) == 2 else entry.get("value", "")
    return found


def _moved(text: str, mounts: Mapping[str, str]) -> str:
    for path, place in mounts.items():
        text = text.replace(path, place)
    return text
