"""What the gateways of a Gateway API route say of it, together (`status.parents`). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from tidegate.adapters.routers.read_back import UNSAID, ReadBack, Said, words
from tidegate.core.model.world import Acceptance

CONDITIONS: Final = ("Accepted", "ResolvedRefs")
"""What each gateway must say of a route before it counts as taken."""
PARTLY: Final = "PartiallyInvalid"
"""What a gateway says of an accepted route of which it dropped rules, or of which an older state goes on (gateway-api,
RouteConditionPartiallyInvalid): whether the weights act cannot be known."""


def parents() -> ReadBack:
    """The word of the gateways."""
    said = ", ".join(f"`{kind}`" for kind in CONDITIONS)
    return ReadBack(_acceptance, f"conditions {said} of each parent")


def _acceptance(raw: Mapping[str, Any]) -> Said:
    """What the gateways say together: one refusal is a refusal, one that lags makes it pending.

    On one gateway several controllers may report: the one that took the route is believed. What does not say `Accepted` is
    no gateway's report, but a policy controller's, say.
    """
    generation = raw["metadata"]["generation"]
    reports: dict[tuple[object, ...], list[Said]] = {}
    for identity, report in _current_parents(raw):
        if any(condition.get("type") == CONDITIONS[0] for condition in report.get("conditions") or ()):
            reports.setdefault(identity, []).append(_of_report(report, generation))
    said = [min(of_one, key=lambda one: _BEST_FIRST.index(one[0])) for of_one in reports.values()]
    return max(said, key=lambda one: _BEST_FIRST.index(one[0])) if said else UNSAID


_BEST_FIRST: Final = (Acceptance.ACCEPTED, Acceptance.PENDING, Acceptance.REFUSED)


def _of_report(report: Mapping[str, Any], generation: int) -> Said:
    """What one controller says of one gateway."""
    said = {condition.get("type"): condition for condition in report.get("conditions") or ()}
    who = f"gateway {(report.get('parentRef') or {}).get('name', '?')} ({report.get('controllerName') or 'unnamed'})"
    waiting = ""
    for kind in CONDITIONS:
        condition = said.get(kind)
        # Some controllers leave observedGeneration out: then what they say counts as said of what is there.
        if condition is None or condition.get("observedGeneration", generation) < generation:
            waiting = waiting or f"{who} has not reported {kind} for this generation yet"
        elif condition.get("status") == "False":
            return Acceptance.REFUSED, f"{who}: {kind} is False: {words(condition)}"
        elif condition.get("status") != "True":
            waiting = waiting or f"{who}: {kind} is {condition.get('status')}"
    partly = said.get(PARTLY) or {}
    if partly.get("status") == "True" and partly.get("observedGeneration", generation) >= generation:
        return Acceptance.REFUSED, f"{who}: {PARTLY} is True: {words(partly)}"
    return (Acceptance.PENDING, waiting) if waiting else (Acceptance.ACCEPTED, "")


def _current_parents(raw: Mapping[str, Any]) -> Iterable[tuple[tuple[object, ...], Mapping[str, Any]]]:
    """What is reported for the gateways the route names now, with which one; controllers may leave reports on former ones behind."""
    namespace = raw["metadata"]["namespace"]
    wanted = {_identity(ref, namespace) for ref in (raw.get("spec") or {}).get("parentRefs") or ()}
    for parent in (raw.get("status") or {}).get("parents") or ():
        identity = _identity(parent.get("parentRef") or {}, namespace)
        if identity in wanted:
            yield identity, parent


def _identity(ref: Mapping[str, Any], namespace: str) -> tuple[object, ...]:
    return (
        ref.get("group", "gateway.networking.k8s.io"),
        ref.get("kind", "Gateway"),
        ref.get("namespace") or namespace,
        ref.get("name"),
        ref.get("sectionName"),
        ref.get("port"),
    )
