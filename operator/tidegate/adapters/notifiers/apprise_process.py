"""apprise (more than a hundred services by URL) in a child process: it costs 36 MiB once loaded, and its plugins may hang.

The process is started with the first message and ended when none has come for a while. A message that is not answered in time
costs the process: it gets no further one, the others on it are waited for, then it is killed.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeAlias

import structlog

from tidegate.adapters.notifiers.allowed import Allowed
from tidegate.adapters.notifiers.sender import Target
from tidegate.core.model.message import Message
from tidegate.ports.errors import PortError, Rejected, Unavailable

DEADLINE: Final = 20.0
"""Seconds for one message, the start of the process included."""
IDLE: Final = 60.0
"""Seconds without a message after which the process is ended."""
MODULE: Final = "tidegate.adapters.notifiers.child"

_Outcome: TypeAlias = tuple[str, str]
"""`sent`, `rejected` or `unavailable`, and why."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class AppriseProcess:
    """The `Sender` of kind `Apprise`."""

    def __init__(self, allowed: Allowed, deadline: float = DEADLINE, idle: float = IDLE, module: str = MODULE) -> None:
        self._allowed = allowed
        self._module = module
        self._deadline = deadline
        self._idle = idle
        self._child: _Child | None = None
        self.children: set[_Child] = set()
        """The processes there are, with those that get no further message."""
        self._starting = asyncio.Lock()
        self._numbers = itertools.count()
        self._closed = False

    async def send(self, target: Target, message: Message) -> None:
        """Sends one message.

        Raises: Rejected, Unavailable.
        """
        child: _Child | None = None
        try:
            async with asyncio.timeout(self._deadline):
                child = await self._running()
                outcome, why = await child.ask(f"{next(self._numbers)}", _given(target, message))
        except TimeoutError:
            if child is not None:
                self._retire(child)
            raise Unavailable(f"the service did not answer within {self._deadline:g}s") from None
        except OSError as error:
            raise Unavailable(f"the sender process could not be used: {error.strerror}") from None
        match outcome:
            case "sent":
                return
            case "rejected":
                raise Rejected(why)
        raise Unavailable(why)

    async def close(self) -> None:
        """Ends the processes; none is started any more."""
        self._closed = True
        async with self._starting:  # one that is being started is ended too
            for child in tuple(self.children):
                await child.end()

    @property
    def pids(self) -> list[int]:
        """The processes there are, for tests and figures."""
        return [child.process.pid for child in self.children]

    async def _running(self) -> _Child:
        async with self._starting:
            if self._closed:
                raise Unavailable("the operator is stopping")
            if self._child is None or self._child.ended:
                self._child = await self._started()
            return self._child

    async def _started(self) -> _Child:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            self._module,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=_environment(),
            cwd="/",
            start_new_session=True,
        )
        child = _Child(process, self._idle, self._deadline, self._forget)
        self.children.add(child)
        child.begin(self._allowed)
        _log.debug("process for notifications started", pid=process.pid)
        return child

    def _retire(self, child: _Child) -> None:
        if self._child is child:
            self._child = None
        child.retire()

    def _forget(self, child: _Child) -> None:
        self.children.discard(child)
        if self._child is child:
            self._child = None


class _Child:
    """One process."""

    def __init__(self, process: asyncio.subprocess.Process, idle: float, deadline: float, ended: Any) -> None:  # noqa: ANN401
        self.process = process
        self.ended = False
        self._idle = idle
        self._deadline = deadline
        self._tell_ended = ended
        self._asked: dict[str, asyncio.Future[_Outcome]] = {}
        self._retired = False
        self._reading: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, allowed: Allowed) -> None:
        """Says what is allowed, and listens."""
        self._write(allowed.as_json())
        self._reading = asyncio.create_task(self._listen(), name="notifications child")
        self._rest()

    async def ask(self, name: str, given: dict[str, Any]) -> _Outcome:
        """The outcome of a message, and why.

        Raises: Unavailable: the process ended.
        """
        answer: asyncio.Future[_Outcome] = asyncio.get_running_loop().create_future()
        self._asked[name] = answer
        self._rest()
        try:
            self._write({"id": name, **given})
            return await answer
        finally:
            self._asked.pop(name, None)
            self._rest()

    def retire(self) -> None:
        """No further message: those on it are waited for, no longer than one may take."""
        self._retired = True
        self._rest()
        if not self.ended:
            asyncio.get_running_loop().call_later(self._deadline, self.kill)

    def kill(self) -> None:
        """Ends it now: it gets no further message."""
        self.ended = True
        with suppress(ProcessLookupError):
            self.process.kill()

    async def end(self) -> None:
        """Ends it, and waits until it has."""
        self.kill()
        if self._reading is not None:
            await self._reading

    def _write(self, content: dict[str, Any]) -> None:
        if self.ended or self.process.stdin is None or self.process.stdin.is_closing():
            raise Unavailable("the sender process has exited")
        self.process.stdin.write(json.dumps(content).encode() + b"\n")

    def _rest(self) -> None:
        """Begins or ends the time after which an idle process is ended."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._asked and not self.ended:
            wait = 0.0 if self._retired else self._idle
            self._timer = asyncio.get_running_loop().call_later(wait, self.kill)

    async def _listen(self) -> None:
        stdout = self.process.stdout
        assert stdout is not None  # noqa: S101  (it was asked for)
        try:
            while line := await stdout.readline():
                name, outcome = _answered(line)
                answer = self._asked.get(name)
                if answer is not None and not answer.done():
                    answer.set_result(outcome)
        except (ValueError, TypeError, KeyError) as error:
            _log.warning("process for notifications returned an invalid response", error=type(error).__name__)
            self.kill()
        await self._over()

    async def _over(self) -> None:
        self.ended = True
        if self._timer is not None:
            self._timer.cancel()
        await self.process.wait()
        lost: PortError = Unavailable("the sender process has exited")
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(lost)
        self._tell_ended(self)


def _answered(line: bytes) -> tuple[str, _Outcome]:
    """Which message a line is about, and its outcome. Raises: ValueError, TypeError, KeyError: it says neither."""
    found = json.loads(line)
    return str(found["id"]), (str(found["outcome"]), str(found["why"]))


def _given(target: Target, message: Message) -> dict[str, Any]:
    return {
        "url": target.url,
        "title": message.title,
        "text": message.text,
        "markdown": message.markdown,
        "tone": str(message.tone),
        "key": message.key,
        "message_id": message.id,
        "resolved": message.resolved,
    }


def _environment() -> dict[str, str]:
    """Nothing of the operator's environment but what Python needs: no proxy, no home, no names of other Services."""
    places = [path for path in (str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")) if path]
    kept = {
        name: os.environ[name]
        for name in ("PATH", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "LANG")
        if name in os.environ
    }
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(places),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": "/nonexistent",
    }
