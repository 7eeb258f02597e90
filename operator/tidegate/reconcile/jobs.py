"""The Jobs of Rollouts, beside their ticks: created once memory has them, and looked at while no watch stream tells of them.

No tick ever waits for a call of these. What becomes of one wakes its Rollout, and the next tick sees it. Each Rollout has one
call under way at a time, and a few go on at once: an API that hangs delays Jobs, never an evaluation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

import structlog

from tidegate.api.rollout.status import JobStatus
from tidegate.core.model.jobs import Job, StartJob
from tidegate.core.model.world import Lookup, RolloutObject, Unknown, Unseen
from tidegate.ports.errors import Conflict, Missing, PortError, Rejected, Unavailable
from tidegate.ports.world import World
from tidegate.reconcile.index import Key

AT_A_TIME: Final = 8
"""Calls that are under way at once: few beside what moves traffic."""
RETRY: Final = (1.0, 10.0)
"""Seconds until a Job that could not be created is tried again: the first wait, doubled each time, and the longest."""
LOOK_EVERY: Final = (2.0, 60.0)
"""Seconds between two looks at a Job that no watch stream tells of: at first, and at most; a twentieth of what it has taken."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass
class _Known:
    """What is known of one Job."""

    seen: Lookup[Job] | None = None
    wait: float = 0.0
    again: float = 0.0
    """Monotonic seconds from which it may be called for again."""


@dataclass
class _Rollout:
    """What is known of one Rollout's Jobs."""

    jobs: dict[str, _Known] = field(default_factory=dict)
    """By name."""
    waiting: dict[str, Callable[[], Coroutine[Any, Any, None]]] = field(default_factory=dict)
    """Calls that have not begun, by the Job's name."""
    busy: bool = False


def _nobody(_namespace: str, _name: str) -> None:
    """Who is woken when there is no scheduler."""


class JobDesk:
    """See the module. Used from one event loop."""

    def __init__(self, world: World) -> None:
        """No Jobs are known."""
        self._world = world
        self._rollouts: dict[Key, _Rollout] = {}
        self._room = asyncio.Semaphore(AT_A_TIME)
        self._tasks: set[asyncio.Task[None]] = set()
        self.failure: BaseException | None = None
        """What ended a call that no port may raise: a mistake, or the end of a simulated process."""
        self.wake: Callable[[str, str], None] = _nobody
        """Called with namespace and name of a Rollout when something else is known of its Jobs."""

    def seen(self, rollout: RolloutObject, jobs: Iterable[JobStatus]) -> Mapping[str, Lookup[Job]]:
        """What is known of the Jobs that have not ended, by name. A look-up in memory; one that nobody tells of is called for."""
        left = [job for job in jobs if not job.outcome]
        if not left:
            self._rollouts.pop((rollout.namespace, rollout.name), None)
            return {}
        own = self._of(rollout)
        own.jobs = {job.name: own.jobs.get(job.name, _Known()) for job in left}
        for job in left:
            self._look_for(rollout, job, own.jobs[job.name])
        return {name: known.seen for name, known in own.jobs.items() if known.seen is not None}

    def _look_for(self, rollout: RolloutObject, job: JobStatus, known: _Known) -> None:
        told = self._world.jobs.known(rollout.namespace, job.name)
        if told is not None:
            known.seen = told
            return
        if isinstance(known.seen, Job):
            known.seen = replace(known.seen, watched=False)
        if job.abandoned and isinstance(known.seen, Unknown):  # why it could not be created is of no account any more
            known.seen, known.again = None, 0.0
        if (job.uid or job.abandoned) and self._world.clock.monotonic() >= known.again:
            self._call(rollout, job.name, partial(self._look, rollout, job.name))

    def start(self, rollout: RolloutObject, jobs: Iterable[StartJob]) -> None:
        """Lets Jobs exist, soon. One that is being created, or was refused just now, is not tried again at once."""
        for job in jobs:
            known = self._of(rollout).jobs.setdefault(job.name, _Known())
            if not isinstance(known.seen, Job) and self._world.clock.monotonic() >= known.again:
                self._call(rollout, job.name, partial(self._start, rollout, job))

    def forget(self, key: Key) -> None:
        """The Rollout is gone."""
        self._rollouts.pop(key, None)

    @property
    def busy(self) -> bool:
        """Whether a call is under way."""
        return bool(self._tasks)

    def abandon(self) -> None:
        """Gives up what is under way."""
        self._rollouts.clear()
        for task in self._tasks:
            task.cancel()

    def _of(self, rollout: RolloutObject) -> _Rollout:
        return self._rollouts.setdefault((rollout.namespace, rollout.name), _Rollout())

    def _call(self, rollout: RolloutObject, name: str, call: Callable[[], Coroutine[Any, Any, None]]) -> None:
        own = self._of(rollout)
        own.waiting.setdefault(name, call)
        if not own.busy:
            own.busy = True
            task = asyncio.create_task(self._work(own), name="jobs")
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    async def _work(self, own: _Rollout) -> None:
        """Makes the calls of one Rollout, one after the other."""
        try:
            while own.waiting:
                name = next(iter(own.waiting))
                async with self._room:
                    await own.waiting[name]()
                own.waiting.pop(name, None)
        finally:
            own.busy = False

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failure = error
            _log.error("Job not processed", error=f"{type(error).__name__}: {error}")

    async def _start(self, rollout: RolloutObject, job: StartJob) -> None:
        known = self._of(rollout).jobs.setdefault(job.name, _Known())
        try:
            self._note(rollout, known, await self._world.jobs.start(rollout, job))
        except PortError as error:
            known.wait = min(2 * known.wait, RETRY[1]) if known.wait else RETRY[0]
            known.again = self._world.clock.monotonic() + known.wait
            lasting = isinstance(error, Rejected | Missing | Conflict)
            _log.warning(
                "Job not created", namespace=rollout.namespace, rollout=rollout.name, job=job.name, error=str(error)
            )
            self._note(rollout, known, Unknown(str(error), Unseen.NOT_ALLOWED if lasting else Unseen.FAILED))

    async def _look(self, rollout: RolloutObject, name: str) -> None:
        known = self._of(rollout).jobs.setdefault(name, _Known())
        try:
            seen = await self._world.jobs.read(rollout.namespace, name)
        except Unavailable:
            seen = known.seen or Unknown("")
        known.wait = min(max(1.05 * known.wait, LOOK_EVERY[0]), LOOK_EVERY[1])
        known.again = self._world.clock.monotonic() + known.wait
        if not isinstance(seen, Unknown):  # what could not be read is as it was last known
            self._note(rollout, known, seen)

    def _note(self, rollout: RolloutObject, known: _Known, seen: Lookup[Job]) -> None:
        news = known.seen != seen
        known.seen = seen
        if news:
            self.wake(rollout.namespace, rollout.name)
