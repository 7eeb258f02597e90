"""The table "metric, target, current, status": `tidegate status` and the report say the same."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from tidegate.api.report import Standing
from tidegate.api.rollout.status import FindingStatus
from tidegate.cli.tables import Table

LIMITS: Final = ("metric", "target", "current", "baseline", "status", "counted", "possible (95%)", "as of")


def limits_table(limits: Sequence[Standing]) -> Table:
    """Metric, target, current, status: `tidegate status` shows the same."""
    return Table("Limits", LIMITS, tuple(_standing(one) for one in limits))


def _standing(one: Standing) -> tuple[str, ...]:
    usual = f"{one.metric} {one.target.partition(' for ')[0]}"
    named = "" if not one.metric or one.cohort or one.name == usual else f" ({one.name})"
    of = f" in {one.step}" if one.step else ""
    kind = ", guard" if one.guard else ""
    only = f" of cohort {one.cohort}" if one.cohort and one.cohort not in one.target else ""
    target = f"{one.target}{only}{of}{kind}"
    when = stamp(one.time) if one.time is not None else ""
    return (
        f"{one.metric or one.name}{named}",
        target,
        one.current,
        one.baseline,
        one.status,
        counted(one),
        one.possible,
        when,
    )


def counted(one: Standing | FindingStatus) -> str:
    """What was counted: of a ratio the bad requests."""
    limit = one.target if isinstance(one, Standing) else one.limit
    return f"{one.counts} {'to it' if limit.startswith('split ') else 'bad'}" if one.counts else ""


def stamp(instant: datetime) -> str:
    """An instant for people."""
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC"
