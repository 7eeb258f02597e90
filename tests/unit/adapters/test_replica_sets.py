"""ReplicaSets are listed for one Deployment, or once for all of a namespace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any, cast

import pytest

from tests.unit.adapters.test_deployments import DONE, deployment
from tidegate.adapters.kubernetes import replica_sets
from tidegate.adapters.kubernetes.cache import Cache
from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.deployments import DeploymentView, ReplicaSets, deployment_view
from tidegate.adapters.kubernetes.replica_sets import ALONE, ReplicaSetLists
from tidegate.adapters.kubernetes.resources import Resource
from tidegate.ports.errors import Rejected, Unavailable


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
        self.asked: list[str] = []
        self.errors: dict[str, Exception] = {}
        """By selector; empty for the whole namespace."""
        self.waits: dict[str, asyncio.Event] = {}
        """What a list waits for in place of `go`, by selector."""

    async def pages(
        self, resource: Resource, namespace: str, query: Mapping[str, str]
    ) -> AsyncIterator[list[dict[str, Any]]]:
        assert (resource.kind, namespace) == ("ReplicaSet", "shop")
        selector = query.get("labelSelector", "")
        self.asked.append(selector)
        await self.waits.get(selector, self.go).wait()
        if selector in self.errors:
            raise self.errors[selector]
        yield [replica_set(uid) for uid in self.uids if not selector or selector == f"app={uid}"]
        yield []


FIRST = [f"first{number}" for number in range(ALONE)]
REST = [f"u{number}" for number in range(100)]


def lists(api: Listed, seen: list[str] | None = None) -> tuple[ReplicaSetLists, ReplicaSets]:
    known, deployments = ReplicaSets(), Cache[DeploymentView]()
    for number, uid in enumerate(seen or ()):
        deployments.put(("shop", uid), str(number), view(uid), watched=True)
    deployments.put(("other", "x"), "1", view("x"), watched=True)
    return ReplicaSetLists(cast("Api", api), known, deployments), known


async def asked(of: ReplicaSetLists, uids: list[str]) -> list[asyncio.Task[frozenset[str]]]:
    tasks = [asyncio.create_task(of.of("shop", view(uid))) for uid in uids]
    for _ in range(10):
        await asyncio.sleep(0)
    return tasks


async def test_a_few_are_listed_each_by_its_selector_and_known_from_then_on() -> None:
    api = Listed(["a", "b"])
    api.go.set()
    of, _ = lists(api)
    found = await asyncio.gather(*(of.of("shop", view(uid)) for uid in ("a", "b", "gone")))
    assert found == [{"a-1"}, {"b-1"}, frozenset()]
    assert await of.of("shop", view("a")) == {"a-1"}
    assert api.asked == ["app=a", "app=b", "app=gone"]


async def test_who_comes_then_shares_one_list_of_the_namespace_for_all_that_is_known_there() -> None:
    api = Listed([*FIRST, *REST, "not-asked"])
    of, known = lists(api, [*REST, "not-asked", "without-pods"])
    tasks = await asked(of, FIRST) + await asked(of, [*REST, "gone"])
    api.go.set()
    assert await asyncio.gather(*tasks) == [*({f"{uid}-1"} for uid in [*FIRST, *REST]), frozenset()]
    assert api.asked == [*(f"app={uid}" for uid in FIRST), ""]
    assert (known.names(view("not-asked")), known.names(view("without-pods"))) == ({"not-asked-1"}, frozenset())
    assert known.names(view("x")) is None, "it is in another namespace"


async def test_a_list_that_has_begun_is_no_answer_to_a_later_query() -> None:
    api = Listed([*FIRST, *REST])
    of, _ = lists(api)
    tasks = await asked(of, FIRST) + await asked(of, REST[:1])
    assert api.asked[-1] == ""
    tasks += await asked(of, REST[1:])
    assert api.asked.count("") == 1
    api.go.set()
    await asyncio.gather(*tasks)
    assert api.asked.count("") == 2


async def test_who_comes_while_the_shared_list_is_under_way_waits_for_it_though_there_is_room() -> None:
    api = Listed([*FIRST, *REST])
    of, _ = lists(api, REST)
    first = await asked(of, FIRST) + await asked(of, REST[:1])
    for task in first[:10]:
        task.cancel()
    rest = await asked(of, REST[1:])
    api.go.set()
    assert await asyncio.gather(*rest) == [{f"{uid}-1"} for uid in REST[1:]]
    assert api.asked[ALONE:] == [""], "one list was for all of them"
    await asyncio.gather(*first, return_exceptions=True)


async def test_a_shared_list_that_hangs_is_waited_for_no_longer_than_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica_sets, "SHARED_WAITS", 0.01)
    api = Listed([*FIRST, "a"])
    of, _ = lists(api)
    tasks = await asked(of, FIRST) + await asked(of, ["a"])
    while "app=a" not in api.asked:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    api.go.set()
    assert (await asyncio.gather(*tasks))[-1] == {"a-1"}


async def test_a_shared_list_that_has_been_waited_for_in_vain_holds_up_nobody_for_whom_there_is_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(replica_sets, "SHARED_WAITS", 0.01)
    api = Listed([*FIRST, *REST])
    hangs = asyncio.Event()
    api.waits[""] = hangs
    of, _ = lists(api)
    first = await asked(of, [*FIRST, "u0"])
    while "app=u0" not in api.asked:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    api.go.set()
    await asyncio.gather(*first)
    monkeypatch.setattr(replica_sets, "SHARED_WAITS", 60.0)
    async with asyncio.timeout(20):
        assert await of.of("shop", view("u1")) == {"u1-1"}
    hangs.set()
    assert api.asked.count("") == 1


@pytest.mark.parametrize("error", [Unavailable("too slow"), Rejected("may not list the namespace")])
async def test_where_the_shared_list_fails_each_is_listed_for_itself(error: Exception) -> None:
    api = Listed([*FIRST, *REST])
    api.errors = {"": error, "app=u3": Unavailable("no answer in time")}
    of, _ = lists(api)
    tasks = await asked(of, FIRST) + await asked(of, REST)
    api.go.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [one for one in results if isinstance(one, Exception)] == [api.errors["app=u3"]]
    assert api.asked.count("") == 1
    api.errors = {}
    assert await of.of("shop", view("u3")) == {"u3-1"}


async def test_one_who_gives_up_takes_the_answer_from_nobody() -> None:
    api = Listed([*FIRST, "a", "b"])
    of, _ = lists(api)
    tasks = await asked(of, FIRST) + await asked(of, ["a", "b"])
    tasks[-2].cancel()
    await asyncio.sleep(0)
    api.go.set()
    assert await tasks[-1] == {"b-1"}
    assert api.asked.count("") == 1


async def test_another_state_is_listed_anew() -> None:
    api = Listed(["a"])
    api.go.set()
    of, known = lists(api)
    after = replace(view("a"), pods_state=(9, 9, 9))
    await asyncio.gather(of.of("shop", view("a")), of.of("shop", after))
    assert api.asked == ["app=a", "app=a"]
    assert known.names(after) == {"a-1"}
