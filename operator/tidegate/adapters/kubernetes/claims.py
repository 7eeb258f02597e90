"""Which Rollouts claim a thing: an index kept beside the cache of Rollouts, object by object.

Taking in an object costs what that object claims; a look-up costs what it finds, however many Rollouts there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable
from typing import Any, Final, NamedTuple, TypeAlias

import structlog

from tidegate.adapters.kubernetes.cache import Cache, Key
from tidegate.core.model.claims import Claim, claim_of_raw
from tidegate.core.model.world import RolloutObject

TARGET_FIELDS: Final = ("kind", "name", "baseline", "candidate")

Broken: TypeAlias = Callable[[str], None]
"""Told the kind of an object of which something could not be read."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def _nobody(kind: str) -> None:
    """Who is told when nobody counts."""


class _Kept(NamedTuple):
    source: Hashable
    """What the claim was read from: as long as it stays, so does the claim."""
    claim: Claim


class ClaimIndex:
    """From things to the Rollouts that claim them."""

    def __init__(self, broken: Broken) -> None:
        self._broken = broken
        self._kept: dict[Key, _Kept] = {}
        self._claimants: defaultdict[tuple[str, str], set[Key]] = defaultdict(set)

    def put(self, key: Key, rollout: RolloutObject) -> None:
        """Takes in a Rollout; a write of its status that changes nothing it claims costs a comparison."""
        source = _source(rollout)
        before = self._kept.get(key)
        if before is not None and before.source == source:
            return
        claim, unreadable = claim_of_raw(rollout)
        if unreadable:
            self._broken("Rollout")
            _log.warning(
                "part of a Rollout cannot be read: its claims in it are ignored",
                namespace=rollout.namespace,
                rollout=rollout.name,
                uid=rollout.uid,
                fields=list(unreadable),
            )
        self._index(key, before.claim.things if before is not None else frozenset(), claim.things)
        self._kept[key] = _Kept(source, claim)

    def drop(self, key: Key) -> None:
        """The Rollout is gone."""
        before = self._kept.pop(key, None)
        if before is not None:
            self._index(key, before.claim.things, frozenset())

    def of(self, namespace: str, uid: str, things: frozenset[str]) -> list[Claim]:
        """The claims of the namespace's Rollouts, but for the one with `uid`, that share one of `things`."""
        keys = sorted({key for thing in things for key in self._claimants.get((namespace, thing), ())})
        return [claim for key in keys if (claim := self._kept[key].claim).uid != uid]

    def _index(self, key: Key, before: frozenset[str], now: frozenset[str]) -> None:
        for thing in before - now:
            claimants = self._claimants[key[0], thing]
            claimants.discard(key)
            if not claimants:
                del self._claimants[key[0], thing]
        for thing in now - before:
            self._claimants[key[0], thing].add(key)


class RolloutCache(Cache[RolloutObject]):
    """The cache of Rollouts, with the index of what they claim."""

    def __init__(self, essence: Callable[[RolloutObject], object], broken: Broken = _nobody) -> None:
        super().__init__(essence)
        self.claims = ClaimIndex(broken)

    def put(self, key: Key, resource_version: str, view: RolloutObject, *, watched: bool) -> bool:
        """As `Cache.put`."""
        news = super().put(key, resource_version, view, watched=watched)
        known = self.last(key)
        if known is not None:
            self.claims.put(key, known)
        return news

    def drop(self, key: Key, resource_version: str = "") -> bool:
        """As `Cache.drop`."""
        news = super().drop(key, resource_version)
        if self.last(key) is None:
            self.claims.drop(key)
        return news


def _source(rollout: RolloutObject) -> Hashable:
    """What a claim is read from. The texts themselves are not kept: a run's spec is thousands of characters."""
    run: Any = rollout.status.get("run")
    if not isinstance(run, dict):
        return rollout.uid, rollout.generation, bool(run)
    targets = rollout.status.get("targets")
    return rollout.uid, rollout.generation, str(run.get("id")), hash(str(run.get("spec"))), hash(_named(targets))


def _named(targets: Any) -> Hashable:  # noqa: ANN401  (JSON)
    if not isinstance(targets, list) or not all(isinstance(target, dict) for target in targets):
        return str(targets)
    return tuple(tuple(str(target.get(field)) for field in TARGET_FIELDS) for target in targets)
