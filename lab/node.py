"""Runs the cluster's pods as local processes: what scheduler and kubelet do elsewhere.

A pod of the sample image becomes one process on a loopback address of its own, and is Ready while that answers; Tidegate's
own pod becomes the operator (`lab.operator_pod`). Pods of other images, and all pods when `processes` is false, become
Ready without one. A Job's pod with a command is that command as a process, and its exit code is how it ends; without a command it
ends at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Self

import aiohttp

from lab import operator_pod, pods
from lab.api import RELIST_SECONDS, UNAVAILABLE, ApiError
from lab.files import write_whole
from lab.mirror import Mirror, key
from lab.reserved import reserve
from lab.tasks import Tasks
from lab.wait import DeadlineError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from lab.api import Api, Object
    from lab.operator_pod import OperatorPods
    from lab.processes import Process, Processes

PROBE_SECONDS = 0.5
STARTING_PROBE_SECONDS = 0.05
MOST_JOBS = 16  # Jobs' commands at the same time: the others wait, as pods without a node do
DRAIN_SECONDS = 1.0  # a pod's process goes on so long after the pod is gone, as a preStop hook would have it; part of its grace period
TARGETS = "pods.json"


class Node:
    """An async context manager; `addresses` maps a pod's uid to the address it was given."""

    def __init__(
        self,
        api: Api,
        children: Processes,
        targets: Path,
        operators: OperatorPods,
        *,
        processes: bool = True,
        addresses: Iterator[str] | None = None,
        let_go: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        """`addresses` are those that pods get, one after the other; by default loopback addresses.

        `let_go` returns when nothing sends requests to an address any more.
        """
        self._api = api
        self._children = children
        self._targets = targets
        self._operators = operators
        self._processes = processes
        self._changed = asyncio.Event()
        self._pods = Mirror(api, "v1", "Pod", self._changed)
        self._tasks = Tasks()
        self._lives: dict[str, asyncio.Task[None]] = {}
        self._drains: dict[str, tuple[float, float]] = {}
        """By uid of a pod: seconds of its drain, and of its grace period."""
        self._free = addresses or _addresses()
        self._let_go = let_go
        self._jobs = asyncio.Semaphore(MOST_JOBS)
        self._stack = contextlib.AsyncExitStack()
        self.addresses: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        self._targets.mkdir(parents=True, exist_ok=True)
        timeout = aiohttp.ClientTimeout(total=2)
        self._probes = await self._stack.enter_async_context(aiohttp.ClientSession(timeout=timeout))
        await self._stack.enter_async_context(self._pods)
        self._stack.push_async_callback(self._tasks.end)
        self._tasks.start(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _run(self) -> None:
        """Levels, not events: what is there is compared with what runs."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            there = {pod["metadata"]["uid"]: pod for pod in self._pods.objects.values() if not _over(pod)}
            for uid in self._lives.keys() - there.keys():
                self._leave(uid, *self._drains.pop(uid))
            for uid in there.keys() - self._lives.keys():
                own = self._is_operator(there[uid])
                grace = 0.0 if own else pods.grace(there[uid])
                self._drains[uid] = min(DRAIN_SECONDS, grace), grace
                self.addresses[uid] = operator_pod.ADDRESS if own else next(self._free)
                self._lives[uid] = self._tasks.start(self._keep(there[uid], self.addresses[uid]))
            self._write_targets(there)
            await self._finish_deletions()

    def _leave(self, uid: str, drain: float, grace: float) -> None:
        """Ends a pod's life after its drain; where requests still come to it, when they do not, and not after its grace period."""
        life, address = self._lives.pop(uid), self.addresses.pop(uid)

        async def leave() -> None:
            await asyncio.sleep(drain)
            if self._let_go is not None and grace > drain:
                with contextlib.suppress(TimeoutError, DeadlineError):
                    await asyncio.wait_for(self._let_go(address), grace - drain)
            life.cancel()

        self._tasks.start(leave())

    async def _keep(self, pod: Object, address: str) -> None:
        """One pod's life; ends by being cancelled."""
        if pods.owner(pod, "Job"):
            await self._keep_job(pod, address)
        elif self._is_operator(pod):
            await self._keep_operator(pod)
        elif self._processes and pods.image(pod).startswith(pods.SAMPLE):
            await self._keep_process(pod, address)
        else:
            ready = pods.environment(pod).get("READY", "true") != "false"
            await self._report(pod, pods.running(pod, address, ready=ready))

    async def _keep_job(self, pod: Object, address: str) -> None:
        """Runs a Job's command to its end, or until the pod is deleted; one without a command has ended."""
        command = pods.command(pod)
        if not command or not self._processes:
            await self._report(pod, pods.ended(pod, pods.exit_code(pod)))
            return
        async with self._jobs:
            own = {name: value.replace("$$", "$") for name, value in pods.environment(pod).items()}
            process = self._children.start(
                "job." + ".".join(key(pod)), command, {"PATH": os.environ.get("PATH", ""), **own}
            )
            try:
                await self._report(pod, pods.running(pod, address, ready=True))
                while process.running:  # noqa: ASYNC110  (a child process sets no Event)
                    await asyncio.sleep(STARTING_PROBE_SECONDS)
            finally:
                await self._stop(process, pod)
            await self._report(pod, pods.ended(pod, process.child.returncode))

    async def _stop(self, process: Process, pod: Object) -> None:
        """Ends a process, with what its drain has left of the pod's grace period."""
        await self._children.stop(process, grace=max(pods.grace(pod) - DRAIN_SECONDS, 0.0))

    def _is_operator(self, pod: Object) -> bool:
        return self._processes and operator_pod.is_operator(pod)

    async def _keep_process(self, pod: Object, address: str) -> None:
        probe = f"http://{address}:{pods.PORT}/healthz"
        for restarts in itertools.count():
            process = self._start(pod, address)
            try:
                await self._watch_over(process, pod, address, probe, restarts)
            finally:
                await self._stop(process, pod)
            await self._restarted(pod, address, restarts + 1)

    async def _keep_operator(self, pod: Object) -> None:
        await self._operators.bind(pod)
        try:
            for restarts in itertools.count():
                process = await self._operator(pod)
                try:
                    await self._watch_over(process, pod, operator_pod.ADDRESS, operator_pod.probe(pod), restarts)
                finally:
                    await self._children.stop(process, grace=pods.grace(pod))
                await self._restarted(pod, operator_pod.ADDRESS, restarts + 1)
        finally:
            await self._operators.gone(pod)

    async def _operator(self, pod: Object) -> Process:
        """Started as soon as what it mounts is there."""
        while True:
            with contextlib.suppress(ApiError):
                return await self._operators.start(pod)
            await asyncio.sleep(PROBE_SECONDS)

    async def _restarted(self, pod: Object, address: str, restarts: int) -> None:
        await self._report(pod, pods.running(pod, address, ready=False, restarts=restarts))
        await asyncio.sleep(PROBE_SECONDS)

    def _start(self, pod: Object, address: str) -> Process:
        own = {**pods.environment(pod), "ADDRESS": address, "PORT": str(pods.PORT)}
        path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
        name = "pod." + ".".join(key(pod))
        # -S -E would be quicker still, but then a virtual environment's Python does not find `lab`.
        command = [sys.executable, "-m", "lab.sample"]
        return self._children.start(name, command, {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": path, **own})

    async def _watch_over(self, process: Process, pod: Object, address: str, probe: str, restarts: int) -> None:
        """Returns when the process has ended by itself."""
        told: bool | None = None
        while process.running:
            ready = await self._answers(probe)
            if ready is not None and ready != told:
                await self._report(pod, pods.running(pod, address, ready=ready, restarts=restarts))
                told = ready
            await asyncio.sleep(STARTING_PROBE_SECONDS if told is None else PROBE_SECONDS)

    async def _answers(self, probe: str) -> bool | None:
        """What the probe says; None when nothing answers yet."""
        try:
            async with self._probes.get(probe) as response:
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return None

    async def _report(self, pod: Object, status: Object) -> None:
        """Tells the API server, again and again while it is away; a refusal means that the pod is gone."""
        item = {"apiVersion": "v1", "kind": "Pod", **pod}
        while True:
            try:
                await self._api.patch(item, {"status": status}, part="status")
            except ApiError as error:
                if error.status == UNAVAILABLE:
                    await asyncio.sleep(RELIST_SECONDS)
                    continue
            return

    async def _finish_deletions(self) -> None:
        for pod in list(self._pods.objects.values()):
            if self._is_operator(pod):
                continue  # its process may take its time
            if pod["metadata"].get("deletionTimestamp") and not pod["metadata"].get("finalizers"):
                with contextlib.suppress(ApiError):  # the server is away: the mirror will tell it all again
                    await self._api.delete({"apiVersion": "v1", "kind": "Pod", **pod}, now=True)

    def _write_targets(self, there: dict[str, Object]) -> None:
        if self._processes:
            entries = [
                pods.target(p, self.addresses[u]) for u, p in there.items() if pods.image(p).startswith(pods.SAMPLE)
            ]
            entries += [operator_pod.target(p) for p in there.values() if self._is_operator(p)]
            write_whole(self._targets / TARGETS, json.dumps(entries, indent=1))


def _over(pod: Object) -> bool:
    leaving = bool(pod["metadata"].get("deletionTimestamp"))
    return leaving or pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}


def _addresses() -> Iterator[str]:
    """127.64.0.0/10 from somewhere in it, in blocks that no other lab on this machine has; no last byte 0 or 255."""
    first = random.randrange(64 * 256)  # noqa: S311 (no secret)
    for block in itertools.count(first):
        second, third = divmod(block % (64 * 256), 256)
        if reserve(f"addresses 127.{64 + second}.{third}"):
            yield from (f"127.{64 + second}.{third}.{last}" for last in range(1, 255))
