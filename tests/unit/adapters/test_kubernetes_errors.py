from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
from kubernetes.aio.client.configuration import Configuration

from tests.unit.adapters.fake_server import Reply, answers, never, running
from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.errors import NotServed
from tidegate.adapters.kubernetes.resources import DEPLOYMENTS, Resource
from tidegate.ports.errors import Conflict, Missing, PortError, Rejected, Unavailable

TEST_FAILED = "the server rejected our request due to an error in our request"


def status(code: int, message: str, **details: object) -> dict[str, object]:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": message,
        "code": code,
        "details": details,
    }


async def error_of(
    reply: Reply, call: Callable[[Api], Awaitable[object]] | None = None, timeout: float = 5
) -> PortError:
    async with running(reply) as fake:
        api = Api(Configuration(host=fake.url), timeout=timeout)
        try:
            with pytest.raises(PortError) as caught:
                await (call(api) if call else api.get(DEPLOYMENTS, "shop", "web"))
            return caught.value
        finally:
            await api.close()


@pytest.mark.parametrize(
    ("case", "code", "body", "kind"),
    [
        ("an object that is not there", 404, status(404, 'deployments "web" not found', name="web"), Missing),
        ("a kind that is not served", 404, b"404 page not found\n", NotServed),
        ("someone was faster", 409, status(409, "the object has been modified"), Conflict),
        ("a JSON patch's test has failed", 422, status(422, TEST_FAILED), Conflict),
        ("a value is not valid", 422, status(422, "is invalid", causes=[{"field": "spec.x"}]), Rejected),
        ("the same words about a field are no failed test", 422, status(422, TEST_FAILED, causes=[{"field": "x"}]), Rejected),
        ("the request is malformed", 400, status(400, "bad"), Rejected),
        ("it is not allowed", 403, status(403, "forbidden"), Rejected),
        ("the body is too large", 413, b"", Rejected),
        ("the token has just been rotated", 401, status(401, "Unauthorized"), Unavailable),
        ("too many requests", 429, status(429, "later"), Unavailable),
        ("etcd has no leader", 500, status(500, "etcdserver: no leader"), Unavailable),
        ("the API server is going down", 503, b"", Unavailable),
        ("a proxy has no backend", 502, b"<html>", Unavailable),
    ],
)  # fmt: skip
async def test_each_answer_has_its_error(case: str, code: int, body: object, kind: type[PortError]) -> None:
    error = await error_of(answers(code, body))
    assert type(error) is kind, case
    assert str(error).startswith("get Deployment shop/web"), case
    assert error.__cause__ is not None, case


async def test_when_to_come_back_is_in_the_message() -> None:
    headers = {"Retry-After": "7"}
    assert "retry after 7 s" in str(await error_of(answers(429, status(429, "later"), **headers)))


async def test_an_answer_that_does_not_come_is_unavailable() -> None:
    assert isinstance(await error_of(never, timeout=0.1), Unavailable)


async def test_a_connection_that_is_refused_is_unavailable() -> None:
    async with running(never) as fake:
        pass
    api = Api(Configuration(host=fake.url))
    with pytest.raises(Unavailable):
        await api.get(DEPLOYMENTS, "shop", "web")
    await api.close()


@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b'"text"'])
async def test_a_success_that_is_no_object_is_unavailable(body: bytes) -> None:
    assert isinstance(await error_of(answers(200, body)), Unavailable)


async def test_a_patch_goes_out_as_a_json_patch_under_its_manager() -> None:
    operations = [{"op": "test", "path": "/metadata/uid", "value": "u"}]
    async with running(answers(200, {"metadata": {}})) as fake:
        api = Api(Configuration(host=fake.url))
        await api.patch(DEPLOYMENTS, "shop", "web", operations, manager="tidegate-revert", subresource="status")
        await api.close()
    (asked,) = fake.asked
    assert (asked.method, asked.path) == ("PATCH", "/apis/apps/v1/namespaces/shop/deployments/web/status")
    assert asked.headers["content-type"] == "application/json-patch+json"
    assert asked.parameters["fieldManager"] == ["tidegate-revert"]
    assert json.loads(asked.body) == operations


async def test_a_list_is_read_to_its_last_page() -> None:
    pages = [{"items": [{"n": 1}], "metadata": {"continue": "more"}}, {"items": [{"n": 2}], "metadata": {}}]

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answers(200, pages.pop(0))(reader, writer)

    async with running(reply) as fake:
        api = Api(Configuration(host=fake.url))
        found = [item async for page in api.pages(DEPLOYMENTS, None, {"labelSelector": "a=b"}) for item in page]
        await api.close()
    assert found == [{"n": 1}, {"n": 2}]
    assert [asked.parameters.get("continue") for asked in fake.asked] == [None, ["more"]]
    assert {asked.path for asked in fake.asked} == {"/apis/apps/v1/deployments"}


async def test_every_call_is_observed_with_its_outcome() -> None:
    seen: list[tuple[str, str, str]] = []
    async with running(answers(404, status(404, "not found", name="web"))) as fake:
        api = Api(
            Configuration(host=fake.url), lambda verb, resource, outcome, _: seen.append((verb, resource, outcome))
        )
        with pytest.raises(Missing):
            await api.get(DEPLOYMENTS, "shop", "web")
        await api.close()
    assert seen == [("get", "deployments", "Missing")]


def test_core_kinds_have_paths_of_their_own() -> None:
    assert Resource("", "v1", "services", "Service").path("shop", "web") == "/api/v1/namespaces/shop/services/web"
