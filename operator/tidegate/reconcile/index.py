"""Which Rollouts look at which object: so that an event wakes those it concerns and nobody else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TypeAlias

Key: TypeAlias = tuple[str, str]
"""Namespace and name of a Rollout."""


class Index:
    """From objects to the Rollouts that look at them."""

    def __init__(self) -> None:
        self._looks_at: dict[Key, frozenset[tuple[str, str]]] = {}
        self._watchers: defaultdict[tuple[str, str, str], set[Key]] = defaultdict(set)

    def put(self, rollout: Key, things: Iterable[tuple[str, ...]]) -> None:
        """Records that `rollout` looks at `things` (kind, name), and at nothing else."""
        wanted = frozenset((kind, name) for kind, name in things)
        before = self._looks_at.get(rollout, frozenset())
        if wanted == before:
            return
        namespace = rollout[0]
        for kind, name in before - wanted:
            self._watchers[kind, namespace, name].discard(rollout)
            if not self._watchers[kind, namespace, name]:
                del self._watchers[kind, namespace, name]
        for kind, name in wanted - before:
            self._watchers[kind, namespace, name].add(rollout)
        if wanted:
            self._looks_at[rollout] = wanted
        else:
            self._looks_at.pop(rollout, None)

    def watchers(self, kind: str, namespace: str, name: str) -> tuple[Key, ...]:
        """The Rollouts that look at an object."""
        return tuple(self._watchers.get((kind, namespace, name), ()))
