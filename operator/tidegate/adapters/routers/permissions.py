"""What the operator must be allowed to do for the routers in use: rules of a Role or ClusterRole, made from the rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple, Protocol, TypedDict

VERBS: Final = ("get", "list", "watch", "patch")
"""What is done with an object that holds weights."""


class Grant(NamedTuple):
    """What one kind of object needs."""

    group: str
    resource: str
    """Its plural."""
    verbs: tuple[str, ...] = VERBS


class Granted(Protocol):
    """A row of the registry, as far as permissions are concerned."""

    @property
    def grants(self) -> tuple[Grant, ...]:
        """What it needs."""
        ...


class PolicyRule(TypedDict):
    """A rule as Kubernetes has it."""

    apiGroups: list[str]
    resources: list[str]
    verbs: list[str]


def rules_for(rows: Iterable[Granted]) -> list[PolicyRule]:
    """The rules for these routers, one for each API group and set of verbs, in their order.

    Args:
        rows: from `enabled`, such as `enabled(["HTTPRoute", "VirtualService"])`.
    """
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for grant in (grant for row in rows for grant in row.grants):
        resources = groups.setdefault((grant.group, grant.verbs), [])
        resources += [] if grant.resource in resources else [grant.resource]
    return [
        PolicyRule(apiGroups=[group], resources=found, verbs=list(verbs)) for (group, verbs), found in groups.items()
    ]
