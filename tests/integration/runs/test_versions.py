"""What is tried is what is promoted, on a real API server: releases without a new image, hotfixes, templates too large for status."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from lab import shop
from lab.api import Object
from lab.operator_process import OperatorProcess
from lab.stack import Lab
from lab.wait import until

SECONDS = 120.0
QUICK = [{"name": "all", "weight": 100, "duration": "1s"}]
LONG = [{"name": "canary", "weight": 10, "duration": "1h"}]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def operator(lab: Lab) -> AsyncIterator[OperatorProcess]:
    await lab.install_tidegate()
    async with OperatorProcess(lab) as running:
        yield running


async def at_rest(lab: Lab, namespace: str, **changes: object) -> None:
    """A shop whose candidate is what is in service, and a Rollout that has seen it."""
    await shop.open_shop(lab, namespace, replicas=1)
    item = shop.rollout(namespace, **{"metrics": [], "guards": [], "steps": QUICK, **changes})
    item["spec"]["promotion"] |= {"settle": "1s"}
    await lab.apply(item)
    await until(lambda: ready(lab, namespace, "Idle"), SECONDS, "the Rollout is idle")


async def status(lab: Lab, namespace: str) -> dict[str, Any]:
    return dict((await shop.state(lab, namespace)).get("status", {}))


async def ready(lab: Lab, namespace: str, reason: str) -> bool:
    found = (await status(lab, namespace)).get("conditions", [])
    return any((one["type"], one["reason"]) == ("Ready", reason) for one in found)


async def stage(lab: Lab, namespace: str) -> str:
    run = (await status(lab, namespace)).get("run") or {}
    return str((run.get("promotion") or {}).get("stage", ""))


async def until_outcome(lab: Lab, namespace: str) -> str:
    async def ended() -> str:
        found = await status(lab, namespace)
        history = found.get("history", [])
        return str(history[0]["outcome"]) if history and "run" not in found else ""

    return await until(ended, SECONDS, "the run has ended")


async def template(lab: Lab, namespace: str, name: str = shop.APP) -> Object:
    found = await lab.api.get("apps/v1", "Deployment", name, namespace)
    return dict(found["spec"]["template"])


async def change(lab: Lab, namespace: str, name: str, **parts: object) -> None:
    found = await lab.api.get("apps/v1", "Deployment", name, namespace)
    await lab.api.patch(found, {"spec": {"template": parts}})


@pytest.mark.usefixtures("operator")
async def test_an_annotation_and_a_service_account_are_a_release_and_are_promoted(lab: Lab, namespace: str) -> None:
    await at_rest(lab, namespace)
    before = await template(lab, namespace)
    spec = {"serviceAccountName": "other", "securityContext": {"runAsUser": 7}, "nodeSelector": None}
    await change(lab, namespace, shop.CANARY, metadata={"annotations": {"checksum/config": "2"}}, spec=spec)
    assert await until_outcome(lab, namespace) == "Succeeded"
    after = await template(lab, namespace)
    assert after["metadata"]["annotations"]["checksum/config"] == "2"
    assert after["metadata"]["labels"] == before["metadata"]["labels"]
    assert (after["spec"]["serviceAccountName"], after["spec"]["serviceAccount"]) == ("other", "other")
    assert after["spec"]["securityContext"] == {"runAsUser": 7}


@pytest.mark.usefixtures("operator")
async def test_a_large_template_is_put_back_whole_from_its_replica_set(lab: Lab, namespace: str) -> None:
    await at_rest(lab, namespace, steps=[{"name": "half", "weight": 50, "duration": "1s"}])
    await change(lab, namespace, shop.APP, metadata={"annotations": {"config": '"' * 20_000}})
    await lab.rolled_out(namespace, shop.APP)
    before = await template(lab, namespace)
    changed = {
        "metadata": {"annotations": {"config": "x" * 20_000, "more": "1"}},
        "spec": {"serviceAccountName": "other"},
    }
    await change(lab, namespace, shop.CANARY, **changed)

    async def promoted() -> bool:
        return "more" in (await template(lab, namespace))["metadata"]["annotations"]

    await until(promoted, SECONDS, "the version is on the baseline")
    assert len(str(await status(lab, namespace))) < 16 * 1024
    await shop.command(lab, namespace, "Abort")
    assert await until_outcome(lab, namespace) == "Aborted"
    after = await template(lab, namespace)
    assert after["metadata"]["annotations"] == before["metadata"]["annotations"]
    assert after["spec"] == before["spec"]


@pytest.mark.usefixtures("operator")
async def test_a_hotfix_of_the_baseline_pauses_the_run_and_is_not_overwritten(lab: Lab, namespace: str) -> None:
    await at_rest(lab, namespace, steps=LONG)
    await change(lab, namespace, shop.CANARY, metadata={"annotations": {"release": "2"}})

    async def reached() -> bool:
        return bool((await status(lab, namespace)).get("step", {}).get("reached"))

    await until(reached, SECONDS, "the first step is reached")
    await change(lab, namespace, shop.APP, metadata={"annotations": {"hotfix": "1"}})

    async def paused() -> str:
        run = (await status(lab, namespace)).get("run") or {}
        return str((run.get("paused") or {}).get("reason", ""))

    assert await until(paused, SECONDS, "the run is paused") == "BaselineChanged"
    await shop.command(lab, namespace, "Abort")
    assert await until_outcome(lab, namespace) == "Aborted"
    assert (await template(lab, namespace))["metadata"]["annotations"] == {"hotfix": "1"}
