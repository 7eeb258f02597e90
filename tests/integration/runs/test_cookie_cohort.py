"""Same user, same version: the recipe of `examples/cookie-cohort.yaml` on Envoy, with 1,000 users and their cookies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from math import sqrt
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import yaml

from lab import manifests
from lab.api import Object
from lab.operator_process import OperatorProcess
from lab.routes import GATEWAY
from lab.stack import Lab
from lab.wait import until

pytestmark = pytest.mark.timeout(180)
EXAMPLE = Path(__file__).parents[3] / "examples/cookie-cohort.yaml"
API = "tidegate.dev/v1alpha1"
NAME = "accounts"
CANDIDATE = "v2"
AT_ONCE = 16
ARRIVING = {"five": 400, "quarter": 300, "half": 300}
"""Users who come for the first time in each step: 1,000 in all."""
SHARES = {"five": 0.05, "quarter": 0.25, "half": 0.5}


@dataclass
class User:
    """A browser: a cookie jar, and the versions that answered."""

    cookies: dict[str, str] = field(default_factory=dict)
    versions: list[str] = field(default_factory=list)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def operator(lab: Lab) -> AsyncIterator[OperatorProcess]:
    await lab.install_tidegate()
    async with OperatorProcess(lab) as running:
        yield running


def recipe(namespace: str) -> tuple[Object, Object]:
    """The example's route and Rollout, on the lab's gateway; a person says when a step ends."""
    route, rollout = yaml.safe_load_all(EXAMPLE.read_text())
    for one in (route, rollout):
        one["metadata"]["namespace"] = namespace
    gateway_namespace, gateway = GATEWAY
    route["spec"]["parentRefs"] = [{"name": gateway, "namespace": gateway_namespace}]
    route["spec"]["hostnames"] = [manifests.hostname(namespace, NAME)]
    rollout["spec"] |= {"metrics": [], "guards": [], "thresholds": []}
    for step in rollout["spec"]["steps"]:
        step["duration"] = "1h"
    return route, rollout


async def visit(lab: Lab, namespace: str, users: Sequence[User], times: int = 1) -> None:
    """Lets each user ask so many times, one after the other, as a browser does."""
    turns = iter(users)
    headers = {"Host": manifests.hostname(namespace, NAME)}
    jar = aiohttp.DummyCookieJar()  # each user has a jar of its own
    async with aiohttp.ClientSession(headers=headers, cookie_jar=jar) as session:

        async def one(user: User) -> None:
            sent = "; ".join(f"{name}={value}" for name, value in user.cookies.items())
            async with session.get(lab.gateway_url, headers={"Cookie": sent} if sent else {}) as response:
                await response.read()
                assert response.status == 200
                user.versions.append(response.headers["x-version"])
                for line in response.headers.getall("set-cookie", ()):
                    user.cookies |= {name: morsel.value for name, morsel in SimpleCookie(line).items()}

        async def browse() -> None:
            for user in turns:
                for _ in range(times):
                    await one(user)

        await asyncio.gather(*(browse() for _ in range(AT_ONCE)))


async def status(lab: Lab, namespace: str) -> dict[str, Any]:
    found = await lab.api.get(API, "Rollout", NAME, namespace)
    return dict(found.get("status") or {})


async def until_step(lab: Lab, namespace: str, name: str) -> None:
    async def reached() -> bool:
        step = (await status(lab, namespace)).get("step") or {}
        return step.get("name") == name and bool(step.get("reached"))

    await until(reached, 40, f"step {name} is reached")
    await asyncio.wait_for(_acts(lab, namespace), 10)


async def _acts(lab: Lab, namespace: str) -> None:
    """Envoy has taken what stands on the route: from its own admin port."""
    route = await lab.api.get(manifests.GATEWAY_API, "HTTPRoute", NAME, namespace)
    weights = [ref.get("weight", 1) for rule in route["spec"]["rules"] for ref in rule["backendRefs"]]
    host = manifests.hostname(namespace, NAME)
    async with aiohttp.ClientSession() as session:
        while True:
            async with session.get(f"{lab.envoy_admin_url}/config_dump") as answer:
                dump = await answer.json(content_type=None)
            if weights == _weights_of(dump, host):
                return
            await asyncio.sleep(0.02)


def _weights_of(dump: Any, host: str) -> list[int]:  # noqa: ANN401
    hosts = [
        one
        for config in dump["configs"]
        for routes in config.get("dynamic_route_configs", ())
        for one in routes["route_config"].get("virtual_hosts", ())
        if one["name"] == host
    ]
    clusters = [
        one for found in hosts for route in found["routes"] for one in route["route"]["weighted_clusters"]["clusters"]
    ]
    return [one["weight"] for one in clusters]


async def command(lab: Lab, namespace: str, action: str) -> None:
    spec = {"rollout": NAME, "action": action, "reason": "test", "requester": "ann"}
    metadata = {"generateName": "accounts-", "namespace": namespace}
    await lab.api.create({"apiVersion": API, "kind": "RolloutCommand", "metadata": metadata, "spec": spec})


@pytest.mark.usefixtures("operator")
async def test_a_user_stays_on_one_version_and_after_a_revert_none_reaches_the_candidate(
    lab: Lab, namespace: str
) -> None:
    route, rollout = recipe(namespace)
    await lab.apply(manifests.app(namespace, NAME), manifests.app(namespace, f"{NAME}-canary", version=CANDIDATE))
    [stored] = await lab.apply(route)
    for name in (NAME, f"{NAME}-canary"):
        await lab.rolled_out(namespace, name)
    await lab.accepted(stored)
    await lab.apply(rollout)
    users: list[User] = []
    for step, number in ARRIVING.items():
        await until_step(lab, namespace, step)
        arriving = [User() for _ in range(number)]
        await visit(lab, namespace, arriving)
        assert all(user.cookies for user in arriving), "the response filter sets the cookie"
        reached = sum(user.versions[0] == CANDIDATE for user in arriving)
        share = SHARES[step]
        assert abs(reached - number * share) <= 5 * sqrt(number * share * (1 - share)), (step, reached)
        users += arriving
        await visit(lab, namespace, users, times=2)
        torn = [user.versions for user in users if len(set(user.versions)) > 1]
        assert torn == [], f"{len(torn)} of {len(users)} users saw both versions at step {step}"
        if step != "half":
            await command(lab, namespace, "Advance")
    on_candidate = [user for user in users if CANDIDATE in user.versions]
    assert len(users) == 1000
    assert 150 < len(on_candidate) < 350

    await command(lab, namespace, "Abort")

    async def back() -> bool:
        found = await status(lab, namespace)
        return "run" not in found and bool(found.get("history"))

    await until(back, 30, "the run is reverted")
    await asyncio.wait_for(_acts(lab, namespace), 10)
    for user in users:
        user.versions.clear()
    await visit(lab, namespace, users, times=2)
    assert sum(CANDIDATE in user.versions for user in users) == 0
    assert sum(user.cookies["release"] == "candidate-r2" for user in users) == 0, "the baseline's cookie took its place"
