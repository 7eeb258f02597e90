"""What only the real API server can show."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from lab.wait import PATIENCE
from tests.contract.stage import SPEC
from tests.integration.contract.conftest import GATEWAY_API, TIDEGATE, RealStage
from tidegate.adapters.kubernetes.cache import Cache
from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.deployments import NO_PODS
from tidegate.adapters.kubernetes.events import KubernetesEvents
from tidegate.adapters.kubernetes.permissions import WriteAccess
from tidegate.adapters.kubernetes.resources import Resource
from tidegate.adapters.kubernetes.workloads import KubernetesWorkloads, WorkloadCaches
from tidegate.adapters.routers import ROUTERS
from tidegate.adapters.routers.router import ObjectRouter
from tidegate.core.model.plan import Decision
from tidegate.core.model.world import Acceptance, Arm, RolloutObject, Route, TargetRef, Unknown, Unseen
from tidegate.ports.errors import Missing, Rejected
from tidegate.ports.protocols import Manager


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = PATIENCE) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110  (a condition, not a time)
            await asyncio.sleep(0.05)


async def rolled_out(stage: RealStage, name: str, *, fresh: bool = True) -> Arm:
    found: list[Arm] = []

    async def done() -> bool:
        arm = await stage.workloads.arm(stage.namespace, name, name, fresh=fresh)
        found[:] = [arm] if isinstance(arm, Arm) else []
        return bool(found) and found[0].rolled_out

    await until(done)
    return found[0]


async def test_an_arms_pattern_matches_its_pods_and_nobody_elses(stage: RealStage) -> None:
    long = "a-name-so-long-that-the-api-server-cuts-what-it-makes-of-it"
    for name in ("shop", "shop-canary", long):
        await stage.put_deployment(name, {"containers": [{"name": "app", "image": "none:1"}]}, 2)
    arms = {name: await rolled_out(stage, name) for name in ("shop", "shop-canary", long)}
    assert {arm.available for arm in arms.values()} == {2}
    pods = await stage.hands.list("v1", "Pod", stage.namespace)
    for name, arm in arms.items():
        own = {pod["metadata"]["name"] for pod in pods if pod["metadata"]["labels"]["app"] == name}
        matched = {pod["metadata"]["name"] for pod in pods if re.fullmatch(arm.pods, pod["metadata"]["name"])}
        assert matched == own
        assert len(own) == 2


async def test_an_arm_scaled_to_nothing_has_a_pattern_that_no_pod_matches(stage: RealStage) -> None:
    await stage.put_deployment("shop", {"containers": [{"name": "app", "image": "none:1"}]}, 0)
    arm = await rolled_out(stage, "shop")
    assert not re.fullmatch(arm.pods, "shop-5d8f7c9b6d-abcde")
    assert not re.fullmatch(arm.pods, "")


async def test_of_a_route_nothing_but_the_two_weights_changes(stage: RealStage) -> None:
    filters = [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x", "value": "y"}]}}]
    rules = [
        {
            "name": "everyone",
            "matches": [{"path": {"type": "PathPrefix", "value": "/a"}}],
            "filters": filters,
            "timeouts": {"request": "10s"},
            "backendRefs": [
                {"name": "shop", "port": 80, "filters": filters},
                {"name": "other", "port": 81, "weight": 3},
                {"name": "shop-canary", "namespace": "elsewhere", "port": 80, "weight": 5},
                {"name": "shop-canary", "port": 80, "weight": 0},
            ],
        },
        {"backendRefs": [{"name": "shop", "port": 80, "weight": 1}]},
    ]
    spec = {"parentRefs": [{"name": "gateway"}], "hostnames": ["shop.test"], "rules": rules}
    before = await stage.hands.create(stage.item(GATEWAY_API, "HTTPRoute", "shop", spec=spec))
    ref = TargetRef(stage.namespace, "HTTPRoute", "shop", "shop", "shop-canary")
    route = await stage.router.read(ref, fresh=True)
    assert isinstance(route, Route)
    await stage.router.write(route, {"everyone": (60, 40)}, Manager.FORWARD)
    after = await stage.hands.get(GATEWAY_API, "HTTPRoute", "shop", stage.namespace)
    backends = before["spec"]["rules"][0]["backendRefs"]
    assert (backends[0]["weight"], backends[3]["weight"]) == (1, 0)
    backends[0]["weight"], backends[3]["weight"] = 60, 40
    assert after["spec"] == before["spec"]
    assert after["metadata"].get("annotations") is None


async def test_a_route_written_anew_is_pending_until_its_gateway_has_seen_it(stage: RealStage) -> None:
    await stage.put_route("HTTPRoute", "shop", {"everyone": [("shop", 100), ("shop-canary", 0)]})
    await stage.report_route("HTTPRoute", "shop", accepted=True)
    ref = TargetRef(stage.namespace, "HTTPRoute", "shop", "shop", "shop-canary")
    route = await stage.router.read(ref, fresh=True)
    assert isinstance(route, Route)
    assert route.acceptance is Acceptance.ACCEPTED
    written = await stage.router.write(route, {"everyone": (80, 20)}, Manager.FORWARD)
    assert written.acceptance is Acceptance.PENDING
    await stage.report_route("HTTPRoute", "shop", accepted=False)
    refused = await stage.router.read(ref, fresh=True)
    assert isinstance(refused, Route)
    assert refused.acceptance is Acceptance.REFUSED
    assert "as the test says" in refused.acceptance_message


async def test_a_kind_without_a_router_is_unknown_and_says_so(stage: RealStage) -> None:
    found = await stage.router.read(TargetRef(stage.namespace, "Gateway", "shop", "a", "b"), fresh=True)
    assert isinstance(found, Unknown)
    assert found.kind is Unseen.NOT_ALLOWED


async def test_claimants_are_of_the_same_namespace(stage: RealStage) -> None:
    await stage.put_rollout("shop")
    await stage.rollouts.read(stage.namespace, "shop", fresh=True)
    things = frozenset({"Deployment/shop"})
    found = await stage.rollouts.claimants(stage.namespace, "another-uid", things)
    assert [claim.name for claim in found] == ["shop"]
    assert list(await stage.rollouts.claimants("elsewhere", "another-uid", things)) == []


async def test_commands_for_another_rollout_are_not_for_this_one(stage: RealStage) -> None:
    await stage.put_command("one", "shop", "Pause")
    await stage.put_command("two", "other", "Abort")
    assert [command.name for command in await stage.commands.pending(stage.namespace, "shop")] == ["one"]


async def test_a_kind_that_is_not_served_is_unknown_and_says_so(stage: RealStage) -> None:
    resource = Resource(GATEWAY_API.partition("/")[0], "v1", "nosuchroutes", "NoSuchRoute", older=("v1beta1",))
    router = ObjectRouter(replace(ROUTERS[0], resource=resource), stage.api, Cache(), WriteAccess())
    found = await router.read(TargetRef(stage.namespace, "NoSuchRoute", "shop", "a", "b"), fresh=True)
    assert isinstance(found, Unknown)
    assert found.kind is Unseen.NOT_SERVED


async def test_a_value_the_schema_refuses_is_rejected_and_no_conflict(stage: RealStage) -> None:
    await stage.put_route("HTTPRoute", "shop", {"everyone": [("shop", 100), ("shop-canary", 0)]})
    ref = TargetRef(stage.namespace, "HTTPRoute", "shop", "shop", "shop-canary")
    route = await stage.router.read(ref, fresh=True)
    assert isinstance(route, Route)
    with pytest.raises(Rejected, match="greater than or equal to 0"):
        await stage.router.write(route, {"everyone": (101, -1)}, Manager.FORWARD)


async def test_a_name_in_a_namespace_that_does_not_exist_is_missing(stage: RealStage) -> None:
    with pytest.raises(Missing):
        await stage.api.get(Resource("apps", "v1", "deployments", "Deployment"), "no-such-namespace", "shop")


async def test_a_finalizer_leaves_the_finalizers_of_others_alone(stage: RealStage) -> None:
    item = stage.item(TIDEGATE, "Rollout", "shop", spec=SPEC)
    item["metadata"]["finalizers"] = ["example.com/theirs"]
    await stage.hands.create(item)
    rollout = await stage.rollouts.read(stage.namespace, "shop", fresh=True)
    assert isinstance(rollout, RolloutObject)
    held = await stage.rollouts.set_finalizer(rollout, present=True)
    assert held.finalizers == ("example.com/theirs", "tidegate.dev/restore-weights")
    free = await stage.rollouts.set_finalizer(held, present=False)
    assert free.finalizers == ("example.com/theirs",)
    await stage.hands.patch(item, {"metadata": {"finalizers": None}})


async def test_an_event_is_on_the_rollout(stage: RealStage) -> None:
    await stage.put_rollout("shop")
    rollout = await stage.rollouts.read(stage.namespace, "shop", fresh=True)
    assert isinstance(rollout, RolloutObject)
    events = KubernetesEvents(stage.api, lambda: 1_700_000_000.5, "operator-1")
    await events.announce(rollout, Decision("Reverted", "é" * 2000, warning=True))
    (event,) = await stage.hands.list("v1", "Event", stage.namespace)
    assert (event["type"], event["reason"], event["involvedObject"]["uid"]) == ("Warning", "Reverted", rollout.uid)
    assert len(event["message"].encode()) <= 1024


async def test_what_happens_again_is_counted_on_the_event_that_is_there(stage: RealStage) -> None:
    await stage.put_rollout("shop")
    rollout = await stage.rollouts.read(stage.namespace, "shop", fresh=True)
    assert isinstance(rollout, RolloutObject)
    now = [1_700_000_000.5]
    events = KubernetesEvents(stage.api, lambda: now[0], "operator-1")
    for number in range(20):
        now[0] += 1
        await events.announce(
            rollout, Decision("WeightCorrected", f"the route gave {number}%: corrected", warning=True)
        )
    (event,) = await stage.hands.list("v1", "Event", stage.namespace)
    assert event["firstTimestamp"] == "2023-11-14T22:13:21Z"
    assert event["lastTimestamp"] >= "2023-11-14T22:13:36Z"
    assert event["count"] >= 16
    await stage.hands.delete(event)
    now[0] += 10
    await events.announce(rollout, Decision("WeightCorrected", "the route gave 3%: corrected", warning=True))
    now[0] += 601
    await events.announce(rollout, Decision("WeightCorrected", "the route gave 4%: corrected", warning=True))
    assert [one["count"] for one in await stage.hands.list("v1", "Event", stage.namespace)] == [1, 1]


async def test_events_are_listed_in_the_order_of_the_decisions(stage: RealStage) -> None:
    await stage.put_rollout("shop")
    rollout = await stage.rollouts.read(stage.namespace, "shop", fresh=True)
    assert isinstance(rollout, RolloutObject)
    events = KubernetesEvents(stage.api, lambda: 1_700_000_000.5, "operator-1")
    reasons = [f"Reason{letter}" for letter in "QWERTYUIOP"]
    for reason in reasons:
        await events.announce(rollout, Decision(reason, "within one second"))
    listed = await stage.hands.list("v1", "Event", stage.namespace)
    assert [event["reason"] for event in sorted(listed, key=lambda event: event["lastTimestamp"])] == reasons


async def test_the_replica_sets_of_a_deployment_are_listed_once_for_each_of_its_states(stage: RealStage) -> None:
    calls: list[tuple[str, str]] = []
    api = Api(stage.api.configuration, lambda verb, resource, _outcome, _seconds: calls.append((verb, resource)))
    try:
        workloads = KubernetesWorkloads(api, WorkloadCaches())
        await stage.put_deployment("shop", {"containers": [{"name": "app", "image": "shop:v1"}]}, 2)
        await stage.put_service("shop", {"app": "shop"})

        async def settled() -> bool:
            found = await workloads.arm(stage.namespace, "shop", "shop", fresh=True)
            return isinstance(found, Arm) and found.pods != NO_PODS

        await until(settled)
        calls.clear()
        for _ in range(5):
            assert isinstance(await workloads.arm(stage.namespace, "shop", "shop", fresh=True), Arm)
        assert calls.count(("get", "deployments")) == 5
        assert calls.count(("list", "replicasets")) <= 1, "its pods may have come in between"
    finally:
        await api.close()
