"""A Rollout as one row of a list, whatever version wrote its status: what is not there is empty."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from tidegate.api.values.text import printable
from tidegate.cli.tables import aligned
from tidegate.core.model.time_format import in_words

COLUMNS: Final = ("name", "phase", "step", "weight", "reason", "age")
WIDE: Final = ("candidate", "baseline", "under test", "next check", "message")
ABSENT: Final = "-"


def listed(items: Sequence[Mapping[str, Any]], now: datetime, *, wide: bool, everywhere: bool) -> str:
    """The list as aligned columns.

    Args:
        items: Rollouts as stored.
        now: the moment of telling, for ages.
        wide: further columns, as `-o wide` asks for.
        everywhere: the namespace as the first column.
    """
    columns = (*(("namespace",) if everywhere else ()), *COLUMNS, *(WIDE if wide else ()))
    rows = [tuple(_cells(item, now)[column] or ABSENT for column in columns) for item in items]
    return aligned(columns, rows)


def _cells(item: Mapping[str, Any], now: datetime) -> dict[str, str]:
    metadata, status, spec = (_part(item, key) for key in ("metadata", "status", "spec"))
    cells = {
        "namespace": metadata.get("namespace"),
        "name": metadata.get("name"),
        "phase": status.get("phase"),
        "step": _part(status, "step").get("summary"),
        "weight": _weight(_part(status, "weight").get("observed")),
        "reason": _ready(status).get("reason"),
        "age": _age(metadata.get("creationTimestamp"), now),
        "candidate": _part(spec, "candidate").get("deployment"),
        "baseline": _part(spec, "baseline").get("deployment"),
        "under test": " ".join(_images(status)),
        "next check": status.get("nextCheckTime"),
        "message": status.get("message"),
    }
    return {key: printable(str(value or "")) for key, value in cells.items()}


def _part(item: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = item.get(key)
    return found if isinstance(found, Mapping) else {}


def _ready(status: Mapping[str, Any]) -> Mapping[str, Any]:
    conditions = status.get("conditions")
    for one in conditions if isinstance(conditions, list) else ():
        if isinstance(one, Mapping) and one.get("type") == "Ready":
            return one
    return {}


def _images(status: Mapping[str, Any]) -> Iterator[str]:
    images = _part(_part(status, "run"), "version").get("images")
    yield from (str(one) for one in (images if isinstance(images, list) else ()))


def _weight(observed: object) -> str:
    return f"{observed:g}%" if isinstance(observed, int | float) else ""


def _age(created: object, now: datetime) -> str:
    """The largest unit, as kubectl shows an age."""
    try:
        seconds = (now - datetime.fromisoformat(str(created))).total_seconds()
    except (ValueError, TypeError):
        return ""
    for size in (86400, 3600, 60):
        if seconds >= size:
            return in_words(seconds // size * size)
    return in_words(max(seconds, 0) // 1)
