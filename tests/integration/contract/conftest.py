"""The adapters on a real API server as the stage of the contract tests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from lab import manifests
from lab.api import Api as Hands
from lab.control_plane import ControlPlane
from lab.wait import PATIENCE
from tests.contract.stage import SPEC, Rules
from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.commands import KubernetesCommands
from tidegate.adapters.kubernetes.configuration import load_configuration
from tidegate.adapters.kubernetes.jobs import KubernetesJobs
from tidegate.adapters.kubernetes.metric_templates import KubernetesMetricTemplates
from tidegate.adapters.kubernetes.rollouts import KubernetesRollouts
from tidegate.adapters.kubernetes.workloads import KubernetesWorkloads
from tidegate.adapters.routers import routers
from tidegate.api.metric_template.ref import TemplateKind, TemplateRef
from tidegate.handlers import Caches

CRDS = Path(__file__).parents[3] / "crds"
GATEWAY_API = "gateway.networking.k8s.io/v1"
TIDEGATE = "tidegate.dev/v1alpha1"

Object = dict[str, Any]


class RealStage:
    """The adapters, beside the lab's own client as the hands of everybody else."""

    def __init__(self, namespace: str, api: Api, hands: Hands) -> None:
        self.namespace = namespace
        self.api = api
        self.hands = hands
        self.caches = Caches()
        self.rollouts = KubernetesRollouts(api, self.caches.rollouts)
        self.workloads = KubernetesWorkloads(api, self.caches.workloads)
        self.router = routers(api, self.caches.routes)
        self.metric_templates = KubernetesMetricTemplates(api, self.caches.metric_templates)
        self.commands = KubernetesCommands(api, self.caches.commands, time.time)
        self.jobs = KubernetesJobs(api, self.caches.jobs)

    def item(self, api_version: str, kind: str, name: str, **content: object) -> Object:
        metadata = {"name": name, "namespace": self.namespace}
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **content}

    async def put_rollout(self, name: str) -> None:
        await self.hands.create(self.item(TIDEGATE, "Rollout", name, spec=SPEC))

    async def edit_rollout(self, name: str) -> None:
        await self.hands.patch(self.item(TIDEGATE, "Rollout", name), {"spec": {"interval": "45s"}})

    async def delete_rollout(self, name: str) -> None:
        await self.hands.delete(self.item(TIDEGATE, "Rollout", name))

    async def put_route(self, kind: str, name: str, rules: Rules) -> None:
        spec = {"parentRefs": [{"name": "gateway"}], "rules": _rules(rules)}
        if kind == "TLSRoute":
            spec["hostnames"] = ["shop.example"]
        await self.hands.create(self.item(GATEWAY_API, kind, name, spec=spec))

    async def edit_route(self, kind: str, name: str, rules: Rules) -> None:
        await self.hands.patch(self.item(GATEWAY_API, kind, name), {"spec": {"rules": _rules(rules)}})

    async def report_route(self, kind: str, name: str, *, accepted: bool) -> None:
        found = await self.hands.get(GATEWAY_API, kind, name, self.namespace)
        condition = {
            "status": "True" if accepted else "False",
            "reason": "Told",
            "message": "as the test says",
            "observedGeneration": found["metadata"]["generation"],
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        parent = {
            "parentRef": found["spec"]["parentRefs"][0],
            "controllerName": "example.com/gateway",
            "conditions": [{"type": "Accepted", **condition}, {"type": "ResolvedRefs", **condition}],
        }
        await self.hands.patch(found, {"status": {"parents": [parent]}}, part="status")

    async def numbers(self, kind: str, name: str) -> Rules:
        found = await self.hands.get(GATEWAY_API, kind, name, self.namespace)
        return {
            rule.get("name", f"#{index}"): [(backend["name"], backend["weight"]) for backend in rule["backendRefs"]]
            for index, rule in enumerate(found["spec"]["rules"])
        }

    async def put_deployment(self, name: str, pod_spec: Mapping[str, Any], replicas: int) -> None:
        labels = {"app": name}
        template = {"metadata": {"labels": labels}, "spec": pod_spec}
        spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
        await self.hands.create(self.item("apps/v1", "Deployment", name, spec=spec))

    async def put_autoscaler(self, name: str, deployment: str) -> None:
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment}
        spec = {"scaleTargetRef": target, "maxReplicas": 3}
        await self.hands.create(self.item("autoscaling/v2", "HorizontalPodAutoscaler", name, spec=spec))

    async def settled(self, name: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while True:
                found = await self.hands.get("apps/v1", "Deployment", name, self.namespace)
                if (found.get("status") or {}).get("observedGeneration") == found["metadata"]["generation"]:
                    return
                await asyncio.sleep(0.05)

    async def edit_template(self, name: str, annotations: Mapping[str, str]) -> None:
        change = {"spec": {"template": {"metadata": {"annotations": dict(annotations)}}}}
        await self.hands.patch(self.item("apps/v1", "Deployment", name), change)

    async def pod_spec(self, name: str) -> Mapping[str, Any]:
        found = await self.hands.get("apps/v1", "Deployment", name, self.namespace)
        return dict(found["spec"]["template"]["spec"])

    async def put_service(self, name: str, selector: Mapping[str, str]) -> None:
        spec = {"ports": [{"port": 80}], **({"selector": dict(selector)} if selector else {})}
        await self.hands.create(self.item("v1", "Service", name, spec=spec))

    async def put_metric_template(self, ref: TemplateRef, spec: Mapping[str, Any]) -> None:
        await self.hands.apply(self._template(ref) | {"spec": dict(spec)})

    async def delete_metric_template(self, ref: TemplateRef) -> None:
        await self.hands.delete(self._template(ref))

    def _template(self, ref: TemplateRef) -> Object:
        item = self.item(TIDEGATE, str(ref.kind), ref.name)
        if ref.kind is TemplateKind.CLUSTER_METRIC_TEMPLATE:
            del item["metadata"]["namespace"]
        return item

    async def put_cron_job(self, name: str, *, suspended: bool) -> None:
        await self.hands.create(manifests.cron_job(self.namespace, name, ["sleep", "60"], suspended=suspended))

    async def delete_jobs(self) -> None:
        for job in await self.hands.list("batch/v1", "Job", self.namespace):
            await self.hands.delete(job)

    async def put_command(self, name: str, rollout: str, action: str) -> None:
        await self.hands.create(
            self.item(TIDEGATE, "RolloutCommand", name, spec={"rollout": rollout, "action": action})
        )

    async def outcome(self, command: str) -> tuple[str, str]:
        found = await self.hands.get(TIDEGATE, "RolloutCommand", command, self.namespace)
        status = found.get("status") or {}
        return status.get("phase", ""), status.get("message", "")


def _rules(rules: Rules) -> list[Object]:
    return [
        {
            **({} if name.startswith("#") else {"name": name}),
            "backendRefs": [{"name": service, "port": 80, "weight": weight} for service, weight in backends],
        }
        for name, backends in rules.items()
    ]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def ready_cluster(cluster: ControlPlane) -> ControlPlane:
    await cluster.install_crds(CRDS.glob("*.yaml"))
    return cluster


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def api(ready_cluster: ControlPlane) -> AsyncIterator[Api]:
    client = Api(await load_configuration(str(ready_cluster.kubeconfig)))
    yield client
    await client.close()


@pytest.fixture
def stage(api: Api, ready_cluster: ControlPlane, namespace: str) -> RealStage:
    return RealStage(namespace, api, ready_cluster.api)
