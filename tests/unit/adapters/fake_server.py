"""A server (Prometheus, or the API server) that answers whatever a test tells it to, byte by byte if need be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter
Reply = Callable[[Reader, Writer], Awaitable[None]]


@dataclass
class Asked:
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    parameters: dict[str, list[str]]
    body: bytes = b""


@dataclass
class FakeServer:
    """Answers with `reply`; remembers what it was asked."""

    reply: Reply
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: Reader, writer: Writer) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                request, *lines = head.decode().split("\r\n")
                method, target, _ = request.split()
                headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines if line)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                parts = urlsplit(target)
                form = headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
                query = parse_qs(parts.query) | (parse_qs(body.decode()) if form else {})
                self.asked.append(Asked(method, parts.path, headers, query, body))
                await self.reply(reader, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            self.hung_up.set()
        finally:
            writer.close()


TURNS = 5
"""Turns of the event loop within which a connection that was just accepted gets its reader and writer."""


@asynccontextmanager
async def running(reply: Reply, port: int = 0) -> AsyncIterator[FakeServer]:
    fake = FakeServer(reply)
    tasks: set[asyncio.Task[None]] = set()
    writers: list[Writer] = []

    def connected(reader: Reader, writer: Writer) -> None:
        task = asyncio.create_task(fake.serve(reader, writer))
        tasks.add(task)
        writers.append(writer)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", port)
    host, port = server.sockets[0].getsockname()
    fake.url = f"http://{host}:{port}"
    try:
        yield fake
    finally:
        server.close()
        for _ in range(TURNS):
            await asyncio.sleep(0)
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in writers:
            writer.transport.abort()  # what is still to be sent would keep it open beyond the test's loop
        await asyncio.sleep(0)


def http(status: int, body: bytes, content_type: str = "application/json", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def answers(status: int, body: object, content_type: str = "application/json", **headers: str) -> Reply:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def reply(_: Reader, writer: Writer) -> None:
        writer.write(http(status, content, content_type, **headers))

    return reply


def success(kind: str, result: object) -> dict[str, object]:
    return {"status": "success", "data": {"resultType": kind, "result": result}}


def error(kind: str, message: str) -> dict[str, object]:
    return {"status": "error", "errorType": kind, "error": message}


ONE = success("vector", [{"metric": {"__name__": "up", "job": "a"}, "value": [1700000000.1, "1"]}])


async def never(reader: Reader, _: Writer) -> None:
    """Says nothing until the other side hangs up."""
    await reader.read()
    raise ConnectionError
