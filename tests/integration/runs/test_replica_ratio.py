"""Pods as weights on a real API server, with its Deployment controller, the node's processes and requests that are counted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from lab import manifests, shop
from lab.api import ApiError, Object
from lab.endpoints import Endpoints
from lab.operator_process import OperatorProcess
from lab.stack import Lab
from lab.wait import until
from tests.integration.runs.test_runs import SECONDS, until_outcome

TOTAL = 4
BY_PODS: Object = {
    "candidate": {"deployment": shop.CANARY, "service": shop.APP},
    "traffic": [{"kind": "ReplicaRatio", "name": shop.APP, "replicaRatio": {"total": TOTAL}}],
}
STEPS = [
    {"name": "one-pod", "weight": 25, "duration": "3s"},
    {"name": "half", "weight": 50, "duration": "3s", "thresholds": [{"metric": "error-rate", "max": "1%"}]},
]
LONG = [STEPS[0], {**STEPS[1], "duration": "1h"}]
REFUSE = "hold-the-candidate"
POLICIES = "admissionregistration.k8s.io/v1"


def arm(namespace: str, name: str, *, version: str, replicas: int) -> Object:
    """A Deployment whose pods the one Service selects."""
    made = manifests.deployment(namespace, name, version=version, replicas=replicas)
    template = made["spec"]["template"]
    template["metadata"]["labels"] = {**template["metadata"]["labels"], "shop": shop.APP}
    return made


@asynccontextmanager
async def open_shop(lab: Lab, namespace: str) -> AsyncIterator[None]:
    """Both arms behind one Service, a route that knows no arms, and what tells the operator which pods get traffic."""
    await lab.install_tidegate()
    service = manifests.service(namespace, shop.APP)
    service["spec"]["selector"] = {"shop": shop.APP}
    await lab.apply(
        arm(namespace, shop.APP, version="v1", replicas=TOTAL),
        arm(namespace, shop.CANARY, version="v2", replicas=0),
        service,
        manifests.http_route(namespace, shop.APP, {shop.APP: 1}),
    )
    await lab.rolled_out(namespace, shop.APP)
    async with Endpoints(lab.api, service), lab.load(namespace, shop.APP, rate=60):
        yield


def operator(lab: Lab) -> OperatorProcess:
    return OperatorProcess(lab, settings={"routers": ["ReplicaRatio"]})


async def replicas(lab: Lab, namespace: str) -> tuple[int, int]:
    found = [await lab.api.get("apps/v1", "Deployment", name, namespace) for name in (shop.APP, shop.CANARY)]
    return found[0]["spec"]["replicas"], found[1]["spec"]["replicas"]


async def until_replicas(lab: Lab, namespace: str, wanted: tuple[int, int], *, reached: bool = False) -> None:
    """Until the Deployments ask for so many pods, and where that is asked the step counts."""

    async def there() -> bool:
        step = (await shop.state(lab, namespace)).get("status", {}).get("step") or {}
        return await replicas(lab, namespace) == wanted and (not reached or bool(step.get("reached")))

    await until(there, SECONDS, f"{wanted} pods")


async def test_promoted_and_the_baseline_has_its_own_pods_again(lab: Lab, namespace: str) -> None:
    async with open_shop(lab, namespace), operator(lab):
        await lab.apply(shop.rollout(namespace, **BY_PODS, steps=STEPS))
        assert await until_outcome(lab, namespace) == "Succeeded"
        assert await replicas(lab, namespace) == (TOTAL, 0)
        found = await lab.api.get("apps/v1", "Deployment", shop.APP, namespace)
        assert found["spec"]["template"]["spec"]["containers"][0]["image"].endswith(":v2")
        assert found["status"]["availableReplicas"] == TOTAL


async def test_a_breach_takes_the_candidates_pods_and_gives_the_baseline_its_own(lab: Lab, namespace: str) -> None:
    async with open_shop(lab, namespace), operator(lab):
        await lab.apply(shop.rollout(namespace, **BY_PODS, steps=LONG))
        await until_replicas(lab, namespace, (2, 2), reached=True)
        await shop.misbehave(lab, namespace, 0.5)
        assert await until_outcome(lab, namespace) == "Reverted"
        assert await replicas(lab, namespace) == (TOTAL, 0)
        found = await lab.api.get("apps/v1", "Deployment", shop.CANARY, namespace)
        assert "tidegate-revert" in {one["manager"] for one in found["metadata"]["managedFields"]}


async def test_killed_between_the_two_writes_of_a_revert_it_ends_it(lab: Lab, namespace: str) -> None:
    async with open_shop(lab, namespace), operator(lab) as running:
        await lab.apply(shop.rollout(namespace, **BY_PODS, steps=LONG))
        await until_replicas(lab, namespace, (2, 2), reached=True)
        async with held_up(lab, namespace):
            await shop.misbehave(lab, namespace, 0.5)
            await until_replicas(lab, namespace, (TOTAL, 2))
            await running.kill()
        await running.start()
        assert await until_outcome(lab, namespace) == "Reverted"
        assert await replicas(lab, namespace) == (TOTAL, 0)
        assert len((await shop.state(lab, namespace))["status"]["history"]) == 1


@asynccontextmanager
async def held_up(lab: Lab, namespace: str) -> AsyncIterator[None]:
    """The API server takes no change of the candidate's Deployment."""
    name = f"{REFUSE}-{namespace}"
    rule = {"apiGroups": ["apps"], "apiVersions": ["v1"], "resources": ["deployments"], "operations": ["UPDATE"]}
    policy: Object = {
        "apiVersion": POLICIES,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "matchConstraints": {"resourceRules": [rule]},
            "matchConditions": [
                {
                    "name": "candidate",
                    "expression": f"object.metadata.namespace == '{namespace}' && object.metadata.name == '{shop.CANARY}'",
                }
            ],
            "validations": [{"expression": "false", "message": "held up"}],
        },
    }
    spec: dict[str, Any] = {"policyName": name, "validationActions": ["Deny"]}
    binding: Object = {**policy, "kind": "ValidatingAdmissionPolicyBinding", "spec": spec}
    await lab.apply(policy, binding)
    found = await lab.api.get("apps/v1", "Deployment", shop.CANARY, namespace)

    async def refused() -> bool:
        try:
            await lab.api.patch(found, {"metadata": {"annotations": {"try": "this"}}})
        except ApiError as error:
            return "held up" in str(error)
        return False

    await until(refused, SECONDS, "the policy is in force")
    try:
        yield
    finally:
        for item in (binding, policy):
            await lab.api.delete(item)


@pytest.mark.parametrize("scaled", [shop.APP, shop.CANARY])
async def test_where_an_hpa_scales_either_arm_no_run_starts(lab: Lab, namespace: str, scaled: str) -> None:
    hpa: Object = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "busy", "namespace": namespace},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": scaled},
            "minReplicas": TOTAL,
            "maxReplicas": TOTAL,
        },
    }
    async with open_shop(lab, namespace), operator(lab):
        await lab.apply(hpa)
        await lab.apply(shop.rollout(namespace, **BY_PODS, steps=LONG))

        async def said() -> str:
            return str((await shop.state(lab, namespace)).get("status", {}).get("message", ""))

        async def refused() -> bool:
            return f"HorizontalPodAutoscaler busy scales Deployment '{scaled}'" in await said()

        await until(refused, SECONDS, "the HPA is named")
        status = (await shop.state(lab, namespace))["status"]
        assert "run" not in status
        assert (await replicas(lab, namespace))[1] == 0
