"""Notifications on a real API server: Secrets by exactly their Role, both kinds of receiver, and a hanging one beside reverts."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from lab import shop
from lab.api import Object
from lab.operator_process import OperatorProcess
from lab.stack import Lab
from lab.wait import until
from tests.bench import notifications as bench
from tests.bench.stage import stage
from tests.integration.roles import role
from tests.integration.runs.test_runs import SECONDS, rollout, until_outcome
from tests.unit.adapters.notifiers.receiver import receiver
from tidegate.adapters.notifiers.apprise_process import DEADLINE

DEPLOY = Path(__file__).parents[3] / "deploy"
RBAC = [DEPLOY / file for file in ("cluster/namespace.yaml", "base/serviceaccount.yaml", "cluster/rbac.yaml")]
SETTINGS = {
    "notifications": {
        "schemes": ["json", "http"],
        "internalHosts": ["127.0.0.1"],
        "cluster": "lab",
        "link": "https://rollouts.example.org/{namespace}/{name}",
    }
}
SECRET_PART = "s3cr3t-part-of-the-url"
EVENTS = ["Started", "StepReached", "Succeeded"]
KINDS = ("Apprise", "CloudEvents")
CROWD = 40
"""Rollouts that breach at once; two hundred are in the bench."""


def secret(namespace: str, **urls: str) -> Object:
    data = {key: base64.b64encode(url.encode()).decode() for key, url in urls.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "chat", "namespace": namespace}, "data": data}


def chat_role(namespace: str) -> list[Object]:
    rule = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"], "resourceNames": ["chat"]}
    return role("tidegate-notifications", namespace, rule)


async def test_a_missing_permission_is_said_and_with_it_both_kinds_are_told(lab: Lab, namespace: str) -> None:
    await lab.install_tidegate()
    await lab.apply(*(file.read_text() for file in RBAC))
    kubeconfig = await lab.control_plane.kubeconfig_of_service_account("tidegate", "tidegate")
    await shop.open_shop(lab, namespace)
    with receiver() as there:
        there.answers[f"/{SECRET_PART}"] = [500, 200]
        path = f"/{SECRET_PART}"
        await lab.apply(
            secret(namespace, url=there.url("json", path), sink=there.url("http", f"{path}/sink"), token="t0ken")
        )
        receivers = [
            {"name": "chat", "secret": {"name": "chat"}, "events": EVENTS},
            {"name": "bus", "kind": "CloudEvents", "secret": {"name": "chat", "key": "sink", "tokenKey": "token"}, "events": EVENTS},
        ]  # fmt: skip
        async with OperatorProcess(lab, kubeconfig=kubeconfig, settings=SETTINGS) as operator:
            await shop.release(lab, namespace, "v2")
            await lab.apply(rollout(namespace, notifications=receivers))
            assert await until_outcome(lab, namespace) == "Succeeded"
            failing = await until(lambda: condition(lab, namespace), SECONDS, "the missing permission is said")
            assert failing["reason"] == "NotificationFailed"
            assert 'secrets "chat" is forbidden' in failing["message"]
            assert there.got == []
            await lab.apply(*chat_role(namespace))
            await until(lambda: len(arrived(there)) >= 2 * 4, SECONDS + 120, "all messages arrive")

            async def mended() -> bool:
                return not await condition(lab, namespace)

            await until(mended, SECONDS, "the condition is gone")
            log = operator.log
            said = str(await lab.api.list("v1", "Event", namespace)) + str(await shop.state(lab, namespace)) + log
            assert SECRET_PART not in said
            assert "t0ken" not in said
            counted = [f'tidegate_notifications_total{{kind="{kind}",outcome="sent"}} 4.0' for kind in KINDS]

            async def told() -> bool:  # the receiver has a message before the operator has its answer
                metrics = await operator.metrics()
                return all(one in metrics for one in counted)

            await until(told, SECONDS, "each message is counted once")
        titles = [one["title"] for path, one in arrived(there) if not path.endswith("/sink")]
        where = f"[lab] {namespace}/{shop.APP}"
        assert titles == [
            f"{where}: {what}" for what in ("run started", "step canary reached", "step half reached", "run succeeded")
        ]
        events = [one for path, one in arrived(there) if path.endswith("/sink")]
        assert [one["type"].rpartition(".")[2] for one in events] == [
            "started",
            "stepreached",
            "stepreached",
            "succeeded",
        ]
        assert events[-1]["data"]["link"] == f"https://rollouts.example.org/{namespace}/{shop.APP}"
        assert {headers["authorization"] for path, headers, _ in there.got if path.endswith("/sink")} == {
            "Bearer t0ken"
        }


async def condition(lab: Lab, namespace: str) -> dict[str, Any]:
    found = await lab.api.get(shop.API_VERSION, "Rollout", shop.APP, namespace)
    said = found.get("status", {}).get("conditions", [])
    return next((one for one in said if one["type"] == "NotificationsFailing"), {})


def arrived(there: Any) -> list[tuple[str, dict[str, Any]]]:  # noqa: ANN401
    """What was taken: the first of the chat's was answered 500."""
    bodies = [(path, json.loads(body)) for path, _, body in there.got.copy()]  # more may come meanwhile
    refused = next((place for place, (path, _) in enumerate(bodies) if not path.endswith("/sink")), None)
    return [one for place, one in enumerate(bodies) if place != refused]


async def test_a_receiver_that_hangs_delays_no_revert_of_a_crowd() -> None:
    with receiver() as there:
        async with stage(settings=SETTINGS) as on:
            await on.fleet.grow(CROWD)
            without = await bench.breached(on, CROWD)
            await on.fleet.tell(on.fleet.shops, [bench.chat()], bench.secret(there, "/hang"))
            beside = await bench.breached(on, CROWD)
            assert there.got, "it was told"
            there.let_go.set()
    assert beside < without + DEADLINE / 2, "what waited for the receiver would wait for its deadline"
