"""Which pods get the traffic of a Service: its EndpointSlices, listed when asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.resources import Resource
from tidegate.core.model.world import Unknown
from tidegate.ports.errors import PortError

ENDPOINT_SLICES: Final = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
SERVICE_LABEL: Final = "kubernetes.io/service-name"
"""By which a slice names its Service (k8s.io/api/discovery/v1, LabelServiceName)."""


async def pods_behind(api: Api, namespace: str, service: str) -> frozenset[str] | Unknown:
    """Names of the pods that get the Service's traffic."""
    try:
        selected = {"labelSelector": f"{SERVICE_LABEL}={service}"}
        slices = [raw async for page in api.pages(ENDPOINT_SLICES, namespace, selected) for raw in page]
    except PortError as error:
        return Unknown(str(error))
    return ready_pods(slices)


def ready_pods(slices: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """The names of ready pods, each once however many slices (IPv4 and IPv6, say) it is in; the address of what is no pod."""
    endpoints = (endpoint for raw in slices for endpoint in raw.get("endpoints") or ())
    return frozenset(_name(one) for one in endpoints if (one.get("conditions") or {}).get("ready") is not False)


def _name(endpoint: Mapping[str, Any]) -> str:
    target = endpoint.get("targetRef") or {}
    return str(target.get("name") if target.get("kind") == "Pod" else (endpoint.get("addresses") or ["?"])[0])
