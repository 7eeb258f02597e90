"""Gates that time opens: an instant, a distance from an earlier step, the end of a freeze."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tidegate.api.rollout.gates import Freeze, SinceStep
from tidegate.core.gates.kind import Closed, GateContext
from tidegate.core.model.time_format import instant


@dataclass(frozen=True)
class AfterInstant:
    """`after`: not before an instant."""

    field: str = "after"
    calendar: bool = True

    def evaluate(self, part: datetime, context: GateContext) -> Closed | None:
        """Closed before the instant."""
        return _until(part.timestamp(), context)

    def describe(self, part: datetime) -> str:
        """`not before 2026-11-21 14:00 UTC`."""
        return f"not before {part:%Y-%m-%d %H:%M %Z}"


@dataclass(frozen=True)
class AfterStep:
    """`sinceStep`: not before so much time has passed since an earlier step began."""

    field: str = "since_step"
    calendar: bool = False

    def evaluate(self, part: SinceStep, context: GateContext) -> Closed | None:
        """Closed until the time has passed, and while the step has not begun."""
        begun = context.begun.get(part.step, math.inf)
        if math.isinf(begun):
            return Closed("counts from a step that has not begun")
        return _until(begun + part.elapsed.seconds, context)

    def describe(self, part: SinceStep) -> str:
        """`2d after canary began`."""
        return f"{part.elapsed} after {part.step} began"


@dataclass(frozen=True)
class NotFrozen:
    """`freezes`: not during any of them."""

    field: str = "freezes"
    calendar: bool = True

    def evaluate(self, part: Sequence[Freeze], context: GateContext) -> Closed | None:
        """Closed during a freeze; of several the one that ends last."""
        frozen = [one for one in part if one.from_.timestamp() <= context.now < one.to.timestamp()]
        if not frozen:
            return None
        last = max(frozen, key=lambda one: one.to)
        ends = last.to.timestamp()
        return Closed(f"is frozen until {instant(ends):%Y-%m-%dT%H:%M:%SZ} ({last.reason})", ends)

    def describe(self, part: Sequence[Freeze]) -> str:
        """`not from 2026-12-18 17:00 UTC to 2027-01-04 06:00 UTC (year-end)`."""
        return ", ".join(f"not from {_date(one.from_)} to {_date(one.to)} ({one.reason})" for one in part)


def _date(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M %Z}"


def _until(opens: float, context: GateContext) -> Closed | None:
    if opens <= context.now:
        return None
    return Closed(f"opens at {instant(opens):%Y-%m-%dT%H:%M:%SZ}", opens)
