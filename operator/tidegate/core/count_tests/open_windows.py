"""The windows that are still to be counted: which of them can be by now, and which raw samples must be asked for.

They lie on a fixed grid. A window is closed once a sample was seen that is newer than its end, by the source's own clock.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace

from tidegate.api.rollout.metrics import Metric
from tidegate.core.metrics import counters
from tidegate.core.metrics.asking import Asking
from tidegate.core.metrics.variables import promql_duration
from tidegate.core.model.answers import Query
from tidegate.core.model.world import ArmName
from tidegate.core.statistics.counter_increase import LOOKBACK

LONGEST_STEP = 60.0
"""Seconds of a window, at most, unless the interval is longer: a breach is not found before its window closes."""

LAG = 10.0
"""Seconds a scrape may take to be stored after its instant."""

CHUNK = 3600.0
"""Seconds that are caught up on at once after an absence, unless a window is longer."""

SLACK = 10.0
"""Seconds that are asked for beyond what is needed: two queries are not evaluated at the same instant."""

TOLERANCE = 30.0
"""Seconds that the source's clock may differ from ours, where only ours is at hand."""

PATIENCE = 2.0
"""Seconds that are waited for an arm which a test can do without."""

BEFORE = 86400.0
"""Seconds in which a series is looked for that has no sample in the look-back."""


def step_of(metric: Metric, interval: float) -> float:
    """Seconds of one window: the metric's own, at most a minute, and never less than the interval."""
    return max(interval, min(metric.window.seconds, LONGEST_STEP))


@dataclass(frozen=True)
class OpenWindows:
    """The windows that have not been counted yet."""

    begin: float
    """Start of the first, epoch seconds."""
    step: float
    """Seconds of one."""
    now: float
    """Epoch seconds."""
    chunk: float = CHUNK
    """Seconds that are asked for at once, at most, the look-back aside."""

    @property
    def ripe(self) -> bool:
        """Whether the first may be closed by now; always where the source's clock is ahead, which had a sample from there."""
        return self.now >= self.begin + self.step + self._lag or self.now < self.begin

    @property
    def offset(self) -> float:
        """Whole seconds that the query looks back from: more than 0 while catching up."""
        return 0.0 if math.isinf(self.chunk) else float(max(math.floor(self.now - self.begin - self.chunk), 0))

    @property
    def selected(self) -> str:
        """The range, and the offset, behind a selector."""
        reach = math.ceil(max(self.now - self.offset - self.begin, 0.0) + LOOKBACK + SLACK)
        return f"[{reach}s]" + self._behind(self.offset)

    @property
    def earlier(self) -> str:
        """The same for what lies before the look-back."""
        reach = math.floor(self.now - self.begin + LOOKBACK)
        return f"[{promql_duration(BEFORE)}]" + self._behind(reach)

    def closed(self, last: float | None, now: float) -> int:
        """How many windows are closed.

        Args:
            last: the newest sample seen, epoch seconds; `None`: none was seen.
            now: by the source's own clock, epoch seconds; looked at while catching up.
        """
        there = min(now, self.now) - self.offset - TOLERANCE
        horizon = there if self.offset else -math.inf if last is None else last - self._lag
        return max(math.floor((horizon - self.begin) / self.step + 1e-9), 0) if horizon > self.begin else 0

    @property
    def _lag(self) -> float:
        return min(LAG, self.step)

    def _behind(self, seconds: float) -> str:
        return f" offset {promql_duration(seconds)}" if seconds else ""


def raw_queries(
    metric: Metric, asks: Asking, pending: OpenWindows, arms: Collection[ArmName] = (ArmName.CANDIDATE,)
) -> list[Query]:
    """The queries for the raw samples of both arms; none while no window can be closed."""
    if not pending.ripe:
        return []
    return [
        replace(raw_query(metric, arm, part, asks, pending), life=None if arm in arms else PATIENCE)
        for arm in ArmName
        for part in counters(metric)
    ]


def raw_query(metric: Metric, arm: ArmName, part: str, asks: Asking, pending: OpenWindows) -> Query:
    """The query for the raw samples of one counter of one arm."""
    text = asks.filled(counters(metric)[part], metric, arm) + pending.selected
    return Query(asks.source, text, metric.name, arm, f"raw-{part}")
