"""`make demo STORY=cohorts`: 1,000 users with cookie jars on Envoy. Each stays on one version, and after a revert none reaches the candidate.

The recipe is `examples/cookie-cohort.yaml`: a rule that matches the candidate's cookie is a cohort at 100, the weighted rule sets
the cookie by a response filter for each backend.
"""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import yaml

from lab import manifests
from lab.operator_process import OperatorProcess
from lab.routes import GATEWAY
from lab.stack import Lab
from lab.wait import until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from lab.api import Object

EXAMPLE: Final = Path(__file__).parents[1] / "examples/cookie-cohort.yaml"
API: Final = "tidegate.dev/v1alpha1"
NAMESPACE = "accounts"
NAME = "accounts"
CANDIDATE = "v2"
AT_ONCE = 16
SECONDS = 120.0
TAKEN = 60.0
SIGMAS = 5.0
ARRIVING: Final = {"five": 400, "quarter": 300, "half": 300}
"""Users who come for the first time in each step: 1,000 in all."""
SHARES: Final = {"five": 0.05, "quarter": 0.25, "half": 0.5}


@dataclass
class Visitor:
    """A browser: a cookie jar, and the versions that answered."""

    cookies: dict[str, str] = field(default_factory=dict)
    versions: list[str] = field(default_factory=list)


async def story(console: Console) -> list[str]:
    """Plays it. Returns: the expectations that were not met, in words."""
    console.print("Starting the cluster, Envoy and the operator ...")
    async with Lab(prometheus=False) as lab:
        await lab.install_tidegate()
        await lab.apply(manifests.namespace(NAMESPACE))
        async with OperatorProcess(lab, sources={}):
            return await play(lab, NAMESPACE, console)


async def play(lab: Lab, namespace: str, console: Console) -> list[str]:
    """The same on a lab with an operator, in a namespace of its own."""
    await _open(lab, namespace)
    found: list[str] = []
    users: list[Visitor] = []
    for step, number in ARRIVING.items():
        await _until_step(lab, namespace, step)
        arriving = [Visitor() for _ in range(number)]
        await _visit(lab, namespace, arriving)
        users += arriving
        await _visit(lab, namespace, users, times=2)
        found += _judged(console, step, arriving, users)
        if step != "half":
            await _command(lab, namespace, "Advance")
    await _command(lab, namespace, "Abort")
    await until(lambda: _back(lab, namespace), SECONDS, "the run is reverted")
    await asyncio.wait_for(_acts(lab, namespace), TAKEN)
    for user in users:
        user.versions.clear()
    await _visit(lab, namespace, users, times=2)
    reached = sum(CANDIDATE in user.versions for user in users)
    marked = sum(user.cookies.get("release") == "candidate-r2" for user in users)
    _say(console, f"aborted: {reached} of {len(users)} users reach the candidate, {marked} still have its cookie")
    if reached:
        found.append(f"after the revert {reached} of {len(users)} users reached the candidate, expected none")
    if marked:
        found.append(f"after the revert {marked} users kept the candidate's cookie, expected none")
    return found


def _judged(console: Console, step: str, arriving: Sequence[Visitor], users: Sequence[Visitor]) -> list[str]:
    number, share = len(arriving), SHARES[step]
    new = sum(user.versions[0] == CANDIDATE for user in arriving)
    torn = sum(len(set(user.versions)) > 1 for user in users)
    on_candidate = sum(CANDIDATE in user.versions for user in users)
    _say(
        console,
        f"step {step} ({share:.0%}): {new} of {number} new users got the candidate; {on_candidate} of {len(users)} in all; "
        f"{torn} saw both versions",
    )
    found = []
    if not all(user.cookies for user in arriving):
        found.append(f"step {step}: a user got no cookie")
    if abs(new - number * share) > SIGMAS * math.sqrt(number * share * (1 - share)):
        found.append(f"step {step}: {new} of {number} new users got the candidate, expected {share:.0%}")
    if torn:
        found.append(f"step {step}: {torn} of {len(users)} users saw both versions, expected none")
    return found


def _say(console: Console, words: str) -> None:
    console.print(f"{time.strftime('%H:%M:%S')}  {words}", soft_wrap=True, highlight=False, markup=False)


def _recipe(namespace: str) -> tuple[Object, Object]:
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


async def _open(lab: Lab, namespace: str) -> None:
    route, rollout = _recipe(namespace)
    await lab.apply(manifests.app(namespace, NAME), manifests.app(namespace, f"{NAME}-canary", version=CANDIDATE))
    [stored] = await lab.apply(route)
    for name in (NAME, f"{NAME}-canary"):
        await lab.rolled_out(namespace, name)
    await lab.accepted(stored)
    await lab.apply(rollout)


async def _visit(lab: Lab, namespace: str, users: Sequence[Visitor], times: int = 1) -> None:
    """Lets each user ask so many times, one after the other, as a browser does."""
    turns = iter(users)
    headers = {"Host": manifests.hostname(namespace, NAME)}
    jar = aiohttp.DummyCookieJar()  # each user has a jar of its own
    async with aiohttp.ClientSession(headers=headers, cookie_jar=jar) as session:

        async def one(user: Visitor) -> None:
            sent = "; ".join(f"{name}={value}" for name, value in user.cookies.items())
            async with session.get(lab.gateway_url, headers={"Cookie": sent} if sent else {}) as response:
                await response.read()
                response.raise_for_status()
                user.versions.append(response.headers["x-version"])
                for line in response.headers.getall("set-cookie", ()):
                    user.cookies |= {name: morsel.value for name, morsel in SimpleCookie(line).items()}

        async def browse() -> None:
            for user in turns:
                for _ in range(times):
                    await one(user)

        await asyncio.gather(*(browse() for _ in range(AT_ONCE)))


async def _status(lab: Lab, namespace: str) -> dict[str, Any]:
    found = await lab.api.get(API, "Rollout", NAME, namespace)
    return dict(found.get("status") or {})


async def _until_step(lab: Lab, namespace: str, name: str) -> None:
    async def reached() -> bool:
        step = (await _status(lab, namespace)).get("step") or {}
        return step.get("name") == name and bool(step.get("reached"))

    await until(reached, SECONDS, f"step {name} is reached")
    await asyncio.wait_for(_acts(lab, namespace), TAKEN)


async def _back(lab: Lab, namespace: str) -> bool:
    found = await _status(lab, namespace)
    return "run" not in found and bool(found.get("history"))


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


def _weights_of(dump: Any, host: str) -> list[int]:  # noqa: ANN401  (Envoy's own)
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


async def _command(lab: Lab, namespace: str, action: str) -> None:
    spec = {"rollout": NAME, "action": action, "reason": "the demo's", "requester": "ann"}
    metadata = {"generateName": "accounts-", "namespace": namespace}
    await lab.api.create({"apiVersion": API, "kind": "RolloutCommand", "metadata": metadata, "spec": spec})
