"""What the tests on counts have shown, in numbers and in words for people."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.thresholds import Regression, Split, Threshold
from tidegate.api.values.scalars import Unit
from tidegate.core.count_tests.average_segment import AverageSegment
from tidegate.core.count_tests.segment import Segment
from tidegate.core.count_tests.state import SegmentState
from tidegate.core.model.finding import Evidence, Finding, SeriesFinding, State
from tidegate.core.model.time_format import instant
from tidegate.core.model.value_format import digits, shown
from tidegate.core.statistics.accumulators import Conclusion, detectable
from tidegate.core.statistics.confidence import POINTS, rate_interval, still_possible
from tidegate.core.statistics.mixture import ALTERNATIVES
from tidegate.core.statistics.windows import Counted, Sums, Window

AnySegment: TypeAlias = Segment | AverageSegment


@dataclass(frozen=True)
class CountTestResult:
    """A test's conclusion with what it rests on."""

    conclusion: Conclusion
    state: State
    counts: Counted
    words: str
    possible: str = ""
    """The ratios, or the rates, that are still possible."""
    shared: bool = False
    """Broken by the baseline alike."""
    labels: str = ""
    """Of the segment that it is about."""
    segments: tuple[SeriesFinding, ...] = ()
    """All of them, where there are several."""

    def finding(self, limit: Threshold, metric: Metric) -> Finding:
        """As a finding of the limit."""
        if limit.split is not None and isinstance(self.counts, Window):
            total = self.counts.baseline + self.counts.candidate
            worst = SeriesFinding(self.labels, self.state, self.counts.share if total else None, requests=total)
            evidence = Evidence(str(self.conclusion), f"{self.counts.candidate:.0f} of {total:.0f}", "")
            words = self.words
        else:
            worst = _series(self.labels, self.state, self.counts)
            evidence = Evidence(str(self.conclusion), _of_both(self.counts), self.possible)
            words = f"{metric.name} of the candidate{self.labels} {self.words}"
        others = tuple(one for one in self.segments if one.series != self.labels)
        return Finding(limit, self.state, words, worst, (worst, *others), evidence=evidence, shared=self.shared)


@dataclass(frozen=True)
class Told:
    """What a test knows of the segment that it tells of, and of the others."""

    labels: str
    segment: AnySegment
    alpha: float
    number: int = 1
    """Of segments."""
    silent: tuple[str, ...] = ()
    """Segments without requests of both arms."""
    segments: tuple[tuple[str, AnySegment], ...] = ()

    def result(
        self, conclusion: Conclusion, state: State, words: str, *, possible: str = "", shared: bool = False
    ) -> CountTestResult:
        """The result about this segment."""
        shown_counts = self.segment.lately if conclusion is Conclusion.REGRESSED else self.segment.counts
        each = tuple(
            _series(labels, State.OK if one.compares else State.TOO_FEW_REQUESTS, one.counts)
            for labels, one in self.segments
        )
        return CountTestResult(conclusion, state, shown_counts, words + self._more, possible, shared, self.labels, each)

    @property
    def lately(self) -> str:
        """Since when there is evidence of a regression, and the requests since, with the rates of both arms."""
        since = instant(self.segment.since)
        return f"since {since:%Y-%m-%d %H:%M:%S} UTC {self.segment.told(self.segment.lately)}"

    @property
    def so_far(self) -> str:
        """All that was counted; of several segments that with the most evidence."""
        several = f" in {self.number} segments, the most evidence here" if self.number > 1 else ""
        return f"{several}: {self.segment.told(self.segment.counts)}"

    @property
    def _more(self) -> str:
        """The dispersion of its errors, and which segments are left out."""
        words = self.segment.notes
        if self.silent and len(self.silent) < self.number:
            named = ", ".join(self.silent[:3]) + (f" and {len(self.silent) - 3} more" if len(self.silent) > 3 else "")
            words += f"; left out, no requests of both arms: {named}"
        return words


def of_regression(test: Regression, conclusion: Conclusion, told: Told) -> CountTestResult:
    """The candidate against the baseline."""
    if not told.segment.compares:
        words = "cannot be compared yet: no requests of both arms after the warm-up"
        return told.result(Conclusion.INCONCLUSIVE, State.TOO_FEW_REQUESTS, words)
    one = told.segment
    possible = ratio_in_words(*one.compared.possible(told.alpha)) if isinstance(one, Segment) else ""
    sure = f"with {test.confidence} confidence"
    worse = "worse" if isinstance(one, Segment) else "higher"
    match conclusion:
        case Conclusion.REGRESSED:
            words = f"is {worse} than the baseline's by more than {test.margin}, {sure}: {told.lately}"
            return told.result(conclusion, State.BREACHED, words)
        case Conclusion.SHOWN_OK:
            words = f"is not {worse} than the baseline's by more than {test.margin}, shown {sure}"
            words += f"{told.so_far}; possible: {possible}"
        case Conclusion.INCONCLUSIVE:
            words = f"shows no regression by more than {test.margin} so far{told.so_far}"
            if isinstance(one, Segment):
                words += f"; possible: {possible}; " if told.number == 1 else "; "
                factor = one.dispersion.factor
                words += _found(detectable(one.counts, one.compared.margin, told.alpha / told.number, factor))
    return told.result(conclusion, State.OK, words, possible=possible)


def of_limit(test: Regression, conclusion: Conclusion, told: Told, *, shared: bool = False) -> CountTestResult:
    """The candidate against a limit; `shared`: it is not shown to be worse than the baseline."""
    one = told.segment
    if not isinstance(one, Segment) or one.counts.candidate <= 0:
        return told.result(Conclusion.INCONCLUSIVE, State.TOO_FEW_REQUESTS, "cannot be evaluated yet: no requests")
    counts, factor = one.counts, one.dispersion.factor
    low, high = rate_interval(counts.candidate / factor, counts.candidate_bad / factor, told.alpha)
    possible = f"{shown(low, Unit.RATIO)} to {shown(high, Unit.RATIO)}"
    sure = f"with {test.confidence} confidence"
    match conclusion:
        case Conclusion.REGRESSED:
            words = f"is above {test.limit}, {sure}: {told.lately}"
            words += (
                "; not shown to be worse than the baseline's: a shared incident, not this version" if shared else ""
            )
            return told.result(conclusion, State.BREACHED, words, shared=shared)
        case Conclusion.SHOWN_OK:
            words = f"is not above {test.limit}, shown {sure}"
        case Conclusion.INCONCLUSIVE:
            words = f"is not shown to be above {test.limit} so far"
    return told.result(conclusion, State.OK, f"{words}{told.so_far}; possible: {possible}", possible=possible)


def undecided(test: Regression, told: Told) -> CountTestResult:
    """Above a limit in segments in which the baseline has no requests: nobody can tell whose fault that is."""
    words = f"is above {test.limit}, and the baseline has no requests there to compare with: {told.lately}"
    return told.result(Conclusion.INCONCLUSIVE, State.TOO_FEW_REQUESTS, words)


def of_split(test: Split, counts: Window, weight: float, labels: str = "", *, astray: bool) -> CountTestResult:
    """The candidate's share of the requests against its weight (percent); `labels`: of the segment that differs most."""
    total = counts.baseline + counts.candidate
    if total <= 0 and not astray:
        words = f"no requests were counted at a weight of {weight:g}% yet"
        return CountTestResult(Conclusion.INCONCLUSIVE, State.NOT_COMPARABLE, counts, words)
    of = f" of {labels}" if labels else ""
    got = f"the candidate got {shown(counts.share, Unit.RATIO)} of {total:.0f} requests{of} at a weight of {weight:g}%"
    if astray:
        words = f"{got}: the traffic is not where the weights send it, with {test.confidence} confidence"
        return CountTestResult(Conclusion.REGRESSED, State.BREACHED, counts, words, labels=labels)
    return CountTestResult(Conclusion.INCONCLUSIVE, State.OK, counts, got, labels=labels)


def _series(labels: str, state: State, counts: Counted) -> SeriesFinding:
    baseline, candidate = counts.values
    return SeriesFinding(labels, state, candidate, baseline, counts.candidate)


def _of_both(counts: Counted) -> str:
    if isinstance(counts, Sums):
        return f"{counts.candidate:.0f} against {counts.baseline:.0f} requests"
    return (
        f"{counts.candidate_bad:.0f} of {counts.candidate:.0f} against "
        f"{counts.baseline_bad:.0f} of {counts.baseline:.0f}"
    )


def ratio_in_words(low: float, high: float) -> str:
    """Which ratios of the candidate's rate to the baseline's are possible."""
    if math.isinf(high) and low == 0:
        return "any ratio to the baseline's"
    if math.isinf(high):
        return f"{digits(low, 3)} times the baseline's and up"
    return f"{digits(low, 3)} to {digits(high, 3)} times the baseline's"


def possible(state: SegmentState, alpha: float) -> str:
    """Which ratios are possible by what status keeps of one segment; empty where that is not kept."""
    profile = state.logs[-POINTS:] if len(state.logs) % ALTERNATIVES else ()
    return ratio_in_words(*still_possible(profile, alpha)) if len(profile) == POINTS else ""


def _found(ratio: float | None) -> str:
    if ratio is None:
        return "not enough data yet to detect a regression"
    return f"{digits(ratio, 2)} times the baseline's rate would have been detected by now"
