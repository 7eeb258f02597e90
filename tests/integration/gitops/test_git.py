"""Weights, templates, replicas and pauses in Git, applied every second: what docs/gitops.md says of each way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
import pytest_asyncio

from lab import manifests, shop
from lab.operator_process import OperatorProcess
from lab.stack import Lab
from lab.wait import until
from tests.integration.gitops.git import (
    Git,
    Way,
    argo_cd_with_ignored_weights,
    client_side,
    flux_if_not_present,
    flux_with_ignored_weights,
    server_side,
    without_force,
)

pytestmark = pytest.mark.usefixtures("operator")
SECONDS: Final = 120.0
ROUNDS: Final = 4
"""Times that Git is applied before we believe that nothing more happens."""
LONG: Final = [{"name": "canary", "weight": 10, "duration": "1h"}]
QUICK: Final = [{"name": "canary", "weight": 10, "duration": "4s"}, {"name": "half", "weight": 50, "duration": "4s"}]

Object = dict[str, Any]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def operator(lab: Lab) -> AsyncIterator[OperatorProcess]:
    await lab.install_tidegate()
    async with OperatorProcess(lab) as running:
        yield running


def repository(
    lab: Lab, namespace: str, way: Way, weights: tuple[int, int] = (100, 0), *, settle: str = "1s", **changes: object
) -> Git:
    """Everything of the shop in Git, with a candidate that is a version ahead."""
    item = shop.rollout(namespace, **{"metrics": [], "guards": [], "steps": LONG, **changes})
    item["spec"]["promotion"] |= {"settle": settle}
    route = manifests.http_route(namespace, shop.APP, dict(zip((shop.APP, shop.CANARY), weights, strict=True)))
    arms = [
        *manifests.app(namespace, shop.APP, version="v1", replicas=1),
        *manifests.app(namespace, shop.CANARY, version="v2", replicas=1),
    ]
    return Git(lab.api, way, *arms, route, item)


async def weights(lab: Lab, namespace: str) -> tuple[int, int]:
    route = await lab.api.get(manifests.GATEWAY_API, "HTTPRoute", shop.APP, namespace)
    first, second = (one["weight"] for one in route["spec"]["rules"][0]["backendRefs"])
    return first, second


async def until_weights(lab: Lab, namespace: str, *expected: int) -> None:
    async def there() -> bool:
        return await weights(lab, namespace) == expected

    await until(there, SECONDS, f"the weights are {expected}")


async def until_paused(lab: Lab, namespace: str, reason: str) -> str:
    async def there() -> str:
        run = (await shop.state(lab, namespace)).get("status", {}).get("run") or {}
        paused = run.get("paused") or {}
        return str(paused.get("message")) if paused.get("reason") == reason else ""

    return await until(there, SECONDS, f"the run is paused: {reason}")


async def until_ready(lab: Lab, namespace: str, reason: str) -> None:
    async def there() -> bool:
        conditions = (await shop.state(lab, namespace)).get("status", {}).get("conditions", [])
        return any((one["type"], one["reason"]) == ("Ready", reason) for one in conditions)

    await until(there, SECONDS, f"Ready says {reason}")


async def until_told(lab: Lab, namespace: str, reason: str) -> str:
    async def there() -> str:
        found = await lab.api.list("v1", "Event", namespace)
        return next((str(one["message"]) for one in found if one["reason"] == reason), "")

    return await until(there, SECONDS, f"an Event {reason}")


async def until_outcome(lab: Lab, namespace: str) -> str:
    async def ended() -> str:
        found = (await shop.state(lab, namespace)).get("status", {})
        history = found.get("history", [])
        return str(history[0]["outcome"]) if history and "run" not in found else ""

    return await until(ended, SECONDS, "the run has ended")


async def more_rounds(git: Git) -> None:
    before = git.rounds
    await until(lambda: git.rounds >= before + ROUNDS, SECONDS, "Git is applied a few more times")


@pytest.mark.parametrize("way", [client_side, server_side], ids=lambda way: way.__name__)
async def test_weights_in_git_lower_the_candidate_and_pause_the_run(lab: Lab, namespace: str, way: Way) -> None:
    git = repository(lab, namespace, way)
    async with git.syncing():
        await until_paused(lab, namespace, "LoweredByOther")
        await more_rounds(git)
        assert await weights(lab, namespace) == (100, 0), "it lowers by itself and never raises by itself"
    assert git.refusals == []


async def test_server_side_apply_without_force_is_refused_and_the_run_goes_on(lab: Lab, namespace: str) -> None:
    git = repository(lab, namespace, without_force, steps=QUICK)
    async with git.syncing():
        assert await until_outcome(lab, namespace) == "Succeeded"
    assert any("conflict with" in one and "tidegate" in one and ".spec.rules" in one for one in git.refusals)


@pytest.mark.parametrize("way", [client_side, server_side], ids=lambda way: way.__name__)
async def test_more_for_the_candidate_in_git_is_put_back_each_time(lab: Lab, namespace: str, way: Way) -> None:
    git = repository(lab, namespace, way, (100, 0))
    await git.sync()
    await until_weights(lab, namespace, 90, 10)
    git.commit("HTTPRoute", shop.APP, _weights(50, 50))
    async with git.syncing():
        assert "show-managed-fields" in await until_told(lab, namespace, "RouteContested")
        await until_weights(lab, namespace, 90, 10)


@pytest.mark.parametrize("way", [client_side, server_side], ids=lambda way: way.__name__)
async def test_no_weights_in_git_are_half_the_traffic_and_no_run_starts(lab: Lab, namespace: str, way: Way) -> None:
    git = repository(lab, namespace, way)
    git.commit("HTTPRoute", shop.APP, _no_weights)
    async with git.syncing():
        await until_ready(lab, namespace, "CandidateAlreadyServing")
        assert await weights(lab, namespace) == (1, 1)


@pytest.mark.parametrize(
    "way",
    [flux_with_ignored_weights, flux_if_not_present, argo_cd_with_ignored_weights],
    ids=lambda way: way.__name__,
)
async def test_with_the_settings_of_the_page_a_run_goes_to_its_end(lab: Lab, namespace: str, way: Way) -> None:
    git = repository(lab, namespace, way, steps=QUICK, promotion={"strategy": "AwaitBaseline"})
    async with git.syncing():
        await until_ready(lab, namespace, "AwaitingBaseline")
        assert await weights(lab, namespace) == (50, 50)
        git.commit("HTTPRoute", shop.APP, _labelled)
        git.commit("Deployment", shop.APP, _version("v2"))
        assert await until_outcome(lab, namespace) == "Succeeded"
        await more_rounds(git)
        assert await weights(lab, namespace) == (100, 0)
    assert git.refusals == []
    route = await lab.api.get(manifests.GATEWAY_API, "HTTPRoute", shop.APP, namespace)
    reached = route["metadata"].get("labels", {}).get("team") == "shop"
    assert reached == (way is not flux_if_not_present), "what else changes in Git arrives, or does not"


@pytest.mark.parametrize("way", [client_side, server_side], ids=lambda way: way.__name__)
async def test_a_copied_version_that_git_overwrites_stalls_the_run(lab: Lab, namespace: str, way: Way) -> None:
    # Git must come before the promotion has settled: after that the run has succeeded, and the baseline only differs.
    git = repository(lab, namespace, _keeping_weights(way), settle="1m", steps=QUICK)
    async with git.syncing():

        async def told() -> bool:
            conditions = (await shop.state(lab, namespace)).get("status", {}).get("conditions", [])
            reasons = {one["reason"] for one in conditions if one["type"] == "Stalled"}
            return bool(reasons & {"Contested", "BaselineOverwritten"})  # by when Git came

        await until(told, SECONDS, "the promotion has stalled")


@pytest.mark.parametrize("way", [client_side, server_side], ids=lambda way: way.__name__)
async def test_paused_in_git_stops_the_run_at_its_weight_until_git_says_otherwise(
    lab: Lab, namespace: str, way: Way
) -> None:
    git = repository(lab, namespace, _keeping_weights(way), steps=QUICK, paused=True)
    async with git.syncing():
        await until_ready(lab, namespace, "PausedBySpec")
        assert await weights(lab, namespace) == (100, 0)
        git.commit("Rollout", shop.APP, _spec(paused=False, steps=LONG))
        await until_weights(lab, namespace, 90, 10)
        git.commit("Rollout", shop.APP, _spec(paused=True))
        await until_ready(lab, namespace, "Paused")
        await more_rounds(git)
        assert await weights(lab, namespace) == (90, 10)


@pytest.mark.parametrize("way", [client_side, server_side], ids=lambda way: way.__name__)
async def test_replicas_in_git_undo_every_other_scaling(lab: Lab, namespace: str, way: Way) -> None:
    git = repository(lab, namespace, way)
    await git.sync()
    await _scale(lab, namespace, 3)
    await git.sync()
    assert await _replicas(lab, namespace) == 1


@pytest.mark.parametrize(("way", "left"), [(client_side, 1), (server_side, 3)])
async def test_replicas_taken_out_of_git_after_a_scaling(lab: Lab, namespace: str, way: Way, left: int) -> None:
    """Client-side apply deletes the field, which then has its default, 1; server-side apply leaves it to whoever scaled."""
    git = repository(lab, namespace, way)
    git.commit("Deployment", shop.APP, lambda one: one["spec"].update(replicas=2))
    await git.sync()
    await _scale(lab, namespace, 3)
    git.commit("Deployment", shop.APP, lambda one: one["spec"].pop("replicas"))
    await git.sync()
    assert await _replicas(lab, namespace) == left
    await _scale(lab, namespace, 4)
    await git.sync()
    assert await _replicas(lab, namespace) == 4, "from then on they are nobody's but the scaler's"


@pytest.mark.parametrize("way", [client_side, server_side], ids=lambda way: way.__name__)
async def test_replicas_taken_out_of_git_that_nobody_scaled_are_1(lab: Lab, namespace: str, way: Way) -> None:
    git = repository(lab, namespace, way)
    git.commit("Deployment", shop.APP, lambda one: one["spec"].update(replicas=2))
    await git.sync()
    git.commit("Deployment", shop.APP, lambda one: one["spec"].pop("replicas"))
    await git.sync()
    assert await _replicas(lab, namespace) == 1


def _keeping_weights(way: Way) -> Way:
    return flux_with_ignored_weights if way is server_side else argo_cd_with_ignored_weights


def _weights(*numbers: int) -> Any:  # noqa: ANN401
    def change(route: Object) -> None:
        for ref, number in zip(route["spec"]["rules"][0]["backendRefs"], numbers, strict=True):
            ref["weight"] = number

    return change


def _no_weights(route: Object) -> None:
    for ref in route["spec"]["rules"][0]["backendRefs"]:
        del ref["weight"]


def _labelled(route: Object) -> None:
    route["metadata"]["labels"] = {"team": "shop"}


def _version(version: str) -> Any:  # noqa: ANN401
    def change(deployment: Object) -> None:
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        container["image"] = container["image"].rpartition(":")[0] + f":{version}"

    return change


def _spec(**changes: object) -> Any:  # noqa: ANN401
    return lambda rollout: rollout["spec"].update(changes)


async def _scale(lab: Lab, namespace: str, replicas: int) -> None:
    deployment = await lab.api.get("apps/v1", "Deployment", shop.APP, namespace)
    await lab.api.patch(deployment, {"spec": {"replicas": replicas}}, part="scale")


async def _replicas(lab: Lab, namespace: str) -> int:
    return int((await lab.api.get("apps/v1", "Deployment", shop.APP, namespace))["spec"]["replicas"])
