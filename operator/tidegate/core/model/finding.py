"""What judging a limit comes to: its state, the series it rests on, and the words for it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tidegate.api.rollout.thresholds import Threshold
from tidegate.core.model.answers import Failed
from tidegate.core.model.samples import NoData, NotAsked, Open, Sample, TooFew, Value


class State(StrEnum):
    """What a judgement came to."""

    OK = "Ok"
    BREACHED = "Breached"
    PENDING = "Pending"
    """Breached, not yet for long enough."""
    NOT_COMPARABLE = "NotComparable"
    TOO_FEW_REQUESTS = "TooFewRequests"
    NO_DATA = "NoData"
    """The source answered, and this metric has no usable value."""
    SOURCE_DOWN = "SourceDown"
    """The source could not be queried."""
    OPEN = "Open"
    """Asked, the answer is still out."""
    NOT_ASKED = "NotAsked"
    """This tick did not ask."""


MISSING = frozenset({State.NO_DATA, State.SOURCE_DOWN})
"""States of a limit whose data is missing."""


@dataclass(frozen=True)
class SeriesFinding:
    """One series against the limit."""

    series: str
    state: State
    value: float | None = None
    baseline: float | None = None
    requests: float | None = None


@dataclass(frozen=True)
class Evidence:
    """What a test on counts rests on, for people."""

    conclusion: str
    """`Regressed`, `ShownOk` or `Inconclusive`."""
    counts: str
    """Such as `3 of 500 against 40 of 9500`."""
    possible: str
    """What is still possible, such as `0.4 times to 3.1 times the baseline's`."""


@dataclass(frozen=True)
class Finding:
    """One threshold judged once."""

    limit: Threshold
    state: State
    message: str
    worst: SeriesFinding | None = None
    series: tuple[SeriesFinding, ...] = ()
    sampled: bool = True
    """It rests on an answer; a comparison that cannot be made says nothing of whether the source answers."""
    evidence: Evidence | None = None
    """For a test on counts."""
    shared: bool = False
    """The baseline is beyond the limit just as well: a shared incident, not a regression."""
    both: bool = False
    """Shared, and the baseline is beyond the limit now, not only a moment ago."""
    new: bool = True
    """A breach that was none at the evaluation before."""

    @property
    def answered(self) -> bool:
        """This tick has a judgement."""
        return self.state not in {State.OPEN, State.NOT_ASKED}


@dataclass(frozen=True)
class Context:
    """What a judgement must know besides the samples."""

    arm: str = "candidate"
    """The arm that serves on trial: the candidate, or after the promotion the baseline; empty for a metric of neither."""
    comparable: bool = True
    """The baseline has traffic of its own, and a version of its own, to compare with."""
    incomparable: str = "the baseline has no traffic to compare with"
    """Why it is not."""
    watched: float = math.inf
    """Watched seconds the candidate has had traffic: relative limits wait for the metric's warm-up."""
    expected: bool = True
    """Data should be there by now: the window and a scrape have passed since the candidate got traffic."""
    window: str = ""
    """The window asked for, for the message."""

    @property
    def of_the_arm(self) -> str:
        """` of the candidate`; empty for a metric independent of the arms."""
        return f" of the {self.arm}" if self.arm else ""


UNANSWERED: Final = "no answer, "
"""How a finding begins, after the metric's name, whose query failed; one that was answered with nothing begins otherwise."""


def without_value(limit: Threshold, sample: Sample, context: Context) -> Finding | None:
    """The finding of a sample that has no value; `None` for one that has."""
    match sample:
        case Value():
            return None
        case TooFew(message):
            return Finding(limit, State.TOO_FEW_REQUESTS, message)
        case NoData(message, certain):
            if context.expected or certain:
                return Finding(limit, State.NO_DATA, message)
            return Finding(
                limit,
                State.TOO_FEW_REQUESTS,
                f"{message} (the window still reaches back to before the candidate's traffic)",
            )
        case Failed() as failed:
            message = f"{limit.metric}: {UNANSWERED}{failed.reason}: {failed.message}"
            return Finding(limit, State.SOURCE_DOWN if failed.source_down else State.NO_DATA, message)
        case Open():
            return Finding(limit, State.OPEN, "")
        case NotAsked():
            return Finding(limit, State.NOT_ASKED, "")
