"""What is asked of a metrics source, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeAlias

from tidegate.core.model.raw_samples import Labels, RawHistogram, RawSeries
from tidegate.core.model.world import ArmName


@dataclass(frozen=True)
class Query:
    """One PromQL query to one source. Two are the same when source and text are."""

    source: str
    promql: str
    metric: str = field(default="", compare=False)
    arm: ArmName = field(default=ArmName.CANDIDATE, compare=False)
    part: str = field(default="value", compare=False)
    """`value` of a query, or `bad` / `total` of a ratio."""
    life: float | None = field(default=None, compare=False)
    """Seconds after which an answer comes too late; `None`: as long as any."""


@dataclass(frozen=True)
class SeriesValue:
    """One series of an answer."""

    labels: tuple[tuple[str, str], ...]
    """Label pairs, sorted, without the metric's name."""
    value: float


@dataclass(frozen=True)
class Vector:
    """The source answered; a scalar is a vector of one series without labels."""

    series: tuple[SeriesValue, ...]
    warnings: tuple[str, ...] = field(default=(), compare=False)
    """What the source said beside the answer, such as that a histogram's bounds do not match."""


@dataclass(frozen=True)
class Matrix:
    """The source answered a range selector: raw samples as scraped, of counters or of native histograms."""

    series: tuple[RawSeries, ...] = ()
    histograms: tuple[RawHistogram, ...] = ()
    warnings: tuple[str, ...] = field(default=(), compare=False)
    """What the source said beside the answer."""
    incomplete: frozenset[Labels] = frozenset()
    """The labels of counters of which samples were left out because they are no numbers."""


class FailedReason(StrEnum):
    """Why a query got no answer."""

    REFUSED = "Refused"
    """No connection to the source came about."""
    DENIED = "Denied"
    NO_SUCH_SOURCE = "NoSuchSource"
    CLOCK = "Clock"
    """The source's clock and ours are too far apart for its answers to be of use."""
    ERROR = "Error"
    """An error status: the source, or a proxy before it, did not carry out the query."""
    TIMEOUT = "Timeout"
    BAD_QUERY = "BadQuery"
    BAD_ANSWER = "BadAnswer"
    OVERLOADED = "Overloaded"
    """Its turn did not come in time."""
    PARTIAL = "Partial"
    """The source says itself that parts of its data were missing."""


SOURCE_REASONS: Final = frozenset(
    {FailedReason.REFUSED, FailedReason.DENIED, FailedReason.NO_SUCH_SOURCE, FailedReason.CLOCK}
)
"""Reasons that are the source's, unless whoever asked knows better."""


@dataclass(frozen=True)
class Failed:
    """The source could not be asked, or what it said was no answer."""

    reason: FailedReason
    message: str = ""
    down: bool | None = field(default=None, compare=False)
    """Whether the source is down, as who asked has found out; `None`: as the reason says."""

    @property
    def source_down(self) -> bool:
        """Whether the source, not the query, is the trouble: nobody's queries are answered."""
        return self.reason in SOURCE_REASONS if self.down is None else self.down


Answer: TypeAlias = Vector | Matrix | Failed
