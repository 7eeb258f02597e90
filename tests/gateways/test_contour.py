"""HTTPProxy on a real Contour: a good candidate is promoted after a shadow step and a bad one reverted under load, with every request counted."""

from __future__ import annotations

import signal
import socket
import time
from typing import Any

import pytest

from lab import manifests, shop
from lab.api import Object
from lab.binaries.module_files import CONTOUR
from lab.load import Answer, Load, by_version, failures
from lab.operator_process import OperatorProcess
from lab.wait import until
from tests.gateways.contour import OURS, ContourCluster, on_a_node

NAMESPACE = "shop"
RATE = 60.0
RUN_SECONDS = 120.0
SHADOW: Object = {
    "name": "shadow",
    "weight": 0,
    "mirror": {"percent": 50},
    "duration": "10s",
    "thresholds": [{"metric": "error-rate", "max": "1%"}],
}
TAKES = 1.0
"""Seconds that Envoy is given to act on what Contour has taken."""


def _in_namespace() -> bool:
    with socket.socket() as one:
        try:
            one.bind((OURS, 0))
        except OSError:
            return False
    return True


pytestmark = [
    pytest.mark.skipif(not _in_namespace(), reason="needs a network namespace of its own: make gateways"),
    pytest.mark.skipif(not CONTOUR.place.is_file(), reason="Contour is not built: make gateways"),
]


def proxy(weights: tuple[int, int]) -> Object:
    services = [
        {"name": name, "port": 80, "weight": weight}
        for name, weight in zip((shop.APP, shop.CANARY), weights, strict=True)
    ]
    return {
        "apiVersion": "projectcontour.io/v1",
        "kind": "HTTPProxy",
        "metadata": {"name": shop.APP, "namespace": NAMESPACE},
        "spec": {
            "virtualhost": {"fqdn": manifests.hostname(NAMESPACE, shop.APP)},
            "routes": [{"conditions": [{"prefix": "/"}], "services": services}],
        },
    }


async def weights(lab: ContourCluster) -> tuple[int, ...]:
    return tuple(one["weight"] for one in await services(lab) if not one.get("mirror"))


async def services(lab: ContourCluster) -> list[Object]:
    found = await lab.api.get("projectcontour.io/v1", "HTTPProxy", shop.APP, NAMESPACE)
    listed: list[Object] = found["spec"]["routes"][0]["services"]
    return listed


async def release(lab: ContourCluster, version: str, **env: object) -> None:
    await lab.apply(on_a_node([manifests.deployment(NAMESPACE, shop.CANARY, version=version, replicas=2, env=env)]))


async def at_weight(lab: ContourCluster, wanted: tuple[int, int]) -> float:
    """When the HTTPProxy had these weights and Contour had taken them."""

    async def done() -> bool:
        return await weights(lab) == wanted

    await until(done, RUN_SECONDS, f"weights {wanted}")
    await lab.valid(NAMESPACE, shop.APP)
    return time.time() + TAKES


async def ended(lab: ContourCluster, runs: int) -> dict[str, Any]:
    async def done() -> bool:
        return len((await shop.state(lab, NAMESPACE)).get("status", {}).get("history", ())) == runs

    await until(done, RUN_SECONDS, f"run {runs} ended")
    found: dict[str, Any] = (await shop.state(lab, NAMESPACE))["status"]["history"][0]
    return found


def share(answers: list[Answer], version: str) -> float:
    counted = by_version(answers)
    return counted[version] / max(sum(counted.values()), 1)


@pytest.mark.timeout(400)
async def test_an_httpproxy_is_promoted_and_reverted_under_load_with_every_request_counted() -> None:
    async with ContourCluster() as lab:
        await lab.install_tidegate()
        await lab.apply(manifests.namespace(NAMESPACE))
        arms = [one for name in (shop.APP, shop.CANARY) for one in manifests.app(NAMESPACE, name, replicas=2)]
        await lab.apply(on_a_node(arms), proxy((1, 0)))
        for name in (shop.APP, shop.CANARY):
            await lab.rolled_out(NAMESPACE, name)
        await lab.valid(NAMESPACE, shop.APP)
        settings = {"routers": ["HTTPProxy"]}
        traffic = [{"kind": "HTTPProxy", "name": shop.APP}]
        async with (
            OperatorProcess(lab, settings=settings) as operator,
            lab.load(NAMESPACE, shop.APP, rate=RATE) as load,
        ):
            item = shop.rollout(NAMESPACE, step_seconds=10, traffic=traffic)
            item["spec"]["steps"] = [SHADOW, *item["spec"]["steps"]]
            await lab.apply(item)
            await _shadowed(lab, load)
            await _promoted(lab, load)
            await _reverted(lab, load, operator)


async def _waits_for_contour(lab: ContourCluster) -> bool:
    run = (await shop.state(lab, NAMESPACE))["status"].get("run") or {}
    return (run.get("waiting") or {}).get("reason") == "RouteNotAccepted"


async def _shadowed(lab: ContourCluster, load: Load) -> None:
    """Half of the requests reach the candidate as well, and users get the baseline's answers alone."""
    await release(lab, "v2")

    async def mirrored() -> bool:
        return {"name": shop.CANARY, "port": 80, "mirror": True, "weight": 50} in await services(lab)

    await until(mirrored, RUN_SECONDS, "the mirror is on the HTTPProxy")
    assert await weights(lab) == (100, 0)
    await lab.valid(NAMESPACE, shop.APP)
    begin = time.time() + TAKES
    before = await _counted(lab, shop.CANARY)

    async def enough() -> bool:
        return len(load.since(begin)) > 4 * RATE

    await until(enough, RUN_SECONDS, "requests")
    assert set(by_version(load.since(begin)[: int(4 * RATE)])) == {"v1"}, "no user gets an answer of the candidate"

    async def copied() -> bool:
        return await _counted(lab, shop.CANARY) > before + RATE

    await until(copied, RUN_SECONDS, "copies at the candidate")


async def _counted(lab: ContourCluster, deployment: str) -> float:
    """Requests that the pods of a Deployment have counted."""
    answer = await lab.prometheus.ask(f'sum(http_requests_total{{namespace="{NAMESPACE}",deployment="{deployment}"}})')
    return answer[0][1] if answer else 0.0


async def _promoted(lab: ContourCluster, load: Load) -> None:
    for wanted, low, high in (((90, 10), 0.02, 0.22), ((50, 50), 0.35, 0.65)):
        begin = await at_weight(lab, wanted)

        async def enough(begin: float = begin) -> bool:
            return len(load.since(begin)) > 4 * RATE

        await until(enough, RUN_SECONDS, "requests")
        assert low < share(load.since(begin)[: int(4 * RATE)], "v2") < high
    assert (await ended(lab, 1))["outcome"] == "Succeeded"
    assert [one.get("mirror") for one in await services(lab)] == [None, None]
    assert await weights(lab) == (1, 0)
    assert failures(load.answers) == {}, "not one request failed in the whole promotion"


async def _reverted(lab: ContourCluster, load: Load, operator: OperatorProcess) -> None:
    """In the middle of the run the controller is ended and started again, the operator is killed, and the controller freezes."""
    await release(lab, "v3")
    await at_weight(lab, (90, 10))
    await lab.children.stop(lab.contour)
    await lab.start_contour()
    await operator.kill()
    await operator.start()
    lab.contour.stop()
    await until(lambda: _waits_for_contour(lab), RUN_SECONDS, "the step waits for Contour")
    assert await weights(lab) == (50, 50)
    lab.contour.signal(signal.SIGCONT)
    await at_weight(lab, (50, 50))
    await shop.misbehave(lab, NAMESPACE, 0.5)
    assert (await ended(lab, 2))["outcome"] == "Reverted"
    assert await weights(lab) == (1, 0)
    await lab.valid(NAMESPACE, shop.APP)
    begin = time.time() + TAKES

    async def enough() -> bool:
        return len(load.since(begin)) > 4 * RATE

    await until(enough, RUN_SECONDS, "requests after the revert")
    assert set(by_version(load.since(begin))) == {"v2"}, "nobody is on the candidate any more"
    assert {version for version, _ in failures(load.answers)} == {"v3"}, "only the candidate's own errors"
    assert load.skipped == 0
