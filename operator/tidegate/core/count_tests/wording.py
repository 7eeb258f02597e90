"""What the tests on counts have shown, in numbers and in words for people."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.thresholds import Regression, Split, Threshold
from tidegate.api.values.scalars import Unit
from tidegate.core.model.finding import Evidence, Finding, SeriesFinding, State
from tidegate.core.model.value_format import shown
from tidegate.core.statistics.accumulators import Compared, Conclusion, detectable
from tidegate.core.statistics.confidence import rate_interval
from tidegate.core.statistics.windows import Window


@dataclass(frozen=True)
class CountTestResult:
    """A test's conclusion with what it rests on."""

    conclusion: Conclusion
    state: State
    counts: Window
    words: str
    possible: str = ""
    """The ratios, or the rates, that are still possible."""
    shared: bool = False
    """Broken by the baseline alike."""

    def finding(self, line: Threshold, metric: Metric) -> Finding:
        """As a finding of the line."""
        rates = _rates(self.counts) if line.split is None else (None, None)
        worst = SeriesFinding("", self.state, rates[1], rates[0], self.counts.candidate)
        evidence = Evidence(str(self.conclusion), _of_both(self.counts), self.possible)
        if line.split is not None:
            total = self.counts.baseline + self.counts.candidate
            worst = SeriesFinding("", self.state, self.counts.share if total else None, requests=total)
            evidence = Evidence(str(self.conclusion), f"{self.counts.candidate:.0f} of {total:.0f}", "")
        words = f"{metric.name} of the candidate {self.words}" if line.split is None else self.words
        return Finding(line, self.state, words, worst, (worst,), evidence=evidence, shared=self.shared)


@dataclass(frozen=True)
class Lately:
    """The requests since something last began to speak for a regression."""

    since: datetime
    counts: Window

    @property
    def words(self) -> str:
        """With the rates of both arms."""
        return f"since {self.since:%Y-%m-%d %H:%M:%S} UTC {_with_rates(self.counts)}"


def of_regression(
    test: Regression, compared: Compared, conclusion: Conclusion, counts: Window, alpha: float, lately: Lately
) -> CountTestResult:
    """The candidate against the baseline."""
    if counts.baseline <= 0 or counts.candidate <= 0:
        words = "cannot be compared yet: no requests of both arms after the warm-up"
        return CountTestResult(Conclusion.INCONCLUSIVE, State.TOO_FEW_REQUESTS, counts, words)
    possible = ratio_in_words(*compared.possible(alpha))
    sure = f"with {test.confidence} confidence"
    match conclusion:
        case Conclusion.REGRESSED:
            words = f"is worse than the baseline's by more than {test.margin}, {sure}: {lately.words}"
            return CountTestResult(conclusion, State.BREACHED, lately.counts, words)
        case Conclusion.SHOWN_OK:
            words = f"is not worse than the baseline's by more than {test.margin}, shown {sure}"
            words += f": {_with_rates(counts)}; possible: {possible}"
        case Conclusion.INCONCLUSIVE:
            words = (
                f"shows no regression by more than {test.margin} so far: {_with_rates(counts)}; possible: {possible}; "
            )
            words += _found(detectable(counts, compared.margin, alpha))
    return CountTestResult(conclusion, State.OK, counts, words, possible)


def of_limit(
    test: Regression, conclusion: Conclusion, counts: Window, alpha: float, lately: Lately, *, shared: bool
) -> CountTestResult:
    """The candidate against a limit; `shared`: it is not shown to be worse than the baseline."""
    if counts.candidate <= 0:
        return CountTestResult(
            Conclusion.INCONCLUSIVE, State.TOO_FEW_REQUESTS, counts, "cannot be judged yet: no requests"
        )
    low, high = rate_interval(counts.candidate, counts.candidate_bad, alpha)
    possible = f"{shown(low, Unit.RATIO)} to {shown(high, Unit.RATIO)}"
    sure = f"with {test.confidence} confidence"
    match conclusion:
        case Conclusion.REGRESSED:
            words = f"is above {test.limit}, {sure}: {lately.words}"
            words += (
                "; not shown to be worse than the baseline's: a shared incident, not this version" if shared else ""
            )
            return CountTestResult(conclusion, State.BREACHED, lately.counts, words, shared=shared)
        case Conclusion.SHOWN_OK:
            words = f"is not above {test.limit}, shown {sure}"
        case Conclusion.INCONCLUSIVE:
            words = f"is not shown to be above {test.limit} so far"
    return CountTestResult(
        conclusion, State.OK, counts, f"{words}: {_with_rates(counts)}; possible: {possible}", possible
    )


def of_split(test: Split, counts: Window, weight: float, *, astray: bool) -> CountTestResult:
    """The candidate's share of the requests against its weight (percent)."""
    total = counts.baseline + counts.candidate
    if total <= 0 and not astray:
        words = f"no requests were counted at a weight of {weight:g}% yet"
        return CountTestResult(Conclusion.INCONCLUSIVE, State.NOT_COMPARABLE, counts, words)
    got = f"the candidate got {shown(counts.share, Unit.RATIO)} of {total:.0f} requests at a weight of {weight:g}%"
    if astray:
        words = f"{got}: the traffic is not where the weights send it, with {test.confidence} confidence"
        return CountTestResult(Conclusion.REGRESSED, State.BREACHED, counts, words)
    return CountTestResult(Conclusion.INCONCLUSIVE, State.OK, counts, got)


def _rates(counts: Window) -> tuple[float | None, float | None]:
    """The baseline's rate and the candidate's."""
    return (
        counts.baseline_bad / counts.baseline if counts.baseline else None,
        counts.candidate_bad / counts.candidate if counts.candidate else None,
    )


def _of_both(counts: Window) -> str:
    return (
        f"{counts.candidate_bad:.0f} of {counts.candidate:.0f} against "
        f"{counts.baseline_bad:.0f} of {counts.baseline:.0f}"
    )


def _with_rates(counts: Window) -> str:
    """Such as `34 of 1200 (2.83%) were bad, of the baseline's 41 of 22800 (0.18%)`."""
    baseline, candidate = _rates(counts)
    first = f"{counts.candidate_bad:.0f} of {counts.candidate:.0f}"
    second = f"{counts.baseline_bad:.0f} of {counts.baseline:.0f}"
    first += f" ({shown(candidate, Unit.RATIO)})" if candidate is not None else ""
    second += f" ({shown(baseline, Unit.RATIO)})" if baseline is not None else ""
    return f"{first} were bad, of the baseline's {second}"


def ratio_in_words(low: float, high: float) -> str:
    """Which ratios of the candidate's rate to the baseline's are possible."""
    if math.isinf(high) and low == 0:
        return "any ratio to the baseline's"
    if math.isinf(high):
        return f"{low:.3g} times the baseline's and up"
    return f"{low:.3g} to {high:.3g} times the baseline's"


def _found(ratio: float | None) -> str:
    if ratio is None:
        return "too little to find any regression yet"
    return f"{ratio:.2g} times the baseline's rate would have been found by now"
