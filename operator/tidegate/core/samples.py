"""From a source's answers to one metric's sample for one arm. Sources report; what an answer means is decided here."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from tidegate.api.metric import Metric, WhenEmpty
from tidegate.api.room import LONGEST_LABELS, MAX_SERIES
from tidegate.api.text import printable
from tidegate.core.observed import Answer, ArmName, Failed, Matrix, Question, Vector
from tidegate.core.slowness import no_bucket


@dataclass(frozen=True)
class SeriesSample:
    """One series of a sample. `value` is `None` when there were too few requests to say."""

    series: str
    value: float | None
    requests: float | None = None


@dataclass(frozen=True)
class Value:
    """An answer with at least one series. NaN values stay in it: a series that is not a number is nobody's good news."""

    series: tuple[SeriesSample, ...]


@dataclass(frozen=True)
class TooFew:
    """A ratio with too few requests, or a comparison too early."""

    message: str
    silent: bool = False
    """There is not even a counter."""


@dataclass(frozen=True)
class NoData:
    """The source answered, and there is nothing."""

    message: str


@dataclass(frozen=True)
class NotAsked:
    """This tick did not ask."""


@dataclass(frozen=True)
class Open:
    """Asked, not answered yet."""


T = TypeVar("T")

Sample: TypeAlias = Value | TooFew | NoData | Failed | NotAsked | Open


@dataclass(frozen=True)
class Asked:
    """A tick's questions and the answers so far."""

    questions: Mapping[Question, Answer | None]
    """`None`: still open."""
    pods: Mapping[ArmName, str] | None = None
    """`$pods` of each arm when the queries were rendered: an answer is found again although pods have come and gone meanwhile."""
    worked_out: dict[Hashable, Any] = field(default_factory=dict, compare=False)
    """A tick decides again after every answer; what one answer comes to is worked out once."""

    def once(self, key: Hashable, work_out: Callable[[], T]) -> T:
        """What `work_out` gives; from the second call on with the same key what it gave, unless an answer was missing."""
        if key not in self.worked_out:
            found = work_out()
            if isinstance(found, Open | NotAsked):
                return found
            self.worked_out[key] = found
        kept: T = self.worked_out[key]
        return kept

    @property
    def open(self) -> bool:
        """Whether an answer is still out."""
        return any(answer is None for answer in self.questions.values())

    def answer(self, question: Question) -> Answer | Open | NotAsked:
        """What is known about one question."""
        if question not in self.questions:
            return NotAsked()
        answer = self.questions[question]
        return Open() if answer is None else answer


def warnings(asked: Asked, questions: Iterable[Question]) -> tuple[str, ...]:
    """What the source said beside its answers to these questions, each once."""
    answers = [asked.answer(question) for question in questions]
    said = (words for one in answers if isinstance(one, Vector | Matrix) for words in one.warnings)
    return tuple(dict.fromkeys(said))


def sample(metric: Metric, asked: Asked, questions: tuple[Question, ...]) -> Sample:
    """The metric's sample from the answers to its questions (one for a query; bad and total for a ratio)."""
    answers = [asked.answer(question) for question in questions]
    for kind in (NotAsked, Open, Failed):
        found = next((answer for answer in answers if isinstance(answer, kind)), None)
        if found is not None:
            return found
    vectors = [answer for answer in answers if isinstance(answer, Vector)]
    if metric.ratio is None:
        return _of_query(metric, vectors[0])
    fast = questions[0].part == "fast"
    return _of_ratio(metric, part=vectors[0], total=vectors[1], fast=fast)


def _of_query(metric: Metric, vector: Vector) -> Sample:
    if not vector.series:
        if metric.when_empty is WhenEmpty.ZERO:
            return Value((SeriesSample("", 0.0),))
        return NoData(f"{metric.name}: the answer is empty")
    if len(vector.series) > MAX_SERIES:
        return NoData(f"{metric.name}: {len(vector.series)} series, more than {MAX_SERIES}: aggregate in the query")
    return Value(tuple(SeriesSample(labelled(one.labels), one.value) for one in vector.series))


def _of_ratio(metric: Metric, *, part: Vector, total: Vector, fast: bool) -> Sample:
    """The share of the bad ones, or of those that are not fast. Where there are requests, every bucket has a counter."""
    if len(total.series) > MAX_SERIES:
        return NoData(f"{metric.name}: {len(total.series)} groups, more than {MAX_SERIES}: choose coarser labels")
    least = metric.minimum_requests or 1
    part_by = {one.labels: one.value for one in part.series}
    series = []
    for one in total.series:
        if math.isnan(one.value):
            series.append(SeriesSample(labelled(one.labels), math.nan))
        elif one.value < least:
            series.append(SeriesSample(labelled(one.labels), None, one.value))
        elif fast and one.labels not in part_by:
            return NoData(no_bucket(metric))
        else:
            counted = part_by.get(one.labels, 0.0)
            share = max(one.value - counted, 0.0) / one.value if fast else counted / one.value
            series.append(SeriesSample(labelled(one.labels), share, one.value))
    if not series or all(one.value is None for one in series):
        requests = sum(one.requests or 0.0 for one in series)
        words = f"{metric.name}: {requests:.0f} requests in the window, at least {least} are needed"
        return TooFew(words, silent=not series)
    return Value(tuple(series))


def _quoted(value: str) -> str:
    r"""A label's value as PromQL writes it: quotes and backslashes escaped, as is whatever is not printable."""
    return printable(value.replace("\\", "\\\\").replace('"', '\\"'))


def labelled(labels: tuple[tuple[str, str], ...]) -> str:
    """Labels as PromQL writes them, empty for none; of very long ones the begin and a digest, for status keeps them."""
    text = "{" + ", ".join(f'{key}="{_quoted(value)}"' for key, value in labels) + "}" if labels else ""
    if len(text) <= LONGEST_LABELS:
        return text
    return f"{text[:LONGEST_LABELS]}... {hashlib.sha256(text.encode()).hexdigest()[:8]}}}"
