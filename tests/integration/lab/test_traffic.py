"""Weights on a route act on real requests."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

from lab import manifests
from lab.api import Object
from lab.gateway import API, FROZEN, REFUSED
from lab.load import by_version, failures
from lab.routes import GATEWAY
from lab.wait import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lab.load import Load
    from lab.stack import Lab

REQUESTS = 2000


async def two_versions(lab: Lab, namespace: str, weights: tuple[int, int]) -> Object:
    """A route that shares among `shop` (v1) and `shop-canary` (v2), both up and reached."""
    await lab.apply(manifests.app(namespace, "shop"), manifests.app(namespace, "shop-canary", version="v2"))
    [route] = await lab.apply(
        manifests.http_route(namespace, "shop", dict(zip(("shop", "shop-canary"), weights, strict=True)))
    )
    for name in ("shop", "shop-canary"):
        await lab.rolled_out(namespace, name)
    return await lab.accepted(route)


async def without_failures(load: Load) -> bool:
    """Envoy is told of new pods some milliseconds after they are Ready."""
    return not failures(await load.send(20))


async def accepted_is(lab: Lab, route: Object, wanted: str) -> bool:
    """Whether the gateway says so of a route."""
    meta = route["metadata"]
    found = await lab.api.get(route["apiVersion"], route["kind"], meta["name"], meta["namespace"])
    return [c["status"] for c in found["status"]["parents"][0]["conditions"] if c["type"] == "Accepted"] == [wanted]


def within_five_sigma(count: int, of: int, share: float) -> bool:
    """A binomial leaves this range less than once in a million times."""
    return abs(count - of * share) <= 5 * sqrt(of * share * (1 - share))


async def test_a_route_of_70_to_30_gives_the_candidate_30_percent_of_the_requests(lab: Lab, namespace: str) -> None:
    await two_versions(lab, namespace, (70, 30))
    async with lab.load(namespace, "shop") as load:
        await until(lambda: without_failures(load), PATIENCE, "the app answers")
        got = by_version(await load.send(REQUESTS))
    assert set(got) == {"v1", "v2"}
    assert within_five_sigma(got["v2"], REQUESTS, 0.3), got


async def test_envoy_counts_what_clients_saw(lab: Lab, namespace: str) -> None:
    await two_versions(lab, namespace, (50, 50))
    async with lab.load(namespace, "shop") as load:
        await until(lambda: without_failures(load), PATIENCE, "the app answers")
        before = await lab.envoy.counts()
        got = by_version(await load.send(400))
        after = await lab.envoy.counts()
    for service, version in (("shop", "v1"), ("shop-canary", "v2")):
        cluster = f"{namespace}/{service}"
        assert after[cluster]["2xx"] - before[cluster]["2xx"] == got[version]


async def test_a_changed_weight_acts_within_seconds(lab: Lab, namespace: str) -> None:
    route = await two_versions(lab, namespace, (100, 0))
    async with lab.load(namespace, "shop") as load:
        await until(lambda: without_failures(load), PATIENCE, "the app answers")
        assert set(by_version(await load.send(100))) == {"v1"}

        await lab.apply(manifests.http_route(namespace, "shop", {"shop": 0, "shop-canary": 100}))

        async def all_to_the_candidate() -> bool:
            return set(by_version(await load.send(100))) == {"v2"}

        await until(all_to_the_candidate, PATIENCE, "all requests reach v2")
    changed = await lab.accepted(route)
    assert changed["metadata"]["generation"] == 2


async def test_a_frozen_gateway_keeps_the_old_weights(lab: Lab, namespace: str) -> None:
    await two_versions(lab, namespace, (100, 0))
    async with lab.load(namespace, "shop") as load:
        await until(lambda: without_failures(load), PATIENCE, "the app answers")
        lab.gateway.freeze()
        try:
            await lab.apply(manifests.http_route(namespace, "shop", {"shop": 0, "shop-canary": 100}))
            assert set(by_version(await load.send(200))) == {"v1"}
        finally:
            lab.gateway.freeze(frozen=False)

        async def all_to_the_candidate() -> bool:
            return set(by_version(await load.send(50))) == {"v2"}

        await until(all_to_the_candidate, PATIENCE, "all requests reach v2")


async def test_a_rule_for_a_header_is_tried_before_the_rule_for_everyone(lab: Lab, namespace: str) -> None:
    await two_versions(lab, namespace, (100, 0))
    route = manifests.http_route(namespace, "shop", {"shop": 100})
    route["spec"]["rules"].append(manifests.rule({"shop-canary": 1}, headers={"x-tester": "yes"}))
    await lab.apply(route)
    async with lab.load(namespace, "shop", headers={"x-tester": "yes"}) as testers, lab.load(namespace, "shop") as rest:

        async def testers_reach_the_candidate() -> bool:
            return set(by_version(await testers.send(20))) == {"v2"}

        await until(testers_reach_the_candidate, PATIENCE, "testers reach v2")
        assert set(by_version(await rest.send(100))) == {"v1"}


async def test_a_rule_for_a_query_parameter_is_tried_before_the_rule_for_everyone(lab: Lab, namespace: str) -> None:
    await two_versions(lab, namespace, (100, 0))
    route = manifests.http_route(namespace, "shop", {"shop": 100})
    rule = manifests.rule({"shop-canary": 1})
    rule["matches"][0]["queryParams"] = [{"type": "Exact", "name": "release", "value": "next"}]
    route["spec"]["rules"].append(rule)
    await lab.apply(route)
    async with (
        lab.load(namespace, "shop", path="/?release=next") as testers,
        lab.load(namespace, "shop", path="/?release=nextish") as rest,
    ):

        async def testers_reach_the_candidate() -> bool:
            return set(by_version(await testers.send(20))) == {"v2"}

        await until(testers_reach_the_candidate, PATIENCE, "testers reach v2")
        assert set(by_version(await rest.send(100))) == {"v1"}


async def test_a_route_without_any_weight_answers_500(lab: Lab, namespace: str) -> None:
    await lab.apply(manifests.app(namespace, "shop"), manifests.http_route(namespace, "shop", {"shop": 0}))
    async with lab.load(namespace, "shop") as load:

        async def only_500() -> bool:
            return {answer.status for answer in await load.send(5)} == {500}

        await until(only_500, PATIENCE, "nothing but 500")


async def test_a_route_to_no_service_says_so(lab: Lab, namespace: str) -> None:
    [route] = await lab.apply(manifests.http_route(namespace, "shop", {"nowhere": 1}))
    found = await lab.accepted(route)
    conditions = {c["type"]: c for c in found["status"]["parents"][0]["conditions"]}
    assert conditions["ResolvedRefs"]["status"] == "False"
    assert conditions["ResolvedRefs"]["reason"] == "BackendNotFound"
    assert f"{namespace}/nowhere" in conditions["ResolvedRefs"]["message"]


async def test_a_refused_route_is_not_accepted(lab: Lab, namespace: str) -> None:
    [route] = await lab.apply(manifests.http_route(namespace, "shop", {"shop": 1}))
    await lab.accepted(route)
    lab.gateway.refuse(namespace, "shop")

    await until(lambda: accepted_is(lab, route, "False"), PATIENCE, "Accepted=False")


async def test_a_refused_route_keeps_the_weights_that_were_accepted_last(lab: Lab, namespace: str) -> None:
    route = await two_versions(lab, namespace, (100, 0))
    async with lab.load(namespace, "shop") as load:
        await until(lambda: without_failures(load), PATIENCE, "the app answers")
        lab.gateway.refuse(namespace, "shop")
        await until(lambda: accepted_is(lab, route, "False"), PATIENCE, "Accepted=False")
        await lab.apply(manifests.http_route(namespace, "shop", {"shop": 0, "shop-canary": 100}))

        async def reported() -> bool:
            found = await lab.api.get(route["apiVersion"], route["kind"], "shop", namespace)
            return all(c["observedGeneration"] == 2 for c in found["status"]["parents"][0]["conditions"])

        await until(reported, PATIENCE, "the second generation is refused as well")
        assert set(by_version(await load.send(100))) == {"v1"}
        lab.gateway.refuse(namespace, "shop", refused=False)

        async def all_to_the_candidate() -> bool:
            return set(by_version(await load.send(50))) == {"v2"}

        await until(all_to_the_candidate, PATIENCE, "all requests reach v2")


async def test_a_gateway_can_remove_a_refused_routes_rules(lab: Lab, namespace: str) -> None:
    await two_versions(lab, namespace, (100, 0))
    async with lab.load(namespace, "shop") as load:
        await until(lambda: without_failures(load), PATIENCE, "the app answers")
        lab.gateway.refuse(namespace, "shop", removed=True)

        async def gone() -> bool:
            return {answer.status for answer in await load.send(5)} == {404}

        await until(gone, PATIENCE, "nothing but 404")
        lab.gateway.refuse(namespace, "shop", refused=False)
        await until(lambda: without_failures(load), PATIENCE, "the app answers again")


async def test_freezing_and_refusing_work_by_annotations_too(lab: Lab, namespace: str) -> None:
    route = await two_versions(lab, namespace, (100, 0))
    gateway = {"apiVersion": API, "kind": "Gateway", "metadata": {"namespace": GATEWAY[0], "name": GATEWAY[1]}}
    await lab.api.patch(route, {"metadata": {"annotations": {REFUSED: "keep"}}})
    await until(lambda: accepted_is(lab, route, "False"), PATIENCE, "Accepted=False")
    await lab.api.patch(gateway, {"metadata": {"annotations": {FROZEN: "true"}}})
    try:
        await until(frozen(lab), PATIENCE, "the gateway is frozen")
        await lab.api.patch(route, {"metadata": {"annotations": {REFUSED: None}}})
        await lab.apply(manifests.http_route(namespace, "shop", {"shop": 0, "shop-canary": 100}))
        async with lab.load(namespace, "shop") as load:
            await until(lambda: without_failures(load), PATIENCE, "the app answers")
            assert set(by_version(await load.send(100))) == {"v1"}
        assert await accepted_is(lab, route, "False"), "nor is status written"
    finally:
        await lab.api.patch(gateway, {"metadata": {"annotations": {FROZEN: None}}})
    await until(lambda: accepted_is(lab, route, "True"), PATIENCE, "Accepted=True")


def frozen(lab: Lab) -> Callable[[], Awaitable[bool]]:
    async def is_frozen() -> bool:
        return lab.gateway.frozen

    return is_frozen


async def test_a_grpc_route_is_accepted_and_routed(lab: Lab, namespace: str) -> None:
    await lab.apply(manifests.app(namespace, "shop"))
    [route] = await lab.apply(manifests.grpc_route(namespace, "shop", {"shop": 1}))
    await lab.accepted(route)
    await lab.rolled_out(namespace, "shop")
    async with lab.load(namespace, "shop") as load:
        await until(lambda: without_failures(load), PATIENCE, "the app answers")


async def test_a_chattering_gateway_moves_the_version_and_not_the_generation(lab: Lab, namespace: str) -> None:
    [route] = await lab.apply(manifests.http_route(namespace, "shop", {"shop": 1}))
    before = await lab.accepted(route)
    written = await lab.gateway.chatter(route, per_second=50, seconds=0.5)
    after = await lab.accepted(route)
    assert written >= 5
    assert after["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"]
    assert after["metadata"]["generation"] == before["metadata"]["generation"]
