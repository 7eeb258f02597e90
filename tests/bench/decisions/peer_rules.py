"""The rules of Argo Rollouts, Flagger and Kayenta, written anew from what their sources say; no code of theirs.

Read: argo-rollouts at 9f8d111 (after 1.9), flagger 1.44.0, kayenta 2.46.0. Each is given a careful configuration: the
query is never without an answer, so the limits on errors (Argo's `consecutiveErrorLimit`, 4) and on inconclusive
measurements (`inconclusiveLimit`, 0) never matter.
"""

from __future__ import annotations

import math
from collections import deque
from itertools import chain
from statistics import NormalDist, mean, median

from tests.bench.decisions.tidegate_rules import LIMIT, Evidence
from tests.bench.decisions.traffic import Minute
from tidegate.core.statistics.windows import Window

ARGO_WINDOW = 2
"""Minutes of the query: as Tidegate's plain limit has in this bench."""
KAYENTA_EVERY = 10
"""Minutes between two judgements."""
KAYENTA_LOOKBACK = 60
"""Minutes judged: at most so many points an arm, of a minute each."""
KAYENTA_TOLERANCE = 0.25
KAYENTA_CONFIDENCE = 0.98


class Argo:
    """An AnalysisRun in the background: aborted once *more than* `failureLimit` measurements failed, in all, not in a row.

    Source: `analysis/analysis.go`, `assessMetricFailureInconclusiveOrError`: `result.Failed > failureLimit`; a success
    does not set `Failed` back. The condition is `isNaN(result[0]) || result[0] >= 0.99`, as their documentation advises.
    """

    def __init__(self, failure_limit: int) -> None:
        self._failure_limit = failure_limit
        self._failed = 0
        self._latest: deque[Window] = deque(maxlen=ARGO_WINDOW)

    def look(self, minute: Minute, evidence: Evidence) -> bool:
        del evidence
        self._latest.append(minute.window)
        requests = sum(one.candidate for one in self._latest)
        if requests and sum(one.candidate_bad for one in self._latest) / requests > LIMIT:
            self._failed += 1
        return self._failed > self._failure_limit


class Flagger:
    """`request-success-rate` at least 99 over 1 m, every 1 m: rolled back once `threshold` checks failed, in all.

    Source: `pkg/controller/scheduler_metrics.go` (`val < *tr.Min` fails the check; so does a query without values, and
    NaN is one) and `scheduler.go` (`FailedChecks` only ever rises while a canary progresses; it is compared with the
    threshold at the start of the *next* tick).
    """

    def __init__(self, threshold: int) -> None:
        self._threshold = threshold
        self._failed = 0

    def look(self, minute: Minute, evidence: Evidence) -> bool:
        del evidence
        if self._failed >= self._threshold:
            return True
        window = minute.window
        if not window.candidate or window.candidate_bad / window.candidate > LIMIT:
            self._failed += 1
        return False


class Kayenta:
    """A Mann-Whitney test of both arms' rates of each minute, judged every ten minutes over the last hour.

    Source: `NetflixACAJudge.scala` (tolerance 0.25, confidence 0.98) and `MannWhitneyClassifier.scala`: an increase is
    `High` when the lower end of the confidence interval of the shift lies above tolerance * |Hodges-Lehmann estimate|
    and the ratio of the means is at least 1; `MannWhitney.scala`: normal approximation with tie and continuity
    correction, after R's `wilcox.test`. One metric that is `High` scores 0, which fails. The control is a fresh arm of
    the baseline's version with the candidate's own traffic, as their guide asks for; the real baseline, with nineteen
    times the requests, has another distribution of rates and would confuse a test on ranks.
    """

    def __init__(self) -> None:
        self._experiment: deque[float] = deque(maxlen=KAYENTA_LOOKBACK)
        self._control: deque[float] = deque(maxlen=KAYENTA_LOOKBACK)

    def look(self, minute: Minute, evidence: Evidence) -> bool:
        del evidence
        window = minute.window
        if window.candidate:
            self._experiment.append(window.candidate_bad / window.candidate)
        if minute.control:
            self._control.append(minute.control_bad / minute.control)
        return (minute.number + 1) % KAYENTA_EVERY == 0 and high(list(self._experiment), list(self._control))


def high(experiment: list[float], control: list[float]) -> bool:
    """Whether Kayenta's judge would call `experiment` high in comparison with `control`."""
    if not experiment or not control or len({*experiment, *control}) == 1:
        return False
    if not _shifted(experiment, control, 0.0):
        return False  # the interval's lower end is not even above zero
    estimate = median([one - other for one in experiment for other in control])
    if not _shifted(experiment, control, KAYENTA_TOLERANCE * abs(estimate)):
        return False
    averages = mean(experiment), mean(control)
    return 0.0 in averages or averages[0] >= averages[1]


_QUANTILE = NormalDist().inv_cdf((1 + KAYENTA_CONFIDENCE) / 2)


def _shifted(experiment: list[float], control: list[float], shift: float) -> bool:
    """Whether the confidence interval of how much `experiment` is above `control` lies above `shift`."""
    return rank_z([one - shift for one in experiment], control) > _QUANTILE


def rank_z(xs: list[float], ys: list[float]) -> float:
    """The rank sum's distance from what it would be without a shift, in standard deviations (tie and continuity corrected)."""
    n, m = len(xs), len(ys)
    ordered = sorted(chain(((value, 1) for value in xs), ((value, 0) for value in ys)))
    ranks, ties, place = 0.0, 0.0, 0
    while place < n + m:
        end, of_xs = place, 0
        while end < n + m and ordered[end][0] == ordered[place][0]:
            of_xs += ordered[end][1]
            end += 1
        ranks += of_xs * (place + end + 1) / 2
        ties += (end - place) ** 3 - (end - place)
        place = end
    distance = ranks - n * (n + 1) / 2 - n * m / 2
    variance = n * m / 12 * (n + m + 1 - ties / ((n + m) * (n + m - 1)))
    if variance <= 0:
        return 0.0
    return (distance - math.copysign(0.5, distance) * (distance != 0)) / math.sqrt(variance)
