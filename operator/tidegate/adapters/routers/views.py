"""What is kept of a route, and how a target's pairs are found in it: the same for every router. Pure: no calls."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tidegate.adapters.routers.places import Place
from tidegate.core.model.rule_names import not_named, renamed_rules, renamed_to, twins
from tidegate.core.model.world import MOST, NO_MIRRORS, Acceptance, Route, RulePair, TargetRef

GENERATION: Final = "/metadata/generation"
ANY: Final = "*"
"""The name of a backend that is whatever the other one is not."""
MOST_TOLD: Final = 3
"""Rules that a message on missing backends tells of."""


@dataclass(frozen=True, slots=True)
class Backend:
    """A backend that may be one of a pair."""

    names: tuple[str, ...]
    """What a target may call it: `NAME` or `NAME#SUBSET`."""
    weight: int
    place: Place


@dataclass(frozen=True, slots=True)
class MirrorView:
    """An entry of a rule that copies requests to a backend."""

    names: tuple[str, ...]
    """What a target may call the backend."""
    percent: int
    """Of the requests, rounded up."""
    entries: str
    """JSON pointer of the list that it stands in."""
    index: int
    """Its place in the list."""
    length: int
    """Of the list."""
    entry: Mapping[str, Any]
    """As read: a write is tested on it."""

    @property
    def pointer(self) -> str:
        """JSON pointer of the entry."""
        return f"{self.entries}/{self.index}"


@dataclass(frozen=True, slots=True)
class RuleView:
    """One rule: the backends that may be one of a pair, and how many it has in all."""

    label: str
    """How status and messages name it: its name, or `#` and its position."""
    backends: tuple[Backend, ...]
    count: int
    identity: str
    """Digest of the rule without its weights."""
    elsewhere: tuple[tuple[str, str], ...] = ()
    """Its backends that are Services of other namespaces: namespace and name."""
    fixed: int | None = None
    """As `RulePair.fixed`."""
    most: int = MOST
    """As `RulePair.most`."""
    unreadable: str = ""
    """Why its weights cannot be read; empty when they can."""
    sticky: str = ""
    """The field by which sessions stay with their backend even at weight 0; empty where there is none."""
    mirrors: tuple[MirrorView, ...] = ()
    """Its entries that copy requests to a backend."""
    cannot_mirror: str = NO_MIRRORS
    """As `RulePair.cannot_mirror`."""


@dataclass(frozen=True, slots=True)
class RouteView:
    """A route, reduced to what decisions and tested writes need."""

    uid: str
    generation: int
    """Moves with every change of the weights: the object's, or where it does not move with them the time of the last write."""
    rules: tuple[RuleView, ...]
    acceptance: Acceptance
    acceptance_message: str
    settle: float
    """As `Route.settle`."""
    reverted_by_us: bool
    frame: str
    """Digest of all that is not a weight."""
    moved: tuple[tuple[str, object], ...] | None = field(compare=False, default=None)
    """JSON pointers, and what must still stand there when weights are written; `None` where that is the generation."""

    @property
    def tests(self) -> tuple[tuple[str, object], ...]:
        """What a write is tested on."""
        moved = ((GENERATION, self.generation),) if self.moved is None else self.moved
        return (("/metadata/uid", self.uid), *moved)


@dataclass(frozen=True, slots=True)
class Handle:
    """The router's note on a route: where the pairs stand, and what they stand in."""

    places: Mapping[str, tuple[Place, Place]]
    """The baseline's and the candidate's, by rule."""
    frame: str
    """As `RouteView.frame`."""
    mirrors: Mapping[str, tuple[MirrorView, ...]]
    """The entries that mirror to the candidate, by rule; rules without one are not in it."""
    tests: tuple[tuple[str, object], ...]
    """As `RouteView.tests`."""


def digest(content: object) -> str:
    """A short digest of JSON."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def route_of(view: RouteView, ref: TargetRef) -> Route:
    """The route as seen by one target."""
    pairs: list[RulePair] = []
    places: dict[str, tuple[Place, Place]] = {}
    mirrors: dict[str, tuple[MirrorView, ...]] = {}
    strays: dict[str, int] = {}
    renamed = _renamed(view, ref)
    missing = [name for name in ref.rules if name not in {rule.label for rule in view.rules}]
    because: list[str] = []
    unnamed = [renamed_to(*one) for one in renamed.items()]
    sticky: list[str] = []
    for rule in view.rules:
        if ref.rules and rule.label not in ref.rules and rule.label not in renamed:
            unnamed += _unnamed(rule, ref)
            continue
        because += _instead(rule, ref)
        baseline, candidate = (_named(rule, name) for name in (ref.baseline, ref.candidate))
        copied = tuple(one for one in rule.mirrors if ref.candidate in one.names)
        if copied:
            mirrors[rule.label] = copied
            strays[rule.label] = _copied(copied)
        if len(baseline) == len(candidate) == 1 and baseline != candidate:
            strays.pop(rule.label, None)
            pairs.append(_pair(rule, baseline[0], candidate[0], copied))
            sticky += [f"rule {rule.label} has {rule.sticky}"] if rule.sticky else []
            places[rule.label] = baseline[0].place, candidate[0].place
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
        missing_because="; ".join((unnamed + because)[:MOST_TOLD]) if missing or not pairs else "",
        renamed=renamed,
        twins=twins(ref, ((rule.label, rule.identity) for rule in view.rules)),
        strays=strays,
        settle=view.settle,
        sticky="; ".join(sticky[:MOST_TOLD]),
        reverted_by_us=view.reverted_by_us,
        handle=Handle(places, view.frame, mirrors, view.tests),
    )


def unreadable(view: RouteView, ref: TargetRef) -> str:
    """Why the weights of a rule that has both backends cannot be read; empty when all can."""
    renamed = _renamed(view, ref)
    for rule in view.rules:
        concerned = (
            {rule.label, renamed.get(rule.label)} & {*ref.rules}
            if ref.rules
            else _named(rule, ref.baseline) and _named(rule, ref.candidate)
        )
        if rule.unreadable and concerned:
            return f"rule {rule.label}: {rule.unreadable}"
    return ""


def _renamed(view: RouteView, ref: TargetRef) -> dict[str, str]:
    return renamed_rules(ref, ((rule.label, rule.identity) for rule in view.rules)) if ref.known else {}


def _named(rule: RuleView, name: str) -> list[Backend]:
    """The backends of this name; without one, what is whatever the other is not."""
    exact = [backend for backend in rule.backends if name in backend.names]
    return exact or [backend for backend in rule.backends if ANY in backend.names]


def _copied(mirrors: Iterable[MirrorView]) -> int:
    return min(sum(one.percent for one in mirrors), 100)


def _pair(rule: RuleView, baseline: Backend, candidate: Backend, mirrors: Iterable[MirrorView]) -> RulePair:
    return RulePair(
        rule=rule.label,
        baseline=baseline.weight,
        candidate=candidate.weight,
        alone=rule.count == 2,
        identity=rule.identity,
        fixed=rule.fixed,
        most=rule.most,
        mirror=_copied(mirrors),
        cannot_mirror=rule.cannot_mirror,
    )


def _unnamed(rule: RuleView, ref: TargetRef) -> Iterable[str]:
    """That a rule which the Rollout does not name gives the candidate traffic: a named one that is missing may have been renamed."""
    weight = max((one.weight for one in rule.backends if ref.candidate in one.names), default=0)
    mirror = _copied(one for one in rule.mirrors if ref.candidate in one.names)
    if weight or mirror:
        yield not_named(rule.label, ref.candidate, weight, mirror)


def _instead(rule: RuleView, ref: TargetRef) -> Iterable[str]:
    """What a rule has instead of one backend of each name."""
    for name in (ref.baseline, ref.candidate):
        own = sum(name in backend.names for backend in rule.backends)
        others = sorted({namespace for namespace, service in rule.elsewhere if service == name})
        if own > 1:
            yield f"rule {rule.label} has {own} backends {name}, and which of them has the weight is ambiguous"
        elif not own and others:
            yield f"rule {rule.label} has {name} of namespace {', '.join(others)}, not of {ref.namespace}"
