"""The notifiers against a receiver on loopback: what arrives, what is refused, and that nothing secret is told."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import apprise
import pytest

from tests.unit.adapters.notifiers.receiver import Receiver, receiver
from tidegate.adapters.notifiers import KINDS, maker
from tidegate.adapters.notifiers.allowed import Allowed
from tidegate.adapters.notifiers.apprise_process import AppriseProcess
from tidegate.adapters.notifiers.child import __main__ as child
from tidegate.adapters.notifiers.cloud_events import CloudEventsSink, Guarded
from tidegate.adapters.notifiers.sender import Sender, Target
from tidegate.api.rollout.notifications import NotifierKind
from tidegate.core.model.message import Message, Tone
from tidegate.ports.errors import PortError, Rejected, Unavailable

LOOPBACK = Allowed(("json", "http", "mailto", "syslog", "pagerduty"), ("*",), ("127.0.0.1",))
PUBLIC = Allowed(("json", "http", "mailto", "syslog", "pagerduty"), ("*",))
SECRET = "s3cr3t-t0ken"

MESSAGE = Message(
    title="[prod] shop/checkout: on hold",
    text="Why: too many errors\nNext: wait",
    markdown="**Why:** too many errors  \n**Next:** wait  ",
    tone=Tone.WARNING,
    event="Held",
    subject="Holding",
    key="tidegate:uid:1-abc:Held:Holding",
    id="uid/1-abc/Held/Holding/1/firing",
    resolved=False,
    time=1_700_000_000.0,
    facts={"cluster": "prod", "namespace": "shop", "rollout": "checkout", "weight": 25.0},
)


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


Of = Callable[[Allowed], Sender]
SENDERS: dict[str, tuple[Of, str]] = {"Apprise": (AppriseProcess, "json"), "CloudEvents": (CloudEventsSink, "http")}


@asynccontextmanager
async def opened(sender: Sender) -> AsyncIterator[Sender]:
    try:
        yield sender
    finally:
        await sender.close()


async def failure(sender: Sender, url: str, token: str = "") -> PortError:
    with pytest.raises(PortError) as found:
        await sender.send(Target(url, token), MESSAGE)
    said = [str(found.value), repr(found.value)]
    cause: BaseException | None = found.value
    while cause is not None:
        said.append(str(cause))
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    assert not [one for one in said if SECRET in one or (token and token in one) or (url and url in one)], said
    return found.value


def test_the_registry_has_a_sender_for_each_kind() -> None:
    assert set(KINDS) == {str(kind) for kind in NotifierKind}
    assert {kind: maker(kind) for kind in KINDS} == {kind: of for kind, (of, _) in SENDERS.items()}


async def test_apprise_sends_plain_text_to_a_program(there: Receiver) -> None:
    async with opened(AppriseProcess(LOOPBACK)) as sender:
        await sender.send(Target(there.url("json")), MESSAGE)
    assert there.bodies() == [
        {
            "version": "1.0",
            "title": MESSAGE.title,
            "message": MESSAGE.text,
            "attachments": [],
            "type": "warning",
        }
    ]
    _, headers, _ = there.got[0]
    assert headers["idempotency-key"] == MESSAGE.id


async def test_a_program_gets_the_id_whatever_characters_are_in_it_and_a_header_of_the_url_stands(
    there: Receiver,
) -> None:
    odd = replace(MESSAGE, id="uid/1/Warned/zu viele Fehler \u2014 \r\nX: y/1/firing")
    async with opened(AppriseProcess(LOOPBACK)) as sender:
        await sender.send(Target(there.url("json")), odd)
        await sender.send(Target(f"{there.url('json')}?+Idempotency-Key=mine"), odd)
    keys = [headers["idempotency-key"] for _, headers, _ in there.got]
    assert keys == ["uid/1/Warned/zu%20viele%20Fehler%20%E2%80%94%20%0D%0AX:%20y/1/firing", "mine"]
    assert "x" not in there.got[0][1]


async def test_a_cloud_event_has_its_key_its_state_and_the_token(there: Receiver) -> None:
    async with opened(CloudEventsSink(LOOPBACK)) as sender:
        await sender.send(Target(there.url("http"), SECRET), MESSAGE)
    _, headers, _ = there.got[0]
    assert headers["authorization"] == f"Bearer {SECRET}"
    assert headers["content-type"] == "application/cloudevents+json"
    found = there.bodies()[0]
    data = found.pop("data")
    assert found == {
        "specversion": "1.0",
        "id": MESSAGE.id,
        "source": "/clusters/prod/namespaces/shop/rollouts/checkout",
        "type": "dev.tidegate.rollout.held",
        "subject": "Holding",
        "time": "2023-11-14T22:13:20Z",
        "datacontenttype": "application/json",
        "dedupkey": MESSAGE.key,
        "state": "firing",
    }
    assert (data["title"], data["weight"], data["severity"]) == (MESSAGE.title, 25.0, "warning")


@pytest.mark.parametrize("kind", SENDERS)
@pytest.mark.parametrize(
    ("status", "error"),
    [(500, Unavailable), (503, Unavailable), (429, Unavailable), (404, Rejected), (403, Rejected), (307, Rejected)],
)
async def test_an_answer_says_whether_to_try_again(
    there: Receiver, kind: str, status: int, error: type[PortError]
) -> None:
    of, scheme = SENDERS[kind]
    there.answers[f"/{SECRET}"] = [status]
    there.location = there.url("http", "/redirected")
    async with opened(of(LOOPBACK)) as sender:
        found = await failure(sender, there.url(scheme, f"/{SECRET}"))
    assert type(found) is error
    assert str(status) in str(found)
    assert [path for path, _, _ in there.got] == [f"/{SECRET}"], "a redirect is not followed"


@pytest.mark.parametrize("kind", SENDERS)
async def test_a_redirect_that_the_url_asks_for_is_not_followed_either(there: Receiver, kind: str) -> None:
    of, scheme = SENDERS[kind]
    with receiver("127.0.0.2") as private:
        there.answers["/ok?redirect=yes"] = there.answers["/ok"] = [307]
        there.location = private.url("http", host="127.0.0.2")
        async with opened(of(LOOPBACK)) as sender:
            await failure(sender, there.url(scheme, "/ok?redirect=yes"))
        assert private.got == []
        del there.got[:]
        there.location = there.url("http", "/redirected")
        async with opened(of(LOOPBACK)) as sender:
            await failure(sender, there.url(scheme, "/ok?redirect=yes"))
        assert len(there.got) == 1, "not even where it may go"


@pytest.mark.parametrize("kind", SENDERS)
@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0",  # noqa: S104
     "169.254.169.254", "10.0.0.1", "[fd00:ec2::254]"],
)  # fmt: skip
async def test_no_url_of_a_tenant_reaches_the_operators_own_network(there: Receiver, kind: str, host: str) -> None:
    of, scheme = SENDERS[kind]
    async with opened(of(PUBLIC)) as sender:
        found = await failure(sender, there.url(scheme, f"/{SECRET}", host))
    assert isinstance(found, Rejected)
    assert there.got == []


@pytest.mark.parametrize("kind", SENDERS)
@pytest.mark.parametrize(
    ("allowed", "words"),
    [
        (Allowed(("json", "http"), (), ()), "notifications.hosts"),
        (Allowed(("slack", "https"), ("*",), ("127.0.0.1",)), "scheme"),
        (Allowed(("json", "http"), ("hooks.example.org",), ()), "notifications.hosts"),
    ],
)
async def test_what_the_administrator_does_not_allow_is_refused_by_name_of_the_setting(
    there: Receiver, kind: str, allowed: Allowed, words: str
) -> None:
    of, scheme = SENDERS[kind]
    async with opened(of(allowed)) as sender:
        found = await failure(sender, there.url(scheme, f"/{SECRET}"))
    assert isinstance(found, Rejected)
    assert words in str(found)
    assert there.got == []


@pytest.mark.parametrize(
    "url",
    [
        "syslog://local0",
        "dbus://",
        f"mailto://user:{SECRET}@example.com?smtp=127.0.0.1&to=a@example.com",
        f"nonsense {SECRET}",
        "",
        f"json://user:{SECRET}@",
        "file:///etc/passwd",
    ],
)
async def test_apprise_gets_nowhere_by_other_ways(url: str) -> None:
    allowed = Allowed(("json", "mailto", "syslog", "dbus"), ("127.0.0.1",))
    async with opened(AppriseProcess(allowed)) as sender:
        assert isinstance(await failure(sender, url), Rejected)


async def test_a_hanging_service_costs_its_process_and_nobody_elses_message(
    there: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = AppriseProcess(LOOPBACK)
    async with opened(sender):
        await sender.send(Target(there.url("json")), MESSAGE)
        first = sender.pids
        with (
            monkeypatch.context() as impatient
        ):  # for the one that hangs alone: a start of the process may take as long
            impatient.setattr(sender, "_deadline", 3.0)
            hanging = asyncio.ensure_future(failure(sender, there.url("json", "/hang?rto=60")))
            await until(lambda: any(path.startswith("/hang") for path, _, _ in there.got))
        await sender.send(Target(there.url("json")), MESSAGE)
        found = await hanging
        assert isinstance(found, Unavailable)
        assert "did not answer within" in str(found)
        await sender.send(Target(there.url("json")), MESSAGE)
        await until(lambda: sender.pids != first and len(sender.pids) == 1)
    await until(lambda: not any(alive(pid) for pid in first))


async def test_a_hanging_sink_is_given_up(there: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate.adapters.notifiers.cloud_events.TIMEOUT", 0.3)
    async with opened(CloudEventsSink(LOOPBACK)) as sender:
        found = await failure(sender, there.url("http", "/hang"))
    assert isinstance(found, Unavailable)


def test_a_name_server_that_hangs_takes_no_thread_of_the_loop_and_holds_up_no_end() -> None:
    begun, go = threading.Semaphore(0), threading.Event()

    def hangs(*_: object) -> list[Any]:
        begun.release()
        go.wait(60)
        return []

    async def work() -> str:
        names = [asyncio.ensure_future(Guarded(LOOPBACK, hangs).resolve("a.example", 80)) for _ in range(100)]
        while not begun.acquire(blocking=False):  # noqa: ASYNC110  (a condition, not a time)
            await asyncio.sleep(0.01)
        found = await asyncio.wait_for(asyncio.get_running_loop().run_in_executor(None, lambda: "free"), 10)
        for one in names:
            one.cancel()
        return found

    ended = threading.Event()
    loop = threading.Thread(target=lambda: ended.set() if asyncio.run(work()) == "free" else None, daemon=True)
    loop.start()
    try:
        assert ended.wait(20)
    finally:
        go.set()
        loop.join(20)


@pytest.mark.parametrize("error", [OSError("no such name"), UnicodeError("label too long")])
async def test_a_name_that_cannot_be_looked_up_is_an_error(error: Exception) -> None:
    def fails(*_: object) -> list[Any]:
        raise error

    with pytest.raises(OSError, match="no such name"):
        await Guarded(LOOPBACK, fails).resolve("a.example", 80)


async def test_a_process_that_is_killed_fails_its_messages_and_is_replaced(there: Receiver) -> None:
    sender = AppriseProcess(LOOPBACK)
    async with opened(sender):
        hanging = asyncio.ensure_future(failure(sender, there.url("json", "/hang?rto=60")))
        await until(lambda: bool(there.got))
        os.kill(sender.pids[0], 9)
        assert isinstance(await hanging, Unavailable)
        await sender.send(Target(there.url("json")), MESSAGE)


async def test_an_idle_process_is_ended(there: Receiver) -> None:
    sender = AppriseProcess(LOOPBACK, idle=0.2)
    async with opened(sender):
        await sender.send(Target(there.url("json")), MESSAGE)
        pids = sender.pids
        await until(lambda: sender.pids == [])
        assert not any(alive(pid) for pid in pids)
        await sender.send(Target(there.url("json")), MESSAGE)


@pytest.mark.parametrize("answer", ["nonsense", "[]", "7", "{}", '{"id": "0"}', '{"id": "0", "outcome": "rejected"}'])
async def test_a_process_that_answers_nonsense_is_ended(
    answer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.joinpath("nonsense.py").write_text(f"import sys\nfor _ in sys.stdin: print({answer!r}, flush=True)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    sender = AppriseProcess(LOOPBACK, module="nonsense")
    async with opened(sender):
        assert str(await failure(sender, "json://127.0.0.1/")) == "the sender process has exited"
        await until(lambda: sender.pids == [])


async def test_a_message_that_comes_while_an_idle_process_ends_gets_another_one(there: Receiver) -> None:
    sender = AppriseProcess(LOOPBACK)
    async with opened(sender):
        await sender.send(Target(there.url("json")), MESSAGE)
        for child in sender.children:
            child.kill()
        await sender.send(Target(there.url("json")), MESSAGE)


async def test_no_process_is_started_after_the_end(there: Receiver) -> None:
    sender = AppriseProcess(LOOPBACK)
    sending = asyncio.ensure_future(failure(sender, there.url("json")))
    await asyncio.sleep(0)
    await sender.close()
    assert isinstance(await sending, Unavailable)
    assert isinstance(await failure(sender, there.url("json")), Unavailable)
    assert sender.pids == []


async def test_the_process_gets_nothing_of_the_operators_environment(
    there: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    sender = AppriseProcess(LOOPBACK)
    async with opened(sender):
        await sender.send(Target(there.url("json")), MESSAGE)
        environment = proc(sender.pids[0], "environ")
        assert "HTTP_PROXY" not in environment
        assert "KUBERNETES" not in environment
        assert "127.0.0.1" not in proc(sender.pids[0], "cmdline"), "a URL is never an argument"


def test_nothing_of_it_is_loaded_by_the_operator() -> None:
    code = (
        "import sys, tidegate.runtime.compose, tidegate.cli.main\n"
        "print([name for name in sys.modules if name.split('.')[0] in {'apprise', 'cloudevents', 'markdown'}"
        " or name.startswith('tidegate.adapters.notifiers.child') or name.endswith(('apprise_process', 'cloud_events'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)  # noqa: S603
    assert done.stdout.strip() == "[]"


def test_the_process_loads_nothing_of_the_operator() -> None:
    code = (
        "import sys, tidegate.adapters.notifiers.child.__main__\n"
        "print(sorted(name for name in sys.modules if name.split('.')[0] in {'pydantic', 'kubernetes', 'aiohttp', 'kopf'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)  # noqa: S603
    assert done.stdout.strip() == "[]"


async def until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "timed out"
        await asyncio.sleep(0.02)


def proc(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text(encoding="utf-8")


def alive(pid: int) -> bool:
    try:
        return proc(pid, "stat").rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of modules that apprise loads
@pytest.mark.parametrize(
    ("url", "field", "value", "action"),
    [
        ("pagerduty://key1@key2", "dedup", MESSAGE.key, "resolve"),
        ("pagerduty://key1@key2?dedup=mine", "dedup", "mine", "resolve"),
        ("opsgenie://aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee/#team", "alias", MESSAGE.key, "map"),
    ],
)
def test_services_with_incidents_get_the_key_and_a_resolution_closes_them(
    url: str, field: str, value: str, action: str
) -> None:
    service = apprise.Apprise.instantiate(url)
    assert service is not None
    child.group(service, {"key": MESSAGE.key, "resolved": True})
    assert (getattr(service, field), service.action) == (value, action)
    again = apprise.Apprise.instantiate(url)
    child.group(again, {"key": MESSAGE.key, "resolved": False})
    assert again.action in {"trigger", "map"}
