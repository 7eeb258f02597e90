"""CloudEvents over HTTP: one structured JSON event for each message, for machines."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from cloudevents.core.bindings.http import to_structured_event
from cloudevents.core.v1.event import CloudEvent
from yarl import URL

from tidegate.adapters.notifiers.allowed import Allowed, RefusedError, is_public
from tidegate.adapters.notifiers.sender import Target
from tidegate.core.model.message import Message
from tidegate.ports.errors import Rejected, Unavailable

TIMEOUT: Final = 10.0
"""Seconds for one message, resolution and connection included."""
TYPE: Final = "dev.tidegate.rollout."
"""What the `type` of an event begins with."""
LookUp: TypeAlias = Callable[[str, int, int, int], list[Any]]
"""`socket.getaddrinfo`: host, port, family, type."""
_AGAIN: Final = frozenset({408, 425, 429})
"""Answers of the 400s that say try later."""


class CloudEventsSink:
    """The `Sender` of kind `CloudEvents`."""

    def __init__(self, allowed: Allowed) -> None:
        self._allowed = allowed
        self._session: aiohttp.ClientSession | None = None

    async def send(self, target: Target, message: Message) -> None:
        """Posts one event. Redirects are not followed: they would lead where nobody has looked.

        Raises: Rejected, Unavailable.
        """
        url = self._checked(target.url)
        made = to_structured_event(CloudEvent(attributes_of(message), _data(message)))
        token = {"Authorization": f"Bearer {target.token}"} if target.token else {}
        try:
            request = self._opened().post(url, data=made.body, headers={**made.headers, **token}, allow_redirects=False)
            async with request as response:
                status = response.status
        except Exception as error:  # noqa: BLE001  (whatever the client raises: its words may hold the URL)
            raise _failure(error) from None
        if status >= 300:
            again = status >= 500 or status in _AGAIN
            words = "a redirect, which is not followed" if status < 400 else "no success"
            raise (Unavailable if again else Rejected)(f"the sink answered {status}: {words}")

    async def close(self) -> None:
        """Closes the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _checked(self, text: str) -> URL:
        try:
            url = URL(text)
            host = url.host or ""
        except ValueError:
            host = ""
        if not host:
            raise Rejected("the Secret does not contain a URL: write it like https://events.example.org/rollouts")
        try:
            self._allowed.check_scheme(url.scheme)
            self._allowed.check_host(host)
            if _is_address(host):  # the client resolves no address
                self._allowed.reachable(host, [host])
        except RefusedError as error:
            raise Rejected(str(error)) from None
        return url

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            resolver = Guarded(self._allowed)
            connector = aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False, limit=64)
            timeout = aiohttp.ClientTimeout(total=TIMEOUT)
            self._session = aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False)
        return self._session


class Guarded(AbstractResolver):
    """Resolves names to addresses that may be connected to. The connection is made to just these.

    Each in a thread of its own, for which nothing waits at the end: a name server that hangs would take the few threads of the
    event loop, in which the API server's name is resolved too.
    """

    def __init__(self, allowed: Allowed, look_up: LookUp = socket.getaddrinfo) -> None:
        self._allowed = allowed
        self._look_up = look_up

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a host.

        Raises: OSError: there are none; RefusedError: none of them is allowed.
        """
        self._allowed.check_host(host)
        found = await self._in_thread(host, port, family)
        usable = self._allowed.reachable(host, [address for _, address in found])
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [
            ResolveResult(hostname=host, host=address, port=port, family=of, proto=socket.IPPROTO_TCP, flags=flags)
            for of, address in found
            if address in usable
        ]

    async def _in_thread(self, host: str, port: int, family: socket.AddressFamily) -> list[tuple[int, str]]:
        """Families and addresses."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[tuple[int, str]]] = loop.create_future()

        def ended(found: list[tuple[int, str]], error: OSError | None) -> None:
            if answer.done():  # nothing waits for it any more
                return
            if error is None:
                answer.set_result(found)
            else:
                answer.set_exception(error)

        def work() -> None:
            found: list[tuple[int, str]] = []
            failed: OSError | None = None
            try:
                found = [(int(one[0]), str(one[4][0])) for one in self._look_up(host, port, family, socket.SOCK_STREAM)]
            except OSError as error:
                failed = error
            except UnicodeError:
                failed = socket.gaierror(socket.EAI_NONAME, "no such name")
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(ended, found, failed)

        threading.Thread(target=work, name="notifications name", daemon=True).start()
        return await answer

    async def close(self) -> None:
        """Nothing to close."""


def attributes_of(message: Message) -> dict[str, Any]:
    """The attributes of the event: `dedupkey` is the same for all about one thing, `state` says whether that is so or over."""
    place = "/".join(("clusters", str(message.facts["cluster"]))) + "/" if message.facts.get("cluster") else ""
    return {
        "id": message.id,
        "source": f"/{place}namespaces/{message.facts['namespace']}/rollouts/{message.facts['rollout']}",
        "type": f"{TYPE}{message.event.lower()}",
        "subject": message.subject or message.event,
        "time": datetime.fromtimestamp(message.time, UTC),
        "datacontenttype": "application/json",
        "dedupkey": message.key,
        "state": "resolved" if message.resolved else "firing",
    }


def _data(message: Message) -> dict[str, Any]:
    return {"title": message.title, "text": message.text, "severity": str(message.tone), **message.facts}


def _failure(error: Exception) -> Rejected | Unavailable:
    """The port's error, in words that hold no part of the URL."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, RefusedError):
            return Rejected(str(cause))
        cause = cause.__cause__ or cause.__context__
    match error:
        case asyncio.TimeoutError():
            return Unavailable(f"the sink did not answer within {TIMEOUT:g}s")
        case aiohttp.ClientConnectorDNSError():
            return Unavailable("the sink's name could not be resolved")
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
            return Unavailable("the sink's certificate could not be verified")
        case aiohttp.ClientConnectionError():
            return Unavailable("no connection to the sink")
        case aiohttp.InvalidURL() | ValueError():
            return Rejected("the Secret does not contain a URL and token that can be sent")
    return Unavailable(f"the sink's answer could not be read ({type(error).__name__})")


def _is_address(host: str) -> bool:
    return is_public(host) or host.replace(".", "").isdigit() or ":" in host
