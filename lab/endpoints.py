"""The EndpointSlice of one Service, as the endpoint controllers would write it.

Those are left out of the lab, because its pods are on loopback addresses, which the API server refuses in a slice: here each
pod has an address of the documentation's network instead. What is ready, and which pods there are, is as in a cluster.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

from lab import pods
from lab.mirror import Mirror
from lab.tasks import Tasks

if TYPE_CHECKING:
    from lab.api import Api, Object

API_VERSION = "discovery.k8s.io/v1"


class Endpoints:
    """An async context manager that keeps the slice of a Service while it is open."""

    def __init__(self, api: Api, service: Object) -> None:
        """`service` is the object as it was created."""
        self._api = api
        self._service = service
        self._changed = asyncio.Event()
        self._pods = Mirror(api, "v1", "Pod", self._changed)
        self._tasks = Tasks()

    async def __aenter__(self) -> Self:
        await self._pods.__aenter__()
        await self._write()
        self._tasks.start(self._follow())
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._tasks.end()
        await self._pods.__aexit__(*error)

    async def _follow(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._write()

    async def _write(self) -> None:
        metadata, selector = self._service["metadata"], self._service["spec"]["selector"].items()
        own = [
            pod
            for pod in self._pods.objects.values()
            if pod["metadata"]["namespace"] == metadata["namespace"]
            and selector <= pod["metadata"].get("labels", {}).items()
        ]
        slice_of = {
            "apiVersion": API_VERSION,
            "kind": "EndpointSlice",
            "metadata": {
                "name": f"{metadata['name']}-lab",
                "namespace": metadata["namespace"],
                "labels": {"kubernetes.io/service-name": metadata["name"]},
            },
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": pods.PORT}],
            "endpoints": [_endpoint(place, pod) for place, pod in enumerate(own, 1)],
        }
        await self._api.apply(slice_of)


def _endpoint(place: int, pod: Object) -> Object:
    return {
        "addresses": [f"192.0.2.{place}"],
        "conditions": {"ready": pods.is_ready(pod)},
        "targetRef": {"kind": "Pod", "name": pod["metadata"]["name"], "namespace": pod["metadata"]["namespace"]},
    }
