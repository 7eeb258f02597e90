"""One threshold judged once, on one sample of each arm: every series must be within the limit.

How long a breach must last is duration.py's business; what a breach does is decided elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.thresholds import LimitKind, Threshold
from tidegate.api.values.scalars import Unit
from tidegate.core.model.finding import Context, Finding, SeriesFinding, State, without_value
from tidegate.core.model.samples import Sample, SeriesSample, Value
from tidegate.core.model.value_format import shown

ROUNDING = 1e-9
"""A ratio this little beyond a relative limit is binary fractions, not a breach."""

_WORST_FIRST = (
    State.BREACHED,
    State.PENDING,
    State.SOURCE_DOWN,
    State.NO_DATA,
    State.TOO_FEW_REQUESTS,
    State.NOT_COMPARABLE,
    State.OK,
)


def judge(limit: Threshold, metric: Metric, candidate: Sample, baseline: Sample, context: Context) -> Finding:
    """`limit` against one sample of each arm (`baseline` is looked at by relative limits only)."""
    early = _before_comparing(limit, metric, context) if limit.relative else None
    if early is not None:
        return early
    for sample in (candidate, baseline) if limit.relative else (candidate,):
        silent = without_value(limit, sample, context)
        if silent is not None:
            return silent
    assert isinstance(candidate, Value)  # noqa: S101  (every other sample returned above)
    if limit.kind is LimitKind.MAX_SPREAD:
        return _spread(limit, metric, candidate, context)
    series = tuple(_series(limit, metric, one, candidate, baseline) for one in candidate.series)
    alone = tuple(one for one in series if one.state is State.NOT_COMPARABLE)
    if alone and len(alone) == len(series) and isinstance(baseline, Value):
        words = f"{limit.identity}: no series of the candidate has a counterpart in the baseline: "
        return Finding(limit, State.TOO_FEW_REQUESTS, words + _apart(candidate, baseline), series[0], series)
    worst = worst_of(limit, [one for one in series if one not in alone])
    return Finding(limit, worst.state, sentence(limit, metric, worst, context) + _left_out(alone), worst, series)


def worst_of(limit: Threshold, series: Sequence[SeriesFinding]) -> SeriesFinding:
    """The series that is furthest beyond the limit, else the one that leaves it most undecided."""
    return min(series, key=lambda one: (_WORST_FIRST.index(one.state), -_distance(limit, one)))


def about(finding: Finding, metric: Metric, series: SeriesFinding, context: Context) -> Finding:
    """The finding told of another of its series, with that one's own numbers."""
    if finding.worst is None or finding.worst is series:
        return replace(finding, worst=series)
    before = sentence(finding.limit, metric, finding.worst, context)
    words = sentence(finding.limit, metric, series, context) + finding.message.removeprefix(before)
    return replace(finding, worst=series, message=words)


def _left_out(alone: tuple[SeriesFinding, ...]) -> str:
    """The series that are compared with nothing, for a message."""
    if not alone:
        return ""
    named = ", ".join(one.series or "one without labels" for one in alone[:3])
    more = f" and {len(alone) - 3} more" if len(alone) > 3 else ""
    return f"; not compared, the baseline has no such series: {named}{more}"


def _apart(candidate: Value, baseline: Value) -> str:
    """The labels by which the arms' series differ, and what to do."""
    mine, theirs = (_values_by_label(sample) for sample in (candidate, baseline))
    keys = sorted(mine.keys() | theirs.keys())
    names = [key for key in keys if not mine.get(key, set()) & theirs.get(key, set())]
    names = names or [key for key in keys if mine.get(key) != theirs.get(key)]
    return f"they differ in {', '.join(names) or 'their labels'}; aggregate that away in the query"


def _values_by_label(sample: Value) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for one in sample.series:
        for key, value in one.labels:
            found.setdefault(key, set()).add(value)
    return found


def _before_comparing(limit: Threshold, metric: Metric, context: Context) -> Finding | None:
    if not context.comparable:
        words = f"{limit.identity}: {context.incomparable}"
        return Finding(limit, State.NOT_COMPARABLE, words, sampled=False)
    if metric.warm_up is not None and context.watched < metric.warm_up.seconds:
        words = f"{limit.identity}: warming up, comparable after {metric.warm_up}"
        return Finding(limit, State.TOO_FEW_REQUESTS, words, sampled=False)
    return None


def _series(limit: Threshold, metric: Metric, one: SeriesSample, candidate: Value, baseline: Sample) -> SeriesFinding:
    if one.value is None or math.isnan(one.value):
        return SeriesFinding(one.series, State.TOO_FEW_REQUESTS, requests=one.requests)
    if not limit.relative:
        state = State.BREACHED if beyond(limit, metric, one.value) else State.OK
        return SeriesFinding(one.series, state, one.value, requests=one.requests)
    other = _counterpart(one, candidate, baseline)
    base = other.value if other is not None else None
    if limit.floor is not None and one.value < limit.floor.in_unit(metric.effective_unit):
        state = State.OK
    elif other is None:
        state = State.NOT_COMPARABLE
    elif base is None or math.isnan(base):
        state, base = State.TOO_FEW_REQUESTS, None
    else:
        state = State.BREACHED if _moved_too_far(limit, one.value, base) else State.OK
    return SeriesFinding(one.series, state, one.value, base, one.requests)


def _spread(limit: Threshold, metric: Metric, candidate: Value, context: Context) -> Finding:
    """How far the series lie apart: (largest - smallest) / mean. One series has no spread; one without a value hides it."""
    numbers = [
        (one.value, one.series) for one in candidate.series if one.value is not None and not math.isnan(one.value)
    ]
    if len(numbers) < len(candidate.series) or len(numbers) < 2:
        words = (
            f"{len(numbers)} of {len(candidate.series)} series of {limit.metric} have a value: too few for {limit.kind}"
        )
        return Finding(limit, State.TOO_FEW_REQUESTS, words)
    (low, lowest), (high, highest) = min(numbers), max(numbers)
    spread = _spread_of([value for value, _ in numbers])
    most = limit.max_spread.ratio if limit.max_spread is not None else math.inf
    too_far = spread - most > ROUNDING
    unit = metric.effective_unit
    words = (
        f"spread of {limit.metric}{context.of_the_arm} over {len(numbers)} series is {shown(spread, Unit.RATIO)}, "
        f"{'above' if too_far else 'within'} {limit.kind} {limit.limit} (lowest {lowest or 'series'} {shown(low, unit)}, "
        f"highest {highest or 'series'} {shown(high, unit)})"
    )
    worst = SeriesFinding("", State.BREACHED if too_far else State.OK, spread)
    return Finding(limit, worst.state, words, worst, (worst,))


def _spread_of(values: list[float]) -> float:
    """(Largest - smallest) / mean; infinite where one of several is, or the mean is 0."""
    low, high = min(values), max(values)
    if low == high:
        return 0.0
    mean = sum(values) / len(values)
    return (high - low) / abs(mean) if mean and math.isfinite(mean) else math.inf


def unit_of(limit: Threshold, metric: Metric) -> Unit:
    """The unit of a finding's value: a spread is a share whatever the metric measures."""
    return Unit.RATIO if limit.kind is LimitKind.MAX_SPREAD else metric.effective_unit


def beyond(limit: Threshold, metric: Metric, value: float) -> bool:
    """Whether a value is beyond a limit's `max` or `min`; +Inf is above every `max` and below no `min`, -Inf the other way round."""
    if limit.kind is LimitKind.MAX and limit.max is not None:
        return value > limit.max.in_unit(metric.effective_unit)
    return limit.min is not None and value < limit.min.in_unit(metric.effective_unit)


def _counterpart(one: SeriesSample, candidate: Value, baseline: Sample) -> SeriesSample | None:
    """The baseline's series to compare with: the one of the same labels, or the only one where both arms have one."""
    if not isinstance(baseline, Value):
        return None
    same = next((other for other in baseline.series if other.series == one.series), None)
    return same or (baseline.series[0] if len(candidate.series) == len(baseline.series) == 1 else None)


def _moved_too_far(limit: Threshold, value: float, base: float) -> bool:
    """Whether a value rose, or fell, from the baseline's by more than the limit allows. From 0, and to infinity, any change is infinite."""
    rises = limit.max_increase is not None
    if value == base or (value > base) is not rises:
        return False
    if base == 0 or math.isinf(base) or math.isinf(value):
        return True
    allowed = limit.max_increase or limit.max_decrease
    change = abs(value - base) / abs(base)
    return allowed is not None and change - allowed.ratio > ROUNDING


def _distance(limit: Threshold, one: SeriesFinding) -> float:
    """How bad a series is among those of one state: larger is worse."""
    if one.value is None or math.isnan(one.value):
        return 0.0
    reference = one.baseline if limit.relative and one.baseline is not None else 0.0
    sign = -1.0 if limit.kind in {LimitKind.MIN, LimitKind.MAX_DECREASE} else 1.0
    if limit.relative and reference == 0 and one.value:  # an infinite change; of several the largest
        return sign * one.value * math.inf
    distance = sign * (one.value - reference)
    return 0.0 if math.isnan(distance) else distance


_COMPARED = {
    LimitKind.MAX: ("above", "within"),
    LimitKind.MIN: ("below", "within"),
    LimitKind.MAX_INCREASE: ("higher than the baseline by more than", "not higher than the baseline by more than"),
    LimitKind.MAX_DECREASE: ("lower than the baseline by more than", "not lower than the baseline by more than"),
    LimitKind.MAX_SPREAD: ("above", "within"),
}
"""The tests on counts have words of their own (core/count_tests/wording.py)."""


def sentence(limit: Threshold, metric: Metric, worst: SeriesFinding, context: Context) -> str:
    """What is said of one series."""
    unit = metric.effective_unit
    breached, fine = _COMPARED[limit.kind]
    value = f"is {shown(worst.value, unit)}" if worst.value is not None else "was observed in too few requests"
    if worst.value is None and worst.requests is None:
        value = "was not observed"
    words = f"{limit.metric}{context.of_the_arm}{worst.series} {value}"
    match worst.state:
        case State.BREACHED:
            words += f", {breached} {limit.kind} {limit.limit}"
        case State.OK:
            words += f", {fine} {limit.kind} {limit.limit}"
        case State.TOO_FEW_REQUESTS:
            words += f": too few requests to evaluate {limit.kind} {limit.limit}"
        case State.NOT_COMPARABLE:
            words += f", not comparable for {limit.kind} {limit.limit}"
        case _:
            words += f": not a number, cannot evaluate {limit.kind} {limit.limit}"
    details = [f"baseline {shown(worst.baseline, unit)}"] if worst.baseline is not None else []
    details += [f"window {context.window}"] if context.window else []
    details += [f"{worst.requests:.0f} requests"] if worst.requests is not None else []
    return words + (f" ({', '.join(details)})" if details else "")
