"""The candidate's pods on a real API server, with its Deployment controller and the node's processes."""

from __future__ import annotations

from typing import Any

import pytest

from lab import shop
from lab.api import Object
from lab.operator_process import OperatorProcess
from lab.stack import Lab
from lab.wait import until
from tests.integration.runs.test_jobs import LONG, begun, rollout, until_condition, until_share
from tests.integration.runs.test_runs import SECONDS, until_outcome


async def replicas(lab: Lab, namespace: str) -> int:
    found = await lab.api.get("apps/v1", "Deployment", shop.CANARY, namespace)
    return int(found["spec"]["replicas"])


async def until_replicas(lab: Lab, namespace: str, number: int) -> None:
    async def there() -> bool:
        return await replicas(lab, namespace) == number

    await until(there, SECONDS, f"the candidate asks for {number} pods")


def scaling(**fields: Any) -> Object:  # noqa: ANN401
    return {"deployment": shop.CANARY, "service": shop.CANARY, "scaling": fields}


async def test_the_pods_come_before_the_weight_and_go_after_the_end(lab: Lab, namespace: str) -> None:
    await lab.install_tidegate()
    async with OperatorProcess(lab):
        candidate = scaling(mode="Fixed", replicas=2, afterEnd={"delay": "1s"})
        await begun(lab, namespace, candidate=candidate, steps=LONG)
        await until_share(lab, namespace, 10)
        found = await lab.api.get("apps/v1", "Deployment", shop.CANARY, namespace)
        assert (found["spec"]["replicas"], found["status"]["availableReplicas"]) == (2, 2)
        await shop.command(lab, namespace, "Abort")
        assert await until_outcome(lab, namespace) == "Aborted"
        await until_replicas(lab, namespace, 0)
        await shop.command(lab, namespace, "Retry")
        await until_share(lab, namespace, 10)
        assert await replicas(lab, namespace) == 2
        managers = {one["manager"] for one in found["metadata"]["managedFields"]}
        assert "tidegate" in managers


async def test_where_an_hpa_scales_the_candidate_nothing_is_scaled_and_the_run_goes_on(
    lab: Lab, namespace: str
) -> None:
    await lab.install_tidegate()
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": shop.CANARY}
    metadata = {"name": "busy", "namespace": namespace}
    hpa = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata}
    async with OperatorProcess(lab):
        await shop.open_shop(lab, namespace, replicas=1)
        await lab.apply({**hpa, "spec": {"scaleTargetRef": target, "maxReplicas": 3}})
        await begun(lab, namespace, candidate=scaling(mode="Fixed", replicas=2), steps=LONG)
        await until_share(lab, namespace, 10)
        await until_condition(lab, namespace, "ScaleRefused", "HorizontalPodAutoscaler busy")
        assert await replicas(lab, namespace) == 1


AFTER_THE_END = {"candidate": scaling(mode="MatchWeight", min=2, afterEnd={"delay": "1s"})}
BY_THE_REVERT = {"traffic": [{"kind": "HTTPRoute", "name": shop.APP, "revert": "ScaleToZero"}]}


@pytest.mark.parametrize("how", [AFTER_THE_END, BY_THE_REVERT], ids=["after the end", "by the revert"])
async def test_a_revert_and_a_scale_down_under_load_fail_no_request_but_the_candidates_own(
    lab: Lab, namespace: str, how: dict[str, Any]
) -> None:
    """200 requests a second through Envoy; pods end as kubelet ends them: out of the endpoints first, then drained."""
    await lab.install_tidegate()
    half = [{"name": "half", "weight": 50, "duration": "1h"}]
    async with OperatorProcess(lab):
        await begun(lab, namespace, steps=half, **how)
        await until_share(lab, namespace, 50)
        async with lab.load(namespace, shop.APP, rate=200) as load:

            async def served() -> bool:
                return len([one for one in load.answers if one.version == "v2" and not one.failed]) > 100

            await until(served, SECONDS, "users reach the candidate")
            await shop.misbehave(lab, namespace, 0.2)

            async def failing() -> bool:
                return any(one.failed for one in load.answers)

            await until(failing, SECONDS, "the candidate fails requests of its own")
            await shop.command(lab, namespace, "Abort")
            await until_replicas(lab, namespace, 0)
            await until_no_pods(lab, namespace)
            before = len(load.answers)

            async def goes_on() -> bool:
                return len(load.answers) > before + 300

            await until(goes_on, SECONDS, "users are served without the candidate")
        failed = [one for one in load.answers if one.failed]
        assert failed
        assert {(one.version, one.status) for one in failed} == {("v2", 500)}
        assert {one.version for one in list(load.answers)[-200:]} == {"v1"}


async def until_no_pods(lab: Lab, namespace: str) -> None:
    async def gone() -> bool:
        return not await lab.api.list("v1", "Pod", namespace, f"app={shop.CANARY}")

    await until(gone, SECONDS, "the candidate has no pod")


async def test_a_revert_is_not_done_while_the_api_server_reports_a_terminating_pod(lab: Lab, namespace: str) -> None:
    """A finalizer keeps the pod, as a lost node does: its process may still serve the sessions that it has."""
    await lab.install_tidegate()
    half = [{"name": "half", "weight": 50, "duration": "1h"}]
    async with OperatorProcess(lab):
        await shop.open_shop(lab, namespace, replicas=1)
        await shop.release(lab, namespace, "v2", replicas=1)
        canary = await lab.api.get("apps/v1", "Deployment", shop.CANARY, namespace)
        await lab.api.patch(canary, {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 1}}}})
        await lab.rolled_out(namespace, shop.CANARY)
        await lab.apply(rollout(namespace, steps=half, **BY_THE_REVERT))
        await until_share(lab, namespace, 50)
        listed = await lab.api.list("v1", "Pod", namespace, f"app={shop.CANARY}")
        pods = [one for one in listed if "deletionTimestamp" not in one["metadata"]]
        for pod in pods:
            await lab.api.patch(pod, {"metadata": {"finalizers": ["example.org/hold"]}})
        await shop.command(lab, namespace, "Abort")
        waits = f"waiting for 1 pod of candidate Deployment '{shop.CANARY}' to end"
        await until_condition(lab, namespace, "Stalled", waits)
        status = (await shop.state(lab, namespace))["status"]
        assert status["run"]["ending"]["kind"] == "Aborted"
        found = await lab.api.get("apps/v1", "Deployment", shop.CANARY, namespace)
        assert (found["spec"]["replicas"], found["status"]["terminatingReplicas"]) == (0, 1)
        for pod in pods:
            await lab.api.patch(pod, {"metadata": {"finalizers": None}})
        assert await until_outcome(lab, namespace) == "Aborted"
