"""ReplicaSets are listed for one Deployment, or once for all of a namespace that wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any, cast

from tests.unit.adapters.test_deployments import DONE, deployment
from tidegate.adapters.kubernetes.client import Api, Resource
from tidegate.adapters.kubernetes.deployments import DeploymentView, ReplicaSets, deployment_view
from tidegate.adapters.kubernetes.replica_sets import ReplicaSetLists
from tidegate.adapters.kubernetes.together import AT_A_TIME, MANY
from tidegate.ports.errors import Unavailable


def view(uid: str) -> DeploymentView:
    return replace(deployment_view(deployment(**DONE)), uid=uid, selector=f"app={uid}")


def replica_set(uid: str) -> dict[str, Any]:
    owners = [{"uid": uid, "controller": True}]
    return {"metadata": {"name": f"{uid}-1", "ownerReferences": owners}, "spec": {"replicas": 1}}


class Listed:
    """An API that lists the ReplicaSets of these Deployments, once it may go."""

    def __init__(self, uids: list[str]) -> None:
        self.uids = uids
        self.go = asyncio.Event()
        self.asked: list[Mapping[str, str]] = []
        self.fails = False

    async def pages(
        self, resource: Resource, namespace: str, query: Mapping[str, str]
    ) -> AsyncIterator[list[dict[str, Any]]]:
        assert (resource.kind, namespace) == ("ReplicaSet", "shop")
        self.asked.append(query)
        await self.go.wait()
        if self.fails:
            raise Unavailable("no answer in time")
        selector = query.get("labelSelector", "")
        yield [replica_set(uid) for uid in self.uids if not selector or selector == f"app={uid}"]
        yield []

    @property
    def of_all(self) -> int:
        return self.asked.count({})


def lists(api: Listed) -> tuple[ReplicaSetLists, ReplicaSets]:
    known = ReplicaSets()
    return ReplicaSetLists(cast("Api", api), known), known


async def test_many_that_wait_are_served_by_one_list_of_the_namespace() -> None:
    uids = [f"u{number}" for number in range(AT_A_TIME + MANY)]
    api = Listed(uids)
    of, known = lists(api)
    waiting = [asyncio.ensure_future(of.of("shop", view(uid))) for uid in uids]
    for _ in range(3):
        await asyncio.sleep(0)
    api.go.set()
    assert await asyncio.gather(*waiting) == [frozenset({f"{uid}-1"}) for uid in uids]
    assert (len(api.asked), api.of_all) == (1, 1)
    assert known.names(view("u3")) == {"u3-1"}


async def test_a_few_are_listed_each_by_its_selector_and_the_same_one_once() -> None:
    api = Listed(["a", "b"])
    api.go.set()
    of, _ = lists(api)
    found = await asyncio.gather(*(of.of("shop", view(uid)) for uid in ("a", "b", "a")))
    assert found == [{"a-1"}, {"b-1"}, {"a-1"}]
    assert api.asked == [{"labelSelector": "app=a"}, {"labelSelector": "app=b"}]
    assert await of.of("shop", view("a")) == {"a-1"}
    assert len(api.asked) == 2


async def test_another_state_is_listed_anew_while_the_one_before_is_under_way() -> None:
    api = Listed(["a"])
    of, known = lists(api)
    before, after = view("a"), replace(view("a"), pods_state=(9, 9, 9))
    waiting = [asyncio.ensure_future(of.of("shop", one)) for one in (before, after)]
    await asyncio.sleep(0)
    api.go.set()
    await asyncio.gather(*waiting)
    assert len(api.asked) == 2
    assert known.names(after) == {"a-1"}
