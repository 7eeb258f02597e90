"""What the watch streams have brought, as small projections: raw objects are not kept.

An entry is answered only while a watch stream stands behind it: what came from our own reads and writes alone would
never be corrected. Absence is never answered: on a miss the caller reads live.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Generic, TypeAlias, TypeVar

Key: TypeAlias = tuple[str, str]
"""Namespace and name."""

V = TypeVar("V")

REMEMBERED_DELETIONS: Final = 4096
"""Deletions kept so that a late answer does not bring an object back; minutes of the busiest cluster."""


_NOTHING: Final = object()


@dataclass(slots=True)
class _Entry(Generic[V]):
    version: int
    view: V
    watched: bool
    told: object
    """What the last news was about: the essence of a projection, or nothing yet."""


class Cache(Generic[V]):
    """Projections of one kind of object by namespace and name; what is older than what is known is ignored."""

    def __init__(self, essence: Callable[[V], object] = lambda view: view) -> None:
        """`essence` gives the part of a projection whose change is news."""
        self._essence = essence
        self._entries: dict[Key, _Entry[V]] = {}
        self._gone: OrderedDict[Key, int] = OrderedDict()

    def get(self, key: Key) -> V | None:
        """The projection, if a watch stream keeps it fresh; `None` means: read live."""
        entry = self._entries.get(key)
        return entry.view if entry is not None and entry.watched else None

    def last(self, key: Key) -> V | None:
        """The projection last seen from wherever; `None` when there is none."""
        entry = self._entries.get(key)
        return None if entry is None else entry.view

    def put(self, key: Key, resource_version: str, view: V, *, watched: bool) -> bool:
        """Takes in an object as seen by a watch stream, or (`watched=False`) as answered to a call of our own.

        Returns: whether it is news. Only what a watch stream brings is: who made a call knows its answer, but others
        may wait for what was in it.
        """
        version = _number(resource_version)
        entry = self._entries.get(key)
        if entry is None:
            if version <= self._gone.get(key, -1):
                return False
            entry = self._entries[key] = _Entry(version, view, watched, _NOTHING)
        elif version >= entry.version:
            entry.version, entry.view = version, view
        if not watched:
            return False
        entry.watched = True
        before, entry.told = entry.told, self._essence(entry.view)
        return before != entry.told

    def is_newer(self, key: Key, resource_version: str) -> bool:
        """Whether an object of this version is newer than what a watch stream, or a call of our own, has brought."""
        entry = self._entries.get(key)
        known = self._gone.get(key, -1) if entry is None else entry.version
        return _number(resource_version) > known

    def drop(self, key: Key, resource_version: str = "") -> bool:
        """Forgets an object that is gone. Returns: whether it was known."""
        entry = self._entries.get(key)
        version = _number(resource_version)
        if entry is not None and 0 < version < entry.version:
            return False
        # One who does not know the version (a list without it, a 404) must not forget the one that was known.
        self._gone[key] = max(version, entry.version if entry is not None else 0, self._gone.get(key, 0))
        self._gone.move_to_end(key)
        while len(self._gone) > REMEMBERED_DELETIONS:
            self._gone.popitem(last=False)
        return self._entries.pop(key, None) is not None

    def unwatch(self, namespace: str | None = None) -> None:
        """The watch streams (of a namespace) have ended: until they have brought an object again, it is read live."""
        for key, entry in self._entries.items():
            if namespace in {None, key[0]}:
                entry.watched = False

    def items(self) -> Iterator[tuple[Key, V]]:
        """Everything known, fresh or not."""
        return ((key, entry.view) for key, entry in self._entries.items())

    def __len__(self) -> int:
        return len(self._entries)


def _number(resource_version: str) -> int:
    # Every etcd-backed server has always made them numbers that grow, and Kubernetes promises it since 1.35. From a
    # server that does otherwise, everything counts as equally new.
    return int(resource_version) if resource_version.isdecimal() else 0
