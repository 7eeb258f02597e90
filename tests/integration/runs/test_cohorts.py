"""Cohorts on a real API server: three of them beside the weighted rule, on two routes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from lab import manifests, shop
from lab.api import Object
from lab.operator_process import OperatorProcess
from lab.stack import Lab
from lab.wait import PATIENCE, until

RULES = ("main", "staff", "beta", "partners")
ROUTES = ("public", "internal")
SERVICES = (shop.APP, shop.CANARY)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def operator(lab: Lab) -> AsyncIterator[OperatorProcess]:
    await lab.install_tidegate()
    async with OperatorProcess(lab) as running:
        yield running


def route(namespace: str, name: str) -> Object:
    """A rule for everyone, and one for each cohort, which a header chooses."""
    made = manifests.http_route(namespace, name, dict.fromkeys(SERVICES, 0))
    made["spec"]["rules"] = [
        manifests.rule({shop.APP: 1, shop.CANARY: 0}, name=one, headers={"x-circle": one} if one != "main" else None)
        for one in RULES
    ]
    return made


def rollout(namespace: str) -> Object:
    traffic = [
        {"kind": "HTTPRoute", "name": name, "rules": [one], **({"cohort": one} if one != "main" else {})}
        for name in ROUTES
        for one in RULES
    ]
    steps = [{"name": "canary", "weight": 10, "cohorts": {"staff": 100, "beta": 50, "partners": 25}, "duration": "1h"}]
    return shop.rollout(namespace, metrics=[], guards=[], traffic=traffic, steps=steps)


async def found(lab: Lab, namespace: str) -> dict[str, Any]:
    return await lab.api.get(shop.API_VERSION, "Rollout", shop.APP, namespace)


async def stored(lab: Lab, namespace: str) -> list[Object]:
    return [await lab.api.get(manifests.GATEWAY_API, "HTTPRoute", name, namespace) for name in ROUTES]


def weights_of(item: Object) -> list[tuple[int, int]]:
    return [(one["backendRefs"][0]["weight"], one["backendRefs"][1]["weight"]) for one in item["spec"]["rules"]]


@pytest.mark.usefixtures("operator")
async def test_each_route_is_written_once_for_all_its_targets(lab: Lab, namespace: str) -> None:
    await lab.apply(manifests.app(namespace, shop.APP), manifests.app(namespace, shop.CANARY, version="v2"))
    for name in SERVICES:
        await lab.rolled_out(namespace, name)
    for name in ROUTES:
        [applied] = await lab.apply(route(namespace, name))
        await lab.accepted(applied)
    before = [item["metadata"]["generation"] for item in await stored(lab, namespace)]
    await lab.apply(rollout(namespace))

    async def reached() -> bool:
        return bool(((await found(lab, namespace)).get("status", {}).get("step") or {}).get("reached"))

    await until(reached, PATIENCE, "the step is reached")
    items = await stored(lab, namespace)
    assert [weights_of(item) for item in items] == [[(90, 10), (0, 100), (50, 50), (75, 25)]] * 2
    assert [item["metadata"]["generation"] for item in items] == [one + 1 for one in before]

    async def told() -> list[tuple[Any, ...]]:
        status = (await found(lab, namespace))["status"]
        shares = [(one["name"], one["desired"], one.get("observed")) for one in status["cohorts"]]
        return shares if all(observed for *_, observed in shares) else []

    shares = await until(told, PATIENCE, "status tells of the cohorts")
    assert shares == [("staff", 100, 100), ("beta", 50, 50), ("partners", 25, 25)]
    spec = {"rollout": shop.APP, "action": "Abort", "reason": "test", "requester": "ann"}
    metadata = {"generateName": "abort-", "namespace": namespace}
    await lab.api.create({"apiVersion": shop.API_VERSION, "kind": "RolloutCommand", "metadata": metadata, "spec": spec})

    async def over() -> bool:
        return "run" not in (await found(lab, namespace))["status"]

    await until(over, PATIENCE, "the run has ended")
    items = await stored(lab, namespace)
    assert [weights_of(item) for item in items] == [[(1, 0)] * 4] * 2
    assert [item["metadata"]["generation"] for item in items] == [one + 2 for one in before]
