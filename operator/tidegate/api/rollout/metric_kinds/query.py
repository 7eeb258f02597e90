"""PromQL that gives the value itself, as a person wrote it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from tidegate.api.values.scalars import Unit


@dataclass(frozen=True)
class PlainQuery:
    """The text of `query`."""

    query: str

    unit: ClassVar[Unit | None] = None
    share: ClassVar[bool] = False
    by: ClassVar[tuple[str, ...]] = ()

    @property
    def texts(self) -> dict[str, str]:
        """Its PromQL text; the field has no name of its own."""
        return {"": self.query}

    def faults(self) -> Iterator[tuple[str, str]]:
        """None: it has no numbers."""
        return iter(())

    def rewritten(self, change: Callable[[str], str]) -> PlainQuery:
        """The same with its text changed."""
        return replace(self, query=change(self.query))
