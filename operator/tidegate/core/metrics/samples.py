"""From a source's answers to one metric's sample for one arm. Sources report; what an answer means is decided here."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable

from tidegate.api.rollout.metrics import Metric, WhenEmpty
from tidegate.api.status_budget import LONGEST_LABELS, MAX_SERIES
from tidegate.api.values.text import printable
from tidegate.core.metrics.latency_histograms import no_bucket
from tidegate.core.model.answers import Failed, Matrix, Query, SeriesValue, Vector
from tidegate.core.model.samples import Asked, NoData, NotAsked, Open, Sample, SeriesSample, TooFew, Value


def warnings(asked: Asked, queries: Iterable[Query]) -> tuple[str, ...]:
    """What the source said beside its answers to these queries, each once."""
    answers = [asked.answer(query) for query in queries]
    said = (words for one in answers if isinstance(one, Vector | Matrix) for words in one.warnings)
    return tuple(dict.fromkeys(said))


def sample(metric: Metric, asked: Asked, queries: tuple[Query, ...]) -> Sample:
    """The metric's sample from the answers to its queries (one for a query; bad and total for a ratio)."""
    answers = [asked.answer(query) for query in queries]
    for kind in (NotAsked, Open, Failed):
        found = next((answer for answer in answers if isinstance(answer, kind)), None)
        if found is not None:
            return found
    vectors = [answer for answer in answers if isinstance(answer, Vector)]
    if metric.ratio is None:
        return _of_query(metric, vectors[0], vectors[1] if len(vectors) > 1 else None)
    fast = queries[0].part == "fast"
    return _of_ratio(metric, part=vectors[0], total=vectors[1], fast=fast)


def _of_query(metric: Metric, vector: Vector, requests: Vector | None) -> Sample:
    if not vector.series:
        if metric.when_empty is not WhenEmpty.ZERO:
            return NoData(f"{metric.name}: the answer is empty")
        vector = Vector((SeriesValue((), 0.0),))
    if len(vector.series) > MAX_SERIES:
        return _too_many(metric, f"{len(vector.series):,} series", "aggregate in the query")
    if requests is None:
        return Value(tuple(_observed(one, None) for one in vector.series))
    least = metric.minimum_requests or 1
    counts = [_behind(one, requests) for one in vector.series]
    if max(counts) < least:
        return TooFew(_few(metric, sum(counts), least))
    return Value(tuple(_observed(one, count, least) for one, count in zip(vector.series, counts, strict=True)))


def _behind(one: SeriesValue, requests: Vector) -> float:
    """The requests behind a series: those of the same labels, or those of all where the requests are one series alone."""
    same = next((other.value for other in requests.series if other.labels == one.labels), None)
    if same is None and len(requests.series) == 1 and not requests.series[0].labels:
        same = requests.series[0].value
    return 0.0 if same is None or math.isnan(same) else same


def _observed(one: SeriesValue, requests: float | None, least: int = 0) -> SeriesSample:
    """A series as it is; without a value where nothing was observed, or too little."""
    seen = not math.isnan(one.value) and (requests is None or requests >= least)
    return SeriesSample(labelled(one.labels), one.value if seen else None, requests, one.labels)


def _too_many(metric: Metric, what: str, instead: str) -> NoData:
    return NoData(f"{metric.name}: {what}, more than {MAX_SERIES}: {instead}", certain=True)


def _few(metric: Metric, requests: float, least: int) -> str:
    return f"{metric.name}: {requests:.0f} requests in the window, at least {least} are needed"


def _of_ratio(metric: Metric, *, part: Vector, total: Vector, fast: bool) -> Sample:
    """The share of the bad ones, or of those that are not fast. Where there are requests, every bucket has a counter."""
    if len(total.series) > MAX_SERIES:
        return _too_many(metric, f"{len(total.series):,} groups", "choose coarser labels")
    least = metric.minimum_requests or 1
    part_by = {one.labels: one.value for one in part.series}
    series = []
    for one in total.series:
        known = labelled(one.labels)
        if math.isnan(one.value):
            series.append(SeriesSample(known, None, None, one.labels))
        elif one.value < least:
            series.append(SeriesSample(known, None, one.value, one.labels))
        elif fast and one.labels not in part_by:
            return NoData(no_bucket(metric))
        else:
            counted = part_by.get(one.labels, 0.0)
            share = max(one.value - counted, 0.0) / one.value if fast else counted / one.value
            series.append(SeriesSample(known, None if math.isnan(share) else share, one.value, one.labels))
    if not series or all(one.value is None for one in series):
        requests = sum(one.requests or 0.0 for one in series)
        return TooFew(_few(metric, requests, least), silent=not series)
    return Value(tuple(series))


def _quoted(value: str) -> str:
    r"""A label's value as PromQL writes it: quotes and backslashes escaped, as is whatever is not printable."""
    return printable(value.replace("\\", "\\\\").replace('"', '\\"'))


def labelled(labels: tuple[tuple[str, str], ...]) -> str:
    """Labels as PromQL writes them, empty for none; of very long ones the begin and a digest, for status keeps them."""
    text = "{" + ", ".join(f'{_key(key)}="{_quoted(value)}"' for key, value in labels) + "}" if labels else ""
    if len(text) <= LONGEST_LABELS:
        return text
    return f"{text[:LONGEST_LABELS]}... {hashlib.sha256(text.encode()).hexdigest()[:8]}}}"


def _key(name: str) -> str:
    """A label's name; one that is not of letters, digits and `_` is quoted, as Prometheus 3 does."""
    return name if _PLAIN.fullmatch(name) else f'"{_quoted(name)}"'


_PLAIN = re.compile("[a-zA-Z_][a-zA-Z0-9_]*")
