"""From a Rollout's receiver to its Secret and its sender: read when needed, kept for seconds, shown nowhere."""

from __future__ import annotations

import base64
from collections import Counter
from dataclasses import dataclass, field
from typing import cast

import pytest

from tests.unit.adapters.notifiers.test_senders import MESSAGE
from tidegate.adapters.kubernetes.client import Api, JsonObject
from tidegate.adapters.kubernetes.resources import SECRETS, Resource
from tidegate.adapters.kubernetes.secrets import KEPT, KEPT_FOR, KubernetesSecrets
from tidegate.adapters.notifiers.allowed import Allowed
from tidegate.adapters.notifiers.by_kind import NotifiersByKind
from tidegate.adapters.notifiers.sender import Target
from tidegate.api.rollout.notifications import Notification
from tidegate.core.model.message import Message
from tidegate.ports.errors import Missing, Rejected, Unavailable
from tidegate.simulation.clock import VirtualClock

URL = "https://hooks.example.org/s3cr3t"


@dataclass
class Cluster:
    secrets: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    reads: Counter[tuple[str, str]] = field(default_factory=Counter)

    async def get(self, resource: Resource, namespace: str, name: str) -> JsonObject:
        assert resource is SECRETS
        self.reads[namespace, name] += 1
        if name == "forbidden":
            raise Rejected(f"get Secret {namespace}/{name}: 403 forbidden")
        if (namespace, name) not in self.secrets:
            raise Missing(f"get Secret {namespace}/{name}: 404 not found")
        content = self.secrets[namespace, name].items()
        return {"data": {key: base64.b64encode(value.encode("latin-1")).decode() for key, value in content}}


@dataclass
class Sender:
    sent: list[Target] = field(default_factory=list)
    error: Exception | None = None
    closed: bool = False

    async def send(self, target: Target, message: Message) -> None:
        assert message is MESSAGE
        if self.error is not None:
            raise self.error
        self.sent.append(target)

    async def close(self) -> None:
        self.closed = True


class Stage:
    def __init__(self, schemes: tuple[str, ...] = ("https",)) -> None:
        self.clock, self.cluster, self.sender, self.made = VirtualClock(), Cluster(), Sender(), Counter[str]()
        self.secrets = KubernetesSecrets(cast("Api", self.cluster), self.clock)

        def make(kind: str) -> object:
            self.made[kind] += 1
            return lambda _allowed: self.sender

        self.notifiers = NotifiersByKind(self.secrets, Allowed(schemes), make=make)  # type: ignore[arg-type]

    async def send(
        self,
        secret: str = "chat",  # noqa: S107  (a name)
        namespace: str = "shop",
        **fields: object,
    ) -> None:
        receiver = {"kind": "CloudEvents", "secret": {"name": secret, **fields}}
        await self.notifiers.send(namespace, Notification.model_validate(receiver), MESSAGE)


async def test_a_secret_is_read_once_for_many_messages_and_anew_after_a_while() -> None:
    stage = Stage()
    stage.cluster.secrets["shop", "chat"] = {"url": f" {URL}\n", "token": "t"}
    for _ in range(50):
        await stage.send(tokenKey="token")
    assert stage.cluster.reads == {("shop", "chat"): 1}
    assert {(one.url, one.token) for one in stage.sender.sent} == {(URL, "t")}
    stage.cluster.secrets["shop", "chat"]["url"] = "https://other.example.org"
    stage.clock.advance_to(stage.clock.now() + KEPT_FOR + 1)
    await stage.send()
    assert stage.sender.sent[-1] == Target("https://other.example.org")
    assert stage.made == {"CloudEvents": 1}


async def test_a_secret_of_another_namespace_is_never_read() -> None:
    stage = Stage()
    stage.cluster.secrets["bank", "chat"] = {"url": URL}
    with pytest.raises(Missing, match="shop/chat"):
        await stage.send()
    assert set(stage.cluster.reads) == {("shop", "chat")}


@pytest.mark.parametrize(
    ("secret", "content", "words"),
    [
        ("chat", {"other": URL}, "Secret shop/chat has no key 'url'"),
        ("chat", {"url": ""}, "has no key 'url'"),
        ("chat", {"url": "\xff\xfe" + "s3cr3t"}, "is not text"),
        ("forbidden", {}, "403 forbidden"),
        ("gone", {}, "404 not found"),
    ],
)
async def test_what_is_wrong_with_a_secret_is_said_without_its_content(
    secret: str, content: dict[str, str], words: str
) -> None:
    stage = Stage()
    if content:
        stage.cluster.secrets["shop", secret] = content
    with pytest.raises((Missing, Unavailable)) as found:  # never Rejected: somebody may mend it
        await stage.send(secret)
    assert words in str(found.value)
    assert "s3cr3t" not in f"{found.value!r}{found.value.__cause__!r}{found.value.__context__!r}"


async def test_after_a_refusal_the_secret_is_read_anew() -> None:
    stage = Stage()
    stage.cluster.secrets["shop", "chat"] = {"url": URL}
    stage.sender.error = Rejected("404")
    for _ in range(2):
        with pytest.raises(Rejected):
            await stage.send()
    assert stage.cluster.reads["shop", "chat"] == 2


async def test_no_more_secrets_are_kept_than_bounded() -> None:
    stage = Stage()
    for number in range(KEPT + 10):
        stage.cluster.secrets["shop", f"s{number}"] = {"url": URL}
        await stage.send(f"s{number}")
    assert len(stage.secrets._kept) == KEPT  # noqa: SLF001  (what it costs)


async def test_no_secret_stays_in_memory_once_it_would_be_read_anew() -> None:
    stage = Stage()
    for name in ("first", "second", "third"):
        stage.cluster.secrets["shop", name] = {"url": URL}
    await stage.send("first")
    await stage.send("second")
    stage.clock.advance_to(stage.clock.now() + KEPT_FOR + 1)
    await stage.send("third")
    assert list(stage.secrets._kept) == [("shop", "third")]  # noqa: SLF001  (what it costs)


async def test_without_schemes_it_is_off_and_a_close_reaches_the_senders() -> None:
    assert "notifications.schemes" in Stage(()).notifiers.off
    stage = Stage()
    assert stage.notifiers.off == ""
    stage.cluster.secrets["shop", "chat"] = {"url": URL}
    await stage.send()
    await stage.notifiers.close()
    assert stage.sender.closed


def test_a_target_shows_nothing() -> None:
    assert URL not in repr(Target(URL, "t"))
