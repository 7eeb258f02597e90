"""The administrator's freezes: for which namespaces they hold, by name and by label, and while labels are not known."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from kubernetes.aio.client.configuration import Configuration

from tests.unit.adapters.fake_server import Reader, Writer, http, running
from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.freezes import NamespaceFreezes
from tidegate.api.namespace_freeze import NamespaceFreeze

NAMESPACES = [
    {"metadata": {"name": "shop", "labels": {"tier": "production"}}},
    {"metadata": {"name": "lab", "labels": {"tier": "test"}}},
    {"metadata": {"name": "bare"}},
]
LISTED = http(200, json.dumps({"items": NAMESPACES}).encode())
FORBIDDEN = http(403, json.dumps({"kind": "Status", "message": "no"}).encode())
DATES = {"name": "year-end", "from": "2026-12-18T17:00:00Z", "to": "2027-01-04T06:00:00Z", "reason": "books"}
BEFORE = 1_790_000_000.0
LONG_AFTER = 1_900_000_000.0


@asynccontextmanager
async def asking(
    answer: bytes, now: float = BEFORE, **choice: object
) -> AsyncIterator[tuple[NamespaceFreezes, list[str]]]:
    paths: list[str] = []

    async def reply(_: Reader, writer: Writer) -> None:
        writer.write(answer)
        paths.append(fakes[0].asked[-1].path)

    async with running(reply) as fake:
        fakes = [fake]
        api = Api(Configuration(host=fake.url))
        try:
            yield NamespaceFreezes(api, [NamespaceFreeze.model_validate(DATES | choice)], lambda: now), paths
        finally:
            await api.close()


@pytest.mark.parametrize(
    ("why", "choice", "held", "asked"),
    [
        ("without a choice: all", {}, {"shop", "lab", "bare", "new"}, 0),
        ("by name", {"namespaces": ["lab"]}, {"lab"}, 0),
        ("by label; one that is not known may be chosen", {"namespaceSelector": {"matchLabels": {"tier": "production"}}}, {"shop", "new"}, 1),
        ("an empty selector chooses all", {"namespaceSelector": {}}, {"shop", "lab", "bare", "new"}, 1),
        ("by name or by label", {"namespaces": ["bare"], "namespaceSelector": {"matchLabels": {"tier": "test"}}}, {"bare", "lab", "new"}, 1),
        ("not in a list", {"namespaceSelector": {"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["test"]}]}}, {"shop", "bare", "new"}, 1),
        ("without a label", {"namespaceSelector": {"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}}, {"bare", "new"}, 1),
    ],
)  # fmt: skip
async def test_the_namespaces_it_holds_in(why: str, choice: dict[str, Any], held: set[str], asked: int) -> None:
    async with asking(LISTED, **choice) as (freezes, paths):
        await freezes.look()
        assert {name for name in ("shop", "lab", "bare", "new") if freezes.of(name)} == held, why
        assert len(paths) == asked


async def test_while_labels_cannot_be_read_it_holds_and_says_so() -> None:
    async with asking(FORBIDDEN, namespaceSelector={"matchLabels": {"tier": "production"}}) as (freezes, _):
        await freezes.look()
        (one,) = freezes.of("lab")
        assert one.reason == (
            "the administrator's freeze 'year-end': books; the namespace's labels could not be read, so the freeze applies"
        )


async def test_one_that_is_over_holds_nowhere_and_asks_nothing() -> None:
    async with asking(LISTED, LONG_AFTER, namespaceSelector={}) as (freezes, paths):
        await freezes.look()
        assert freezes.of("shop") == ()
        assert paths == []
