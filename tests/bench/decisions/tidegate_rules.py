"""Tidegate's rules, on the product's own tests: what `max`, `for` and `regression` come to, one look a minute."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from tests.bench.decisions.traffic import Minute
from tidegate.core.evidence.counts import Window
from tidegate.core.evidence.regression import START, Absolute, Relative, regressed

ALPHA = 0.05
MARGIN = 0.2
LIMIT = 0.01
WARM_UP = 3
"""Minutes left out of comparisons: cold pods."""
ALIKE = 0.2
"""As core/attribution.py: so much worse than the baseline is still alike."""
OUTAGE = 0.2
"""The plain limit of what is recommended: far above any rate a service is run at."""
OUTAGE_FOR = 2
"""Minutes it must last there."""


class Evidence:
    """What the sequential tests have come to: fed once a minute, looked at by several rules."""

    def __init__(self) -> None:
        self._relative = Relative(MARGIN)
        self._ratios = START
        self._from_first = START
        self._candidate = [0.0, 0.0]
        self._baseline = [0.0, 0.0]
        self.worse = False
        """The candidate is worse than the baseline by more than the margin, its cold pods left out."""
        self.worse_from_first = False
        """The same with nothing left out: enough to say whose fault a breach is."""

    def see(self, minute: Minute) -> None:
        window = minute.window
        self._candidate[0] += window.candidate
        self._candidate[1] += window.candidate_bad
        self._baseline[0] += window.baseline
        self._baseline[1] += window.baseline_bad
        self._from_first = self._relative.after(self._from_first, (window,))
        if minute.number >= WARM_UP:
            self._ratios = self._relative.after(self._ratios, (window,))
        if window.candidate_bad:  # without one the evidence cannot rise
            self.worse = regressed(self._ratios, ALPHA)
            self.worse_from_first = regressed(self._from_first, ALPHA)

    @property
    def candidate_beyond(self) -> bool:
        return beyond(*self._candidate)

    @property
    def baseline_beyond(self) -> bool:
        return beyond(*self._baseline)


def beyond(requests: float, bad: float) -> bool:
    """Whether one arm's rate is refuted to be within the limit. The test depends on the sums of all windows alone."""
    if bad <= LIMIT * requests:
        return False  # no alternative above the limit is likelier than the limit
    return regressed(Absolute(LIMIT).after(START, (Window(0, 0, requests, bad),)), ALPHA)


class Plain:
    """`max` over a window of so many minutes, sustained `for` so many minutes; held when the baseline breaks it alike."""

    def __init__(self, limit: float, window: int, lasting: int) -> None:
        self._limit, self._lasting = limit, lasting
        self._latest: deque[Window] = deque(maxlen=window)
        self._since: int | None = None

    def look(self, minute: Minute, evidence: Evidence) -> bool:
        del evidence
        self._latest.append(minute.window)
        seen = together(self._latest)
        if not seen.candidate:
            return False  # blind: neither resets nor completes what lasts
        if seen.candidate_bad / seen.candidate <= self._limit:
            self._since = None
            return False
        if self._since is None:
            self._since = minute.number
        return minute.number - self._since >= self._lasting and not self._alike(seen)

    def _alike(self, seen: Window) -> bool:
        """As core/attribution.py: the baseline is beyond the limit as well, and the candidate not clearly worse."""
        if not seen.baseline or seen.baseline_bad / seen.baseline <= self._limit:
            return False
        return not regressed(Relative(ALIKE).after(START, (seen,)), ALPHA)


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


def together(windows: Iterable[Window]) -> Window:
    known = list(windows)
    return Window(
        sum(one.baseline for one in known),
        sum(one.baseline_bad for one in known),
        sum(one.candidate for one in known),
        sum(one.candidate_bad for one in known),
    )
