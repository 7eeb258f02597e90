"""`regression` without a limit: the candidate against the baseline."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tidegate.api.metric import Metric
from tidegate.api.run_status import EvidenceStatus
from tidegate.api.threshold import Regression
from tidegate.core.draft import Draft
from tidegate.core.evidence.counts import Window
from tidegate.core.evidence.gathered import NONE, Compared, Conclusion, Suspicion, crossing, together
from tidegate.core.instants import instant
from tidegate.core.proofs import Lately, Proof, of_regression
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
class AgainstBaseline:
    """See `Trial`. Windows of the warm-up are left out."""

    test: Regression
    alpha: float
    warm_from: float
    """Epoch seconds."""
    compared: Compared
    counts: Window
    suspicion: Suspicion
    peak: float | None

    @classmethod
    def of(cls, draft: Draft, test: Regression, metric: Metric, remembered: EvidenceStatus) -> AgainstBaseline:
        """Goes on from what status keeps."""
        return cls(
            test,
            alpha_of(draft, test),
            warm_from(draft, metric),
            compared_of(test, remembered),
            Window(*remembered.counts),
            suspicion_of(remembered),
            remembered.peak,
        )

    def after(self, window: Closed) -> AgainstBaseline:
        """With a further window."""
        if window.begin < self.warm_from:
            return replace(self, suspicion=Suspicion(window.end, NONE))
        compared = self.compared.after([window.counts])
        peak, over = stand(self.peak, compared.evidence, level_of(self.alpha))
        if over:
            return replace(
                self,
                compared=Compared(self.compared.margin),
                counts=NONE,
                suspicion=Suspicion(window.end, NONE),
                peak=None,
            )
        growth = self.compared.growths([window.counts])[0]
        return replace(
            self,
            compared=compared,
            counts=together([self.counts, window.counts]),
            suspicion=self.suspicion.after(growth, window.counts, window.end),
            peak=peak,
        )

    def proof(self) -> Proof:
        """What is shown up to now."""
        conclusion = self.compared.conclusion(self.alpha) if self.peak is None else Conclusion.REGRESSED
        suspect = self.suspicion.counts if self.suspicion.counts != NONE else self.counts
        lately = Lately(instant(self.suspicion.since), suspect)
        return of_regression(self.test, self.compared, conclusion, self.counts, self.alpha, lately)

    def memory(self) -> dict[str, object]:
        """The fields of `EvidenceStatus` that it goes on from."""
        return {"counts": numbers(self.counts), "suspect": kept(self.suspicion), "peak": self.peak} | memory_of(
            self.compared
        )

    def ahead(self, window: Window) -> float:
        """After how many more windows like this one something else is shown."""
        if self.peak is not None:
            return 1.0
        growth = self.compared.growths([window])[0]
        return crossing(self.compared.logs, self.compared.counted, growth, level_of(self.alpha))


def compared_of(test: Regression, remembered: EvidenceStatus) -> Compared:
    """The comparison as status keeps it."""
    if not remembered.relative:
        return Compared(test.margin.ratio)
    profile, null = remembered.profile[:-1], remembered.profile[-1]
    return Compared(test.margin.ratio, remembered.relative, remembered.compared, profile, null)


def memory_of(compared: Compared) -> dict[str, object]:
    """The comparison's fields of `EvidenceStatus`; none before the first window."""
    if not compared.logs:
        return {"relative": (), "compared": 0, "profile": ()}
    return {
        "relative": rounded(compared.logs),
        "compared": compared.counted,
        "profile": rounded((*compared.profile, compared.null)),
    }
