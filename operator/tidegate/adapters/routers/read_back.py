"""What routers say of a route: whether its weights act. Pure.

A report of a generation is exact. What names no generation may be about the weights of before: then, and where nothing
is said, a fixed time must pass after a raise (`Route.settle`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias

from tidegate.adapters.routers.paths import NOTHING, at, parsed
from tidegate.core.model.world import Acceptance

Said: TypeAlias = tuple[Acceptance, str]
"""What is said, and in which words."""
UNSAID: Final[Said] = (Acceptance.UNREPORTED, "")


@dataclass(frozen=True)
class ReadBack:
    """How a router's word on a route is read."""

    of: Callable[[Mapping[str, Any]], Said]
    words: str
    """Where the word is, for the documentation."""
    exact: bool = True
    """It is of this generation."""


def nothing() -> ReadBack:
    """The router says nothing."""
    return ReadBack(lambda _: UNSAID, "none", exact=False)


def condition(kind: str, conditions: str = "status.conditions", *, generations: bool = True) -> ReadBack:
    """One condition.

    Args:
        kind: its type.
        conditions: pattern of the list it is in.
        generations: it has an `observedGeneration`.
    """
    where = f"condition `{kind}` in `{conditions}`"

    def of(raw: Mapping[str, Any]) -> Said:
        found = at(raw, parsed(conditions))
        said = [one for one in found if one.get("type") == kind] if isinstance(found, list) else []
        return _worst(_of_condition(one, raw["metadata"].get("generation", 0)) for one in said)

    return ReadBack(of, where if generations else f"{where}, without a generation", exact=generations)


def conditions_of_each(entries: str, kind: str) -> ReadBack:
    """A condition without a generation in each entry of a list."""

    def of(raw: Mapping[str, Any]) -> Said:
        found = at(raw, parsed(entries))
        lists = [one.get("conditions") or () for one in found] if isinstance(found, list) else []
        return _worst(_of_condition(one, 0) for said in lists for one in said if one.get("type") == kind)

    return ReadBack(of, f"condition `{kind}` in each of `{entries}`, without a generation", exact=False)


def state(place: str, *, good: Iterable[str], bad: Iterable[str], message: str) -> ReadBack:
    """A word without a generation.

    Args:
        place: pattern of the word.
        good: the words that say that the route acts.
        bad: those that say that it does not.
        message: pattern of the reason.
    """
    accepted, refused = frozenset(good), frozenset(bad)

    def of(raw: Mapping[str, Any]) -> Said:
        word, why = at(raw, parsed(place)), at(raw, parsed(message))
        if word in refused:
            return Acceptance.REFUSED, f"{place} is {word}: {'without a reason' if why in (NOTHING, '') else why}"
        return (Acceptance.ACCEPTED, "") if word in accepted else UNSAID

    return ReadBack(of, f"`{place}`, without a generation", exact=False)


def synced_since_written(owned: tuple[str, ...]) -> ReadBack:
    """Condition `Synced`, with a time of its own: it counts once that time is not before the last write of `owned`."""

    def of(raw: Mapping[str, Any]) -> Said:
        status = raw.get("status") or {}
        said, why = _worst(
            _of_condition(one, 0) for one in status.get("conditions") or () if one.get("type") == "Synced"
        )
        synced = _epoch(status.get("lastSyncedTime"))
        if said is Acceptance.ACCEPTED and synced < written(raw["metadata"], (owned,)):
            return Acceptance.PENDING, "it was not synced since it was written"
        return said, why

    return ReadBack(of, "condition `Synced` and `status.lastSyncedTime`", exact=False)


def validated() -> ReadBack:
    """Istio's `status.validationMessages`: an error of this generation refuses; nothing there means nothing."""

    def of(raw: Mapping[str, Any]) -> Said:
        status = raw.get("status") or {}
        current = str(status.get("observedGeneration", "")) == str(raw["metadata"].get("generation"))
        errors = [one for one in status.get("validationMessages") or () if one.get("level") in {"ERROR", 3}]
        if not current or not errors:
            return UNSAID
        kind = (errors[0].get("type") or {}).get("name") or "an error"
        return Acceptance.REFUSED, f"istiod finds {kind} ({errors[0].get('documentationUrl', 'without a page on it')})"

    return ReadBack(of, "an error in `status.validationMessages`, where istiod writes a status", exact=False)


def _worst(said: Iterable[Said]) -> Said:
    return max(said, key=lambda one: WORST_LAST.index(one[0]), default=UNSAID)


WORST_LAST: Final = (Acceptance.UNREPORTED, Acceptance.ACCEPTED, Acceptance.PENDING, Acceptance.REFUSED)


def _of_condition(one: Mapping[str, Any], generation: int) -> Said:
    kind, status = one.get("type"), one.get("status")
    if one.get("observedGeneration", generation) < generation:
        return Acceptance.PENDING, f"{kind} is not reported for this generation yet"
    if status == "False":
        return Acceptance.REFUSED, f"{kind} is False: {words(one)}"
    return (Acceptance.ACCEPTED, "") if status == "True" else (Acceptance.PENDING, f"{kind} is {status}")


def words(one: Mapping[str, Any]) -> str:
    """The reason that a condition gives: Contour has it in `errors`, beside a message that only points there."""
    errors = [str(error["message"]) for error in one.get("errors") or () if error.get("message")]
    return "; ".join(errors) or str(one.get("message") or one.get("reason") or "without a reason")


def written(metadata: Mapping[str, Any], owned: Iterable[tuple[str, ...]]) -> int:
    """When something at or below these places was last written, in epoch seconds; 0 where the API server does not say."""
    paths = list(owned)
    times = [
        _epoch(entry.get("time"))
        for entry in metadata.get("managedFields") or ()
        if not entry.get("subresource") and any(owns(entry.get("fieldsV1") or {}, path) for path in paths)
    ]
    return max(times, default=0)


def owns(fields: Mapping[str, Any], path: Iterable[str]) -> bool:
    """Whether an entry of `managedFields` has something at or below a place."""
    for key in path:
        if f"f:{key}" not in fields:
            return False
        fields = fields[f"f:{key}"] or {}
    return True


def _epoch(time: object) -> int:
    try:
        return int(datetime.fromisoformat(str(time)).timestamp())
    except ValueError:
        return 0
