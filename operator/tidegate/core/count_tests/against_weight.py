"""`split`: the candidate's share of the requests against its weight."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from tidegate.api.rollout.run_status import EvidenceStatus
from tidegate.api.rollout.thresholds import Split
from tidegate.core.count_tests.protocol import REMEMBERED, Closed, level_of, numbers, stand
from tidegate.core.count_tests.wording import CountTestResult, of_split
from tidegate.core.statistics import traffic_split
from tidegate.core.statistics.accumulators import NONE, together
from tidegate.core.statistics.windows import Window
from tidegate.core.tick.context import TickContext
from tidegate.core.tick.draft import Draft
from tidegate.core.traffic import targets
from tidegate.core.traffic.targets import Standing

SETTLING = 30.0
"""Seconds after a weight was changed until every worker of a gateway routes by it."""


BEFORE = 0.0
"""The peak of a split that was broken at an earlier weight: one that is broken at this one is higher."""


def _share(draft: TickContext, known: float) -> float:
    """What the numbers on the route come to, percent: they may be a little less than the weight that was asked for."""
    seen = targets.largest_share(draft)
    if seen is None:
        return known or draft.run.weight
    return float(round(seen, 3))


@dataclass(frozen=True)
class AgainstWeight:
    """See `CountTest`. Each weight is a segment of its own; windows that saw it change, or saw somebody else's, belong to none."""

    test: Split
    weight: float
    """Percent."""
    since: float
    """Epoch seconds from which windows count."""
    earlier: float
    """The evidence (logarithm) of the segments before."""
    counts: Window
    peak: float | None
    needed: float = 0.0
    """Requests that it took to show that the split is off: so many must not show it any more at another weight."""

    @classmethod
    def of(cls, draft: Draft, test: Split, remembered: EvidenceStatus) -> AgainstWeight:
        """Goes on from what status keeps."""
        weight, since, earlier, *more = remembered.split or (0.0, 0.0, 0.0)
        found = cls(test, weight, since, earlier, Window(*remembered.counts), remembered.peak, *more)
        elsewhere = targets.standing(draft, draft.weight) in {Standing.LESS, Standing.MORE}
        share = _share(draft, weight)
        if weight != share or not draft.step.reached or elsewhere:
            return replace(
                found,
                weight=share,
                since=draft.now + SETTLING,
                earlier=found.evidence if found.peak is None else 0.0,
                counts=NONE,
                peak=BEFORE if found.peak is not None else None,
            )
        return found

    @property
    def evidence(self) -> float:
        """Ln E against "the traffic goes where the weights send it"."""
        return self.earlier + traffic_split.log_evidence(self.weight / 100, self.counts.baseline, self.counts.candidate)

    def after(self, window: Closed) -> AgainstWeight:
        """With a further window."""
        if window.begin < self.since:
            return self
        found = replace(self, counts=together([self.counts, window.counts]))
        if self.peak == BEFORE:
            return _once_more(found)
        peak, over = stand(self.peak, found.evidence, self.level)
        if over:
            return replace(self, earlier=0.0, counts=NONE, since=window.end, peak=None, needed=0.0)
        return replace(found, peak=peak, needed=_requests(found.counts) if self.peak is None else self.needed)

    def result(self) -> CountTestResult:
        """What is shown up to now."""
        astray = self.peak is not None or self.evidence >= self.level
        return of_split(self.test, self.counts, self.weight, astray=astray)

    def memory(self) -> dict[str, object]:
        """The fields of `EvidenceStatus` that it goes on from."""
        segment = (self.weight, round(self.since, 3), round(self.earlier, REMEMBERED), self.needed)
        return {"counts": numbers(self.counts), "split": segment, "peak": self.peak}

    def ahead(self, window: Window) -> float:
        """After how many more windows like this one something else is shown; looked at every other one while it grows."""
        found = replace(self, counts=together([self.counts, window]))
        return 1.0 if self.peak is not None or found.evidence > self.evidence else math.inf

    @property
    def level(self) -> float:
        """The evidence (logarithm) from which the split is off."""
        return level_of(1 - self.test.confidence.ratio)


def _once_more(trial: AgainstWeight) -> AgainstWeight:
    """Broken at an earlier weight, whose requests no others can outweigh: this one shows by itself how it is now."""
    requests = _requests(trial.counts)
    if trial.evidence >= trial.level:
        return replace(trial, peak=trial.evidence, needed=requests)
    mended = requests >= max(trial.needed, 1.0) and trial.evidence <= 0
    return replace(trial, peak=None, needed=0.0) if mended else trial


def _requests(counts: Window) -> float:
    return counts.baseline + counts.candidate
