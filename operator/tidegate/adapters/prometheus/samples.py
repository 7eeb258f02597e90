"""What a source's raw samples mean: series over time in, counters and native histograms out."""

from __future__ import annotations

import math
from operator import itemgetter
from typing import Any

from tidegate.adapters.prometheus.answers import MALFORMED, NoAnswer, labels
from tidegate.core.model.answers import Failed, FailedReason, Matrix
from tidegate.core.model.raw_samples import Distribution, Labels, RawHistogram, RawSeries


def matrix(result: list[Any], warnings: tuple[str, ...] = ()) -> Matrix:
    """The samples of a checked answer's `result`: a list of series over time.

    Values that cannot be a count (NaN, infinite) are left out, and so are series without any other; `incomplete` names them. A series that went
    from a classic counter to native histograms is in both parts.

    Raises: NoAnswer, also when two series differ only in the metric's name: which is which could not be told.
    """
    names: dict[Labels, str] = {}
    counters: list[RawSeries] = []
    histograms: list[RawHistogram] = []
    incomplete: set[Labels] = set()
    try:
        for item in result:
            own = labels(item)
            name = str(item["metric"].get("__name__", ""))
            if own in names:
                raise NoAnswer(_bad(_twice(names[own], name)))
            names[own] = name
            if "values" not in item and "histograms" not in item:
                raise KeyError("values")
            values = item.get("values", ())
            if samples := _counter(values):
                counters.append(RawSeries(own, samples))
            if len(samples) < len(values):
                incomplete.add(own)
            if distributions := _histogram(item.get("histograms", ())):
                histograms.append(RawHistogram(own, distributions))
    except MALFORMED as error:
        raise NoAnswer(_bad(f"a series without samples: {type(error).__name__}: {error}")) from error
    return Matrix(tuple(counters), tuple(histograms), warnings, frozenset(incomplete))


def _counter(values: Any) -> tuple[tuple[float, float], ...]:  # noqa: ANN401  (JSON)
    read = ((float(time), float(value)) for time, value in values)
    return tuple(sorted(sample for sample in read if math.isfinite(sample[1])))


def _histogram(values: Any) -> tuple[tuple[float, Distribution], ...]:  # noqa: ANN401  (JSON)
    read = ((float(time), _distribution(value)) for time, value in values)
    return tuple(sorted((sample for sample in read if math.isfinite(sample[1].count)), key=itemgetter(0)))


def _distribution(value: dict[str, Any]) -> Distribution:
    # The first number of a bucket says which of its bounds belong to it: of no account to counts between two samples.
    read = [(float(low), float(high), float(count)) for _, low, high, count in value.get("buckets", ())]
    inside = tuple([bucket for bucket in read if bucket[2]])
    return Distribution(float(value["count"]), inside, float(value.get("sum", math.nan)))


def _twice(first: str, second: str) -> str:
    if first == second:
        return f"a series of {first or 'no metric'} occurs twice: it is unknown which one is correct"
    return f"two series have the same labels: the selector matches several metric names ({first}, {second}); name one"


def _bad(message: str) -> Failed:
    return Failed(FailedReason.BAD_ANSWER, message)
