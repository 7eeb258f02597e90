"""Deployments really run: the node's processes follow the cluster's pods."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest

from lab import manifests, pods
from lab.load import by_version, failures
from lab.wait import PATIENCE, until

if TYPE_CHECKING:
    from lab.api import Object
    from lab.load import Load
    from lab.stack import Lab


async def the_pods(lab: Lab, namespace: str, app: str = "shop") -> list[Object]:
    return await lab.api.list("v1", "Pod", namespace, f"app={app}")


async def control(pod: Object, words: str) -> None:
    url = f"http://{pod['status']['podIP']}:{pods.PORT}/control?{words}"
    async with aiohttp.ClientSession() as session, session.post(url) as response:
        response.raise_for_status()


async def answered_by(load: Load) -> set[str]:
    return set(by_version(await load.send(20)))


async def test_a_changed_environment_rolls_to_new_behaviour(lab: Lab, namespace: str) -> None:
    await lab.apply(manifests.app(namespace, "shop"), manifests.http_route(namespace, "shop", {"shop": 1}))
    await lab.rolled_out(namespace, "shop")
    async with lab.load(namespace, "shop") as load:

        async def good() -> bool:
            return not failures(await load.send(20))

        await until(good, PATIENCE, "no failures")
        await lab.apply(manifests.deployment(namespace, "shop", version="v2", env={"ERROR_RATE": 1}))
        await lab.rolled_out(namespace, "shop")

        async def bad() -> bool:
            return failures(await load.send(20)) == {("v2", 500): 20}

        await until(bad, PATIENCE, "every answer is an error of v2")


async def test_a_roll_loses_no_request(lab: Lab, namespace: str) -> None:
    await lab.apply(manifests.app(namespace, "shop", replicas=2), manifests.http_route(namespace, "shop", {"shop": 1}))
    await lab.rolled_out(namespace, "shop")
    async with lab.load(namespace, "shop") as probe:

        async def good() -> bool:
            return not failures(await probe.send(20))

        await until(good, PATIENCE, "no failures")
        async with lab.load(namespace, "shop", rate=50) as load:
            await lab.apply(manifests.deployment(namespace, "shop", version="v2", replicas=2))
            await lab.rolled_out(namespace, "shop")

            async def only_new() -> bool:
                return await answered_by(probe) == {"v2"}

            await until(only_new, PATIENCE, "v2 answers everything")
        assert load.answers
        assert not failures(load.answers)


async def test_an_unready_pod_gets_no_requests(lab: Lab, namespace: str) -> None:
    await lab.apply(manifests.app(namespace, "shop", replicas=2), manifests.http_route(namespace, "shop", {"shop": 1}))
    await lab.rolled_out(namespace, "shop")
    out, stays = await the_pods(lab, namespace)
    await control(out, "ready=false")
    async with lab.load(namespace, "shop") as load:

        async def only_one() -> bool:
            answers = await load.send(20)
            return {answer.pod for answer in answers} == {stays["metadata"]["name"]}

        await until(only_one, PATIENCE, "only the ready pod answers")
    deployment = await lab.api.get("apps/v1", "Deployment", "shop", namespace)
    assert deployment["status"]["availableReplicas"] == 1


async def test_a_pod_told_so_never_becomes_ready(lab: Lab, namespace: str) -> None:
    await lab.apply(manifests.deployment(namespace, "shop", env={"READY": "false"}))

    async def running() -> bool:
        return any(pod["status"].get("phase") == "Running" for pod in await the_pods(lab, namespace))

    await until(running, PATIENCE, "the pod runs")
    [pod] = await the_pods(lab, namespace)
    assert not pods.is_ready(pod)


async def test_a_process_that_dies_is_started_again(lab: Lab, namespace: str) -> None:
    await lab.apply(manifests.deployment(namespace, "shop"))
    await lab.rolled_out(namespace, "shop")
    [pod] = await the_pods(lab, namespace)
    os.kill(process_at(pod["status"]["podIP"]), signal.SIGKILL)

    async def restarted() -> bool:
        [found] = await the_pods(lab, namespace)
        return bool(found["status"]["containerStatuses"][0]["restartCount"] == 1 and pods.is_ready(found))

    await until(restarted, PATIENCE, "one restart, and ready again")


async def test_a_deleted_deployment_leaves_no_process(lab: Lab, namespace: str) -> None:
    [deployment] = await lab.apply(manifests.deployment(namespace, "shop"))
    await lab.rolled_out(namespace, "shop")
    [pod] = await the_pods(lab, namespace)
    assert process_at(pod["status"]["podIP"])
    await lab.api.delete(deployment)
    await until(lambda: not process_at(pod["status"]["podIP"]), PATIENCE, "its process is gone")


@pytest.mark.parametrize(("grace", "latency", "status"), [(60, 4, 200), (1, 100, 0)])
async def test_a_pod_has_its_grace_period_for_what_is_in_flight(
    lab: Lab, namespace: str, grace: int, latency: int, status: int
) -> None:
    shop = manifests.deployment(namespace, "shop", env={"LATENCY": latency})
    shop["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = grace
    [deployment] = await lab.apply(shop)
    await lab.rolled_out(namespace, "shop")
    [pod] = await the_pods(lab, namespace)
    asking = asyncio.create_task(status_of(pod))

    async def asked() -> bool:
        return "http_requests_total{" in await metrics_of(pod)

    await until(asked, PATIENCE, "the request is in flight")
    await lab.api.delete(deployment)
    assert await asking == status
    await until(lambda: not process_at(pod["status"]["podIP"]), PATIENCE, "its process is gone")


async def status_of(pod: Object) -> int:
    """Of one answer; 0 when the connection ends without one."""
    try:
        async with aiohttp.ClientSession() as session, session.get(url_of(pod, "/")) as response:
            return response.status
    except aiohttp.ClientError:
        return 0


async def metrics_of(pod: Object) -> str:
    async with aiohttp.ClientSession() as session, session.get(url_of(pod, "/metrics")) as response:
        return await response.text()


def url_of(pod: Object, path: str) -> str:
    return f"http://{pod['status']['podIP']}:{pods.PORT}{path}"


async def test_a_job_completes(lab: Lab, namespace: str) -> None:
    container = {"name": "test", "image": f"{pods.SAMPLE}:v1", "env": [{"name": "EXIT_CODE", "value": "0"}]}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "test", "namespace": namespace}}
    await lab.apply({**job, "spec": {"template": template, "backoffLimit": 0}})

    async def complete() -> bool:
        found = await lab.api.get("batch/v1", "Job", "test", namespace)
        return any(c["type"] == "Complete" for c in found.get("status", {}).get("conditions", []))

    await until(complete, PATIENCE, "the Job is Complete")


def process_at(address: str) -> int:
    """The process id of the sample service at an address; 0 when there is none."""
    wanted = f"ADDRESS={address}".encode()
    return next((process for process in processes() if wanted in environment_of(process)), 0)


def environment_of(process: int) -> list[bytes]:
    try:
        return Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
    except OSError:  # it has ended
        return []


def processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 (closed at once)
