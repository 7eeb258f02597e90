"""A receiver of messages on loopback: it keeps what it gets, and answers what it is told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Receiver:
    port: int = 0
    answers: dict[str, list[int]] = field(default_factory=dict)
    """By path, in order; the last one stays. By default 200."""
    location: str = ""
    """Where a redirect leads."""
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    let_go: threading.Event = field(default_factory=threading.Event)
    """Ends the requests to `/hang`."""

    def url(self, scheme: str, path: str = "/ok", host: str = "127.0.0.1") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, _, body in self.got]


@contextmanager
def receiver(host: str = "127.0.0.1") -> Iterator[Receiver]:
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            made.got.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            if self.path == "/hang":
                made.let_go.wait(30)
                return
            left = made.answers.get(self.path) or [200]
            status = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", made.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST  # noqa: N815  (as above)

        def log_message(self, *_arguments: object) -> None:
            """Nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128  # of its own it is 5: of a crowd that connects at once most would wait a second

    server = Server((host, 0), Handler)
    made.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield made
    finally:
        made.let_go.set()
        server.shutdown()
        thread.join()
        server.server_close()
