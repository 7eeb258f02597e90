"""`regression`: the candidate against the baseline, or against a limit, segment by segment.

The evidence of all segments together is the mean of theirs, which is valid under any dependence between them (V. Vovk and
R. Wang, E-values, 2021): nothing is pooled, so a segment that merely gets more requests makes no arm look worse.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.thresholds import Regression
from tidegate.api.status_budget import MAX_SERIES
from tidegate.api.values.scalars import Unit
from tidegate.core.count_tests.average_segment import NOTHING as NO_SUMS
from tidegate.core.count_tests.average_segment import AverageSegment
from tidegate.core.count_tests.protocol import Closed, alpha_of, level_of, stand, warm_from
from tidegate.core.count_tests.segment import Segment
from tidegate.core.count_tests.state import VERSION, Kind, State
from tidegate.core.count_tests.wording import AnySegment, CountTestResult, Told, of_limit, of_regression, undecided
from tidegate.core.model.finding import State as FindingState
from tidegate.core.statistics import change_point
from tidegate.core.statistics.accumulators import NONE, Compared, Conclusion, Limited, Suspicion, crossing
from tidegate.core.statistics.averages import Averages
from tidegate.core.statistics.confidence import NOTHING
from tidegate.core.statistics.mixture import log_mean_exp
from tidegate.core.statistics.windows import Counted, Window
from tidegate.core.tick.arms import comparable
from tidegate.core.tick.context import TickContext

CALM = 5.0
"""How much surer than of a regression one must be that it is over when nothing fails any more: bad requests come in gaps, and a
candidate that is as bad as ever has a new one, with a new chance, after each of them."""

ROUNDING = 1e-6
"""Evidence that is this little more is none."""


@dataclass(frozen=True)
class RegressionTest:
    """See `CountTest`. Against the baseline, windows of the warm-up are left out; against a limit an outage in the first minute counts."""

    test: Regression
    alpha: float
    start: float
    """Instants are kept as seconds since this, epoch seconds."""
    warm_from: float = -math.inf
    """Epoch seconds."""
    limit: float | None = None
    """A share above 0 and below 1."""
    floor: float = 0.0
    """A share, or an average, below which the candidate's does not act."""
    unit: Unit | None = None
    """Of an average; `None`: shares are compared."""
    grouped: bool = False
    """There is a segment for each set of labels in `by`."""
    least: int = 1
    """Segments that must have requests of both arms before anything is said to be well."""
    comparable: bool = True
    """The baseline has traffic to compare with: without, what breaks the limit is the candidate's."""
    segments: Mapping[str, AnySegment] = field(default_factory=dict)
    """By their labels."""
    peak: float | None = None
    """The highest evidence (logarithm) since it is broken; `None` while it is not."""
    calm: float = 0.0
    """Requests to the candidate since the peak, and since one failed."""
    tries: int = 0
    """Times that the baseline's past was asked for; `TRIES` (past.py) once it is known, or given up."""

    @classmethod
    def of(
        cls, draft: TickContext, test: Regression, metric: Metric, start: float, state: State | None
    ) -> RegressionTest:
        """Goes on from what status keeps.

        Args:
            draft: the tick's.
            test: of the line.
            metric: of the line, a share.
            start: where the line's grid of windows begins, epoch seconds.
            state: what status keeps; `None`: nothing.
        """
        unit = metric.effective_unit
        limit = test.limit.in_unit(unit) if test.limit is not None else None
        made = cls(
            test,
            alpha_of(draft, test),
            start,
            warm_from(draft, metric) if limit is None else -math.inf,
            limit,
            test.floor.in_unit(unit) if test.floor is not None else 0.0,
            None if metric.share else unit,
            bool(metric.by),
            metric.min_series or 1,
            comparable(draft),
        )
        return made.going_on(state)

    def going_on(self, state: State | None) -> RegressionTest:
        """From what status keeps; from the beginning where that is nothing."""
        if state is None:
            return self
        peak, calm, tries = state.numbers
        known: dict[str, AnySegment] = {
            labels: self.fresh(self.start).remembering(one, self.start) for labels, one in state.segments.items()
        }
        if state.version != VERSION:
            known = {labels: one.reweighted() for labels, one in known.items()}
        return replace(self, segments=known, peak=None if math.isnan(peak) else peak, calm=calm, tries=int(tries))

    def state(self) -> State:
        """What status keeps of it."""
        peak = math.nan if self.peak is None else self.peak
        kind = Kind.REGRESSION if self.limit is None else Kind.LIMIT
        return State(
            kind, (peak, self.calm, self.tries), {key: one.state(self.start) for key, one in self.segments.items()}
        )

    def learning(self, past: Mapping[str, list[tuple[float, float]]], seconds: float) -> RegressionTest:
        """With blocks of the baseline's past by segment, as (requests, bad ones or sum); `seconds`: of a window."""
        segments: dict[str, AnySegment] = dict(self.segments)
        for labels, blocks in list(past.items())[:MAX_SERIES]:
            one = segments.get(labels) or self.fresh(self.start)
            segments[labels] = one.learnt(blocks, seconds)
        return replace(self, segments=segments)

    def after(self, window: Closed) -> RegressionTest:
        """With a further window."""
        seconds = window.end - window.begin
        known: dict[str, AnySegment] = dict(self.segments)
        known |= {labels: self.fresh(window.begin) for labels in window.segments if labels not in known}
        known = _most(known, window.segments)
        blank = NONE if self.unit is None else NO_SUMS
        counts = {labels: window.segments.get(labels, blank) for labels in known}
        if window.begin < self.warm_from:
            return replace(
                self, segments={key: one.warming_up(counts[key], window.end, seconds) for key, one in known.items()}
            )
        grown = replace(self, segments={key: one.after(counts[key], window.end, seconds) for key, one in known.items()})
        peak, over = stand(self.peak, grown.evidence, self._level)
        calm = self._calm_after(peak, counts)
        if over or grown.mended(calm):
            fresh = {key: one.anew(window.end) for key, one in grown.segments.items()}
            return replace(grown, segments=fresh, peak=None, calm=0.0)
        return replace(grown, peak=peak, calm=calm)

    def fresh(self, since: float) -> AnySegment:
        """A segment that has seen nothing; `since`: epoch seconds."""
        if self.unit is not None:
            return AverageSegment(Averages(self.test.margin.ratio), self.unit, since)
        profile = () if self.grouped else NOTHING
        limited = Limited(self.limit, coarse=self.grouped) if self.limit is not None else None
        most = change_point.MOST if limited is None else math.inf  # an outage is beyond a limit in its first minute
        compared = Compared(self.test.margin.ratio, profile=profile, coarse=self.grouped, most=most)
        return Segment(compared, Suspicion(since, NONE), limited, floor=self.floor)

    @property
    def _level(self) -> float:
        return level_of(self.alpha)

    @property
    def evidence(self) -> float:
        """Ln E of all segments together."""
        return self._merged(self.segments)

    def _merged(self, counting: Mapping[str, AnySegment]) -> float:
        """The mean of the evidence; segments that do not count, or lie below the floor, are no evidence of a regression."""
        logs = [
            one.evidence if key in counting and self._acts(one) else min(one.evidence, 0.0)
            for key, one in self.segments.items()
            if not one.counts.empty
        ]
        return log_mean_exp(logs) if logs else 0.0

    def _acts(self, one: AnySegment) -> bool:
        """Whether the candidate's value is not below the floor."""
        value = one.lately.values[1]
        return self.floor <= 0 or (value is not None and value >= self.floor)

    def _calm_after(self, peak: float | None, counts: Mapping[str, Counted]) -> float:
        rising = peak is None or self.peak is None or peak > self.peak + ROUNDING
        worst = None if rising else self._worst(self.segments)
        if worst is None or self.segments[worst].fails(counts[worst]):
            return 0.0
        return self.calm + counts[worst].candidate

    def mended(self, calm: float) -> bool:
        """Whether so many requests since the peak would have brought another bad one, had the candidate gone on as it was.

        Where nothing fails any more, in neither arm, no evidence moves: that alone would let a broken comparison stand for ever.
        """
        worst = self._worst(self.segments)
        if worst is None or calm <= 0 or self.limit is not None:
            return False
        one = self.segments[worst]
        if not isinstance(one, Segment):
            return False
        suspect = one.suspicion.counts if one.suspicion.counts.candidate > calm else one.counts
        bad, before = suspect.candidate_bad, suspect.candidate - calm
        if bad <= 0:
            return False
        return -calm * math.log1p(-bad / (max(before, bad) + 1)) >= CALM * self._level

    def result(self) -> CountTestResult:
        """What is shown up to now."""
        found = self._of_limit() if self.limit is not None else self._of_baseline()
        comparable_now = sum(one.compares for one in self.segments.values())
        if self.grouped and found.state is FindingState.OK and comparable_now < self.least:
            words = f"{found.words}; {comparable_now} segments have requests of both arms, at least {self.least} are needed (minSeries)"
            return replace(found, state=FindingState.TOO_FEW_REQUESTS, words=words)
        return found

    def _told(self, labels: str) -> Told:
        known = self.segments.get(labels) or self.fresh(self.start)
        begun = {key: one for key, one in self.segments.items() if not one.counts.empty} if self.grouped else {}
        silent = tuple(key for key, one in begun.items() if not one.compares)
        return Told(labels, known, self.alpha, max(len(begun), 1), silent, tuple(begun.items()))

    def _of_baseline(self) -> CountTestResult:
        broken = self.peak is not None
        worst = self._worst(self.segments, acting=broken)
        told = self._told(worst or "")
        conclusion = Conclusion.REGRESSED if broken else Conclusion.INCONCLUSIVE
        if not broken and isinstance(told.segment, Segment):
            conclusion = told.segment.compared.conclusion(self.alpha)
        if not broken and conclusion is Conclusion.REGRESSED:  # of one segment among many, or below the floor
            conclusion = Conclusion.INCONCLUSIVE
        return of_regression(self.test, conclusion, told)

    def _of_limit(self) -> CountTestResult:
        if self.peak is None:
            told = self._told(self._worst(self.segments) or "")
            one, conclusion = told.segment, Conclusion.INCONCLUSIVE
            if isinstance(one, Segment) and one.limited is not None:
                conclusion = one.limited.conclusion(self.alpha, one.counts, one.dispersion.factor)
            if conclusion is Conclusion.REGRESSED:
                conclusion = Conclusion.INCONCLUSIVE
            return of_limit(self.test, conclusion, told)
        blamed = {key: one for key, one in self.segments.items() if self._blamed(one)}
        alike = {key: one for key, one in self.segments.items() if self._alike(one)}
        worst, other = self._worst(blamed, acting=True), self._worst(alike, acting=True)
        if worst is not None and (other is None or self._merged(blamed) >= self._level or self._more(worst, other)):
            return of_limit(self.test, Conclusion.REGRESSED, self._told(worst))
        if other is not None:
            return of_limit(self.test, Conclusion.REGRESSED, self._told(other), shared=True)
        return undecided(self.test, self._told(self._worst(self.segments, acting=True) or ""))

    def _more(self, one: str, other: str) -> bool:
        return self.segments[one].evidence >= self.segments[other].evidence

    def _blamed(self, one: AnySegment) -> bool:
        """Whether what breaks the limit is the candidate's: it is worse than the baseline, or there is none to ask.

        In a segment among several in which the baseline has no requests nothing can be told. Of several segments each is a test of
        its own, and they share the chance of an error.
        """
        if not self.comparable or not isinstance(one, Segment):
            return True
        several = sum(not other.counts.empty for other in self.segments.values())
        if one.compared.evidence >= self._level + math.log(max(several, 1)):
            return True
        return not self.grouped and one.lately.baseline <= 0

    def _alike(self, one: AnySegment) -> bool:
        """Whether it is not shown to be worse than the baseline, which has requests there."""
        return not self._blamed(one) and one.lately.baseline > 0

    def _worst(self, segments: Mapping[str, AnySegment], *, acting: bool = False) -> str | None:
        """The segment with the most evidence; with `acting` one that is not below the floor, and has any."""
        found = [key for key, one in segments.items() if not acting or not self.grouped or self._has_evidence(one)]
        compared = [key for key in found if segments[key].compares] or found
        return max(compared, key=lambda key: segments[key].evidence, default=None)

    def _has_evidence(self, one: AnySegment) -> bool:
        return one.evidence > 0 and self._acts(one)

    def ahead(self, window: Mapping[str, Counted]) -> float:
        """After how many more windows like this one something else may be shown."""
        if self.peak is not None:
            return 1.0
        several = self.grouped or self.floor > 0  # together no more is shown than by the one with the most
        if several and any(one.evidence >= self._level for one in self.segments.values()):
            return 1.0
        return min((self._crossing(one, window.get(key)) for key, one in self.segments.items()), default=math.inf)

    def _crossing(self, one: AnySegment, window: Counted | None) -> float:
        """The earliest: as if its errors came one by one, whatever is learnt of them meanwhile."""
        if isinstance(one, AverageSegment):
            return math.inf if window is None else one.ahead(window)
        window = window if isinstance(window, Window) else NONE
        tests: list[Compared | Limited] = [one.compared]
        if one.limited is not None:
            tests.append(one.limited)
        growths = [test.growths([window])[0] for test in tests]
        return min(
            crossing(test.logs, test.counted, growth, self._level) for test, growth in zip(tests, growths, strict=True)
        )


def _most(known: dict[str, AnySegment], counted: Mapping[str, Counted]) -> dict[str, AnySegment]:
    """At most `MAX_SERIES` segments, for status has no room for more: those that were counted now, then those with the most evidence."""
    if len(known) <= MAX_SERIES:
        return known
    first = sorted(
        known, key=lambda key: (key in counted, not known[key].counts.empty, known[key].evidence), reverse=True
    )
    kept = set(first[:MAX_SERIES])
    return {key: one for key, one in known.items() if key in kept}
