"""The operator with exactly the permissions that deploy/cluster/rbac.yaml gives it."""

from __future__ import annotations

from pathlib import Path

from lab import shop
from lab.operator_process import OperatorProcess
from lab.stack import Lab
from lab.wait import until
from tests.integration.runs.test_metric_templates import GOOD, SHARED, template, templated
from tests.integration.runs.test_runs import SECONDS, stalled_for, until_outcome
from tidegate.adapters.kubernetes.leftovers import KEPT

DEPLOY = Path(__file__).parents[3] / "deploy"
RBAC = [DEPLOY / file for file in ("cluster/namespace.yaml", "base/serviceaccount.yaml", "cluster/rbac.yaml")]


async def test_a_whole_run_and_its_commands_need_no_more_than_the_role(lab: Lab, namespace: str) -> None:
    await lab.install_tidegate()
    await lab.apply(*(file.read_text() for file in RBAC))
    kubeconfig = await lab.control_plane.kubeconfig_of_service_account("tidegate", "tidegate")
    await shop.open_shop(lab, namespace)
    async with OperatorProcess(lab, kubeconfig=kubeconfig) as operator:
        await shop.release(lab, namespace, "v2")
        await lab.apply(templated(namespace))
        await stalled_for(lab, namespace, shop.APP, "InvalidSpec")
        shared = template(namespace, GOOD, SHARED)
        await lab.apply(template(namespace, GOOD), shared)
        assert await until_outcome(lab, namespace) == "Succeeded"
        for number in range(KEPT + 3):
            item = {
                "apiVersion": shop.API_VERSION,
                "kind": "RolloutCommand",
                "metadata": {"name": f"pause-{number}", "namespace": namespace},
                "spec": {"rollout": shop.APP, "action": "Pause"},
            }
            await lab.api.create(item)

        async def cleared_up() -> bool:
            found = await lab.api.list(shop.API_VERSION, "RolloutCommand", namespace)
            return len(found) == KEPT and all(one.get("status", {}).get("phase") == "Refused" for one in found)

        await until(cleared_up, SECONDS, f"{KEPT} refused commands are left")
        await lab.api.delete(shared)
        # Namespaces of tests before may still be on their way out, and take no Event any more.
        refused = [line for line in (await operator.metrics()).splitlines() if 'outcome="Rejected"' in line]
        assert [line for line in refused if 'resource="events"' not in line] == [], "nothing was forbidden"
        assert [line for line in operator.log.splitlines() if "not delivered" in line and namespace in line] == []
        events = await lab.api.list("v1", "Event", namespace)
        assert any(event["involvedObject"]["kind"] == "Rollout" for event in events)
