"""Which Rollouts look at which object: so that an event wakes those it concerns and nobody else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final, TypeAlias

Key: TypeAlias = tuple[str, str]
"""Namespace and name of a Rollout."""


CLUSTER_SCOPED: Final = frozenset({"ClusterMetricTemplate"})
"""Kinds whose objects are in no namespace: it is empty for them."""


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
        for kind, name in before - wanted:
            thing = _placed(kind, rollout[0], name)
            self._watchers[thing].discard(rollout)
            if not self._watchers[thing]:
                del self._watchers[thing]
        for kind, name in wanted - before:
            self._watchers[_placed(kind, rollout[0], name)].add(rollout)
        if wanted:
            self._looks_at[rollout] = wanted
        else:
            self._looks_at.pop(rollout, None)

    def watchers(self, kind: str, namespace: str, name: str) -> tuple[Key, ...]:
        """The Rollouts that look at an object; `namespace` is empty for one in none."""
        return tuple(self._watchers.get((kind, namespace, name), ()))


def _placed(kind: str, namespace: str, name: str) -> tuple[str, str, str]:
    return kind, "" if kind in CLUSTER_SCOPED else namespace, name
