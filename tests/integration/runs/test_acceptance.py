"""What the gateway has taken is what counts: a controller that has stopped, and routes it refuses in mid-run."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from lab import manifests, shop
from lab.load import by_version
from lab.operator_process import OperatorProcess
from lab.stack import Lab
from lab.wait import until

SECONDS = 120.0
LONG = [{"name": "canary", "weight": 10, "duration": "1h"}]
STANDS = 10.0
"""Seconds of a step: time enough to have its route refused before it ends."""
QUICK = [{"name": "canary", "weight": 10, "duration": "4s"}, {"name": "half", "weight": 50, "duration": "2s"}]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def operator(lab: Lab) -> AsyncIterator[OperatorProcess]:
    await lab.install_tidegate()
    async with OperatorProcess(lab) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def willing(lab: Lab) -> AsyncIterator[Lab]:
    """The lab, whose gateway is put right afterwards."""
    yield lab
    lab.gateway.freeze(frozen=False)


async def begun(lab: Lab, namespace: str, steps: list[dict[str, Any]]) -> None:
    """A run without metrics whose first step has been reached."""
    await shop.open_shop(lab, namespace)
    await shop.release(lab, namespace, "v2")
    await lab.rolled_out(namespace, shop.CANARY)
    await lab.apply(shop.rollout(namespace, metrics=[], guards=[], steps=steps))

    async def reached() -> bool:
        return bool((await status(lab, namespace)).get("step", {}).get("reached"))

    await until(reached, SECONDS, "the first step is reached")


async def status(lab: Lab, namespace: str) -> dict[str, Any]:
    return dict((await shop.state(lab, namespace)).get("status", {}))


async def weights(lab: Lab, namespace: str) -> tuple[int, int]:
    route = await lab.api.get(manifests.GATEWAY_API, "HTTPRoute", shop.APP, namespace)
    baseline, candidate = route["spec"]["rules"][0]["backendRefs"]
    return baseline["weight"], candidate["weight"]


async def until_condition(lab: Lab, namespace: str, kind: str, reason: str, words: str = "") -> None:
    """Until a condition has this reason and these words: before them it may have others."""

    async def said() -> bool:
        found = (await status(lab, namespace)).get("conditions", [])
        return any((one["type"], one["reason"]) == (kind, reason) and words in one.get("message", "") for one in found)

    await until(said, SECONDS, f"{kind} says {reason} {words}")


async def until_outcome(lab: Lab, namespace: str) -> str:
    async def ended() -> str:
        found = await status(lab, namespace)
        history = found.get("history", [])
        return str(history[0]["outcome"]) if history and "run" not in found else ""

    return await until(ended, SECONDS, "the run has ended")


@pytest.mark.usefixtures("operator")
async def test_a_revert_is_done_when_the_gateway_has_taken_it(willing: Lab, namespace: str) -> None:
    lab = willing
    await begun(lab, namespace, LONG)
    async with lab.load(namespace, shop.APP) as load:
        lab.gateway.freeze()
        await shop.command(lab, namespace, "Abort")

        async def at_zero() -> bool:
            return (await weights(lab, namespace))[1] == 0

        await until(at_zero, SECONDS, "the weights are back on the route")
        words = "has not reported Accepted for this generation yet"
        await until_condition(lab, namespace, "Stalled", "RevertNotAccepted", words)
        found = await status(lab, namespace)
        assert found["run"]["ending"]["reason"] == "AbortedByCommand"
        assert found.get("history", []) == [], "it is not called reverted"
        assert "v2" in by_version(await load.send(300)), "and it is not: users still reach the candidate"
        lab.gateway.freeze(frozen=False)
        assert await until_outcome(lab, namespace) == "Aborted"
        assert set(by_version(await load.send(100))) == {"v1"}


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize("removed", [False, True], ids=["keeping what was accepted", "removing its rules"])
async def test_a_step_stands_still_while_its_route_is_refused(willing: Lab, namespace: str, removed: bool) -> None:  # noqa: FBT001
    lab = willing
    await begun(lab, namespace, [{**QUICK[0], "duration": f"{STANDS:g}s"}, QUICK[1]])
    lab.gateway.refuse(namespace, shop.APP, removed=removed)

    async def told() -> bool:
        waiting = (await status(lab, namespace))["run"].get("waiting") or {}
        return bool(waiting.get("reason") == "RouteNotAccepted" and "refused, as told" in waiting["message"])

    await until(told, SECONDS, "the refusal is told")
    watched = (await status(lab, namespace))["step"].get("watched", 0)

    begun_waiting = time.monotonic()

    async def has_waited_longer_than_the_step() -> bool:
        return time.monotonic() - begun_waiting > STANDS + 1

    await until(has_waited_longer_than_the_step, SECONDS, "the step would be over")
    found = await status(lab, namespace)
    assert (found["step"]["name"], found["step"].get("watched", 0)) == ("canary", watched)
    assert await weights(lab, namespace) == (90, 10)
    lab.gateway.refuse(namespace, shop.APP, refused=False)
    assert await until_outcome(lab, namespace) == "Succeeded"


@pytest.mark.usefixtures("operator")
async def test_a_revert_onto_a_route_that_is_refused_is_written_and_told(willing: Lab, namespace: str) -> None:
    lab = willing
    await begun(lab, namespace, LONG)
    lab.gateway.refuse(namespace, shop.APP)
    await until_condition(lab, namespace, "Stalled", "RouteNotAccepted")
    await shop.command(lab, namespace, "Abort")
    await until_condition(lab, namespace, "Stalled", "RevertNotAccepted", "refused, as told")
    assert (await weights(lab, namespace))[1] == 0
    lab.gateway.refuse(namespace, shop.APP, refused=False)
    assert await until_outcome(lab, namespace) == "Aborted"


@pytest.mark.usefixtures("operator")
async def test_a_route_that_is_refused_already_is_not_raised_on(willing: Lab, namespace: str) -> None:
    lab = willing
    await shop.open_shop(lab, namespace)
    lab.gateway.refuse(namespace, shop.APP)
    await shop.release(lab, namespace, "v2")
    await lab.rolled_out(namespace, shop.CANARY)
    await lab.apply(shop.rollout(namespace, metrics=[], guards=[], steps=QUICK))
    await until_condition(lab, namespace, "Ready", "RouteNotAccepted")
    assert (await weights(lab, namespace))[1] == 0
    lab.gateway.refuse(namespace, shop.APP, refused=False)
    assert await until_outcome(lab, namespace) == "Succeeded"
