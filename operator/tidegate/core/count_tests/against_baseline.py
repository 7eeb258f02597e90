"""`regression` without a limit: the candidate against the baseline."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.run_status import EvidenceStatus
from tidegate.api.rollout.thresholds import Regression
from tidegate.core.count_tests.protocol import (
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
from tidegate.core.count_tests.wording import CountTestResult, Lately, of_regression
from tidegate.core.model.time_format import instant
from tidegate.core.statistics.accumulators import NONE, Compared, Conclusion, Suspicion, crossing, together
from tidegate.core.statistics.windows import Window
from tidegate.core.tick.context import TickContext

CALM = 5.0
"""How much surer than of a regression one must be that it is over when nothing fails any more: bad requests come in gaps, and a
candidate that is as bad as ever has a new one, with a new chance, after each of them."""

ROUNDING = 1e-6
"""Evidence that is this little more is none."""


@dataclass(frozen=True)
class AgainstBaseline:
    """See `CountTest`. Windows of the warm-up are left out."""

    test: Regression
    alpha: float
    warm_from: float
    """Epoch seconds."""
    compared: Compared
    counts: Window
    suspicion: Suspicion
    peak: float | None
    calm: float = 0.0
    """Requests to the candidate since the peak, and since one failed."""

    @classmethod
    def of(cls, draft: TickContext, test: Regression, metric: Metric, remembered: EvidenceStatus) -> AgainstBaseline:
        """Goes on from what status keeps."""
        return cls(
            test,
            alpha_of(draft, test),
            warm_from(draft, metric),
            compared_of(test, remembered),
            Window(*remembered.counts),
            suspicion_of(remembered),
            remembered.peak,
            remembered.calm,
        )

    def after(self, window: Closed) -> AgainstBaseline:
        """With a further window."""
        if window.begin < self.warm_from:
            return replace(self, suspicion=Suspicion(window.end, NONE))
        compared = self.compared.after([window.counts])
        peak, over = stand(self.peak, compared.evidence, level_of(self.alpha))
        rising = peak is None or self.peak is None or peak > self.peak + ROUNDING
        failing = rising or window.counts.candidate_bad > 0
        calm = 0.0 if failing else self.calm + window.counts.candidate
        if over or self._mended(calm):
            return replace(
                self,
                compared=Compared(self.compared.margin),
                counts=NONE,
                suspicion=Suspicion(window.end, NONE),
                peak=None,
                calm=0.0,
            )
        growth = self.compared.growths([window.counts])[0]
        return replace(
            self,
            compared=compared,
            counts=together([self.counts, window.counts]),
            suspicion=self.suspicion.after(growth, window.counts, window.end),
            peak=peak,
            calm=calm,
        )

    def _mended(self, calm: float) -> bool:
        """Whether so many requests since the peak would have brought another, had the candidate gone on as it was.

        Where nothing fails any more, in neither arm, no evidence moves: that alone would let a broken limit stand for ever.
        """
        suspect = self.suspicion.counts if self.suspicion.counts.candidate > self.calm else self.counts
        bad, before = suspect.candidate_bad, suspect.candidate - self.calm
        if calm <= 0 or bad <= 0:
            return False
        return -calm * math.log1p(-bad / (max(before, bad) + 1)) >= CALM * level_of(self.alpha)

    def result(self) -> CountTestResult:
        """What is shown up to now."""
        conclusion = self.compared.conclusion(self.alpha) if self.peak is None else Conclusion.REGRESSED
        suspect = self.suspicion.counts if self.suspicion.counts != NONE else self.counts
        lately = Lately(instant(self.suspicion.since), suspect)
        return of_regression(self.test, self.compared, conclusion, self.counts, self.alpha, lately)

    def memory(self) -> dict[str, object]:
        """The fields of `EvidenceStatus` that it goes on from."""
        return {
            "counts": numbers(self.counts),
            "suspect": kept(self.suspicion),
            "peak": self.peak,
            "calm": self.calm,
        } | memory_of(self.compared)

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
