"""`split`: the candidate's share of the requests against its weight, segment by segment."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tidegate.api.rollout.thresholds import Split, Threshold
from tidegate.core.count_tests.protocol import Closed, level_of, stand
from tidegate.core.count_tests.state import Kind, SegmentState, State
from tidegate.core.count_tests.wording import CountTestResult, of_split
from tidegate.core.statistics import traffic_split
from tidegate.core.statistics.accumulators import NONE, together
from tidegate.core.statistics.dispersion import Dispersion
from tidegate.core.statistics.mixture import log_mean_exp
from tidegate.core.statistics.windows import Counted, Window
from tidegate.core.tick.context import TickContext
from tidegate.core.traffic import shares
from tidegate.core.traffic.shares import Standing

SETTLING = 30.0
"""Seconds after a weight was changed until every worker of a gateway routes by it."""

BEFORE = 0.0
"""The peak of a split that was broken at an earlier weight: one that is broken at this one is higher."""


def _share(draft: TickContext, known: float, cohort: str) -> float:
    """What the numbers on the route come to, percent: they may be a little less than the weight that was asked for."""
    seen = shares.largest_share(draft, cohort)
    if seen is None:
        return known or float(draft.weights.of(cohort))
    return float(round(seen, 3))


@dataclass(frozen=True)
class Portion:
    """One segment's requests at this weight."""

    counts: Window = NONE
    earlier: float = 0.0
    """The evidence (logarithm) of the weights before."""
    dispersion: Dispersion = Dispersion()  # noqa: RUF009  (frozen)
    """Of how many of a window's requests go to the candidate: clients that keep a connection, or retry, come in clusters."""

    def after(self, window: Window, seconds: float) -> Portion:
        """With a further window."""
        total = window.baseline + window.candidate
        return replace(
            self,
            counts=together([self.counts, window]),
            dispersion=self.dispersion.after(total, window.candidate, seconds),
        )

    def evidence(self, weight: float) -> float:
        """Ln E against "the traffic goes where the weights send it"; `weight`: percent."""
        factor = self.dispersion.factor
        counts = self.counts
        return self.earlier + traffic_split.log_evidence(
            weight / 100, counts.baseline / factor, counts.candidate / factor
        )

    def at_another_weight(self, earlier: float) -> Portion:
        """Without requests."""
        learnt = replace(self.dispersion, last=(0.0, 0.0), open=(0.0, 0.0), filled=0.0)
        return Portion(NONE, earlier, learnt)


@dataclass(frozen=True)
class SplitTest:
    """See `CountTest`. Windows that saw the weight change, or saw somebody else's, belong to none."""

    test: Split
    start: float = 0.0
    """Instants are kept as seconds since this, epoch seconds."""
    weight: float = 0.0
    """Percent."""
    since: float = 0.0
    """Epoch seconds from which windows count."""
    portions: Mapping[str, Portion] = field(default_factory=dict)
    """By the segment's labels."""
    peak: float | None = None
    needed: float = 0.0
    """Requests that it took to show that the split is off: so many must not show it any more at another weight."""

    @classmethod
    def of(cls, draft: TickContext, limit: Threshold, start: float, state: State | None) -> SplitTest:
        """Goes on from what status keeps; `limit` has a `split`. Raises: ValueError: it has none."""
        if (test := limit.split) is None:
            raise ValueError(f"{limit.identity} has no split")
        found = cls(test, start)
        if state is not None:
            weight, since, needed, peak = state.numbers
            portions = {labels: _portion(one) for labels, one in state.segments.items()}
            found = cls(test, start, weight, start + since, portions, None if math.isnan(peak) else peak, needed)
        elsewhere = shares.standing(draft, draft.weights) in {Standing.LESS, Standing.MORE}
        share = _share(draft, found.weight, limit.cohort or "")
        if found.weight != share or not draft.step.reached or elsewhere:
            broken = found.peak is not None
            return replace(
                found,
                weight=share,
                since=draft.now + SETTLING,
                portions={
                    key: one.at_another_weight(0.0 if broken else one.evidence(found.weight))
                    for key, one in found.portions.items()
                },
                peak=BEFORE if broken else None,
            )
        return found

    def state(self) -> State:
        """What status keeps of it."""
        peak = math.nan if self.peak is None else self.peak
        numbers = (self.weight, self.since - self.start, self.needed, peak)
        return State(Kind.SPLIT, numbers, {key: _kept(one) for key, one in self.portions.items()})

    @property
    def evidence(self) -> float:
        """Ln E of all segments together: the mean of theirs."""
        found = [one.evidence(self.weight) for one in self.portions.values()]
        return log_mean_exp(found) if found else 0.0

    def after(self, window: Closed) -> SplitTest:
        """With a further window."""
        if window.begin < self.since:
            return self
        known = dict(self.portions)
        for labels in window.segments:
            known.setdefault(labels, Portion())
        seconds = window.end - window.begin
        grown = {key: one.after(_requests(window.segments, key), seconds) for key, one in known.items()}
        found = replace(self, portions=grown)
        if self.peak == BEFORE:
            return _once_more(found)
        peak, over = stand(self.peak, found.evidence, self.level)
        if over:
            fresh = {key: one.at_another_weight(0.0) for key, one in grown.items()}
            return replace(self, portions=fresh, since=window.end, peak=None, needed=0.0)
        return replace(found, peak=peak, needed=found.requests if self.peak is None else self.needed)

    def result(self) -> CountTestResult:
        """What is shown up to now."""
        astray = self.peak is not None or self.evidence >= self.level
        worst = max(self.portions, key=lambda key: self.portions[key].evidence(self.weight), default="")
        counts = self.portions[worst].counts if worst in self.portions else NONE
        return of_split(self.test, counts, self.weight, worst, astray=astray)

    def ahead(self, window: Mapping[str, Counted]) -> float:
        """After how many more windows like this one something else is shown; looked at every other one while it grows."""
        grown = {
            key: replace(one, counts=together([one.counts, _requests(window, key)]))
            for key, one in self.portions.items()
        }
        return 1.0 if self.peak is not None or replace(self, portions=grown).evidence > self.evidence else math.inf

    @property
    def requests(self) -> float:
        """Of both arms, in all segments."""
        return sum(one.counts.baseline + one.counts.candidate for one in self.portions.values())

    @property
    def level(self) -> float:
        """The evidence (logarithm) from which the split is off."""
        return level_of(1 - self.test.confidence.ratio)


def _requests(segments: Mapping[str, Counted], labels: str) -> Window:
    found = segments.get(labels)
    return found if isinstance(found, Window) else NONE


def _once_more(trial: SplitTest) -> SplitTest:
    """Broken at an earlier weight, whose requests no others can outweigh: this one shows by itself how it is now."""
    if trial.evidence >= trial.level:
        return replace(trial, peak=trial.evidence, needed=trial.requests)
    mended = trial.requests >= max(trial.needed, 1.0) and trial.evidence <= 0
    return replace(trial, peak=None, needed=0.0) if mended else trial


def _kept(one: Portion) -> SegmentState:
    counts, learnt = one.counts, one.dispersion
    numbers = (counts.baseline, counts.baseline_bad, counts.candidate, counts.candidate_bad, one.earlier)
    return SegmentState((*numbers, learnt.squares, learnt.pairs, *learnt.last, *learnt.open, learnt.filled))


def _portion(state: SegmentState) -> Portion:
    """Raises ValueError: it is not as `_kept` gives it."""
    baseline, baseline_bad, candidate, candidate_bad, earlier, squares, pairs, *more = state.numbers
    last, last_bad, open_, open_bad, filled = more
    return Portion(
        Window(baseline, baseline_bad, candidate, candidate_bad),
        earlier,
        Dispersion(squares, pairs, (last, last_bad), (open_, open_bad), filled),
    )
