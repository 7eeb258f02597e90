"""Claims: a Deployment, or a pair of backends of a route, belongs to one Rollout.

What *another* Rollout claims is read leniently: whatever of it cannot be read claims nothing, and is never in anybody's way.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from tidegate.api.rollout.traffic import RouteKind
from tidegate.core.model.world import RolloutObject


@dataclass(frozen=True, slots=True)
class Claim:
    """What one Rollout holds."""

    name: str
    uid: str
    active: bool
    """It has a run under way."""
    created: float
    """Epoch seconds."""
    things: frozenset[str]
    """Such as `Deployment/checkout` and `HTTPRoute/checkout: checkout, checkout-canary`."""


class ReadClaim(NamedTuple):
    """A claim as read from an object that may be broken."""

    claim: Claim
    unreadable: tuple[str, ...]
    """Field paths that could not be read: what they may claim is not in the claim."""


def stronger(mine: Claim, others: Iterable[Claim]) -> tuple[Claim, str] | None:
    """The Rollout that holds something of ours by a better right, and that thing: an active run wins, then the older."""
    for other in others:
        shared = sorted(mine.things & other.things)
        if shared and (not other.active, other.created, other.uid) < (not mine.active, mine.created, mine.uid):
            return other, shared[0]
    return None


def deployment(name: str) -> str:
    """How a claim names a Deployment."""
    return f"Deployment/{name}"


def pair(kind: str, name: str, baseline: str, candidate: str) -> str:
    """How a claim names a pair of backends (two Services) of a route; a Service whose pods are the weight belongs to one whole."""
    return f"{kind}/{name}" if kind == RouteKind.REPLICA_RATIO else f"{kind}/{name}: {baseline}, {candidate}"


def claim_of_raw(rollout: RolloutObject) -> ReadClaim:
    """What a Rollout claims: by its spec, and in a run by what its status remembers (targets, and the run's own spec).

    Nothing of it need be valid: what cannot be read is named and skipped.
    """
    unreadable: list[str] = []
    things = _of_spec(rollout.spec, "spec", unreadable)
    run = rollout.status.get("run")
    if run:
        things |= _of_targets(rollout.status.get("targets"), unreadable)
        things |= _of_spec(_run_spec(run, unreadable), "status.run.spec", unreadable)
    claim = Claim(rollout.name, rollout.uid, bool(run), rollout.created, frozenset(things))
    return ReadClaim(claim, tuple(unreadable))


def run_id(status: Mapping[str, Any]) -> str | None:
    """The id of the run that a stored status tells of; `None` without one, and where it cannot be read."""
    run = status.get("run")
    found = run.get("id") if isinstance(run, Mapping) else None
    return found if isinstance(found, str) else None


def _run_spec(run: object, unreadable: list[str]) -> object:
    """The run's own spec, or something that is none."""
    if not isinstance(run, Mapping):
        unreadable.append("status.run")
        return {}
    text = run.get("spec") or "{}"
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return text


def _of_spec(spec: object, path: str, unreadable: list[str]) -> set[str]:
    if not isinstance(spec, Mapping):
        unreadable.append(path)
        return set()
    arms = [_member(spec, arm, path, unreadable) for arm in ("baseline", "candidate")]
    things = {deployment(name) for arm in arms if isinstance(name := arm.get("deployment"), str)}
    services = [arm.get("service") for arm in arms]
    traffic = spec.get("traffic") or ()
    if not isinstance(traffic, (list, tuple)):
        unreadable.append(f"{path}.traffic")
        return things
    for index, target in enumerate(traffic):
        named = _named(target, services) if isinstance(target, Mapping) else ()
        things |= _pair(named, f"{path}.traffic[{index}]", unreadable)
    return things


def _named(target: Mapping[str, Any], services: list[Any]) -> tuple[Any, ...]:
    """Router, name and both backends of a traffic entry, as `TrafficTarget.router` and `.named` give them."""
    if isinstance(custom := target.get("custom"), Mapping):
        router = f"{custom.get('kind')}.{custom.get('group')}"
        return router, target.get("name"), custom.get("baseline"), custom.get("candidate")
    backends = target.get("backends")
    arms = [backends.get(arm) if isinstance(backends, Mapping) else None for arm in ("baseline", "candidate")]
    return (target.get("kind"), target.get("name"), *map(_backend, arms, services))


def _backend(backend: object, service: object) -> object:
    if not isinstance(backend, Mapping):
        return service
    name, subset = backend.get("name") or service, backend.get("subset")
    return f"{name}#{subset}" if subset else name


def _of_targets(targets: object, unreadable: list[str]) -> set[str]:
    if not isinstance(targets, (list, tuple, type(None))):
        unreadable.append("status.targets")
        return set()
    things: set[str] = set()
    for index, target in enumerate(targets or ()):
        fields = ("kind", "name", "baseline", "candidate")
        named = tuple(target.get(field) for field in fields) if isinstance(target, Mapping) else ()
        things |= _pair(named, f"status.targets[{index}]", unreadable)
    return things


def _pair(named: tuple[Any, ...], path: str, unreadable: list[str]) -> set[str]:
    if named and all(isinstance(word, str) for word in named):
        return {pair(*named)}
    unreadable.append(path)
    return set()


def _member(spec: Mapping[str, Any], name: str, path: str, unreadable: list[str]) -> Mapping[str, Any]:
    found = spec.get(name) or {}
    if isinstance(found, Mapping):
        return found
    unreadable.append(f"{path}.{name}")
    return {}
