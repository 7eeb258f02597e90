"""`/readyz` of an operator that sees nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from kubernetes.aio.client.configuration import Configuration

from tests.unit.adapters.fake_server import Reader, Writer, http, running
from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.resources import (
    CLUSTER_METRIC_TEMPLATES,
    COMMANDS,
    DEPLOYMENTS,
    ROLLOUTS,
    SERVICES,
    Resource,
)
from tidegate.handlers.standing import Standing

LISTED = http(200, json.dumps({"items": []}).encode())
GONE = http(404, b"404 page not found\n")
FORBIDDEN = http(403, json.dumps({"kind": "Status", "message": "rollouts is forbidden: no"}).encode())
BUSY = http(503, b"busy")


@asynccontextmanager
async def asking(
    answers: list[bytes], refused: set[Resource] | None = None, namespaces: tuple[str, ...] = ()
) -> AsyncIterator[tuple[Standing, list[str]]]:
    paths: list[str] = []

    async def reply(_: Reader, writer: Writer) -> None:
        writer.write(answers[min(len(paths), len(answers) - 1)])
        paths.append(fakes[0].asked[-1].path)

    async with running(reply) as fake:
        fakes = [fake]
        api = Api(Configuration(host=fake.url))
        try:
            yield Standing(api, lambda: refused or set(), namespaces), paths
        finally:
            await api.close()


async def test_an_operator_that_has_not_looked_yet_is_not_ready() -> None:
    async with asking([LISTED]) as (standing, _):
        assert standing.trouble() == "Rollouts have not been listed yet"
        await standing.look()
        assert standing.trouble() is None


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (GONE, "this kind is not served by the API server: tidegate crd | kubectl apply --server-side -f -"),
        (FORBIDDEN, "403 rollouts is forbidden: no: see deploy/cluster/rbac.yaml"),
    ],
)
async def test_rollouts_that_cannot_be_listed_are_told_until_they_can(answer: bytes, said: str) -> None:
    async with asking([answer, answer, LISTED]) as (standing, _):
        for _ in range(2):
            await standing.look()
            assert standing.trouble() is not None
            assert str(standing.trouble()).startswith("list Rollout in the cluster: ")
            assert str(standing.trouble()).endswith(said)
        await standing.look()
        assert standing.trouble() is None


async def test_a_server_that_does_not_answer_changes_nothing() -> None:
    async with asking([LISTED, BUSY, GONE, BUSY]) as (standing, _):
        await standing.look()
        await standing.look()
        assert standing.trouble() is None
        await standing.look()
        await standing.look()
        assert standing.trouble() is not None


@pytest.mark.parametrize("kind", [ROLLOUTS, COMMANDS, DEPLOYMENTS, SERVICES])
async def test_a_kind_without_which_nothing_is_decided_is_named(kind: Resource) -> None:
    async with asking([LISTED], {kind}) as (standing, _):
        await standing.look()
        assert standing.trouble() == f"not allowed to list and watch {kind.plural}: see deploy/cluster/rbac.yaml"


async def test_a_kind_that_few_rollouts_use_is_no_reason() -> None:
    async with asking([LISTED], {CLUSTER_METRIC_TEMPLATES}) as (standing, _):
        await standing.look()
        assert standing.trouble() is None


async def test_the_namespaces_that_are_served_are_asked_in_turn() -> None:
    async with asking([LISTED], namespaces=("shop", "bank")) as (standing, paths):
        for _ in range(3):
            await standing.look()
        assert [path.split("/")[5] for path in paths] == ["shop", "bank", "shop"]
