"""An average by two counters, or by a histogram."""

from __future__ import annotations

import pytest

from tidegate.api.rollout.metrics import Metric
from tidegate.core.metrics import counters, queries, sample
from tidegate.core.metrics.asking import Asking
from tidegate.core.model.answers import Query, SeriesValue, Vector
from tidegate.core.model.samples import Asked, TooFew, Value
from tidegate.core.model.world import ArmName

ASKS = Asking(
    source="default",
    namespace="shop",
    rollout="checkout",
    step="canary",
    elapsed=60.0,
    traffic=3600.0,
    workloads={ArmName.BASELINE: "a", ArmName.CANDIDATE: "b"},
    services={ArmName.BASELINE: "a", ArmName.CANDIDATE: "b"},
    pods={ArmName.BASELINE: "a-.*", ArmName.CANDIDATE: "b-.*"},
)


def metric(**average: object) -> Metric:
    return Metric.model_validate({"name": "latency", "average": average, "unit": "seconds", "window": "1m"})


@pytest.mark.parametrize(
    ("written", "texts"),
    [
        (
            {"sum": 's{w="$workload"}', "count": 'c{w="$workload"}'},
            {"sum": 'sum (increase(s{w="b"}[60s]))', "total": 'sum (increase(c{w="b"}[60s]))'},
        ),
        (
            {"histogram": 'h{w="$workload"}', "by": ["zone"]},
            {
                "sum": 'sum by (zone) (increase(h_sum{w="b"}[60s]))',
                "total": 'sum by (zone) (increase(h_count{w="b"}[60s]))',
            },
        ),
        (
            {"histogram": 'h{w="$workload"}', "native": True},
            {
                "sum": 'histogram_sum(sum (increase(h{w="b"}[60s])))',
                "total": 'histogram_count(sum (increase(h{w="b"}[60s])))',
            },
        ),
    ],
)
def test_what_is_queried(written: dict[str, object], texts: dict[str, str]) -> None:
    asked = {one.part: one.promql for one in queries(metric(**written), ArmName.CANDIDATE, ASKS)}
    assert asked == texts
    assert list(counters(metric(**written))) in [["sum", "total"], ["histogram"]]


def test_what_the_answers_come_to() -> None:
    made = metric(sum="s", count="c", by=["zone"])
    asked = (Query("default", "s", part="sum"), Query("default", "c", part="total"))

    def vector(**values: float) -> Vector:
        return Vector(tuple(SeriesValue((("zone", name),), value) for name, value in values.items()))

    found = sample(made, Asked({asked[0]: vector(a=12.0, b=0.0), asked[1]: vector(a=60.0, b=0.0)}), asked)
    assert isinstance(found, Value)
    assert [(one.series, one.value, one.requests) for one in found.series] == [
        ('{zone="a"}', 0.2, 60.0),
        ('{zone="b"}', None, 0.0),
    ]
    none = sample(made, Asked({asked[0]: vector(), asked[1]: vector()}), asked)
    assert isinstance(none, TooFew)
    assert none.silent
