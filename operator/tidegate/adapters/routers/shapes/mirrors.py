"""Entries of a rule that copy requests to a backend: how they are found, made and taken away. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from tidegate.adapters.routers.paths import NOTHING, Path, at, parsed, pointer
from tidegate.adapters.routers.places import Operation
from tidegate.adapters.routers.shapes.naming import Naming
from tidegate.adapters.routers.views import MirrorView

ALL: Final = 100
"""Percent that an entry copies where it does not say how many."""


@dataclass(frozen=True)
class Mirrors:
    """Where the mirrors of a rule stand, and what an entry is like. Patterns, from the rule or from the entry."""

    says: str
    """What the documentation calls an entry."""
    entries: str
    """The list, from the rule."""
    percent: str
    """The share in percent, from the entry."""
    marks: Mapping[str, Any] = field(default_factory=dict)
    """Fields of an entry that make it a mirror; empty where everything in the list is one."""
    backend: str = ""
    """The backend, from the entry; empty: the entry itself."""
    fraction: str = ""
    """Where an entry may have `numerator` and `denominator` instead of a percentage."""
    left_out: frozenset[str] = frozenset({"weight"})
    """Fields of the candidate's backend that its mirror does not have."""
    zero_is_all: bool = False
    """A share of 0 copies every request: it is never written, and read as what it does."""
    excluded_by: str = ""
    """A field of the rule that the router does not take beside such entries."""

    def views(
        self, rule: Mapping[str, Any], path: Path, raw: Mapping[str, Any], naming: Naming
    ) -> Iterator[MirrorView]:
        """The entries of a rule at `path` that could be a target's."""
        place = parsed(self.entries)
        entries = at(rule, place)
        for index, entry in enumerate(entries if isinstance(entries, list) else ()):
            backend = at(entry, parsed(self.backend)) if self._is_mirror(entry) else NOTHING
            below = (*path, *place, index, *parsed(self.backend))
            found = naming.of(backend, below, raw) if isinstance(backend, dict) else None
            if found is not None and found.elsewhere is None:
                yield MirrorView(
                    found.names, self._percent(entry), pointer((*path, *place)), index, len(entries), entry
                )

    def _is_mirror(self, entry: object) -> bool:
        return isinstance(entry, dict) and all(entry.get(key) == value for key, value in self.marks.items())

    def _percent(self, entry: Mapping[str, Any]) -> int:
        """The share that an entry copies, percent, rounded up; what cannot be read is taken for all."""
        fraction = at(entry, parsed(self.fraction)) if self.fraction else NOTHING
        found = at(entry, parsed(self.percent))
        try:
            if isinstance(fraction, Mapping):
                share = (
                    Decimal(ALL) * Decimal(str(fraction["numerator"])) / Decimal(str(fraction.get("denominator", 100)))
                )
            else:
                share = Decimal(ALL) if found in (NOTHING, None) else Decimal(str(found).rstrip("%"))
            whole = math.ceil(share)
        except (ArithmeticError, LookupError, ValueError):
            return ALL
        return ALL if self.zero_is_all and whole == 0 else min(max(whole, 0), ALL)

    def adding(
        self, rule: Mapping[str, Any], path: Path, candidate: Mapping[str, Any], share: int, gone: int
    ) -> Operation:
        """The operation that adds an entry at the end of a rule's list.

        Args:
            rule: as read.
            path: its place in the object.
            candidate: the candidate's backend in the rule.
            share: percent, 1 to 100.
            gone: entries of the list that operations before this one take away, and with the last of them the list.
        """
        entry = dict(self.marks)
        backend = {key: value for key, value in candidate.items() if key not in self.left_out}
        _put(entry, parsed(self.backend), backend)
        _put(entry, parsed(self.percent), share)
        place = parsed(self.entries)
        entries = at(rule, place)
        where = pointer((*path, *place))
        if isinstance(entries, list) and len(entries) > gone:
            return {"op": "add", "path": f"{where}/-", "value": entry}
        return {"op": "add", "path": where, "value": [entry]}


def _put(entry: dict[str, Any], place: tuple[str, ...], value: Any) -> None:  # noqa: ANN401  (JSON)
    """Sets what stands at a place below `entry`; at the entry itself the fields are added to its own."""
    if not place:
        entry |= {key: one for key, one in value.items() if key not in entry}
        return
    *way, last = place
    for key in way:
        entry = entry.setdefault(key, {})
    entry[last] = value


def removals(entries: Iterator[MirrorView] | tuple[MirrorView, ...]) -> list[Operation]:
    """The operations that take entries of one list away, each tested on being what was read; and with its last entry the list."""
    found = sorted(entries, key=lambda one: one.index, reverse=True)
    made: list[Operation] = [{"op": "test", "path": one.pointer, "value": one.entry} for one in found]
    if found and len(found) == found[0].length:
        return [*made, {"op": "remove", "path": found[0].entries}]
    return [*made, *({"op": "remove", "path": one.pointer} for one in found)]
