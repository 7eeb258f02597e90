"""What one metric's answers come to for one arm, and the answers of a tick so far."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from tidegate.core.model.answers import Answer, Failed, Query
from tidegate.core.model.world import ArmName


@dataclass(frozen=True)
class SeriesSample:
    """One series of a sample. `value` is `None` when nothing was observed (NaN), or there were too few requests to say."""

    series: str
    value: float | None
    requests: float | None = None
    labels: tuple[tuple[str, str], ...] = ()
    """Its label pairs, sorted."""


@dataclass(frozen=True)
class Value:
    """An answer with at least one series."""

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
    certain: bool = False
    """Waiting brings none: the answer cannot be used as it is."""


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
    """A tick's queries and the answers so far."""

    queries: Mapping[Query, Answer | None]
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
        return any(answer is None for answer in self.queries.values())

    def answer(self, query: Query) -> Answer | Open | NotAsked:
        """What is known about one query."""
        if query not in self.queries:
            return NotAsked()
        answer = self.queries[query]
        return Open() if answer is None else answer
