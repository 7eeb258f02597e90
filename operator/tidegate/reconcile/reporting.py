"""Reports of ended runs on their way to where they are kept: outside of every tick, a few at a time, a bounded number of tries.

A report is made of the status while the run was under way and of its end. An operator that was killed between the end and the
report writes it after its next start, of what the status still has; one that exists already is left as it is.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Final

import structlog

from tidegate.api.reasons import Reason
from tidegate.api.rollout.run_status import RunEnd
from tidegate.api.rollout.status import RolloutStatus
from tidegate.core.model.plan import Decision
from tidegate.core.model.time_format import instant
from tidegate.core.model.world import RolloutObject
from tidegate.core.report.names import KEPT, number_of
from tidegate.ports.errors import PortError, Rejected
from tidegate.ports.world import World
from tidegate.reconcile.index import Key

if TYPE_CHECKING:
    from tidegate.api.report import Moment

AT_ONCE: Final = 2
"""Reports that are written at the same time, of all Rollouts together."""
WAITING: Final = 512
"""Reports that wait; one more is given up."""
TRIES: Final = (1.0, 5.0, 30.0, 120.0, 600.0)
"""Seconds until each further try."""
HEARD: Final = 100
"""Decisions of one run that are remembered."""
STILL_WRITTEN: Final = 86400.0
"""Seconds since its end within which a run that this process has not seen ending gets a report."""
PRUNED: Final = 3
"""Old reports that are looked for after each new one."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Reporting:
    """See the module. Used from one event loop; costs nothing where reports are off."""

    def __init__(self, world: World, announce: Callable[[RolloutObject, Decision], None]) -> None:
        self._world = world
        self._announce = announce
        self._heard: OrderedDict[Key, deque[tuple[float, Decision, float | None]]] = OrderedDict()
        self._under_way: dict[Key, dict[str, RolloutStatus]] = {}
        """The last status of each run while it was under way, by its id, until its end is reported."""
        self._last: dict[Key, str] = {}
        """The newest run of each Rollout whose report is written, or was given up."""
        self._refused: set[Key] = set()
        """Rollouts that were told of a refusal."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(AT_ONCE)
        self.failure: BaseException | None = None
        """What ended a report that no port may raise: a mistake, or the end of a simulated process."""

    @property
    def busy(self) -> bool:
        """Whether a report is being written."""
        return bool(self._tasks)

    async def drained(self) -> None:
        """Waits until none is."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    def abandon(self) -> None:
        """Gives up what is under way."""
        for task in self._tasks:
            task.cancel()

    def heard(self, key: Key, decision: Decision, weight: float | None) -> None:
        """Remembers a decision for the report of the run; `weight` in percent."""
        if self._world.reports.keeps(key[0]):
            lines = self._heard.setdefault(key, deque(maxlen=HEARD))
            lines.append((self._world.clock.now(), decision, weight))

    def under_way(self, key: Key, status: RolloutStatus) -> None:
        """Remembers a status that is recorded, of a run under way."""
        if status.run is not None and self._world.reports.keeps(key[0]):
            self._under_way.setdefault(key, {})[status.run.id] = status

    def seen(self, rollout: RolloutObject, status: RolloutStatus) -> None:
        """Begins the report of a run that has ended, by a status that is recorded."""
        if not self._world.reports.keeps(rollout.namespace):
            return
        key = (rollout.namespace, rollout.name)
        ended = status.history[0] if status.history else None
        if ended is None or self._last.get(key) == ended.id:
            return
        first, self._last[key] = key not in self._last, ended.id
        before = self._under_way.get(key, {}).pop(ended.id, None)
        if rollout.deleting or ended.outcome == RunEnd.DELETED:
            return
        if first and before is None and self._world.clock.now() - ended.end_time.timestamp() > STILL_WRITTEN:
            return
        self._begin(rollout, status, before)

    def forget(self, key: Key) -> None:
        """The Rollout is gone."""
        for known in (self._heard, self._under_way, self._last):
            known.pop(key, None)
        self._refused.discard(key)

    def _begin(self, rollout: RolloutObject, status: RolloutStatus, before: RolloutStatus | None) -> None:
        key = (rollout.namespace, rollout.name)
        ended = status.history[0]
        lines = self._of_run(key, ended.start_time.timestamp(), ended.end_time.timestamp())
        if len(self._tasks) >= WAITING:
            _log.warning("report given up", namespace=key[0], rollout=key[1], run=ended.id, waiting=WAITING)
            return
        task = asyncio.create_task(self._write(rollout, status, before, lines), name="report")
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _of_run(self, key: Key, start: float, end: float) -> tuple[tuple[float, Decision, float | None], ...]:
        """The decisions of a run, which are forgotten with it: the last ones are heard only once its end is recorded."""
        lines = tuple(self._heard.pop(key, ()))
        began = (
            place for place, (time, one, _) in enumerate(lines) if one.reason == Reason.RUN_STARTED and time >= end
        )
        place = next(began, len(lines))
        if lines[place:]:  # the next run has begun already
            self._heard[key] = deque(lines[place:], maxlen=HEARD)
        return tuple(one for one in lines[:place] if one[0] >= start - 1)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failure = error
            _log.error("report failed", error=f"{type(error).__name__}: {error}")

    async def _write(
        self,
        rollout: RolloutObject,
        status: RolloutStatus,
        before: RolloutStatus | None,
        lines: tuple[tuple[float, Decision, float | None], ...],
    ) -> None:
        run, key = status.history[0].id, (rollout.namespace, rollout.name)
        text = _text(rollout, status, before, lines, instant(self._world.clock.now()))
        for wait in (*TRIES, None):
            try:
                async with self._places:
                    await self._world.reports.keep(rollout, run, text)
                    await self._prune(rollout, run)
            except Rejected as error:
                self._tell(rollout, run, str(error))
                return
            except PortError as error:
                if wait is None:
                    _log.warning("report given up", namespace=key[0], rollout=key[1], run=run, error=str(error))
                    return
                await self._world.clock.sleep(wait)
            else:
                return

    async def _prune(self, rollout: RolloutObject, run: str) -> None:
        oldest = number_of(run) - KEPT
        for number in range(max(oldest - PRUNED + 1, 1), oldest + 1):
            await self._world.reports.drop(rollout, number)

    def _tell(self, rollout: RolloutObject, run: str, error: str) -> None:
        """In the log each time, in one Event for each Rollout."""
        key = (rollout.namespace, rollout.name)
        _log.warning("report refused", namespace=key[0], rollout=key[1], run=run, error=error)
        if key not in self._refused:
            self._refused.add(key)
            words = f"the report of the run cannot be kept: {error}; the run itself is not affected"
            self._announce(rollout, Decision(Reason.REPORT_REFUSED, words, warning=True))


def _text(
    rollout: RolloutObject,
    status: RolloutStatus,
    before: RolloutStatus | None,
    lines: tuple[tuple[float, Decision, float | None], ...],
    now: datetime,
) -> str:
    """The report as it is kept. What makes it is loaded with the first one: most operators need it seldom, and some never."""
    from tidegate.core.report.bounded import as_text  # noqa: PLC0415
    from tidegate.core.report.compose import Known, compose, moment  # noqa: PLC0415

    told: tuple[Moment, ...] = tuple(moment(time, one.reason, one.message, weight) for time, one, weight in lines)
    jobs = (before or status).model_dump(mode="json", by_alias=True, include={"jobs"}).get("jobs") or ()
    known = Known(rollout.namespace, rollout.name, rollout.spec, status, now, before, told, raw_jobs=tuple(jobs))
    return as_text(compose(known, status.history[0].id))
