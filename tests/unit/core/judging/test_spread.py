"""`maxSpread`: how far the series of one metric lie apart."""

from __future__ import annotations

import math

import pytest

from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.thresholds import LimitKind, Threshold
from tidegate.api.values.scalars import Unit
from tidegate.core.judging.limits import judge, unit_of
from tidegate.core.model.finding import Context, State
from tidegate.core.model.samples import NotAsked, SeriesSample, Value

METRIC = Metric(name="availability", query="x", unit=Unit.RATIO)
LINE = Threshold.model_validate({"metric": "availability", "maxSpread": "5%"})

CASES = (
    ("equal series have no spread", (0.9, 0.9, 0.9), State.OK),
    ("a spread of exactly the limit is within", (0.975, 1.025), State.OK),
    ("a spread beyond the limit is a breach", (0.90, 1.0), State.BREACHED),
    ("one series has no spread", (0.9,), State.TOO_FEW_REQUESTS),
    ("a series without enough requests hides the spread", (0.9, None, 0.9), State.TOO_FEW_REQUESTS),
    ("a series in which nothing was observed hides it too", (0.9, math.nan), State.TOO_FEW_REQUESTS),
    ("all at zero have no spread", (0.0, 0.0), State.OK),
    ("around a mean of zero any difference is too much", (-1.0, 1.0), State.BREACHED),
    ("infinity is too far from anything", (0.9, math.inf), State.BREACHED),
)


@pytest.mark.parametrize(("case", "values", "state"), CASES, ids=[case for case, *_ in CASES])
def test_spread(case: str, values: tuple[float | None, ...], state: State) -> None:
    sample = Value(tuple(SeriesSample(f'{{segment="{number}"}}', value) for number, value in enumerate(values)))
    assert judge(LINE, METRIC, sample, NotAsked(), Context()).state is state, case


def test_the_outermost_series_are_named() -> None:
    sample = Value(
        tuple(SeriesSample(f'{{segment="{name}"}}', value) for name, value in (("a", 0.99), ("b", 0.9), ("c", 1.0)))
    )
    finding = judge(LINE, METRIC, sample, NotAsked(), Context())
    assert 'lowest {segment="b"} 90%' in finding.message
    assert 'highest {segment="c"} 100%' in finding.message
    assert "10.38%, above maxSpread 5%" in finding.message


def test_a_spread_is_a_share_whatever_the_metric_measures() -> None:
    seconds = Metric(name="latency", query="x", unit=Unit.SECONDS)
    assert LINE.kind is LimitKind.MAX_SPREAD
    assert unit_of(LINE, seconds) is Unit.RATIO
