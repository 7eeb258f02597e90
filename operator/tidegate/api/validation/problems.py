"""What a check says: where, what would be right, and whether it can be lived with."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

Where: TypeAlias = tuple[str | int, ...]
"""The way from the object's root to a field, in the names of the manifest: `("spec", "steps", 1, "for")`."""


class Severity(StrEnum):
    """Whether it can be lived with."""

    ERROR = "error"
    """The object is not carried out as it stands."""
    WARNING = "warning"
    """It is, and is probably not what was meant."""
    NOTICE = "notice"
    """It is, it may well be meant, and it is good to know. Fails nothing."""


@dataclass(frozen=True)
class Problem:
    """One finding of a check."""

    where: Where
    message: str
    """What is wrong and what would be right."""
    severity: Severity = Severity.ERROR

    @property
    def path(self) -> str:
        """The field as people write it, such as `spec.steps[1].guards[0].max`."""
        parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.where)
        return "".join(parts).removeprefix(".")

    def __str__(self) -> str:
        """As a line of a message."""
        return f"{self.path}: {self.message}"


def inside(where: Where, path: str) -> Where:
    """`where` followed by a rule's path, such as `.gate.after`."""
    return (*where, *(part for part in path.split(".") if part))
