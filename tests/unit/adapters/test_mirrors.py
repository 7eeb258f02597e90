"""A revert's weights get through whatever is wrong with its mirror, and a mirror is added by a strict write."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import pytest

from tests.contract.router_samples import SAMPLES
from tests.contract.router_samples.sample import Object
from tests.simulated.shaped import patched
from tidegate.adapters.kubernetes.cache import Cache
from tidegate.adapters.kubernetes.permissions import WriteAccess
from tidegate.adapters.routers.router import ObjectRouter
from tidegate.adapters.routers.rows.gateway_api import HTTP_ROUTE
from tidegate.core.model.world import Route, TargetRef
from tidegate.ports.errors import Rejected, Unavailable
from tidegate.ports.protocols import Manager

(SAMPLE,) = (one for one in SAMPLES if one.kind == "HTTPRoute")
REF = TargetRef("shop", "HTTPRoute", "shop", "shop", "shop-canary")


class Server:
    """An API server with one HTTPRoute, and a policy against any change of filters."""

    def __init__(self) -> None:
        assert SAMPLE.copies is not None
        self.item: Object = copy.deepcopy(SAMPLE.item("shop"))
        self.item["metadata"] |= {"uid": "uid", "generation": 1, "resourceVersion": "1"}
        self.item["spec"]["rules"][0]["filters"] = [SAMPLE.copies.entry]
        self.refuses = ""
        self.down = False
        self.strict: list[bool] = []

    async def get(self, *_: object) -> Object:
        if self.down:
            raise Unavailable("no answer")
        return self.item

    async def patch(self, *arguments: Any, manager: str, strict: bool) -> Object:  # noqa: ANN401
        del manager
        patch: Sequence[Object] = arguments[-1]
        self.strict.append(strict)
        if any(self.refuses and self.refuses in one["path"] and one["op"] != "test" for one in patch):
            raise Rejected(f"{self.refuses} must not change")
        self.item = patched(self.item, patch)
        self.item["metadata"]["generation"] += 1
        return self.item


@pytest.fixture
def server() -> Server:
    return Server()


async def router_and_route(server: Server) -> tuple[ObjectRouter, Route]:
    router = ObjectRouter(HTTP_ROUTE, server, Cache(), WriteAccess())  # type: ignore[arg-type]
    route = await router.read(REF, fresh=True)
    assert isinstance(route, Route)
    assert route.pairs[0].mirror == 25
    return router, route


async def test_a_refused_removal_keeps_no_revert_from_the_weights(server: Server) -> None:
    router, route = await router_and_route(server)
    server.refuses = "filters"
    with pytest.raises(Rejected, match="filters must not change"):
        await router.write(route, {"everyone": (100, 0)}, Manager.REVERT, {"everyone": 0})
    assert SAMPLE.numbers(server.item) == (100, 0)
    server.refuses = ""
    route = (await router_and_route(server))[1]
    await router.write(route, {}, Manager.REVERT, {"everyone": 0})
    assert "filters" not in server.item["spec"]["rules"][0]


async def test_a_refused_weight_is_tried_once_more_alone_and_told(server: Server) -> None:
    router, route = await router_and_route(server)
    server.refuses = "weight"
    with pytest.raises(Rejected, match="weight must not change"):
        await router.write(route, {"everyone": (100, 0)}, Manager.REVERT, {"everyone": 0})


async def test_a_removal_reads_nothing_and_an_addition_is_strict(server: Server) -> None:
    router, route = await router_and_route(server)
    server.down = True
    route = await router.write(route, {}, Manager.REVERT, {"everyone": 0})
    with pytest.raises(Unavailable):
        await router.write(route, {}, Manager.FORWARD, {"everyone": 25})
    server.down = False
    added = await router.write(route, {}, Manager.FORWARD, {"everyone": 25})
    assert added.pairs[0].mirror == 25
    assert server.strict == [False, True]


async def test_a_mirror_in_a_rule_without_the_candidates_backend_is_seen_and_can_be_removed(server: Server) -> None:
    rule = server.item["spec"]["rules"][0]
    rule["backendRefs"] = [one for one in rule["backendRefs"] if one["name"] != "shop-canary"]
    router = ObjectRouter(HTTP_ROUTE, server, Cache(), WriteAccess())  # type: ignore[arg-type]
    route = await router.read(REF, fresh=True)
    assert isinstance(route, Route)
    (stray,) = route.strays
    assert stray not in {pair.rule for pair in route.pairs}
    stored = await router.write(route, {}, Manager.FORWARD, {stray: 0})
    assert not stored.strays
    assert "filters" not in server.item["spec"]["rules"][0]
