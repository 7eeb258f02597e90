"""What is kept of a Gateway API route, and how a target's pairs are found in it. Pure: no calls."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tidegate.core.model.world import Acceptance, Route, RulePair, TargetRef
from tidegate.ports.protocols import Manager

CONDITIONS: Final = ("Accepted", "ResolvedRefs")
"""What each gateway must say of a route before it counts as taken."""
PARTLY: Final = "PartiallyInvalid"
"""What a gateway says of an accepted route of which it dropped rules, or of which an older state goes on (gateway-api,
RouteConditionPartiallyInvalid): whether the weights act cannot be known."""
MOST_TOLD: Final = 3
"""Rules that a message on missing backends tells of."""


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
    elsewhere: tuple[tuple[str, str], ...] = ()
    """Its backends that are Services of other namespaces: namespace and name."""

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


def route_view(raw: Mapping[str, Any], *, absent_weight: int) -> RouteView:
    """The projection of a route.

    Args:
        raw: the object.
        absent_weight: what a backend without a weight has.
    """
    metadata, spec = raw["metadata"], raw.get("spec") or {}
    acceptance, message = _acceptance(raw, metadata["generation"])
    rules = tuple(
        _rule(index, rule, metadata["namespace"], absent_weight) for index, rule in enumerate(spec.get("rules") or ())
    )
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


def _rule(index: int, rule: Mapping[str, Any], namespace: str, absent_weight: int) -> RuleView:
    backends = rule.get("backendRefs") or ()
    services = [
        (place, backend, backend.get("namespace") or namespace)
        for place, backend in enumerate(backends)
        if (backend.get("group") or "", backend.get("kind") or "Service") == ("", "Service")
    ]
    return RuleView(
        index=index,
        name=rule.get("name") or "",
        backends=tuple(
            Backend(place, backend["name"], backend.get("weight", absent_weight))
            for place, backend, where in services
            if where == namespace
        ),
        count=len(backends),
        identity=_identity_of(rule),
        elsewhere=tuple((where, backend["name"]) for _, backend, where in services if where != namespace),
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
    because: list[str] = []
    for rule in view.rules:
        if ref.rules and rule.label not in ref.rules:
            continue
        because += _instead(rule, ref)
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
            missing.append(rule.label)
    return Route(
        ref=ref,
        uid=view.uid,
        generation=view.generation,
        pairs=tuple(pairs),
        acceptance=view.acceptance,
        acceptance_message=view.acceptance_message,
        missing_rules=tuple(missing),
        missing_because="; ".join(because[:MOST_TOLD]) if missing or not pairs else "",
        reverted_by_us=view.reverted_by_us,
        handle=Handle(places, view.frame),
    )


def _instead(rule: RuleView, ref: TargetRef) -> Iterable[str]:
    """What a rule has instead of one backend of each name."""
    for name in (ref.baseline, ref.candidate):
        own = sum(backend.service == name for backend in rule.backends)
        others = sorted({namespace for namespace, service in rule.elsewhere if service == name})
        if own > 1:
            yield f"rule {rule.label} has {own} backends {name}, and which one carries the split cannot be known"
        elif not own and others:
            yield f"rule {rule.label} has {name} of namespace {', '.join(others)}, not of {ref.namespace}"


def _place(rule: RuleView, backend: Backend) -> str:
    return f"/spec/rules/{rule.index}/backendRefs/{backend.index}"


def _acceptance(raw: Mapping[str, Any], generation: int) -> tuple[Acceptance, str]:
    """What the gateways say together: one refusal is a refusal, one that lags makes it pending.

    On one gateway several controllers may report: the one that took the route is believed. What does not say `Accepted` is
    no gateway's report, but a policy controller's, say.
    """
    reports: dict[tuple[object, ...], list[tuple[Acceptance, str]]] = {}
    for identity, report in _current_parents(raw):
        if any(condition.get("type") == CONDITIONS[0] for condition in report.get("conditions") or ()):
            reports.setdefault(identity, []).append(_of_report(report, generation))
    said = [min(of_one, key=lambda one: _BEST_FIRST.index(one[0])) for of_one in reports.values()]
    return max(said, key=lambda one: _BEST_FIRST.index(one[0])) if said else (Acceptance.UNREPORTED, "")


_BEST_FIRST: Final = (Acceptance.ACCEPTED, Acceptance.PENDING, Acceptance.REFUSED)


def _of_report(report: Mapping[str, Any], generation: int) -> tuple[Acceptance, str]:
    """What one controller says of one gateway."""
    said = {condition.get("type"): condition for condition in report.get("conditions") or ()}
    who = f"gateway {(report.get('parentRef') or {}).get('name', '?')} ({report.get('controllerName') or 'unnamed'})"
    waiting = ""
    for kind in CONDITIONS:
        condition = said.get(kind)
        # Some controllers leave observedGeneration out: then what they say counts as said of what is there.
        if condition is None or condition.get("observedGeneration", generation) < generation:
            waiting = waiting or f"{who} has not yet said {kind} of this generation"
        elif condition.get("status") == "False":
            return Acceptance.REFUSED, f"{who}: {kind} is False: {_words(condition)}"
        elif condition.get("status") != "True":
            waiting = waiting or f"{who}: {kind} is {condition.get('status')}"
    partly = said.get(PARTLY) or {}
    if partly.get("status") == "True" and partly.get("observedGeneration", generation) >= generation:
        return Acceptance.REFUSED, f"{who}: {PARTLY} is True: {_words(partly)}"
    return (Acceptance.PENDING, waiting) if waiting else (Acceptance.ACCEPTED, "")


def _words(condition: Mapping[str, Any]) -> str:
    return str(condition.get("message") or condition.get("reason") or "without a reason")


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
