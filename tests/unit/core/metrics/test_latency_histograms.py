"""Durations as counts: which counters stand for fast and for all requests, and what share is slow."""

from __future__ import annotations

import re

import promql_parser
import pytest

from tidegate.api.rollout.metrics import Metric
from tidegate.core.metrics import counters, queries, sample
from tidegate.core.metrics.asking import Asking
from tidegate.core.model.answers import Query, SeriesValue, Vector
from tidegate.core.model.samples import Asked, NoData, TooFew, Value
from tidegate.core.model.world import ArmName

ASKS = Asking("default", "shop", "web", "canary", 60.0, 600.0, *(dict.fromkeys(ArmName, "web") for _ in range(3)))


def metric(**changes: object) -> Metric:
    ratio = {"histogram": 'http_seconds{pod=~"$pods",}', "slowerThan": "250ms"} | changes
    return Metric.model_validate({"name": "slow", "ratio": ratio})


@pytest.mark.parametrize(
    ("slower_than", "labels", "others"),
    [
        ("250ms", ["0.25", "0.250"], ["0.2", "0.025", "10.25", "0x25"]),
        ("1s", ["1", "1.0", "1.00"], ["11", "1.5", "10", "100"]),
        (500, ["500", "500.0"], ["5", "5000", "0.5"]),
        # Prometheus 3 and Go's clients write numbers like these with an exponent, others do not.
        (1000000, ["1e+06", "1000000", "1000000.0"], ["1e+07", "1e+60", "1e-06", "1.5e+06", "100000", "1e06x"]),
        (2500000, ["2.5e+06", "2.5E6", "2500000"], ["25e+06", "2.5e+05", "2x5e+06"]),
        ("0.05ms", ["5e-05", "0.00005"], ["5e+05", "5e-04", "5"]),
    ],
)
def test_a_bound_is_matched_however_clients_write_it(
    slower_than: str | int, labels: list[str], others: list[str]
) -> None:
    selectors = counters(metric(slowerThan=slower_than))
    matcher = next(one for one in promql_parser.parse(selectors["fast"]).matchers.matchers if one.name == "le")
    assert all(re.fullmatch(matcher.value, label) for label in labels)
    assert not any(re.fullmatch(matcher.value, label) for label in others)
    assert selectors["total"] == 'http_seconds_count{pod=~"$pods"}'


def test_a_native_histogram_is_counted_by_the_source() -> None:
    fast, total = queries(metric(native=True, by=["segment"]), ArmName.CANDIDATE, ASKS)
    whole = 'sum by (segment) (increase(http_seconds{pod=~"web",}[120s]))'
    assert (total.part, total.promql) == ("total", f"histogram_count({whole})")
    assert (fast.part, fast.promql) == ("fast", f"histogram_fraction(-Inf, 0.25, {whole}) * histogram_count({whole})")
    promql_parser.parse(fast.promql)


def judged(fast: Vector, total: Vector, **changes: object) -> object:
    of = metric(**changes)
    asked = queries(of, ArmName.CANDIDATE, ASKS)
    answers: dict[Query, Vector | None] = dict(zip(asked, (fast, total), strict=True))
    return sample(of, Asked(answers), asked)


def vector(*series: tuple[str, float]) -> Vector:
    return Vector(tuple(SeriesValue((("segment", name),), value) for name, value in series))


def test_what_is_not_fast_is_slow() -> None:
    found = judged(vector(("a", 90.0), ("b", 200.0)), vector(("a", 100.0), ("b", 200.0)), by=["segment"])
    assert isinstance(found, Value)
    assert [(one.value, one.requests) for one in found.series] == [(pytest.approx(0.1), 100.0), (0.0, 200.0)]


def test_more_fast_ones_than_there_are_is_rounding() -> None:
    found = judged(vector(("a", 100.4)), vector(("a", 100.0)))
    assert isinstance(found, Value)
    assert found.series[0].value == 0.0


def test_a_bound_without_a_bucket_is_no_data_rather_than_all_slow() -> None:
    found = judged(Vector(()), vector(("a", 100.0)))
    assert isinstance(found, NoData)
    assert "there is no bucket for 250ms" in found.message


def test_no_requests_are_too_few() -> None:
    assert isinstance(judged(Vector(()), vector(("a", 0.0))), TooFew)
