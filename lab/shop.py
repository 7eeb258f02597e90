"""The shop of the demo and of the end-to-end tests: an app in two versions behind one route, and the Rollout that moves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab import manifests

if TYPE_CHECKING:
    from lab.api import Object
    from lab.cluster import Cluster

APP = "checkout"
CANARY = "checkout-canary"
API_VERSION = "tidegate.dev/v1alpha1"

SELECTOR = 'http_requests_total{namespace="$namespace",deployment="$workload"'
LATENCY = (
    "histogram_quantile(0.99, sum by (le) "
    '(rate(http_request_duration_seconds_bucket{namespace="$namespace",pod=~"$pods"}[$window])))'
)


def rollout(namespace: str, *, revision: str = "", step_seconds: int = 12, **changes: object) -> Object:
    """The Rollout: two steps, error rate and latency against limits; `changes` replace parts of the spec."""
    spec: Object = {
        "baseline": {"deployment": APP, "service": APP},
        "candidate": {"deployment": CANARY, "service": CANARY},
        "traffic": [{"kind": "HTTPRoute", "name": APP}],
        "interval": "1s",
        "metrics": [
            {
                "name": "error-rate",
                "ratio": {"bad": f'{SELECTOR},code=~"5.."}}', "total": f"{SELECTOR}}}"},
                "window": "8s",
                "minimumRequests": 10,
            },
            {"name": "p99-latency", "query": LATENCY, "unit": "seconds", "window": "8s"},
        ],
        "guards": [{"metric": "error-rate", "max": "5%"}, {"metric": "p99-latency", "max": "500ms", "for": "5s"}],
        "steps": [
            {
                "name": "canary",
                "weight": 10,
                "duration": f"{step_seconds}s",
                "checkpoints": [{"at": f"{step_seconds // 2}s"}],
                "thresholds": [{"metric": "error-rate", "max": "1%"}, {"metric": "p99-latency", "max": "250ms"}],
            },
            {
                "name": "half",
                "weight": 50,
                "duration": f"{step_seconds}s",
                "thresholds": [{"metric": "error-rate", "max": "1%"}],
            },
        ],
        "promotion": {"strategy": "CopyTemplate", "settle": "6s"},
        **({"revision": revision} if revision else {}),
        **changes,
    }
    return {
        "apiVersion": API_VERSION,
        "kind": "Rollout",
        "metadata": {"name": APP, "namespace": namespace},
        "spec": spec,
    }


async def open_shop(lab: Cluster, namespace: str, *, version: str = "v1", replicas: int = 2) -> None:
    """Both arms on one version and the route with all traffic on the baseline, ready to serve."""
    await lab.apply(manifests.namespace(namespace))
    route = manifests.http_route(namespace, APP, {APP: 1, CANARY: 0})
    await lab.apply(
        manifests.app(namespace, APP, version=version, replicas=replicas),
        manifests.app(namespace, CANARY, version=version, replicas=replicas),
        route,
    )
    for name in (APP, CANARY):
        await lab.rolled_out(namespace, name)
    await lab.accepted(route)


async def release(lab: Cluster, namespace: str, version: str, *, replicas: int = 2) -> None:
    """Gives the candidate a new version, as a pipeline would."""
    await lab.apply(manifests.deployment(namespace, CANARY, version=version, replicas=replicas))


async def misbehave(lab: Cluster, namespace: str, error_rate: float) -> None:
    """Makes every pod of the candidate fail this share (0-1) of its requests, from now on."""
    for pod in await lab.api.list("v1", "Pod", namespace, f"app={CANARY}"):
        if pod.get("status", {}).get("podIP"):
            await lab.control(pod, f"error_rate={error_rate}")


async def state(lab: Cluster, namespace: str) -> Object:
    """The Rollout as it stands; empty when there is none."""
    return await lab.api.find(API_VERSION, "Rollout", APP, namespace) or {}


async def command(lab: Cluster, namespace: str, action: str, reason: str = "told to") -> Object:
    """Creates a RolloutCommand."""
    item = {
        "apiVersion": API_VERSION,
        "kind": "RolloutCommand",
        "metadata": {"name": f"{action.lower()}-1", "namespace": namespace},
        "spec": {"rollout": APP, "action": action, "reason": reason},
    }
    return await lab.api.create(item)
