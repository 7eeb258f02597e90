"""What people read of tests on counts: whole sentences, as they stand in Events and in the status."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.thresholds import Regression, Split, Threshold
from tidegate.core.count_tests.segment import Segment
from tidegate.core.count_tests.wording import CountTestResult, Told, of_limit, of_regression, of_split
from tidegate.core.model.finding import State
from tidegate.core.statistics.accumulators import NONE, Compared, Conclusion, Suspicion
from tidegate.core.statistics.dispersion import Dispersion
from tidegate.core.statistics.windows import Window

METRIC = Metric.model_validate({"name": "error-rate", "ratio": {"bad": "b", "total": "t"}})
LINE = Threshold.model_validate({"metric": "error-rate", "regression": {}})
LIMIT = Threshold.model_validate({"metric": "error-rate", "regression": {"limit": "5%"}})
SPLIT = Threshold.model_validate({"metric": "error-rate", "split": {}, "onBreach": "Hold"})
ALPHA = 0.05
SOME = Window(9000, 90, 1000, 12)
SINCE = datetime(2026, 11, 21, 3, 12, 40, tzinfo=UTC).timestamp()
ONE_BY_ONE = Dispersion(pairs=1000)


def told(counts: Window, dispersion: Dispersion = ONE_BY_ONE, labels: str = "", number: int = 1) -> Told:
    suspicion = Suspicion(SINCE, Window(900, 9, 100, 34))
    segment = Segment(Compared(0.2).after([counts]), suspicion, None, counts, dispersion)
    return Told(labels, segment, ALPHA, number)


def compared(counts: Window, conclusion: Conclusion) -> CountTestResult:
    return of_regression(Regression(), conclusion, told(counts))


def limited(counts: Window, conclusion: Conclusion, *, shared: bool = False) -> CountTestResult:
    test = LIMIT.regression
    assert test is not None
    return of_limit(test, conclusion, told(counts), shared=shared)


SENTENCES = (
    (
        "worse",
        LINE,
        compared(SOME, Conclusion.REGRESSED),
        State.BREACHED,
        (
            "error-rate of the candidate is worse than the baseline's by more than 20%, with 95% confidence: since 2026-11-21 "
            "03:12:40 UTC 34 of 100 (34%) were bad, of the baseline's 9 of 900 (1%)"
        ),
    ),
    (
        "shown ok",
        LINE,
        compared(Window(500_000, 5000, 500_000, 5000), Conclusion.SHOWN_OK),
        State.OK,
        (
            "error-rate of the candidate is not worse than the baseline's by more than 20%, shown with 95% confidence: 5000 of "
            "500000 (1%) were bad, of the baseline's 5000 of 500000 (1%); possible: 0.929 to 1.08 times the baseline's"
        ),
    ),
    (
        "nothing shown",
        LINE,
        compared(SOME, Conclusion.INCONCLUSIVE),
        State.OK,
        (
            "error-rate of the candidate shows no regression by more than 20% so far: 12 of 1000 (1.2%) were bad, of the baseline's "
            "90 of 9000 (1%); possible: 0.376 to 2.94 times the baseline's; 2.6 times the baseline's rate would have been detected "
            "by now"
        ),
    ),
    (
        "too little",
        LINE,
        compared(Window(900, 0, 100, 0), Conclusion.INCONCLUSIVE),
        State.OK,
        (
            "error-rate of the candidate shows no regression by more than 20% so far: 0 of 100 (0%) were bad, of the baseline's 0 of "
            "900 (0%); possible: any ratio to the baseline's; not enough data yet to detect a regression"
        ),
    ),
    (
        "one arm only",
        LINE,
        compared(Window(900, 9, 0, 0), Conclusion.INCONCLUSIVE),
        State.TOO_FEW_REQUESTS,
        "error-rate of the candidate cannot be compared yet: no requests of both arms after the warm-up",
    ),
    (
        "above a limit",
        LIMIT,
        limited(SOME, Conclusion.REGRESSED),
        State.BREACHED,
        (
            "error-rate of the candidate is above 5%, with 95% confidence: since 2026-11-21 03:12:40 UTC 34 of 100 (34%) were bad, "
            "of the baseline's 9 of 900 (1%)"
        ),
    ),
    (
        "both above a limit",
        LIMIT,
        limited(SOME, Conclusion.REGRESSED, shared=True),
        State.BREACHED,
        (
            "error-rate of the candidate is above 5%, with 95% confidence: since 2026-11-21 03:12:40 UTC 34 of 100 (34%) were bad, "
            "of the baseline's 9 of 900 (1%); not shown to be worse than the baseline's: a shared incident, not this version"
        ),
    ),
    (
        "below a limit",
        LIMIT,
        limited(SOME, Conclusion.SHOWN_OK),
        State.OK,
        (
            "error-rate of the candidate is not above 5%, shown with 95% confidence: 12 of 1000 (1.2%) were bad, of the baseline's "
            "90 of 9000 (1%); possible: 0.3358% to 2.92%"
        ),
    ),
    (
        "no requests",
        LIMIT,
        limited(NONE, Conclusion.INCONCLUSIVE),
        State.TOO_FEW_REQUESTS,
        "error-rate of the candidate cannot be evaluated yet: no requests",
    ),
    (
        "astray",
        SPLIT,
        of_split(Split(), Window(9300, 0, 700, 0), 5.0, astray=True),
        State.BREACHED,
        (
            "the candidate got 7% of 10000 requests at a weight of 5%: the traffic is not where the weights send it, with 99.9% "
            "confidence"
        ),
    ),
    (
        "as sent",
        SPLIT,
        of_split(Split(), Window(9500, 0, 500, 0), 5.0, astray=False),
        State.OK,
        "the candidate got 5% of 10000 requests at a weight of 5%",
    ),
    (
        "nothing sent",
        SPLIT,
        of_split(Split(), NONE, 5.0, astray=False),
        State.NOT_COMPARABLE,
        "no requests were counted at a weight of 5% yet",
    ),
)


@pytest.mark.parametrize(("case", "line", "result", "state", "words"), SENTENCES, ids=[case for case, *_ in SENTENCES])
def test_it_reads(case: str, line: Threshold, result: CountTestResult, state: State, words: str) -> None:
    finding = result.finding(line, METRIC)
    assert (finding.state, finding.message) == (state, words), case


def test_a_finding_has_the_numbers_beside_the_words() -> None:
    finding = compared(SOME, Conclusion.INCONCLUSIVE).finding(LINE, METRIC)
    assert finding.evidence is not None
    assert finding.evidence.conclusion == "Inconclusive"
    assert finding.evidence.counts == "12 of 1000 against 90 of 9000"
    assert finding.worst is not None
    assert (finding.worst.value, finding.worst.baseline, finding.worst.requests) == (0.012, 0.01, 1000)


def test_a_breach_has_the_numbers_of_its_own_time() -> None:
    finding = limited(SOME, Conclusion.REGRESSED, shared=True).finding(LIMIT, METRIC)
    assert finding.shared
    assert finding.evidence is not None
    assert (finding.evidence.conclusion, finding.evidence.counts) == ("Regressed", "34 of 100 against 9 of 900")


def test_a_split_shows_the_share_that_was_got() -> None:
    finding = of_split(Split(), Window(9300, 0, 700, 0), 5.0, astray=True).finding(SPLIT, METRIC)
    assert finding.evidence is not None
    assert finding.evidence.counts == "700 of 10000"
    assert finding.worst is not None
    assert (finding.worst.value, finding.worst.baseline, finding.worst.requests) == (0.07, None, 10_000)


def test_clumps_and_segments_are_told() -> None:
    clumped = told(SOME, Dispersion(squares=300, pairs=100), '{zone="a"}', 3)
    words = of_regression(Regression(), Conclusion.INCONCLUSIVE, clumped).finding(LINE, METRIC).message
    assert words.startswith(
        'error-rate of the candidate{zone="a"} shows no regression by more than 20% so far in 3 segments, the most evidence here: '
        "12 of 1000 (1.2%) were bad"
    )
    assert words.endswith("; errors are clustered, dispersion 3")
