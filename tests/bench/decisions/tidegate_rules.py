"""Tidegate's rules, on the product's own tests: what `max`, `for` and `regression` come to, one look a minute."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence

from tests.bench.decisions.traffic import Minute
from tidegate.core.judging.shared_incident import clearly_worse, share_of_look
from tidegate.core.statistics import change_point
from tidegate.core.statistics.accumulators import damped, together
from tidegate.core.statistics.dispersion import Dispersion
from tidegate.core.statistics.mixture import multiples
from tidegate.core.statistics.rate_tests import START, Absolute, Relative
from tidegate.core.statistics.usual import Pending, predicted
from tidegate.core.statistics.windows import Window

ALPHA = 0.05
MARGIN = 0.2
LIMIT = 0.01
WARM_UP = 3
"""Minutes left out of comparisons: cold pods."""
OUTAGE = 0.2
"""The plain limit of what is recommended: far above any rate a service is run at."""
OUTAGE_FOR = 2
"""Minutes it must last there."""


class Running:
    """One test on one arm or both, carried on window by window as the product carries it on."""

    def __init__(self, test: Relative | Absolute, most: float = math.inf, alpha: float = ALPHA) -> None:
        """`most`: what one window may add."""
        self._test, self._most, self._level = test, most, math.log(1 / alpha)
        self._logs: tuple[float, ...] = ()
        self._pending = Pending()
        self._counted = 0
        self.broken = False
        """The null is refuted."""

    def see(self, window: Window, dispersion: float = 1.0, usual: float | None = None) -> None:
        """`usual`: the baseline's rate before this window, where a regression must last."""
        growth: Sequence[float] = self._test.after(START, (window,))
        growth = [min(more, self._most) for more in damped(growth, dispersion)]
        if usual is not None and isinstance(self._test, Relative):
            other = predicted(window, usual, self._test.margin, multiples(), dispersion)
            growth, self._pending = self._pending.after(growth, other)
        self._logs = change_point.after(self._logs, self._counted, [growth])
        self._counted += 1
        if self.broken or window.candidate_bad:  # without a bad request the evidence cannot rise
            self.broken = change_point.log_evidence(self._logs, self._counted) >= self._level


class Late:
    """The same, caught up with only when somebody asks."""

    def __init__(self, test: Relative | Absolute) -> None:
        self._running = Running(test)
        self._seen: list[tuple[Window, float]] = []

    def see(self, window: Window, dispersion: float = 1.0) -> None:
        self._seen.append((window, dispersion))

    @property
    def broken(self) -> bool:
        for window, dispersion in self._seen:
            self._running.see(window, dispersion)
        self._seen.clear()
        return self._running.broken


class Evidence:
    """What the sequential tests have come to: fed once a minute, looked at by several rules."""

    def __init__(self, past: Iterable[tuple[float, float]] = ()) -> None:
        """`past`: the baseline's requests and bad ones before the rollout, in blocks of five minutes."""
        self._dispersion = Dispersion().after_blocks(past)
        self._warm = Running(Relative(MARGIN), change_point.MOST)
        self._from_first = Late(Relative(MARGIN))
        self._candidate = Running(Absolute(LIMIT))
        self._baseline = Late(Absolute(LIMIT))

    def see(self, minute: Minute) -> None:
        window, dispersion = minute.window, self._dispersion.factor
        if minute.number >= WARM_UP:
            self._warm.see(window, dispersion, self._dispersion.usual.rate)
        self._from_first.see(window, dispersion)
        self._candidate.see(window, dispersion)
        turned = Window(window.candidate, window.candidate_bad, window.baseline, window.baseline_bad)
        self._baseline.see(turned, dispersion)
        self._dispersion = self._dispersion.after(window.baseline, window.baseline_bad, 60.0)

    @property
    def worse(self) -> bool:
        """The candidate is worse than the baseline by more than the margin, its cold pods left out."""
        return self._warm.broken

    @property
    def worse_from_first(self) -> bool:
        """The same with nothing left out: enough to say whose fault a breach is."""
        return self._from_first.broken

    @property
    def candidate_beyond(self) -> bool:
        """The candidate is beyond the limit."""
        return self._candidate.broken

    @property
    def baseline_beyond(self) -> bool:
        """So is the baseline."""
        return self._baseline.broken


class Plain:
    """`max` over a window of so many minutes, sustained `for` so many minutes; held when the baseline breaks it alike."""

    def __init__(self, limit: float, window: int, lasting: int, least: int = 1) -> None:
        """`least`: `minimumRequests` of a window."""
        self._limit, self._lasting, self._least = limit, lasting, least
        self._latest: deque[Window] = deque(maxlen=window)
        self._since: int | None = None
        self._held: int | None = None
        """Since when it is held."""
        self._both: int | None = None
        """When both arms were beyond the limit last."""

    def look(self, minute: Minute, evidence: Evidence) -> bool:
        del evidence
        self._latest.append(minute.window)
        seen = together(self._latest)
        if seen.candidate < self._least:
            return False  # no data, or too little: neither resets nor completes what lasts
        if seen.candidate_bad / seen.candidate <= self._limit:
            self._since = self._held = None
            return False
        if self._since is None:
            self._since = minute.number
        if minute.number - self._since < self._lasting:
            return False
        alike = self._alike(seen, minute.number)
        if alike:  # what is not this version's fault takes no time off its `for`
            self._since, self._held = None, minute.number if self._held is None else self._held
        return not alike

    def _alike(self, seen: Window, number: int) -> bool:
        """As core/judging/shared_incident.py: both are beyond the limit, or were a moment ago, and the candidate is not clearly worse."""
        both = bool(seen.baseline) and seen.baseline_bad / seen.baseline > self._limit
        moment = (self._latest.maxlen or 0) + self._lasting + 1
        if not both and (self._both is None or number - self._both > moment):
            return False
        looks = 1 if self._held is None else 2 + number - self._held
        alike = not clearly_worse(seen, ALPHA * share_of_look(looks))
        if both and alike:
            self._both = number
        return alike


class Regression:
    """`regression: {margin: 20%, confidence: 95%}`."""

    def look(self, minute: Minute, evidence: Evidence) -> bool:
        del minute
        return evidence.worse


class Limited:
    """`regression: {limit: 1%}`: reverts when the limit is broken and the candidate is worse than the baseline.

    Worse by the relative test from the first window on: what is shown then is shown whatever the baseline's own test says.
    """

    def look(self, minute: Minute, evidence: Evidence) -> bool:
        del minute
        return evidence.candidate_beyond and evidence.worse_from_first


class LimitedWarm:
    """The same, with the comparison that leaves out the warm-up."""

    def look(self, minute: Minute, evidence: Evidence) -> bool:
        del minute
        return evidence.candidate_beyond and evidence.worse


class LimitedUnlessBothBroken:
    """The same, but held only while the baseline's own test against the limit is broken too, and it is not shown worse."""

    def look(self, minute: Minute, evidence: Evidence) -> bool:
        del minute
        return evidence.candidate_beyond and (evidence.worse or not evidence.baseline_beyond)


class Together:
    """What is recommended: a high `max` with a short `for` against outages, and `regression` against everything else."""

    def __init__(self) -> None:
        self._outage = Plain(OUTAGE, window=2, lasting=OUTAGE_FOR)

    def look(self, minute: Minute, evidence: Evidence) -> bool:
        return self._outage.look(minute, evidence) or evidence.worse
