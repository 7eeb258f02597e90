"""What one check found, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How it stands."""

    OK = "ok"
    WARNING = "warning"
    """It works, but not everything does, or not for long."""
    FAILED = "failed"
    """Something that Tidegate needs is not there."""
    SKIPPED = "skipped"
    """It could not be checked from here."""


@dataclass(frozen=True)
class Result:
    """One line of the report."""

    check: str
    """The subject, such as `permissions of the operator`."""
    level: Level
    message: str
    """What was found."""
    advice: str = ""
    """What to do; empty when there is nothing to do."""


def worst(results: Iterable[Result]) -> Level:
    """The most severe level: a check that was skipped is not a failure."""
    levels = {one.level for one in results}
    return next((one for one in (Level.FAILED, Level.WARNING, Level.OK) if one in levels), Level.OK)
