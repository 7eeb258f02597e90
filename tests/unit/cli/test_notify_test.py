"""`tidegate notify-test` sends what it says, and nothing without a configuration that allows it."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass, field
from typing import cast

import pytest

from tests.unit.adapters.notifiers.receiver import receiver
from tests.unit.api.manifests import good
from tidegate.adapters.kubernetes.client import JsonObject
from tidegate.adapters.kubernetes.kubeconfig import Connection
from tidegate.adapters.kubernetes.resources import ROLLOUTS, Resource
from tidegate.cli import notify_test
from tidegate.cli.errors import CommandError
from tidegate.runtime.settings_file import parse


@dataclass
class Cluster:
    url: str
    receivers: list[dict[str, object]]
    namespace: str = "shop"
    api: object = field(init=False)

    def __post_init__(self) -> None:
        self.api = self

    async def get(self, resource: Resource, _namespace: str, name: str) -> JsonObject:
        if resource is ROLLOUTS:
            return good({"notifications": self.receivers})
        return {"data": {"url": base64.b64encode(self.url.encode()).decode()}} if name == "chat" else {"data": {}}


def send(url: str, receivers: list[dict[str, object]], **settings: object) -> int:
    cluster = cast("Connection", Cluster(url, receivers))
    return asyncio.run(notify_test._send("checkout", cluster, parse({"notifications": settings}, "file")))  # noqa: SLF001


def test_each_receiver_is_tried_and_the_exit_code_says_whether_all_took_it(capsys: pytest.CaptureFixture[str]) -> None:
    sink = {"kind": "CloudEvents", "secret": {"name": "chat"}, "name": "bus"}
    missing = {"kind": "CloudEvents", "secret": {"name": "empty"}}
    allowed = {"schemes": ["http"], "internalHosts": ["127.0.0.1"], "cluster": "prod"}
    with receiver() as there:
        assert send(there.url("http"), [sink], **allowed) == 0
        assert send(there.url("http"), [sink, missing], **allowed) == 1
        assert there.bodies()[0]["data"]["title"] == "[prod] shop/checkout: test message"
        assert there.bodies()[0]["type"] == "dev.tidegate.rollout.test"
    assert capsys.readouterr().out.splitlines()[1:] == [
        "bus: sent",
        "empty/url: not sent: Secret shop/empty has no key 'url'",
    ]


@pytest.mark.parametrize(
    ("receivers", "words"), [([], "has no notifications"), ([{"secret": {"name": "chat"}}], "schemes")]
)
def test_without_receivers_or_schemes_it_says_so(receivers: list[dict[str, object]], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        send("http://127.0.0.1", receivers)
