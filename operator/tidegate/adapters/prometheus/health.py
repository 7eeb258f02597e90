"""Whether a source is down, decided by a query of our own and never by a Rollout's.

A query that fails is its own affair: it may be heavy, wrong, or refused to this tenant alone. Only where the source fails
a query as light as there is (`vector(1)`) as well is the source the trouble. And only while not even a connection comes
about are Rollouts' queries not sent: the source is then probed in the background until it is back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from enum import Enum
from typing import Final

import structlog

from tidegate.core.model.answers import Answer, Failed

PROBE: Final = "vector(1)"
PROBE_EVERY: Final = 5.0
"""Seconds between two probes while something fails: a source that is back is noticed within a usual scrape interval."""
PROBE_TIMEOUT: Final = 5.0
"""Seconds a probe may take: nothing is read for it, so it takes milliseconds."""
VERDICT_WAIT: Final = 1.0
"""Seconds that the answer of a query that failed is held back for the probe's."""
NOBODY_ASKS: Final = 300.0
"""Seconds without any query after which a source that cannot be reached is no longer probed."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Trouble(Enum):
    """Whose failure one may be."""

    NONE = "none"
    """An answer, or a failure that only a source that works can give: a parse error, a kind of value not asked for."""
    DOUBTFUL = "doubtful"
    """The query's or the source's: an error status, a time-out, a connection that broke, no permission, no turn."""
    UNREACHED = "unreached"
    """No connection came about: the source's."""


Asked = tuple[Answer, Trouble]


class Health:
    """What is known of one source. Used from one event loop."""

    def __init__(
        self,
        name: str,
        probe: Callable[[], Awaitable[Asked]],
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`probe` puts `PROBE` to the source."""
        self._name = name
        self._probe = probe
        self._monotonic = monotonic
        self._sleep = sleep
        self._failing: Failed | None = None
        """What the probe came to; `None`: the source is well as far as is known."""
        self._unreached = False
        self._probed = self._well = self._asked = -NOBODY_ASKS
        self._probing: asyncio.Task[None] | None = None

    def refusal(self) -> Failed | None:
        """Why a query must not be sent now; `None` when it may be."""
        self._asked = self._monotonic()
        if self._failing is None or not self._unreached:
            return None
        self._ensure_probing()
        return replace(self._failing, message=f"not queried, the source cannot be reached: {self._failing.message}")

    async def judged(self, answer: Answer, trouble: Trouble, started: float, patience: float) -> Answer:
        """The answer to a query, a failure with whether the source is the trouble.

        Args:
            answer: what came of it.
            trouble: whose failure it may be.
            started: monotonic seconds when it was sent: a source that answered somebody since then is well.
            patience: seconds that the answer may be held back.
        """
        if trouble is Trouble.NONE:
            self._is_well()
            return answer
        assert isinstance(answer, Failed)  # noqa: S101  (only failures are anybody's trouble)
        if trouble is Trouble.DOUBTFUL and self._well >= started:
            return replace(answer, down=False)
        if self._monotonic() - self._probed >= PROBE_EVERY:
            self._ensure_probing()
        if trouble is Trouble.UNREACHED:
            return replace(answer, down=True)
        if self._probing is not None and self._failing is None:
            await asyncio.wait({self._probing}, timeout=min(VERDICT_WAIT, max(patience, 0.0)))
        if self._failing is None:
            return answer if self._probing is not None else replace(answer, down=False)
        message = f"{answer.message} (the source fails {PROBE} as well: {self._failing.message})"
        return replace(answer, message=message, down=True)

    def close(self) -> None:
        """Ends the probing."""
        if self._probing is not None:
            self._probing.cancel()

    def _is_well(self) -> None:
        if self._failing is not None:
            _log.info("source answers again", source=self._name)
        self._failing, self._unreached = None, False
        self._well = self._monotonic()

    def _ensure_probing(self) -> None:
        if self._probing is None:
            self._probing = asyncio.create_task(self._probes(), name=f"probe {self._name}")
            self._probing.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._probing = None
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("probe failed unexpectedly", source=self._name, error=repr(error))

    async def _probes(self) -> None:
        """Probes once; goes on while no connection comes about and somebody asks."""
        while True:
            self._probed = self._monotonic()
            answer, trouble = await self._probe()
            self._take(answer, trouble)
            if not self._keep_probing():
                return
            await self._sleep(PROBE_EVERY)
            if not self._keep_probing():
                return

    def _keep_probing(self) -> bool:
        return self._unreached and self._monotonic() - self._asked <= NOBODY_ASKS

    def _take(self, answer: Answer, trouble: Trouble) -> None:
        if trouble is Trouble.NONE or not isinstance(answer, Failed):
            self._is_well()
            return
        if self._failing is None:
            _log.warning("source is down", source=self._name, error=answer.message)
        self._failing = replace(answer, down=True)
        self._unreached = trouble is Trouble.UNREACHED
