"""What samples of every kind of metric have in common: series' labels, and the words for too few requests or too many series."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence

from tidegate.api.rollout.metrics import Metric
from tidegate.api.status_budget import LONGEST_LABELS, MAX_SERIES
from tidegate.api.values.text import printable
from tidegate.core.model.answers import Matrix, Query, Vector
from tidegate.core.model.samples import Asked, NoData, Sample, SeriesSample, TooFew, Value


def warnings(asked: Asked, queries: Iterable[Query]) -> tuple[str, ...]:
    """What the source said beside its answers to these queries, each once."""
    answers = [asked.answer(query) for query in queries]
    said = (words for one in answers if isinstance(one, Vector | Matrix) for words in one.warnings)
    return tuple(dict.fromkeys(said))


def too_many(metric: Metric, what: str, instead: str) -> NoData:
    """No data: more series than are evaluated, and what to do about it."""
    return NoData(f"{metric.name}: {what}, more than {MAX_SERIES}: {instead}", certain=True)


def few(metric: Metric, requests: float, least: int) -> str:
    """What is said of fewer requests than `least`."""
    return f"{metric.name}: {requests:.0f} requests in the window, at least {least} are needed"


def of_requests(metric: Metric, series: Sequence[SeriesSample]) -> Sample:
    """The sample of a metric that counts requests, from its series: too few requests where none of them has a value."""
    if any(one.value is not None for one in series):
        return Value(tuple(series))
    requests = sum(one.requests or 0.0 for one in series)
    return TooFew(few(metric, requests, metric.minimum_requests or 1), silent=not series)


def _quoted(value: str) -> str:
    r"""A label's value as PromQL writes it: quotes and backslashes escaped, as is whatever is not printable."""
    return printable(value.replace("\\", "\\\\").replace('"', '\\"'))


def labelled(labels: tuple[tuple[str, str], ...], longest: int = LONGEST_LABELS) -> str:
    """Labels as PromQL writes them, empty for none; of very long ones the begin and a digest, for status keeps them."""
    text = "{" + ", ".join(f'{_key(key)}="{_quoted(value)}"' for key, value in labels) + "}" if labels else ""
    if len(text) <= longest:
        return text
    return f"{text[:longest]}... {hashlib.sha256(text.encode()).hexdigest()[:8]}}}"


def _key(name: str) -> str:
    """A label's name; one that is not of letters, digits and `_` is quoted, as Prometheus 3 does."""
    return name if _PLAIN.fullmatch(name) else f'"{_quoted(name)}"'


_PLAIN = re.compile("[a-zA-Z_][a-zA-Z0-9_]*")
