"""Whole runs on a real API server, without metrics: what is written where, and what is left alone."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from lab import manifests, shop
from lab.api import Object
from lab.load import by_version, failures
from lab.operator_process import OperatorProcess
from lab.stack import Lab
from lab.wait import until
from tests.unit.core.kstatus import computed

SECONDS = 120.0
QUICK = [{"name": "canary", "weight": 10, "duration": "2s"}, {"name": "half", "weight": 50, "duration": "2s"}]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def operator(lab: Lab) -> AsyncIterator[OperatorProcess]:
    await lab.install_tidegate()
    async with OperatorProcess(lab) as running:
        yield running


def rollout(namespace: str, **changes: object) -> Object:
    made = shop.rollout(namespace, **{"metrics": [], "guards": [], "steps": QUICK, **changes})
    made["spec"]["promotion"].setdefault("settle", "2s")
    return made


async def history(lab: Lab, namespace: str, name: str = shop.APP) -> list[dict[str, Any]]:
    found = await lab.api.find(shop.API_VERSION, "Rollout", name, namespace) or {}
    status = found.get("status", {})
    return status.get("history", []) if "run" not in status else []


async def until_outcome(lab: Lab, namespace: str) -> str:
    async def ended() -> str:
        found = await history(lab, namespace)
        return str(found[0]["outcome"]) if found else ""

    return await until(ended, SECONDS, "the run has ended")


async def stalled_for(lab: Lab, namespace: str, name: str, reason: str) -> str:
    async def there() -> str:
        found = await lab.api.get(shop.API_VERSION, "Rollout", name, namespace)
        for one in found.get("status", {}).get("conditions", []):
            if one["type"] == "Stalled" and one["reason"] == reason:
                return str(one["message"])
        return ""

    return await until(there, SECONDS, f"Rollout {name} is Stalled, {reason}")


async def route_of(lab: Lab, namespace: str, kind: str = "HTTPRoute") -> Object:
    return await lab.api.get(manifests.GATEWAY_API, kind, shop.APP, namespace)


@pytest.mark.usefixtures("operator")
async def test_only_the_two_weights_of_a_route_change_over_a_whole_run(lab: Lab, namespace: str) -> None:
    await shop.open_shop(lab, namespace)
    await lab.apply(manifests.service(namespace, "other"))
    route = await route_of(lab, namespace)
    foreign = manifests.rule({"other": 7, shop.APP: 3}, path="/other")
    shared = manifests.rule({shop.APP: 200, shop.CANARY: 0, "other": 7}, path="/shared")
    route["spec"]["rules"] += [foreign, shared]
    await lab.api.patch(route, {"spec": {"rules": route["spec"]["rules"]}})
    before = (await route_of(lab, namespace))["spec"]
    await shop.release(lab, namespace, "v2")
    await lab.rolled_out(namespace, shop.CANARY)
    steps = [{"name": "canary", "weight": 10, "duration": "1h"}]
    item = rollout(namespace, steps=steps)
    await lab.apply(item)

    async def at_ten() -> Object | None:
        spec = (await route_of(lab, namespace))["spec"]
        return spec if spec["rules"][0]["backendRefs"][1]["weight"] == 10 else None

    during = await until(at_ten, SECONDS, "the candidate has 10 %")
    expected = copy.deepcopy(before)
    for rule, (baseline, candidate) in ((0, (90, 10)), (2, (180, 20))):
        refs = expected["rules"][rule]["backendRefs"]
        refs[0]["weight"], refs[1]["weight"] = baseline, candidate
    assert during == expected
    await lab.api.delete(item)

    async def gone() -> bool:
        return await lab.api.find(shop.API_VERSION, "Rollout", shop.APP, namespace) is None

    await until(gone, SECONDS, "the Rollout is gone")
    assert (await route_of(lab, namespace))["spec"] == before, "it leaves as it came"


@pytest.mark.usefixtures("operator")
async def test_in_a_shadow_step_the_candidate_gets_copies_and_users_the_baseline_alone(
    lab: Lab, namespace: str
) -> None:
    await shop.open_shop(lab, namespace)
    before = (await route_of(lab, namespace))["spec"]
    await shop.release(lab, namespace, "v2")
    await lab.rolled_out(namespace, shop.CANARY)
    shadow = {"name": "shadow", "weight": 0, "mirror": {"percent": 100}, "duration": "1h"}
    item = rollout(namespace, steps=[shadow, *QUICK])
    counted = f'sum(http_requests_total{{namespace="{namespace}",deployment="{shop.CANARY}"}})'

    async def copied() -> bool:
        return any(value > 50 for _, value in await lab.prometheus.ask(counted))

    async def reached() -> bool:
        status = (await shop.state(lab, namespace)).get("status", {})
        return bool(status.get("step", {}).get("reached"))

    async with lab.load(namespace, shop.APP, rate=50.0) as load:
        await lab.apply(item)
        await until(copied, SECONDS, "copies at the candidate")
        await until(reached, SECONDS, "the shadow step is reached")
        (mirror,) = (await route_of(lab, namespace))["spec"]["rules"][0]["filters"]
        assert (mirror["type"], mirror["requestMirror"]["percent"]) == ("RequestMirror", 100)
        assert set(by_version(load.answers)) == {"v1"}
        await lab.api.delete(item)

        async def gone() -> bool:
            return await shop.state(lab, namespace) == {}

        await until(gone, SECONDS, "the Rollout is gone")
        assert failures(load.answers) == {}
    after = (await route_of(lab, namespace))["spec"]
    assert "filters" not in after["rules"][0]
    assert after == before, "it leaves as it came"


@pytest.mark.usefixtures("operator")
async def test_two_kinds_of_route_move_together(lab: Lab, namespace: str) -> None:
    await shop.open_shop(lab, namespace)
    grpc = manifests.grpc_route(namespace, shop.APP, {shop.APP: 3, shop.CANARY: 0})
    await lab.apply(grpc)
    await shop.release(lab, namespace, "v2")
    both = [{"kind": "HTTPRoute", "name": shop.APP}, {"kind": "GRPCRoute", "name": shop.APP}]
    await lab.apply(rollout(namespace, traffic=both))
    assert await until_outcome(lab, namespace) == "Succeeded"
    backends = (await route_of(lab, namespace, "GRPCRoute"))["spec"]["rules"][0]["backendRefs"]
    assert [backend["weight"] for backend in backends] == [3, 0]


@pytest.mark.usefixtures("operator")
async def test_a_baseline_kept_in_git_is_awaited(lab: Lab, namespace: str) -> None:
    await shop.open_shop(lab, namespace)
    await shop.release(lab, namespace, "v2")
    await lab.apply(rollout(namespace, promotion={"strategy": "AwaitBaseline", "settle": "2s"}))

    async def awaiting() -> bool:
        found = await lab.api.get(shop.API_VERSION, "Rollout", shop.APP, namespace)
        waiting = found.get("status", {}).get("run", {}).get("waiting", {})
        return bool(waiting.get("reason") == "AwaitingBaseline")

    await until(awaiting, SECONDS, "the run awaits the baseline")
    await lab.apply(manifests.deployment(namespace, shop.APP, version="v2", replicas=2))
    assert await until_outcome(lab, namespace) == "Succeeded"


@pytest.mark.usefixtures("operator")
async def test_of_two_rollouts_the_one_with_a_run_keeps_what_both_name(lab: Lab, namespace: str) -> None:
    await shop.open_shop(lab, namespace)
    await shop.release(lab, namespace, "v2")
    first = rollout(namespace, steps=[{"name": "warm", "weight": 0, "duration": "1h"}])
    await lab.apply(first)

    async def running() -> bool:
        found = await lab.api.get(shop.API_VERSION, "Rollout", shop.APP, namespace)
        return "run" in found.get("status", {})

    await until(running, SECONDS, "the first one runs")
    assert computed(await lab.api.get(shop.API_VERSION, "Rollout", shop.APP, namespace)) == "InProgress"
    second = rollout(namespace)
    second["metadata"]["name"] = "second"
    await lab.apply(second)
    message = await stalled_for(lab, namespace, "second", "Claimed")
    assert "'checkout'" in message


@pytest.mark.usefixtures("operator")
async def test_services_that_select_both_arms_are_said_before_anything_moves(lab: Lab, namespace: str) -> None:
    await shop.open_shop(lab, namespace)
    service = manifests.service(namespace, shop.CANARY)
    service["spec"]["selector"] = {"app": shop.APP}
    await lab.apply(service)
    await shop.release(lab, namespace, "v2")
    await lab.apply(rollout(namespace))
    message = await stalled_for(lab, namespace, shop.APP, "ArmsOverlap")
    assert shop.CANARY in message
    assert computed(await lab.api.get(shop.API_VERSION, "Rollout", shop.APP, namespace)) == "Failed"


@pytest.mark.usefixtures("operator")
async def test_what_the_schema_cannot_see_is_an_invalid_spec_that_names_the_field(lab: Lab, namespace: str) -> None:
    await shop.open_shop(lab, namespace)
    metrics = [{"name": "errors", "query": 'errors{pod=~"$pots"}', "unit": "ratio"}]
    await lab.apply(rollout(namespace, metrics=metrics))
    message = await stalled_for(lab, namespace, shop.APP, "InvalidSpec")
    assert "spec.metrics[0].query" in message
    assert "$pots" in message


@pytest.mark.usefixtures("operator")
async def test_missing_objects_are_waited_for_and_named(lab: Lab, namespace: str) -> None:
    await lab.apply(rollout(namespace))

    async def named() -> str:
        found = await lab.api.get(shop.API_VERSION, "Rollout", shop.APP, namespace)
        return str(found.get("status", {}).get("message", ""))

    assert "there is no Deployment 'checkout' (baseline)" in await until(named, SECONDS, "a message")
    await shop.open_shop(lab, namespace)
    await shop.release(lab, namespace, "v2")
    assert await until_outcome(lab, namespace) == "Succeeded"


@pytest.mark.usefixtures("operator")
async def test_a_command_for_a_rollout_that_is_not_there_is_refused(lab: Lab, namespace: str) -> None:
    made = await shop.command(lab, namespace, "Pause")

    async def outcome() -> Object:
        found = await lab.api.get(shop.API_VERSION, "RolloutCommand", made["metadata"]["name"], namespace)
        status: Object = found.get("status", {})
        return status if status.get("phase") else {}

    status = await until(outcome, SECONDS, "the command has an outcome")
    assert (status["phase"], status["message"]) == (
        "Refused",
        f"there is no Rollout '{shop.APP}' in namespace '{namespace}'",
    )


@pytest.mark.usefixtures("operator")
async def test_get_shows_phase_step_weight_and_readiness(lab: Lab, namespace: str) -> None:
    await shop.open_shop(lab, namespace)
    await shop.release(lab, namespace, "v2")
    await lab.apply(rollout(namespace))
    assert await until_outcome(lab, namespace) == "Succeeded"
    found = await lab.api.get(shop.API_VERSION, "Rollout", shop.APP, namespace)
    status = found["status"]
    assert computed(found) == "Current"
    assert status["phase"] == "Succeeded"
    assert status["observedGeneration"] == found["metadata"]["generation"]
    assert {one["type"]: one["status"] for one in status["conditions"]} == {"Ready": "True"}

    async def told() -> bool:
        events = await lab.api.list("v1", "Event", namespace)
        reasons = {event["reason"] for event in events if event["involvedObject"]["kind"] == "Rollout"}
        return {"RunStarted", "StepStarted", "StepPassed", "Promoting", "Succeeded"} <= reasons

    await until(told, SECONDS, "every decision was told")
