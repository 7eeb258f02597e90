"""`regression` with a limit: the candidate against it, and against the baseline to tell a shared incident."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.run_status import EvidenceStatus
from tidegate.api.rollout.thresholds import Regression
from tidegate.core.count_tests.against_baseline import compared_of, memory_of
from tidegate.core.count_tests.protocol import (
    Closed,
    alpha_of,
    kept,
    level_of,
    numbers,
    rounded,
    stand,
    suspicion_of,
)
from tidegate.core.count_tests.wording import CountTestResult, Lately, of_limit
from tidegate.core.model.time_format import instant
from tidegate.core.statistics.accumulators import (
    NONE,
    Compared,
    Conclusion,
    Limited,
    Suspicion,
    crossing,
    together,
)
from tidegate.core.statistics.windows import Window
from tidegate.core.tick.arms import comparable
from tidegate.core.tick.context import TickContext


@dataclass(frozen=True)
class AgainstLimit:
    """See `CountTest`. Nothing leaves the warm-up out: an outage in the first minute counts, and is told from a shared one."""

    test: Regression
    alpha: float
    candidate: Limited
    compared: Compared
    counts: Window
    suspicion: Suspicion
    peak: float | None
    comparable: bool = True
    """The baseline has traffic to compare with: without, what breaks the limit is the candidate's."""

    @classmethod
    def of(cls, draft: TickContext, test: Regression, metric: Metric, remembered: EvidenceStatus) -> AgainstLimit:
        """Goes on from what status keeps."""
        limit = test.limit.in_unit(metric.effective_unit) if test.limit is not None else 0.0
        return cls(
            test,
            alpha_of(draft, test),
            Limited(limit, remembered.absolute, remembered.limited),
            compared_of(test, remembered),
            Window(*remembered.counts),
            suspicion_of(remembered),
            remembered.peak,
            comparable(draft),
        )

    def after(self, window: Closed) -> AgainstLimit:
        """With a further window."""
        counts = window.counts
        candidate = self.candidate.after([counts])
        peak, over = stand(self.peak, candidate.evidence, level_of(self.alpha))
        if over:
            return replace(
                self,
                candidate=Limited(self.candidate.limit),
                compared=self.compared.after([counts]),
                counts=NONE,
                suspicion=Suspicion(window.end, NONE),
                peak=None,
            )
        return replace(
            self,
            candidate=candidate,
            compared=self.compared.after([counts]),
            counts=together([self.counts, counts]),
            suspicion=self.suspicion.after(self.candidate.growths([counts])[0], counts, window.end),
            peak=peak,
        )

    def result(self) -> CountTestResult:
        """What is shown up to now."""
        conclusion = self.candidate.conclusion(self.alpha, self.counts) if self.peak is None else Conclusion.REGRESSED
        lately = Lately(instant(self.suspicion.since), self.suspicion.counts)
        worse = self.compared.evidence >= level_of(self.alpha)
        lately = lately if lately.counts != NONE else Lately(lately.since, self.counts)
        shared = self.comparable and not worse and lately.counts.baseline > 0
        return of_limit(self.test, conclusion, self.counts, self.alpha, lately, shared=shared)

    def memory(self) -> dict[str, object]:
        """The fields of `EvidenceStatus` that it goes on from."""
        return {
            "counts": numbers(self.counts),
            "suspect": kept(self.suspicion),
            "peak": self.peak,
            "absolute": rounded(self.candidate.logs),
            "limited": self.candidate.counted,
        } | memory_of(self.compared)

    def ahead(self, window: Window) -> float:
        """After how many more windows like this one something else is shown."""
        if self.peak is not None:
            return 1.0
        level = level_of(self.alpha)
        tests: tuple[Compared | Limited, ...] = (self.candidate, self.compared)
        return min(crossing(one.logs, one.counted, one.growths([window])[0], level) for one in tests)
