"""`/metrics` for Prometheus, `/healthz` and `/readyz` for the kubelet.

A probe fails for what it checks, and says what: liveness when a restart would help (the scheduler no longer turns, or
nothing at all has been heard of the API server for long), readiness as soon as the API server is silent. A watch
stream that has gone deaf cannot be told from a quiet cluster, so a small request is made when nothing else has been:
see `tidegate.runtime.compose`.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from aiohttp import web
from aiohttp.typedefs import Handler

from tidegate.runtime.self_metrics import CONTENT_TYPE, Metrics

Check: TypeAlias = Callable[[], str | None]
"""Says what is wrong; `None` when nothing is."""

GRACE: Final = 1.0
"""Seconds that requests under way are given at the end."""


class ListenError(Exception):
    """The address to listen on cannot be had; the message says which, and why."""


_IN_WORDS: Final = {
    errno.EADDRINUSE: "the port is taken",
    errno.EACCES: "not allowed (ports below 1024 need a privilege)",
    errno.EADDRNOTAVAIL: "this host has no such address",
}


def stale(age: Callable[[], float], limit: float, what: str) -> Check:
    """A check that fails when `age()` is more than `limit`, both in seconds."""

    def check() -> str | None:
        seconds = age()
        return f"{what} {seconds:.0f} s ago, more than {limit:g} s" if seconds > limit else None

    return check


class WebServer:
    """Serves on `listen` (as `host:port`, the host being optional)."""

    def __init__(self, listen: str, metrics: Metrics, *, live: Sequence[Check], ready: Sequence[Check]) -> None:
        self._host, _, self._port = listen.rpartition(":")
        self._metrics = metrics
        app = web.Application()
        app.router.add_get("/metrics", self._exposition)
        app.router.add_get("/healthz", _probe(live))
        app.router.add_get("/readyz", _probe([*live, *ready]))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=GRACE)

    async def start(self) -> None:
        """Begins to listen.

        Raises: ListenError when the address cannot be had.
        """
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host.strip("[]") or None, int(self._port)).start()
        except OSError as error:
            await self._runner.cleanup()
            why = _IN_WORDS.get(error.errno or 0) or error.strerror or str(error)
            raise ListenError(f"cannot listen on {self._host}:{self._port}: {why}") from error

    async def stop(self) -> None:
        """Ends."""
        await self._runner.cleanup()

    @property
    def port(self) -> int:
        """The port in use: another than asked for when that was 0."""
        return int(self._runner.addresses[0][1])

    async def _exposition(self, _: web.Request) -> web.Response:
        return web.Response(body=self._metrics.exposition(), headers={"Content-Type": CONTENT_TYPE})


def _probe(checks: Sequence[Check]) -> Handler:
    async def answer(_: web.Request) -> web.Response:
        wrong = [found for check in checks if (found := check()) is not None]
        return web.Response(status=503 if wrong else 200, text="\n".join(wrong or ["ok"]) + "\n")

    return answer
