"""What is kept of a Gateway API route, and how a target's pairs are found in it. Pure: no calls."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tidegate.core.observed import Acceptance, Route, RulePair, TargetRef
from tidegate.ports.protocols import Manager

DEFAULT_WEIGHT: Final = 1
"""What a missing weight means (gateway-api, BackendRef)."""
CONDITIONS: Final = ("Accepted", "ResolvedRefs")
"""What each gateway must say of a route before it counts as taken."""


@dataclass(frozen=True, slots=True)
class Backend:
    """A backend of a rule that is a Service in the route's own namespace."""

    index: int
    service: str
    weight: int


@dataclass(frozen=True, slots=True)
class RuleView:
    """One rule: its Services, and how many backends it has in all."""

    index: int
    name: str
    backends: tuple[Backend, ...]
    count: int
    identity: str
    """Digest of the rule without its weights."""

    @property
    def label(self) -> str:
        """How status and messages name it."""
        return self.name or f"#{self.index}"


@dataclass(frozen=True, slots=True)
class RouteView:
    """A route, reduced to what decisions and tested writes need."""

    uid: str
    generation: int
    rules: tuple[RuleView, ...]
    acceptance: Acceptance
    acceptance_message: str
    reverted_by_us: bool
    frame: str
    """Digest of all that is not a weight."""


@dataclass(frozen=True, slots=True)
class Handle:
    """The router's note on a route: where the pairs stand, and what they stand in."""

    places: Mapping[str, Places]
    """By rule."""
    frame: str
    """As `RouteView.frame`."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where a pair's two backends stand: JSON pointers."""

    baseline: str
    candidate: str


def route_view(raw: Mapping[str, Any]) -> RouteView:
    """The projection of an HTTPRoute or GRPCRoute."""
    metadata, spec = raw["metadata"], raw.get("spec") or {}
    acceptance, message = _acceptance(raw, metadata["generation"])
    rules = tuple(_rule(index, rule, metadata["namespace"]) for index, rule in enumerate(spec.get("rules") or ()))
    around = {key: value for key, value in spec.items() if key != "rules"}
    return RouteView(
        uid=metadata["uid"],
        generation=metadata["generation"],
        rules=rules,
        acceptance=acceptance,
        acceptance_message=message,
        reverted_by_us=any(
            entry.get("manager") == Manager.REVERT and "f:rules" in ((entry.get("fieldsV1") or {}).get("f:spec") or {})
            for entry in metadata.get("managedFields") or ()
        ),
        frame=_digest({"around": around, "rules": [(rule.name, rule.identity) for rule in rules]}),
    )


def _rule(index: int, rule: Mapping[str, Any], namespace: str) -> RuleView:
    backends = rule.get("backendRefs") or ()
    return RuleView(
        index=index,
        name=rule.get("name") or "",
        backends=tuple(
            Backend(place, backend["name"], backend.get("weight", DEFAULT_WEIGHT))
            for place, backend in enumerate(backends)
            if (backend.get("group") or "", backend.get("kind") or "Service") == ("", "Service")
            and (backend.get("namespace") or namespace) == namespace
        ),
        count=len(backends),
        identity=_identity_of(rule),
    )


def _identity_of(rule: Mapping[str, Any]) -> str:
    backends = [
        {key: value for key, value in backend.items() if key != "weight"} for backend in rule.get("backendRefs") or ()
    ]
    return _digest({**rule, "backendRefs": backends})


def _digest(content: object) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def route_of(view: RouteView, ref: TargetRef) -> Route:
    """The route as seen by one target."""
    pairs: list[RulePair] = []
    places: dict[str, Places] = {}
    missing = [name for name in ref.rules if name not in {rule.label for rule in view.rules}]
    for rule in view.rules:
        if ref.rules and rule.label not in ref.rules:
            continue
        baseline = [backend for backend in rule.backends if backend.service == ref.baseline]
        candidate = [backend for backend in rule.backends if backend.service == ref.candidate]
        if len(baseline) == len(candidate) == 1:
            alone = rule.count == 2
            pairs.append(RulePair(rule.label, baseline[0].weight, candidate[0].weight, alone, rule.identity))
            places[rule.label] = Places(_place(rule, baseline[0]), _place(rule, candidate[0]))
        elif ref.rules:
            missing.append(rule.label)
        elif baseline and candidate:
            # Which of two like-named backends (on two ports, say) would carry the split cannot be known.
            missing.append(f"{rule.label}: names a Service twice")
    return Route(
        ref=ref,
        uid=view.uid,
        generation=view.generation,
        pairs=tuple(pairs),
        acceptance=view.acceptance,
        acceptance_message=view.acceptance_message,
        missing_rules=tuple(missing),
        reverted_by_us=view.reverted_by_us,
        handle=Handle(places, view.frame),
    )


def _place(rule: RuleView, backend: Backend) -> str:
    return f"/spec/rules/{rule.index}/backendRefs/{backend.index}"


def _acceptance(raw: Mapping[str, Any], generation: int) -> tuple[Acceptance, str]:
    """What the gateways say together: one refusal is a refusal, one that lags makes it pending."""
    found = Acceptance.UNREPORTED
    waiting = ""
    for parent in _current_parents(raw):
        acceptance, message = _of_parent(parent, generation)
        if acceptance is Acceptance.REFUSED:
            return acceptance, message
        if acceptance is Acceptance.PENDING:
            found, waiting = acceptance, message
        elif found is Acceptance.UNREPORTED:
            found = acceptance
    return found, waiting


def _of_parent(parent: Mapping[str, Any], generation: int) -> tuple[Acceptance, str]:
    said = {condition.get("type"): condition for condition in parent.get("conditions") or ()}
    who = f"gateway {(parent.get('parentRef') or {}).get('name', '?')}"
    waiting = ""
    for kind in CONDITIONS:
        condition = said.get(kind)
        # Some controllers leave observedGeneration out: then what they say counts as said of what is there.
        if condition is None or condition.get("observedGeneration", generation) < generation:
            waiting = f"{who} has not yet said {kind} of this generation"
        elif condition.get("status") == "False":
            return Acceptance.REFUSED, f"{who}: {kind} is False: {condition.get('message') or condition.get('reason')}"
        elif condition.get("status") != "True":
            waiting = f"{who}: {kind} is {condition.get('status')}"
    return (Acceptance.PENDING, waiting) if waiting else (Acceptance.ACCEPTED, "")


def _current_parents(raw: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    """What is reported for the gateways the route names now; controllers may leave reports on former ones behind."""
    namespace = raw["metadata"]["namespace"]
    wanted = {_identity(ref, namespace) for ref in (raw.get("spec") or {}).get("parentRefs") or ()}
    for parent in (raw.get("status") or {}).get("parents") or ():
        if _identity(parent.get("parentRef") or {}, namespace) in wanted:
            yield parent


def _identity(ref: Mapping[str, Any], namespace: str) -> tuple[object, ...]:
    return (
        ref.get("group", "gateway.networking.k8s.io"),
        ref.get("kind", "Gateway"),
        ref.get("namespace") or namespace,
        ref.get("name"),
        ref.get("sectionName"),
        ref.get("port"),
    )
