"""The sample service (`python -m lab.sample`): answers, counts its answers for Prometheus, and misbehaves as told.

Bare asyncio, no dependency: dozens of them start on two cores, each in a tenth of a second and 12 MB.
Settings are environment variables, as a container's would be: see `Settings`.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0, 2.5, 5.0)
_LAST_ANSWERS = 0.02  # seconds between two looks at what is still to be answered
_REASONS = {200: "OK", 404: "Not Found", 500: "Internal Server Error", 503: "Service Unavailable"}


@dataclass(frozen=True)
class Settings:
    """How it behaves. `POST /control?error_rate=0.3&latency=0.2&ready=false` changes it while it runs."""

    version: str = "v1"  # VERSION: told in the header x-version and in the body
    pod: str = ""  # POD: told in the header x-pod
    error_rate: float = 0.0  # ERROR_RATE, share 0-1 of answers that are 500
    latency: float = 0.0  # LATENCY, seconds before an answer
    errors_after_seconds: float = 0.0  # ERRORS_AFTER_SECONDS: no errors before that age
    errors_after_requests: int = 0  # ERRORS_AFTER_REQUESTS: no errors before that many requests
    ready: bool = True  # READY: what /healthz answers
    only: Mapping[str, str] = field(default_factory=dict)  # ONLY, "x-segment=7": these requests err and are late
    labels: Mapping[str, str] = field(default_factory=dict)  # LABELS, "segment=x-segment": label from a request header
    series: Mapping[str, str] = field(default_factory=dict)  # SERIES, 'stars=4.2;sold{of="tea"}=+3': see `Service`

    def __post_init__(self) -> None:
        for name, value in self.series.items():
            if not _is_number(value):
                raise ValueError(f"series {name}: {value!r} is no number")

    @classmethod
    def of(cls, words: dict[str, str]) -> Settings:
        """From names and texts; unknown names are passed over. ValueError on a text that is no number."""
        return cls().changed(words)

    def changed(self, words: dict[str, str]) -> Settings:
        """The same with some words changed; pairs are added to those there are, an empty text removes them all."""
        known = {name.lower(): text for name, text in words.items() if name.lower() in self.__dataclass_fields__}
        values: dict[str, object] = {name: _read(text, getattr(self, name)) for name, text in known.items()}
        return replace(self, **values)  # type: ignore[arg-type]  # each is of its default's type


@dataclass
class Service:
    """The counters of one process and what it answers.

    A further series is served as it is told; one whose value begins with `+` is a counter that rises so much with each request.
    """

    settings: Settings
    started: float = field(default_factory=time.monotonic)
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    """By labels of the request, as Prometheus writes them, and status."""
    buckets: Counter[tuple[str, float]] = field(default_factory=Counter)
    """By labels of the request, and the bucket's upper bound."""
    seconds: dict[str, float] = field(default_factory=dict)
    """By labels of the request."""
    in_flight: int = 0
    """Requests without their answer."""
    risen: dict[tuple[str, str], float] = field(default_factory=dict)
    """By name of a series with its labels, and labels of the request."""

    def answer(self, method: str, target: str, headers: Mapping[str, str] | None = None) -> tuple[int, str, float]:
        """Status, body, and the seconds to wait before sending it."""
        address = urlsplit(target)
        match address.path:
            case "/metrics":
                return 200, self.metrics(), 0.0
            case "/healthz":
                return (200 if self.settings.ready else 503), "", 0.0
            case "/control" if method == "POST":
                self.settings = self.settings.changed(dict(parse_qsl(address.query, keep_blank_values=True)))
                return 200, f"{self.settings}\n", 0.0
            case _:
                return self._serve(headers or {})

    def metrics(self) -> str:
        """The Prometheus text format."""
        lines = ["# TYPE http_requests_total counter"]
        lines += [
            f"http_requests_total{_labels(of, _label('code', code))} {number}"
            for (of, code), number in sorted(self.answers.items())
        ]
        lines.append("# TYPE http_request_duration_seconds histogram")
        for of in sorted({of for of, _ in self.answers}) or [""]:
            lines += self._histogram(of)
        told = self.settings.series.items()
        lines += [f"{name} {value}" for name, value in told if not value.startswith("+")]
        lines += [f"{_with(name, of)} {value}" for (name, of), value in self.risen.items()]
        return "\n".join(lines) + "\n"

    def _histogram(self, of: str) -> list[str]:
        name, below, lines = "http_request_duration_seconds", 0, []
        for bound in BUCKETS:
            below += self.buckets[of, bound]
            lines.append(f"{name}_bucket{_labels(of, _label('le', bound))} {below}")
        count = sum(number for (labels, _), number in self.answers.items() if labels == of)
        lines.append(f"{name}_bucket{_labels(of, _label('le', '+Inf'))} {count}")
        seconds = self.seconds.get(of, 0.0)
        return [*lines, f"{name}_sum{_labels(of)} {seconds}", f"{name}_count{_labels(of)} {count}"]

    def _serve(self, headers: Mapping[str, str]) -> tuple[int, str, float]:
        settings = self.settings
        chosen = all(headers.get(name) == value for name, value in settings.only.items())
        bad = chosen and self._may_err() and random.random() < settings.error_rate  # noqa: S311 (a dice, not a key)
        code, latency = 500 if bad else 200, settings.latency if chosen else 0.0
        self._count(headers, code, latency)
        return code, f"{settings.version} {'failed' if bad else 'ok'}\n", latency

    def _count(self, headers: Mapping[str, str], code: int, latency: float) -> None:
        known = {label: headers[header] for label, header in self.settings.labels.items() if headers.get(header)}
        of = ",".join(_label(label, value) for label, value in known.items())
        if of:
            self.answers.setdefault(
                (of, 500), 0
            )  # a counter that is there before its first error loses none in `increase`
        self.answers[of, code] += 1
        self.seconds[of] = self.seconds.get(of, 0.0) + latency
        bound = next((b for b in BUCKETS if latency <= b), None)
        if bound is not None:
            self.buckets[of, bound] += 1
        for name, value in self.settings.series.items():
            if value.startswith("+"):
                self.risen[name, of] = self.risen.get((name, of), 0.0) + float(value)

    def _may_err(self) -> bool:
        old_enough = time.monotonic() - self.started >= self.settings.errors_after_seconds
        return old_enough and self.answers.total() >= self.settings.errors_after_requests


class Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, one request after the other; bodies are read and thrown away."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._received = b""
        self._busy = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the way back."""
        self._transport = transport  # type: ignore[assignment]  # of a stream server it is a Transport

    def data_received(self, data: bytes) -> None:
        """Answers what is complete."""
        self._received += data
        self._next()

    def _next(self) -> None:
        if self._busy or b"\r\n\r\n" not in self._received:
            return
        head, rest = self._received.split(b"\r\n\r\n", 1)
        first, *fields = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in fields)}
        length = int(headers.get("content-length", 0))
        if len(rest) < length:
            return
        self._received = rest[length:]
        method, target, _ = first.split(" ", 2)
        status, body, wait = self._service.answer(method, target, headers)
        self._busy = True
        self._service.in_flight += 1
        asyncio.get_running_loop().call_later(wait, self._send, status, body)

    def _send(self, status: int, body: str) -> None:
        settings = self._service.settings
        self._transport.write(
            f"HTTP/1.1 {status} {_REASONS[status]}\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8\r\n"
            f"content-length: {len(body.encode())}\r\nx-version: {settings.version}\r\nx-pod: {settings.pod}\r\n\r\n{body}".encode()
        )
        self._busy = False
        self._service.in_flight -= 1
        self._next()


async def serve(address: str, port: int, service: Service) -> None:
    """Serves until SIGTERM or SIGINT, and answers what it was asked before."""
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, done.set)
    server = await loop.create_server(lambda: Connection(service), address, port)
    await done.wait()
    server.close()
    while service.in_flight:  # noqa: ASYNC110  (it ends within the latency of one answer)
        await asyncio.sleep(_LAST_ANSWERS)
    await asyncio.sleep(0)


def _label(name: str, value: object) -> str:
    escaped = str(value).replace("\\", r"\\").replace('"', r"\"")
    return f'{name}="{escaped}"'


def _labels(*parts: str) -> str:
    written = ",".join(part for part in parts if part)
    return f"{{{written}}}" if written else ""


def _with(name: str, labels: str) -> str:
    """A series with further labels."""
    bare, _, own = name.partition("{")
    return bare + _labels(own.removesuffix("}"), labels)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _read(text: str, default: object) -> object:
    if isinstance(default, dict):
        pairs = (pair.rpartition("=") for pair in text.split(";") if pair)
        return {**default, **{name: value for name, _, value in pairs}} if text else {}
    if isinstance(default, bool):
        return text.lower() not in {"false", "0", "no"}
    return type(default)(text)  # type: ignore[call-arg]  # str, int or float


if __name__ == "__main__":
    _where = os.environ.get("ADDRESS", "127.0.0.1"), int(os.environ.get("PORT", "8080"))
    asyncio.run(serve(*_where, Service(Settings.of(dict(os.environ)))))
