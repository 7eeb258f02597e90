"""What the operator must be allowed to do for the routers in use: rules of a Role or ClusterRole, made from the rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypedDict

from tidegate.adapters.routers.row import Router

VERBS: Final = ("get", "list", "watch", "patch")


class PolicyRule(TypedDict):
    """A rule as Kubernetes has it."""

    apiGroups: list[str]
    resources: list[str]
    verbs: list[str]


def rules_for(rows: Iterable[Router]) -> list[PolicyRule]:
    """The rules for these routers, one for each API group, in their order.

    Args:
        rows: from `enabled`, such as `enabled(["HTTPRoute", "VirtualService"])`.
    """
    groups: dict[str, list[str]] = {}
    for row in rows:
        resources = groups.setdefault(row.resource.group, [])
        resources += [] if row.resource.plural in resources else [row.resource.plural]
    return [PolicyRule(apiGroups=[group], resources=found, verbs=list(VERBS)) for group, found in groups.items()]
