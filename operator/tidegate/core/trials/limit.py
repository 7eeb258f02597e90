"""`regression` with a limit: the candidate against it, and the baseline beside it to tell a shared incident."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tidegate.api.metric import Metric
from tidegate.api.run_status import EvidenceStatus
from tidegate.api.threshold import Regression
from tidegate.core.draft import Draft
from tidegate.core.evidence.counts import Window
from tidegate.core.evidence.gathered import (
    NONE,
    Compared,
    Conclusion,
    Limited,
    Suspicion,
    crossing,
    mirrored,
    together,
)
from tidegate.core.instants import instant
from tidegate.core.proofs import Lately, Proof, of_limit
from tidegate.core.trials.baseline import compared_of, memory_of
from tidegate.core.trials.trial import (
    Closed,
    alpha_of,
    kept,
    level_of,
    numbers,
    rounded,
    stand,
    suspicion_of,
    warm_from,
)


@dataclass(frozen=True)
class AgainstLimit:
    """See `Trial`. Only the comparison leaves the warm-up out: an outage in the first minute counts."""

    test: Regression
    alpha: float
    warm_from: float
    """Epoch seconds."""
    candidate: Limited
    baseline: Limited
    compared: Compared
    counts: Window
    suspicion: Suspicion
    peak: float | None

    @classmethod
    def of(cls, draft: Draft, test: Regression, metric: Metric, remembered: EvidenceStatus) -> AgainstLimit:
        """Goes on from what status keeps."""
        limit = test.limit.in_unit(metric.effective_unit) if test.limit is not None else 0.0
        return cls(
            test,
            alpha_of(draft, test),
            warm_from(draft, metric),
            Limited(limit, remembered.absolute, remembered.limited),
            Limited(limit, remembered.baseline, remembered.limited),
            compared_of(test, remembered),
            Window(*remembered.counts),
            suspicion_of(remembered),
            remembered.peak,
        )

    def after(self, window: Closed) -> AgainstLimit:
        """With a further window."""
        counts = window.counts
        candidate = self.candidate.after([counts])
        peak, over = stand(self.peak, candidate.evidence, level_of(self.alpha))
        if over:
            anew = Limited(self.candidate.limit)
            return replace(
                self,
                candidate=anew,
                baseline=anew,
                compared=Compared(self.compared.margin),
                counts=NONE,
                suspicion=Suspicion(window.end, NONE),
                peak=None,
            )
        return replace(
            self,
            candidate=candidate,
            baseline=self.baseline.after(mirrored([counts])),
            compared=self.compared if window.begin < self.warm_from else self.compared.after([counts]),
            counts=together([self.counts, counts]),
            suspicion=self.suspicion.after(self.candidate.growths([counts])[0], counts, window.end),
            peak=peak,
        )

    def proof(self) -> Proof:
        """What is shown up to now."""
        conclusion = self.candidate.conclusion(self.alpha, self.counts) if self.peak is None else Conclusion.REGRESSED
        lately = Lately(instant(self.suspicion.since), self.suspicion.counts)
        alike = self.baseline.evidence >= level_of(self.alpha)
        worse = self.compared.evidence >= level_of(self.alpha)
        return of_limit(self.test, conclusion, self.counts, self.alpha, lately, shared=alike and not worse)

    def memory(self) -> dict[str, object]:
        """The fields of `EvidenceStatus` that it goes on from."""
        return {
            "counts": numbers(self.counts),
            "suspect": kept(self.suspicion),
            "peak": self.peak,
            "absolute": rounded(self.candidate.logs),
            "baseline": rounded(self.baseline.logs),
            "limited": self.candidate.counted,
        } | memory_of(self.compared)

    def ahead(self, window: Window) -> float:
        """After how many more windows like this one something else is shown."""
        if self.peak is not None:
            return 1.0
        level = level_of(self.alpha)
        tests = ((self.candidate, window), (self.baseline, mirrored([window])[0]))
        found = [crossing(one.logs, one.counted, one.growths([seen])[0], level) for one, seen in tests]
        growth = self.compared.growths([window])[0]
        return min(*found, crossing(self.compared.logs, self.compared.counted, growth, level))
