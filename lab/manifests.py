"""Kubernetes objects for the sample service: short to write in a test, plain dicts to look into."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab import pods, routes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lab.api import Object

GATEWAY_API = "gateway.networking.k8s.io/v1"


def namespace(name: str) -> Object:
    """A Namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def deployment(
    namespace: str, name: str, *, version: str = "v1", replicas: int = 1, env: Mapping[str, object] | None = None
) -> Object:
    """A Deployment of the sample service; `env` as in `lab.sample.Settings` (ERROR_RATE, LATENCY, ...)."""
    variables = [{"name": key, "value": str(value)} for key, value in (env or {}).items()]
    container = {"name": "app", "image": f"{pods.SAMPLE}:{version}", "env": variables}
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def cron_job(namespace: str, name: str, command: Sequence[str], *, retries: int = 0, suspended: bool = True) -> Object:
    """A CronJob that never runs by itself, whose Jobs run `command` as a local process."""
    container = {"name": "job", "image": "job", "command": list(command)}
    pod = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "schedule": "0 0 31 2 *",
            "suspend": suspended,
            "jobTemplate": {"spec": {"backoffLimit": retries, "template": pod}},
        },
    }


def service(namespace: str, name: str) -> Object:
    """The Service of the Deployment of that name."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 80, "targetPort": pods.PORT}]},
    }


def hostname(namespace: str, route: str) -> str:
    """The host that `http_route` gives a route, to be sent by clients: many routes share the one gateway."""
    return f"{route}.{namespace}.lab.test"


def http_route(
    namespace: str, name: str, weights: Mapping[str, int], *, headers: Mapping[str, str] | None = None
) -> Object:
    """An HTTPRoute of the lab's gateway with one rule that shares traffic among Services by weight.

    `headers`: only requests that carry them match. Further rules: append to ["spec"]["rules"], made by `rule`.
    """
    spec = {**_parent(), "hostnames": [hostname(namespace, name)], "rules": [rule(weights, headers=headers)]}
    return {
        "apiVersion": GATEWAY_API,
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def rule(
    weights: Mapping[str, int], *, name: str | None = None, path: str = "/", headers: Mapping[str, str] | None = None
) -> Object:
    """One rule of an HTTPRoute; a named one can be picked by name."""
    match: Object = {"path": {"type": "PathPrefix", "value": path}}
    if headers:
        match["headers"] = [{"type": "Exact", "name": key, "value": value} for key, value in headers.items()]
    named = {} if name is None else {"name": name}
    return {**named, "matches": [match], "backendRefs": _backends(weights)}


def grpc_route(namespace: str, name: str, weights: Mapping[str, int]) -> Object:
    """A GRPCRoute of the lab's gateway with one rule for every method."""
    spec = {**_parent(), "hostnames": [hostname(namespace, name)], "rules": [{"backendRefs": _backends(weights)}]}
    return {
        "apiVersion": GATEWAY_API,
        "kind": "GRPCRoute",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def app(
    namespace: str, name: str, *, version: str = "v1", replicas: int = 1, env: Mapping[str, object] | None = None
) -> list[Object]:
    """A Deployment and its Service."""
    return [deployment(namespace, name, version=version, replicas=replicas, env=env), service(namespace, name)]


def _parent() -> Object:
    gateway_namespace, gateway = routes.GATEWAY
    return {"parentRefs": [{"name": gateway, "namespace": gateway_namespace}]}


def _backends(weights: Mapping[str, int]) -> list[Object]:
    return [{"name": name, "port": 80, "weight": weight} for name, weight in weights.items()]
